//! Frames built by hand, byte for byte.

mod build;
mod fragments;
mod generate;
mod hostile;
mod links;
mod plain;
mod tshark;
mod tunnels;

use super::scope::describe;
use super::{Decoded, Layers, ScopeNames, decode, locate};
use crate::frame::FrameRef;
use crate::segment::Segment;
use crate::skip::Skip;

const ETHERNET: u16 = 1;

/// A frame that was captured whole.
fn frame(link: u16, bytes: &[u8]) -> FrameRef {
    FrameRef {
        ts: 1_000,
        start: 0,
        len: bytes.len() as u32,
        wire_len: bytes.len() as u32,
        link,
        interface: 0,
    }
}

fn try_decode(link: u16, bytes: &[u8]) -> Result<Segment, Skip> {
    match decode(&frame(link, bytes), bytes, 7) {
        Decoded::Segment(s) => Ok(s),
        Decoded::Skip(skip) => Err(skip),
        Decoded::Fragment(f) => panic!("a fragment: {f:?}"),
    }
}

#[track_caller]
fn segment(link: u16, bytes: &[u8]) -> Segment {
    try_decode(link, bytes).unwrap_or_else(|skip| panic!("skipped: {skip:?}"))
}

#[track_caller]
fn layers(link: u16, bytes: &[u8]) -> Layers {
    locate(&frame(link, bytes), bytes).expect("a segment")
}
