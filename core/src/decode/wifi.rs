//! IEEE 802.11 and the headers that capture drivers put before it.

use super::link::{inner_link, linktype, llc};
use super::walk::{Layer, Step, Walk, be32};
use crate::skip::Skip;

/// What a driver says about the frame that follows.
#[derive(Clone, Copy, Default)]
struct Hints {
    /// The 802.11 header is padded to a multiple of 4 bytes.
    padded: bool,
}

/// An 802.11 frame without a driver's header.
pub(super) fn frame(w: &mut Walk, padded: bool) -> Step {
    mac(w, Hints { padded })
}

/// Radiotap (<https://www.radiotap.org>): a little-endian length, words of presence bits, fields.
pub(super) fn radiotap(w: &mut Walk) -> Step {
    /// Presence bits: TSFT (8 bytes, aligned to 8), flags (1 byte), and "another word follows".
    const TSFT: u32 = 1;
    const FLAGS: u32 = 2;
    const MORE: u32 = 1 << 31;
    /// Flag: padding between the 802.11 header and the payload.
    const PADDED: u8 = 0x20;
    const FCS_AT_END: u8 = 0x10;

    let rest = w.rest();
    let h: &[u8; 8] = w.peek(Skip::LinkCut)?;
    let len = usize::from(u16::from_le_bytes([h[2], h[3]]));
    if h[0] != 0 || len < h.len() {
        return Err(Skip::NotIp);
    }
    let header = rest.get(..len).ok_or(Skip::LinkCut)?;
    let word = |at: usize| header.get(at..at + 4).map(|b| be32(b, 0).swap_bytes());
    let present = word(4).unwrap_or(0);
    let mut at = 4;
    while word(at).is_some_and(|p| p & MORE != 0) {
        at += 4;
    }
    at += 4;
    if present & TSFT != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    let flags = header.get(at).copied().filter(|_| present & FLAGS != 0);
    let flags = flags.unwrap_or(0);
    w.skip(len);
    if flags & FCS_AT_END != 0 {
        w.end = w.end.saturating_sub(4).max(w.at);
    }
    frame(w, flags & PADDED != 0)
}

/// Prism or AVS: fixed headers of WLAN drivers, told apart by AVS's magic number.
pub(super) fn prism(w: &mut Walk) -> Step {
    const AVS: u32 = 0x8021_1000;
    const PRISM_LEN: usize = 144;
    let h: &[u8; 8] = w.peek(Skip::LinkCut)?;
    let len = if be32(h, 0) & 0xffff_f000 == AVS {
        be32(h, 4) as usize
    } else {
        PRISM_LEN
    };
    w.skip(len);
    frame(w, false)
}

/// Per-packet information: a little-endian length, then the link type of what follows.
pub(super) fn ppi(w: &mut Walk) -> Step {
    let h: &[u8; 8] = w.peek(Skip::LinkCut)?;
    let len = usize::from(u16::from_le_bytes([h[2], h[3]]));
    let dlt = u32::from_le_bytes([h[4], h[5], h[6], h[7]]);
    if len < h.len() {
        return Err(Skip::NotIp);
    }
    w.skip(len);
    if dlt == u32::from(linktype::IEEE802_11) {
        return frame(w, false);
    }
    inner_link(dlt)
}

/// The MAC header (IEEE 802.11-2020 section 9.2.4). Of an aggregate (A-MSDU) only the first
/// subframe is read: a frame gives one segment.
fn mac(w: &mut Walk, hints: Hints) -> Step {
    const DATA: u8 = 2;
    const QOS: u8 = 0x80;
    const NO_DATA: u8 = 0x40;
    const BOTH_DS: u8 = 0x03;
    const MORE_FRAGMENTS: u8 = 0x04;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;

    let h: &[u8; 24] = w.peek(Skip::LinkCut)?;
    let (control, flags) = (h[0], h[1]);
    if control >> 2 & 3 != DATA || control & NO_DATA != 0 {
        return Err(Skip::NotIp);
    }
    if flags & PROTECTED != 0 {
        return Err(Skip::Encrypted);
    }
    let fragment = u16::from_le_bytes([h[22], h[23]]) & 0x0f;
    if fragment != 0 || flags & MORE_FRAGMENTS != 0 {
        return Err(Skip::NotIp);
    }
    let mut len = h.len();
    if flags & BOTH_DS == BOTH_DS {
        len += 6;
    }
    let mut aggregate = false;
    if control & QOS != 0 {
        let qos = w.rest().get(len).copied().ok_or(Skip::LinkCut)?;
        aggregate = qos & AGGREGATE != 0;
        len += 2;
        if flags & ORDER != 0 {
            len += 4;
        }
    }
    if hints.padded {
        len = len.next_multiple_of(4);
    }
    w.skip(len);
    if aggregate {
        let sub: &[u8; 14] = w.take(Skip::LinkCut)?;
        w.shorten(usize::from(u16::from_be_bytes([sub[12], sub[13]])));
    }
    w.peek::<1>(Skip::LinkCut)?;
    llc(w).map(|layer: Layer| layer)
}
