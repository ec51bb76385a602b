//! One TCP segment as the tracker sees it: bytes are behind us, only meaning is left.

use crate::seq::Seq;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// TCP flag bits (RFC 9293 section 3.1; AE is RFC 7560 / AccECN).
pub mod flag {
    /// No more data from sender.
    pub const FIN: u16 = 0x001;
    /// Synchronize sequence numbers.
    pub const SYN: u16 = 0x002;
    /// Reset the connection.
    pub const RST: u16 = 0x004;
    /// Push function.
    pub const PSH: u16 = 0x008;
    /// Acknowledgment field is significant.
    pub const ACK: u16 = 0x010;
    /// Urgent pointer field is significant.
    pub const URG: u16 = 0x020;
    /// ECN-Echo.
    pub const ECE: u16 = 0x040;
    /// Congestion window reduced.
    pub const CWR: u16 = 0x080;
    /// Accurate ECN.
    pub const AE: u16 = 0x100;
}

/// What the decoder found out about a segment beyond its header fields.
pub mod mark {
    /// Put together from IP fragments.
    pub const FRAGMENTED: u16 = 1;
    /// IP total length was 0 (segmentation offload); the payload length comes from the frame.
    pub const LEN_FROM_FRAME: u16 = 1 << 1;
    /// The TCP checksum was verified and is wrong.
    pub const BAD_CHECKSUM: u16 = 1 << 2;
    /// The TCP checksum field holds just the pseudo-header sum: the card was to fill it in.
    pub const OFFLOADED_CHECKSUM: u16 = 1 << 3;
    /// The frame was cut by the snap length inside the TCP options.
    pub const OPTIONS_CUT: u16 = 1 << 4;
    /// TCP options are malformed (a length that does not fit).
    pub const OPTIONS_BAD: u16 = 1 << 5;
    /// Payload begins with a TLS handshake record.
    pub const TLS_HANDSHAKE: u16 = 1 << 6;
    /// Payload begins with a TLS record header (types 20 to 23).
    pub const TLS_RECORD: u16 = 1 << 7;
    /// Payload ends with what looks like a TLS alert record (RFC 8446 6.1; sizes in `diagnosis` D12).
    pub const TLS_ALERT_TAIL: u16 = 1 << 8;
    /// The end of the payload was captured and looked at (so no `TLS_ALERT_TAIL` means: no alert).
    pub const TAIL_SEEN: u16 = 1 << 9;
    /// Payload begins like an HTTP/1 request.
    pub const HTTP_REQUEST: u16 = 1 << 10;
    /// Payload begins like an HTTP/1 response.
    pub const HTTP_RESPONSE: u16 = 1 << 11;
    /// IPv6 (else IPv4).
    pub const IPV6: u16 = 1 << 12;
    /// Linux cooked capture says this host sent the frame (packet type 4).
    pub const OUTGOING: u16 = 1 << 13;
    /// The segment carries a timestamps option (`ts_val`, `ts_ecr` are valid).
    pub const TIMESTAMPS: u16 = 1 << 14;
    /// The segment carries SACK blocks; `sack` holds the first.
    pub const SACK: u16 = 1 << 15;
}

/// Which way a segment went, in terms of the ordered key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Dir {
    /// From `low` to `high`.
    #[default]
    Up = 0,
    /// From `high` to `low`.
    Down = 1,
}

impl Dir {
    /// The other way.
    #[inline]
    #[must_use]
    pub fn flip(self) -> Dir {
        match self {
            Dir::Up => Dir::Down,
            Dir::Down => Dir::Up,
        }
    }
}

/// The two ends of a connection in a canonical order, so that both directions share a key.
///
/// IPv4 addresses are held as IPv4-mapped IPv6 (`::ffff:a.b.c.d`).
///
/// Packed, because a `u128` wants places that are multiples of 16: that would cost 8 bytes here and 8
/// more in each connection and segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(Rust, packed(8))]
pub struct FlowKey {
    /// Address of the lower end; "lower" compares (address, port) as big-endian numbers.
    pub low_ip: u128,
    /// Address of the higher end.
    pub high_ip: u128,
    /// Port of the lower end.
    pub low_port: u16,
    /// Port of the higher end.
    pub high_port: u16,
    /// Where the packet was found: a hash of VLAN ids and tunnel ids, 0 for a plain packet.
    pub scope: u32,
}

