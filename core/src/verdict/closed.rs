//! How it closed and who closed it: the table of `close` words, by sequence numbers alone.

use super::unseen::{fin_was_later, over_before, reset_was_second};
use crate::machine::State;
use crate::segment::Dir;
use crate::slugs::{Close, ClosedBy, Note, ResetForm};
use crate::track::closing::{Closing, EMPTY, Fin, Reset};
use crate::track::conn::Conn;
use crate::track::endpoint::seen;

/// How, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The word.
    pub close: Close,
    /// The end whose FIN or RST took effect first; `None` for nobody or both.
    pub by: Option<Dir>,
    /// The same as a word.
    pub closed_by: ClosedBy,
    /// Both FINs acked, or a RST took effect.
    pub finished: bool,
    /// Frame whose FIN or RST took effect first; 0 if none.
    pub frame: u64,
    /// Its time, nanoseconds.
    pub ts: i64,
    /// Capture order and not numbers told who was first: both FINs ack each other, so the first
    /// sending of one was not captured.
    pub by_order: bool,
    /// A FIN that was not captured may have come before the one that is told.
    pub closer_unseen: bool,
    /// The capture begins so late that it may have been over.
    pub over_before: bool,
}

impl Closed {
    /// The same without saying who closed.
    fn without_closer(self) -> Closed {
        Closed {
            by: None,
            closed_by: ClosedBy::None,
            closer_unseen: true,
            ..self
        }
    }
}

/// Repeats after which silence counts as vanishing: the gap must have had a chance to grow.
const VANISHED_REPEATS: u8 = 2;

/// Judges a connection.
#[must_use]
pub fn closed(conn: &Conn) -> Closed {
    let c = conn.closing.as_deref().unwrap_or_else(|| &EMPTY);
    let who = |dir: Dir| {
        if dir == conn.client {
            ClosedBy::Client
        } else {
            ClosedBy::Server
        }
    };
    let verdict = |close, by: Option<Dir>, frame, ts| Closed {
        close,
        by,
        closed_by: by.map_or(ClosedBy::None, who),
        finished: c.finished.is_some(),
        frame,
        ts,
        by_order: false,
        closer_unseen: false,
        over_before: false,
    };
    if let Some(r) = c.reset {
        if over_before(conn, &r) {
            return Closed {
                finished: false,
                over_before: true,
                ..fins(conn, c, &verdict)
            };
        }
        return reset(conn, c, &r, &verdict);
    }
    fins(conn, c, &verdict)
}

/// Judges one that no RST ended.
fn fins(conn: &Conn, c: &Closing, verdict: Make) -> Closed {
    match (c.fin[0], c.fin[1]) {
        (Some(up), Some(down)) => both_fins(up, down, verdict),
        (Some(fin), None) => one_fin(conn, fin, Dir::Up, verdict),
        (None, Some(fin)) => one_fin(conn, fin, Dir::Down, verdict),
        (None, None) => no_fin(conn, verdict),
    }
}

type Make<'a> = &'a dyn Fn(Close, Option<Dir>, u64, i64) -> Closed;

fn both_fins(up: Fin, down: Fin, verdict: Make) -> Closed {
    let up_knew = !up.crosses(&down);
    let down_knew = !down.crosses(&up);
    let first_captured = if (up.ts, up.frame) <= (down.ts, down.frame) {
        Dir::Up
    } else {
        Dir::Down
    };
    let first = match (up_knew, down_knew) {
        (false, false) => {
            let f = if first_captured == Dir::Up { up } else { down };
            let closed = Closed {
                closed_by: ClosedBy::Both,
                ..verdict(Close::Simultaneous, None, f.frame, f.ts)
            };
            return if up.may_cross(&down) || down.may_cross(&up) {
                closed.without_closer()
            } else {
                closed
            };
        }
        (false, true) => Dir::Up,
        (true, false) => Dir::Down,
        (true, true) => first_captured,
    };
    let fin = if first == Dir::Up { up } else { down };
    // what a repeat acks was not known when its FIN was first sent
    let unseen = up_knew && up.repeat_only || down_knew && down.repeat_only;
    let three = fin.acked.is_none_or(|a| a.by_fin);
    let close = if three {
        Close::ThreeWay
    } else {
        Close::FourWay
    };
    let closed = Closed {
        by_order: up_knew && down_knew,
        ..verdict(close, Some(first), fin.frame, fin.ts)
    };
    if unseen {
        closed.without_closer()
    } else {
        closed
    }
}

