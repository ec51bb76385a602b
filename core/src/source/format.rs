//! Which format the first bytes show, and the walker for it.

use super::pcap::{Kind, Pcap};
use super::pcapng::{self, Pcapng};
use super::walk::{Break, Stop, Walked, Window};
use crate::frame::FrameRef;

/// A walker over whatever format the first bytes show.
pub(super) enum Walker {
    /// The first bytes have not been seen. From a `live` stream no more of them are awaited than
    /// the first frame has.
    Start {
        /// The stream is still being written.
        live: bool,
    },
    /// The pcap family.
    Pcap(Pcap),
    /// The pcapng family.
    Pcapng(Pcapng),
}

impl Walker {
    /// Appends the next frames to `frames`, until it has `room` more of them or the bytes run out.
    /// `start` of each frame counts from the beginning of `window.bytes`.
    pub(super) fn walk(
        &mut self,
        mut window: Window<'_>,
        room: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Walked {
        if let Walker::Start { live } = *self {
            match recognise(window, live) {
                Ok((walker, header)) => {
                    *self = walker;
                    window.from += header;
                }
                Err(walked) => return walked,
            }
        }
        match self {
            Walker::Start { .. } => more(window.from),
            Walker::Pcap(pcap) => pcap.walk(window, room, frames),
            Walker::Pcapng(pcapng) => pcapng.walk(window, room, frames),
        }
    }

    /// The stream ended at the end of `window`, `missing` bytes before where the walk was to go on:
    /// the break, if that is not between two records.
    pub(super) fn cut(&self, window: Window<'_>, missing: u64) -> Option<Break> {
        let rest = &window.bytes[window.from..];
        let offset = window.origin + window.from as u64;
        let message = match self {
            Walker::Pcapng(pcapng) => return pcapng.cut(rest, offset, missing),
            Walker::Pcap(_) if rest.is_empty() => return None,
            Walker::Pcap(pcap) => pcap.cut(rest),
            Walker::Start { .. } if rest.is_empty() => {
                "there is nothing in it; a capture starts with a file header".to_owned()
            }
            Walker::Start { .. } => format!(
                "the file ends inside the file header, after {} bytes",
                rest.len()
            ),
        };
        Some(Break { offset, message })
    }
}

/// The walker for the format, and the length of the file header that it does not want to see.
fn recognise(window: Window<'_>, live: bool) -> Result<(Walker, usize), Walked> {
    let head = &window.bytes[window.from..];
    let Some(&magic) = head.first_chunk::<4>() else {
        return Err(more(window.from));
    };
    if u32::from_le_bytes(magic) == pcapng::SECTION {
        return Ok((Walker::Pcapng(Pcapng::new()), 0));
    }
    let Some(kind) = Kind::of(magic) else {
        if head.len() < LONGEST_MAGIC && !window.last {
            return Err(more(window.from));
        }
        return Err(window.broken(window.from, stranger(head)));
    };
    if head.len() < kind.header() {
        return Err(more(window.from));
    }
    match Pcap::new(kind, head, live, window.last) {
        Ok(Some(pcap)) => Ok((Walker::Pcap(pcap), kind.header())),
        Ok(None) => Err(more(window.from)),
        Err((at, message)) => Err(window.broken(window.from + at, message)),
    }
}

fn more(at: usize) -> Walked {
    Walked {
        next: at as u64,
        stop: Stop::More,
    }
}

/// What to do about a file that is something else.
#[derive(Clone, Copy)]
enum WayOut {
    /// Uncompress it with this command.
    Command(&'static str),
    /// Wireshark's editcap turns it into pcapng.
    Editcap,
}

/// First bytes of files that are not ours to read, what they are, and the way out. From the
/// formats' own descriptions and file(1).
const STRANGERS: &[(&[u8], &str, WayOut)] = &[
    (
        b"\x1f\x8b",
        "gzip inside a compressed file",
        WayOut::Command("gzip -dc"),
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "zstd inside a compressed file",
        WayOut::Command("zstd -dc"),
    ),
    (
        b"\x04\x22\x4d\x18",
        "lz4 inside a compressed file",
        WayOut::Command("lz4 -dc"),
    ),
    (b"\xfd7zXZ\0", "xz-compressed", WayOut::Command("xz -dc")),
    (b"BZh", "bzip2-compressed", WayOut::Command("bzip2 -dc")),
    (b"PK\x03\x04", "a zip archive", WayOut::Command("unzip -p")),
    (
        b"7z\xbc\xaf\x27\x1c",
        "a 7z archive",
        WayOut::Command("7z e -so"),
    ),
    (b"snoop\0\0\0", "a Solaris snoop capture", WayOut::Editcap),
    (b"GMBU", "a Microsoft NetMon 2 capture", WayOut::Editcap),
    (b"RTSS", "a Microsoft NetMon 1 capture", WayOut::Editcap),
    (b"iptrace ", "an AIX iptrace capture", WayOut::Editcap),
    (b"XCP\0", "a NetXRay capture", WayOut::Editcap),
    (b"TRSNIFF data", "a DOS Sniffer capture", WayOut::Editcap),
    (
        b"ObserverPktBuffe",
        "a Viavi Observer capture",
        WayOut::Editcap,
    ),
];

/// Bytes needed to know each stranger.
pub(super) const LONGEST_MAGIC: usize = 16;

/// True if nothing at the start of a file says that it holds a capture, in whatever shape.
pub(super) fn is_other(head: &[u8]) -> bool {
    let begins = |magic: &[u8]| {
        let n = magic.len().min(head.len());
        head[..n] == magic[..n]
    };
    let ours = head
        .first_chunk::<4>()
        .is_some_and(|m| u32::from_le_bytes(*m) == pcapng::SECTION || Kind::of(*m).is_some());
    // three bytes are too few to tell
    !ours && head.len() >= 4 && !STRANGERS.iter().any(|(magic, ..)| begins(magic))
}

fn stranger(head: &[u8]) -> String {
    for (magic, what, way_out) in STRANGERS {
        if head.starts_with(magic) {
            let way_out = match way_out {
                WayOut::Command(command) => {
                    format!("uncompress it first: `{command} FILE | finwait analyze -`")
                }
                WayOut::Editcap => {
                    "turn it into pcapng first: `editcap FILE NEW.pcapng`".to_owned()
                }
            };
            return format!("this is {what}; {way_out}");
        }
    }
    let found: Vec<String> = head.iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!(
        "the first bytes are {}, but pcap and pcapng captures start otherwise; `capinfos FILE` may \
         know what it is",
        found.join(" ")
    )
}
