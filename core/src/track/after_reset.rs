//! What comes after the end of a connection: RSTs that change nothing, and segments that show that a RST ended nothing.

use super::closing::Reset;
use super::conn::{Conn, Outcome, pair};
use super::endpoint::seen;
use super::worth::Worth;
use crate::machine::{Event, State};
use crate::segment::{Segment, flag};
use crate::seq::Seq;
use crate::slugs::{Label, Note, ResetForm};

/// What was on its way when a RST was sent has arrived by then, or was lost and would be sent again (the least RTO of
/// Linux, `TCP_RTO_MIN`). Nanoseconds.
const ON_ITS_WAY: i64 = 200_000_000;

impl Conn {
    /// A RST after the connection was finished.
    pub(super) fn after_the_end(
        &mut self,
        seg: &Segment,
        worth: Worth,
        form: ResetForm,
        out: &mut Outcome,
    ) {
        if let Some(reset) = self.closing.as_ref().and_then(|c| c.reset) {
            if reset.by == seg.dir && reset.form == ResetForm::Reply {
                self.answers_unseen(seg, out);
            }
            return;
        }
        self.note(Note::RstAfterClose);
        if form == ResetForm::Owner && worth == Worth::Exact {
            self.ends[seg.dir as usize].go(State::Closed);
        }
        let y = &mut self.ends[seg.dir.flip() as usize];
        if y.state == State::TimeWait && worth == Worth::Exact {
            y.step(Event::RcvRst);
            self.note(Note::TimeWaitAssassinated);
        }
    }

    /// One more answer of a stack without a socket: its number is what the other end had acked (RFC 9293 section
    /// 3.5.2). Beyond all that was captured of its sender, that ACK and what it acks are missing.
    fn answers_unseen(&mut self, seg: &Segment, out: &mut Outcome) {
        let (x, y) = pair(&mut self.ends, seg.dir as usize);
        let beyond = seg.seq.since(x.snd_nxt);
        let window = i32::try_from(y.max_window).unwrap_or(i32::MAX);
        if !seg.has(flag::ACK) && x.has(seen::SEQ) && (1..=window).contains(&beyond) {
            out.label(Label::AcksUnseen);
            x.pass_over(seg.seq);
        }
    }

    /// The other end closed while the RST was on its way to it: a socket that is gone sends no FIN. (Or the resetter had,
    /// and its RST overtook its FIN.)
    pub(super) fn crossed_the_reset(&mut self, seg: &Segment) {
        let s = seg.dir as usize;
        let Some(c) = &self.closing else { return };
        let (Some(reset), Some(fin)) = (c.reset, c.fin[s]) else {
            return;
        };
        if fin.frame != seg.number {
            return;
        }
        let received = c.fin[s ^ 1].is_some_and(|other| seg.ack.after(other.number));
        let y = &mut self.ends[s];
        // whether the resetter's own FIN had come since cannot be known
        y.retract(reset.before[s]);
        if received {
            y.step(Event::RcvFin);
        }
        y.step(Event::SndFin);
        y.go(State::Closed);
    }

    /// A segment of the end that the RST names: does it show that this end is alive? (Half-open, an end answers by RST and
    /// lives on.)
    fn lives_on(&mut self, seg: &Segment, reset: &Reset) {
        let over = ON_ITS_WAY.max(self.handshake_ns.saturating_mul(2));
        let y = &self.ends[seg.dir.flip() as usize];
        let acks = |sent: Seq| {
            seg.has(flag::ACK)
                && seg.ack.after(sent)
                && seg.ack.at_or_before(y.snd_nxt)
                && !y.has(seen::GAP)
        };
        let acked = reset.peer_sent.is_some_and(acks);
        let Some(c) = &mut self.closing else { return };
        if reset.in_handshake || seg.has(flag::SYN) {
            return;
        }
        let later = seg.ts.saturating_sub(reset.ts);
        let speaks = seg.payload > 0 || seg.has(flag::FIN);
        if c.spoke_after_reset == 0 && speaks && later > over {
            c.spoke_after_reset = later;
        }
        if c.acked_after_reset == 0 && acked {
            c.acked_after_reset = seg.number;
        }
    }

    /// A segment after a RST: does it show that the RST ended nothing?
    pub(super) fn after_reset(&mut self, seg: &Segment, out: &mut Outcome) {
        let Some(c) = &mut self.closing else { return };
        if seg.has(flag::SYN) && c.reset.is_none() {
            c.doubtful_rst = None; // what takes a SYN challenges no RST: that one was for an earlier connection
        }
        if let Some((frame, by)) = c.doubtful_rst
            && by != seg.dir
            && seg.payload == 0
            && c.reset.is_none()
        {
            out.label(Label::ChallengeAck);
            out.refers_to = frame;
            c.doubtful_rst = None;
            self.note(Note::RstChallenged);
            self.note(Note::ChallengeAck);
            return;
        }
        let Some(reset) = c.reset else { return };
        out.label(Label::AfterClose);
        if reset.by == seg.dir {
            self.lives_on(seg, &reset);
            let Some(c) = &mut self.closing else { return };
            if seg.payload > 0 && (seg.seq + seg.payload).after(reset.seq) {
                c.data_after_reset += u64::from(seg.payload);
                c.after_reset_end = seg.seq + seg.payload;
            }
            return;
        }
        // the other end acks what the alleged resetter sent after the RST: it never took effect
        if c.data_after_reset > 0
            && seg.ack.after(reset.seq)
            && seg.ack.at_or_before(c.after_reset_end)
        {
            c.reset = None;
            c.finished = None;
            for (e, state) in self.ends.iter_mut().zip(reset.before) {
                e.retract(state);
            }
            let keep = [
                Note::RstOwner,
                Note::RstReply,
                Note::DataDestroyed,
                Note::LateSegment,
            ];
            for note in keep {
                self.notes &= !(1 << note as u8);
            }
            self.note(Note::RstIgnored);
        }
    }
}
