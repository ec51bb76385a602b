//! The pcap family: a file header, then records of a short header and a frame.
//!
//! Sources: pcap-savefile(5) and draft-ietf-opsawg-pcap for the format; libpcap's `sf-pcap.c` and
//! Wireshark's `wiretap/libpcap.c` for which variants exist and how they differ.

use super::walk::{Order, Stop, Walked, Window};
use crate::frame::FrameRef;
use crate::prefetch::prefetch;

/// Most bytes that one frame may have captured. libpcap's MAXIMUM_SNAPLEN, which is also
/// Wireshark's limit for every link type that can carry TCP; only D-Bus and USB captures hold more.
/// Nothing else in a record says where the next one starts, so a length above it is damage.
pub(super) const MAX_CAPTURED: u32 = 262_144;

/// What the magic number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    order: Order,
    /// Nanoseconds in one unit of the fraction.
    unit: u32,
    /// Extra bytes after the 24 of the file header.
    extra: u8,
    /// Lengths that the record header may have, the likeliest first.
    records: &'static [u8],
}

/// Record headers of files with the usual magic number: the usual one; Kuznetzov's patch of April
/// 1999 (Red Hat 6.1), which adds interface index, protocol and packet type; Nokia's, with 4 bytes
/// that nobody has explained.
const USUAL: &[u8] = &[16, 24, 20];
/// Record headers of files with the modified magic number: Kuznetzov's patch of October 1999, and
/// that of September 1999 (SuSE 6.3) with 4 bytes more.
const MODIFIED: &[u8] = &[24, 28];
const PLAIN: &[u8] = &[16];

impl Kind {
    /// The kind with this magic number, if there is one.
    pub(super) fn of(magic: [u8; 4]) -> Option<Kind> {
        [
            (Order::Little, u32::from_le_bytes(magic)),
            (Order::Big, u32::from_be_bytes(magic)),
        ]
        .into_iter()
        .find_map(|(order, number)| {
            let (unit, extra, records) = match number {
                0xa1b2_c3d4 => (1000, 0, USUAL),
                0xa1b2_3c4d => (1, 0, PLAIN),
                0xa1b2_cd34 => (1000, 0, MODIFIED),
                // Ixia's hardware and software captures: the size of all records follows the header.
                0x1c00_01ac => (1, 4, PLAIN),
                0x1c00_01ab => (1000, 4, PLAIN),
                _ => return None,
            };
            Some(Kind {
                order,
                unit,
                extra,
                records,
            })
        })
    }

    /// Length of the file header in bytes.
    pub(super) fn header(self) -> usize {
        24 + usize::from(self.extra)
    }
}

/// In which order a record header has its two lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, then wire: since version 2.3.
    Normal,
    /// Wire, then captured: before 2.3, and DG/UX's 543.0.
    Swapped,
    /// Version 2.3 was written both ways: the smaller is what was captured.
    Either,
}

/// Captured lengths from which a record reaches beyond what the processor fetches by itself.
const FAR: usize = 192;

/// Asks for memory ahead of the walk. Where the next record starts is known only when this one's
/// header has come from memory; waiting for each in turn took a third of all time on a capture with
/// whole payloads. Lengths repeat (full segments, bare ACKs), so the next few headers are guessed from
/// the last two lengths.
#[derive(Clone, Copy, Default)]
struct Ahead {
    last: usize,
    other: usize,
}

impl Ahead {
    #[inline(always)]
    fn ask(&mut self, bytes: &[u8], start: usize, captured: usize, header: usize) {
        let touch = |at: usize| {
            if let Some(byte) = bytes.get(at) {
                prefetch(byte);
            }
        };
        let step = captured + header;
        if step != self.last {
            (self.last, self.other) = (step, self.last);
        }
        if self.last.max(self.other) <= FAR {
            return;
        }
        // the rest of the headers, which the decoder will want
        touch(start + 48);
        let end = start + captured;
        let (a, b) = (self.last, self.other);
        for guess in [a, b, a + b, 2 * a, 2 * a + b, 3 * a, 2 * b + a] {
            touch(end + guess);
        }
    }
}

/// Walks the records of one file.
#[derive(Clone, Debug)]
pub(super) struct Pcap {
    order: Order,
    /// Nanoseconds in one unit of the fraction.
    unit: u32,
    /// Length of a record header.
    record: u8,
    lengths: Lengths,
    link: u16,
}

impl Pcap {
    /// Reads the file header at the start of `head` and, where the magic number leaves it open,
    /// tells the layout by the first records. `None` if `head` is too short for that. The error has
    /// the offset within `head`.
    pub(super) fn new(
        kind: Kind,
        head: &[u8],
        live: bool,
        last: bool,
    ) -> Result<Option<Pcap>, (usize, String)> {
        let order = kind.order;
        let (major, minor) = (order.u16(head, 4), order.u16(head, 6));
        let lengths = match (major, minor) {
            (2, 0..3) | (543, 0) => Lengths::Swapped,
            (2, 3) => Lengths::Either,
            (2, _) => Lengths::Normal,
            _ => {
                let message = format!(
                    "pcap version {major}.{minor} is not known; 2.4 is what is written today"
                );
                return Err((4, message));
            }
        };
        // The upper 16 bits hold the FCS length and reserved bits.
        let mut link = (order.u32(head, 20) & 0xffff) as u16;
        let mut unit = kind.unit;
        if let (PLAIN | USUAL, (2, 2), Some(known)) = (kind.records, (major, minor), aix(link)) {
            link = known;
            unit = 1;
        }
        let mut pcap = Pcap {
            order,
            unit,
            record: kind.records[0],
            lengths,
            link,
        };
        // Files older than 2.4 are older than the patches; a live stream would have to be waited for.
        if lengths == Lengths::Normal && kind.records.len() > 1 && !live {
            match pcap.layout(kind.records, &head[kind.header()..], last) {
                Some(record) => pcap.record = record,
                None => return Ok(None),
            }
        }
        Ok(Some(pcap))
    }

