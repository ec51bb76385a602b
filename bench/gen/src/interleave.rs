//! Many connections on one wire: whichever is due next writes its next segment.

use crate::flow::Truth;
use crate::talk::Talk;
use crate::wire::Pcap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

/// Where connections come from.
pub trait Arrivals {
    /// The next connection, in order of time, with its first segments already queued.
    fn next(&mut self) -> Option<Talk>;

    /// Takes notice of a connection whose last segment has been written.
    fn done(&mut self, _talk: &Talk) {}
}

/// The connections under way: each waits in `due` with the time of its next segment.
#[derive(Default)]
struct Wire {
    talks: Vec<Option<Talk>>,
    free: Vec<usize>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Wire {
    fn add(&mut self, at: u64, talk: Talk) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.talks.push(None);
            self.talks.len() - 1
        });
        self.talks[slot] = Some(talk);
        self.due.push(Reverse((at, slot)));
    }

    /// Writes one segment; returns the connection if that was its last.
    fn step(&mut self, pcap: &mut Pcap) -> io::Result<Option<Talk>> {
        let Some(Reverse((_, slot))) = self.due.pop() else {
            return Ok(None);
        };
        let Some(talk) = &mut self.talks[slot] else {
            return Ok(None);
        };
        let flow = &mut talk.flow;
        if flow.truth.first_frame == 0 {
            flow.truth.first_frame = pcap.packets + 1;
        }
        if let Some(segment) = flow.queue.pop_front() {
            pcap.write(&mut flow.ends, &segment)?;
        }
        talk.advance();
        if let Some(segment) = talk.flow.queue.front() {
            self.due.push(Reverse((segment.at, slot)));
            return Ok(None);
        }
        self.free.push(slot);
        Ok(self.talks[slot].take())
    }
}

/// Writes every connection to its end. Returns the truth in the order of first frames.
pub fn interleave(pcap: &mut Pcap, arrivals: &mut impl Arrivals) -> io::Result<Vec<Truth>> {
    let mut wire = Wire::default();
    let mut truths = Vec::new();
    let mut coming = arrivals.next();
    loop {
        let first = coming.as_ref().and_then(|t| t.flow.queue.front());
        let due = wire.due.peek().map_or(u64::MAX, |d| d.0.0);
        if let Some(at) = first.map(|s| s.at).filter(|at| *at <= due) {
            if let Some(talk) = coming.take() {
                wire.add(at, talk);
            }
            coming = arrivals.next();
        } else if wire.due.is_empty() {
            break;
        } else if let Some(talk) = wire.step(pcap)? {
            arrivals.done(&talk);
            truths.push(talk.flow.truth);
        }
    }
    truths.sort_by_key(|t| t.first_frame);
    Ok(truths)
}
