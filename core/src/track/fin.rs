//! Closing by FIN: who sent one, who has received it, who acked it.

use super::account::repeat;
use super::closing::{Closing, Fin, FinAck, Sent};
use super::conn::{Conn, Outcome, pair};
use super::endpoint::{Endpoint, seen};
use crate::machine::{self, Event, State};
use crate::segment::{Dir, Segment, flag};
use crate::seq::Seq;
use crate::slugs::{Label, Note};

impl Fin {
    /// Takes back that its sender `x` has the ACK of it, and what that same segment showed of the other FIN.
    pub(super) fn ack_was_lost(&mut self, assumed: &mut Option<State>, x: &mut Endpoint) {
        self.delivered = false;
        if assumed.take().is_some() {
            x.seen &= !seen::FIN_RECEIVED;
        }
        let stood = self.before_ack;
        let with_fin = x
            .has(seen::FIN_RECEIVED)
            .then(|| machine::next(stood, Event::RcvFin));
        x.retract(with_fin.flatten().unwrap_or(stood));
    }
}

impl Closing {
    /// The ACK of `fin` by end `by`, `y`, that was captured before it: the capture has the two out of order.
    fn early_ack(&self, fin: &Fin, by: usize, y: &Endpoint) -> FinAck {
        let own = self.fin[by];
        let unknown = Sent {
            frame: y.last_frame,
            ts: y.last_ts,
            seq: own.map_or(y.snd_nxt, |f| f.number),
            ..Sent::default()
        };
        let first = self.first_to_ack(by, fin.number).unwrap_or(unknown);
        FinAck {
            frame: first.frame,
            ts: first.ts,
            seq: first.seq,
            by_fin: own.is_some_and(|f| f.frame == first.frame),
            first: fin.sent_once(),
        }
    }
}

impl Conn {
    /// End `s` sent an acknowledgment: it has received what it acks.
    pub(super) fn proves_received(&mut self, s: usize, ack: Seq) {
        let fin = self.fin_of(s ^ 1);
        if let (Some(c), Some(fin)) = (&mut self.closing, fin)
            && ack.after(fin)
        {
            c.assumed[s] = None;
        }
        let (x, y) = pair(&mut self.ends, s);
        if y.has(seen::SYN) && ack.after(y.isn) && x.state == State::SynSent {
            x.step(Event::RcvSynAck);
        }
        if let Some(fin) = fin
            && ack.after(fin)
            && !x.has(seen::FIN_RECEIVED)
        {
            x.seen |= seen::FIN_RECEIVED;
            if let Some(c) = &mut self.closing
                && let [Some(own), Some(other)] = [c.fin[s], c.fin[s ^ 1]]
                && own.acked.is_some()
                && !own.delivered
                && other.ack.after(own.number)
            {
                // the FIN that it has received carried the ACK of its own
                c.fin[s] = Some(Fin {
                    delivered: true,
                    before_ack: x.state,
                    ..own
                });
                x.step(Event::RcvAckOfFin);
            }
            x.step(Event::RcvFin);
        }
    }

    pub(super) fn fin_of(&self, s: usize) -> Option<Seq> {
        self.closing
            .as_ref()
            .and_then(|c| c.fin[s])
            .map(|f| f.number)
    }

    pub(super) fn fin(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let number = seg.seq + seg.payload + u32::from(seg.flags & flag::SYN != 0);
        let (idle, last_data) = self.before_close(seg);
        self.drop_false_fin(s, number);
        if self.fin_of(s).is_some() {
            self.fin_again(seg, number, out);
            return;
        }
        let Some(c) = &mut self.closing else { return };
        out.label(Label::Fin);
        if seg.payload > 0 {
            self.notes |= 1 << Note::FinWithData as u8;
        }
        let x = &mut self.ends[s];
        let late = x
            .holes
            .as_mut()
            .is_some_and(|holes| holes.fill(number, number + 1) > 0);
        let repeat_only = x.has(seen::SPOKE) && x.snd_nxt.after(number) && !late;
        let mut fin = Fin {
            number,
            ack: seg.ack,
            frame: seg.number,
            ts: seg.ts,
            idle,
            payload: seg.payload,
            last_data,
            acked: None,
            before_ack: State::Closed,
            delivered: false,
            repeats: 0,
            repeat_only,
            begins: !x.has(seen::SPOKE) && self.notes & (1 << Note::Midstream as u8) != 0,
        };
        let crosses = c.fin[s ^ 1].is_some_and(|other| fin.crosses(&other));
        if crosses {
            out.label(Label::CrossesFin);
        }
        let (x, y) = pair(&mut self.ends, s);
        let early = (y.has(seen::ACK) && y.ack == number + 1).then(|| c.early_ack(&fin, s ^ 1, y));
        if x.lacks_before(number) {
            self.notes |= 1 << Note::FinOutOfOrder as u8;
        }
        if x.has(seen::HELD_UP) && x.bytes > 0 {
            self.notes |= 1 << Note::FinAfterZeroWindow as u8;
        }
        x.snd_nxt = x.snd_nxt.max(number + 1);
        x.streak = 0;
        x.last_data_ts = if seg.payload > 0 || x.last_data_ts == i64::MIN {
            seg.ts
        } else {
            x.last_data_ts
        };
        if crosses && x.state == State::CloseWait {
            // it was sent before what has shown that the other FIN had come
            x.go(State::Closing);
        } else {
            x.step(Event::SndFin);
        }
        fin.before_ack = x.state;
        fin.acked = early;
        fin.delivered = early.is_some();
        c.fin[s] = Some(fin);
        if early.is_some() {
            y.seen |= seen::FIN_RECEIVED;
            y.step(Event::RcvFin);
            x.step(Event::RcvAckOfFin);
            self.finish_if_done(seg);
        }
    }

