//! How a segment moves Zeek's two ends.

use super::history::{Counter, Once, cased};
use super::{ATTEMPT_DELAY, CLOSE_DELAY, State, TOO_LARGE, Zeek, bit, end_bit, ports, sides};
use crate::segment::{Segment, flag};
use crate::seq::Seq;

/// Ports whose connections may be silent for an hour (`port_inactivity_timeouts`).
const PATIENT_PORTS: [u16; 4] = [21, 22, 23, 513];

impl Zeek {
    pub(super) fn process(&mut self, seg: &Segment, now: u32) {
        let (me, peer) = sides(seg.dir);
        // The role the segment came in with; the letters may flip the connection under it.
        let is_orig = self.is_orig(me);
        let payload = if seg.has(flag::RST) { 0 } else { seg.payload };
        let past =
            seg.seq + payload + u32::from(seg.has(flag::SYN)) + u32::from(seg.has(flag::FIN));
        self.init_end(me, seg, past);
        let at = seg.seq.0.wrapping_sub(self.ends[me].start.0);
        self.letters(me, seg, at);
        self.zero_window(me, peer, seg);
        if !(self.ends[me].has(end_bit::CLOSED) && self.ends[peer].has(end_bit::CLOSED)) {
            self.last_time = now;
        }
        if seg.has(flag::FIN) {
            let start = self.ends[me].start.0;
            self.rare().fin[me] = past.0.wrapping_sub(start).wrapping_sub(1);
            self.ends[me].bits |= end_bit::FIN;
        }
        let acks = self.is_worth_checking(peer, seg);
        self.take_numbers(me, seg, past);
        let closes = self.move_state(me, peer, seg, is_orig, now);
        if acks {
            self.take_ack(peer, me, seg);
        }
        let counts = seg.payload > 0 && !seg.payload_cut && !seg.has(flag::RST);
        if counts && self.ends[me].has(end_bit::HOLES) {
            let from = seg.seq + u32::from(seg.has(flag::SYN));
            self.deliver(me, from, from + seg.payload);
        }
        if closes {
            self.ends[me].bits |= end_bit::PENDING;
        }
        self.close_pending(me, peer);
    }

    /// Sets the numbers of an end that speaks for the first time, or that begins anew by a SYN.
    fn init_end(&mut self, me: usize, seg: &Segment, past: Seq) {
        let end = &mut self.ends[me];
        let is_syn = seg.has(flag::SYN);
        match end.state {
            State::Inactive if is_syn => end.set(seg.seq, past),
            // As if there had been a SYN, so that the first segment is no repeat.
            State::Inactive => end.set(seg.seq - 1, seg.seq),
            State::SynSent | State::SynAckSent if is_syn && seg.seq != end.start => {
                end.set(seg.seq, past);
            }
            State::Established | State::Partial if is_syn => end.set(seg.seq, past),
            State::Reset if is_syn && end.before == State::Inactive => end.set(seg.seq, past),
            _ => {}
        }
    }

    /// Letters for flags, payload and acks. `at`: distance of the segment from its end's start.
    fn letters(&mut self, me: usize, seg: &Segment, at: u32) {
        let control = seg.flags & (flag::SYN | flag::FIN | flag::RST);
        let once = |zeek: &mut Zeek, what, letter| {
            let is_orig = zeek.is_orig(me);
            let had = zeek.history.note(is_orig, what);
            if !had {
                zeek.push(cased(letter, is_orig));
            }
            had
        };
        match control {
            0 => {
                if seg.payload > 0 {
                    self.flip_lone_syn_ack();
                    once(self, Once::Data, b'D');
                } else if seg.has(flag::ACK) {
                    self.flip_lone_syn_ack();
                    once(self, Once::Ack, b'A');
                }
            }
            flag::SYN => {
                let letter = if seg.has(flag::ACK) { b'H' } else { b'S' };
                let last = self.rare.as_ref().map_or(0, |r| r.syn[me]);
                if once(self, Once::Syn, letter) && at != last {
                    self.push(cased(letter, self.is_orig(me)));
                }
                if at != last {
                    self.rare().syn[me] = at;
                }
            }
            flag::FIN => {
                let fin = at.wrapping_add(seg.payload);
                if once(self, Once::Fin, b'F') && fin != self.fins()[me] {
                    self.push(cased(b'F', self.is_orig(me)));
                }
            }
            flag::RST => {
                if once(self, Once::Rst, b'R') && at != self.rsts()[me] {
                    self.push(cased(b'R', self.is_orig(me)));
                }
                self.rare().rst[me] = at;
            }
            _ if seg.has(flag::FIN | flag::RST) => {
                once(self, Once::FinRst, b'I');
            }
            _ => {
                once(self, Once::SynMixed, b'Q');
            }
        }
    }

