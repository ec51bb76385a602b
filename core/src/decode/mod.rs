//! A frame becomes a [`Segment`], a [`Fragment`] of one, or a reason why not.

mod checksum;
mod fragment;
mod hints;
mod ip;
mod link;
mod plain;
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
use crate::segment::{Segment, mark};
use crate::skip::Skip;
use std::ops::Range;
use tcp::Context;
use walk::{Layer, Walk};

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

/// What [`decode_into`] found. A caller takes it apart at once and keeps none, so its size costs
/// nothing: for a segment one byte is written.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Found<'a> {
    /// A TCP segment, which it wrote.
    Segment,
    /// An IP fragment, for the [`Defragmenter`].
    Fragment(Fragment<'a>),
    /// Nothing, for this reason.
    Skip(Skip),
}

/// Decodes one frame. `bytes` are the captured bytes of `frame`, `number` is its number in the file.
///
/// Pure: it holds no state, so frames may be decoded in parallel and in any order. Nothing is
/// allocated. Payload bytes are read only for the hints and checksums that [`mark`] describes.
#[must_use]
pub fn decode<'a>(frame: &FrameRef, bytes: &'a [u8], number: u64) -> Decoded<'a> {
    let mut segment = Segment::default();
    match decode_into(frame, bytes, number, &mut segment) {
        Found::Segment => Decoded::Segment(segment),
        Found::Fragment(fragment) => Decoded::Fragment(fragment),
        Found::Skip(skip) => Decoded::Skip(skip),
    }
}

/// As [`decode`], but writes the segment where it is wanted, which halves the time. If it finds none,
/// what `segment` holds means nothing.
#[inline]
#[must_use]
pub fn decode_into<'a>(
    frame: &FrameRef,
    bytes: &'a [u8],
    number: u64,
    segment: &mut Segment,
) -> Found<'a> {
    match plain::decode(frame, bytes, number, segment) {
        Some(Ok(())) => Found::Segment,
        Some(Err(skip)) => Found::Skip(skip),
        None => any(frame, bytes, number, segment),
    }
}

/// Every frame, layer by layer.
#[inline(never)]
fn any<'a>(frame: &FrameRef, bytes: &'a [u8], number: u64, segment: &mut Segment) -> Found<'a> {
    let mut walk = Walk::new(frame, bytes);
    match walk.run(Layer::Link(frame.link)) {
        Ok(Layer::Fragment) => {
            return Found::Fragment(Fragment {
                ts: frame.ts,
                number,
                walk,
            });
        }
        Ok(_) => {}
        Err(skip) => return Found::Skip(skip),
    }
    match found(&walk, frame.ts, number, 0, segment) {
        Ok(()) => Found::Segment,
        Err(skip) => Found::Skip(skip),
    }
}

/// The segment where a walk ended.
fn found(w: &Walk, ts: i64, number: u64, marks: u16, segment: &mut Segment) -> Result<(), Skip> {
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
    tcp::segment(&context, w.rest(), w.end.saturating_sub(w.at), segment)
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
