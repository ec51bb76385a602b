//! One connection: two ends, and what each segment proves about them.
//!
//! The rule that keeps capture time out of the verdicts: *what an end has received is what it acks;
//! what it has sent is what we see.* A FIN counts as received when its receiver acks it, so two FINs
//! that crossed are told apart by their numbers wherever the capture was taken. An ACK counts as
//! delivered until the segment that it acks is sent again.

use super::account::app_hints;
use super::closing::{Closing, Sent};
use super::endpoint::{Endpoint, scale, seen};
use super::handshake::guess_client;
use crate::completeness::Completeness;
use crate::machine::State;
use crate::prefetch::prefetch;
use crate::segment::{Dir, FlowKey, NO_WSCALE, Segment, flag, mark};
use crate::slugs::{ClientBy, Handshake, Label, Note};
use crate::zeek::Zeek;

/// Which parts of the handshake were captured.
pub(super) mod shake {
    pub const SYN: u8 = 1;
    pub const SYN_ACK: u8 = 2;
    pub const ACK: u8 = 4;
}

/// See [`Conn::reuse`].
pub mod reuse {
    /// It began while an end of the connection of the same tuple before it stood in TIME-WAIT.
    pub const IN_TIME_WAIT: u8 = 1;
    /// A new connection took the tuple while this one was not finished.
    pub const REPLACED: u8 = 2;
}

/// What became of one segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Bits by [`Label`].
    pub labels: u64,
    /// The frame it answers or repeats; 0 if none.
    pub refers_to: u64,
}

impl Outcome {
    /// Adds a label.
    #[inline]
    pub fn label(&mut self, label: Label) {
        self.labels |= 1 << label as u8;
    }

    /// An outcome with one label.
    #[inline]
    #[must_use]
    pub fn of(label: Label) -> Outcome {
        Outcome {
            labels: 1 << label as u8,
            refers_to: 0,
        }
    }

    /// True if it has this label.
    #[must_use]
    pub fn is(&self, label: Label) -> bool {
        self.labels & (1 << label as u8) != 0
    }
}

/// A connection being tracked.
#[derive(Clone, Debug)]
pub struct Conn {
    /// Both ends' addresses, ports and the scope.
    pub key: FlowKey,
    /// The two ends, by [`Dir`]: the sender of `Up` segments first.
    pub ends: [Endpoint; 2],
    /// Nanoseconds of the first segment.
    pub first_ts: i64,
    /// Nanoseconds of the latest segment.
    pub last_ts: i64,
    /// Frame of the first segment.
    pub first_frame: u64,
    /// Nanoseconds from the first SYN to the ACK of the SYN-ACK; -1 while unknown.
    pub handshake_ns: i64,
    /// Bits by [`Note`].
    pub notes: u64,
    /// FIN and RST, once there are any.
    pub closing: Option<Box<Closing>>,
    /// What Zeek would say.
    pub zeek: Zeek,
    /// Which file it began in.
    pub source: u32,
    /// A SYN that came while the connection lived, and its repeats.
    pub challenger: Option<Box<Vec<Segment>>>,
    /// How it shares its tuple with others: bits of [`reuse`].
    pub reuse: u8,
    /// Both ends are open and nothing stands out: see [`Conn::ordinary`].
    pub(super) calm: bool,
    /// What Wireshark would say.
    pub completeness: Completeness,
    /// Who sends `Up` or `Down`: the direction of the client's segments.
    pub client: Dir,
    /// How that was told.
    pub client_by: ClientBy,
    /// Who sent the last new payload.
    pub last_data: Option<Dir>,
    /// The scope in which the other direction was found; that of the key if it is no other one.
    pub other_scope: u32,
    pub(super) shake: u8,
}

