//! The pcap family: a file header, then records of a short header and a frame.
//!
//! Sources: pcap-savefile(5) and draft-ietf-opsawg-pcap for the format; libpcap's `sf-pcap.c` and
//! Wireshark's `wiretap/libpcap.c` for which variants exist and how they differ.

use super::walk::{MAX_CAPTURED, Order, Stop, Walked, Window};
use crate::frame::FrameRef;

/// What the magic number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    order: Order,
    /// Nanoseconds in one unit of the fraction.
    unit: u32,
    /// Extra bytes after the 24 of the file header.
    extra: u8,
    /// Length of a record header.
    record: u8,
}

impl Kind {
    /// The kind with this magic number, if there is one.
    pub(super) fn of(magic: [u8; 4]) -> Option<Kind> {
        let with = |order, unit, extra, record| {
            Some(Kind {
                order,
                unit,
                extra,
                record,
            })
        };
        for (order, number) in [
            (Order::Little, u32::from_le_bytes(magic)),
            (Order::Big, u32::from_be_bytes(magic)),
        ] {
            let kind = match number {
                0xa1b2_c3d4 => with(order, 1000, 0, 16),
                0xa1b2_3c4d => with(order, 1, 0, 16),
                // Kuznetzov's patch adds interface index, protocol and packet type to each record.
                0xa1b2_cd34 => with(order, 1000, 0, 24),
                // Ixia's hardware and software captures: the size of all records follows the header.
                0x1c00_01ac => with(order, 1, 4, 16),
                0x1c00_01ab => with(order, 1000, 4, 16),
                _ => None,
            };
            if kind.is_some() {
                return kind;
            }
        }
        None
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

/// Walks the records of one file.
#[derive(Clone, Debug)]
pub(super) struct Pcap {
    kind: Kind,
    lengths: Lengths,
    link: u16,
}

impl Pcap {
    /// Reads a whole file header. The error has the offset within it.
    pub(super) fn new(kind: Kind, header: &[u8]) -> Result<Pcap, (usize, String)> {
        let (major, minor) = (kind.order.u16(header, 4), kind.order.u16(header, 6));
        let lengths = match (major, minor) {
            (2, 0..3) | (543, 0) => Lengths::Swapped,
            (2, 3) => Lengths::Either,
            (2, _) => Lengths::Normal,
            _ => {
                return Err((
                    4,
                    format!(
                        "pcap version {major}.{minor} is not known; 2.4 is what is written today"
                    ),
                ));
            }
        };
        // The upper 16 bits hold the FCS length and reserved bits.
        let link = (kind.order.u32(header, 20) & 0xffff) as u16;
        Ok(Pcap {
            kind,
            lengths,
            link,
        })
    }

    /// See [`super::walk::Walker::walk`].
    pub(super) fn walk(
        &self,
        window: Window<'_>,
        room: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Walked {
        // One loop for each byte order: this is the part of the engine that cannot run in parallel.
        match self.kind.order {
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
        let header = usize::from(self.kind.record);
        let unit = i64::from(self.kind.unit);
        let mut at = window.from;
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
        let header = usize::from(self.kind.record);
        if rest.len() < header {
            return format!(
                "the file ends inside a record header, after {} of {header} bytes",
                rest.len()
            );
        }
        let (captured, _) = self.sizes(self.kind.order, rest);
        format!(
            "the file ends inside a frame, after {} of {captured} bytes",
            rest.len() - header
        )
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
