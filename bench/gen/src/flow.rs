//! One connection being written: its numbers, and a pen for its segments.

use crate::rng::Rng;
use crate::wire::{ACK, Ends, FIN, Head, Options, PSH, RST, SYN, Segment, Tuple};
use std::collections::VecDeque;

/// Index of the end that opens.
pub const CLIENT: usize = 0;
/// Index of the other end.
pub const SERVER: usize = 1;

/// What is known of a connection because it was made up.
pub struct Truth {
    /// Addresses and ports.
    pub tuple: Tuple,
    /// Number of its first frame, from 1.
    pub first_frame: u64,
    /// How it closes, a word of the design's table.
    pub close: &'static str,
    /// Who closes it.
    pub closed_by: &'static str,
    /// Segments written, by side.
    pub packets: [u64; 2],
    /// Payload bytes without retransmission, by side.
    pub bytes: [u64; 2],
}

/// A connection: what it has sent and received, and the segments not yet written.
pub struct Flow {
    /// Its headers.
    pub ends: Ends,
    /// What will be compared with a verdict.
    pub truth: Truth,
    /// Its own randomness, so that one connection's fate does not move the others'.
    pub rng: Rng,
    /// Segments to be written, in order of time.
    pub queue: VecDeque<Segment>,
    /// Microseconds since the capture's start: the connection has been written up to here.
    pub now: u64,
    /// SND.NXT by side.
    pub next: [u32; 2],
    /// RCV.NXT by side.
    pub heard: [u32; 2],
    /// Round trip between the tap, which sits at the server, and the client; microseconds.
    pub rtt: u64,
    /// How the payload of a request and of a response begins.
    pub heads: [Head; 2],
    window: [u16; 2],
}

impl Flow {
    /// A connection that opens at `now`.
    pub fn new(tuple: Tuple, now: u64, mut rng: Rng) -> Flow {
        let timestamps = rng.chance(0.93);
        // Median 20 ms, from a fraction of a millisecond to a quarter of a second.
        let rtt = (200.0 * 1200f64.powf(rng.unit())) as u64;
        let isn = [rng.next() as u32, rng.next() as u32];
        let heads = match tuple.port[1] {
            80 | 8080 => [Head::Request, Head::Response],
            443 | 8443 => [Head::Record, Head::Record],
            _ => [Head::Plain, Head::Plain],
        };
        Flow {
            ends: Ends::new(&tuple, timestamps, &mut rng),
            truth: Truth {
                tuple,
                first_frame: 0,
                close: "open",
                closed_by: "none",
                packets: [0; 2],
                bytes: [0; 2],
            },
            window: [rng.range(229, 2053) as u16, rng.range(229, 2053) as u16],
            rng,
            queue: VecDeque::new(),
            now,
            next: isn,
            heard: [0; 2],
            rtt,
            heads,
        }
    }

    /// Lets this many microseconds pass.
    pub fn wait(&mut self, us: u64) {
        self.now += us;
    }

    /// Lets a time pass that is exponentially distributed with this mean in microseconds.
    pub fn linger(&mut self, mean: f64) {
        self.now += self.rng.exponential(mean) as u64;
    }

    /// The segment that `side` would send now, without sending it.
    pub fn draft(&self, side: usize, flags: u8, len: u32) -> Segment {
        Segment {
            at: self.now,
            side,
            seq: self.next[side],
            ack: if flags & ACK == 0 {
                0
            } else {
                self.heard[side]
            },
            flags,
            len,
            window: self.window[side],
            options: Options::Usual,
            head: Head::Plain,
        }
    }

    /// Takes the sequence numbers of `s` and hands it to the wire.
    pub fn send(&mut self, s: Segment) {
        self.take(&s);
        self.write(s);
    }

    /// Takes the sequence numbers of `s`, which the tap does not see.
    pub fn take(&mut self, s: &Segment) {
        let span = s.len + u32::from(s.flags & SYN != 0) + u32::from(s.flags & FIN != 0);
        self.next[s.side] = self.next[s.side].wrapping_add(span);
        self.truth.bytes[s.side] += u64::from(s.len);
    }

    /// Hands `s` to the wire as it is: a retransmission, or a segment without numbers.
    pub fn write(&mut self, mut s: Segment) {
        s.at = self.now;
        self.truth.packets[s.side] += 1;
        self.queue.push_back(s);
    }

    /// How a segment in the middle of a transfer begins.
    pub fn body(&self) -> Head {
        match self.heads[SERVER] {
            Head::Record => Head::Record,
            _ => Head::Plain,
        }
    }

    /// A full-sized segment from the middle of a transfer.
    pub fn full(&self, side: usize) -> Segment {
        let mut s = self.draft(side, ACK, self.ends.full_size());
        s.head = self.body();
        s
    }

    /// All that the other side has sent arrives at `side`.
    pub fn hear(&mut self, side: usize) {
        self.heard[side] = self.next[1 - side];
    }

    /// `side` acks all that the other side has sent.
    pub fn ack(&mut self, side: usize) {
        self.hear(side);
        self.write(self.draft(side, ACK, 0));
    }

    /// `side` acks up to `end`.
    pub fn ack_to(&mut self, side: usize, end: u32) {
        self.heard[side] = end;
        self.write(self.draft(side, ACK, 0));
    }

    /// `side` sends one segment of payload; returns it so that it can be sent again.
    pub fn data(&mut self, side: usize, len: u32, head: Head) -> Segment {
        let mut s = self.draft(side, ACK | PSH, len);
        s.head = head;
        self.send(s);
        s
    }

    /// `side` sends a FIN with `len` bytes of payload; returns it so that it can be sent again.
    pub fn fin(&mut self, side: usize, len: u32) -> Segment {
        let push = if len > 0 { PSH } else { 0 };
        let s = self.draft(side, FIN | ACK | push, len);
        self.send(s);
        s
    }

    /// `side` aborts a living socket: RST and ACK with its own numbers.
    pub fn abort(&mut self, side: usize) {
        self.write(self.draft(side, RST | ACK, 0));
    }

    /// The stack of `side` answers a segment for which it has no socket: RST without ACK, whose
    /// number is the segment's ack (RFC 9293 section 3.5.2).
    pub fn refuse(&mut self, side: usize, trigger: &Segment) {
        let mut s = self.draft(side, RST, 0);
        s.seq = trigger.ack;
        s.window = 0;
        s.options = Options::Nothing;
        self.write(s);
    }

    /// Sends the first SYN.
    pub fn syn(&mut self) -> Segment {
        let mut s = self.draft(CLIENT, SYN, 0);
        s.options = Options::Opening;
        s.window = 64240;
        self.send(s);
        s
    }

    /// Answers the SYN.
    pub fn syn_ack(&mut self) {
        self.hear(SERVER);
        let mut s = self.draft(SERVER, SYN | ACK, 0);
        s.options = Options::Opening;
        s.window = 65160;
        self.send(s);
    }

    /// Completes a handshake.
    pub fn open(&mut self) {
        let syn = self.syn();
        if self.rng.chance(0.005) {
            self.wait(1_000_000);
            self.write(syn);
        }
        self.wait(40);
        self.syn_ack();
        self.wait(self.rtt);
        self.ack(CLIENT);
        self.wait(30);
    }
}
