//! A frame becomes a [`Segment`], a [`Fragment`] of one, or a reason why not.

mod checksum;
mod fragment;
mod hints;
mod ip;
mod link;
mod ppp;
pub mod scope;
mod tcp;
#[cfg(test)]
mod tests;
mod tunnel;
mod walk;
mod wifi;

pub use fragment::{Defragmenter, Fragment};
pub use scope::{Scope, ScopeNames};

use crate::frame::FrameRef;
use crate::segment::{Segment, from_v4, mark};
use crate::skip::Skip;
use std::ops::Range;
use tcp::Context;
use walk::{Ip, Layer, Walk, be16, be32};

/// What a frame gave.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// A TCP segment.
    Segment(Segment),
    /// An IP fragment, for the [`Defragmenter`].
    Fragment(Fragment<'a>),
    /// Nothing, for this reason.
    Skip(Skip),
}

/// Decodes one frame. `bytes` are the captured bytes of `frame`, `number` is its number in the file.
///
/// Pure: it holds no state, so frames may be decoded in parallel and in any order. Nothing is
/// allocated. Payload bytes are read only for the hints and checksums that [`mark`] describes.
#[inline]
#[must_use]
pub fn decode<'a>(frame: &FrameRef, bytes: &'a [u8], number: u64) -> Decoded<'a> {
    match plain(frame, bytes, number) {
        Some(Ok(segment)) => Decoded::Segment(segment),
        Some(Err(skip)) => Decoded::Skip(skip),
        None => any(frame, bytes, number),
    }
}

/// Length of an Ethernet header without tags.
const ETHERNET: usize = 14;

/// Ethernet, IPv4 without options, TCP: most frames of most captures. `None` for all others.
#[inline]
fn plain(frame: &FrameRef, bytes: &[u8], number: u64) -> Option<Result<Segment, Skip>> {
    const TCP_AT: usize = ETHERNET + 20;
    let h: &[u8; TCP_AT] = bytes.first_chunk()?;
    let total = usize::from(be16(h, ETHERNET + 2));
    let is_plain = frame.link == link::linktype::ETHERNET
        && be16(h, 12) == link::ether::IPV4
        && h[ETHERNET] == 0x45
        && h[ETHERNET + 9] == ip::proto::TCP
        && be16(h, ETHERNET + 6) & 0x3fff == 0
        && total >= 20;
    if !is_plain {
        return None;
    }
    let context = Context {
        ts: frame.ts,
        number,
        ip: Ip {
            src: from_v4(be32(h, ETHERNET + 12)),
            dst: from_v4(be32(h, ETHERNET + 16)),
            id: be16(h, ETHERNET + 4),
            ttl: h[ETHERNET + 8],
            v6: false,
            no_length: false,
            at: ETHERNET,
        },
        scope: 0,
        tap: frame.interface,
        marks: 0,
    };
    let wire = total - 20;
    let end = bytes.len().min(ETHERNET + total);
    Some(tcp::segment(&context, &bytes[TCP_AT..end], wire))
}

/// Every frame, layer by layer.
#[inline(never)]
fn any<'a>(frame: &FrameRef, bytes: &'a [u8], number: u64) -> Decoded<'a> {
    let mut walk = Walk::new(frame, bytes);
    match walk.run(Layer::Link(frame.link)) {
        Ok(Layer::Fragment) => Decoded::Fragment(Fragment {
            ts: frame.ts,
            number,
            walk,
        }),
        Ok(_) => match found(&walk, frame.ts, number, 0) {
            Ok(segment) => Decoded::Segment(segment),
            Err(skip) => Decoded::Skip(skip),
        },
        Err(skip) => Decoded::Skip(skip),
    }
}

/// The segment where a walk ended.
fn found(w: &Walk, ts: i64, number: u64, marks: u16) -> Result<Segment, Skip> {
    let mark_if = |set: bool, bit: u16| if set { bit } else { 0 };
    let context = Context {
        ts,
        number,
        ip: w.ip,
        scope: w.scope.number(),
        tap: w.tap,
        marks: marks
            | mark_if(w.ip.v6, mark::IPV6)
            | mark_if(w.ip.no_length, mark::LEN_FROM_FRAME)
            | mark_if(w.outgoing, mark::OUTGOING),
    };
    tcp::segment(&context, w.rest(), w.end.saturating_sub(w.at))
}

/// Where the layers lie in a frame that holds a TCP segment. Ranges are clipped to what was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// VLANs and tunnels around it; its `Display` is the column `scope`.
    pub scope: Scope,
    /// The innermost IP header with its options or extension headers.
    pub ip: Range<usize>,
    /// The TCP header with its options.
    pub tcp: Range<usize>,
    /// The payload.
    pub payload: Range<usize>,
}

/// Finds the layers of one frame again, for a person to look at. `None` if [`decode`] gives no
/// segment for it.
#[must_use]
pub fn locate(frame: &FrameRef, bytes: &[u8]) -> Option<Layers> {
    let mut walk = Walk::new(frame, bytes);
    if walk.run(Layer::Link(frame.link)) != Ok(Layer::Tcp) {
        return None;
    }
    let header: &[u8; tcp::HEADER] = walk.rest().first_chunk()?;
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < tcp::HEADER || walk.at + header_len > walk.end {
        return None;
    }
    let end = walk.end.min(bytes.len());
    let payload = (walk.at + header_len).min(end);
    Some(Layers {
        scope: walk.scope,
        ip: walk.ip.at..walk.at,
        tcp: walk.at..payload,
        payload: payload..end,
    })
}
