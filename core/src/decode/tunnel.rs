//! What an IP packet may carry besides TCP: tunnels with another packet inside.

use super::ip::{self, proto};
use super::link::{self, ether};
use super::scope::Kind;
use super::walk::{Layer, Step, Walk, be16, be32};
use crate::skip::Skip;

/// What an IP protocol number says comes next.
pub(super) fn proto(w: &mut Walk, number: u8) -> Step {
    match number {
        proto::TCP => Ok(Layer::Tcp),
        proto::UDP => udp(w),
        proto::IPV4 => Ok(Layer::Ip4),
        proto::IPV6 => Ok(Layer::Ip6),
        proto::GRE => gre(w),
        proto::ESP => Err(Skip::Encrypted),
        proto::AH => ip::authentication(w),
        proto::MPLS => link::mpls(w),
        proto::ETHERNET => link::ethernet(w),
        proto::ETHERIP => {
            w.take::<2>(Skip::LinkCut)?;
            link::ethernet(w)
        }
        _ if !w.ip.v6 => Err(Skip::NotTcp),
        proto::HOP_BY_HOP | proto::DESTINATION | proto::MOBILITY | proto::HIP | proto::SHIM6 => {
            ip::extension(w)
        }
        proto::ROUTING => ip::routing(w),
        proto::FRAGMENT => ip::fragment(w),
        _ => Err(Skip::NotTcp),
    }
}

/// UDP ports (IANA registry "Service Name and Transport Protocol Port Number").
mod port {
    pub const GTP_U: u16 = 2152;
    pub const TEREDO: u16 = 3544;
    pub const IPSEC: u16 = 4500;
    pub const VXLAN: u16 = 4789;
    /// Next protocol in the header (draft-ietf-nvo3-vxlan-gpe).
    pub const VXLAN_GPE: u16 = 4790;
    pub const GENEVE: u16 = 6081;
    pub const MPLS: u16 = 6635;
    /// Linux's default before the number was assigned; Flannel and others still use it.
    pub const VXLAN_LINUX: u16 = 8472;
}

/// A UDP header: a tunnel if a port and the first bytes say so.
fn udp(w: &mut Walk) -> Step {
    let h: &[u8; 8] = w.take(Skip::NotTcp)?;
    let (from, to) = (be16(h, 0), be16(h, 2));
    match (from, to) {
        (_, port::VXLAN | port::VXLAN_LINUX) => vxlan(w),
        (_, port::VXLAN_GPE) => vxlan_gpe(w),
        (_, port::GENEVE) => geneve(w),
        (_, port::MPLS) => link::mpls(w),
        (port::GTP_U, _) | (_, port::GTP_U) => gtp(w),
        (port::TEREDO, _) | (_, port::TEREDO) => teredo(w),
        (port::IPSEC, _) | (_, port::IPSEC) => esp_in_udp(w),
        _ => Err(Skip::NotTcp),
    }
}

/// ESP in UDP (RFC 3948 section 2): a zero where the SPI would be marks key exchange instead.
fn esp_in_udp(w: &mut Walk) -> Step {
    match w.peek::<4>(Skip::NotTcp)? {
        [0, 0, 0, 0] => Err(Skip::NotTcp),
        _ => Err(Skip::Encrypted),
    }
}

/// VXLAN (RFC 7348 section 5). Group policy and other extensions use the other flags.
fn vxlan(w: &mut Walk) -> Step {
    const VNI_VALID: u8 = 0x08;
    let h: &[u8; 8] = w.take(Skip::NotTcp)?;
    if h[0] & VNI_VALID == 0 {
        return Err(Skip::NotTcp);
    }
    w.enter(Kind::Vxlan, be32(h, 4) >> 8)?;
    link::ethernet(w)
}

/// VXLAN with a next-protocol byte (draft-ietf-nvo3-vxlan-gpe section 3.1).
fn vxlan_gpe(w: &mut Walk) -> Step {
    const VNI_VALID: u8 = 0x08;
    const NEXT_VALID: u8 = 0x04;
    let h: &[u8; 8] = w.take(Skip::NotTcp)?;
    if h[0] & VNI_VALID == 0 {
        return Err(Skip::NotTcp);
    }
    w.enter(Kind::Vxlan, be32(h, 4) >> 8)?;
    match h[3] {
        _ if h[0] & NEXT_VALID == 0 => link::ethernet(w),
        1 => Ok(Layer::Ip4),
        2 => Ok(Layer::Ip6),
        3 => link::ethernet(w),
        5 => link::mpls(w),
        _ => Err(Skip::NotTcp),
    }
}

/// Geneve (RFC 8926 section 3.4).
fn geneve(w: &mut Walk) -> Step {
    let h: &[u8; 8] = w.take(Skip::NotTcp)?;
    if h[0] >> 6 != 0 {
        return Err(Skip::NotTcp);
    }
    w.enter(Kind::Geneve, be32(h, 4) >> 8)?;
    w.skip(usize::from(h[0] & 0x3f) * 4);
    Ok(Layer::Ether(be16(h, 2)))
}

