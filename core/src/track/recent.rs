//! Copies: one packet captured at several places of a host (`any`, a bridge, a mirror port).
//!
//! A copy is told from a retransmission by the IP identification, which a sender changes when it
//! sends again, or, where there is none (IPv6; RFC 6864: 0 in atomic datagrams), by the place of capture.

use crate::prefetch::prefetch;
use crate::segment::{Segment, flag, mark};

/// Rows of slots; a power of two. One slot a segment, so copies up to some thousand segments apart are seen.
const ROWS: usize = 1 << 11;

/// Slots of a row: a cache line. With one alone, every segment between a packet and its copy may push it out: one
/// copy in a hundred was taken for a repeat when 80 segments lay between.
const WAYS: usize = 4;

/// Copies reach the capture within the time that a packet spends in one host or switch.
const COPY_WITHIN: i64 = 20_000_000;

/// Without an IP identification and at the same place: nothing resends within this time (TLP waits
/// at least 2 ms, RFC 8985 section 7.2; a fast retransmit needs a round trip).
const SAME_PLACE_WITHIN: i64 = 100_000;

/// 16 bytes, so that remembering touches one cache line.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The signature's upper 48 bits and the tap.
    signature: u64,
    /// Low bits of the frame number: copies are near.
    frame: u32,
    /// Time in units of 2^10 ns, wrapping after 73 minutes.
    ticks: u32,
}

/// Newest first.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Row([Slot; WAYS]);

/// About a microsecond: nanoseconds are shifted right by this.
const TICK_BITS: u32 = 10;

/// What was captured lately.
pub struct Recent {
    rows: Vec<Row>,
}

impl Default for Recent {
    fn default() -> Self {
        Recent {
            rows: vec![Row::default(); ROWS],
        }
    }
}

impl Recent {
    /// Asks for the row of a segment with this [`signature`].
    #[inline]
    pub fn prefetch(&self, signature: u64) {
        prefetch(&self.rows[signature as usize & (ROWS - 1)]);
    }

    /// If `seg` is a copy of a segment captured before: that one's frame.
    #[inline]
    pub fn copy_of(&self, seg: &Segment, signature: u64) -> Option<u64> {
        let row = &self.rows[signature as usize & (ROWS - 1)];
        let frame = seg.number as u32;
        let slot = row
            .0
            .iter()
            .find(|slot| (slot.signature ^ signature) >> 16 == 0 && slot.frame != frame)?;
        let tap = slot.signature as u16;
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
        let row = &mut self.rows[signature as usize & (ROWS - 1)].0;
        row.copy_within(..WAYS - 1, 1);
        row[0] = Slot {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Dir, FlowKey, NO_WSCALE};
    use crate::seq::Seq;

    fn segment(number: u64, seq: u32, tap: u16) -> Segment {
        Segment {
            number,
            key: FlowKey::new(1, 2, 3, 4, 0).0,
            dir: Dir::Up,
            seq: Seq(seq),
            payload: 1,
            flags: flag::ACK,
            wscale: NO_WSCALE,
            tap,
            ..Segment::default()
        }
    }

    /// A burst goes in at one interface before its first copy comes out at the other.
    #[test]
    fn no_copy_is_pushed_out_by_a_burst() {
        const BURST: u32 = 200;
        let mut recent = Recent::default();
        for n in 0..BURST {
            let seg = segment(u64::from(n) + 1, n, 1);
            recent.remember(&seg, signature(&seg, 7));
        }
        for n in 0..BURST {
            let copy = segment(u64::from(BURST + n) + 1, n, 2);
            let found = recent.copy_of(&copy, signature(&copy, 7));
            assert_eq!(found, Some(u64::from(n) + 1));
        }
    }
}
