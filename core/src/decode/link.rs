//! Link layers: what comes before the IP header.

use super::scope::Kind;
use super::walk::{Layer, Step, Walk, be16, be32};
use super::{ppp, wifi};
use crate::skip::Skip;

/// LINKTYPE_ values (<https://www.tcpdump.org/linktypes.html>).
pub(super) mod linktype {
    pub const NULL: u16 = 0;
    pub const ETHERNET: u16 = 1;
    pub const PPP: u16 = 9;
    pub const FDDI: u16 = 10;
    /// Raw IP under the number that the DLT had on most systems, and on OpenBSD.
    pub const RAW_12: u16 = 12;
    pub const RAW_14: u16 = 14;
    pub const PPP_HDLC: u16 = 50;
    pub const PPP_ETHER: u16 = 51;
    pub const ATM_RFC1483: u16 = 100;
    pub const RAW: u16 = 101;
    pub const C_HDLC: u16 = 104;
    pub const IEEE802_11: u16 = 105;
    pub const FRAME_RELAY: u16 = 107;
    pub const LOOP: u16 = 108;
    pub const LINUX_SLL: u16 = 113;
    pub const PFLOG: u16 = 117;
    pub const IEEE802_11_PRISM: u16 = 119;
    pub const IEEE802_11_RADIOTAP: u16 = 127;
    pub const APPLE_IP_OVER_1394: u16 = 138;
    pub const PPP_PPPD: u16 = 166;
    pub const JUNIPER_ETHER: u16 = 178;
    pub const PPI: u16 = 192;
    pub const PPP_WITH_DIR: u16 = 204;
    pub const IPV4: u16 = 228;
    pub const IPV6: u16 = 229;
    pub const NFLOG: u16 = 239;
    pub const IPOIB: u16 = 242;
    pub const PKTAP: u16 = 258;
    pub const LINUX_SLL2: u16 = 276;
}

/// EtherTypes (IANA registry "IEEE 802 Numbers").
pub(super) mod ether {
    pub const IPV4: u16 = 0x0800;
    pub const IPV6: u16 = 0x86dd;
    pub const VLAN: u16 = 0x8100;
    pub const QINQ: u16 = 0x88a8;
    /// Used for QinQ before 802.1ad.
    pub const OLD_QINQ: u16 = 0x9100;
    pub const OLD_QINQ_2: u16 = 0x9200;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE_SESSION: u16 = 0x8864;
    pub const BACKBONE: u16 = 0x88e7;
    pub const PPP: u16 = 0x880b;
    /// Transparent Ethernet bridging (RFC 1701).
    pub const ETHERNET: u16 = 0x6558;
    /// Below this, the field is the length of an 802.3 frame.
    pub const FIRST: u16 = 0x0600;
    /// Linux ETH_P_802_2 and ETH_P_802_3 stand in the protocol field of cooked captures.
    pub const LINUX_LLC: u16 = 0x0004;
}

/// The frame of a capture interface.
pub(super) fn link(w: &mut Walk, link: u16) -> Step {
    match link {
        linktype::ETHERNET => ethernet(w),
        linktype::LINUX_SLL => cooked(w),
        linktype::LINUX_SLL2 => cooked2(w),
        linktype::RAW | linktype::RAW_12 | linktype::RAW_14 => Ok(Layer::Ip),
        linktype::IPV4 => Ok(Layer::Ip4),
        linktype::IPV6 => Ok(Layer::Ip6),
        linktype::NULL | linktype::LOOP => loopback(w),
        linktype::PPP | linktype::PPP_HDLC => ppp::serial(w),
        linktype::PPP_ETHER => ppp::over_ethernet(w),
        linktype::PPP_PPPD | linktype::PPP_WITH_DIR => ppp::with_direction(w),
        linktype::C_HDLC => ppp::cisco(w),
        linktype::FRAME_RELAY => ppp::frame_relay(w),
        linktype::FDDI => fddi(w),
        linktype::NFLOG => nflog(w),
        linktype::ATM_RFC1483 => llc(w),
        linktype::APPLE_IP_OVER_1394 => firewire(w),
        linktype::PFLOG => pflog(w),
        linktype::JUNIPER_ETHER => juniper(w),
        linktype::IPOIB => infiniband(w),
        linktype::PKTAP => pktap(w),
        linktype::IEEE802_11 => wifi::frame(w, false),
        linktype::IEEE802_11_RADIOTAP => wifi::radiotap(w),
        linktype::IEEE802_11_PRISM => wifi::prism(w),
        linktype::PPI => wifi::ppi(w),
        _ => Err(Skip::LinkType),
    }
}

