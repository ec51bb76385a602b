//! What Zeek says about a connection: `conn_state` and `history` of its `conn.log`.
//!
//! This follows the behaviour of Zeek with its default scripts (read off `TCPSessionAdapter`,
//! `TCP_Endpoint`, `TCP_Reassembler` and `base/protocols/conn` of Zeek 9.1-dev; the same since 6.0),
//! not an RFC: an end is `Established` as soon as its SYN was answered, a RST always counts, a
//! FIN closes its end whatever its number. Judged against Zeek's own baselines in `tests/judge`.
//!
//! Checksums are ignored, as `zeek -C` does: captures of a sending host hold wrong ones.
//!
//! Zeek ends its record of a connection by timers of its own ([`Zeek::segment`]) and begins another
//! when more segments come. What is told here is the first record, the one whose `ts` is the
//! connection's first segment.

mod history;
mod machine;
mod waiting;

use crate::prefetch::prefetch;
use crate::segment::{Dir, FlowKey, Segment, flag, mark};
use crate::seq::Seq;
use history::{Counter, History, Once, cased, is_syn_then_rst};
use machine::is_server_port;
use waiting::Waiting;

/// Zeek's units of time here: 2^20 ns, so that a moment fits 32 bits. Wraps after 52 days.
const TICK_BITS: u32 = 20;
/// Ticks in a second.
const SECOND: u32 = (1_000_000_000u64 >> TICK_BITS) as u32 + 1;
/// `tcp_attempt_delay`: a SYN without any answer for so long is a record of its own.
const ATTEMPT_DELAY: u32 = 5 * SECOND;
/// `tcp_close_delay` and `tcp_reset_delay`: the record ends so long after the connection closed.
const CLOSE_DELAY: u32 = 5 * SECOND;
/// Letters kept at most beyond the inline ones. Zeek has no such bound, but FINs with ever new numbers
/// would fill memory.
const MAX_LETTERS: usize = 4096;
/// `TOO_LARGE_SEQ_DELTA`: jumps of SYN and RST beyond this are not believed.
const TOO_LARGE: i32 = 1 << 20;

/// Where Zeek thinks an end stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Nothing seen of it.
    #[default]
    Inactive,
    /// Its SYN was seen.
    SynSent,
    /// Its SYN-ACK was seen, and it sent the first segment.
    SynAckSent,
    /// Segments, but no SYN.
    Partial,
    Established,
    /// Its FIN was seen.
    Closed,
    /// Its RST was seen.
    Reset,
}

impl State {
    fn in_handshake(self) -> bool {
        matches!(self, State::Inactive | State::SynSent | State::SynAckSent)
    }
}

/// Bits of [`End::bits`].
mod end_bit {
    /// A FIN was seen; `fin` is valid.
    pub const FIN: u8 = 1;
    /// Reported closed.
    pub const CLOSED: u8 = 2;
    /// Is to be reported closed as soon as its data is complete.
    pub const PENDING: u8 = 4;
    /// Data before `last` is missing: what came in order ends at `reached`.
    pub const HOLES: u8 = 8;
    /// Data came behind a hole; `Rare::waiting` tells which.
    pub const WAITING: u8 = 16;
}

/// One end of the connection.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// Number of its SYN, or one before its first segment.
    start: Seq,
    /// Highest number sent, plus one.
    last: Seq,
    /// Everything before was acked, or came in order. Without `HOLES` it may lag behind `last`.
    reached: Seq,
    /// Gaps so far: holes that the other end acked.
    gaps: u32,
    state: State,
    before: State,
    bits: u8,
}

impl End {
    fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    fn set(&mut self, seq: Seq, last: Seq) {
        self.start = seq;
        self.reached = seq;
        self.last = last;
    }

    /// Established, or closed from there: gaps count only then.
    fn is_clean(&self) -> bool {
        self.state == State::Established
            || (self.state == State::Closed && self.before == State::Established)
    }

