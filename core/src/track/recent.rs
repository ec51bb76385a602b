//! Copies: one packet captured at several places of a host (`any`, a bridge, a mirror port).
//!
//! A copy is told from a retransmission by the IP identification, which a sender changes when it
//! sends again, or, where there is none (IPv6; RFC 6864: 0 in atomic datagrams), by the place of capture.

use crate::prefetch::prefetch;
use crate::segment::{Segment, flag, mark};

/// Slots; a power of two. One slot a segment, so copies up to about this many segments apart are seen.
const SLOTS: usize = 1 << 13;

/// Copies reach the capture within the time that a packet spends in one host or switch.
const COPY_WITHIN: i64 = 20_000_000;

/// Without an IP identification and at the same place: nothing resends within this time (TLP waits
/// at least 2 ms, RFC 8985 section 7.2; a fast retransmit needs a round trip).
const SAME_PLACE_WITHIN: i64 = 100_000;

/// 16 bytes, so that remembering costs one store of one cache line.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The signature's upper 48 bits and the tap.
    signature: u64,
    /// Low bits of the frame number: copies are near.
    frame: u32,
    /// Time in units of 2^10 ns, wrapping after 73 minutes.
    ticks: u32,
}

/// About a microsecond: nanoseconds are shifted right by this.
const TICK_BITS: u32 = 10;

/// What was captured lately.
pub struct Recent {
    slots: Vec<Slot>,
}

impl Default for Recent {
    fn default() -> Self {
        Recent {
            slots: vec![Slot::default(); SLOTS],
        }
    }
}

impl Recent {
    /// Asks for the slot of a segment with this [`signature`].
    #[inline]
    pub fn prefetch(&self, signature: u64) {
        prefetch(&self.slots[signature as usize & (SLOTS - 1)]);
    }

    /// If `seg` is a copy of a segment captured before: that one's frame.
    #[inline]
    pub fn copy_of(&self, seg: &Segment, signature: u64) -> Option<u64> {
        let slot = &self.slots[signature as usize & (SLOTS - 1)];
        let (frame, tap) = (seg.number as u32, slot.signature as u16);
        if (slot.signature ^ signature) >> 16 != 0 || slot.frame == frame {
            return None;
        }
        let apart =
            i64::from((ticks(seg.ts).wrapping_sub(slot.ticks) as i32).unsigned_abs()) << TICK_BITS;
        let told_apart = seg.ip_id != 0 && !seg.marked(mark::IPV6) || tap != seg.tap;
        let copy = if told_apart {
            apart < COPY_WITHIN
        } else {
            apart < SAME_PLACE_WITHIN
                && (seg.payload > 0 || seg.flags & (flag::SYN | flag::FIN) != 0)
        };
        copy.then(|| seg.number - u64::from(frame.wrapping_sub(slot.frame)))
    }

    /// Remembers `seg`.
    #[inline]
    pub fn remember(&mut self, seg: &Segment, signature: u64) {
        self.slots[signature as usize & (SLOTS - 1)] = Slot {
            signature: signature & !0xffff | u64::from(seg.tap),
            frame: seg.number as u32,
            ticks: ticks(seg.ts),
        };
    }
}

#[inline]
fn ticks(ts: i64) -> u32 {
    (ts >> TICK_BITS) as u32
}

/// All that stays the same in a copy and most of what changes otherwise. The TTL may differ: a
/// router's two sides see one packet.
#[inline]
pub fn signature(seg: &Segment, flow_hash: u64) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let numbers = u64::from(seg.seq.0) << 32 | u64::from(seg.ack.0);
    let header = u64::from(seg.flags) << 48 | u64::from(seg.window) << 32 | u64::from(seg.ts_val);
    let length = u64::from(seg.ip_id) << 32 | u64::from(seg.payload) | (seg.dir as u64) << 63;
    let other = header.rotate_left(17) ^ length.wrapping_mul(K) ^ flow_hash;
    let product = u128::from(numbers ^ K) * u128::from(other | 1);
    (product as u64) ^ (product >> 64) as u64
}