    /// The length of record headers that makes sense of the first two records, the likeliest first.
    /// `None` if there are too few bytes to tell.
    fn layout(&self, records: &[u8], body: &[u8], last: bool) -> Option<u8> {
        let (&usual, others) = records.split_first()?;
        if self.makes_sense(usual, body, last)? {
            return Some(usual);
        }
        for &other in others {
            // Only the sight of two good headers speaks for a layout that hardly anybody writes.
            if self.makes_sense(other, body, last)? && self.near(other, body) {
                return Some(other);
            }
        }
        Some(usual)
    }

    /// Whether the headers of the first two records, as far as the file has them, could be ones.
    fn makes_sense(&self, record: u8, body: &[u8], last: bool) -> Option<bool> {
        let record = usize::from(record);
        let mut at = 0;
        for _ in 0..2 {
            let Some(head) = body.get(at..at + record) else {
                return last.then_some(true);
            };
            let (captured, wire) = self.sizes(self.order, head);
            if captured > MAX_CAPTURED || captured > wire || self.order.u32(head, 4) >= 1_000_000 {
                return Some(false);
            }
            at += record + captured as usize;
        }
        Some(true)
    }

    /// Whether the first two records are there and their times are within 12 days.
    fn near(&self, record: u8, body: &[u8]) -> bool {
        let record = usize::from(record);
        let (captured, _) = self.sizes(self.order, body);
        let second = record + captured as usize;
        let Some(head) = body.get(second..second + record) else {
            return false;
        };
        let times = (self.order.u32(body, 0), self.order.u32(head, 0));
        times.0.abs_diff(times.1) < 1 << 20
    }

    /// See [`super::format::Walker::walk`].
    pub(super) fn walk(
        &self,
        window: Window<'_>,
        room: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Walked {
        // One loop for each byte order: this is the part of the engine that cannot run in parallel.
        match self.order {
            Order::Little => self.run(Order::Little, window, room, frames),
            Order::Big => self.run(Order::Big, window, room, frames),
        }
    }

    #[inline(always)]
    fn run(
        &self,
        order: Order,
        window: Window<'_>,
        room: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Walked {
        let bytes = window.bytes;
        let header = usize::from(self.record);
        let unit = i64::from(self.unit);
        let mut at = window.from;
        let mut ahead = Ahead::default();
        for _ in 0..room {
            let Some(head) = bytes.get(at..at + header) else {
                return more(at);
            };
            let (captured, wire) = self.sizes(order, head);
            if captured > MAX_CAPTURED {
                return window.broken(at, absurd(captured));
            }
            let start = at + header;
            let end = start + captured as usize;
            if end > bytes.len() {
                return more(at);
            }
            let seconds = i64::from(order.u32(head, 0));
            frames.push(FrameRef {
                ts: seconds * 1_000_000_000 + i64::from(order.u32(head, 4)) * unit,
                start: start as u32,
                len: captured,
                wire_len: wire,
                link: self.link,
                interface: 0,
            });
            ahead.ask(bytes, start, captured as usize, header);
            at = end;
        }
        Walked {
            next: at as u64,
            stop: Stop::Full,
        }
    }

    /// Captured and wire length.
    #[inline(always)]
    fn sizes(&self, order: Order, head: &[u8]) -> (u32, u32) {
        let (first, second) = (order.u32(head, 8), order.u32(head, 12));
        match self.lengths {
            Lengths::Normal => (first, second),
            Lengths::Swapped => (second, first),
            Lengths::Either => (first.min(second), first.max(second)),
        }
    }

    /// What to say when the file ends with `rest` of a record.
    pub(super) fn cut(&self, rest: &[u8]) -> String {
        let header = usize::from(self.record);
        if rest.len() < header {
            return format!(
                "the file ends inside a record header, after {} of {header} bytes",
                rest.len()
            );
        }
        let (captured, _) = self.sizes(self.order, rest);
        format!(
            "the file ends inside a frame, after {} of {captured} bytes",
            rest.len() - header
        )
    }
}

/// AIX writes version 2.2 with nanoseconds, and RFC 1573 interface types for link types. The
/// LINKTYPE_ value for those that its network cards have.
fn aix(interface_type: u16) -> Option<u16> {
    match interface_type {
        6 => Some(1),
        9 => Some(6),
        15 => Some(10),
        24 => Some(0),
        _ => None,
    }
}

fn more(at: usize) -> Walked {
    Walked {
        next: at as u64,
        stop: Stop::More,
    }
}

fn absurd(captured: u32) -> String {
    format!(
        "a record header says {captured} captured bytes, but no capture holds more than \
         {MAX_CAPTURED} a frame, so the file is damaged here and what follows cannot be found"
    )
}