/// What an EtherType says comes next.
pub(super) fn ethertype(w: &mut Walk, ethertype: u16) -> Step {
    match ethertype {
        ether::IPV4 => Ok(Layer::Ip4),
        ether::IPV6 => Ok(Layer::Ip6),
        ether::VLAN | ether::QINQ | ether::OLD_QINQ | ether::OLD_QINQ_2 => vlan(w),
        ether::MPLS | ether::MPLS_MULTICAST => mpls(w),
        ether::PPPOE_SESSION => ppp::over_ethernet(w),
        ether::PPP => ppp::protocol(w),
        ether::ETHERNET => ethernet(w),
        ether::BACKBONE => backbone(w),
        ether::LINUX_LLC => llc(w),
        _ => Err(Skip::NotIp),
    }
}

/// An EtherType, or the length of an 802.3 frame.
fn type_or_length(w: &mut Walk, field: u16) -> Step {
    /// Longest 802.3 payload; what lies between it and the first EtherType means nothing.
    const LONGEST: u16 = 1500;
    if field >= ether::FIRST {
        return Ok(Layer::Ether(field));
    }
    if field > LONGEST {
        return Err(Skip::NotIp);
    }
    w.shorten(usize::from(field));
    llc(w)
}

/// An Ethernet frame: destination, source, type.
pub(super) fn ethernet(w: &mut Walk) -> Step {
    let h: &[u8; 14] = w.take(Skip::LinkCut)?;
    type_or_length(w, be16(h, 12))
}

/// An 802.1Q tag behind its EtherType.
fn vlan(w: &mut Walk) -> Step {
    let h: &[u8; 4] = w.take(Skip::LinkCut)?;
    let id = be16(h, 0) & 0x0fff;
    if id != 0 {
        w.enter(Kind::Vlan, u32::from(id))?;
    }
    type_or_length(w, be16(h, 2))
}

/// An 802.1ah I-tag behind its EtherType; a whole Ethernet frame follows.
fn backbone(w: &mut Walk) -> Step {
    let h: &[u8; 4] = w.take(Skip::LinkCut)?;
    w.enter(Kind::Isid, be32(h, 0) & 0xff_ffff)?;
    ethernet(w)
}

/// 802.2 LLC, with SNAP where both SAPs are 0xaa.
pub(super) fn llc(w: &mut Walk) -> Step {
    /// SNAP's organisation code for EtherTypes, and 802.1H's for bridged ones.
    const ETHERTYPES: [[u8; 3]; 2] = [[0, 0, 0], [0, 0, 0xf8]];
    /// RFC 2684 section 5.2: a bridged Ethernet frame, with and without its FCS, after 2 bytes of padding.
    const BRIDGED: [u8; 3] = [0x00, 0x80, 0xc2];

    match *w.peek::<3>(Skip::LinkCut)? {
        [0xaa, 0xaa, _] => {
            let h: &[u8; 8] = w.take(Skip::LinkCut)?;
            let (code, kind) = ([h[3], h[4], h[5]], be16(h, 6));
            if ETHERTYPES.contains(&code) {
                Ok(Layer::Ether(kind))
            } else if code == BRIDGED && matches!(kind, 1 | 7) {
                w.skip(2);
                ethernet(w)
            } else {
                Err(Skip::NotIp)
            }
        }
        // The SAP that IEEE gave to IP.
        [0x06, 0x06, _] => {
            w.skip(3);
            Ok(Layer::Ip4)
        }
        // ISO network layer: the next byte is an NLPID.
        [0xfe, 0xfe, 0x03] => {
            w.skip(3);
            ppp::nlpid(w)
        }
        _ => Err(Skip::NotIp),
    }
}

/// An MPLS label stack (RFC 3032). Nothing says what is below it, so the first nibble must.
pub(super) fn mpls(w: &mut Walk) -> Step {
    /// The S bit of a label stack entry.
    const BOTTOM: u8 = 1;
    /// Deeper stacks than this are noise.
    const MAX_LABELS: u8 = 16;

    let mut left = MAX_LABELS;
    while w.take::<4>(Skip::LinkCut)?[2] & BOTTOM == 0 {
        left = left.checked_sub(1).ok_or(Skip::Nested)?;
    }
    match w.peek::<1>(Skip::LinkCut)?[0] >> 4 {
        4 if looks_like_v4(w) => Ok(Layer::Ip4),
        6 if v6_fills(w) => Ok(Layer::Ip6),
        _ if looks_like_ethernet(w, 0) => ethernet(w),
        6 => Ok(Layer::Ip6),
        // A pseudowire's control word (RFC 4385 section 3).
        0 if looks_like_ethernet(w, 4) => {
            w.skip(4);
            ethernet(w)
        }
        _ => Err(Skip::NotIp),
    }
}