/// GTP-U (3GPP TS 29.281 section 5.1): only a G-PDU carries a packet.
fn gtp(w: &mut Walk) -> Step {
    const G_PDU: u8 = 0xff;
    const VERSION_AND_TYPE: u8 = 0xf0;
    /// Version 1, protocol type GTP; E, S or PN set: four more bytes.
    const VERSION_1: u8 = 0x30;
    const ANY_OPTION: u8 = 0x07;
    const EXTENSION: u8 = 0x04;
    /// Extension headers followed.
    const MAX_EXTENSIONS: u8 = 8;

    let h: &[u8; 8] = w.take(Skip::NotTcp)?;
    if h[0] & VERSION_AND_TYPE != VERSION_1 || h[1] != G_PDU {
        return Err(Skip::NotTcp);
    }
    if h[0] & ANY_OPTION != 0 {
        let options: &[u8; 4] = w.take(Skip::NotTcp)?;
        let mut next = if h[0] & EXTENSION != 0 { options[3] } else { 0 };
        let mut left = MAX_EXTENSIONS;
        while next != 0 {
            left = left.checked_sub(1).ok_or(Skip::Nested)?;
            let len = usize::from(w.peek::<1>(Skip::NotTcp)?[0]) * 4;
            let last = len.checked_sub(1).ok_or(Skip::NotTcp)?;
            next = *w.rest().get(last).ok_or(Skip::NotTcp)?;
            w.skip(len);
        }
    }
    match w.peek::<1>(Skip::NotTcp)?[0] >> 4 {
        4 => Ok(Layer::Ip4),
        6 => Ok(Layer::Ip6),
        // A PDU session of type Ethernet cannot be told from one of type "unstructured".
        _ => Err(Skip::NotTcp),
    }
}

/// Teredo (RFC 4380 section 5.1.1): IPv6 behind optional authentication and origin indications.
fn teredo(w: &mut Walk) -> Step {
    if let [0, 1, id, auth, ..] = *w.rest() {
        // Client id and value, an 8-byte nonce, a confirmation byte.
        w.skip(4 + usize::from(id) + usize::from(auth) + 9);
    }
    if let [0, 0, ..] = *w.rest() {
        w.skip(8);
    }
    match w.peek::<1>(Skip::NotTcp)?[0] >> 4 {
        6 => Ok(Layer::Ip6),
        _ => Err(Skip::NotTcp),
    }
}

/// GRE flag bits (RFC 2784, RFC 2890, RFC 2637 section 4.1).
mod gre_flag {
    pub const CHECKSUM: u16 = 0x8000;
    pub const ROUTING: u16 = 0x4000;
    pub const KEY: u16 = 0x2000;
    pub const SEQUENCE: u16 = 0x1000;
    pub const ACK: u16 = 0x0080;
    pub const VERSION: u16 = 0x0007;
}

/// Protocol types of GRE that are no EtherTypes of ours.
const ERSPAN: u16 = 0x88be;
const ERSPAN_3: u16 = 0x22eb;
const WCCP: u16 = 0x883e;

/// GRE: version 0, or PPTP's version 1.
fn gre(w: &mut Walk) -> Step {
    let h: &[u8; 4] = w.take(Skip::NotTcp)?;
    let (flags, kind) = (be16(h, 0), be16(h, 2));
    let version = flags & gre_flag::VERSION;
    if flags & gre_flag::ROUTING != 0 || version > 1 {
        return Err(Skip::NotTcp);
    }
    if flags & gre_flag::CHECKSUM != 0 {
        w.take::<4>(Skip::NotTcp)?;
    }
    if flags & gre_flag::KEY != 0 {
        let key = be32(w.take::<4>(Skip::NotTcp)?, 0);
        if version == 0 {
            gre_key(w, kind, key)?;
        }
    }
    if flags & gre_flag::SEQUENCE != 0 {
        w.take::<4>(Skip::NotTcp)?;
    }
    if version == 1 && flags & gre_flag::ACK != 0 {
        w.take::<4>(Skip::NotTcp)?;
    }
    match kind {
        ERSPAN => erspan(w, flags & gre_flag::SEQUENCE != 0),
        ERSPAN_3 => erspan_3(w),
        WCCP => wccp(w),
        _ => Ok(Layer::Ether(kind)),
    }
}

/// The key of a GRE packet. NVGRE's holds a FlowID in its low byte, which differs between the
/// directions of a connection; its VSIDs start at 0x1000 (RFC 7637 section 3.2), so a smaller one is
/// a plain key of bridged Ethernet.
fn gre_key(w: &mut Walk, kind: u16, key: u32) -> Result<(), Skip> {
    const FIRST_VSID: u32 = 0x1000;
    if kind == ether::ETHERNET && key >> 8 >= FIRST_VSID {
        w.enter(Kind::Nvgre, key >> 8)
    } else {
        w.enter(Kind::Gre, key)
    }
}

/// ERSPAN type I (no header) or II (8 bytes, draft-foschiano-erspan section 4.2). The session says
/// where the copy was taken.
fn erspan(w: &mut Walk, has_header: bool) -> Step {
    if has_header {
        let h: &[u8; 8] = w.take(Skip::NotTcp)?;
        w.tap_more(u64::from(be16(h, 2) & 0x03ff));
    }
    link::ethernet(w)
}

/// ERSPAN type III (section 4.3): 12 bytes, and 8 more where the last bit says so.
fn erspan_3(w: &mut Walk) -> Step {
    const FRAME_TYPE_IP: u16 = 2;
    let h: &[u8; 12] = w.take(Skip::NotTcp)?;
    w.tap_more(u64::from(be16(h, 2) & 0x03ff));
    if h[11] & 1 != 0 {
        w.take::<8>(Skip::NotTcp)?;
    }
    if be16(h, 10) >> 10 & 0x1f == FRAME_TYPE_IP {
        Ok(Layer::Ip)
    } else {
        link::ethernet(w)
    }
}

/// WCCP redirection: version 2 puts 4 bytes before the IPv4 packet.
fn wccp(w: &mut Walk) -> Step {
    if w.peek::<1>(Skip::NotTcp)?[0] >> 4 != 4 {
        w.take::<4>(Skip::NotTcp)?;
    }
    Ok(Layer::Ip4)
}
