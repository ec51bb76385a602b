//! Captures that stress one thing each: short connections, a flood of SYNs, connections that stay
//! open, and a fixed set of connections that talk for long.

use crate::flow::{CLIENT, Flow, SERVER, Truth};
use crate::interleave::{Arrivals, interleave};
use crate::rng::Rng;
use crate::talk::Talk;
use crate::wire::{Address, Ends, Head, Options, Pcap, SYN, Segment, Tuple};
use std::io;

/// The `n`th of up to 2^32 different tuples.
fn nth_tuple(n: u64) -> Tuple {
    // Ports 1024 to 61023, then the next client; a client is seen by one of 16 servers.
    let host = (n / 60_000) as u32;
    let [_, a, b, c] = host.to_be_bytes();
    Tuple {
        address: [
            Address::V4([10, a, b, c]),
            Address::V4([192, 0, 2, 1 + (n % 16) as u8]),
        ],
        port: [(1024 + n % 60_000) as u16, 443],
        vlan: None,
    }
}

/// Short connections, evenly spread.
struct Short {
    rng: Rng,
    begun: u64,
    count: u64,
    clock: f64,
}

impl Arrivals for Short {
    fn next(&mut self) -> Option<Talk> {
        if self.begun == self.count {
            return None;
        }
        let own = Rng::new(self.rng.next());
        let mut flow = Flow::new(nth_tuple(self.begun), self.clock as u64, own);
        short_life(&mut flow);
        self.begun += 1;
        self.clock += self.rng.exponential(3_600e6 / self.count as f64);
        Some(Talk::told(flow))
    }
}

/// Connections of 9 or 10 packets, spread over an hour; some tens overlap at any time.
pub fn short(pcap: &mut Pcap, count: u64, seed: u64) -> io::Result<Vec<Truth>> {
    let mut short = Short {
        rng: Rng::new(seed),
        begun: 0,
        count,
        clock: 0.0,
    };
    interleave(pcap, &mut short)
}

/// A request, a response and a close by either side.
fn short_life(f: &mut Flow) {
    f.open();
    let (ask, answer) = (f.rng.range(60, 300) as u32, f.rng.range(40, 400) as u32);
    f.data(CLIENT, ask, Head::Record);
    f.wait(20);
    f.ack(SERVER);
    f.wait(300);
    f.data(SERVER, answer, Head::Record);
    f.wait(f.rtt);
    f.ack(CLIENT);
    f.wait(50);
    let first = f.rng.range(0, 2) as usize;
    let who = ["client", "server"][first];
    f.fin(first, 0);
    f.wait(f.rtt);
    f.truth.closed_by = who;
    if f.rng.chance(0.5) {
        f.truth.close = "four-way";
        f.ack(1 - first);
        f.wait(30);
    } else {
        f.truth.close = "three-way";
        f.hear(1 - first);
    }
    f.fin(1 - first, 0);
    f.wait(f.rtt);
    f.ack(first);
}

/// SYNs of different tuples, a microsecond apart.
pub fn syns(pcap: &mut Pcap, count: u64, seed: u64) -> io::Result<()> {
    let mut rng = Rng::new(seed);
    for n in 0..count {
        let mut ends = Ends::new(&nth_tuple(n), true, &mut rng);
        let syn = Segment {
            at: n,
            side: CLIENT,
            seq: rng.next() as u32,
            ack: 0,
            flags: SYN,
            len: 0,
            window: 64240,
            options: Options::Opening,
            head: Head::Plain,
        };
        pcap.write(&mut ends, &syn)?;
    }
    Ok(())
}

/// Writes what is queued of `f`, at `now` or later.
fn drain(pcap: &mut Pcap, f: &mut Flow) -> io::Result<()> {
    while let Some(segment) = f.queue.pop_front() {
        pcap.write(&mut f.ends, &segment)?;
    }
    Ok(())
}

/// `count` connections with one request and one response each that all stay open; with `packets`,
/// they go on talking until that many packets are written.
pub fn open(pcap: &mut Pcap, count: u64, packets: u64, seed: u64) -> io::Result<()> {
    let mut rng = Rng::new(seed);
    let mut now = 0;
    let mut flows = Vec::new();
    for n in 0..count {
        let mut f = Flow::new(nth_tuple(n), now, Rng::new(rng.next()));
        f.rtt = 1;
        f.open();
        f.data(CLIENT, 200, Head::Record);
        f.ack(SERVER);
        f.data(SERVER, 700, Head::Record);
        f.ack(CLIENT);
        drain(pcap, &mut f)?;
        now = f.now;
        if packets > 0 {
            flows.push(f);
        }
    }
    while pcap.packets < packets && !flows.is_empty() {
        let chosen = rng.range(0, flows.len() as u64) as usize;
        let f = &mut flows[chosen];
        now += 20;
        f.now = now;
        for _ in 0..2 {
            let s = f.full(SERVER);
            f.send(s);
        }
        f.ack(CLIENT);
        drain(pcap, f)?;
    }
    Ok(())
}
