//! The core of finwait: from the bytes of a capture to a verdict for each connection.
//!
//! Data flows one way: [`frame`] (a source gives frames) → decode (a frame gives a [`segment`]) →
//! track (segments move two copies of the state machine) → verdict (a closed connection gets its
//! words) → columns (rows become Arrow).

pub mod completeness;
pub mod decode;
pub mod error;
pub mod frame;
pub mod machine;
pub mod mapped;
pub mod segment;
pub mod seq;
pub mod skip;
pub mod slugs;
pub mod source;
pub mod zeek;