impl Conn {
    /// A connection that begins with `seg`.
    #[must_use]
    pub fn new(seg: &Segment, source: u32) -> Conn {
        let (client, client_by) = guess_client(seg);
        let midstream = seg.flags & flag::SYN == 0;
        let state = |is_client: bool| match (midstream, is_client) {
            (true, _) => State::Established,
            (false, true) => State::Closed,
            (false, false) => State::Listen,
        };
        let mut conn = Conn {
            key: seg.key,
            ends: [
                Endpoint::new(state(client == Dir::Up)),
                Endpoint::new(state(client == Dir::Down)),
            ],
            first_ts: seg.ts,
            last_ts: seg.ts,
            first_frame: seg.number,
            handshake_ns: -1,
            notes: 0,
            closing: None,
            zeek: Zeek::default(),
            source,
            challenger: None,
            reuse: 0,
            calm: false,
            completeness: Completeness::default(),
            client,
            client_by,
            last_data: None,
            other_scope: seg.key.scope,
            shake: 0,
        };
        if midstream {
            conn.note(Note::Midstream);
        }
        conn
    }

    /// The client's end.
    #[must_use]
    pub fn client_end(&self) -> &Endpoint {
        &self.ends[self.client as usize]
    }

    /// The server's end.
    #[must_use]
    pub fn server_end(&self) -> &Endpoint {
        &self.ends[self.client.flip() as usize]
    }

    /// Marks a note.
    #[inline]
    pub fn note(&mut self, note: Note) {
        self.notes |= 1 << note as u8;
    }

    /// True if the note is marked.
    #[must_use]
    pub fn noted(&self, note: Note) -> bool {
        self.notes & (1 << note as u8) != 0
    }

