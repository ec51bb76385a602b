//! pcapng: blocks that each say their own length, in sections that each say their own byte order.
//!
//! Source: draft-ietf-opsawg-pcapng. Blocks that hold no frame are passed over, whatever their length.

use super::walk::{Break, Order, Stop, Walked, Window};
use crate::frame::FrameRef;

/// Longest block that is looked into. libpcap refuses more than this too (`sf-pcapng.c`); longer
/// blocks of kinds that are passed over do no harm.
const MAX_BLOCK: u32 = 16 << 20;

/// Most interfaces in a section, so that [`FrameRef::interface`] can name each.
const MAX_INTERFACES: usize = 1 << 16;

/// Shortest block: type, length, and length again.
const MIN_BLOCK: u32 = 12;

/// Type of a section header block; the same in both byte orders.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
/// Kinds that hold no packet but that Wireshark (4.0) numbers as if they did: journal entries,
/// Sysdig's system calls, and custom blocks.
const NUMBERED: [u32; 6] = [9, 0x204, 0x216, 0x221, 0xbad, 0x4000_0bad];

/// A link type that is not assigned, for records that are counted but hold no packet.
const NO_LINK: u16 = u16::MAX;

/// One interface of the current section.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u16,
    /// Most bytes captured of a frame; 0 is no limit.
    snaplen: u32,
    clock: Clock,
    /// Nanoseconds to add to each time.
    offset: i64,
}

/// How ticks become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// This many nanoseconds a tick.
    Times(u64),
    /// This many ticks a nanosecond.
    Over(u64),
    /// Two to this power ticks a second.
    Binary(u8),
}

impl Clock {
    /// The clock of an `if_tsresol` (section 4.2): ticks a second as a negative power of 10, or of 2
    /// if the highest bit is set.
    pub(super) fn of(resolution: u8) -> Clock {
        let power = resolution & 0x7f;
        if resolution & 0x80 != 0 {
            return Clock::Binary(power);
        }
        match power {
            0..=9 => Clock::Times(10_u64.pow(u32::from(9 - power))),
            10..=28 => Clock::Over(10_u64.pow(u32::from(power - 9))),
            // So many ticks a second that 64 bits of them are less than a nanosecond.
            _ => Clock::Binary(127),
        }
    }

    /// Nanoseconds of so many ticks, at most `i64::MAX`.
    #[inline]
    pub(super) fn nanoseconds(self, ticks: u64) -> i64 {
        let ns = match self {
            Clock::Times(n) => ticks.saturating_mul(n),
            Clock::Over(n) => ticks / n,
            Clock::Binary(power) => {
                let ns = (u128::from(ticks) * 1_000_000_000) >> power;
                u64::try_from(ns).unwrap_or(u64::MAX)
            }
        };
        i64::try_from(ns).unwrap_or(i64::MAX)
    }
}

/// A block whose end has not been reached: it was passed over.
#[derive(Clone, Copy, Debug)]
struct Passing {
    offset: u64,
    length: u32,
}

/// Walks the blocks of one file.
#[derive(Debug)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Time of the newest packet; simple packets have none of their own.
    newest: i64,
    passing: Option<Passing>,
}

/// A block that is there in whole.
struct Block<'a> {
    kind: u32,
    /// From its type to its second length.
    bytes: &'a [u8],
    /// Where it starts in the window.
    at: usize,
}

/// Offset within a block, and what is wrong there.
type Fault = (usize, String);

impl Pcapng {
    /// A walker for a file that starts with a section header.
    pub(super) fn new() -> Pcapng {
        Pcapng {
            order: Order::Little,
            interfaces: Vec::new(),
            newest: 0,
            passing: None,
        }
    }