    /// Its sender sends its FIN again: it has not received the ACK of it, nor the other end, perhaps, the FIN.
    fn fin_again(&mut self, seg: &Segment, number: Seq, out: &mut Outcome) {
        let s = seg.dir as usize;
        let Some(c) = &mut self.closing else { return };
        let Some(fin) = c.fin[s].as_mut().filter(|f| f.number == number) else {
            return;
        };
        fin.repeats += 1;
        out.label(Label::FinRetransmission);
        out.refers_to = fin.frame;
        self.notes |= 1 << Note::FinRetransmitted as u8;
        let (x, y) = pair(&mut self.ends, s);
        x.retransmissions += u32::from(!out.is(Label::Retransmission));
        if x.has_acked_beyond(seg) {
            return;
        }
        y.fin_was_not_received(&mut c.assumed[s ^ 1]);
        if fin.acked.is_some() && fin.delivered {
            fin.ack_was_lost(&mut c.assumed[s], x);
            self.notes |= 1 << Note::FinAckLost as u8;
        }
        if seg.payload == 0 {
            repeat(x, seg.ts);
        }
    }

    /// Payload is sent again that lies before its sender's FIN: the other end has the FIN only once that has come.
    pub(super) fn fin_waits_for_this(&mut self, seg: &Segment) {
        let s = seg.dir as usize;
        if let Some(c) = &mut self.closing
            && !self.ends[s].has_acked_beyond(seg)
        {
            self.ends[s ^ 1].fin_was_not_received(&mut c.assumed[s ^ 1]);
        }
    }

    /// A FIN far ahead that nobody acked, and now one with a lower number: the first was out of window
    /// and dropped (RFC 9293 section 3.10.7.4), a stray or a forgery. It never was one.
    fn drop_false_fin(&mut self, s: usize, number: Seq) {
        let Some(c) = &mut self.closing else { return };
        let x = &mut self.ends[s];
        let false_fin = c.fin[s].is_some_and(|f| {
            f.acked.is_none() && x.lacks_before(f.number) && number.before(f.number)
        });
        if false_fin {
            c.fin[s] = None;
            x.snd_nxt = number;
            if let Some(holes) = &mut x.holes {
                holes.forget_from(number);
            }
        }
    }

    /// How long the connection had been idle, as the sender of this FIN or RST saw it (nanoseconds, -1
    /// without any payload), and who had sent the last payload. What the other end has sent and the
    /// segment does not ack had not arrived: it crossed.
    pub(super) fn before_close(&self, seg: &Segment) -> (i64, Option<Dir>) {
        let s = seg.dir as usize;
        let (x, y) = (&self.ends[s], &self.ends[s ^ 1]);
        let crossed = y.has(seen::SEQ)
            && y.bytes > 0
            && self.last_data == Some(seg.dir.flip())
            && y.snd_nxt.after(if seg.flags & flag::ACK != 0 {
                seg.ack
            } else {
                x.ack
            });
        if crossed {
            let since = seg.ts.saturating_sub(y.last_data_ts).max(0);
            let last = if y.has(seen::ANSWERED) {
                Some(seg.dir)
            } else {
                Some(seg.dir.flip())
            };
            let only = x.bytes == 0 && y.quiet_ms == 0;
            return (
                i64::from(y.quiet_ms) * 1_000_000 + since,
                if only { self.last_data } else { last },
            );
        }
        (
            self.idle_at(seg),
            if seg.payload > 0 {
                Some(seg.dir)
            } else {
                self.last_data
            },
        )
    }

    /// Nanoseconds since the last payload of either end, -1 if there was none.
    pub(super) fn idle_at(&self, seg: &Segment) -> i64 {
        let last = self
            .ends
            .iter()
            .filter(|e| e.bytes > 0)
            .map(|e| e.last_data_ts)
            .max();
        last.map_or(-1, |t| seg.ts.saturating_sub(t).max(0))
    }

    /// What the acknowledgment tells the other end of its FIN, and of payload that it sent after this end's.
    pub(super) fn acks_fin(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let own_fin = self.fin_of(s);
        // a FIN behind a hole waits until that is filled (RFC 9293 section 3.10.7.4)
        let hole_before_fin = own_fin.is_some_and(|n| self.ends[s].lacks_before(n));
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
                    seq: seg.seq,
                    by_fin: out.is(Label::Fin),
                    first: fin.sent_once(),
                });
            }
            if !fin.delivered {
                fin.delivered = true;
                let y = &mut self.ends[s ^ 1];
                // a segment beyond x's own FIN reaches y after that FIN did
                let stood = y.state;
                let assume = own_fin.is_some_and(|n| seg.seq.after(n))
                    && !y.has(seen::FIN_RECEIVED)
                    && !hole_before_fin;
                if assume {
                    y.seen |= seen::FIN_RECEIVED;
                    y.step(Event::RcvFin);
                }
                fin.before_ack = stood;
                y.step(Event::RcvAckOfFin);
                if assume {
                    c.assumed[s ^ 1] =
                        Some(machine::next(stood, Event::RcvAckOfFin).unwrap_or(stood));
                }
            }
        }
        if let Some(late) = c.late[s ^ 1]
            && let Some(own) = own_fin
            && late.ack.after(own)
            && seg.ack.at_or_after(late.end)
        {
            self.notes |= 1 << Note::HalfCloseUsed as u8;
        }
        self.finish_if_done(seg);
    }

    pub(super) fn finish_if_done(&mut self, seg: &Segment) {
        if let Some(c) = &mut self.closing
            && c.finished.is_none()
            && c.fin.iter().all(|f| f.is_some_and(|f| f.acked.is_some()))
        {
            c.finished = Some((seg.ts, seg.number));
        }
    }
}
