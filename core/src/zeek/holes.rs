//! Data of one end that is missing, as far as Zeek's reassembler counts it.

use crate::seq::Seq;

/// Ranges kept above a hole; beyond, the lowest hole is taken as filled.
const MAX_RANGES: usize = 256;

/// What was delivered in order, and what waits behind a hole.
#[derive(Clone, Debug, Default)]
pub(super) struct Holes {
    /// Everything before this was delivered or given up.
    pub(super) next: Seq,
    /// Disjoint, ordered, all behind `next`.
    waiting: Vec<(Seq, Seq)>,
}

impl Holes {
    /// A hole begins at `next`.
    pub(super) fn open(&mut self, next: Seq) {
        self.next = next;
        self.waiting.clear();
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Payload `from..to` came.
    pub(super) fn deliver(&mut self, from: Seq, to: Seq) {
        let mut from = from.max(self.next);
        if !to.after(from) {
            return;
        }
        let mut to = to;
        let first = self.waiting.partition_point(|r| r.1.before(from));
        let mut last = first;
        while let Some(range) = self.waiting.get(last)
            && range.0.at_or_before(to)
        {
            if range.0.before(from) {
                from = range.0;
            }
            to = to.max(range.1);
            last += 1;
        }
        self.waiting.splice(first..last, [(from, to)]);
        if self.waiting.len() > MAX_RANGES {
            self.next = self.waiting[0].0;
        }
        self.advance();
    }

    /// The other end acked everything before `ack`. Returns how many holes that leaves for good.
    pub(super) fn give_up(&mut self, ack: Seq) -> u32 {
        let mut gaps = 0;
        while ack.after(self.next) {
            gaps += 1;
            self.next = match self.waiting.first() {
                Some(range) if range.0.before(ack) => range.0,
                _ => ack,
            };
            self.advance();
        }
        gaps
    }

    /// Moves `next` over what waits right there.
    fn advance(&mut self) {
        let reached = self
            .waiting
            .iter()
            .take_while(|range| range.0.at_or_before(self.next))
            .count();
        for (_, to) in self.waiting.drain(..reached) {
            self.next = self.next.max(to);
        }
    }
}
