//! One connection: two ends, and what each segment proves about them.
//!
//! The rule that keeps capture time out of the verdicts: *what an end has received is what it acks;
//! what it has sent is what we see.* A FIN counts as received when its receiver acks it, so two FINs
//! that crossed are told apart by their numbers wherever the capture was taken. An ACK counts as
//! delivered until the segment that it acks is sent again.

use super::closing::{Closing, Fin, FinAck, Late, Sent};
use super::endpoint::{Endpoint, scale, seen};
use super::holes::Holes;
use crate::completeness::Completeness;
use crate::machine::{Event, State};
use crate::segment::{Dir, FlowKey, NO_WSCALE, Segment, flag, mark};
use crate::seq::Seq;
use crate::slugs::{ClientBy, Handshake, Label, Note};
use crate::zeek::Zeek;

/// Which parts of the handshake were captured.
mod shake {
    pub const SYN: u8 = 1;
    pub const SYN_ACK: u8 = 2;
    pub const ACK: u8 = 4;
}

/// Lowest port that may be a client's own (RFC 6335 section 6: the dynamic range starts at 49152;
/// Linux takes from 32768, `ip_local_port_range`).
const EPHEMERAL: u16 = 32768;

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
    /// The connection of the same tuple before this one: nanoseconds since it was finished, -1 if
    /// it was not finished, `i64::MIN` if there was none.
    pub since_previous: i64,
    /// Which file it began in.
    pub source: u32,
    /// What Wireshark would say.
    pub completeness: Completeness,
    /// Who sends `Up` or `Down`: the direction of the client's segments.
    pub client: Dir,
    /// How that was told.
    pub client_by: ClientBy,
    /// Who sent the last new payload.
    pub last_data: Option<Dir>,
    /// Direction of the first segment captured.
    pub first_dir: Dir,
    shake: u8,
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
            since_previous: i64::MIN,
            source,
            completeness: Completeness::default(),
            client,
            client_by,
            last_data: None,
            first_dir: seg.dir,
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

    /// True while both windows are to be scaled (RFC 7323 section 2.2: only if both SYNs offered it).
    #[must_use]
    pub fn scaled(&self) -> bool {
        self.ends.iter().all(|e| e.wscale != NO_WSCALE)
    }

    /// True once both FINs are acked or a RST is in effect.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.closing.as_ref().is_some_and(|c| c.finished.is_some())
    }

    /// Takes one segment that is not a copy of an earlier one.
    #[inline]
    pub fn segment(&mut self, seg: &Segment) -> Outcome {
        let s = seg.dir as usize;
        let (x, y) = pair(&mut self.ends, s);
        // The common case: both ends open, nothing but data and ACKs in order.
        const ODD: u16 = flag::SYN | flag::FIN | flag::RST | flag::URG;
        if seg.flags & (ODD | flag::ACK) == flag::ACK
            && self.closing.is_none()
            && x.state == State::Established
            && y.state == State::Established
            && seg.seq == x.snd_nxt
            && x.has(seen::SEQ | seen::ACK)
            && y.has(seen::SEQ)
            && seg.ack.at_or_after(x.ack)
            && seg.ack.at_or_before(y.snd_nxt)
            && (seg.payload > 0 || seg.ack != x.ack)
            && seg.window != 0
            && seg.marks & (mark::BAD_CHECKSUM | mark::FRAGMENTED | mark::LEN_FROM_FRAME) == 0
            && y.seen & seen::ZERO_WINDOW == 0
            && seg.ts >= self.last_ts
        {
            x.snd_nxt = seg.seq + seg.payload;
            x.ack = seg.ack;
            let mut outcome = Outcome::of(Label::Ack);
            if seg.payload > 0 {
                x.bytes += u64::from(seg.payload);
                x.last_data_ts = seg.ts;
                x.streak = 0;
                self.last_data = Some(seg.dir);
                outcome = Outcome::of(Label::Data);
                app_hints(x, &mut self.notes, seg);
            }
            y.streak = 0;
            self.stamp(seg);
            return outcome;
        }
        self.uncommon(seg)
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
        if seg.marked(mark::BAD_CHECKSUM) && self.ends[s].has(seen::CHECKSUM_GOOD) {
            // its sender's other checksums are right, so this is no offload: the receiver drops it
            out.label(Label::BadChecksum);
            self.note(Note::BadChecksum);
            self.count_closing(seg);
            self.ends[s].packets += 1;
            self.last_ts = self.last_ts.max(seg.ts);
            return out;
        }
        if seg.flags & (flag::SYN | flag::FIN | flag::RST) != 0
            && !seg.marked(mark::BAD_CHECKSUM | mark::OFFLOADED_CHECKSUM)
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
        }
        if seg.flags & flag::ACK != 0 {
            self.acks(seg, &mut out);
        }
        self.after_reset(seg, &mut out);
        self.stamp(seg);
        if let Some(c) = &mut self.closing {
            c.remember(
                s,
                Sent {
                    frame: seg.number,
                    ts: seg.ts,
                    ack: seg.ack,
                    payload: seg.payload,
                    fin: seg.has(flag::FIN),
                },
            );
        }
        out
    }

    fn note_marks(&mut self, seg: &Segment) {
        const PAIRS: [(u16, Note); 5] = [
            (mark::BAD_CHECKSUM, Note::OffloadedChecksum),
            (mark::OFFLOADED_CHECKSUM, Note::OffloadedChecksum),
            (mark::FRAGMENTED, Note::Fragmented),
            (mark::LEN_FROM_FRAME, Note::Offload),
            (0, Note::Offload),
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
                    ack: e.last_ack,
                    payload: e.last_payload,
                    fin: false,
                };
                closing.remember(i, sent);
            }
            self.closing = Some(closing);
        }
        if let Some(c) = &mut self.closing {
            c.fins[s] += u32::from(seg.flags & flag::FIN != 0);
            c.rsts[s] += u32::from(seg.flags & flag::RST != 0);
        }
    }

    fn syn(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let with_ack = seg.flags & flag::ACK != 0;
        if !with_ack && self.client_by != ClientBy::Syn {
            let both_syn = self.ends[s ^ 1].has(seen::SYN);
            if !both_syn || self.client_by == ClientBy::SynAck {
                self.client = seg.dir;
            }
            self.client_by = ClientBy::Syn;
        }
        out.label(if with_ack { Label::SynAck } else { Label::Syn });
        self.shake |= if with_ack { shake::SYN_ACK } else { shake::SYN };
        let x = &mut self.ends[s];
        if x.has(seen::SYN) {
            x.retransmissions += u32::from(x.isn == seg.seq);
            if x.isn == seg.seq && !(with_ack && x.state == State::SynSent) {
                out.label(Label::SynRetransmission);
                out.refers_to = x.last_frame;
                repeat(x, seg.ts);
                if x.state == State::SynReceived || x.state == State::SynSent || x.packets > 1 {
                    self.notes |= 1 << Note::SynRetransmitted as u8;
                }
            }
        } else {
            x.seen |= seen::SYN | seen::SEQ;
            x.isn = seg.seq;
            x.snd_nxt = seg.seq + 1;
            x.last_data_ts = if x.last_data_ts == i64::MIN {
                seg.ts
            } else {
                x.last_data_ts
            };
        }
        if seg.wscale != NO_WSCALE {
            x.wscale = seg.wscale;
        }
        if seg.marked(mark::TIMESTAMPS) {
            x.seen |= seen::TIMESTAMPS;
        }
        if seg.payload > 0 {
            self.notes |= 1 << Note::DataWithSyn as u8;
        }
        let peer_syn = self.ends[s ^ 1].has(seen::SYN);
        let x = &mut self.ends[s];
        if with_ack {
            // it has received a SYN: LISTEN -> SYN-RECEIVED, or SYN-SENT -> SYN-RECEIVED when both opened
            x.step(Event::RcvSyn);
            if !peer_syn && self.ends[s ^ 1].state == State::Closed {
                self.ends[s ^ 1].step(Event::SndSyn);
            }
        } else {
            if peer_syn && x.state == State::Listen {
                self.notes |= 1 << Note::SimultaneousOpen as u8;
            }
            x.step(Event::SndSyn);
        }
    }

    /// A segment without SYN from an end whose handshake was captured only in part: it could not
    /// speak without having heard the rest.
    fn implied_handshake(&mut self, seg: &Segment) {
        let s = seg.dir as usize;
        let (x, y) = pair(&mut self.ends, s);
        if x.state == State::SynSent && !y.has(seen::SYN) && y.packets == 0 {
            x.step(Event::RcvSynAck);
            y.step(Event::RcvSyn);
            y.step(Event::RcvAckOfSyn);
        } else if y.state == State::SynSent && x.state == State::SynReceived && y.packets == 0 {
            y.step(Event::RcvSynAck);
            x.step(Event::RcvAckOfSyn);
        }
    }

    /// An ACK to a SYN that does not ack it: the other end still has an older connection.
    fn is_old_ack(&self, seg: &Segment) -> bool {
        let y = &self.ends[seg.dir.flip() as usize];
        y.state == State::SynSent
            && seg.flags & (flag::SYN | flag::FIN) == 0
            && seg.payload == 0
            && y.has(seen::SYN)
            && seg.ack != y.isn + 1
            && !(seg.ack.after(y.isn) && seg.ack.at_or_before(y.snd_nxt))
    }

    /// End `s` sent an acknowledgment: it has received what it acks.
    fn proves_received(&mut self, s: usize, ack: Seq) {
        let fin = self.fin_of(s ^ 1);
        let (x, y) = pair(&mut self.ends, s);
        if y.has(seen::SYN) && ack.after(y.isn) && x.state == State::SynSent {
            x.step(Event::RcvSynAck);
        }
        if let Some(fin) = fin
            && ack.after(fin)
            && !x.has(seen::FIN_RECEIVED)
        {
            x.seen |= seen::FIN_RECEIVED;
            x.step(Event::RcvFin);
        }
    }

    fn fin_of(&self, s: usize) -> Option<Seq> {
        self.closing
            .as_ref()
            .and_then(|c| c.fin[s])
            .map(|f| f.number)
    }

    /// Sequence accounting: what is new, what is repeated, what is missing.
    fn account(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let start = if seg.flags & flag::SYN != 0 {
            seg.seq + 1
        } else {
            seg.seq
        };
        let end = start + seg.payload;
        let (x, y) = pair(&mut self.ends, s);
        if !x.has(seen::SEQ) {
            x.seen |= seen::SEQ;
            x.snd_nxt = start;
        }
        let scaled = x.wscale != NO_WSCALE && y.wscale != NO_WSCALE;
        let ahead = start.since(x.snd_nxt);
        // far outside any window (RFC 7323 section 2.3: at most 2^30): a stray, or another connection's
        if !(-(1 << 30)..=(1 << 30)).contains(&ahead) {
            return;
        }
        let bare = seg.flags & (flag::SYN | flag::FIN) == 0;
        if bare && ahead == -1 && seg.payload <= 1 && x.packets > 0 && self.shake != shake::SYN {
            // one below SND.NXT: RFC 9293 section 3.8.4 (keep-alive); with a zero window, a probe (3.8.6.1)
            let probe = y.has(seen::ZERO_WINDOW);
            out.label(if probe {
                Label::WindowProbe
            } else {
                Label::KeepAlive
            });
            self.notes |= 1
                << if probe {
                    Note::ZeroWindowProbe
                } else {
                    Note::KeepAlive
                } as u8;
            let x = &mut self.ends[s];
            if x.streak == 0 {
                x.seen |= seen::PROBING;
            }
            repeat(x, seg.ts);
            return;
        }
        if seg.payload > 0 {
            if y.has(seen::ZERO_WINDOW) && seg.payload == 1 && ahead == 0 {
                out.label(Label::WindowProbe);
                self.notes |= 1 << Note::ZeroWindowProbe as u8;
            }
            self.payload(seg, start, end, ahead, out);
        }
        self.window_and_ack(seg, scaled, out);
    }

    fn payload(&mut self, seg: &Segment, start: Seq, end: Seq, ahead: i32, out: &mut Outcome) {
        let s = seg.dir as usize;
        let own_fin = self.fin_of(s);
        let (x, y) = pair(&mut self.ends, s);
        let mut fresh = 0;
        if ahead > 0 {
            x.holes
                .get_or_insert_with(Box::<Holes>::default)
                .open(x.snd_nxt, start);
            x.seen |= seen::GAP;
            out.label(Label::Gap);
        }
        if ahead >= 0 {
            fresh = seg.payload;
        } else {
            let old_end = if end.after(x.snd_nxt) { x.snd_nxt } else { end };
            let filled = x.holes.as_mut().map_or(0, |h| h.fill(start, old_end));
            fresh += filled + end.since(x.snd_nxt).max(0).unsigned_abs();
            if filled > 0 {
                out.label(Label::OutOfOrder);
                self.notes |= 1 << Note::Reordering as u8;
            } else {
                out.label(Label::Retransmission);
                x.retransmissions += 1;
                let spurious = end.at_or_before(y.ack) && y.has(seen::ACK);
                let note = if spurious {
                    Note::SpuriousRetransmission
                } else {
                    Note::Retransmission
                };
                self.notes |= 1 << note as u8;
                if end.after(x.snd_nxt) {
                    self.notes |= 1 << Note::Overlap as u8;
                }
                repeat(x, seg.ts);
            }
        }
        if let Some(fin) = own_fin
            && end.after(fin)
        {
            out.label(Label::AfterFin);
            self.notes |= 1 << Note::DataAfterFin as u8;
        }
        if fresh == 0 {
            return;
        }
        x.bytes += u64::from(fresh);
        x.snd_nxt = x.snd_nxt.max(end);
        if !out.is(Label::OutOfOrder) {
            out.label(Label::Data);
        }
        if !out.is(Label::Retransmission) {
            x.last_data_ts = seg.ts;
            x.streak = 0;
        }
        self.last_data = Some(seg.dir);
        app_hints(x, &mut self.notes, seg);
        self.late_payload(seg, end, out);
    }

    /// Payload after the other end's FIN was captured.
    fn late_payload(&mut self, seg: &Segment, end: Seq, out: &mut Outcome) {
        let s = seg.dir as usize;
        if self.finished() {
            out.label(Label::AfterClose);
            self.notes |= 1 << Note::LateSegment as u8;
        }
        let Some(c) = &mut self.closing else { return };
        let Some(fin) = c.fin[s ^ 1] else { return };
        if c.late[s].is_none() {
            c.late[s] = Some(Late {
                frame: seg.number,
                ts: seg.ts,
                ack: seg.ack,
                end,
            });
        }
        // captured after the FIN but sent before it: the ACK of the FIN was not its first acker
        if let Some(own) = &mut c.fin[s]
            && own.number.after(seg.seq)
            && seg.ack.after(fin.number)
            && out.is(Label::OutOfOrder)
            && let Some(f) = &mut c.fin[s ^ 1]
            && let Some(acked) = &mut f.acked
        {
            acked.by_fin = false;
            self.notes |= 1 << Note::FinOutOfOrder as u8;
        }
    }

    fn window_and_ack(&mut self, seg: &Segment, scaled: bool, out: &mut Outcome) {
        let s = seg.dir as usize;
        let (x, y) = pair(&mut self.ends, s);
        if seg.flags & flag::SYN == 0 {
            if seg.window == 0 {
                x.seen |= seen::ZERO_WINDOW;
                out.label(Label::ZeroWindow);
                self.notes |= 1 << Note::ZeroWindow as u8;
            } else {
                x.seen &= !seen::ZERO_WINDOW;
            }
        }
        if seg.flags & flag::ACK == 0 {
            return;
        }
        let known = x.has(seen::ACK);
        if y.has(seen::SEQ)
            && y.packets > 0
            && seg.ack.after(y.snd_nxt)
            && (!known || seg.ack.after(x.ack))
        {
            let beyond = seg.ack.since(y.snd_nxt);
            if beyond < 1 << 30 {
                out.label(Label::AcksUnseen);
                // the other end's FIN may be among what was not captured
                self.notes |= 1 << Note::CaptureGap as u8;
                y.holes
                    .get_or_insert_with(Box::<Holes>::default)
                    .open(y.snd_nxt, seg.ack);
                y.snd_nxt = seg.ack;
                y.seen |= seen::GAP;
            }
        }
        if !known || seg.ack.after(x.ack) {
            if known && seg.payload == 0 && seg.flags & (flag::SYN | flag::FIN) == 0 {
                out.label(Label::Ack);
            }
            x.seen |= seen::ACK;
            x.ack = seg.ack;
            y.streak = 0;
        } else if seg.payload == 0 && seg.flags & (flag::SYN | flag::FIN) == 0 && seg.ack == x.ack {
            let answers_probe = y.streak > 0 && y.has(seen::PROBING);
            let label = if answers_probe {
                Label::KeepAliveAck
            } else if scale(x.window, x.wscale, scaled) != scale(seg.window, x.wscale, scaled) {
                Label::WindowUpdate
            } else {
                Label::DuplicateAck
            };
            out.label(label);
        }
        if seg.ack.at_or_after(x.ack) {
            y.streak = 0;
            y.seen &= !seen::PROBING;
        }
    }

    fn fin(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let number = seg.seq + seg.payload + u32::from(seg.flags & flag::SYN != 0);
        let idle = self.idle_at(seg);
        let last_data = if seg.payload > 0 {
            Some(seg.dir)
        } else {
            self.last_data
        };
        let other = self.fin_of(s ^ 1);
        let Some(c) = &mut self.closing else { return };
        if let Some(fin) = &mut c.fin[s] {
            if fin.number != number {
                return;
            }
            fin.repeats += 1;
            out.label(Label::FinRetransmission);
            out.refers_to = fin.frame;
            self.notes |= 1 << Note::FinRetransmitted as u8;
            let x = &mut self.ends[s];
            x.retransmissions += u32::from(!out.is(Label::Retransmission));
            if fin.acked.is_some() && fin.delivered {
                fin.delivered = false;
                x.retract(fin.before_ack);
                self.notes |= 1 << Note::FinAckLost as u8;
            }
            if seg.payload == 0 {
                repeat(x, seg.ts);
            }
            return;
        }
        out.label(Label::Fin);
        if seg.payload > 0 {
            self.notes |= 1 << Note::FinWithData as u8;
        }
        if other.is_some_and(|n| !seg.ack.after(n)) {
            out.label(Label::CrossesFin);
        }
        let (x, y) = pair(&mut self.ends, s);
        // acked before it was captured: the capture has the two out of order
        let early =
            (y.has(seen::ACK) && y.ack.after(number) && y.ack == number + 1).then_some(FinAck {
                frame: y.last_frame,
                ts: y.last_ts,
                by_fin: false,
            });
        if x.holes.as_ref().is_some_and(|h| h.any_before(number)) {
            self.notes |= 1 << Note::FinOutOfOrder as u8;
        }
        if y.has(seen::ZERO_WINDOW)
            || self.notes & (1 << Note::ZeroWindowProbe as u8) != 0 && x.bytes > 0 && idle < 0
        {
            self.notes |= 1 << Note::FinAfterZeroWindow as u8;
        }
        x.snd_nxt = x.snd_nxt.max(number + 1);
        x.streak = 0;
        x.last_data_ts = if seg.payload > 0 || x.last_data_ts == i64::MIN {
            seg.ts
        } else {
            x.last_data_ts
        };
        x.step(Event::SndFin);
        c.fin[s] = Some(Fin {
            number,
            ack: seg.ack,
            frame: seg.number,
            ts: seg.ts,
            idle,
            payload: seg.payload,
            last_data,
            acked: None,
            before_ack: x.state,
            delivered: false,
            repeats: 0,
        });
        if let Some(ack) = early {
            if let Some(f) = &mut c.fin[s] {
                f.acked = Some(ack);
                f.delivered = true;
            }
            y.seen |= seen::FIN_RECEIVED;
            y.step(Event::RcvFin);
            x.step(Event::RcvAckOfFin);
            self.finish_if_done(seg);
        }
    }

    /// Nanoseconds since the last payload of either end, -1 if there was none.
    fn idle_at(&self, seg: &Segment) -> i64 {
        let last = self
            .ends
            .iter()
            .filter(|e| e.bytes > 0)
            .map(|e| e.last_data_ts)
            .max();
        last.map_or(-1, |t| seg.ts.saturating_sub(t).max(0))
    }

    /// What the acknowledgment tells the other end.
    fn acks(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let first_ack = seg.flags & flag::SYN == 0;
        let answered = self.answered();
        let (x, y) = pair(&mut self.ends, s);
        if y.has(seen::SYN) && seg.ack.after(y.isn) && !y.has(seen::SYN_ACKED) {
            y.seen |= seen::SYN_ACKED;
            if first_ack && x.has(seen::SYN) {
                out.label(Label::HandshakeAck);
            }
        }
        if y.state == State::SynReceived && seg.ack.after(y.isn) {
            y.step(Event::RcvAckOfSyn);
            if first_ack {
                self.shake |= shake::ACK;
                if self.handshake_ns < 0 && self.shake & shake::SYN != 0 {
                    self.handshake_ns = seg.ts.saturating_sub(self.first_ts).max(0);
                }
            }
        } else if first_ack && answered && seg.dir == self.client && seg.ack.after(y.isn) {
            self.shake |= shake::ACK;
        }
        let own_fin = self.fin_of(s);
        let Some(c) = &mut self.closing else { return };
        if let Some(fin) = &mut c.fin[s ^ 1]
            && seg.ack.after(fin.number)
        {
            let first = fin.acked.is_none();
            if first {
                out.label(Label::AcksFin);
                out.refers_to = if out.refers_to == 0 {
                    fin.frame
                } else {
                    out.refers_to
                };
                fin.acked = Some(FinAck {
                    frame: seg.number,
                    ts: seg.ts,
                    by_fin: out.is(Label::Fin),
                });
            }
            if !fin.delivered {
                fin.delivered = true;
                let (x, y) = pair(&mut self.ends, s);
                // a segment beyond x's own FIN reaches y after that FIN did
                if own_fin.is_some_and(|n| seg.seq.after(n)) && !y.has(seen::FIN_RECEIVED) {
                    y.seen |= seen::FIN_RECEIVED;
                    y.step(Event::RcvFin);
                }
                let _ = x;
                fin.before_ack = y.state;
                y.step(Event::RcvAckOfFin);
            }
            if let Some(late) = c.late[s ^ 1]
                && let Some(own) = own_fin
                && late.ack.after(own)
                && seg.ack.at_or_after(late.end)
            {
                self.notes |= 1 << Note::HalfCloseUsed as u8;
            }
        } else if let Some(late) = c.late[s ^ 1]
            && let Some(own) = own_fin
            && late.ack.after(own)
            && seg.ack.at_or_after(late.end)
        {
            self.notes |= 1 << Note::HalfCloseUsed as u8;
        }
        self.finish_if_done(seg);
    }

    fn finish_if_done(&mut self, seg: &Segment) {
        if let Some(c) = &mut self.closing
            && c.finished.is_none()
            && c.fin.iter().all(|f| f.is_some_and(|f| f.acked.is_some()))
        {
            c.finished = Some((seg.ts, seg.number));
        }
    }
}

