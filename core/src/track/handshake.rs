//! Opening: SYN, SYN-ACK, and who is the client.

use super::account::repeat;
use super::conn::{Conn, Outcome, pair, shake};
use super::endpoint::seen;
use crate::machine::{Event, State};
use crate::segment::{Dir, NO_WSCALE, Segment, flag, mark};
use crate::slugs::{ClientBy, Label, Note};

/// Lowest port that may be a client's own (RFC 6335 section 6: the dynamic range starts at 49152;
/// Linux takes from 32768, `ip_local_port_range`).
const EPHEMERAL: u16 = 32768;

impl Conn {
    pub(super) fn syn(&mut self, seg: &Segment, out: &mut Outcome) {
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

    /// After a SYN in a living connection: the first bare ACK of the other end answers it (RFC 5961 section 4).
    pub(super) fn challenge_ack(&mut self, seg: &Segment, out: &mut Outcome) {
        let Some(rival) = self.challenger.as_ref().and_then(|c| c.first()) else {
            return;
        };
        let answers =
            rival.dir != seg.dir && seg.payload == 0 && seg.flags & (flag::SYN | flag::RST) == 0;
        if answers && !self.noted(Note::ChallengeAck) {
            out.label(Label::ChallengeAck);
            out.refers_to = rival.number;
            self.note(Note::ChallengeAck);
        }
    }

    /// A segment without SYN from an end whose handshake was captured only in part: it could not
    /// speak without having heard the rest.
    pub(super) fn implied_handshake(&mut self, seg: &Segment) {
        let s = seg.dir as usize;
        let (x, y) = pair(&mut self.ends, s);
        let acks_syn =
            seg.has(flag::ACK) && seg.ack.after(y.isn) && seg.ack.at_or_before(y.snd_nxt);
        if x.state == State::SynSent && !y.has(seen::SYN) && y.state != State::SynSent {
            x.step(Event::RcvSynAck);
            if y.state == State::Listen {
                y.step(Event::RcvSyn);
            }
            y.step(Event::RcvAckOfSyn);
        } else if x.state == State::Listen && y.has(seen::SYN) && acks_syn {
            x.step(Event::RcvSyn);
        } else if x.state == State::SynReceived
            && seg.payload > 0
            && y.packets > 0
            && self.notes & (1 << Note::DataWithSyn as u8) == 0
        {
            // without Fast Open nobody sends payload before the ACK of its SYN-ACK came
            y.step(Event::RcvSynAck);
            x.step(Event::RcvAckOfSyn);
        } else if y.state == State::SynSent && x.state == State::SynReceived && y.packets == 0 {
            y.step(Event::RcvSynAck);
            x.step(Event::RcvAckOfSyn);
        }
    }

    /// What the acknowledgment tells the other end of its SYN.
    pub(super) fn acks_syn(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let no_syn = seg.flags & flag::SYN == 0;
        let answered = self.answered();
        let (x, y) = pair(&mut self.ends, s);
        if y.has(seen::SYN) && seg.ack.after(y.isn) && !y.has(seen::SYN_ACKED) {
            y.seen |= seen::SYN_ACKED;
            if no_syn && x.has(seen::SYN) {
                out.label(Label::HandshakeAck);
            }
        }
        if y.state == State::SynReceived && seg.ack.after(y.isn) {
            y.step(Event::RcvAckOfSyn);
            if no_syn {
                self.shake |= shake::ACK;
                if self.handshake_ns < 0 && self.shake & shake::SYN != 0 {
                    self.handshake_ns = seg.ts.saturating_sub(self.first_ts).max(0);
                }
            }
        } else if no_syn && answered && seg.dir == self.client && seg.ack.after(y.isn) {
            self.shake |= shake::ACK;
        }
    }

    /// An ACK to a SYN that does not ack it: the other end still has an older connection.
    pub(super) fn is_old_ack(&self, seg: &Segment) -> bool {
        let y = &self.ends[seg.dir.flip() as usize];
        y.state == State::SynSent
            && !self.answered()
            && seg.flags & (flag::SYN | flag::FIN) == 0
            && seg.payload == 0
            && y.has(seen::SYN)
            && seg.ack != y.isn + 1
            && !(seg.ack.after(y.isn) && seg.ack.at_or_before(y.snd_nxt))
    }
}

/// Who is the client, from the first segment captured.
pub(super) fn guess_client(seg: &Segment) -> (Dir, ClientBy) {
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