    /// A connection that began with a SYN-ACK goes on: its sender was the responder after all.
    fn flip_lone_syn_ack(&mut self) {
        if self.history.is_lone_syn_ack() {
            self.flip();
            self.history.replace_lone_syn_ack();
        }
    }

    fn zero_window(&mut self, me: usize, peer: usize, seg: &Segment) {
        if seg.window == 0
            && !seg.has(flag::RST)
            && self.ends[peer].state != State::Closed
            && self.ends[me].state != State::Reset
        {
            self.count(me, Counter::ZeroWindow);
        }
    }

    /// Sets the numbers of a peer that has not spoken, from what is acked of it. True if the ack
    /// says how far the peer's data came.
    fn is_worth_checking(&mut self, peer: usize, seg: &Segment) -> bool {
        let end = &mut self.ends[peer];
        if !seg.has(flag::ACK) {
            return false;
        }
        if end.state == State::Inactive {
            end.set(seg.ack - 1, seg.ack - 1);
            return false;
        }
        let is_broken = seg.ack.0 == 0 && seg.ack.since(end.reached) > TOO_LARGE;
        // Acks in a RST are not believed.
        !seg.ack.before(end.start) && !is_broken && !seg.has(flag::RST)
    }

    /// Moves the highest number sent; what does not move it although it carries payload is a repeat.
    fn take_numbers(&mut self, me: usize, seg: &Segment, past: Seq) {
        let end = self.ends[me];
        let advance = past.since(end.last);
        let is_loud = seg.flags & (flag::SYN | flag::RST) != 0;
        if is_loud && !(-TOO_LARGE..=TOO_LARGE).contains(&advance) {
            return;
        }
        if seg.has(flag::FIN) && end.last == end.start + 1 {
            self.open_hole(me, seg, past);
            self.ends[me].last = past;
        } else if end.state == State::Reset {
            // Nothing after a RST is believed.
        } else if advance > 0 {
            self.open_hole(me, seg, past);
            self.ends[me].last = past;
        } else if seg.payload > 0 {
            self.count(me, Counter::Retransmission);
        }
    }

    /// Begins to keep account of what is missing, if the segment leaves a hole before it or is cut.
    fn open_hole(&mut self, me: usize, seg: &Segment, past: Seq) {
        let end = &mut self.ends[me];
        let reached = end.last.max(end.reached);
        let is_hole =
            seg.seq.after(reached) || (seg.payload_cut && seg.payload > 0 && past.after(reached));
        if is_hole && !seg.has(flag::SYN) && !end.has(end_bit::HOLES) {
            end.bits |= end_bit::HOLES;
            end.reached = reached;
        }
    }

    /// Takes payload of an end with holes.
    fn deliver(&mut self, me: usize, from: Seq, to: Seq) {
        let mut reached = self.ends[me].reached;
        if from.after(reached) || self.ends[me].has(end_bit::WAITING) {
            let waiting = &mut self.rare().waiting[me];
            waiting.add(from, to);
            reached = waiting.advance(reached);
        } else {
            reached = reached.max(to);
        }
        self.set_reached(me, reached);
    }