/// True if an IPv4 header here has a possible length. (An Ethernet address may begin with 4.)
fn looks_like_v4(w: &Walk) -> bool {
    let rest = w.rest();
    let len = w.end.saturating_sub(w.at);
    rest.len() < 20 || (rest[0] & 0x0f >= 5 && usize::from(be16(rest, 2)) <= len)
}

/// True if an IPv6 header here has the length that is left. (No link pads a frame that long.)
fn v6_fills(w: &Walk) -> bool {
    let rest = w.rest();
    let len = w.end.saturating_sub(w.at);
    rest.len() < 40 || usize::from(be16(rest, 4)) + 40 == len
}

/// True if an Ethernet frame that starts after `skip` bytes would have a type worth following.
fn looks_like_ethernet(w: &Walk, skip: usize) -> bool {
    let field = w.rest().get(skip + 12..skip + 14);
    field.is_some_and(|f| {
        matches!(
            be16(f, 0),
            ether::IPV4
                | ether::IPV6
                | ether::VLAN
                | ether::QINQ
                | ether::MPLS
                | ether::PPPOE_SESSION
        )
    })
}

/// What the packet type of a cooked capture says (`PACKET_OUTGOING` of `linux/if_packet.h`).
const PACKET_OUTGOING: u16 = 4;
/// ARPHRD_ values of Linux whose cooked frames are not what the protocol field says.
const ARPHRD_NETLINK: u16 = 824;
const ARPHRD_IEEE80211_RADIOTAP: u16 = 803;
const ARPHRD_FRAME_RELAY: u16 = 770;

/// Linux cooked capture v1 (LINKTYPE_LINUX_SLL). It has no interface index: the packet type, the
/// device type and the sender's link-layer address tell copies taken at different places apart.
fn cooked(w: &mut Walk) -> Step {
    let h: &[u8; 16] = w.take(Skip::LinkCut)?;
    let packet_type = be16(h, 0);
    w.outgoing = packet_type == PACKET_OUTGOING;
    w.tap_more(u64::from(be32(h, 0)));
    w.tap_more(u64::from(be32(h, 6)) << 16 | u64::from(be16(h, 10)));
    cooked_protocol(w, be16(h, 2), be16(h, 14))
}

/// Linux cooked capture v2 (LINKTYPE_LINUX_SLL2).
fn cooked2(w: &mut Walk) -> Step {
    let h: &[u8; 20] = w.take(Skip::LinkCut)?;
    w.outgoing = u16::from(h[10]) == PACKET_OUTGOING;
    w.tap_more(u64::from(be32(h, 4)) << 8 | u64::from(h[10]));
    cooked_protocol(w, be16(h, 8), be16(h, 0))
}

fn cooked_protocol(w: &mut Walk, device: u16, protocol: u16) -> Step {
    match device {
        ARPHRD_NETLINK => Err(Skip::NotIp),
        ARPHRD_IEEE80211_RADIOTAP => wifi::radiotap(w),
        ARPHRD_FRAME_RELAY => ppp::frame_relay(w),
        _ => Ok(Layer::Ether(protocol)),
    }
}

/// BSD loopback: an address family in the byte order of the host that captured (LINKTYPE_NULL) or
/// of the network (LINKTYPE_LOOP). Both are guessed, as files lie about it.
fn loopback(w: &mut Walk) -> Step {
    let h: &[u8; 4] = w.take(Skip::LinkCut)?;
    let little = u32::from_le_bytes(*h);
    family(if little <= 0xffff { little } else { be32(h, 0) })
}

/// An address family of any system: AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on
/// Windows, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS. Some writers put an EtherType.
fn family(af: u32) -> Step {
    match af {
        2 => Ok(Layer::Ip4),
        10 | 23 | 24 | 28 | 30 => Ok(Layer::Ip6),
        _ => match u16::try_from(af) {
            Ok(kind) if kind >= ether::FIRST => Ok(Layer::Ether(kind)),
            _ => Err(Skip::NotIp),
        },
    }
}

/// FDDI: frame control, destination, source, then LLC in asynchronous LLC frames.
fn fddi(w: &mut Walk) -> Step {
    let h: &[u8; 13] = w.take(Skip::LinkCut)?;
    if h[0] & 0xf0 == 0x50 {
        llc(w)
    } else {
        Err(Skip::NotIp)
    }
}

