//! Why it ended: the rules of diagnosis that one connection can show by itself. What only many
//! connections together show is added in [`super::across`].

use super::closed::Closed;
use super::evidence::List;
use super::unseen::{fin_unseen, last_words_unseen};
use crate::segment::Dir;
use crate::slugs::{Cause, Close, Confidence, Evidence, Handshake, Note, ResetForm};
use crate::track::closing::{Closing, EMPTY, Fin};
use crate::track::conn::{Conn, reuse};
use crate::track::endpoint::{Endpoint, seen};

/// A connection that was quiet this long counts as idle, so that a close then is a timeout's and not
/// the end of an exchange. Shorter than any keep-alive limit in use (1 s), longer than most round trips.
pub(super) const IDLE: i64 = 200_000_000;

/// Quiet time from which a device in between may have forgotten the connection: the shortest limit
/// in common use is 60 s (AWS NLB's smallest setting, HAProxy and nginx defaults).
pub(super) const DEVICE_IDLE: i64 = 60_000_000_000;

/// Device limits people meet, seconds: AWS NLB and NAT gateway 350, IPVS 900, Azure 240, firewalls
/// 1800 and 3600, kube-proxy 86400.
const KNOWN_LIMITS: [i64; 6] = [240, 350, 900, 1800, 3600, 86_400];

/// CLOSE-WAIT this long without payload is a leak in the making: Linux itself forgets the other side
/// after `tcp_fin_timeout`, 60 s.
pub(super) const LEAK: i64 = 60_000_000_000;

/// A close that answers a FIN this quickly was no application's reply.
const AT_ONCE: i64 = 500_000_000;

/// Payload up to which a client's words may be one request: one Ethernet segment's.
pub(super) const REQUEST: u64 = 1_460;

/// Keep-alive probes without an answer that make an abort a keep-alive timeout.
pub(super) const PROBES: u8 = 2;

/// A SYN is sent again after this long (RFC 6298 section 2.1): before, silence says nothing. Nanoseconds.
const RTO: i64 = 1_000_000_000;

/// Repeats after which it is safe to say that nobody answers: with a doubled wait each (RFC 6298 section 5.5), the
/// next comes more than 15 times the first wait after the first sending.
const MANY: u32 = 4;

/// True if what was sent again would have been sent once more by now.
pub(super) fn overdue(gap: u32, silence: i64) -> bool {
    silence / 1_000_000 >= 2 * i64::from(gap.max(1))
}

/// How sure it is that no answer comes to what was sent again so often: the next repeat must be overdue, or
/// many were in vain. The last one is in vain once it has waited as long as the one before it. `gap` is the time
/// between the last two sendings, milliseconds.
fn no_answer_comes(repeats: u32, gap: u32, silence: i64) -> Confidence {
    let pending = u32::from(silence / 1_000_000 < i64::from(gap));
    if overdue(gap, silence) || repeats >= MANY {
        Confidence::Certain
    } else if repeats.saturating_sub(pending) > 1 {
        Confidence::Likely
    } else {
        Confidence::Possible
    }
}

/// So long a sender repeats payload at least before it gives up (R2, RFC 1122 section 4.2.3.5), nanoseconds. Linux waits
/// fifteen minutes. One that falls silent earlier may have been cut off itself, or told to wait no longer.
const GIVES_UP: i64 = 100_000_000_000;

/// A cause with what speaks for and against it.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Why.
    pub cause: Cause,
    /// How sure.
    pub confidence: Confidence,
    /// What speaks for it.
    pub supports: List,
    /// What speaks against it.
    pub against: List,
}

impl Reason {
    pub(super) fn new(cause: Cause, confidence: Confidence) -> Reason {
        Reason {
            cause,
            confidence,
            supports: List::default(),
            against: List::default(),
        }
    }
}

/// Judges a connection that closed as `closed` says. `now` is when the capture ends, nanoseconds.
#[must_use]
pub fn reason(conn: &Conn, closed: &Closed, now: i64) -> Reason {
    let c = conn.closing.as_deref().unwrap_or_else(|| &EMPTY);
    let case = Case {
        conn,
        c,
        closed,
        now,
    };
    let mut reason = match closed.close {
        Close::FourWay | Close::ThreeWay | Close::Simultaneous => case.both_fins(),
        Close::Reset => case.reset(),
        Close::HalfClosed => case.half_closed(),
        Close::FinUnanswered => case.fin_unanswered(),
        Close::Vanished => case.vanished(),
        Close::Refused => case.refused(),
        Close::Unanswered => case.unanswered(),
        Close::HandshakeReset => case.handshake_reset(),
        Close::Open => case.open(),
    };
    case.doubt(&mut reason);
    reason
}

pub(super) struct Case<'a> {
    pub(super) conn: &'a Conn,
    pub(super) c: &'a Closing,
    pub(super) closed: &'a Closed,
    now: i64,
}