    fn set_reached(&mut self, me: usize, reached: Seq) {
        let waits = self
            .rare
            .as_ref()
            .is_some_and(|rare| !rare.waiting[me].is_empty());
        let end = &mut self.ends[me];
        end.reached = reached;
        end.bits &= !end_bit::WAITING;
        let whole = end.last - u32::from(end.has(end_bit::FIN));
        if waits {
            end.bits |= end_bit::WAITING;
        } else if reached.at_or_after(whole) {
            end.bits &= !end_bit::HOLES;
        }
    }

    /// Takes an ack of what `sender` sent. Bytes that were acked and never seen are gaps.
    fn take_ack(&mut self, sender: usize, receiver: usize, seg: &Segment) {
        let fin = self.ends[sender].start + self.fins()[sender];
        let end = &mut self.ends[sender];
        let mut ack = seg.ack;
        if end.has(end_bit::FIN) && ack.after(fin) {
            ack = fin;
        }
        if !end.has(end_bit::HOLES) {
            end.reached = end.reached.max(end.last);
        }
        if !ack.after(end.reached) {
            return;
        }
        let mut reached = end.reached;
        let mut gaps = 0;
        while ack.after(reached) {
            gaps += 1;
            reached = if self.ends[sender].has(end_bit::WAITING) {
                self.rare().waiting[sender].skip_hole(ack)
            } else {
                ack
            };
        }
        self.set_reached(sender, reached);
        if self.ends[sender].is_clean() && self.ends[receiver].is_clean() {
            for _ in 0..gaps {
                self.count_gap(sender);
            }
        }
    }

    fn set_state(&mut self, me: usize, to: State) {
        let from = self.ends[me].state;
        if from == to {
            return;
        }
        if !to.in_handshake() && from.in_handshake() && self.ends[1 - me].state.in_handshake() {
            self.bits |= bit::AWAKE;
        }
        self.ends[me].before = from;
        self.ends[me].state = to;
    }

    /// Moves the sender's state (and sometimes the peer's). True if the sender closes.
    fn move_state(
        &mut self,
        me: usize,
        peer: usize,
        seg: &Segment,
        is_orig: bool,
        now: u32,
    ) -> bool {
        match self.ends[me].state {
            State::Inactive => self.leave_inactive(me, peer, seg, is_orig, now),
            State::SynSent | State::SynAckSent => {
                if seg.has(flag::FIN) {
                    self.set_state(me, State::Closed);
                }
                if seg.has(flag::RST) {
                    self.set_state(me, State::Reset);
                }
                seg.flags & (flag::FIN | flag::RST) != 0
            }
            State::Established | State::Partial => self.leave_established(me, peer, seg),
            State::Closed => {
                let counts = seg.has(flag::RST) && self.ends[peer].state != State::Closed;
                if counts {
                    self.set_state(me, State::Reset);
                }
                counts && !self.ends[me].has(end_bit::CLOSED)
            }
            State::Reset => false,
        }
    }

    fn leave_inactive(
        &mut self,
        me: usize,
        peer: usize,
        seg: &Segment,
        is_orig: bool,
        now: u32,
    ) -> bool {
        if seg.has(flag::SYN) {
            if is_orig {
                let is_reply = seg.has(flag::ACK);
                let state = if is_reply {
                    State::SynAckSent
                } else {
                    State::SynSent
                };
                self.set_state(me, state);
                self.bits |= bit::ATTEMPT;
                self.timer = now.wrapping_add(ATTEMPT_DELAY);
            } else {
                self.syn_of_responder(me, peer, seg);
            }
        }
        if seg.has(flag::FIN) {
            self.set_state(me, State::Closed);
        }
        if seg.has(flag::RST) {
            self.set_state(me, State::Reset);
        }
        if self.ends[me].state == State::Inactive {
            self.without_syn(me, peer, seg, is_orig);
        }
        seg.flags & (flag::FIN | flag::RST) != 0
    }