    /// Whether Zeek's size of this end is zero: no payload sent and none acked.
    fn is_empty(&self) -> bool {
        let size = self.last.max(self.reached).since(self.start);
        size <= 1 + i32::from(self.has(end_bit::FIN))
    }
}

/// Bits of [`Zeek::bits`].
mod bit {
    /// There was a first segment.
    pub const STARTED: u8 = 1;
    /// Zeek has written this record; what comes belongs to another one.
    pub const DONE: u8 = 2;
    /// The originator is the sender of `Dir::Down`.
    pub const ORIG_DOWN: u8 = 4;
    /// Both ends are established, and no data waits behind a hole.
    pub const CALM: u8 = 8;
    /// `timer` runs, for an unanswered SYN.
    pub const ATTEMPT: u8 = 16;
    /// `timer` runs, for a closed connection.
    pub const CLOSING: u8 = 32;
    /// The handshake is over: the inactivity timeout is 5 min instead of 1.
    pub const AWAKE: u8 = 64;
    /// An interactive service: the inactivity timeout is an hour.
    pub const PATIENT: u8 = 128;
}

/// Every `conn_state` there is.
pub const STATES: [&str; 13] = [
    "OTH", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR",
];

/// What few connections need, or only at their ends.
#[derive(Clone, Debug, Default)]
struct Rare {
    waiting: [Waiting; 2],
    counts: [[u32; Counter::COUNT]; 2],
    /// Distance from `start` to the last SYN, when that is not 0.
    syn: [u32; 2],
    /// Distance from `start` to the last FIN's own number.
    fin: [u32; 2],
    /// Distance from `start` to the last RST.
    rst: [u32; 2],
    /// The letters for which [`History`] has no room.
    letters: String,
}

/// Zeek's view of one open connection.
#[derive(Clone, Debug, Default)]
pub struct Zeek {
    /// By direction: `Dir::Up` first.
    ends: [End; 2],
    /// When the last segment came, in ticks.
    last_time: u32,
    /// When the attempt or the closed connection times out, in ticks.
    timer: u32,
    /// See [`bit`].
    bits: u8,
    history: History,
    rare: Option<Box<Rare>>,
}

impl Zeek {
    /// Takes the connection's next segment.
    ///
    /// Ignored once Zeek would have written the record: 5 s after the close, 5 s after a SYN
    /// without an answer, after 5 min without a segment (an hour on the ports of FTP, SSH, Telnet
    /// and rlogin, 1 min before the handshake is over), or at a SYN that Zeek takes for a new connection.
    #[inline]
    pub fn segment(&mut self, seg: &Segment) {
        let now = (seg.ts >> TICK_BITS) as u32;
        if !self.is_ordinary(seg, now) {
            self.unusual(seg, now);
            return;
        }
        let (me, peer) = sides(seg.dir);
        self.last_time = now;
        let end = &mut self.ends[me];
        let whole = end.last.max(end.reached);
        end.last = end.last + seg.payload;
        if seg.payload_cut && end.last.after(whole) && !end.has(end_bit::HOLES) {
            end.bits |= end_bit::HOLES;
            end.reached = whole;
        }
        let acked = &mut self.ends[peer];
        if seg.ack.after(acked.reached) {
            acked.reached = seg.ack;
            if acked.has(end_bit::HOLES) {
                if seg.ack == acked.last {
                    acked.bits &= !end_bit::HOLES;
                }
                self.count_gap(peer);
            }
        }
    }

    /// True for data and acks in order of an established connection, which add at most a gap.
    #[inline]
    fn is_ordinary(&self, seg: &Segment, now: u32) -> bool {
        let (me, peer) = sides(seg.dir);
        let (end, acked) = (&self.ends[me], &self.ends[peer]);
        let letter = if seg.payload > 0 {
            Once::Data
        } else {
            Once::Ack
        };
        self.bits & bit::CALM != 0
            && seg.flags & (flag::SYN | flag::FIN | flag::RST | flag::ACK) == flag::ACK
            && seg.window != 0
            && seg.seq == end.last
            && seg.ack.at_or_before(acked.last)
            // Captures with a snap length cut all payload: holes that are acked whole, a gap each.
            // What came behind a hole, or fills one, only the long way knows.
            && (!end.has(end_bit::HOLES) || seg.payload_cut || seg.payload == 0)
            && (!acked.has(end_bit::HOLES) || seg.ack.0 != 0)
            && seg.marks & mark::OPTIONS_CUT == 0
            && now.wrapping_sub(self.last_time) < 60 * SECOND
            && self.history.has(self.is_orig(me), letter)
    }

