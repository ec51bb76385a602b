//! What is remembered of a connection once a FIN or a RST was seen. Kept apart because most open
//! connections have neither, and what is open must be small.

use crate::machine::State;
use crate::segment::Dir;
use crate::seq::Seq;
use crate::slugs::ResetForm;
use std::sync::LazyLock;

/// The first sending of one end's FIN.
#[derive(Clone, Copy, Debug)]
pub struct Fin {
    /// The number that the FIN takes. A FIN is known by it, whatever segment carries it.
    pub number: Seq,
    /// SEG.ACK of the segment that carried it.
    pub ack: Seq,
    /// Frame.
    pub frame: u64,
    /// Nanoseconds.
    pub ts: i64,
    /// Nanoseconds since the last payload of either end; -1 if there was none.
    pub idle: i64,
    /// Payload in the same segment.
    pub payload: u32,
    /// Who sent the last payload before it, if anybody did.
    pub last_data: Option<Dir>,
    /// The first segment that acked it.
    pub acked: Option<FinAck>,
    /// Where its sender stood before the ACK was delivered, and whatever it shows of the other FIN.
    pub before_ack: State,
    /// The ACK counts as delivered (a repeat of the FIN takes that back).
    pub delivered: bool,
    /// Repeats after the first sending.
    pub repeats: u32,
    /// Its sender had gone beyond it before: this is a repeat, and the first sending was not captured.
    pub repeat_only: bool,
    /// The capture begins in the middle, and nothing that its sender sent before it was captured: this may be a repeat.
    pub begins: bool,
}

/// The first segment that acked a FIN.
#[derive(Clone, Copy, Debug)]
pub struct FinAck {
    /// Frame.
    pub frame: u64,
    /// Nanoseconds.
    pub ts: i64,
    /// SEG.SEQ.
    pub seq: Seq,
    /// It is the first sending of the other end's own FIN: a three-way close.
    pub by_fin: bool,
    /// The FIN had been sent only once: its receiver had not acked it before.
    pub first: bool,
}

impl Fin {
    /// True if this FIN was sent by an end that had not received `other`. Its own ACK says so; or, where its first sending was
    /// not captured, that the segment by which its sender first acked `other` comes after it.
    #[must_use]
    pub fn crosses(&self, other: &Fin) -> bool {
        let before_its_ack = other
            .acked
            .is_some_and(|a| a.first && a.seq.after(self.number));
        before_its_ack || !self.ack.after(other.number)
    }

    /// True if only the segment that acked `other` says so, which may have been the second to ack it, if `other` is a repeat.
    #[must_use]
    pub fn may_cross(&self, other: &Fin) -> bool {
        other.begins && self.ack.after(other.number) && self.crosses(other)
    }

    /// True as long as it was sent only once, as far as the capture shows. (One that was sent again may be acked again, after a FIN that acked it too.)
    pub(super) fn sent_once(&self) -> bool {
        self.repeats == 0 && !self.repeat_only
    }
}

/// A RST that took effect.
#[derive(Clone, Copy, Debug)]
pub struct Reset {
    /// Who sent it (or in whose name).
    pub by: Dir,
    /// Frame.
    pub frame: u64,
    /// Nanoseconds.
    pub ts: i64,
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK, if it has one: what its sender had received.
    pub ack: Option<Seq>,
    /// OWNER or REPLY.
    pub form: ResetForm,
    /// Frame of the segment that drew a REPLY; 0 if it was not captured.
    pub trigger: u64,
    /// The trigger's payload bytes and whether it carried FIN or SYN.
    pub trigger_payload: u32,
    /// See above.
    pub trigger_fin: bool,
    /// The trigger's acknowledgment number.
    pub trigger_ack: Seq,
    /// The trigger's time, nanoseconds.
    pub trigger_ts: i64,
    /// Window of the RST in bytes.
    pub window: u32,
    /// Its TTL minus that of its sender's other segments; 0 if there were none.
    pub ttl_off: i16,
    /// It carries timestamps.
    pub timestamps: bool,
    /// RST.SEQ minus its sender's SND.NXT.
    pub seq_off: i32,
    /// Bytes its sender had sent and not seen acked.
    pub unacked: u32,
    /// Bytes of the other end that were not yet acked when it was sent.
    pub peer_unacked: u32,
    /// Repeats in a row of its sender just before: it may have given up.
    pub streak: u8,
    /// Repeats in vain of what was never acked, though the other end has spoken since.
    pub vain: u8,
    /// When its sender spoke last, nanoseconds; `i64::MIN` if it never did.
    pub spoke: i64,
    /// What the other end had sent by then: the number after the highest; none if that is not known.
    pub peer_sent: Option<Seq>,
    /// Those repeats were keep-alive probes.
    pub probing: bool,
    /// Its sender's own RST before it, of which this is the repeat, was not taken (RFC 5961 section 3.2); `ack` is of that one.
    pub repeats: bool,
    /// Nanoseconds since the last payload of either end; -1 if there was none.
    pub idle: i64,
    /// Nanoseconds since the last segment of either end; -1 if there was none.
    pub silence: i64,
    /// Who sent the last payload, if anybody did.
    pub last_data: Option<Dir>,
    /// Where both ends stood before it.
    pub before: [State; 2],
    /// It came before the handshake was complete.
    pub in_handshake: bool,
}

/// Payload that one end sent after the other's FIN was captured.
#[derive(Clone, Copy, Debug)]
pub struct Late {
    /// Frame.
    pub frame: u64,
    /// Nanoseconds.
    pub ts: i64,
    /// SEG.ACK: below FIN+1 it crossed the FIN; at FIN+1 it ignored it.
    pub ack: Seq,
    /// End of the payload.
    pub end: Seq,
}

