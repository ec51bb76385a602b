//! What happens between handshake and closing: requests, bulk with an ACK clock, losses,
//! reordering, thinking and keep-alives. Written a few segments at a time, so that thousands of
//! connections interleave without being held in memory.

use crate::closing::{self, Ending};
use crate::flow::{CLIENT, Flow, SERVER};
use crate::wire::{ACK, Head, Options};
use std::collections::VecDeque;

/// The longest flight, in segments.
const LARGEST_WINDOW: u64 = 160;

enum Phase {
    Opening,
    Asking,
    Answering(Bulk),
    Thinking,
    Ending,
    Over,
}

/// A transfer of many segments, clocked by its ACKs.
struct Bulk {
    from: usize,
    /// Full-sized segments not yet sent.
    left: u64,
    /// Payload of the last segment.
    tail: u32,
    window: u64,
    in_flight: u64,
    /// Runs of segments that one ACK will cover: when the last was sent, its end, how many.
    runs: VecDeque<(u64, u32, u64)>,
    first: bool,
    /// The next flight meets trouble; until then nothing is sent, so that it starts from rest.
    hurt: bool,
}

/// One connection and its script.
pub struct Talk {
    /// What is written.
    pub flow: Flow,
    phase: Phase,
    ending: Ending,
    exchanges: u64,
    expected: u64,
    /// Full-sized segments of the largest answer.
    size: u64,
    /// Segments per ACK: 2 by RFC 9293 3.8.6.3, more where the receiver coalesces.
    per_ack: u64,
    /// Probability that an ACK's run of segments is hit by a loss or a reordering.
    trouble: f64,
    upload: bool,
}

impl Talk {
    /// A connection that will end in `ending`, with `size` full segments in its largest answer.
    pub fn new(mut flow: Flow, ending: Ending, size: u64) -> Talk {
        let rng = &mut flow.rng;
        let exchanges = 1 + rng.exponential(1.6) as u64;
        let per_ack = if size > 40 { rng.range(2, 9) } else { 2 };
        let trouble = if rng.chance(0.15) { 0.08 } else { 0.003 };
        let upload = rng.chance(0.12);
        Talk {
            phase: if ending.at_birth() {
                Phase::Ending
            } else {
                Phase::Opening
            },
            flow,
            ending,
            expected: if ending.at_birth() {
                3
            } else {
                9 + 6 * exchanges + size + size / per_ack
            },
            exchanges,
            size,
            per_ack,
            trouble,
            upload,
        }
    }

    /// A connection that has been written to its end already.
    pub fn told(flow: Flow) -> Talk {
        Talk {
            phase: Phase::Over,
            ending: Ending::Open,
            exchanges: 0,
            expected: 0,
            size: 0,
            per_ack: 2,
            trouble: 0.0,
            upload: false,
            flow,
        }
    }

    /// How many packets it was thought to have when it began.
    pub fn expected_packets(&self) -> u64 {
        self.expected
    }

    /// How it ends.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Writes the next few segments into the flow's queue; false when there are no more.
    pub fn advance(&mut self) -> bool {
        while self.flow.queue.is_empty() {
            match self.phase {
                Phase::Opening => {
                    self.flow.open();
                    self.hello();
                    self.phase = Phase::Asking;
                }
                Phase::Asking => self.ask(),
                Phase::Answering(_) => self.answer(),
                Phase::Thinking => self.think(),
                Phase::Ending => {
                    closing::end(&mut self.flow, self.ending);
                    self.phase = Phase::Over;
                }
                Phase::Over => return false,
            }
        }
        true
    }

    /// A TLS handshake where the port says so.
    fn hello(&mut self) {
        let f = &mut self.flow;
        if f.heads[CLIENT] != Head::Record {
            return;
        }
        f.data(CLIENT, 517, Head::Hello);
        f.wait(30);
        f.ack(SERVER);
        f.wait(700);
        f.data(SERVER, f.ends.full_size(), Head::Hello);
        f.wait(4);
        f.data(SERVER, 1311, Head::Record);
        f.wait(f.rtt);
        f.ack(CLIENT);
        f.wait(400);
        f.data(CLIENT, 80, Head::Record);
        f.wait(60);
    }