    /// Asks for what it has allocated.
    #[inline]
    pub fn prefetch_rare(&self) {
        if let Some(rare) = self.rare.as_deref() {
            prefetch(rare);
        }
    }

    /// `conn_state` and `history`.
    #[must_use]
    pub fn finish(&self) -> (&'static str, String) {
        (self.conn_state(), self.history())
    }

    /// True if Zeek begins a new record with this segment.
    #[must_use]
    pub fn should_split(&self, seg: &Segment) -> bool {
        self.bits & bit::DONE != 0
            || self.is_over((seg.ts >> TICK_BITS) as u32)
            || self.is_reuse(seg)
    }

    /// True if the originator, as Zeek sees it, is the sender of `dir`.
    #[must_use]
    pub fn is_originator(&self, dir: Dir) -> bool {
        self.is_orig(dir as usize)
    }

    #[inline]
    fn is_orig(&self, end: usize) -> bool {
        (end == 1) == (self.bits & bit::ORIG_DOWN != 0)
    }

    /// Indices of originator and responder.
    fn roles(&self) -> (usize, usize) {
        if self.bits & bit::ORIG_DOWN != 0 {
            (1, 0)
        } else {
            (0, 1)
        }
    }

    #[cold]
    #[inline(never)]
    fn unusual(&mut self, seg: &Segment, now: u32) {
        if self.bits & bit::STARTED == 0 {
            self.start(seg, now);
        } else if self.should_split(seg) {
            self.bits = (self.bits | bit::DONE) & !bit::CALM;
            return;
        }
        if seg.marks & mark::OPTIONS_CUT != 0 {
            // Zeek uses no segment without its whole header.
            return;
        }
        self.process(seg, now);
        let calm = self.ends.iter().all(|e| {
            // after a FIN or RST timers run, which the short way does not look at
            e.state == State::Established && !e.has(end_bit::WAITING | end_bit::PENDING)
        }) && self.bits & bit::CLOSING == 0
            && [self.fins(), self.rsts()] == [[0; 2]; 2];
        self.bits = if calm {
            self.bits | bit::CALM
        } else {
            self.bits & !bit::CALM
        };
    }

    /// The sender of the first segment is the originator, unless that segment is no bare SYN and
    /// the ports say otherwise.
    fn start(&mut self, seg: &Segment, now: u32) {
        self.bits = bit::STARTED;
        self.last_time = now;
        if seg.dir == Dir::Down {
            self.bits |= bit::ORIG_DOWN;
        }
        if seg.flags & (flag::SYN | flag::ACK) != flag::SYN {
            let (from, to) = ports(&seg.key, seg.dir);
            let flips =
                is_server_port(from) && (!is_server_port(to) || (!seg.has(flag::SYN) && from < to));
            if flips {
                self.flip();
            }
        }
    }

    fn flip(&mut self) {
        self.bits ^= bit::ORIG_DOWN;
        self.push(b'^');
    }

    /// True if one of Zeek's timers ended the record before `now`.
    fn is_over(&self, now: u32) -> bool {
        let ran_out = now.wrapping_sub(self.timer) as i32 >= 0;
        let (orig, resp) = self.roles();
        if self.bits & bit::CLOSING != 0 && ran_out {
            return true;
        }
        if self.bits & bit::ATTEMPT != 0
            && ran_out
            && self.ends[resp].state == State::Inactive
            && matches!(self.ends[orig].state, State::SynSent | State::SynAckSent)
        {
            return true;
        }
        let patience = if self.bits & bit::PATIENT != 0 {
            3600
        } else if self.bits & bit::AWAKE != 0 {
            300
        } else {
            60
        };
        let idle = now.wrapping_sub(self.last_time) as i32;
        idle >= (patience * SECOND) as i32
    }

