//! The TCP checksum: noted, and not believed over offload.

use super::tcp::HEADER;
use super::walk::be16;
use crate::segment::{mark, to_ip};
use std::net::IpAddr;

/// Segments longer than this are not verified. No link carries more in one frame (jumbo Ethernet
/// has 9,216 bytes), so a longer one was never on a wire: offload made it, and its checksum with it.
const LONGEST: usize = 9_216;

/// Judges the checksum of a whole captured segment: no mark, `BAD_CHECKSUM` or `OFFLOADED_CHECKSUM`.
///
/// It is called for segments with SYN, FIN or RST, which decide how a connection is told, and for
/// short ones; summing every payload would cost more than all the rest of decoding. A segment that was cut by
/// the snap length gets no mark.
pub(super) fn judge(src: u128, dst: u128, bytes: &[u8], wire: usize) -> u16 {
    if bytes.len() < wire || !(HEADER..=LONGEST).contains(&wire) {
        return 0;
    }
    let pseudo = pseudo_header(src, dst);
    let with_length = fold(pseudo + wire as u64);
    // RFC 9293 section 3.1: with the field included, the sum is all ones.
    if fold(u64::from(with_length) + sum(&bytes[..wire])) == 0xffff {
        return 0;
    }
    // A card that is to finish the sum finds the pseudo-header's in the field, by Linux's and most
    // others' convention uncomplemented; drivers for segmentation offload leave the length out.
    let field = be16(bytes, 16);
    let without_length = fold(pseudo);
    let started = [with_length, !with_length, without_length, !without_length];
    if field == 0 || started.contains(&field) {
        mark::OFFLOADED_CHECKSUM
    } else {
        mark::BAD_CHECKSUM
    }
}

/// Sum of addresses and protocol (RFC 9293 section 3.1, RFC 8200 section 8.1), without the length.
fn pseudo_header(src: u128, dst: u128) -> u64 {
    const TCP: u64 = 6;
    let one = |ip| match to_ip(ip) {
        IpAddr::V4(a) => sum(&a.octets()),
        IpAddr::V6(a) => sum(&a.octets()),
    };
    one(src) + one(dst) + TCP
}

/// Sum of big-endian 16-bit words; an odd last byte is padded with a zero (RFC 1071). It cannot
/// overflow: a word has 16 bits, and nothing of 2^48 words is ever given.
fn sum(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(4);
    let mut total: u64 = 0;
    for c in &mut chunks {
        total += u64::from(u32::from_be_bytes([c[0], c[1], c[2], c[3]]));
    }
    let tail = chunks.remainder();
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    total + u64::from(u32::from_be_bytes(last))
}

/// Folds carries until 16 bits are left.
fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
