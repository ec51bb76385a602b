//! Why a connection was reset: rules D1 to D6 and D9 of the diagnosis.

use super::cause::{Case, DEVICE_IDLE, IDLE, LEAK, PROBES, REQUEST, Reason, known_gap, overdue};
use crate::slugs::{Cause, Confidence, Evidence, Handshake, Note, ResetForm};
use crate::track::closing::{Fin, Late, Reset};
use crate::track::conn::Conn;
use crate::track::endpoint::{Endpoint, seen};

/// A RST this soon after the handshake answers its ACK, or what came right behind it: nothing has been
/// sent again yet (RFC 6298 section 2.1: the first RTO is 1 s). Nanoseconds.
const FIRST_RTO: i64 = 1_000_000_000;

/// Nobody restarts, and no device fails over, within this long of its last word: its FIN or RST was lost, or not
/// captured. Nanoseconds.
const RESTART: i64 = 1_000_000_000;

/// FIN-WAIT-2 without a process lasts at least this long: `tcp_fin_timeout` and TCP_LINGER2 are whole seconds. Nanoseconds.
const FIN_WAIT_2: i64 = 1_000_000_000;

impl Case<'_> {
    /// A RST ended it.
    pub(super) fn reset(&self) -> Reason {
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
        let mut r = if reset.form == ResetForm::Reply && !reset.repeats {
            self.reply(&reset)
        } else {
            self.abort(&reset)
        };
        self.tell_reset(&reset, &mut r);
        self.doubt_reset(&reset, &mut r);
        r
    }

    /// A capture that begins in the middle lacks what some causes are told by.
    fn doubt_reset(&self, reset: &Reset, r: &mut Reason) {
        let x = self.end(reset.by);
        let y = self.end(reset.by.flip());
        // without both SYNs the scale of the windows is not known, nor the largest
        let windows = matches!(r.cause, Cause::UnreadData | Cause::AbortInCloseWait)
            && !(x.has(seen::SYN) && y.has(seen::SYN));
        let idle = self.conn.noted(Note::Midstream)
            && matches!(r.cause, Cause::DataAfterClose | Cause::FinWait2Expired)
            && (x.bytes == 0 || y.bytes == 0);
        if windows || idle || reset.in_handshake {
            r.confidence = Confidence::Possible;
        }
        if self.conn.noted(Note::Midstream) && !r.against.has(Evidence::Midstream) {
            r.against.add(Evidence::Midstream);
        }
    }

    /// What every reset is shown with.
    fn tell_reset(&self, reset: &Reset, r: &mut Reason) {
        match reset.form {
            ResetForm::Owner => r.supports.add(Evidence::OwnerForm),
            ResetForm::Reply => {
                r.supports.put(Evidence::ReplyForm, reset.trigger);
                if reset.trigger == 0 {
                    // what it answers was not captured, and may have been another end
                    let told = r.against.has(Evidence::EndUnseen);
                    r.against.add_if(!told, Evidence::EndUnseen);
                    r.confidence = Confidence::Possible;
                }
            }
            ResetForm::Unclear => r.against.add(Evidence::ReplyForm),
        }
        let told = r.supports.has(Evidence::IdleGap);
        if reset.idle >= 0 && !told {
            r.supports.last(Evidence::IdleGap, reset.idle);
        }
        if reset.unacked > 0 {
            r.supports.put(Evidence::DestroyedBytes, reset.unacked);
        }
        if reset.ttl_differs() && !r.supports.has(Evidence::TtlDiffers) {
            r.against.put(Evidence::TtlDiffers, reset.ttl_off);
        }
        if self.conn.noted(Note::Tls) && self.end(reset.by).has(seen::TLS_ALERT) {
            r.supports.add(Evidence::TlsAlertPresent);
        }
    }

    /// D6: two or more independent signs that the RST is not its alleged sender's, or one that no closed socket can give.
    fn injected(&self, reset: &Reset) -> Option<Reason> {
        let x = self.end(reset.by);
        let mut r = Reason::new(Cause::InjectedReset, Confidence::Possible);
        if reset.ttl_differs() {
            r.supports.put(Evidence::TtlDiffers, reset.ttl_off);
        }
        if self.c.spoke_after_reset > 0 {
            let later = self.c.spoke_after_reset;
            r.supports.last(Evidence::SpokeAfterReset, later);
        }
        if self.c.acked_after_reset > 0 {
            let frame = self.c.acked_after_reset;
            r.supports.put(Evidence::AckedAfterReset, frame);
        }
        if self.c.data_after_reset > 0 {
            r.supports
                .put(Evidence::DataAfterReset, self.c.data_after_reset);
        }
        let numbers = self.c.rst_numbers[reset.by as usize].1;
        if numbers > 1 && reset.form != ResetForm::Reply {
            r.supports.put(Evidence::ResetNumbers, numbers);
        }
        // the other end's answer to what went on after the RST is no second injection
        let other = self.c.rst_numbers[reset.by.flip() as usize].1;
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
        // what its sender has done since, only a socket that lives does
        let lives = self.c.spoke_after_reset > 0 || self.c.acked_after_reset > 0;
        let signs = r.supports.0.len();
        if signs < 2 && !lives {
            return None;
        }
        if signs > 2 || signs > 1 && (lives || self.c.data_after_reset > 0) {
            r.confidence = Confidence::Likely;
        }
        Some(r)
    }

    /// A RST in answer to a segment: its sender had no socket (any more).
    fn reply(&self, reset: &Reset) -> Reason {
        let x = reset.by;
        match self.own_fin(reset) {
            Some(fin) => self.reply_after_fin(reset, &fin),
            None if self.fin(x.flip()).is_some_and(|f| f.acked.is_some()) => {
                let mut r = Reason::new(Cause::AbortInCloseWait, Confidence::Possible);
                r.against.add(Evidence::EndUnseen);
                r
            }
            None => self.reply_without_fin(reset),
        }
    }

    /// The FIN of the RST's sender, if it went before the RST.
    fn own_fin(&self, reset: &Reset) -> Option<Fin> {
        let refused = self.c.refused[reset.by as usize].map(|r| r.0);
        self.fin(reset.by).filter(|fin| reset.follows(fin, refused))
    }

    fn reply_after_fin(&self, reset: &Reset, fin: &Fin) -> Reason {
        // but not what came after the RST, if the ACK of the FIN has drawn that
        let late = self.c.late[reset.by.flip() as usize]
            .filter(|l| l.frame < reset.frame || !reset.answers_ack_of(fin));
        // payload that was on its way when the FIN came met the closed socket first
        let payload = reset.trigger_payload > 0 || late.is_some() || reset.peer_unacked > 0;
        let idle = fin.idle >= IDLE && fin.last_data.is_some();
        let answered = fin.last_data == Some(reset.by);
        if payload && idle && (answered || fin.idle >= 5 * IDLE) {
            return Self::keepalive_race(reset, fin, late);
        }
        if reset.trigger_fin && reset.peer_unacked == 0 || !payload {
            return Self::socket_gone(reset, fin);
        }
        let waited = reset.ts.saturating_sub(fin.ts);
        if waited >= LEAK {
            let mut r = Reason::new(Cause::FinWait2Expired, Confidence::Likely);
            r.supports.last(Evidence::PeerOpenFor, waited);
            return r;
        }
        let mut r = Reason::new(Cause::DataAfterClose, Confidence::Certain);
        Self::sent_around_fin(reset, fin, reset.trigger_ts, &mut r);
        r
    }

    /// D1: payload for a connection that was closed because it was idle.
    fn keepalive_race(reset: &Reset, fin: &Fin, late: Option<Late>) -> Reason {
        let cause = if reset.crossed(fin) {
            Cause::KeepaliveRaceCrossed
        } else {
            Cause::KeepaliveRaceStale
        };
        let answered = fin.last_data == Some(reset.by);
        let sure = if answered && reset.trigger_payload > 0 {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        let mut r = Reason::new(cause, sure);
        r.supports.last(Evidence::IdleGap, fin.idle);
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
        Self::sent_around_fin(reset, fin, sent, &mut r);
        r
    }

    /// Whether what drew the RST was sent before the FIN arrived, or how long after.
    fn sent_around_fin(reset: &Reset, fin: &Fin, sent: i64, r: &mut Reason) {
        if reset.crossed(fin) {
            r.supports.put(Evidence::SentBeforeFin, reset.trigger);
        } else {
            let acked = fin.acked.map_or(fin.ts, |a| a.ts);
            r.supports
                .last(Evidence::SentAfterFin, sent.saturating_sub(acked).max(0));
        }
    }

    /// A FIN or a bare ACK drew the RST. The latter draws none while the socket waits: it was gone, and why was not
    /// captured, unless it is the ACK of the FIN (`tcp_rcv_state_process` with TCP_LINGER2 below 0).
    fn socket_gone(reset: &Reset, fin: &Fin) -> Reason {
        let waited = reset.ts.saturating_sub(fin.ts);
        let least = if reset.trigger_fin { FIN_WAIT_2 } else { LEAK };
        let sure = if reset.trigger != 0 && waited >= least {
            Confidence::Likely
        } else {
            Confidence::Possible
        };
        let cause = if reset.answers_ack_of(fin) && waited < FIN_WAIT_2 {
            Cause::FinWait2Aborted
        } else {
            Cause::FinWait2Expired
        };
        let mut r = Reason::new(cause, sure);
        r.against
            .add_if(sure == Confidence::Possible, Evidence::EndUnseen);
        r.supports.last(Evidence::PeerOpenFor, waited);
        r
    }

    /// The ACK that completes the handshake drew the RST: the server had no connection to take it
    /// (Linux `tcp_check_req` with `tcp_abort_on_overflow`, a listener that is gone, a SYN proxy).
    fn rejected(&self, reset: &Reset) -> Option<Reason> {
        let server = self.conn.server_end();
        let rsts = self.c.rsts[self.conn.client.flip() as usize];
        let complete = self.conn.first_ts.saturating_add(self.conn.handshake_ns);
        let answer = reset.by != self.conn.client
            && reset.trigger != 0
            && self.conn.handshake() == Handshake::Complete
            && server.packets == self.conn.syn_acks() + rsts
            && self.conn.ends.iter().all(|e| e.missing() == 0)
            && reset.ts.saturating_sub(complete) <= FIRST_RTO;
        answer.then(|| {
            let mut r = Reason::new(Cause::HandshakeRejected, Confidence::Likely);
            r.supports.add(Evidence::NoPayloadSent);
            r
        })
    }

    fn reply_without_fin(&self, reset: &Reset) -> Reason {
        if let Some(r) = self.rejected(reset) {
            return r;
        }
        if let Some(r) = self.gave_up(reset) {
            return r;
        }
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
        if reset.ttl_differs() && reset.ts.saturating_sub(reset.spoke) < RESTART {
            // "no socket here", so soon after a word of that socket, and by a host at another distance
            let mut r = Reason::new(Cause::InjectedReset, Confidence::Possible);
            r.supports.put(Evidence::TtlDiffers, reset.ttl_off);
            return r;
        }
        let unseen = reset.trigger == 0 || gap < RESTART || self.closed.closer_unseen;
        let mut r = Reason::new(
            Cause::PeerLostState,
            if unseen {
                Confidence::Possible
            } else {
                Confidence::Likely
            },
        );
        r.against.add_if(unseen, Evidence::EndUnseen);
        if self.conn.noted(Note::Midstream) {
            r.against.add(Evidence::Midstream);
            r.confidence = Confidence::Possible;
        }
        r
    }

    /// Its sender had repeated in vain, then gave up without a word, as Linux does (`tcp_write_err`): what comes
    /// later meets no socket.
    fn gave_up(&self, reset: &Reset) -> Option<Reason> {
        if reset.vain < PROBES || reset.unacked == 0 || reset.probing {
            return None;
        }
        let gap = self.end(reset.by).last_gap_ms;
        let waited = reset.trigger_ts.saturating_sub(reset.spoke);
        // the next repeat was due, and did not come
        let sure = if overdue(gap, waited) {
            Confidence::Likely
        } else {
            Confidence::Possible
        };
        let mut r = Reason::new(Cause::GaveUp, sure);
        r.supports.put(Evidence::Retransmissions, reset.vain);
        r.against
            .add_if(sure == Confidence::Possible, Evidence::EndUnseen);
        Some(r)
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
        if self.own_fin(reset).is_some() {
            return self.abort_after_fin(reset);
        }
        let unread = self.unread(reset, x, y);
        if let Some(bytes) = unread {
            // Linux empties the queue before it makes the RST, and its window's edge stays where it is when
            // little is read: read and unread look the same there (docs/decisions.md 82)
            let mut r = Reason::new(Cause::UnreadData, Confidence::Possible);
            r.supports.put(Evidence::WindowReduced, bytes);
            return r;
        }
        if self
            .fin(reset.by.flip())
            .is_some_and(|f| f.acked.is_some() || reset.acks(&f))
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
        let unreduced = reset.window >= largest_window(x);
        // a request acked and never answered: likelier unread than read. Only the host knows.
        let client = self.conn.client;
        let asked = y.bytes > 0 && reset.by != client && reset.last_data == Some(client);
        let mut r = if asked && reset.peer_unacked == 0 && (!unreduced || hidden(x, y)) {
            let mut r = Reason::new(Cause::UnreadData, Confidence::Possible);
            r.supports.add(Evidence::RequestOutstanding);
            r
        } else {
            Reason::new(Cause::Abort, Confidence::Likely)
        };
        r.supports.add_if(x.bytes == 0, Evidence::NoPayloadSent);
        let idle = y.last_data_ts.saturating_sub(x.last_data_ts);
        if x.bytes > 0 && y.bytes > 0 && idle >= IDLE && (0..IDLE).contains(&reset.idle) {
            r.against.put(Evidence::IdleBeforeRequest, idle);
        }
        let read = unreduced && y.bytes > 0 && !hidden(x, y);
        r.supports.add_if(read, Evidence::WindowFull);
        r
    }

    fn abort_after_fin(&self, reset: &Reset) -> Reason {
        let x = reset.by;
        let mut r = Reason::new(Cause::FinWait2Aborted, Confidence::Likely);
        if let Some(late) = self.c.late[x.flip() as usize] {
            // data that meets a closed socket is answered in the form of a reply (RFC 9293 section 3.5.2)
            r.against.put(Evidence::SentBeforeFin, late.frame);
        }
        if let Some(a) = self.fin(x).and_then(|f| f.acked) {
            r.supports.put(Evidence::FinAcked, a.frame);
        }
        r
    }

    /// Bytes that may lie unread by the RST's window, if any: it has shrunk from its largest, and by no
    /// more than was received.
    fn unread(&self, reset: &Reset, x: &Endpoint, y: &Endpoint) -> Option<u32> {
        let reduced = largest_window(x).checked_sub(reset.window)?;
        let received = u32::try_from(y.bytes).unwrap_or(u32::MAX);
        let unit = window_unit(x);
        let fits = reduced > 0
            && reset.window > 0
            && y.bytes > 0
            && reduced <= received.saturating_add(unit);
        fits.then_some(reduced)
    }
}