impl FlowKey {
    /// Orders the two ends; returns the key and the direction of a segment from `src` to `dst`.
    #[inline]
    #[must_use]
    pub fn new(src: u128, dst: u128, sport: u16, dport: u16, scope: u32) -> (FlowKey, Dir) {
        // Selects instead of a branch: which way a segment goes cannot be foreseen.
        let up = (src < dst) | ((src == dst) & (sport <= dport));
        let key = FlowKey {
            low_ip: if up { src } else { dst },
            high_ip: if up { dst } else { src },
            low_port: if up { sport } else { dport },
            high_port: if up { dport } else { sport },
            scope,
        };
        (key, if up { Dir::Up } else { Dir::Down })
    }

    /// Addresses and ports, wherever the packet was found.
    #[must_use]
    pub fn ends(self) -> (u128, u128, u16, u16) {
        (self.low_ip, self.high_ip, self.low_port, self.high_port)
    }

    /// Address and port of the sender of a segment that went `dir`.
    #[must_use]
    pub fn sender(&self, dir: Dir) -> (IpAddr, u16) {
        match dir {
            Dir::Up => (to_ip(self.low_ip), self.low_port),
            Dir::Down => (to_ip(self.high_ip), self.high_port),
        }
    }
}

/// An IPv4 address as the key holds it.
#[inline]
#[must_use]
pub fn from_v4(octets: u32) -> u128 {
    0xffff_0000_0000 | u128::from(octets)
}

/// The address that a key's number stands for.
#[must_use]
pub fn to_ip(n: u128) -> IpAddr {
    if n >> 32 == 0xffff {
        IpAddr::V4(Ipv4Addr::from(n as u32))
    } else {
        IpAddr::V6(Ipv6Addr::from(n))
    }
}

/// A decoded TCP segment. The default is a place to decode into and means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Nanoseconds since the Unix epoch.
    pub ts: i64,
    /// Frame number within its file, from 1.
    pub number: u64,
    /// Both ends.
    pub key: FlowKey,
    /// Which way it went.
    pub dir: Dir,
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK; meaningful when ACK is set.
    pub ack: Seq,
    /// Payload bytes on the wire (SEG.LEN without SYN and FIN).
    pub payload: u32,
    /// Flag bits, see [`flag`].
    pub flags: u16,
    /// SEG.WND as in the header, not scaled.
    pub window: u16,
    /// See [`mark`].
    pub marks: u16,
    /// IPv4 identification; 0 for IPv6.
    pub ip_id: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Window scale option, [`NO_WSCALE`] if absent.
    pub wscale: u8,
    /// Maximum segment size option, 0 if absent.
    pub mss: u16,
    /// SACK-permitted option present.
    pub sack_permitted: bool,
    /// The frame was cut by the snap length before the end of the payload.
    pub payload_cut: bool,
    /// TSval.
    pub ts_val: u32,
    /// TSecr.
    pub ts_ecr: u32,
    /// First SACK block.
    pub sack: (Seq, Seq),
    /// Where it was tapped: interface, and for cooked captures the packet type and interface index,
    /// folded to 16 bits. Differs between copies of one packet that were captured at different places.
    pub tap: u16,
}

/// `wscale` of a segment without that option.
pub const NO_WSCALE: u8 = 255;

impl Segment {
    /// True if all of `bits` are set.
    #[inline]
    #[must_use]
    pub fn has(&self, bits: u16) -> bool {
        self.flags & bits == bits
    }

    /// True if any of `bits` is marked.
    #[inline]
    #[must_use]
    pub fn marked(&self, bits: u16) -> bool {
        self.marks & bits != 0
    }

    /// Sequence numbers taken: payload, SYN and FIN each count (RFC 9293 section 3.4).
    #[inline]
    #[must_use]
    pub fn span(&self) -> u32 {
        self.payload
            .wrapping_add(u32::from(self.flags & flag::SYN != 0))
            .wrapping_add(u32::from(self.flags & flag::FIN != 0))
    }

    /// The number after the last one that the segment takes.
    #[inline]
    #[must_use]
    pub fn end(&self) -> Seq {
        self.seq + self.span()
    }
}
