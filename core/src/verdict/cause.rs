//! Why it ended: the rules of diagnosis that one connection can show by itself. What only many
//! connections together show is added in [`super::across`].

use super::closed::Closed;
use super::evidence::List;
use crate::machine::State;
use crate::segment::Dir;
use crate::slugs::{Cause, Close, Confidence, Evidence, Note, ResetForm};
use crate::track::closing::{Closing, Fin, Reset};
use crate::track::conn::Conn;
use crate::track::endpoint::{Endpoint, seen};

/// A connection that was quiet this long counts as idle, so that a close then is a timeout's and not
/// the end of an exchange. Shorter than any keep-alive limit in use (1 s), longer than most round trips.
const IDLE: i64 = 200_000_000;

/// Quiet time from which a device in between may have forgotten the connection: the shortest limit
/// in common use is 60 s (AWS NLB's smallest setting, HAProxy and nginx defaults).
const DEVICE_IDLE: i64 = 60_000_000_000;

/// Device limits people meet, seconds: AWS NLB and NAT gateway 350, IPVS 900, Azure 240, firewalls
/// 1800 and 3600, kube-proxy 86400.
const KNOWN_LIMITS: [i64; 6] = [240, 350, 900, 1800, 3600, 86_400];

/// CLOSE-WAIT this long without payload is a leak in the making: Linux itself forgets the other side
/// after `tcp_fin_timeout`, 60 s.
const LEAK: i64 = 60_000_000_000;

/// A close that answers a FIN this quickly was no application's reply.
const AT_ONCE: i64 = 500_000_000;

/// Payload up to which a client's words may be one request: one Ethernet segment's.
const REQUEST: u64 = 1_460;

/// Keep-alive probes without an answer that make an abort a keep-alive timeout.
const PROBES: u8 = 2;

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
    fn new(cause: Cause, confidence: Confidence) -> Reason {
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
    let empty = Closing::default();
    let c = conn.closing.as_deref().unwrap_or(&empty);
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

struct Case<'a> {
    conn: &'a Conn,
    c: &'a Closing,
    closed: &'a Closed,
    now: i64,
}