/// A segment as a RST may refer to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Frame.
    pub frame: u64,
    /// Nanoseconds.
    pub ts: i64,
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK.
    pub ack: Seq,
    /// Payload bytes.
    pub payload: u32,
    /// It carried FIN.
    pub fin: bool,
}

/// How many acknowledgment numbers of each end a RST can be traced back to.
const RECENT: usize = 4;

/// The record of a close.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// Each end's FIN.
    pub fin: [Option<Fin>; 2],
    /// The RST that took effect.
    pub reset: Option<Reset>,
    /// The first payload that each end sent after the other's FIN.
    pub late: [Option<Late>; 2],
    /// FIN segments captured, by end.
    pub fins: [u32; 2],
    /// RST segments captured, by end.
    pub rsts: [u32; 2],
    /// Sequence numbers of RSTs that answer no segment that was captured, by end: the first, and how many different
    /// ones (up to 255).
    pub rst_numbers: [(Seq, u8); 2],
    /// New payload that the resetting end sent after its RST, bytes.
    pub data_after_reset: u64,
    /// The first frame in which it acked what the other end had sent after the RST; 0 if it never did.
    pub acked_after_reset: u64,
    /// How long after the RST it sent something that no closed socket sends, a round trip being long over,
    /// nanoseconds; 0 if it never did.
    pub spoke_after_reset: i64,
    /// Highest end of that payload.
    pub after_reset_end: Seq,
    /// When and in which frame the connection was finished.
    pub finished: Option<(i64, u64)>,
    /// The last frame of an unacceptable RST that may draw a challenge ACK, and who sent it.
    pub doubtful_rst: Option<(u64, Dir)>,
    /// SEG.SEQ and SEG.ACK of such a RST that each end sent as the owner of its socket: what it had sent and received.
    pub refused: [Option<(Seq, Seq)>; 2],
    /// An end whose receipt of the other's FIN is only assumed (it got a later segment), and where it
    /// stands if that is wrong.
    pub assumed: [Option<State>; 2],
    /// The last few segments of each end, newest last.
    recent: [Recent; 2],
}

/// What one end sent with each of its last acknowledgment numbers, oldest first. A RST in answer gives one of these
/// numbers back. In place: two allocations less for each connection.
#[derive(Clone, Debug, Default)]
struct Recent {
    len: u8,
    sent: [Turn; RECENT],
}

/// What was sent with one acknowledgment number.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// The first.
    first: Sent,
    /// The one that would have drawn a RST: see [`Sent::draws_before`].
    drew: Sent,
}

impl Sent {
    /// The number after the last one it takes.
    fn end(&self) -> Seq {
        self.seq + self.payload + u32::from(self.fin)
    }

    /// True if this one, and not `kept` (sent before it with the same acknowledgment number), is what the first RST would
    /// answer. `una`: what the other end has acked. Of payload that nobody acked the first in order, of its
    /// repeats the last; of bare ACKs the last.
    fn draws_before(&self, kept: &Sent, una: Seq) -> bool {
        let speaks = self.end() != self.seq;
        let answered = kept.end() == kept.seq || kept.end().at_or_before(una);
        answered || speaks && self.seq.at_or_before(kept.seq)
    }
}

impl Recent {
    fn push(&mut self, sent: Sent, una: Seq) {
        if let Some(last) = self.sent[..usize::from(self.len)].last_mut()
            && last.drew.ack == sent.ack
        {
            if sent.draws_before(&last.drew, una) {
                last.drew = sent;
            }
            return;
        }
        if usize::from(self.len) == RECENT {
            self.sent.rotate_left(1);
        } else {
            self.len += 1;
        }
        self.sent[usize::from(self.len) - 1] = Turn {
            first: sent,
            drew: sent,
        };
    }

    fn all(&self) -> &[Turn] {
        &self.sent[..usize::from(self.len)]
    }
}

impl Reset {
    /// True if this FIN of its own sender went before it: it was captured before, or the RST has a number beyond it.
    /// `refused`: SEG.SEQ of the RST of which this one is the repeat.
    #[must_use]
    pub fn follows(&self, own: &Fin, refused: Option<Seq>) -> bool {
        own.frame < self.frame
            || self.seq.after(own.number)
            || refused.is_some_and(|seq| seq.after(own.number))
    }

    /// True if its sender had received this FIN.
    #[must_use]
    pub fn acks(&self, fin: &Fin) -> bool {
        self.ack.is_some_and(|ack| ack.after(fin.number))
    }
}

/// The record of a connection that has neither FIN nor RST.
pub static EMPTY: LazyLock<Closing> = LazyLock::new(Closing::default);

impl Closing {
    /// Remembers a segment of end `by`. `una`: what the other end has acked of it.
    pub fn remember(&mut self, by: usize, sent: Sent, una: Seq) {
        self.recent[by].push(sent, una);
    }

    /// The first segment of end `by` that acks `number`, among those remembered.
    #[must_use]
    pub fn first_to_ack(&self, by: usize, number: Seq) -> Option<Sent> {
        let turns = self.recent[by].all();
        turns.iter().map(|t| t.first).find(|s| s.ack.after(number))
    }

    /// The segment of end `by`, sent since `after`, that the first RST with this sequence number answers: one with that
    /// acknowledgment (RFC 9293 section 3.5.2, group 1).
    #[must_use]
    pub fn trigger(&self, by: usize, rst_seq: Seq, after: i64) -> Option<Sent> {
        let turns = self.recent[by].all().iter().rev();
        let mut fit = turns.map(|t| t.drew);
        fit.find(|s| s.ack == rst_seq && s.ts >= after)
    }
}