fn one_fin(conn: &Conn, fin: Fin, by: Dir, verdict: Make) -> Closed {
    let close = if fin.acked.is_some() {
        Close::HalfClosed
    } else {
        Close::FinUnanswered
    };
    let closed = verdict(close, Some(by), fin.frame, fin.ts);
    if fin_was_later(conn, &fin, by) {
        return closed.without_closer();
    }
    closed
}

fn reset(conn: &Conn, c: &Closing, reset: &Reset, verdict: Make) -> Closed {
    let mut by = Some(reset.by);
    let (mut frame, mut ts) = (reset.frame, reset.ts);
    let server_reset = reset.by != conn.client;
    let client_end = conn.client as usize;
    let close = if reset.in_handshake {
        let syn_unanswered = !conn.answered() && reset.before[client_end] == State::SynSent;
        if reset.form == ResetForm::Owner {
            // a socket that aborts has its numbers: the answer to a SYN has 0 (RFC 9293 section 3.5.2), and a
            // half-open one only answers. What completed the handshake was not captured.
            Close::Reset
        } else if syn_unanswered && server_reset {
            Close::Refused
        } else {
            Close::HandshakeReset
        }
    } else {
        Close::Reset
    };
    // a FIN took effect first if it had been received: acked, or what drew the RST of an end that had not closed
    let drew = |d: Dir| reset.trigger_fin && d != reset.by && c.fin[reset.by as usize].is_none();
    for (d, fin) in [Dir::Up, Dir::Down].into_iter().zip(c.fin) {
        if let Some(fin) = fin
            && fin.frame < reset.frame
            && (fin.acked.is_some() || d == reset.by || drew(d) || reset.acks(&fin))
            && (fin.ts, fin.frame) < (ts, frame)
        {
            (by, frame, ts) = (Some(d), fin.frame, fin.ts);
        }
    }
    let other = reset.by.flip();
    if let Some(fin) = c.fin[other as usize]
        && frame == reset.frame
        && reset.acks(&fin)
    {
        // only its repeat was captured, after the RST of the end that had received it
        (by, frame, ts) = (Some(other), fin.frame, fin.ts);
    }
    let closed = verdict(close, by, frame, ts);
    let second = match by.and_then(|d| c.fin[d as usize].map(|fin| (fin, d))) {
        Some((fin, d)) if fin.frame == frame => fin_was_later(conn, &fin, d),
        _ => reset_was_second(conn, c, reset) || fin_may_have_arrived(c, reset),
    };
    if second {
        return closed.without_closer();
    }
    closed
}

/// True if nothing shows whether the other end's FIN came to a socket before `reset` was sent: it was not acked, and what
/// drew the RST, which acks nothing, was sent after it. Had the FIN met no socket, it would have drawn a RST too.
fn fin_may_have_arrived(c: &Closing, reset: &Reset) -> bool {
    let own = c.fin[reset.by as usize];
    c.fin[reset.by.flip() as usize].is_some_and(|fin| {
        let open = fin.frame < reset.frame && fin.acked.is_none();
        let answered_later = reset.trigger == 0 || fin.frame < reset.trigger;
        open && own.is_none() && reset.ack.is_none() && answered_later
    })
}

fn no_fin(conn: &Conn, verdict: Make) -> Closed {
    let client = conn.client_end();
    let server = conn.server_end();
    // a RST that does not ack the SYN is no answer (RFC 9293 section 3.10.7.3)
    if client.state == State::SynSent && !conn.answered() && !server.has(seen::SPOKE) {
        return verdict(Close::Unanswered, None, 0, 0);
    }
    if conn.noted(Note::TimeWaitRefused) && client.state == State::SynSent {
        return verdict(Close::Unanswered, None, 0, 0);
    }
    let silent = conn.ends.iter().any(|e| {
        let grew = e.last_gap_ms > e.first_gap_ms.saturating_add(e.first_gap_ms / 2)
            || e.streak >= VANISHED_REPEATS + 2;
        e.streak >= VANISHED_REPEATS && grew && !e.has(seen::PROBING)
    });
    verdict(
        if silent { Close::Vanished } else { Close::Open },
        None,
        0,
        0,
    )
}
