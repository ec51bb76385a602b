//! What every format's walker shares: it steps from record to record over bytes that are already
//! there, and never looks at a payload.

use super::pcap::{self, Pcap};
use crate::error::CaptureError;
use crate::frame::FrameRef;

/// Most bytes that one frame may have captured. libpcap's MAXIMUM_SNAPLEN, which is also
/// Wireshark's limit for every link type that can carry TCP; only D-Bus and USB captures hold more.
pub(super) const MAX_CAPTURED: u32 = 262_144;

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

/// A walker over whatever format the first bytes show.
pub(super) enum Walker {
    /// The first bytes have not been seen.
    Start,
    /// The pcap family.
    Pcap(Pcap),
}

impl Walker {
    /// Appends the next frames to `frames`, until it has `room` of them or the bytes run out.
    /// `start` of each frame counts from the beginning of `window.bytes`.
    pub(super) fn walk(
        &mut self,
        window: Window<'_>,
        room: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Walked {
        let mut window = window;
        if let Walker::Start = self {
            match recognise(window) {
                Ok((walker, header)) => {
                    *self = walker;
                    window.from += header;
                }
                Err(walked) => return walked,
            }
        }
        match self {
            Walker::Start => Walked {
                next: window.from as u64,
                stop: Stop::More,
            },
            Walker::Pcap(pcap) => pcap.walk(window, room, frames),
        }
    }

    /// The stream ended at the end of `window`, with `missing` bytes still to be passed over: the
    /// break, if that is not between two records.
    pub(super) fn cut(&self, window: Window<'_>, _missing: u64) -> Option<Break> {
        let left = window.bytes.len() - window.from;
        let message = match self {
            Walker::Start => format!("the file ends after {left} bytes, inside the file header"),
            Walker::Pcap(_) if left == 0 => return None,
            Walker::Pcap(pcap) => pcap.cut(&window.bytes[window.from..]),
        };
        Some(Break {
            offset: window.origin + window.from as u64,
            message,
        })
    }
}

/// Tells the format by its first bytes; the walker and the length of the file header.
fn recognise(window: Window<'_>) -> Result<(Walker, usize), Walked> {
    let head = &window.bytes[window.from..];
    let more = Walked {
        next: window.from as u64,
        stop: Stop::More,
    };
    let Some(&magic) = head.first_chunk::<4>() else {
        return Err(more);
    };
    let Some(kind) = pcap::Kind::of(magic) else {
        let found = magic.map(|b| format!("{b:02x}")).join(" ");
        return Err(window.broken(
            window.from,
            format!("the first bytes are {found}, which is neither pcap nor pcapng"),
        ));
    };
    if head.len() < kind.header() {
        return Err(more);
    }
    match Pcap::new(kind, head) {
        Ok(pcap) => Ok((Walker::Pcap(pcap), kind.header())),
        Err((at, message)) => Err(window.broken(window.from + at, message)),
    }
}