    /// See [`super::walk::Walker::walk`].
    pub(super) fn walk(
        &mut self,
        window: Window<'_>,
        room: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Walked {
        let full = frames.len().saturating_add(room);
        let mut at = window.from;
        while frames.len() < full {
            if at > window.bytes.len() {
                break;
            }
            match self.step(window, at, frames) {
                Ok(Some(next)) => at = next,
                Ok(None) => break,
                Err((within, message)) => return window.broken(at + within, message),
            }
        }
        let stop = if frames.len() < full {
            Stop::More
        } else {
            Stop::Full
        };
        Walked {
            next: at as u64,
            stop,
        }
    }

    /// Takes the block, or the end of the block, at `at`. Where the next one starts, or `None` if
    /// this one is not there in whole.
    fn step(
        &mut self,
        window: Window<'_>,
        at: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Result<Option<usize>, Fault> {
        let here = &window.bytes[at..];
        if let Some(passing) = self.passing {
            if here.len() < 4 {
                return Ok(None);
            }
            check_end(passing.length, self.order.u32(here, 0)).map_err(|m| (0, m))?;
            self.passing = None;
            return Ok(Some(at + 4));
        }
        if here.len() < 8 {
            return Ok(None);
        }
        let kind = self.order.u32(here, 0);
        if kind == SECTION {
            if here.len() < 12 {
                return Ok(None);
            }
            self.order = order_of(here).ok_or_else(|| {
                let found = self.order.u32(here, 8);
                (
                    8,
                    format!(
                        "a section header has the byte-order magic {found:#010x}, not 0x1a2b3c4d"
                    ),
                )
            })?;
        }
        let length = self.order.u32(here, 4);
        if length < MIN_BLOCK {
            return Err((
                4,
                format!(
                    "a block says it is {length} bytes long, but none is shorter than {MIN_BLOCK}"
                ),
            ));
        }
        // Some writers leave the padding out of the length; the block is padded all the same.
        let padded = u64::from(length).next_multiple_of(4);
        if !matches!(kind, SECTION | INTERFACE | PACKET | SIMPLE | ENHANCED) {
            self.pass(window, at, length);
            if NUMBERED.contains(&kind) {
                frames.push(self.empty_frame());
            }
            return Ok(Some(at.saturating_add(padded as usize - 4)));
        }
        if length > MAX_BLOCK {
            return Err((
                4,
                format!(
                    "a block of type {kind} says it is {length} bytes long, more than the \
                     {MAX_BLOCK} that any capture needs, so the file is damaged here"
                ),
            ));
        }
        let end = padded as usize;
        let Some(bytes) = here.get(..end) else {
            return Ok(None);
        };
        check_end(length, self.order.u32(bytes, end - 4)).map_err(|m| (end - 4, m))?;
        self.look(&Block { kind, bytes, at }, frames)?;
        Ok(Some(at + end))
    }

    fn pass(&mut self, window: Window<'_>, at: usize, length: u32) {
        self.passing = Some(Passing {
            offset: window.origin + at as u64,
            length,
        });
    }

    /// A frame without bytes, so that the frames after it have Wireshark's numbers.
    fn empty_frame(&self) -> FrameRef {
        FrameRef {
            ts: self.newest,
            start: 0,
            len: 0,
            wire_len: 0,
            link: NO_LINK,
            interface: 0,
        }
    }

    fn look(&mut self, block: &Block<'_>, frames: &mut Vec<FrameRef>) -> Result<(), Fault> {
        match block.kind {
            SECTION => self.section(block),
            INTERFACE => self.interface(block),
            SIMPLE => self.simple(block).map(|frame| frames.push(frame)),
            _ => self.packet(block).map(|frame| frames.push(frame)),
        }
    }

    /// Section 4.1.
    fn section(&mut self, block: &Block<'_>) -> Result<(), Fault> {
        need(block, 28, "section header")?;
        let (major, minor) = (
            self.order.u16(block.bytes, 12),
            self.order.u16(block.bytes, 14),
        );
        if major != 1 {
            return Err((
                12,
                format!(
                    "pcapng version {major}.{minor} is not known; 1.0 is what is written today"
                ),
            ));
        }
        self.interfaces.clear();
        Ok(())
    }

    /// Section 4.2.
    fn interface(&mut self, block: &Block<'_>) -> Result<(), Fault> {
        need(block, 20, "interface description")?;
        if self.interfaces.len() == MAX_INTERFACES {
            return Err((
                0,
                format!("more than {MAX_INTERFACES} interfaces in a section"),
            ));
        }
        let mut interface = Interface {
            link: self.order.u16(block.bytes, 8),
            snaplen: self.order.u32(block.bytes, 12),
            clock: Clock::of(6),
            offset: 0,
        };
        self.options(block, 16, |code, value| match (code, value) {
            (9, [resolution]) => {
                interface.clock = Clock::of(*resolution);
                true
            }
            (14, [_, _, _, _, _, _, _, _]) => {
                let seconds = self.order.u64(value) as i64;
                interface.offset = seconds.saturating_mul(1_000_000_000);
                true
            }
            (9 | 14, _) => false,
            _ => true,
        })?;
        self.interfaces.push(interface);
        Ok(())
    }

    /// Hands each option from `at` on to `take`, which says whether its length is right.
    fn options(
        &self,
        block: &Block<'_>,
        mut at: usize,
        mut take: impl FnMut(u16, &[u8]) -> bool,
    ) -> Result<(), Fault> {
        let end = block.bytes.len() - 4;
        while at + 4 <= end {
            let code = self.order.u16(block.bytes, at);
            let length = usize::from(self.order.u16(block.bytes, at + 2));
            if code == 0 {
                break;
            }
            let value = block.bytes[..end].get(at + 4..at + 4 + length);
            if !value.is_some_and(|value| take(code, value)) {
                return Err((
                    at,
                    format!(
                        "option {code} of an interface has an impossible length of {length} bytes"
                    ),
                ));
            }
            at += 4 + length.next_multiple_of(4);
        }
        Ok(())
    }

    /// Sections 4.3 (enhanced) and A (obsolete, with a 16-bit interface and a drop count).
    fn packet(&mut self, block: &Block<'_>) -> Result<FrameRef, Fault> {
        need(block, 32, "packet")?;
        let bytes = block.bytes;
        let number = match block.kind {
            PACKET => u32::from(self.order.u16(bytes, 8)),
            _ => self.order.u32(bytes, 8),
        };
        let interface = self.known(number)?;
        let ticks =
            u64::from(self.order.u32(bytes, 12)) << 32 | u64::from(self.order.u32(bytes, 16));
        let captured = self.order.u32(bytes, 20);
        if captured as usize > bytes.len() - 32 {
            return Err((
                20,
                format!(
                    "a packet says {captured} bytes were captured, but its block has room for {}",
                    bytes.len() - 32
                ),
            ));
        }
        let ts = interface.clock.nanoseconds(ticks);
        self.newest = ts.saturating_add(interface.offset);
        Ok(FrameRef {
            ts: self.newest,
            start: (block.at + 28) as u32,
            len: captured,
            wire_len: self.order.u32(bytes, 24),
            link: interface.link,
            interface: number as u16,
        })
    }

    /// Section 4.4. It has no time: it gets that of the packet before it.
    fn simple(&self, block: &Block<'_>) -> Result<FrameRef, Fault> {
        need(block, 16, "simple packet")?;
        let interface = self.known(0)?;
        let wire = self.order.u32(block.bytes, 8);
        let most = match interface.snaplen {
            0 => u32::MAX,
            limit => limit,
        };
        let captured = wire.min(most);
        if captured as usize > block.bytes.len() - 16 {
            return Err((
                8,
                format!(
                    "a simple packet is {captured} bytes long, but its block has room for {}",
                    block.bytes.len() - 16
                ),
            ));
        }
        Ok(FrameRef {
            ts: self.newest,
            start: (block.at + 12) as u32,
            len: captured,
            wire_len: wire,
            link: interface.link,
            interface: 0,
        })
    }

    fn known(&self, number: u32) -> Result<Interface, Fault> {
        let found = self.interfaces.get(number as usize).copied();
        found.ok_or_else(|| {
            (
                8,
                format!(
                    "a packet is of interface {number}, but its section has described {}",
                    self.interfaces.len()
                ),
            )
        })
    }

    /// The file ends with `rest`, `missing` bytes before the end of what was passed over.
    pub(super) fn cut(&self, rest: &[u8], at: u64, missing: u64) -> Option<Break> {
        if let Some(Passing { offset, length }) = self.passing {
            let wanting = missing + 4 - rest.len() as u64;
            return Some(Break {
                offset,
                message: format!(
                    "the file ends inside a block of {length} bytes, {wanting} bytes early"
                ),
            });
        }
        if rest.is_empty() {
            return None;
        }
        let message = if rest.len() < 8 {
            format!(
                "the file ends inside a block header, after {} of 8 bytes",
                rest.len()
            )
        } else {
            let length = order_of(rest).unwrap_or(self.order).u32(rest, 4);
            format!(
                "the file ends inside a block, after {} of {length} bytes",
                rest.len()
            )
        };
        Some(Break {
            offset: at,
            message,
        })
    }
}

/// The byte order that a section header tells.
fn order_of(block: &[u8]) -> Option<Order> {
    [Order::Little, Order::Big]
        .into_iter()
        .find(|order| order.u32(block, 0) == SECTION && order.u32(block, 8) == BYTE_ORDER)
}

fn need(block: &Block<'_>, least: usize, what: &str) -> Result<(), Fault> {
    if block.bytes.len() >= least {
        return Ok(());
    }
    Err((
        4,
        format!(
            "a {what} block is {} bytes long, but needs at least {least}",
            block.bytes.len()
        ),
    ))
}

fn check_end(length: u32, again: u32) -> Result<(), String> {
    if length == again {
        return Ok(());
    }
    Err(format!(
        "a block starts by saying it is {length} bytes long and ends by saying {again}, so the \
         file is damaged here and what follows cannot be found"
    ))
}
