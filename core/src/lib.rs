//! The core of finwait: from the bytes of a capture to a verdict for each connection.
//!
//! Data flows one way: [`frame`] (a source gives frames) → decode (a frame gives a [`segment`]) →
//! track (segments move two copies of the state machine) → verdict (a closed connection gets its
//! words) → columns (rows become Arrow).

pub mod columns;
pub mod completeness;
pub mod decode;
pub mod engine;
pub mod error;
pub mod explain;
pub mod frame;
pub mod machine;
pub mod ndjson;
pub mod prefetch;
pub mod segment;
pub mod seq;
pub mod skip;
pub mod slugs;
pub mod source;
pub mod track;
pub mod verdict;
pub mod zeek;

#[cfg(feature = "python")]
mod python;
