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
}

/// The first segment that acked a FIN.
#[derive(Clone, Copy, Debug)]
pub struct FinAck {
    /// Frame.
    pub frame: u64,
    /// Nanoseconds.
    pub ts: i64,
    /// It is the first sending of the other end's own FIN: a three-way close.
    pub by_fin: bool,
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
    /// Those repeats were keep-alive probes.
    pub probing: bool,
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
    /// SEG.ACK.
    pub ack: Seq,
    /// Payload bytes.
    pub payload: u32,
    /// It carried FIN.
    pub fin: bool,
}

/// How many segments of each end a RST can be traced back to.
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
    /// Sequence numbers of RSTs, by end: the first, and how many different ones (up to 255).
    pub rst_numbers: [(Seq, u8); 2],
    /// New payload that the resetting end sent after its RST, bytes.
    pub data_after_reset: u64,
    /// Highest end of that payload.
    pub after_reset_end: Seq,
    /// When and in which frame the connection was finished.
    pub finished: Option<(i64, u64)>,
    /// The last frame of an unacceptable RST that may draw a challenge ACK, and who sent it.
    pub doubtful_rst: Option<(u64, Dir)>,
    /// An end whose receipt of the other's FIN is only assumed (it got a later segment), and where it
    /// stands if that is wrong.
    pub assumed: [Option<State>; 2],
    /// The last few segments of each end, newest last.
    recent: [Recent; 2],
}

/// The last segments of one end, oldest first. In place: two allocations less for each connection.
#[derive(Clone, Debug, Default)]
struct Recent {
    len: u8,
    sent: [Sent; RECENT],
}

impl Recent {
    fn push(&mut self, sent: Sent) {
        if usize::from(self.len) == RECENT {
            self.sent.rotate_left(1);
        } else {
            self.len += 1;
        }
        self.sent[usize::from(self.len) - 1] = sent;
    }

    fn all(&self) -> &[Sent] {
        &self.sent[..usize::from(self.len)]
    }
}

impl Reset {
    /// True if its sender had received this FIN.
    #[must_use]
    pub fn acks(&self, fin: &Fin) -> bool {
        self.ack.is_some_and(|ack| ack.after(fin.number))
    }
}

/// The record of a connection that has neither FIN nor RST.
pub static EMPTY: LazyLock<Closing> = LazyLock::new(Closing::default);

impl Closing {
    /// Remembers a segment of end `by`.
    pub fn remember(&mut self, by: usize, sent: Sent) {
        self.recent[by].push(sent);
    }

    /// The first segment of end `by` that acks `number`, among those remembered.
    #[must_use]
    pub fn first_to_ack(&self, by: usize, number: Seq) -> Option<Sent> {
        self.recent[by]
            .all()
            .iter()
            .find(|s| s.ack.after(number))
            .copied()
    }

    /// The segment of end `by` that a RST with this sequence number answers: the newest one with
    /// that acknowledgment (RFC 9293 section 3.5.2, group 1), payload before bare ACKs.
    #[must_use]
    pub fn trigger(&self, by: usize, rst_seq: Seq) -> Option<Sent> {
        let fits = |s: &&Sent| s.ack == rst_seq;
        let newest = self.recent[by].all().iter().rev();
        newest
            .clone()
            .find(|s| fits(s) && (s.payload > 0 || s.fin))
            .or_else(|| newest.clone().find(fits))
            .copied()
    }
}
