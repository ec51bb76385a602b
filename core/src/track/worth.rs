//! What a RST is worth to its receiver, who sent it, and what drew it (RFC 9293 section 3.5.2 and 3.10.7, RFC 5961 section 3).

use super::closing::Sent;
use super::conn::Conn;
use super::endpoint::seen;
use crate::machine::State;
use crate::segment::{Segment, flag, mark};
use crate::seq::Seq;
use crate::slugs::ResetForm;

/// A reply follows its trigger within a round trip; one that comes later was not drawn by it.
/// Nanoseconds; above the longest round trips in use (RFC 6298 section 2.4 takes 1 s as the least RTO).
const PROMPT: i64 = 5_000_000_000;

/// What a RST is worth to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Exactly what the receiver expects: the connection is gone.
    Exact,
    /// One below it after a FIN: Linux takes it (`tcp_reset_check`), for macOS sends such.
    BelowFin,
    /// In the window, not exact: draws a challenge ACK.
    Doubtful,
    /// Out of the window, or in SYN-SENT without acking the SYN: ignored.
    Nothing,
}

impl Conn {
    pub(super) fn worth(&self, seg: &Segment) -> Worth {
        let (x, y) = (
            &self.ends[seg.dir as usize],
            &self.ends[seg.dir.flip() as usize],
        );
        if y.state == State::SynSent && !x.has(seen::SYN) {
            // RFC 9293 3.10.7.3: in SYN-SENT only a RST that acks the SYN counts
            let acks_syn = seg.flags & flag::ACK != 0
                && seg.ack.after(y.isn)
                && seg.ack.at_or_before(y.snd_nxt);
            return if acks_syn {
                Worth::Exact
            } else {
                Worth::Nothing
            };
        }
        if seg.has(flag::RST | flag::ACK)
            && seg.seq == Seq(0)
            && x.packets == 0
            && seg.ack == y.snd_nxt
        {
            return Worth::Exact;
        }
        if !y.has(seen::ACK) {
            let known = x.has(seen::SEQ);
            let near = seg.seq.at_or_before(x.snd_nxt + 1) && seg.seq.at_or_after(x.isn);
            return if !known || near || !x.has(seen::SYN) {
                Worth::Exact
            } else {
                Worth::Doubtful
            };
        }
        let from_expected = seg.seq.since(y.ack);
        let sent = if x.has(seen::SEQ) {
            x.snd_nxt.since(y.ack).max(0)
        } else {
            0
        };
        let finned = y.has(seen::FIN_RECEIVED);
        if (0..=sent).contains(&from_expected) {
            Worth::Exact
        } else if from_expected == -1 && finned {
            Worth::BelowFin
        } else if from_expected > 0
            && x.has(seen::GAP)
            && from_expected.unsigned_abs() <= y.max_window
        {
            // the capture lost part of what the sender had sent
            Worth::Exact
        } else if from_expected > 0
            && from_expected.unsigned_abs() <= y.scaled_window(self.scaled()).max(1)
        {
            Worth::Doubtful
        } else {
            Worth::Nothing
        }
    }

    /// OWNER or REPLY, by the numbers that Linux puts into each (measured; `tcp_send_active_reset`,
    /// `tcp_v4_send_reset`). RFC 9293 section 3.5.2 asks the same of everyone's replies.
    pub(super) fn form(&self, seg: &Segment) -> ResetForm {
        let x = &self.ends[seg.dir as usize];
        if seg.flags & flag::ACK == 0 {
            return ResetForm::Reply;
        }
        if seg.seq == Seq(0) && (x.packets == 0 || x.snd_nxt != Seq(0)) {
            return ResetForm::Reply;
        }
        let window_gone = seg.window == 0 && x.window != 0;
        if window_gone && !seg.marked(mark::TIMESTAMPS) {
            ResetForm::Unclear
        } else {
            ResetForm::Owner
        }
    }

    pub(super) fn trigger(&self, seg: &Segment) -> Option<Sent> {
        let y = seg.dir.flip() as usize;
        let c = self.closing.as_ref()?;
        if seg.flags & flag::ACK == 0 {
            return c.trigger(y, seg.seq, seg.ts.saturating_sub(PROMPT));
        }
        // the answer to a segment without ACK acks its end (RFC 9293 section 3.5.2): here, a SYN
        let e = &self.ends[y];
        (e.snd_nxt == seg.ack && e.packets > 0).then_some(Sent {
            frame: e.last_frame,
            ts: e.last_ts,
            seq: e.snd_nxt - e.last_payload,
            ack: e.last_ack,
            payload: e.last_payload,
            fin: false,
        })
    }
}