/// IP over IEEE 1394 as Apple's systems give it: two 8-byte addresses and an EtherType.
fn firewire(w: &mut Walk) -> Step {
    let h: &[u8; 18] = w.take(Skip::LinkCut)?;
    Ok(Layer::Ether(be16(h, 16)))
}

/// IP over InfiniBand: a 40-byte routing header, then RFC 4391's EtherType and two reserved bytes.
fn infiniband(w: &mut Walk) -> Step {
    let h: &[u8; 44] = w.take(Skip::LinkCut)?;
    Ok(Layer::Ether(be16(h, 40)))
}

/// Ethernet as Juniper's routers capture it: a magic number, flags, extensions. A copy taken on the
/// way in is not the one taken on the way out.
fn juniper(w: &mut Walk) -> Step {
    const MAGIC: [u8; 3] = *b"MGC";
    const IN: u8 = 0x01;
    const NO_ETHERNET: u8 = 0x02;
    const EXTENSIONS: u8 = 0x80;
    let h: &[u8; 4] = w.take(Skip::LinkCut)?;
    if h[..3] != MAGIC || h[3] & NO_ETHERNET != 0 {
        return Err(Skip::NotIp);
    }
    w.tap_more(u64::from(h[3] & IN));
    if h[3] & EXTENSIONS != 0 {
        let len: &[u8; 2] = w.take(Skip::LinkCut)?;
        w.skip(usize::from(be16(len, 0)));
    }
    ethernet(w)
}

/// OpenBSD's packet filter log: header length and address family lead; padded to 4 bytes.
fn pflog(w: &mut Walk) -> Step {
    let h: &[u8; 2] = w.peek(Skip::LinkCut)?;
    w.skip(usize::from(h[0]).next_multiple_of(4));
    family(u32::from(h[1]))
}

/// Apple's PKTAP: a little-endian header length, a record type, the DLT of what follows.
fn pktap(w: &mut Walk) -> Step {
    let h: &[u8; 12] = w.peek(Skip::LinkCut)?;
    let number = |at: usize| u32::from_le_bytes([h[at], h[at + 1], h[at + 2], h[at + 3]]);
    let (len, kind, dlt) = (number(0) as usize, number(4), number(8));
    if len < h.len() || kind != 1 {
        return Err(Skip::NotIp);
    }
    w.skip(len);
    inner_link(dlt)
}

/// A link type inside a wrapper; a wrapper in a wrapper is refused by the layer limit.
pub(super) fn inner_link(dlt: u32) -> Step {
    u16::try_from(dlt)
        .map(Layer::Link)
        .map_err(|_| Skip::LinkType)
}

/// Netfilter log: attributes in the byte order of the host that captured (LINKTYPE_NFLOG).
fn nflog(w: &mut Walk) -> Step {
    /// `NFULA_` attribute types of `linux/netfilter/nfnetlink_log.h`.
    const PACKET_HEADER: u16 = 1;
    const IN_DEVICE: u16 = 4;
    const OUT_DEVICE: u16 = 5;
    const PAYLOAD: u16 = 9;
    /// Attributes read before giving up.
    const MAX_ATTRIBUTES: u8 = 32;

    let h: &[u8; 4] = w.take(Skip::LinkCut)?;
    let (family_byte, group) = (h[0], be16(h, 2));
    w.tap_more(u64::from(group));
    let first: &[u8; 4] = w.peek(Skip::LinkCut)?;
    // An attribute's length is small and its type smaller: the order that makes the type small is right.
    let little = first[3] & 0x3f == 0 && first[2] != 0;
    let number = |b: [u8; 2]| {
        if little {
            u16::from_le_bytes(b)
        } else {
            u16::from_be_bytes(b)
        }
    };
    for _ in 0..MAX_ATTRIBUTES {
        let h: &[u8; 4] = w.peek(Skip::LinkCut)?;
        let len = usize::from(number([h[0], h[1]]));
        if len < 4 {
            return Err(Skip::LinkCut);
        }
        match number([h[2], h[3]]) & 0x7fff {
            PAYLOAD => {
                w.shorten(len);
                w.skip(4);
                return family(u32::from(family_byte));
            }
            // The hook is the third byte: before routing, local, forward...
            PACKET_HEADER => {
                let hook = w.rest().get(6).copied();
                w.tap_more(u64::from(hook.unwrap_or(0)));
            }
            kind @ (IN_DEVICE | OUT_DEVICE) => {
                let index = w.rest().get(4..8).map_or(0, |b| be32(b, 0));
                w.tap_more(u64::from(kind) << 32 | u64::from(index));
            }
            _ => {}
        }
        w.skip(len.next_multiple_of(4));
    }
    Err(Skip::NotIp)
}
