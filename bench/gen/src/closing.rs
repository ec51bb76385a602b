//! The ways to end, each as a script. Truth is known because it is written here.

use crate::flow::{CLIENT, Flow, SERVER};
use crate::wire::{ACK, Head, Options, RST, Segment};

/// How a connection will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN, ACK, FIN, ACK; the given side first.
    FourWay(usize),
    /// FIN, FIN with its ACK, ACK.
    ThreeWay(usize),
    /// Both FINs cross: both ends pass CLOSING.
    Simultaneous,
    /// The client shuts its sending side, gets its answer, then the server closes.
    HalfClose,
    /// A FIN that is acked; the other side stays open to the end of the capture.
    HalfClosed(usize),
    /// RST and ACK from a living socket.
    Abort(usize),
    /// The server closes while the next request is on its way; its stack answers by RST.
    CrossedRequest,
    /// The client uses a connection whose FIN it has acked; the server's stack answers by RST.
    StaleRequest,
    /// FIN, ACK, then RST from the side that had received the FIN.
    AbortInCloseWait(usize),
    /// FIN, ACK, then RST from the side that had sent the FIN.
    AbortInFinWait2(usize),
    /// Payload sent again and again, then silence.
    Vanished(usize),
    /// A FIN sent again and again, never acked.
    FinUnanswered(usize),
    /// It stays open.
    Open,
    /// The SYN is answered by RST. Nothing else happens.
    Refused,
    /// The SYN is answered by nothing.
    Unanswered,
    /// The SYN-ACK is answered by RST.
    HandshakeReset,
}

use Ending::{
    Abort, AbortInCloseWait, AbortInFinWait2, CrossedRequest, FinUnanswered, FourWay, HalfClose,
    HalfClosed, HandshakeReset, Open, Refused, Simultaneous, StaleRequest, ThreeWay, Unanswered,
    Vanished,
};

/// The endings and how many of a thousand connections have them.
pub const SHARES: &[(Ending, u64)] = &[
    (FourWay(CLIENT), 230),
    (FourWay(SERVER), 160),
    (ThreeWay(CLIENT), 150),
    (ThreeWay(SERVER), 120),
    (Simultaneous, 20),
    (HalfClose, 20),
    (HalfClosed(CLIENT), 8),
    (HalfClosed(SERVER), 12),
    (Abort(CLIENT), 60),
    (Abort(SERVER), 40),
    (CrossedRequest, 15),
    (StaleRequest, 15),
    (AbortInCloseWait(CLIENT), 8),
    (AbortInCloseWait(SERVER), 7),
    (AbortInFinWait2(CLIENT), 6),
    (AbortInFinWait2(SERVER), 4),
    (Vanished(CLIENT), 5),
    (Vanished(SERVER), 10),
    (FinUnanswered(CLIENT), 4),
    (FinUnanswered(SERVER), 6),
    (Open, 20),
    (Refused, 35),
    (Unanswered, 30),
    (HandshakeReset, 15),
];

impl Ending {
    /// True if there is no handshake to begin with.
    pub fn at_birth(self) -> bool {
        matches!(self, Refused | Unanswered | HandshakeReset)
    }

    /// True if the tuple is free for another connection afterwards.
    pub fn frees_tuple(self) -> bool {
        matches!(self, FourWay(_) | ThreeWay(_) | HalfClose | Abort(_))
    }

    /// The design's word for it, and who closed.
    pub fn verdict(self) -> (&'static str, &'static str) {
        let who = |side| if side == CLIENT { "client" } else { "server" };
        match self {
            FourWay(x) => ("four-way", who(x)),
            ThreeWay(x) => ("three-way", who(x)),
            Simultaneous => ("simultaneous", "both"),
            HalfClose => ("four-way", "client"),
            HalfClosed(x) => ("half-closed", who(x)),
            Abort(x) | AbortInCloseWait(x) | AbortInFinWait2(x) => ("reset", who(x)),
            CrossedRequest | StaleRequest => ("reset", "server"),
            Vanished(_) => ("vanished", "none"),
            FinUnanswered(x) => ("fin-unanswered", who(x)),
            Open => ("open", "none"),
            Refused => ("refused", "server"),
            Unanswered => ("unanswered", "none"),
            HandshakeReset => ("handshake-reset", "client"),
        }
    }
}

/// Writes the end of `f`.
pub fn end(f: &mut Flow, ending: Ending) {
    (f.truth.close, f.truth.closed_by) = ending.verdict();
    match ending {
        FourWay(x) => four_way(f, x),
        ThreeWay(x) => three_way(f, x),
        Simultaneous => simultaneous(f),
        HalfClose => half_close(f),
        HalfClosed(x) => fin_and_ack(f, x),
        Abort(x) => f.abort(x),
        CrossedRequest => crossed_request(f),
        StaleRequest => stale_request(f),
        AbortInCloseWait(x) => {
            fin_and_ack(f, x);
            f.linger(500_000.0);
            f.abort(1 - x);
        }
        AbortInFinWait2(x) => {
            fin_and_ack(f, x);
            f.linger(2_000_000.0);
            f.abort(x);
        }
        Vanished(x) => vanished(f, x),
        FinUnanswered(x) => fin_unanswered(f, x),
        Open => {}
        Refused => refused(f),
        Unanswered => unanswered(f),
        HandshakeReset => handshake_reset(f),
    }
}

