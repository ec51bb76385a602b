//! What of the close the capture may not hold: a FIN before its first segment, in a hole, or on the way
//! that was not captured. What could be turned round by it is not said.

use super::closed::Closed;
use crate::machine::State;
use crate::segment::Dir;
use crate::seq::Seq;
use crate::slugs::{Note, ResetForm};
use crate::track::closing::{Closing, Fin, Reset};
use crate::track::conn::Conn;
use crate::track::endpoint::{Endpoint, seen};
use crate::track::final_state;

/// True if end `s` may have sent a FIN that was not captured. A FIN takes the last number of its sender:
/// it cannot be followed by payload.
#[must_use]
pub fn fin_unseen(conn: &Conn, s: Dir) -> bool {
    let c = conn.closing.as_deref();
    if c.is_some_and(|c| c.fin[s as usize].is_some()) {
        return false;
    }
    let e: &Endpoint = &conn.ends[s as usize];
    let mute = !e.has(seen::SEQ) && conn.ends[s.flip() as usize].has(seen::ACK);
    mute || before_all(e) || last_hole(e).is_some()
}

/// True if a FIN may lie before all that was captured of this end.
fn before_all(e: &Endpoint) -> bool {
    !e.has(seen::SYN) && e.bytes == 0
}

/// Where what is missing above all that was captured of this end begins.
fn last_hole(e: &Endpoint) -> Option<Seq> {
    e.holes.as_ref().and_then(|h| h.reaching(e.snd_nxt))
}

/// True if the last payload of end `s` before the close was not captured.
#[must_use]
pub fn last_words_unseen(conn: &Conn, s: Dir) -> bool {
    let e = &conn.ends[s as usize];
    let fin = conn.closing.as_deref().and_then(|c| c.fin[s as usize]);
    e.holes
        .as_ref()
        .is_some_and(|h| h.reaches(e.snd_nxt) || fin.is_some_and(|f| h.reaches(f.number)))
}

/// True if the connection may have been over when this RST came: a stack that has no socket answers, and what the
/// capture lacks may be the end itself. So it is where the other direction was not captured; where the capture begins
/// in the middle and holds no sign of life before; and where the other end's FIN may have come before one that was acked.
#[must_use]
pub fn over_before(conn: &Conn, reset: &Reset) -> bool {
    let Some(c) = conn.closing.as_deref() else {
        return false;
    };
    let y = reset.by.flip();
    let other = &conn.ends[y as usize];
    let lifeless = conn.noted(Note::Midstream)
        && !conn.ends[reset.by as usize].has(seen::SPOKE)
        && other.bytes == 0
        && c.fin[y as usize].is_none();
    let closed = c.fin[reset.by as usize]
        .is_some_and(|fin| fin.acked.is_some() && fin_was_second(conn, &fin, reset.by));
    reset.form == ResetForm::Reply && (other.packets == 0 || lifeless || closed)
}

/// True if the FIN of the other end may have come to `fin`'s sender before it closed: it was not captured, and `fin` acks all that
/// is known of it. What it sent later was not known to the sender of `fin`. Where its FIN can only be in a hole, an ACK of `fin`
/// below that was sent before it.
#[must_use]
pub fn fin_was_second(conn: &Conn, fin: &Fin, by: Dir) -> bool {
    fin_may_be_first(conn, fin, by) && !known_beyond(conn, by, fin.ack)
}

/// True if the other end may have closed before `fin`, whether or not `fin`'s sender had that: the one number that is missing above
/// all that was captured of it may be its FIN.
#[must_use]
pub fn fin_was_later(conn: &Conn, fin: &Fin, by: Dir) -> bool {
    let y = &conn.ends[by.flip() as usize];
    let only_fin = last_hole(y) == Some(fin.ack) && y.snd_nxt == fin.ack + 1;
    let known =
        known_beyond(conn, by, fin.ack) && !(only_fin && conn.ends[by as usize].ack == fin.ack);
    fin_may_be_first(conn, fin, by) && !known
}

fn fin_may_be_first(conn: &Conn, fin: &Fin, by: Dir) -> bool {
    let y = &conn.ends[by.flip() as usize];
    let answered = fin
        .acked
        .zip(last_hole(y).filter(|_| !before_all(y)))
        .is_some_and(|(ack, hole)| !ack.seq.after(hole));
    fin_unseen(conn, by.flip()) && !answered
}

/// The same of a RST.
#[must_use]
pub fn reset_was_second(conn: &Conn, c: &Closing, reset: &Reset) -> bool {
    let other = reset.by.flip();
    c.fin[reset.by as usize].is_none()
        && fin_unseen(conn, other)
        && !reset
            .ack
            .is_some_and(|ack| known_beyond(conn, reset.by, ack))
}

/// True if the end that `by` talks to has sent something that `by` had not received when it acked `ack`.
fn known_beyond(conn: &Conn, by: Dir, ack: Seq) -> bool {
    let (x, y) = (&conn.ends[by as usize], &conn.ends[by.flip() as usize]);
    x.ack.after(ack) || y.has(seen::SEQ) && y.packets > 0 && y.snd_nxt.after(ack)
}

/// Where end `s` stands, as far as it is sure: whose FIN came first tells CLOSE-WAIT from TIME-WAIT.
#[must_use]
pub fn sure_state(conn: &Conn, s: usize, closed: &Closed) -> State {
    let dir = if s == 0 { Dir::Up } else { Dir::Down };
    let reset = conn.closing.as_deref().and_then(|c| c.reset);
    let state = match reset {
        Some(reset) if closed.over_before && reset.by != dir => reset.before[s],
        _ => final_state(conn, s),
    };
    let doubtful = match state {
        State::CloseWait => fin_unseen(conn, dir),
        State::FinWait1 | State::FinWait2 => closed.closer_unseen,
        _ => false,
    };
    if doubtful { State::Established } else { state }
}