impl Case<'_> {
    fn end(&self, dir: Dir) -> &Endpoint {
        &self.conn.ends[dir as usize]
    }

    fn fin(&self, dir: Dir) -> Option<Fin> {
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
        if (one_way || missing > 0 || self.closed.by_order)
            && reason.confidence == Confidence::Certain
        {
            reason.confidence = Confidence::Likely;
        }
        if one_way && reason.confidence == Confidence::Likely {
            reason.confidence = Confidence::Possible;
        }
    }

    fn both_fins(&self) -> Reason {
        let unacked = [Dir::Up, Dir::Down]
            .into_iter()
            .find(|d| self.fin(*d).is_some_and(|f| f.acked.is_none()));
        if let Some(d) = unacked
            && let Some(fin) = self.fin(d)
            && fin.repeats > 0
        {
            let mut r = Reason::new(Cause::FinNeverAcked, Confidence::Certain);
            r.supports.put(Evidence::Retransmissions, fin.repeats);
            return r;
        }
        if let Some(r) = self
            .half_close_broken()
            .or_else(|| self.tls_truncated())
            .or_else(|| self.slow_close())
        {
            return r;
        }
        let sure = self.closed.finished && !self.conn.noted(Note::Midstream);
        let mut r = Reason::new(
            Cause::Orderly,
            if sure {
                Confidence::Certain
            } else {
                Confidence::Likely
            },
        );
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
        r.supports.put(Evidence::AnsweredAtOnce, took);
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
        r.supports.put(Evidence::PeerOpenFor, open_for);
        Some(r)
    }

    fn half_closed(&self) -> Reason {
        let Some(by) = self.closed.by else {
            return Reason::new(Cause::Unknown, Confidence::Possible);
        };
        let y = self.end(by.flip());
        let open_for = self.now.saturating_sub(y.last_data_ts.max(self.closed.ts));
        let sent_after = self.c.late[by.flip() as usize].is_some();
        if open_for >= LEAK {
            let mut r = Reason::new(Cause::CloseWaitLeak, Confidence::Likely);
            if let Some(acked) = self.fin(by).and_then(|f| f.acked) {
                r.supports.put(Evidence::FinAcked, acked.frame);
            }
            r.supports.put(
                Evidence::PeerOpenFor,
                self.now.saturating_sub(self.closed.ts),
            );
            if sent_after {
                r.confidence = Confidence::Possible;
            }
            return r;
        }
        let mut r = Reason::new(Cause::CaptureEnded, Confidence::Likely);
        r.supports.put(
            Evidence::CaptureEnds,
            self.now.saturating_sub(self.conn.last_ts),
        );
        r
    }

    fn fin_unanswered(&self) -> Reason {
        let repeats = self
            .closed
            .by
            .and_then(|d| self.fin(d))
            .map_or(0, |f| f.repeats);
        let silence = self.now.saturating_sub(self.conn.last_ts);
        if repeats == 0 {
            let mut r = Reason::new(Cause::CaptureEnded, Confidence::Possible);
            r.supports.put(Evidence::CaptureEnds, silence);
            return r;
        }
        let mut r = Reason::new(Cause::FinNeverAcked, Confidence::Certain);
        r.supports.put(Evidence::Retransmissions, repeats);
        r.supports.put(Evidence::Silence, silence);
        r
    }

    fn vanished(&self) -> Reason {
        let x = self.conn.ends.iter().max_by_key(|e| e.streak);
        let repeats = x.map_or(0, |e| e.streak);
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
            Reason::new(Cause::PeerSilent, Confidence::Certain)
        };
        r.supports.put(Evidence::Retransmissions, repeats);
        r.supports.put(
            Evidence::Silence,
            self.now.saturating_sub(self.conn.last_ts),
        );
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
        let mut r = Reason::new(
            Cause::NoAnswer,
            if repeats > 0 {
                Confidence::Certain
            } else {
                Confidence::Likely
            },
        );
        r.supports.put(Evidence::Retransmissions, repeats);
        r.supports.put(
            Evidence::Silence,
            self.now.saturating_sub(self.conn.last_ts),
        );
        r
    }

    fn handshake_reset(&self) -> Reason {
        let by_client = self.c.reset.is_some_and(|r| r.by == self.conn.client);
        if !by_client {
            return Reason::new(Cause::HandshakeRejected, Confidence::Certain);
        }
        let mut r = Reason::new(Cause::HandshakeAbandoned, Confidence::Certain);
        if let Some(reset) = self.c.reset.filter(|r| r.form == ResetForm::Reply) {
            r.supports.put(Evidence::ReplyForm, reset.trigger);
        }
        r
    }

    fn open(&self) -> Reason {
        let strange = self.conn.ends.iter().map(|e| e.packets).sum::<u32>();
        let rsts = self.c.rsts.iter().sum::<u32>();
        if rsts > 0 && rsts == strange {
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
            return r;
        }
        if self.conn.replaced {
            return Reason::new(Cause::PortReused, Confidence::Certain);
        }
        let mut r = Reason::new(Cause::CaptureEnded, Confidence::Certain);
        r.supports.put(
            Evidence::CaptureEnds,
            self.now.saturating_sub(self.conn.last_ts),
        );
        r
    }

    fn reset(&self) -> Reason {
        let Some(reset) = self.c.reset else {
            return Reason::new(Cause::Unknown, Confidence::Possible);
        };
        let only_rsts = self.conn.ends.iter().map(|e| e.packets).sum::<u32>()
            == self.c.rsts.iter().sum::<u32>();
        if only_rsts || self.conn.ends.iter().all(|e| !e.has(seen::SPOKE)) {
            let mut r = Reason::new(Cause::StrayReset, Confidence::Likely);
            r.supports.add(Evidence::Midstream);
            return r;
        }
        if let Some(r) = self.injected(&reset) {
            return r;
        }
        let mut r = if reset.form == ResetForm::Reply {
            self.reply(&reset)
        } else {
            self.abort(&reset)
        };
        self.tell_reset(&reset, &mut r);
        r
    }

    /// What every reset is shown with.
    fn tell_reset(&self, reset: &Reset, r: &mut Reason) {
        match reset.form {
            ResetForm::Owner => r.supports.add(Evidence::OwnerForm),
            ResetForm::Reply => r.supports.put(Evidence::ReplyForm, reset.trigger),
            ResetForm::Unclear => r.against.add(Evidence::ReplyForm),
        }
        if reset.idle >= 0 {
            r.supports.put(Evidence::IdleGap, reset.idle);
        }
        if reset.unacked > 0 {
            r.supports.put(Evidence::DestroyedBytes, reset.unacked);
        }
        if self.conn.noted(Note::Tls) && self.end(reset.by).has(seen::TLS_ALERT) {
            r.supports.add(Evidence::TlsAlertPresent);
        }
    }

    /// D6: two or more independent signs that the RST is not its alleged sender's.
    fn injected(&self, reset: &Reset) -> Option<Reason> {
        let x = self.end(reset.by);
        let mut r = Reason::new(Cause::InjectedReset, Confidence::Possible);
        if reset.ttl_off.abs() > 1 {
            r.supports.put(Evidence::TtlDiffers, reset.ttl_off);
        }
        if self.c.data_after_reset > 0 {
            r.supports
                .put(Evidence::DataAfterReset, self.c.data_after_reset);
        }
        let numbers = self.c.rst_numbers[reset.by as usize].1;
        if numbers > 1 && reset.form != ResetForm::Reply {
            r.supports.put(Evidence::ResetNumbers, numbers);
        }
        let other = self.c.rsts[reset.by.flip() as usize];
        // the other end's answer to data that went on after the RST is no second injection
        if other > 0 && self.c.data_after_reset == 0 && reset.trigger == 0 {
            r.supports.add(Evidence::ResetsBothEnds);
        }
        let live = reset.form != ResetForm::Reply
            && x.has(seen::TIMESTAMPS)
            && self.end(reset.by.flip()).has(seen::TIMESTAMPS);
        r.supports
            .add_if(live && !reset.timestamps, Evidence::NoTimestamps);
        if reset.form == ResetForm::Owner
            && reset.seq_off != 0
            && !x.has(seen::GAP)
            && x.packets > 0
        {
            r.supports.put(Evidence::SeqOff, reset.seq_off);
        }
        let signs = r.supports.0.len();
        if signs < 2 {
            return None;
        }
        if signs > 2 || self.c.data_after_reset > 0 {
            r.confidence = Confidence::Likely;
        }
        Some(r)
    }

    /// A RST in answer to a segment: its sender had no socket (any more).
    fn reply(&self, reset: &Reset) -> Reason {
        let x = reset.by;
        match self.fin(x) {
            Some(fin) => self.reply_after_fin(reset, &fin),
            None if self.fin(x.flip()).is_some_and(|f| f.acked.is_some()) => {
                Reason::new(Cause::AbortInCloseWait, Confidence::Likely)
            }
            None => self.reply_without_fin(reset),
        }
    }

    fn reply_after_fin(&self, reset: &Reset, fin: &Fin) -> Reason {
        let y = reset.by.flip();
        let late = self.c.late[y as usize];
        let crossed = !reset.trigger_ack.after(fin.number) && reset.trigger != 0;
        let payload = reset.trigger_payload > 0 || late.is_some();
        let idle = fin.idle >= IDLE && fin.last_data.is_some();
        let answered = fin.last_data == Some(reset.by);
        let acked_ts = fin.acked.map_or(fin.ts, |a| a.ts);
        if payload && idle && (answered || fin.idle >= 5 * IDLE) {
            let cause = if crossed {
                Cause::KeepaliveRaceCrossed
            } else {
                Cause::KeepaliveRaceStale
            };
            let sure = answered && reset.trigger_payload > 0;
            let mut r = Reason::new(
                cause,
                if sure {
                    Confidence::Certain
                } else {
                    Confidence::Likely
                },
            );
            r.supports.put(Evidence::IdleGap, fin.idle);
            if answered {
                r.supports.add(Evidence::NoRequestOutstanding);
            } else {
                r.against.add(Evidence::RequestOutstanding);
            }
            let sent = if reset.trigger_payload > 0 {
                reset.trigger_ts
            } else {
                late.map_or(reset.ts, |l| l.ts)
            };
            if crossed {
                r.supports.put(Evidence::SentBeforeFin, reset.trigger);
            } else {
                r.supports
                    .put(Evidence::SentAfterFin, sent.saturating_sub(acked_ts).max(0));
            }
            return r;
        }
        if reset.trigger_fin || !payload {
            let mut r = Reason::new(Cause::FinWait2Expired, Confidence::Likely);
            r.supports
                .put(Evidence::PeerOpenFor, reset.ts.saturating_sub(fin.ts));
            return r;
        }
        let waited = reset.ts.saturating_sub(fin.ts);
        if waited >= LEAK {
            let mut r = Reason::new(Cause::FinWait2Expired, Confidence::Likely);
            r.supports.put(Evidence::PeerOpenFor, waited);
            return r;
        }
        let mut r = Reason::new(Cause::DataAfterClose, Confidence::Certain);
        if crossed {
            r.supports.put(Evidence::SentBeforeFin, reset.trigger);
        } else {
            r.supports.put(
                Evidence::SentAfterFin,
                reset.trigger_ts.saturating_sub(acked_ts).max(0),
            );
        }
        r
    }

    fn reply_without_fin(&self, reset: &Reset) -> Reason {
        let unprompted = reset.trigger == 0 && reset.silence >= DEVICE_IDLE;
        let gap = if unprompted {
            reset.silence
        } else {
            reset.idle_before_trigger(self.conn)
        };
        if gap >= DEVICE_IDLE {
            let mut r = Reason::new(Cause::MiddleboxIdleTimeout, Confidence::Possible);
            known_gap(&mut r, gap);
            return r;
        }
        let mut r = Reason::new(
            Cause::PeerLostState,
            if reset.trigger == 0 {
                Confidence::Possible
            } else {
                Confidence::Likely
            },
        );
        if self.conn.noted(Note::Midstream) {
            r.against.add(Evidence::Midstream);
            r.confidence = Confidence::Possible;
        }
        r
    }

    /// A RST by the owner of a living socket.
    fn abort(&self, reset: &Reset) -> Reason {
        let x = self.end(reset.by);
        let y = self.end(reset.by.flip());
        if reset.probing && reset.streak >= PROBES {
            let mut r = Reason::new(Cause::KeepaliveTimeout, Confidence::Likely);
            r.supports.put(Evidence::KeepAliveProbes, reset.streak);
            return r;
        }
        if reset.streak >= PROBES {
            let mut r = Reason::new(Cause::GaveUp, Confidence::Likely);
            r.supports.put(Evidence::Retransmissions, reset.streak);
            return r;
        }
        if self.fin(reset.by).is_some() {
            return self.abort_after_fin(reset);
        }
        let unread = self.unread(reset, x, y);
        if let Some(bytes) = unread {
            let mut r = Reason::new(Cause::UnreadData, Confidence::Likely);
            r.supports.put(Evidence::WindowReduced, bytes);
            return r;
        }
        if self
            .fin(reset.by.flip())
            .is_some_and(|f| f.acked.is_some() || f.frame < reset.frame)
        {
            let mut r = Reason::new(Cause::AbortInCloseWait, Confidence::Likely);
            if let Some(a) = self.fin(reset.by.flip()).and_then(|f| f.acked) {
                r.supports.put(Evidence::FinAcked, a.frame);
            }
            return r;
        }
        if reset.silence >= DEVICE_IDLE && self.c.rsts.iter().all(|n| *n > 0) {
            let mut r = Reason::new(Cause::MiddleboxIdleTimeout, Confidence::Possible);
            r.supports.add(Evidence::ResetsBothEnds);
            known_gap(&mut r, reset.silence);
            return r;
        }
        let mut r = Reason::new(Cause::Abort, Confidence::Likely);
        r.supports.add_if(x.bytes == 0, Evidence::NoPayloadSent);
        if y.bytes > 0 {
            r.against
                .add_if(reset.window >= x.max_window, Evidence::WindowFull);
        }
        r
    }

    fn abort_after_fin(&self, reset: &Reset) -> Reason {
        let x = reset.by;
        let stood = reset.before[x as usize];
        if let Some(late) = self.c.late[x.flip() as usize]
            && stood != State::FinWait2
        {
            let mut r = Reason::new(Cause::DataAfterClose, Confidence::Likely);
            r.supports.put(Evidence::SentBeforeFin, late.frame);
            return r;
        }
        let mut r = Reason::new(Cause::FinWait2Aborted, Confidence::Likely);
        if let Some(a) = self.fin(x).and_then(|f| f.acked) {
            r.supports.put(Evidence::FinAcked, a.frame);
        }
        r
    }

    /// Bytes that the RST's window shows to be unread, if it shows any: the window has shrunk from
    /// its largest, and by no more than was received.
    fn unread(&self, reset: &Reset, x: &Endpoint, y: &Endpoint) -> Option<u32> {
        let reduced = x.max_window.checked_sub(reset.window)?;
        let received = u32::try_from(y.bytes).unwrap_or(u32::MAX);
        // a scaled window is rounded to the scale's unit
        let unit = if self.conn.scaled() {
            1u32 << x.wscale.min(14)
        } else {
            1
        };
        let fits = reduced > 0
            && reset.window > 0
            && y.bytes > 0
            && reduced <= received.saturating_add(unit);
        fits.then_some(reduced)
    }
}

impl Reset {
    /// Nanoseconds between the other end's last word and the segment that drew the RST.
    fn idle_before_trigger(&self, conn: &Conn) -> i64 {
        let x = &conn.ends[self.by as usize];
        if self.trigger == 0 || x.last_ts == i64::MIN || x.last_frame >= self.trigger {
            return -1;
        }
        self.trigger_ts.saturating_sub(x.last_ts)
    }
}

/// Tells the idle gap; a known device limit makes the cause likely. "Equal" is within 2 %.
fn known_gap(r: &mut Reason, gap: i64) {
    r.supports.put(Evidence::IdleGap, gap);
    let limit = KNOWN_LIMITS
        .iter()
        .find(|s| (gap - **s * 1_000_000_000).abs() <= **s * 20_000_000);
    if let Some(s) = limit {
        r.supports.put(Evidence::KnownGap, *s);
        r.confidence = Confidence::Likely;
    }
}