    fn ask(&mut self) {
        let f = &mut self.flow;
        let len = f.rng.range(120, 900) as u32;
        f.hear(CLIENT);
        f.data(CLIENT, len, f.heads[CLIENT]);
        f.wait(25);
        let thinks = f.rng.chance(0.3);
        if thinks {
            f.ack(SERVER);
            f.linger(30_000.0);
        }
        f.hear(SERVER);
        self.exchanges -= 1;
        // The heavy answer comes last; the ones before it are small.
        let left = if self.exchanges == 0 {
            self.size
        } else {
            f.rng.range(0, 4)
        };
        let from = if self.upload && self.exchanges == 0 {
            CLIENT
        } else {
            SERVER
        };
        f.wait(200);
        self.phase = Phase::Answering(Bulk {
            from,
            left,
            tail: f.rng.range(1, u64::from(f.ends.full_size())) as u32,
            window: 10,
            in_flight: 0,
            runs: VecDeque::new(),
            first: true,
            hurt: false,
        });
    }

    fn answer(&mut self) {
        let Phase::Answering(bulk) = &mut self.phase else {
            return;
        };
        let f = &mut self.flow;
        if bulk.hurt && bulk.runs.is_empty() {
            bulk.hurt = false;
            trouble(f, bulk);
            return;
        }
        if let Some((sent, end, count)) = bulk.runs.pop_front() {
            let far = if bulk.from == SERVER { f.rtt } else { 40 };
            f.now = f.now.max(sent + far);
            f.ack_to(1 - bulk.from, end);
            bulk.in_flight -= count;
            bulk.window = (bulk.window + count).min(LARGEST_WINDOW);
            bulk.hurt |= bulk.left > 12 && f.rng.chance(self.trouble);
        }
        while bulk.left > 0 && !bulk.hurt && (bulk.in_flight < bulk.window || bulk.runs.is_empty())
        {
            send_run(f, bulk, self.per_ack);
        }
        if bulk.left == 0 && bulk.runs.is_empty() {
            if bulk.tail > 0 {
                f.wait(9);
                let head = if bulk.first {
                    f.heads[bulk.from]
                } else {
                    f.body()
                };
                f.data(bulk.from, bulk.tail, head);
                f.wait(if bulk.from == SERVER { f.rtt } else { 40 });
                f.ack(1 - bulk.from);
            }
            self.phase = if self.exchanges > 0 {
                Phase::Thinking
            } else {
                Phase::Ending
            };
            let pause = f.rng.exponential(3000.0) as u64;
            f.wait(20 + pause);
        }
    }

    /// Silence between two exchanges, with keep-alive probes when it is long.
    fn think(&mut self) {
        let f = &mut self.flow;
        let mut rest = f.rng.exponential(15_000_000.0) as u64;
        while rest > 15_000_000 {
            f.wait(15_000_000);
            rest -= 15_000_000;
            let mut probe = f.draft(SERVER, ACK, 0);
            probe.seq = probe.seq.wrapping_sub(1);
            f.write(probe);
            let pause = f.rtt;
            f.wait(pause);
            f.ack(CLIENT);
        }
        f.wait(rest);
        self.phase = Phase::Asking;
    }
}

/// Sends the segments that one ACK will cover.
fn send_run(f: &mut Flow, bulk: &mut Bulk, per_ack: u64) {
    let count = per_ack.min(bulk.left);
    for _ in 0..count {
        let pace = f.rng.range(1, 13);
        f.wait(pace);
        let mut s = f.full(bulk.from);
        if bulk.first {
            s.head = f.heads[bulk.from];
        }
        f.send(s);
        bulk.first = false;
    }
    bulk.left -= count;
    bulk.in_flight += count;
    bulk.runs.push_back((f.now, f.next[bulk.from], count));
}

/// A flight whose first segment meets trouble. 0: lost behind the tap; 1: lost before it;
/// 2: overtaken; 3: lost before the tap and sent again only after a timeout.
fn trouble(f: &mut Flow, bulk: &mut Bulk) {
    let from = bulk.from;
    let far = if from == SERVER { f.rtt } else { 40 };
    let kind = f.rng.range(0, 4);
    let count = f.rng.range(4, 11).min(bulk.left);
    bulk.left -= count;
    let lost = f.full(from);
    f.take(&lost);
    if kind == 0 {
        f.write(lost);
    }
    let after = f.next[from];
    let mut ends = Vec::new();
    for _ in 1..count {
        f.wait(11);
        let s = f.full(from);
        f.take(&s);
        f.write(s);
        ends.push(f.next[from]);
        if kind == 2 && ends.len() == 1 {
            f.wait(7);
            f.write(lost);
        }
    }
    f.wait(far);
    if kind != 2 {
        for end in &ends {
            f.wait(11);
            let mut dup = f.draft(1 - from, ACK, 0);
            dup.options = Options::Sack(after, *end);
            f.write(dup);
        }
        let timeout = if kind == 3 { 204_000 + f.rtt } else { 15 };
        f.wait(timeout);
        f.write(lost);
        f.wait(far);
    }
    f.ack(1 - from);
    f.wait(5);
}
