//! The TCP checksum: noted, and not believed over offload.

use super::tcp::HEADER;
use super::walk::be16;
use crate::segment::mark;

/// Segments longer than this are not verified. No link carries more in one frame (jumbo Ethernet
/// has 9,216 bytes), so a longer one was never on a wire: offload made it, and its checksum with it.
const LONGEST: usize = 9_216;

/// Judges the checksum of a whole captured segment: no mark, `BAD_CHECKSUM` or `OFFLOADED_CHECKSUM`.
///
/// It is called for segments with SYN, FIN or RST, which decide how a connection is told, and for
/// short ones with payload, which are in the cache; summing every payload would cost more than all
/// the rest of decoding. A segment that was cut by the snap length gets no mark.
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
/// What stands before an IPv4 address in its mapped form, 0xffff, is nothing in this arithmetic.
fn pseudo_header(src: u128, dst: u128) -> u64 {
    const TCP: u64 = 6;
    let words = |ip: u128| {
        let word = |shift: u32| u64::from((ip >> shift) as u32);
        word(96) + word(64) + word(32) + word(0)
    };
    words(src) + words(dst) + TCP
}

/// Sum of big-endian 16-bit words; an odd last byte is padded with a zero.
///
/// The words are added in the machine's own order, four bytes at a time, and the folded sum is turned
/// round at the end (RFC 1071 section 2, B and C), which compilers make wide. It cannot overflow: no
/// more than 2^16 bytes are ever given.
fn sum(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    let number = |w: &[u8; 4]| u64::from(u32::from_ne_bytes(*w));
    let total: u64 = words.iter().map(number).sum();
    u64::from(u16::from_be(fold(total + number(&last))))
}

/// Folds carries until 16 bits are left.
fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
