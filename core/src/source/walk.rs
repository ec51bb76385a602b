//! What every format's walker shares: it steps from record to record over bytes that are already
//! there, and never looks at a payload.

use crate::error::CaptureError;

/// Where the bytes contradict themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Break {
    /// Offset in the uncompressed stream.
    pub offset: u64,
    /// What was expected there and what was found.
    pub message: String,
}

impl Break {
    /// The same, told to a person.
    pub(super) fn into_error(self, path: &str) -> CaptureError {
        CaptureError {
            path: path.to_owned(),
            offset: self.offset,
            message: self.message,
            is_io: false,
        }
    }
}

/// Why a walk stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The next record is not there in whole.
    More,
    /// There is no room for another frame.
    Full,
    /// Nothing after this point can be read.
    Broken(Break),
}

/// What a walk did.
#[derive(Debug)]
pub(super) struct Walked {
    /// Where the next walk starts, counted like `from`; beyond the window when a long block that
    /// means nothing to us is passed over.
    pub next: u64,
    /// Why it stopped.
    pub stop: Stop,
}

/// The bytes to walk over.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    /// What is there; less than 4 GiB.
    pub bytes: &'a [u8],
    /// Offset of `bytes[0]` in the uncompressed stream.
    pub origin: u64,
    /// Where in `bytes` the walk starts.
    pub from: usize,
    /// Nothing follows `bytes`.
    pub last: bool,
}

impl Window<'_> {
    /// A break at `at`, counted like `from`.
    pub(super) fn broken(&self, at: usize, message: String) -> Walked {
        Walked {
            next: at as u64,
            stop: Stop::Broken(Break {
                offset: self.origin + at as u64,
                message,
            }),
        }
    }
}

/// Byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// Two bytes at `at`; 0 beyond the end.
    #[inline(always)]
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let Some(b) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            return 0;
        };
        match self {
            Order::Little => u16::from_le_bytes(*b),
            Order::Big => u16::from_be_bytes(*b),
        }
    }

    /// Four bytes at `at`; 0 beyond the end.
    #[inline(always)]
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let Some(b) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            return 0;
        };
        match self {
            Order::Little => u32::from_le_bytes(*b),
            Order::Big => u32::from_be_bytes(*b),
        }
    }
}

impl Order {
    /// Eight bytes; 0 if they are not exactly that many.
    pub(super) fn u64(self, bytes: &[u8]) -> u64 {
        let Ok(b) = bytes.try_into() else {
            return 0;
        };
        match self {
            Order::Little => u64::from_le_bytes(b),
            Order::Big => u64::from_be_bytes(b),
        }
    }
}