    /// How much of the handshake was captured.
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        match self.shake {
            0 => Handshake::Missing,
            s if s == shake::SYN | shake::SYN_ACK | shake::ACK => Handshake::Complete,
            _ => Handshake::Partial,
        }
    }

    /// True once a SYN-ACK was captured.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.shake & shake::SYN_ACK != 0
    }

    /// How many SYN-ACKs were captured of a server that has sent nothing else but RSTs.
    #[must_use]
    pub fn syn_acks(&self) -> u32 {
        1 + self.server_end().retransmissions
    }

    /// True while both windows are to be scaled (RFC 7323 section 2.2: only if both SYNs offered it).
    #[must_use]
    pub fn scaled(&self) -> bool {
        self.ends.iter().all(|e| e.wscale != NO_WSCALE)
    }

    /// Asks for what it has allocated when it closed.
    #[inline]
    pub(super) fn prefetch_boxes(&self) {
        if let Some(closing) = self.closing.as_deref() {
            prefetch(closing);
        }
        self.zeek.prefetch_rare();
    }

    /// Where each end stood before its last move since this was asked last.
    pub fn passed(&mut self) -> [Option<State>; 2] {
        self.ends.each_mut().map(|e| e.passed.take())
    }

    /// True once both FINs are acked or a RST is in effect.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.closing.as_ref().is_some_and(|c| c.finished.is_some())
    }

    /// Takes a segment of the common kind: both ends open, new data or a new ACK in order. `None`, and
    /// nothing done, for any other.
    #[inline(always)]
    pub(super) fn ordinary(&mut self, seg: &Segment) -> Option<Outcome> {
        const FLAGS: u16 = flag::SYN | flag::FIN | flag::RST | flag::URG | flag::ACK;
        const MARKS: u16 = mark::BAD_CHECKSUM | mark::FRAGMENTED | mark::LEN_FROM_FRAME;
        let (x, y) = pair(&mut self.ends, seg.dir as usize);
        let news = seg.ack.since(x.ack);
        let usual = self.calm
            && seg.flags & FLAGS == flag::ACK
            && seg.seq == x.snd_nxt
            && (news > 0 || news == 0 && seg.payload > 0)
            && seg.ack.at_or_before(y.snd_nxt)
            && seg.window != 0
            && seg.marks & MARKS == 0
            && seg.ttl == x.ttl
            && seg.ts >= self.last_ts;
        if !usual {
            return None;
        }
        self.zeek.segment(seg);
        self.completeness.ordinary(seg.payload > 0);
        let mut outcome = Outcome::of(Label::Ack);
        if seg.payload > 0 {
            if y.ack == seg.seq {
                // everything before was acked: this begins a new exchange
                let last = x.last_data_ts.max(y.last_data_ts);
                let quiet = if self.last_data.is_none() {
                    0
                } else {
                    seg.ts.saturating_sub(last)
                };
                x.quiet_ms = u32::try_from(quiet / 1_000_000).unwrap_or(u32::MAX);
                let answered = if self.last_data == Some(seg.dir.flip()) {
                    seen::ANSWERED
                } else {
                    0
                };
                x.seen = x.seen & !seen::ANSWERED | answered;
            }
            x.bytes += u64::from(seg.payload);
            x.snd_nxt = seg.seq + seg.payload;
            x.last_data_ts = seg.ts;
            self.last_data = Some(seg.dir);
            outcome = Outcome::of(Label::Data);
            app_hints(x, &mut self.notes, seg);
        }
        x.ack = seg.ack;
        x.packets = x.packets.saturating_add(1);
        x.last_ts = seg.ts;
        x.last_frame = seg.number;
        x.last_payload = seg.payload;
        x.last_ack = seg.ack;
        x.window = seg.window;
        x.max_window = x.max_window.max(u32::from(seg.window) << (x.shift & 15));
        self.last_ts = seg.ts;
        Some(outcome)
    }

    /// Takes any segment that is not a copy of an earlier one.
    pub fn segment(&mut self, seg: &Segment) -> Outcome {
        self.zeek.segment(seg);
        self.completeness.segment(seg);
        let outcome = self.uncommon(seg);
        let scaled = self.scaled();
        for e in &mut self.ends {
            e.shift = if scaled { e.wscale.min(14) } else { 0 };
        }
        self.calm = self.closing.is_none()
            && self.challenger.is_none()
            && self.ends.iter().all(|e| {
                e.state == State::Established
                    && e.streak == 0
                    && e.vain == 0
                    && e.has(seen::SEQ | seen::ACK)
                    && e.seen & (seen::ZERO_WINDOW | seen::HELD_UP) == 0
            });
        outcome
    }

    /// What every segment leaves behind.
    #[inline]
    fn stamp(&mut self, seg: &Segment) {
        let scaled = self.scaled();
        let x = &mut self.ends[seg.dir as usize];
        x.packets = x.packets.saturating_add(1);
        x.last_ts = seg.ts;
        x.last_frame = seg.number;
        x.last_payload = seg.payload;
        if seg.flags & flag::RST == 0 {
            x.seen |= seen::SPOKE;
            if seg.flags & flag::ACK != 0 {
                x.last_ack = seg.ack;
            }
            x.window = seg.window;
            // the window of a SYN is never scaled (RFC 7323 section 2.2)
            let window = scale(seg.window, x.wscale, scaled && seg.flags & flag::SYN == 0);
            x.max_window = x.max_window.max(window);
            if x.ttl != seg.ttl {
                if x.ttl == 0 {
                    x.ttl = seg.ttl;
                } else {
                    self.notes |= 1 << Note::TtlVaries as u8;
                }
            }
        }
        self.last_ts = self.last_ts.max(seg.ts);
    }

    fn uncommon(&mut self, seg: &Segment) -> Outcome {
        self.note_marks(seg);
        let s = seg.dir as usize;
        let mut out = Outcome::default();
        if seg.marked(mark::BAD_CHECKSUM) && !self.ends[s].has(seen::CHECKSUM_GOOD) {
            self.note(Note::OffloadedChecksum);
        } else if seg.marked(mark::BAD_CHECKSUM) {
            // its sender's other checksums are right, so this is no offload: the receiver drops it
            out.label(Label::BadChecksum);
            self.note(Note::BadChecksum);
            self.count_closing(seg);
            self.ends[s].packets += 1;
            self.last_ts = self.last_ts.max(seg.ts);
            return out;
        }
        const UNVERIFIED: u16 = mark::BAD_CHECKSUM | mark::OFFLOADED_CHECKSUM | mark::FRAGMENTED;
        if seg.flags & (flag::SYN | flag::FIN | flag::RST) != 0
            && seg.payload == 0
            && !seg.payload_cut
            && !seg.marked(UNVERIFIED)
        {
            self.ends[s].seen |= seen::CHECKSUM_GOOD;
        }
        self.count_closing(seg);
        if seg.flags & flag::RST != 0 {
            self.reset(seg, &mut out);
            self.stamp(seg);
            return out;
        }
        if seg.flags & flag::SYN != 0 {
            self.syn(seg, &mut out);
        } else if self.shake & shake::SYN != 0 || self.answered() {
            self.implied_handshake(seg);
        }
        if seg.flags & flag::ACK != 0 {
            if self.is_old_ack(seg) {
                out.label(Label::OldAck);
                self.note(Note::TimeWaitRefused);
                self.ends[s].seen |= seen::ACKS_UNSEEN;
                self.stamp(seg);
                return out;
            }
            self.proves_received(s, seg.ack);
        }
        self.account(seg, &mut out);
        if seg.flags & flag::FIN != 0 {
            self.fin(seg, &mut out);
        } else if out.is(Label::Retransmission) {
            self.fin_waits_for_this(seg);
        }
        if seg.flags & flag::ACK != 0 {
            self.acks_syn(seg, &mut out);
            self.acks_fin(seg, &mut out);
        }
        self.after_reset(seg, &mut out);
        if seg.flags & flag::FIN != 0 {
            self.crossed_the_reset(seg);
        }
        self.stamp(seg);
        let una = self.ends[s ^ 1].ack;
        if let Some(c) = &mut self.closing {
            c.remember(
                s,
                Sent {
                    frame: seg.number,
                    ts: seg.ts,
                    seq: seg.seq,
                    ack: seg.ack,
                    payload: seg.payload,
                    fin: seg.has(flag::FIN),
                },
                una,
            );
        }
        out
    }

    fn note_marks(&mut self, seg: &Segment) {
        const PAIRS: [(u16, Note); 3] = [
            (mark::OFFLOADED_CHECKSUM, Note::OffloadedChecksum),
            (mark::FRAGMENTED, Note::Fragmented),
            (mark::LEN_FROM_FRAME, Note::Offload),
        ];
        for (bits, note) in PAIRS {
            if seg.marked(bits) {
                self.note(note);
            }
        }
        if seg.flags & flag::URG != 0 {
            self.note(Note::Urgent);
        }
        if seg.ts < self.last_ts {
            self.note(Note::TimeBackwards);
        }
    }

    /// Counts FIN and RST segments and makes the closing record when the first one comes.
    fn count_closing(&mut self, seg: &Segment) {
        if seg.flags & (flag::FIN | flag::RST) == 0 {
            return;
        }
        let s = seg.dir as usize;
        if self.closing.is_none() {
            let mut closing = Box::<Closing>::default();
            for (i, e) in self.ends.iter().enumerate().filter(|(_, e)| e.packets > 0) {
                let sent = Sent {
                    frame: e.last_frame,
                    ts: e.last_ts,
                    seq: e.snd_nxt - e.last_payload,
                    ack: e.last_ack,
                    payload: e.last_payload,
                    fin: false,
                };
                closing.remember(i, sent, self.ends[i ^ 1].ack);
            }
            self.closing = Some(closing);
        }
        if let Some(c) = &mut self.closing {
            c.fins[s] += u32::from(seg.flags & flag::FIN != 0);
            c.rsts[s] += u32::from(seg.flags & flag::RST != 0);
        }
    }
}

/// Both ends, the sender of a segment first.
#[inline]
pub(super) fn pair(ends: &mut [Endpoint; 2], s: usize) -> (&mut Endpoint, &mut Endpoint) {
    let [a, b] = ends;
    if s == 0 { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With its slot in the flow table, at most 16 bytes a connection when it is fullest, and what
    /// allocators add, an open connection is to take at most 400 bytes.
    #[test]
    fn is_small() {
        assert!(size_of::<Conn>() <= 376, "{}", size_of::<Conn>());
    }
}