    /// True if Zeek takes this SYN for a new connection on the same tuple.
    fn is_reuse(&self, seg: &Segment) -> bool {
        if !seg.has(flag::SYN) {
            return false;
        }
        let (orig, resp) = self.roles();
        let (orig, resp) = (&self.ends[orig], &self.ends[resp]);
        let is_reply = seg.has(flag::ACK);
        if is_reply && orig.state != State::Inactive {
            return false;
        }
        if orig.has(end_bit::CLOSED) || resp.has(end_bit::CLOSED) {
            return true;
        }
        let known = if is_reply { resp } else { orig };
        let reversed = !is_reply
            && orig.state == State::SynAckSent
            && resp.state == State::Inactive
            && seg.seq == resp.start;
        seg.seq != known.start && !reversed
    }

    fn fins(&self) -> [u32; 2] {
        self.rare.as_ref().map_or([0; 2], |r| r.fin)
    }

    fn rsts(&self) -> [u32; 2] {
        self.rare.as_ref().map_or([0; 2], |r| r.rst)
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Adds a letter to the history.
    fn push(&mut self, letter: u8) {
        if !self.history.push(letter) {
            let more = &mut self.rare().letters;
            if more.len() < MAX_LETTERS {
                more.push(char::from(letter));
            }
        }
    }

    fn history(&self) -> String {
        let more = self.rare.as_ref().map_or("", |rare| &rare.letters);
        [self.history.letters(), more].concat()
    }

    /// Counts what gets a letter at the 1st, 10th, 100th… time.
    fn count(&mut self, end: usize, what: Counter) {
        let n = &mut self.rare().counts[end][what as usize];
        *n = n.saturating_add(1);
        if is_power_of_ten(*n) {
            self.push(cased(what.letter(), self.is_orig(end)));
        }
    }

    /// Counts a gap in what `end` sent.
    #[inline]
    fn count_gap(&mut self, end: usize) {
        let n = &mut self.ends[end].gaps;
        *n = n.saturating_add(1);
        if is_power_of_ten(*n) {
            self.push(cased(b'G', self.is_orig(end)));
        }
    }

    fn conn_state(&self) -> &'static str {
        let (orig, resp) = self.roles();
        let (o, r) = (&self.ends[orig], &self.ends[resp]);
        let silent = |s: State| matches!(s, State::Inactive | State::Partial);
        match (o.state, r.state) {
            (State::SynSent | State::SynAckSent, State::Reset) => "REJ",
            (State::Reset, State::Reset) if o.is_empty() && r.is_empty() => "REJ",
            (s, State::Reset) if silent(s) => "RSTRH",
            (_, State::Reset) => "RSTR",
            (State::Reset, s) if silent(s) && is_syn_then_rst(&self.history()) => "RSTOS0",
            (State::Reset, s) if silent(s) => "OTH",
            (State::Reset, _) => "RSTO",
            (State::Closed, State::Closed) => "SF",
            (State::Closed, s) if silent(s) => "SH",
            (State::Closed, _) => "S2",
            (s, State::Closed) if silent(s) => "SHR",
            (_, State::Closed) => "S3",
            (State::SynSent, State::Inactive) => "S0",
            (State::Established, State::Established) => "S1",
            _ => "OTH",
        }
    }
}

fn sides(dir: Dir) -> (usize, usize) {
    (dir as usize, dir.flip() as usize)
}

/// Source and destination port of a segment that went `dir`.
fn ports(key: &FlowKey, dir: Dir) -> (u16, u16) {
    match dir {
        Dir::Up => (key.low_port, key.high_port),
        Dir::Down => (key.high_port, key.low_port),
    }
}

#[inline]
fn is_power_of_ten(mut n: u32) -> bool {
    while n > 1 && n.is_multiple_of(10) {
        n /= 10;
    }
    n == 1
}

#[cfg(test)]
mod tests;
