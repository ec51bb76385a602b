//! The TCP header (RFC 9293 section 3.1) and its options.

use super::checksum;
use super::hints;
use super::walk::{Ip, be16, be32};
use crate::segment::{FlowKey, NO_WSCALE, Segment, flag, mark};
use crate::seq::Seq;
use crate::skip::Skip;

/// Header without options.
pub(super) const HEADER: usize = 20;

/// What the layers around a TCP header have found out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub ts: i64,
    pub number: u64,
    pub ip: Ip,
    pub scope: u32,
    pub tap: u16,
    pub marks: u16,
}

/// Reads the TCP header at the start of `bytes`, the captured part of an IP payload of `wire` bytes.
///
/// The segment is written once into its last place. Returned by value it would be copied, and a copy
/// waits for the stores of what it copies: that took as long as all the rest of decoding.
#[inline(always)]
pub(super) fn segment(c: &Context, bytes: &[u8], wire: usize, s: &mut Segment) -> Result<(), Skip> {
    let Some(h) = bytes.first_chunk::<HEADER>() else {
        return Err(short(wire));
    };
    let header_len = usize::from(h[12] >> 4) * 4;
    if header_len < HEADER || header_len > wire {
        return Err(Skip::TcpBad);
    }
    let usual = usual_options(bytes, header_len);
    let (ts_val, ts_ecr) = usual.unwrap_or((0, 0));
    let (key, dir) = FlowKey::new(c.ip.src, c.ip.dst, be16(h, 0), be16(h, 2), c.scope);
    let flags = be16(h, 12) & 0x01ff;
    let payload = (wire - header_len) as u32;
    *s = Segment {
        ts: c.ts,
        number: c.number,
        key,
        dir,
        seq: Seq(be32(h, 4)),
        ack: Seq(be32(h, 8)),
        payload,
        flags,
        window: be16(h, 14),
        marks: c.marks | if usual.is_some() { mark::TIMESTAMPS } else { 0 },
        ip_id: c.ip.id,
        ttl: c.ip.ttl,
        wscale: NO_WSCALE,
        mss: 0,
        sack_permitted: false,
        payload_cut: bytes.len() < wire,
        ts_val,
        ts_ecr,
        sack: (Seq(0), Seq(0)),
        tap: c.tap,
    };
    if usual.is_none() && header_len > HEADER {
        any_options(s, bytes, header_len);
    }
    let decisive = flags & (flag::SYN | flag::FIN | flag::RST) != 0;
    if (decisive || payload != 0 && wire <= CHECKED) && c.marks & mark::FRAGMENTED == 0 {
        s.marks |= checksum::judge(c.ip.src, c.ip.dst, bytes, wire);
    }
    if payload != 0 {
        s.marks |= hints::of(bytes.get(header_len..).unwrap_or(&[]), payload, flags);
    }
    Ok(())
}

/// Why there is no whole TCP header in an IP payload of `wire` bytes.
#[cold]
fn short(wire: usize) -> Skip {
    if wire < HEADER {
        Skip::TcpBad
    } else {
        Skip::TcpCut
    }
}

/// Segments with payload are verified up to this size: their bytes are looked at anyway.
const CHECKED: usize = 256;

/// Option kinds (IANA registry "TCP Option Kind Numbers").
mod kind {
    pub const END: u8 = 0;
    pub const NOP: u8 = 1;
    pub const MSS: u8 = 2;
    pub const WINDOW_SCALE: u8 = 3;
    pub const SACK_PERMITTED: u8 = 4;
    pub const SACK: u8 = 5;
    pub const TIMESTAMPS: u8 = 8;
}

/// TSval and TSecr if the options have the layout of RFC 7323 appendix A, which nearly every segment
/// of a connection has.
#[inline(always)]
fn usual_options(bytes: &[u8], header_len: usize) -> Option<(u32, u32)> {
    const START: u32 = u32::from_be_bytes([kind::NOP, kind::NOP, kind::TIMESTAMPS, 10]);
    const LEN: usize = HEADER + 12;
    let h = bytes.first_chunk::<LEN>()?;
    (header_len == LEN && be32(h, HEADER) == START)
        .then(|| (be32(h, HEADER + 4), be32(h, HEADER + 8)))
}

/// Reads options in any order, as far as they were captured. What is wrong with them never loses the
/// segment.
#[inline(never)]
fn any_options(s: &mut Segment, bytes: &[u8], header_len: usize) {
    let end = header_len.min(bytes.len());
    let fit = each_option(s, &bytes[HEADER..end]);
    if end < header_len {
        s.marks |= mark::OPTIONS_CUT;
    } else if !fit {
        s.marks |= mark::OPTIONS_BAD;
    }
}

/// False if an option has a length that does not fit.
fn each_option(s: &mut Segment, mut bytes: &[u8]) -> bool {
    loop {
        bytes = match bytes {
            [] | [kind::END, ..] => return true,
            [kind::NOP, rest @ ..] => rest,
            [number, len, ..] => {
                let len = usize::from(*len);
                if len < 2 || len > bytes.len() {
                    return false;
                }
                option(s, *number, &bytes[2..len]);
                &bytes[len..]
            }
            [_] => return false,
        };
    }
}

/// One option. A known kind with a length that is not its own is marked and not believed.
fn option(s: &mut Segment, number: u8, value: &[u8]) {
    match (number, value) {
        (kind::MSS, [a, b]) => s.mss = u16::from_be_bytes([*a, *b]),
        (kind::WINDOW_SCALE, [shift]) => s.wscale = *shift,
        (kind::SACK_PERMITTED, []) => s.sack_permitted = true,
        (kind::TIMESTAMPS, value) if value.len() == 8 => {
            s.ts_val = be32(value, 0);
            s.ts_ecr = be32(value, 4);
            s.marks |= mark::TIMESTAMPS;
        }
        (kind::SACK, value) if value.len() >= 8 && value.len().is_multiple_of(8) => {
            s.sack = (Seq(be32(value, 0)), Seq(be32(value, 4)));
            s.marks |= mark::SACK;
        }
        (
            kind::MSS | kind::WINDOW_SCALE | kind::SACK_PERMITTED | kind::TIMESTAMPS | kind::SACK,
            _,
        ) => s.marks |= mark::OPTIONS_BAD,
        _ => {}
    }
}
