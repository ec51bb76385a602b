//! Which RST ends a connection, and which is only noise (RFC 9293 section 3.10.7, RFC 5961 section 3).

use super::closing::{FinAck, Reset, Sent};
use super::conn::{Conn, Outcome, pair};
use super::endpoint::seen;
use super::worth::Worth;
use crate::machine::{Event, State};
use crate::segment::{Segment, flag, mark};
use crate::seq::Seq;
use crate::slugs::{Label, Note, ResetForm};

impl Conn {
    /// Takes a RST.
    pub(super) fn reset(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let worth = self.worth(seg);
        let mut form = self.form(seg);
        if seg.payload > 0 {
            self.note(Note::RstWithData);
        }
        let mut trigger = if form == ResetForm::Reply {
            self.trigger(seg)
        } else {
            None
        };
        if worth == Worth::BelowFin && trigger.is_some_and(|t| self.had_received(s, t)) {
            (form, trigger) = (ResetForm::Unclear, None);
        }
        out.label(match form {
            ResetForm::Owner => Label::RstOwner,
            ResetForm::Reply => Label::RstReply,
            ResetForm::Unclear => Label::RstUnclear,
        });
        if let Some(t) = trigger {
            out.refers_to = t.frame;
        }
        self.count(seg, trigger.is_some());
        self.answers_last_ack(seg);
        if self.finished() {
            self.after_the_end(seg, worth, form, out);
            return;
        }
        match worth {
            Worth::Exact => {}
            Worth::BelowFin => self.note(Note::RstInexact),
            Worth::Doubtful | Worth::Nothing => {
                out.label(Label::RstIgnored);
                self.note(Note::RstIgnored);
                if worth == Worth::Doubtful
                    && let Some(c) = &mut self.closing
                {
                    c.doubtful_rst = Some((seg.number, seg.dir));
                    if form == ResetForm::Owner {
                        c.refused[s] = Some((seg.seq, seg.ack));
                    }
                }
                return;
            }
        }
        if form == ResetForm::Owner && seg.has(flag::ACK) {
            self.proves_received(s, seg.ack);
            self.proves_not_received(s, seg.ack);
        }
        if let Some(t) = trigger {
            self.fin_was_not_acked(seg, t);
        }
        let reset = self.record(seg, form, trigger);
        self.acks_unseen(seg, out);
        if reset.repeats {
            self.sent_unseen(s);
        }
        self.note(match form {
            ResetForm::Owner => Note::RstOwner,
            ResetForm::Reply => Note::RstReply,
            ResetForm::Unclear => Note::RstInexact,
        });
        if form == ResetForm::Unclear && worth == Worth::Exact {
            self.notes &= !(1 << Note::RstInexact as u8);
        }
        if reset.ttl_off != 0 {
            self.note(Note::TtlVaries);
        }
        if reset.peer_unacked > 0 || reset.unacked > 0 {
            self.note(Note::DataDestroyed);
        }
        if form == ResetForm::Reply && seg.flags & flag::ACK == 0
            || self.ends[s].state == State::Listen
        {
            // no socket sends this RST: whatever stood at this end is gone
            self.ends[s].go(State::Closed);
        } else {
            self.ends[s].step(Event::SndRst);
        }
        if let Some(fin) = self.fin_of(s)
            && !self.ends[s ^ 1].has(seen::FIN_RECEIVED)
            && !self.ends[s].lacks_before(fin)
        {
            // the FIN went before the RST, and nothing says that it was lost
            self.ends[s ^ 1].step(Event::RcvFin);
        }
        self.ends[s ^ 1].step(Event::RcvRst);
        if let Some(c) = &mut self.closing {
            c.reset = Some(reset);
            c.finished = Some((seg.ts, seg.number));
        }
        out.label(Label::EndsConnection);
    }

    /// A RST of a socket that lives says what it has received. Without the other end's FIN, nothing behind that FIN has
    /// come either: not the ACK of its own.
    fn proves_not_received(&mut self, s: usize, ack: Seq) {
        let Some(c) = &mut self.closing else { return };
        if c.fin[s ^ 1].is_some_and(|other| !ack.after(other.number))
            && c.assumed[s].take().is_some()
        {
            self.ends[s].retract(State::FinWait1);
        }
    }