/// Counts a repeat of something sent before.
fn repeat(x: &mut Endpoint, ts: i64) {
    let since = if x.streak == 0 {
        x.last_data_ts.max(x.last_ts.min(ts))
    } else {
        x.last_ts
    };
    let gap = u32::try_from(ts.saturating_sub(since) / 1_000_000).unwrap_or(if ts < since {
        0
    } else {
        u32::MAX
    });
    if x.streak == 0 {
        x.first_gap_ms = gap;
    }
    x.last_gap_ms = gap;
    x.streak = x.streak.saturating_add(1);
}

/// Both ends, the sender of a segment first.
#[inline]
fn pair(ends: &mut [Endpoint; 2], s: usize) -> (&mut Endpoint, &mut Endpoint) {
    let [a, b] = ends;
    if s == 0 { (a, b) } else { (b, a) }
}

/// What the first bytes and the tail of the payload look like.
#[inline]
fn app_hints(x: &mut Endpoint, notes: &mut u64, seg: &Segment) {
    const ANY: u16 =
        mark::TLS_HANDSHAKE | mark::TLS_ALERT_TAIL | mark::HTTP_REQUEST | mark::HTTP_RESPONSE;
    if seg.marks & (ANY | mark::TAIL_SEEN) == 0 {
        x.seen = x.seen & !seen::TLS_ALERT | seen::TAIL_UNSEEN;
        return;
    }
    x.seen &= !(seen::TLS_ALERT | seen::TAIL_UNSEEN);
    if seg.marked(mark::TLS_ALERT_TAIL) {
        x.seen |= seen::TLS_ALERT;
    }
    if seg.marks & mark::TAIL_SEEN == 0 {
        x.seen |= seen::TAIL_UNSEEN;
    }
    if seg.marked(mark::TLS_HANDSHAKE) {
        x.seen |= seen::TLS;
        *notes |= 1 << Note::Tls as u8;
    }
    if seg.marked(mark::HTTP_REQUEST | mark::HTTP_RESPONSE) {
        *notes |= 1 << Note::Http as u8;
    }
}

/// Who is the client, from the first segment captured.
fn guess_client(seg: &Segment) -> (Dir, ClientBy) {
    if seg.flags & flag::SYN != 0 {
        return if seg.flags & flag::ACK != 0 {
            (seg.dir.flip(), ClientBy::SynAck)
        } else {
            (seg.dir, ClientBy::Syn)
        };
    }
    let (_, from) = seg.key.sender(seg.dir);
    let (_, to) = seg.key.sender(seg.dir.flip());
    match (from < EPHEMERAL, to < EPHEMERAL) {
        (true, false) => (seg.dir.flip(), ClientBy::Port),
        (false, true) => (seg.dir, ClientBy::Port),
        (true, true) if from < 1024 && to >= 1024 => (seg.dir.flip(), ClientBy::Port),
        (true, true) if to < 1024 && from >= 1024 => (seg.dir, ClientBy::Port),
        _ => (seg.dir, ClientBy::First),
    }
}