/// Time from a segment of `side` at the tap to the other side's answer at the tap.
fn answer_time(f: &mut Flow, side: usize) -> u64 {
    let far = if side == SERVER { f.rtt } else { 0 };
    far + 30 + f.rng.range(0, 200)
}

/// The FIN of the second closer: nobody reads payload any more; one in fifty is sent twice.
fn last_fin(f: &mut Flow, x: usize) {
    let fin = f.fin(x, 0);
    if f.rng.chance(0.02) {
        f.wait(200_000 + f.rtt);
        f.write(fin);
    }
}

/// The first FIN, by `x`; one in fifty is sent twice, one in eight carries payload.
fn first_fin(f: &mut Flow, x: usize) {
    if f.heads[x] == Head::Record && f.rng.chance(0.8) {
        f.data(x, 24, Head::Alert);
        f.wait(3);
    }
    let len = if f.rng.chance(0.125) {
        f.rng.range(1, 400) as u32
    } else {
        0
    };
    let first = f.fin(x, len);
    if f.rng.chance(0.02) {
        f.wait(200_000 + f.rtt);
        f.write(first);
    }
}

fn fin_and_ack(f: &mut Flow, x: usize) {
    first_fin(f, x);
    let wait = answer_time(f, x);
    f.wait(wait);
    f.ack(1 - x);
}

fn four_way(f: &mut Flow, x: usize) {
    fin_and_ack(f, x);
    let pause = if f.rng.chance(0.7) { 300.0 } else { 400_000.0 };
    f.linger(pause);
    f.wait(1);
    last_fin(f, 1 - x);
    let wait = answer_time(f, 1 - x);
    f.wait(wait);
    f.ack(x);
}

fn three_way(f: &mut Flow, x: usize) {
    first_fin(f, x);
    let wait = answer_time(f, x);
    f.wait(wait);
    f.hear(1 - x);
    last_fin(f, 1 - x);
    let wait = answer_time(f, 1 - x);
    f.wait(wait);
    f.ack(x);
}

fn simultaneous(f: &mut Flow) {
    f.fin(SERVER, 0);
    let gap = f.rng.range(1, f.rtt.max(2));
    f.wait(gap);
    f.fin(CLIENT, 0);
    f.wait(25);
    f.ack(SERVER);
    f.wait(f.rtt);
    f.ack(CLIENT);
}

fn half_close(f: &mut Flow) {
    fin_and_ack(f, CLIENT);
    f.linger(50_000.0);
    for _ in 0..f.rng.range(1, 12) {
        f.wait(12);
        let full = f.full(SERVER);
        f.send(full);
    }
    f.wait(f.rtt);
    f.ack(CLIENT);
    f.wait(100);
    f.fin(SERVER, 0);
    f.wait(f.rtt);
    f.ack(CLIENT);
}

fn idle(f: &mut Flow) {
    // A server's keep-alive timeout: 5 s, with the jitter of a timer.
    let jitter = f.rng.range(0, 3000);
    f.wait(5_000_000 + jitter);
}

fn crossed_request(f: &mut Flow) {
    idle(f);
    f.fin(SERVER, 0);
    f.wait(f.rtt / 2 + 5);
    let request = f.data(CLIENT, 310, f.heads[CLIENT]);
    f.wait(20);
    f.refuse(SERVER, &request);
    f.wait(f.rtt / 2 + 5);
    f.hear(CLIENT);
    let late = f.draft(CLIENT, ACK, 0);
    f.write(late);
    f.wait(20);
    f.refuse(SERVER, &late);
}

fn stale_request(f: &mut Flow) {
    idle(f);
    fin_and_ack(f, SERVER);
    f.linger(20_000_000.0);
    let request = f.data(CLIENT, 310, f.heads[CLIENT]);
    f.wait(20);
    f.refuse(SERVER, &request);
}

/// Repeats `s` with doubling gaps, `times` times.
fn repeat(f: &mut Flow, s: Segment, times: u64) {
    let mut gap = 204_000 + f.rtt;
    for _ in 0..times {
        f.wait(gap);
        f.write(s);
        gap *= 2;
    }
}

fn vanished(f: &mut Flow, x: usize) {
    let len = f.rng.range(50, 1200) as u32;
    let lost = f.data(x, len, f.heads[x]);
    let times = f.rng.range(6, 10);
    repeat(f, lost, times);
}

fn fin_unanswered(f: &mut Flow, x: usize) {
    let lost = f.fin(x, 0);
    let times = f.rng.range(5, 9);
    repeat(f, lost, times);
}

fn refused(f: &mut Flow) {
    f.syn();
    f.wait(20);
    f.hear(SERVER);
    let mut s = f.draft(SERVER, RST | ACK, 0);
    s.seq = 0;
    s.window = 0;
    s.options = Options::Nothing;
    f.write(s);
}

fn unanswered(f: &mut Flow) {
    let syn = f.syn();
    let mut gap = 1_000_000;
    for _ in 0..f.rng.range(2, 7) {
        f.wait(gap);
        f.write(syn);
        gap *= 2;
    }
}

fn handshake_reset(f: &mut Flow) {
    f.syn();
    f.wait(40);
    f.syn_ack();
    f.wait(f.rtt);
    let mut s = f.draft(CLIENT, RST, 0);
    s.window = 0;
    s.options = Options::Nothing;
    f.write(s);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_a_thousand() {
        assert_eq!(SHARES.iter().map(|s| s.1).sum::<u64>(), 1000);
    }
}
