//! One end of a connection, as far as the wire proves it.

use super::holes::Holes;
use crate::machine::{self, Event, State};
use crate::segment::{NO_WSCALE, Segment};
use crate::seq::Seq;

/// Facts about an end that are either seen or not.
pub mod seen {
    /// Its sequence numbers are known (`snd_nxt` is valid).
    pub const SEQ: u32 = 1;
    /// It has sent an ACK (`ack` is valid).
    pub const ACK: u32 = 1 << 1;
    /// Its SYN was captured (`isn` is valid).
    pub const SYN: u32 = 1 << 2;
    /// The other end has acked its SYN.
    pub const SYN_ACKED: u32 = 1 << 3;
    /// It offered timestamps.
    pub const TIMESTAMPS: u32 = 1 << 4;
    /// It has proved that it received the other end's FIN.
    pub const FIN_RECEIVED: u32 = 1 << 5;
    /// The run of repeats is one of keep-alive probes.
    pub const PROBING: u32 = 1 << 6;
    /// A segment of it passed the checksum.
    pub const CHECKSUM_GOOD: u32 = 1 << 7;
    /// Its payload began as a TLS handshake.
    pub const TLS: u32 = 1 << 8;
    /// Its last payload ended in a TLS alert.
    pub const TLS_ALERT: u32 = 1 << 9;
    /// The end of its last payload could not be looked at.
    pub const TAIL_UNSEEN: u32 = 1 << 10;
    /// It has advertised a zero window that still stands.
    pub const ZERO_WINDOW: u32 = 1 << 11;
    /// It sent something after the capture lost some of its bytes.
    pub const GAP: u32 = 1 << 12;
    /// It sent a segment that was no RST.
    pub const SPOKE: u32 = 1 << 13;
    /// Its ACKs went beyond what was captured of the other end.
    pub const ACKS_UNSEEN: u32 = 1 << 14;
    /// Its window was zero, and what waited for it has not all been acked since.
    pub const HELD_UP: u32 = 1 << 15;
    /// When it began to send what is not yet acked, the last payload before had been the other end's.
    pub const ANSWERED: u32 = 1 << 16;
}

/// One end. Names are those of RFC 9293 section 3.3.1, seen from this end.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Nanoseconds of its last segment.
    pub last_ts: i64,
    /// Nanoseconds of its last new payload, or of the first sending of what is being repeated.
    pub last_data_ts: i64,
    /// New payload bytes.
    pub bytes: u64,
    /// Frame of its last segment.
    pub last_frame: u64,
    /// What the capture has not (yet) got, if anything.
    pub holes: Option<Box<Holes>>,
    /// Initial sequence number.
    pub isn: Seq,
    /// The number after the highest one sent.
    pub snd_nxt: Seq,
    /// The highest acknowledgment it has sent: its RCV.NXT as far as it has said.
    pub ack: Seq,
    /// The acknowledgment of its last segment (a REPLY RST carries it back).
    pub last_ack: Seq,
    /// Payload of its last segment.
    pub last_payload: u32,
    /// Milliseconds without payload of either end before it began to send what is not yet acked.
    pub quiet_ms: u32,
    /// Segments, copies not counted.
    pub packets: u32,
    /// Segments that repeat payload, SYN or FIN.
    pub retransmissions: u32,
    /// Largest window advertised, scaled, bytes.
    pub max_window: u32,
    /// Milliseconds between the first sending and the first repeat of the current run.
    pub first_gap_ms: u32,
    /// Milliseconds between the last two sendings of the current run.
    pub last_gap_ms: u32,
    /// Last window field, not scaled.
    pub window: u16,
    /// See [`seen`].
    pub seen: u32,
    /// Where it stands.
    pub state: State,
    /// Where it stood before its last move, until somebody asks (`Conn::passed`): of two moves by one segment,
    /// what lay between.
    pub passed: Option<State>,
    /// Window scale shift it offered, [`NO_WSCALE`] if none (or not seen).
    pub wscale: u8,
    /// The shift in force for its windows: `wscale` if both ends offered one, else 0.
    pub shift: u8,
    /// TTL of its first segment that is not a RST.
    pub ttl: u8,
    /// Repeats in a row without a word from the other end.
    pub streak: u8,
    /// Repeats in a row of what is still not acked, counted until the other end spoke of something else.
    pub vain: u8,
}