    /// What an end has acked draws no RST of it: a RST with the number of its FIN answers nothing then, macOS sends it so.
    fn had_received(&self, s: usize, drew: Sent) -> bool {
        drew.payload > 0 && (drew.seq + drew.payload).at_or_before(self.ends[s].ack)
    }

    /// A RST that answers a segment sent before the ACK of its sender's FIN: that ACK met nobody any more, nor
    /// did a FIN sent after that segment.
    fn fin_was_not_acked(&mut self, seg: &Segment, drew: Sent) {
        let s = seg.dir as usize;
        let Some(c) = &mut self.closing else { return };
        let x = &mut self.ends[s];
        if let Some(fin) = &mut c.fin[s]
            && fin.delivered
            && !drew.ack.after(fin.number)
            && fin.acked.is_some_and(|ack| ack.frame > drew.frame)
        {
            fin.ack_was_lost(&mut c.assumed[s], x);
        }
    }

    /// A socket that aborts acks what it has received, also what was not captured. Nothing can have come in beyond
    /// its window.
    fn acks_unseen(&mut self, seg: &Segment, out: &mut Outcome) {
        let (x, y) = pair(&mut self.ends, seg.dir as usize);
        let beyond = seg.ack.since(y.snd_nxt);
        let window = i32::try_from(x.max_window).unwrap_or(i32::MAX);
        if seg.has(flag::ACK) && y.has(seen::SEQ) && (1..=window).contains(&beyond) {
            out.label(Label::AcksUnseen);
            y.pass_over(seg.ack);
        }
    }

    /// A RST that was refused has its sender's SND.NXT: what it had sent below that and was not captured is missing.
    fn sent_unseen(&mut self, s: usize) {
        let x = &mut self.ends[s];
        if let Some((sent, _)) = self.closing.as_ref().and_then(|c| c.refused[s])
            && x.has(seen::SEQ)
            && sent.after(x.snd_nxt)
        {
            x.pass_over(sent);
        }
    }

    /// The answer to the ACK of a FIN tells that this FIN was acked, if nobody saw the ACK: its sender got it twice
    /// (the first ended LAST-ACK), or it crossed the end of its socket. Both FINs are acked then.
    fn answers_last_ack(&mut self, seg: &Segment) {
        let s = seg.dir as usize;
        let Some(c) = &mut self.closing else { return };
        let other_acked = c.fin[s ^ 1].is_some_and(|f| f.acked.is_some());
        let own = c.fin[s ^ 1].map_or(Seq(0), |f| f.number);
        if let Some(fin) = &mut c.fin[s]
            && fin.acked.is_none()
            && other_acked
            && !seg.has(flag::ACK)
            && seg.seq == fin.number + 1
        {
            fin.acked = Some(FinAck {
                frame: seg.number,
                ts: seg.ts,
                seq: own,
                by_fin: false,
                first: fin.sent_once(),
            });
            fin.delivered = true;
            let (x, y) = pair(&mut self.ends, s);
            x.step(Event::RcvAckOfFin);
            if !y.has(seen::FIN_RECEIVED) {
                y.seen |= seen::FIN_RECEIVED;
                y.step(Event::RcvFin);
            }
            self.note(Note::FinalAckMissing);
            self.finish_if_done(seg);
        }
    }

