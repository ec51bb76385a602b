//! The walk through a frame's headers, from the link layer in to the TCP header.
//!
//! Each layer is a function that looks at the bytes where the walk stands, moves it behind its own
//! header and names what comes next. Nothing recurses, so a frame cannot cost more than
//! [`MAX_LAYERS`] such calls.

use super::scope::{Kind, Scope};
use super::{ip, link, tunnel};
use crate::frame::FrameRef;
use crate::skip::Skip;

/// Headers walked through in one frame before giving up. A VLAN tag, an MPLS stack and an IPv6
/// extension header each count as one.
const MAX_LAYERS: u8 = 32;

/// What stands where the walk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// A frame of this LINKTYPE.
    Link(u16),
    /// What this EtherType says.
    Ether(u16),
    /// IPv4 or IPv6, as the version field says.
    Ip,
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
    /// What this IP protocol number says.
    Proto(u8),
    /// The first payload byte of an IP fragment.
    Fragment,
    /// A TCP header.
    Tcp,
}

/// Result of one step.
pub(super) type Step = Result<Layer, Skip>;

/// The innermost IP header walked through so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ip {
    pub src: u128,
    pub dst: u128,
    /// IPv4 identification, 0 for IPv6.
    pub id: u16,
    pub ttl: u8,
    pub v6: bool,
    /// Total length was 0: the end is the frame's end.
    pub no_length: bool,
    /// Where the header starts.
    pub at: usize,
}

/// A fragment's place in its datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Piece {
    /// Identification: 16 bits of IPv4, 32 of IPv6.
    pub id: u32,
    /// Protocol of the whole.
    pub proto: u8,
    /// Offset of its first byte in the whole.
    pub offset: u32,
    /// More fragments follow.
    pub more: bool,
}

/// A place in a frame, and what was learnt on the way there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    /// The captured bytes of the whole frame.
    pub bytes: &'a [u8],
    /// Where the next header starts.
    pub at: usize,
    /// Where the current layer ends on the wire; may lie beyond the captured bytes.
    pub end: usize,
    pub ip: Ip,
    pub piece: Piece,
    pub scope: Scope,
    /// See `Segment::tap`.
    pub tap: u16,
    /// Linux cooked capture says this host sent it.
    pub outgoing: bool,
    /// An IP header was walked through.
    pub inside_ip: bool,
    pub layers: u8,
}

impl<'a> Walk<'a> {
    pub fn new(frame: &FrameRef, bytes: &'a [u8]) -> Walk<'a> {
        Walk {
            bytes,
            at: 0,
            end: (frame.wire_len as usize).max(bytes.len()),
            ip: Ip::default(),
            piece: Piece::default(),
            scope: Scope::default(),
            tap: frame.interface,
            outgoing: false,
            inside_ip: false,
            layers: 0,
        }
    }

    /// Walks on from `layer` to the TCP header or to an IP fragment.
    pub fn run(&mut self, mut layer: Layer) -> Step {
        loop {
            if matches!(layer, Layer::Tcp | Layer::Fragment) {
                return Ok(layer);
            }
            if self.layers >= MAX_LAYERS {
                return Err(Skip::Nested);
            }
            self.layers += 1;
            layer = self.step(layer).map_err(|skip| self.judge(skip))?;
        }
    }

    fn step(&mut self, layer: Layer) -> Step {
        match layer {
            Layer::Link(link) => link::link(self, link),
            Layer::Ether(ethertype) => link::ethertype(self, ethertype),
            Layer::Ip => ip::either(self),
            Layer::Ip4 => ip::v4(self),
            Layer::Ip6 => ip::v6(self),
            Layer::Proto(proto) => tunnel::proto(self, proto),
            Layer::Fragment | Layer::Tcp => Ok(layer),
        }
    }

    /// A frame without an IP packet inside an IP packet is an IP packet of another protocol.
    fn judge(&self, skip: Skip) -> Skip {
        match skip {
            Skip::NotIp | Skip::LinkType if self.inside_ip => Skip::NotTcp,
            other => other,
        }
    }

    /// The captured bytes of the current layer.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        let end = self.end.min(self.bytes.len());
        self.bytes.get(self.at..end).unwrap_or(&[])
    }

    /// The next `N` bytes, or `cut` if they were not captured.
    #[inline]
    pub fn peek<const N: usize>(&self, cut: Skip) -> Result<&'a [u8; N], Skip> {
        self.rest().first_chunk().ok_or(cut)
    }

    /// The next `N` bytes; the walk moves behind them.
    #[inline]
    pub fn take<const N: usize>(&mut self, cut: Skip) -> Result<&'a [u8; N], Skip> {
        let bytes = self.peek(cut)?;
        self.at += N;
        Ok(bytes)
    }

    /// Moves behind `n` bytes, which need not have been captured.
    #[inline]
    pub fn skip(&mut self, n: usize) {
        self.at += n;
    }

    /// Ends the current layer after `n` bytes from here, unless it ends before that.
    #[inline]
    pub fn shorten(&mut self, n: usize) {
        self.end = self.end.min(self.at + n);
    }

    /// Adds an id to the scope.
    pub fn enter(&mut self, kind: Kind, id: u32) -> Result<(), Skip> {
        if self.scope.push(kind, id) {
            Ok(())
        } else {
            Err(Skip::Nested)
        }
    }

    /// Folds what tells one place of capture from another into `tap`.
    pub fn tap_more(&mut self, what: u64) {
        let mixed = (what ^ u64::from(self.tap) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.tap = (mixed >> 48) as u16;
    }
}

/// A big-endian 16-bit number at `at`. The caller has checked that it is there.
#[inline]
pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// A big-endian 32-bit number at `at`. The caller has checked that it is there.
#[inline]
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