impl Endpoint {
    /// An end of which nothing is known but where it stands.
    #[must_use]
    pub fn new(state: State) -> Endpoint {
        Endpoint {
            last_ts: i64::MIN,
            last_data_ts: i64::MIN,
            bytes: 0,
            last_frame: 0,
            holes: None,
            isn: Seq(0),
            snd_nxt: Seq(0),
            ack: Seq(0),
            last_ack: Seq(0),
            last_payload: 0,
            quiet_ms: 0,
            packets: 0,
            retransmissions: 0,
            max_window: 0,
            first_gap_ms: 0,
            last_gap_ms: 0,
            window: 0,
            seen: 0,
            state,
            passed: None,
            wscale: NO_WSCALE,
            shift: 0,
            ttl: 0,
            streak: 0,
            vain: 0,
        }
    }

    /// True if all of `bits` were seen.
    #[inline]
    #[must_use]
    pub fn has(&self, bits: u32) -> bool {
        self.seen & bits == bits
    }

    /// Lets the state machine act. A pair without an edge leaves the state alone.
    pub fn step(&mut self, event: Event) {
        if let Some(next) = machine::next(self.state, event) {
            self.go(next);
        }
    }

    /// Moves the machine. The only places where a state is assigned are this and [`Endpoint::retract`].
    pub fn go(&mut self, state: State) {
        if state != self.state {
            self.passed = Some(self.state);
            self.state = state;
        }
    }

    /// Puts the machine back to where it stood before an ACK that turned out to be lost, or a RST
    /// that turned out to end nothing.
    pub fn retract(&mut self, state: State) {
        self.passed = None;
        self.state = state;
    }

    /// The window it last advertised, in bytes. `scaled` says whether both ends offered scaling.
    #[must_use]
    pub fn scaled_window(&self, scaled: bool) -> u32 {
        scale(self.window, self.wscale, scaled)
    }

    /// It goes on at `to`: what lies before, from `snd_nxt` on, was sent and is not captured (yet).
    pub fn pass_over(&mut self, to: Seq) {
        self.holes
            .get_or_insert_with(Box::<Holes>::default)
            .open(self.snd_nxt, to);
        self.snd_nxt = to;
        self.seen |= seen::GAP;
    }

    /// True if something that it sent below `number` is not captured.
    #[must_use]
    pub fn lacks_before(&self, number: Seq) -> bool {
        self.holes.as_ref().is_some_and(|h| h.any_before(number))
    }

    /// True if it acked more in a segment that was captured before `seg`, its own: then `seg` was overtaken, and what it
    /// repeats was sent again before that.
    #[must_use]
    pub fn has_acked_beyond(&self, seg: &Segment) -> bool {
        self.has(seen::ACK) && seg.ack.before(self.ack)
    }

    /// Takes back that it has received the other end's FIN, if that was only assumed; `assumed`: where it then stands.
    pub fn fin_was_not_received(&mut self, assumed: &mut Option<State>) {
        if let Some(stood) = assumed.take() {
            self.seen &= !seen::FIN_RECEIVED;
            self.retract(stood);
        }
    }

    /// Bytes of it that the capture never got.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.holes.as_ref().map_or(0, |h| h.missing())
    }
}

/// A window field in bytes. The shift is capped at 14 (RFC 7323 section 2.3).
#[must_use]
pub fn scale(window: u16, wscale: u8, scaled: bool) -> u32 {
    if scaled && wscale != NO_WSCALE {
        u32::from(window) << wscale.min(14)
    } else {
        u32::from(window)
    }
}
