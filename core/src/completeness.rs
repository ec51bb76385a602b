//! Wireshark's `tcp.completeness` of one connection, as two passes (`tshark -2`) give it.
//!
//! The rule is `packet-tcp.c`'s, read off tshark 4.0.17 itself (`tests/judge`). What surprises:
//!
//! - The first segment of a stream counts only if it is a bare SYN. Any other first segment is
//!   counted in the second pass alone, and shown from the second segment on; a stream of one such
//!   segment stays at 0.
//! - ACK is not the handshake's: any segment with ACK and without SYN and payload counts, so a FIN
//!   or RST that acks counts too. DATA likewise needs ACK and no SYN, except in a first SYN.
//! - FIN counts only together with ACK.

use crate::segment::{Segment, flag};

/// Bits of `tcp.completeness`.
mod bit {
    pub const SYN: u8 = 1;
    pub const SYN_ACK: u8 = 2;
    pub const ACK: u8 = 4;
    pub const DATA: u8 = 8;
    pub const FIN: u8 = 16;
    pub const RST: u8 = 32;
    /// Not Wireshark's: the stream has a first segment.
    pub const STARTED: u8 = 64;
    /// Not Wireshark's: the stream has a second segment.
    pub const FOLLOWED: u8 = 128;
}

/// Which steps of a connection were seen: three bytes of state for Wireshark's six bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// What the first pass adds up, with `STARTED` and `FOLLOWED`.
    seen: u8,
    /// What the first segment adds in the second pass.
    first: u8,
}

impl Completeness {
    /// Counts a segment of the connection, whichever end sent it.
    #[inline]
    pub fn segment(&mut self, seg: &Segment) {
        let steps = steps(seg);
        if self.seen & bit::STARTED != 0 {
            self.seen |= steps | bit::FOLLOWED;
        } else {
            self.first = steps;
            self.seen = bit::STARTED | first_steps(seg);
        }
    }

    /// Counts a segment with ACK and without SYN, FIN and RST of a stream that is known already.
    #[inline]
    pub fn ordinary(&mut self, payload: bool) {
        self.seen |= bit::FOLLOWED | if payload { bit::DATA } else { bit::ACK };
    }

    /// Wireshark's number.
    #[inline]
    #[must_use]
    pub fn value(&self) -> u8 {
        let seen = self.seen & !(bit::STARTED | bit::FOLLOWED);
        if self.seen & bit::FOLLOWED != 0 {
            seen | self.first
        } else {
            seen
        }
    }
}

/// What a segment adds to a stream that is known already.
#[inline]
fn steps(seg: &Segment) -> u8 {
    let mut steps = 0;
    match seg.flags & (flag::SYN | flag::ACK) {
        flag::ACK if seg.payload > 0 => steps |= bit::DATA,
        flag::ACK => steps |= bit::ACK,
        flag::SYN | 0 => {}
        _ => steps |= bit::SYN_ACK,
    }
    if seg.has(flag::FIN | flag::ACK) {
        steps |= bit::FIN;
    }
    if seg.has(flag::RST) {
        steps |= bit::RST;
    }
    steps
}

/// What a segment adds to the stream that it begins.
fn first_steps(seg: &Segment) -> u8 {
    if seg.flags & (flag::SYN | flag::ACK) != flag::SYN {
        0
    } else if seg.payload > 0 {
        bit::SYN | bit::DATA
    } else {
        bit::SYN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Dir, FlowKey, NO_WSCALE};

    fn value(segments: &[(u16, u32)]) -> u8 {
        let mut completeness = Completeness::default();
        for &(flags, payload) in segments {
            completeness.segment(&Segment {
                number: 1,
                key: FlowKey::new(1, 2, 3, 4, 0).0,
                dir: Dir::Up,
                payload,
                flags,
                wscale: NO_WSCALE,
                ..Segment::default()
            });
        }
        completeness.value()
    }

    #[test]
    fn a_whole_connection_is_31() {
        let (s, a, f) = (flag::SYN, flag::ACK, flag::FIN);
        let all = [(s, 0), (s | a, 0), (a, 0), (a, 5), (f | a, 0), (f | a, 0)];
        assert_eq!(value(&all), 31);
        assert_eq!(value(&all[..1]), 1);
        assert_eq!(value(&all[..2]), 3);
    }

    #[test]
    fn a_first_segment_without_syn_needs_company_to_count() {
        assert_eq!(value(&[(flag::RST, 0)]), 0);
        assert_eq!(value(&[(flag::ACK, 5), (flag::RST, 0)]), 40);
    }
}
