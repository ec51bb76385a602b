//! The long capture: tens of thousands of connections of every kind, interleaved.

use crate::closing::{Ending, SHARES};
use crate::flow::{Flow, Truth};
use crate::interleave::{Arrivals, interleave};
use crate::rng::Rng;
use crate::talk::Talk;
use crate::wire::{Address, Pcap, Tuple};
use std::collections::{HashSet, VecDeque};
use std::io;

/// Packets a connection has on average: what turns a number of packets into a rate of arrivals.
const PACKETS_PER_CONNECTION: f64 = 83.0;
/// Bounds of the largest answer of a connection, in full-sized segments.
const SMALLEST: f64 = 10.0;
/// See [`SMALLEST`].
const LARGEST: f64 = 30_000.0;
/// A tuple rests this long before it is used again: TIME-WAIT and some, in microseconds.
const REST: u64 = 70_000_000;
/// Ports that servers listen on, and how many of a hundred connections go there.
const SERVICES: &[(u16, u64)] = &[
    (443, 52),
    (80, 20),
    (8080, 8),
    (5432, 8),
    (6379, 6),
    (22, 6),
];

/// Chooses ends for new connections.
struct Names {
    used: HashSet<Tuple>,
    resting: VecDeque<(u64, Tuple)>,
}

impl Names {
    fn choose(&mut self, rng: &mut Rng, now: u64) -> Tuple {
        if rng.chance(0.01) && self.resting.front().is_some_and(|r| r.0 + REST < now) {
            if let Some((_, tuple)) = self.resting.pop_front() {
                return tuple;
            }
        }
        loop {
            let tuple = random_tuple(rng);
            if self.used.insert(tuple) {
                return tuple;
            }
        }
    }
}

fn random_tuple(rng: &mut Rng) -> Tuple {
    let client = rng.range(0, 4000) as u16;
    // A few servers take most of the load.
    let server = rng.pareto(1.0, 200.0, 0.8) as u8;
    let [high, low] = client.to_be_bytes();
    let address = if rng.chance(0.1) {
        let mut a = [[0u8; 16]; 2];
        a[0][..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        a[1] = a[0];
        a[0][5] = 1;
        (a[0][14], a[0][15], a[1][15]) = (high, low, server);
        [Address::V6(a[0]), Address::V6(a[1])]
    } else {
        [
            Address::V4([10, 1, high, low]),
            Address::V4([192, 0, 2, server]),
        ]
    };
    let mut pick = rng.range(0, 100);
    let mut port = 443;
    for (service, share) in SERVICES {
        if pick < *share {
            port = *service;
            break;
        }
        pick -= share;
    }
    Tuple {
        address,
        port: [rng.range(32768, 61000) as u16, port],
        vlan: rng.chance(0.05).then(|| rng.range(10, 14) as u16),
    }
}

fn random_ending(rng: &mut Rng) -> Ending {
    let mut pick = rng.range(0, 1000);
    for (ending, share) in SHARES {
        if pick < *share {
            return *ending;
        }
        pick -= share;
    }
    Ending::Open
}

/// Connections of every kind, until enough packets are planned.
struct Mix {
    rng: Rng,
    names: Names,
    /// Mean time between two arrivals, in microseconds.
    gap: f64,
    clock: f64,
    /// Packets still to be planned.
    rest: i64,
}

impl Arrivals for Mix {
    fn next(&mut self) -> Option<Talk> {
        if self.rest <= 0 {
            return None;
        }
        let now = self.clock as u64;
        self.clock += self.rng.exponential(self.gap);
        let ending = random_ending(&mut self.rng);
        let size = self.rng.pareto(SMALLEST, LARGEST, 1.15) as u64;
        let tuple = self.names.choose(&mut self.rng, now);
        let flow = Flow::new(tuple, now, Rng::new(self.rng.next()));
        let mut talk = Talk::new(flow, ending, size);
        self.rest -= talk.expected_packets() as i64;
        talk.advance();
        Some(talk)
    }

    fn done(&mut self, talk: &Talk) {
        // The plan is corrected by what the connection really had.
        let real: u64 = talk.flow.truth.packets.iter().sum();
        self.rest += talk.expected_packets() as i64 - real as i64;
        if talk.ending().frees_tuple() {
            let tuple = talk.flow.truth.tuple;
            self.names.resting.push_back((talk.flow.now, tuple));
        }
    }
}

/// Writes about `packets` packets: connections begin until that many are planned, and all come to
/// their end. Arrivals are spread over `seconds`. Returns the truth in the order of first frames.
pub fn write(pcap: &mut Pcap, packets: u64, seconds: f64, seed: u64) -> io::Result<Vec<Truth>> {
    let mut mix = Mix {
        rng: Rng::new(seed),
        names: Names {
            used: HashSet::new(),
            resting: VecDeque::new(),
        },
        gap: seconds * 1e6 / (packets as f64 / PACKETS_PER_CONNECTION),
        clock: 0.0,
        rest: packets as i64,
    };
    interleave(pcap, &mut mix)
}
