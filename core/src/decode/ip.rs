//! IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

use super::walk::{Ip, Layer, Piece, Step, Walk, be16, be32};
use crate::segment::from_v4;
use crate::skip::Skip;

/// IP protocol numbers (IANA registry "Protocol Numbers").
pub(super) mod proto {
    pub const HOP_BY_HOP: u8 = 0;
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const AH: u8 = 51;
    pub const DESTINATION: u8 = 60;
    pub const ETHERIP: u8 = 97;
    pub const MOBILITY: u8 = 135;
    pub const MPLS: u8 = 137;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
    pub const ETHERNET: u8 = 143;
}

/// Shortest IPv4 header.
pub(super) const V4_HEADER: usize = 20;
/// IPv6 header without extensions.
pub(super) const V6_HEADER: usize = 40;
/// Fragment offset and More Fragments of an IPv4 header (RFC 791 section 3.1).
pub(super) const V4_FRAGMENT: u16 = 0x3fff;
const V4_MORE: u16 = 0x2000;

/// IPv4 or IPv6, as the version field says.
pub(super) fn either(w: &mut Walk) -> Step {
    match w.peek::<1>(Skip::IpCut)?[0] >> 4 {
        4 => Ok(Layer::Ip4),
        6 => Ok(Layer::Ip6),
        _ => Err(Skip::IpBad),
    }
}

/// An IPv4 header. Its checksum is not looked at: a wrong one is most often left to the card.
pub(super) fn v4(w: &mut Walk) -> Step {
    let at = w.at;
    let h: &[u8; V4_HEADER] = w.peek(Skip::IpCut)?;
    let header_len = usize::from(h[0] & 0x0f) * 4;
    let total = usize::from(be16(h, 2));
    if h[0] >> 4 != 4 || header_len < V4_HEADER || (total != 0 && total < header_len) {
        return Err(Skip::IpBad);
    }
    w.ip = Ip {
        src: from_v4(be32(h, 12)),
        dst: from_v4(be32(h, 16)),
        id: be16(h, 4),
        ttl: h[8],
        v6: false,
        no_length: total == 0,
        at,
    };
    w.inside_ip = true;
    if w.rest().len() < header_len {
        return Err(Skip::IpCut);
    }
    w.at = at + header_len;
    // The IP length is believed over the frame's: it is shorter where the frame was padded, and
    // longer where a tool cut the frame without saying so.
    if total != 0 {
        w.end = at + total;
    } else if w.end < w.at {
        return Err(Skip::IpBad);
    }
    let place = be16(h, 6) & V4_FRAGMENT;
    if place != 0 {
        w.piece = Piece {
            id: u32::from(w.ip.id),
            proto: h[9],
            offset: u32::from(place & !V4_MORE) * 8,
            more: place & V4_MORE != 0,
        };
        return Ok(Layer::Fragment);
    }
    Ok(Layer::Proto(h[9]))
}

/// An IPv6 header.
pub(super) fn v6(w: &mut Walk) -> Step {
    let at = w.at;
    let h: &[u8; V6_HEADER] = w.take(Skip::IpCut)?;
    if h[0] >> 4 != 6 {
        return Err(Skip::IpBad);
    }
    let length = usize::from(be16(h, 4));
    w.ip = Ip {
        src: address(h, 8),
        dst: address(h, 24),
        id: 0,
        ttl: h[7],
        v6: true,
        // A jumbogram (RFC 2675), or segmentation offload beyond 64 KiB.
        no_length: length == 0,
        at,
    };
    w.inside_ip = true;
    if length != 0 {
        w.end = w.at + length;
    }
    Ok(Layer::Proto(h[6]))
}

/// A 128-bit address at `at`. The caller has checked that it is there.
#[inline]
pub(super) fn address(bytes: &[u8], at: usize) -> u128 {
    let mut octets = [0; 16];
    octets.copy_from_slice(&bytes[at..at + 16]);
    u128::from_be_bytes(octets)
}

/// An extension header whose second byte counts further units of 8 bytes (RFC 6564).
pub(super) fn extension(w: &mut Walk) -> Step {
    let h: &[u8; 2] = w.peek(Skip::IpCut)?;
    w.skip((usize::from(h[1]) + 1) * 8);
    Ok(Layer::Proto(h[0]))
}

/// A routing header (RFC 8200 section 4.4). While segments are left, the address in the IPv6 header
/// is a stop on the way; the connection's end is the last one.
pub(super) fn routing(w: &mut Walk) -> Step {
    /// Source route (RFC 5095 deprecates it), Mobile IPv6 (RFC 6275), segment routing (RFC 8754).
    const SOURCE_ROUTE: u8 = 0;
    const MOBILE: u8 = 2;
    const SEGMENT_ROUTING: u8 = 4;

    let h: &[u8; 4] = w.peek(Skip::IpCut)?;
    let len = (usize::from(h[1]) + 1) * 8;
    let last = match h[2] {
        // The list runs forwards.
        SOURCE_ROUTE if len >= 24 => Some((len - 8) / 16 * 16 - 8),
        // One address; or the list runs backwards.
        MOBILE | SEGMENT_ROUTING if len >= 24 => Some(8),
        _ => None,
    };
    if let Some(at) = last.filter(|_| h[3] != 0) {
        w.ip.dst = address(w.rest().get(at..at + 16).ok_or(Skip::IpCut)?, 0);
    }
    w.skip(len);
    Ok(Layer::Proto(h[0]))
}

/// An authentication header (RFC 4302): its length counts units of 4 bytes, minus 2.
pub(super) fn authentication(w: &mut Walk) -> Step {
    let h: &[u8; 2] = w.peek(Skip::IpCut)?;
    w.skip((usize::from(h[1]) + 2) * 4);
    Ok(Layer::Proto(h[0]))
}

/// A fragment header (RFC 8200 section 4.5). An atomic fragment (RFC 6946) is a whole packet.
pub(super) fn fragment(w: &mut Walk) -> Step {
    let h: &[u8; 8] = w.take(Skip::IpCut)?;
    let place = be16(h, 2);
    let (offset, more) = (u32::from(place & 0xfff8), place & 1 != 0);
    if offset == 0 && !more {
        return Ok(Layer::Proto(h[0]));
    }
    w.piece = Piece {
        id: be32(h, 4),
        proto: h[0],
        offset,
        more,
    };
    Ok(Layer::Fragment)
}