impl Case<'_> {
    pub(super) fn end(&self, dir: Dir) -> &Endpoint {
        &self.conn.ends[dir as usize]
    }

    pub(super) fn fin(&self, dir: Dir) -> Option<Fin> {
        self.c.fin[dir as usize]
    }

    /// What a capture does not hold can hide anything: nothing stays certain.
    fn doubt(&self, reason: &mut Reason) {
        let one_way = self.conn.ends.iter().any(|e| e.packets == 0)
            && !matches!(reason.cause, Cause::NoAnswer);
        let missing: u64 = self.conn.ends.iter().map(Endpoint::missing).sum();
        reason.against.add_if(one_way, Evidence::OneDirection);
        if missing > 0 {
            reason.against.put(Evidence::CaptureGap, missing);
        }
        // a connection that closed, or stood, had a whole handshake
        let late = self.conn.noted(Note::Midstream)
            || self.conn.handshake() != Handshake::Complete
                && matches!(
                    self.closed.close,
                    Close::FourWay | Close::ThreeWay | Close::Simultaneous | Close::Open
                );
        if (one_way || missing > 0 || late || self.closed.by_order)
            && reason.confidence == Confidence::Certain
        {
            reason.confidence = Confidence::Likely;
        }
        let fin_missing = [Dir::Up, Dir::Down]
            .into_iter()
            .any(|d| fin_unseen(self.conn, d));
        let last_words = reason.cause != Cause::Orderly
            && [Dir::Up, Dir::Down]
                .into_iter()
                .any(|d| last_words_unseen(self.conn, d));
        // told by what was said last and who said it
        let talk = matches!(
            reason.cause,
            Cause::DataAfterClose
                | Cause::KeepaliveRaceCrossed
                | Cause::KeepaliveRaceStale
                | Cause::HalfCloseBroken
                | Cause::FinWait2Expired
        ) && missing > 0;
        let doubtful = fin_missing || last_words || talk || self.ack_unseen();
        if (one_way || self.closed.closer_unseen || doubtful)
            && reason.confidence == Confidence::Likely
        {
            reason.confidence = Confidence::Possible;
        }
    }

    /// True if the first FIN may have been acked before the second: a three-way close rests on an ACK that is not
    /// there, and what the second closer said right before its FIN was not captured.
    fn ack_unseen(&self) -> bool {
        let first = self.closed.by;
        self.closed.close == Close::ThreeWay
            && first.is_some_and(|by| last_words_unseen(self.conn, by.flip()))
    }

    fn both_fins(&self) -> Reason {
        let unacked = [Dir::Up, Dir::Down]
            .into_iter()
            .find(|d| self.fin(*d).is_some_and(|f| f.acked.is_none()));
        if let Some(d) = unacked
            && let Some(fin) = self.fin(d)
            && fin.repeats > 0
        {
            return self.fin_never_acked(d, fin.repeats);
        }
        if let Some(r) = self
            .half_close_broken()
            .or_else(|| self.tls_truncated())
            .or_else(|| self.slow_close())
        {
            return r;
        }
        let sure = match (self.closed.finished, self.conn.noted(Note::Midstream)) {
            (true, false) => Confidence::Certain,
            (true, true) => Confidence::Likely,
            (false, _) => Confidence::Possible,
        };
        let mut r = Reason::new(Cause::Orderly, sure);
        r.against
            .add_if(!self.closed.finished, Evidence::CaptureEnds);
        r
    }

    /// D11, seen from the client's leg.
    fn half_close_broken(&self) -> Option<Reason> {
        let client = self.conn.client;
        let fin = self.fin(client)?;
        let answer = self.fin(client.flip()).map(|f| (f.ts, f.ack, f.payload));
        let (ts, ack, payload) = answer.or_else(|| {
            self.c
                .reset
                .filter(|r| r.by != client)
                .map(|r| (r.ts, fin.number + 1, 0))
        })?;
        let (client_end, server) = (self.end(client), self.end(client.flip()));
        let unanswered = fin.last_data == Some(client)
            && self.c.late[client.flip() as usize].is_none()
            && payload == 0;
        // the FIN right behind the request: the client has said all it will, and waits for the reply
        let request = server.bytes == 0
            && client_end.bytes <= REQUEST
            && (0..=AT_ONCE / 10).contains(&fin.idle);
        if self.closed.by != Some(client) || !unanswered || !request || !ack.after(fin.number) {
            return None;
        }
        let took = ts.saturating_sub(fin.ts);
        if took > AT_ONCE {
            return None;
        }
        let mut r = Reason::new(Cause::HalfCloseBroken, Confidence::Possible);
        r.supports.add(Evidence::RequestOutstanding);
        r.supports.last(Evidence::AnsweredAtOnce, took);
        Some(r)
    }

    /// D12: the first closer spoke TLS and did not say goodbye in it.
    fn tls_truncated(&self) -> Option<Reason> {
        let by = self.closed.by?;
        let x = self.end(by);
        if !self.conn.noted(Note::Tls) || x.bytes == 0 {
            return None;
        }
        if x.has(seen::TLS_ALERT)
            || x.has(seen::TAIL_UNSEEN)
            || self.end(by.flip()).has(seen::TLS_ALERT)
        {
            return None;
        }
        let mut r = Reason::new(Cause::TlsTruncated, Confidence::Likely);
        r.supports.add(Evidence::TlsAlertAbsent);
        Some(r)
    }

    /// D8, when the second FIN came after all.
    fn slow_close(&self) -> Option<Reason> {
        let by = self.closed.by?;
        let (first, second) = (self.fin(by)?, self.fin(by.flip())?);
        let open_for = second.ts.saturating_sub(first.ts);
        if open_for < LEAK || self.c.late[by.flip() as usize].is_some() || second.payload > 0 {
            return None;
        }
        let mut r = Reason::new(Cause::CloseWaitLeak, Confidence::Possible);
        r.supports.last(Evidence::PeerOpenFor, open_for);
        Some(r)
    }

    fn half_closed(&self) -> Reason {
        let Some(by) = self.closed.by else {
            return self.ended_by_capture(Confidence::Possible);
        };
        let y = self.end(by.flip());
        let open_for = self.now.saturating_sub(y.last_data_ts.max(self.closed.ts));
        let sent_after = self.c.late[by.flip() as usize].is_some();
        if open_for >= LEAK {
            let mut r = Reason::new(Cause::CloseWaitLeak, Confidence::Likely);
            if let Some(acked) = self.fin(by).and_then(|f| f.acked) {
                r.supports.put(Evidence::FinAcked, acked.frame);
            }
            r.supports.last(
                Evidence::PeerOpenFor,
                self.now.saturating_sub(self.closed.ts),
            );
            if sent_after {
                r.confidence = Confidence::Possible;
            }
            return r;
        }
        self.ended_by_capture(Confidence::Likely)
    }

    /// Nothing more was captured.
    fn ended_by_capture(&self, confidence: Confidence) -> Reason {
        let mut r = Reason::new(Cause::CaptureEnded, confidence);
        r.supports.last(
            Evidence::CaptureEnds,
            self.now.saturating_sub(self.conn.last_ts),
        );
        r
    }

    fn fin_unanswered(&self) -> Reason {
        let by = if self.fin(Dir::Up).is_some() {
            Dir::Up
        } else {
            Dir::Down
        };
        let repeats = self.fin(by).map_or(0, |f| f.repeats);
        if repeats == 0 {
            return self.ended_by_capture(Confidence::Possible);
        }
        self.fin_never_acked(by, repeats)
    }

    /// The FIN of `by` was repeated and never acked.
    fn fin_never_acked(&self, by: Dir, repeats: u32) -> Reason {
        let silence = self.now.saturating_sub(self.conn.last_ts);
        let gap = self.end(by).last_gap_ms;
        let sure = no_answer_comes(repeats, gap, silence);
        let mut r = Reason::new(Cause::FinNeverAcked, sure);
        r.supports.put(Evidence::Retransmissions, repeats);
        r.supports.last(Evidence::Silence, silence);
        Self::may_go_on(gap, silence, &mut r);
        r
    }

    /// What the capture would have shown later is not known.
    fn may_go_on(gap: u32, silence: i64, r: &mut Reason) {
        if !overdue(gap, silence) {
            r.against.last(Evidence::CaptureEnds, silence);
        }
    }

    fn vanished(&self) -> Reason {
        let x = self.conn.ends.iter().max_by_key(|e| e.streak);
        let repeats = x.map_or(0, |e| e.streak);
        let silence = self.now.saturating_sub(self.conn.last_ts);
        let gap = x.map_or(0, |e| e.last_gap_ms);
        // quiet before the first sending of what was then repeated
        let other = x.map_or(i64::MIN, |x| {
            let y = if std::ptr::eq(x, &raw const self.conn.ends[0]) {
                &self.conn.ends[1]
            } else {
                &self.conn.ends[0]
            };
            x.last_data_ts.saturating_sub(y.last_ts)
        });
        let mut r = if other >= DEVICE_IDLE && self.conn.ends.iter().all(|e| e.packets > 0) {
            let mut r = Reason::new(Cause::MiddleboxIdleTimeout, Confidence::Possible);
            known_gap(&mut r, other);
            r
        } else {
            let sure = no_answer_comes(repeats.into(), gap, silence);
            // the next sending was due then, and did not come
            let waited = x.map_or(0, |x| {
                let repeated = x.last_ts.saturating_sub(x.last_data_ts);
                repeated.saturating_add(2 * i64::from(gap) * 1_000_000)
            });
            let gave_up = waited >= GIVES_UP && overdue(gap, silence);
            let sure = if sure == Confidence::Certain && !gave_up {
                Confidence::Likely
            } else {
                sure
            };
            Reason::new(Cause::PeerSilent, sure)
        };
        r.supports.put(Evidence::Retransmissions, repeats);
        r.supports.last(Evidence::Silence, silence);
        Self::may_go_on(gap, silence, &mut r);
        r
    }

    fn refused(&self) -> Reason {
        let mut r = Reason::new(Cause::PortClosed, Confidence::Certain);
        if let Some(reset) = self.c.reset {
            r.supports.put(Evidence::ReplyForm, reset.trigger);
        }
        r
    }

    fn unanswered(&self) -> Reason {
        if self.conn.noted(Note::TimeWaitRefused) {
            let mut r = Reason::new(Cause::TimeWaitReuseRefused, Confidence::Likely);
            r.supports.put(Evidence::NewSyn, self.conn.first_frame);
            return r;
        }
        let repeats = self.conn.client_end().retransmissions;
        let silence = self.now.saturating_sub(self.conn.last_ts);
        if repeats == 0 && silence < RTO {
            // no answer is late yet
            return self.ended_by_capture(Confidence::Possible);
        }
        let gap = self.conn.client_end().last_gap_ms;
        let sure = match repeats {
            0 => Confidence::Likely,
            _ => no_answer_comes(repeats, gap, silence),
        };
        let mut r = Reason::new(Cause::NoAnswer, sure);
        r.supports.put(Evidence::Retransmissions, repeats);
        r.supports.last(Evidence::Silence, silence);
        Self::may_go_on(gap, silence, &mut r);
        r
    }

    fn handshake_reset(&self) -> Reason {
        let by_client = self.c.reset.is_some_and(|r| r.by == self.conn.client);
        if !by_client {
            // an answer to an ACK that was not captured: it ended the handshake, or was never sent by this client
            let drawn_unseen = self
                .c
                .reset
                .is_some_and(|r| r.ack.is_none() && r.trigger == 0);
            let sure = if drawn_unseen {
                Confidence::Possible
            } else {
                Confidence::Certain
            };
            let mut r = Reason::new(Cause::HandshakeRejected, sure);
            r.against.add_if(drawn_unseen, Evidence::EndUnseen);
            return r;
        }
        // what it answers is the SYN-ACK, if that is there and no other word of the server: that has come later
        let rsts = self.c.rsts[self.conn.client.flip() as usize];
        let sure = if self.conn.answered()
            && self.conn.syn_acks() + rsts == self.conn.server_end().packets
        {
            Confidence::Certain
        } else {
            Confidence::Possible
        };
        let mut r = Reason::new(Cause::HandshakeAbandoned, sure);
        r.against
            .add_if(sure == Confidence::Possible, Evidence::EndUnseen);
        if let Some(reset) = self.c.reset.filter(|r| r.form == ResetForm::Reply) {
            r.supports.put(Evidence::ReplyForm, reset.trigger);
        }
        r
    }

    fn open(&self) -> Reason {
        let strange = self.conn.ends.iter().map(|e| e.packets).sum::<u32>();
        let rsts = self.c.rsts.iter().sum::<u32>();
        if rsts > 0 && (rsts == strange || self.closed.over_before) {
            return Reason::new(Cause::StrayReset, Confidence::Likely);
        }
        if let Some(e) = self
            .conn
            .ends
            .iter()
            .find(|e| e.has(seen::PROBING) && e.streak > PROBES)
        {
            let mut r = Reason::new(Cause::PeerSilent, Confidence::Likely);
            r.supports.put(Evidence::KeepAliveProbes, e.streak);
            r.against.last(
                Evidence::CaptureEnds,
                self.now.saturating_sub(self.conn.last_ts),
            );
            return r;
        }
        if self.conn.reuse & reuse::REPLACED != 0 {
            return Reason::new(Cause::PortReused, Confidence::Certain);
        }
        // one end has reset, though not what was captured
        self.ended_by_capture(if rsts > 0 {
            Confidence::Likely
        } else {
            Confidence::Certain
        })
    }
}

/// Tells the idle gap; a known device limit makes the cause likely. "Equal" is within 2 %.
pub(super) fn known_gap(r: &mut Reason, gap: i64) {
    r.supports.last(Evidence::IdleGap, gap);
    let limit = KNOWN_LIMITS
        .iter()
        .find(|s| (gap - **s * 1_000_000_000).abs() <= **s * 20_000_000);
    if let Some(s) = limit {
        r.supports.put(Evidence::KnownGap, *s);
        r.confidence = Confidence::Likely;
    }
}