/// The largest window of an end as a RST could show it. That of a SYN is exact (RFC 7323 section 2.2), all later ones are
/// rounded: 64,240 there and 63,488 here, with a scale of 10, is the same window.
fn largest_window(x: &Endpoint) -> u32 {
    x.max_window - x.max_window % window_unit(x)
}

/// The octets that a window can be told to.
fn window_unit(x: &Endpoint) -> u32 {
    1 << x.shift
}

/// True if all that `y` sent to `x` could lie unread without a smaller window: Linux lets the window grow by up
/// to two segments for each that arrives (`tcp_grow_window`), and rounds it to its scale (`__tcp_select_window`).
fn hidden(x: &Endpoint, y: &Endpoint) -> bool {
    y.bytes <= REQUEST.max(u64::from(window_unit(x)))
}

impl Reset {
    /// True if its TTL is not that of its sender's other segments, nor one hop from it.
    fn ttl_differs(&self) -> bool {
        self.ttl_off.abs() > 1
    }

    /// True if the bare ACK of `fin`, its sender's, drew it.
    fn answers_ack_of(&self, fin: &Fin) -> bool {
        !self.trigger_fin
            && self.trigger_payload == 0
            && fin.acked.is_some_and(|a| a.frame == self.trigger)
    }

    /// True if what drew it was sent by an end that had not received `fin`, its sender's.
    fn crossed(&self, fin: &Fin) -> bool {
        self.trigger != 0 && !self.trigger_ack.after(fin.number)
    }

    /// Nanoseconds between the other end's last word and the segment that drew the RST.
    fn idle_before_trigger(&self, conn: &Conn) -> i64 {
        let x = &conn.ends[self.by as usize];
        if self.trigger == 0 || x.last_ts == i64::MIN || x.last_frame >= self.trigger {
            return -1;
        }
        self.trigger_ts.saturating_sub(x.last_ts)
    }
}
