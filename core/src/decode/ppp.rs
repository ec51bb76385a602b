//! PPP (RFC 1661) and the serial links that look like it.

use super::link::{ethernet, mpls};
use super::scope::Kind;
use super::walk::{Layer, Step, Walk, be16};
use crate::skip::Skip;

/// PPP protocol numbers (IANA registry "PPP DLL Protocol Numbers").
mod number {
    pub const IPV4: u16 = 0x0021;
    pub const BRIDGED: u16 = 0x0031;
    pub const MULTILINK: u16 = 0x003d;
    pub const IPV6: u16 = 0x0057;
    pub const ENCRYPTED: u16 = 0x0053;
    pub const COMPRESSED: u16 = 0x00fd;
    pub const MPLS: u16 = 0x0281;
    pub const MPLS_MULTICAST: u16 = 0x0283;
}

/// Address and control field of PPP in HDLC framing (RFC 1662 section 3.1).
const HDLC: [u8; 2] = [0xff, 0x03];

/// A serial link: PPP with or without its HDLC address, or Cisco's HDLC.
pub(super) fn serial(w: &mut Walk) -> Step {
    /// Cisco's addresses: unicast and broadcast.
    const CISCO: [u8; 2] = [0x0f, 0x8f];
    if CISCO.contains(&w.peek::<1>(Skip::LinkCut)?[0]) {
        return cisco(w);
    }
    protocol(w)
}

/// One byte for the direction, then PPP.
pub(super) fn with_direction(w: &mut Walk) -> Step {
    w.take::<1>(Skip::LinkCut)?;
    protocol(w)
}

/// Cisco HDLC: address, control, EtherType.
pub(super) fn cisco(w: &mut Walk) -> Step {
    let h: &[u8; 4] = w.take(Skip::LinkCut)?;
    Ok(Layer::Ether(be16(h, 2)))
}

/// PPP from its address field, if it has one, or its protocol field.
pub(super) fn protocol(w: &mut Walk) -> Step {
    if w.rest().starts_with(&HDLC) {
        w.skip(HDLC.len());
    }
    // Protocol field compression (RFC 1661 section 6.5): an odd first byte is the whole number.
    let first = w.take::<1>(Skip::LinkCut)?[0];
    let number = if first & 1 == 1 {
        u16::from(first)
    } else {
        u16::from(first) << 8 | u16::from(w.take::<1>(Skip::LinkCut)?[0])
    };
    match number {
        number::IPV4 => Ok(Layer::Ip4),
        number::IPV6 => Ok(Layer::Ip6),
        number::MPLS | number::MPLS_MULTICAST => mpls(w),
        number::BRIDGED => bridged(w),
        number::MULTILINK => multilink(w),
        number::ENCRYPTED | number::COMPRESSED => Err(Skip::Encrypted),
        _ => Err(Skip::NotIp),
    }
}

/// A bridged frame (RFC 3518 section 4.2): flags, MAC type 1 for Ethernet.
fn bridged(w: &mut Walk) -> Step {
    let h: &[u8; 2] = w.take(Skip::LinkCut)?;
    if h[1] == 1 {
        ethernet(w)
    } else {
        Err(Skip::NotIp)
    }
}

/// PPP multilink with long sequence numbers (RFC 1990 section 3). Only a packet in one piece is read.
fn multilink(w: &mut Walk) -> Step {
    const WHOLE: u8 = 0xc0;
    let h: &[u8; 4] = w.take(Skip::LinkCut)?;
    if h[0] & WHOLE == WHOLE {
        protocol(w)
    } else {
        Err(Skip::NotIp)
    }
}

/// A PPPoE session (RFC 2516 section 4) behind its EtherType.
pub(super) fn over_ethernet(w: &mut Walk) -> Step {
    const VERSION_AND_TYPE: u8 = 0x11;
    let h: &[u8; 6] = w.take(Skip::LinkCut)?;
    // Code 0 is session data.
    if h[0] != VERSION_AND_TYPE || h[1] != 0 {
        return Err(Skip::NotIp);
    }
    w.enter(Kind::Pppoe, u32::from(be16(h, 2)))?;
    w.shorten(usize::from(be16(h, 4)));
    protocol(w)
}

/// Frame Relay with a two-byte address: RFC 2427's NLPIDs, or Cisco's EtherTypes.
pub(super) fn frame_relay(w: &mut Walk) -> Step {
    /// Unnumbered information.
    const UI: u8 = 0x03;
    let h: &[u8; 4] = w.peek(Skip::LinkCut)?;
    if h[0] & 1 != 0 || h[1] & 1 != 1 {
        return Err(Skip::NotIp);
    }
    if h[2] != UI {
        w.skip(4);
        return Ok(Layer::Ether(be16(h, 2)));
    }
    // A pad byte of 0 may precede the NLPID.
    w.skip(if h[3] == 0 { 4 } else { 3 });
    nlpid(w)
}

/// A network layer protocol id (ISO/IEC TR 9577, RFC 2427 section 10).
pub(super) fn nlpid(w: &mut Walk) -> Step {
    const SNAP: u8 = 0x80;
    const IPV6: u8 = 0x8e;
    const IPV4: u8 = 0xcc;
    match w.take::<1>(Skip::LinkCut)?[0] {
        IPV4 => Ok(Layer::Ip4),
        IPV6 => Ok(Layer::Ip6),
        SNAP => {
            let h: &[u8; 5] = w.take(Skip::LinkCut)?;
            if h[..3] == [0, 0, 0] {
                Ok(Layer::Ether(be16(h, 3)))
            } else {
                Err(Skip::NotIp)
            }
        }
        _ => Err(Skip::NotIp),
    }
}