    fn record(&self, seg: &Segment, form: ResetForm, trigger: Option<Sent>) -> Reset {
        let (x, y) = (
            &self.ends[seg.dir as usize],
            &self.ends[seg.dir.flip() as usize],
        );
        let since = |t: i64| {
            if t == i64::MIN {
                -1
            } else {
                seg.ts.saturating_sub(t).max(0)
            }
        };
        let data = [x, y]
            .iter()
            .filter(|e| e.bytes > 0)
            .map(|e| e.last_data_ts)
            .max();
        let steady = x.ttl != 0 && !self.noted(Note::TtlVaries);
        let ttl_off = if steady {
            i16::from(seg.ttl) - i16::from(x.ttl)
        } else {
            0
        };
        // what a RST of its sender's own numbers acks was received: it is an ACK too
        let acks = seg.has(flag::ACK) && form == ResetForm::Owner;
        let unacked = |s: usize| {
            let (e, acked) = (&self.ends[s], &self.ends[s ^ 1]);
            let ack = if acks && s != seg.dir as usize && seg.ack.after(acked.ack) {
                seg.ack
            } else {
                acked.ack
            };
            // a FIN takes a number, but it is no payload
            let end = self.fin_of(s).map_or(e.snd_nxt, |fin| {
                if fin.before(e.snd_nxt) {
                    fin
                } else {
                    e.snd_nxt
                }
            });
            let hole = e.lacks_before(end);
            let spoke = e.bytes > 0 || hole && self.fin_of(s).is_some();
            if e.has(seen::SEQ) && acked.has(seen::ACK) && spoke {
                end.since(ack).max(0).unsigned_abs()
            } else {
                0
            }
        };
        let refused = self
            .closing
            .as_ref()
            .and_then(|c| c.refused[seg.dir as usize]);
        Reset {
            by: seg.dir,
            frame: seg.number,
            ts: seg.ts,
            seq: seg.seq,
            ack: seg
                .has(flag::ACK)
                .then_some(seg.ack)
                .or(refused.map(|r| r.1)),
            form,
            trigger: trigger.map_or(0, |t| t.frame),
            trigger_payload: trigger.map_or(0, |t| t.payload),
            trigger_fin: trigger.is_some_and(|t| t.fin),
            trigger_ack: trigger.map_or(Seq(0), |t| t.ack),
            trigger_ts: trigger.map_or(seg.ts, |t| t.ts),
            window: super::endpoint::scale(seg.window, x.wscale, self.scaled()),
            ttl_off,
            timestamps: seg.marked(mark::TIMESTAMPS),
            seq_off: if x.has(seen::SEQ) {
                seg.seq.since(x.snd_nxt)
            } else {
                0
            },
            unacked: unacked(seg.dir as usize),
            peer_unacked: unacked(seg.dir.flip() as usize),
            streak: x.streak,
            vain: x.vain.max(x.streak),
            spoke: x.last_ts,
            peer_sent: y.has(seen::SEQ).then_some(y.snd_nxt),
            probing: x.has(seen::PROBING),
            repeats: form == ResetForm::Reply && refused.is_some(),
            idle: if data.is_some() {
                self.before_close(seg).0
            } else {
                -1
            },
            silence: since(x.last_ts.max(y.last_ts)),
            last_data: self.before_close(seg).1,
            before: [self.ends[0].state, self.ends[1].state],
            in_handshake: self.in_handshake(),
        }
    }

    /// True until the handshake is complete, as far as the capture shows it.
    fn in_handshake(&self) -> bool {
        self.ends
            .iter()
            .any(|e| matches!(e.state, State::SynSent | State::SynReceived | State::Listen))
    }

    fn count(&mut self, seg: &Segment, answers: bool) {
        let snd_nxt = self.ends[seg.dir as usize].snd_nxt;
        let Some(c) = &mut self.closing else { return };
        let gone = c.reset.is_some_and(|r| r.by == seg.dir);
        let echoes = gone && !seg.has(flag::ACK) && seg.seq.at_or_before(snd_nxt);
        let (first, count) = &mut c.rst_numbers[seg.dir as usize];
        if answers || echoes {
            // whoever has no socket answers each segment with its own number, also one that was not captured
        } else if *count == 0 {
            (*first, *count) = (seg.seq, 1);
        } else if *first != seg.seq && seg.seq != *first + 1 {
            // FIN and FIN+1 are the pair that a keep-alive race leaves: not two numbers
            *count = count.saturating_add(1);
        }
        if c.rsts.iter().all(|n| *n > 0) {
            self.note(Note::RstBothSides);
        } else if c.rsts[seg.dir as usize] > 1 {
            self.note(Note::RstRepeated);
        }
    }
}
