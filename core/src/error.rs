//! Errors whose blame is the capture's.

use std::fmt;

/// A capture that cannot be read (further).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError {
    /// The path as the user gave it; `-` is standard input.
    pub path: String,
    /// Byte offset of the break, in the uncompressed stream.
    pub offset: u64,
    /// What is wrong and, where there is one, the way out. One sentence without a full stop.
    pub message: String,
    /// True when the operating system refused (no such file, no permission), false when the bytes are bad.
    pub is_io: bool,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_io {
            write!(f, "{}: {}", self.path, self.message)
        } else {
            write!(f, "{}: offset {}: {}", self.path, self.offset, self.message)
        }
    }
}

impl std::error::Error for CaptureError {}