    fn syn_of_responder(&mut self, me: usize, peer: usize, seg: &Segment) {
        // The SYN was captured after the SYN-ACK that answers it.
        if !seg.has(flag::ACK)
            && self.ends[peer].state == State::SynAckSent
            && seg.seq == self.ends[me].start
        {
            self.flip();
            self.set_state(peer, State::Established);
        }
        if self.ends[peer].state == State::SynSent {
            self.set_state(peer, State::Established);
        }
        self.set_state(me, State::Established);
        if self.ends[peer].state != State::Partial {
            let (_, port) = ports(&seg.key, seg.dir.flip());
            if PATIENT_PORTS.contains(&port) {
                self.bits |= bit::PATIENT;
            }
        }
    }

    /// An end speaks for the first time, and without a control flag.
    fn without_syn(&mut self, me: usize, peer: usize, seg: &Segment, is_orig: bool) {
        let (orig, _) = self.roles();
        if !is_orig && seg.payload == 0 && self.ends[orig].state == State::SynSent {
            // Some answer a SYN by a bare ACK before their SYN-ACK.
        } else if seg.has(flag::ACK) && self.ends[peer].state == State::Established {
            self.set_state(me, State::Established);
        } else {
            self.set_state(me, State::Partial);
        }
    }

    fn leave_established(&mut self, me: usize, peer: usize, seg: &Segment) -> bool {
        if seg.flags & (flag::SYN | flag::ACK) == flag::SYN
            && self.ends[me].state == State::Partial
            && self.ends[peer].state == State::Inactive
        {
            self.set_state(me, State::SynSent);
        }
        if seg.has(flag::RST) {
            self.set_state(me, State::Reset);
            return true;
        }
        if seg.has(flag::FIN) {
            self.set_state(me, State::Closed);
            // A FIN and then a RST from the peer was a normal end, now that the other FIN is here.
            let other = self.ends[peer];
            if other.state == State::Reset && other.before == State::Closed {
                self.set_state(peer, State::Closed);
            }
            return true;
        }
        false
    }

    /// Reports ends closed whose data is complete.
    fn close_pending(&mut self, me: usize, peer: usize) {
        for (end, other) in [(me, peer), (peer, me)] {
            if self.ends[end].has(end_bit::PENDING) && !self.is_data_missing(end, other) {
                self.ends[end].bits &= !end_bit::PENDING;
                self.report_closed(end, other);
            }
        }
    }

    /// Zeek waits with closing an end until what it sent, and what its peer sent, is whole.
    fn is_data_missing(&self, end: usize, other: usize) -> bool {
        let end = &self.ends[end];
        let is_short = end.has(end_bit::HOLES) && end.reached.before(end.last - 1);
        let is_waiting = self.ends[other].has(end_bit::WAITING);
        is_short || (end.state != State::Reset && is_waiting)
    }

    fn report_closed(&mut self, end: usize, other: usize) {
        if self.ends[end].has(end_bit::CLOSED) {
            return;
        }
        self.ends[end].bits |= end_bit::CLOSED;
        let whole = self.ends[end].state == State::Reset
            || self.ends[other].has(end_bit::CLOSED)
            || self.ends[other].state == State::Inactive;
        if whole {
            self.bits = (self.bits | bit::CLOSING) & !bit::ATTEMPT;
            self.timer = self.last_time.wrapping_add(CLOSE_DELAY);
        }
    }
}

/// Ports that make the sender of a first segment without SYN the responder: Zeek's
/// `likely_server_ports` for TCP, as its default scripts fill it.
pub(super) fn is_server_port(port: u16) -> bool {
    matches!(
        port,
        21 | 22 | 25 | 53 | 79..=81 | 88 | 135 | 139 | 143 | 389 | 443 | 445 | 465 | 502 | 514
            | 563 | 585 | 587 | 614 | 631 | 636 | 989 | 990 | 992 | 993 | 995 | 1080 | 1434
            | 1883 | 2811 | 3128 | 3268 | 3306 | 3389 | 5222 | 5223 | 5269 | 5432 | 6379
            | 6666..=6669 | 8000 | 8080 | 8888 | 20000
    )
}
