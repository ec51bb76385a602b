//! Data that came behind a hole, as Zeek's reassembler keeps it.

use crate::seq::Seq;

/// Ranges kept for an end; beyond, the lowest hole is taken as filled.
const MAX_RANGES: usize = 256;

/// Ranges of sequence numbers, disjoint and in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Vec<(Seq, Seq)>);

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Payload `from..to` came.
    pub(super) fn add(&mut self, mut from: Seq, mut to: Seq) {
        let first = self.0.partition_point(|range| range.1.before(from));
        let mut last = first;
        while let Some(range) = self.0.get(last)
            && range.0.at_or_before(to)
        {
            if range.0.before(from) {
                from = range.0;
            }
            to = to.max(range.1);
            last += 1;
        }
        self.0.splice(first..last, [(from, to)]);
        if self.0.len() > MAX_RANGES {
            self.0[1].0 = self.0[0].0;
            self.0.remove(0);
        }
    }

    /// Takes off what begins at or before `reached`; returns how far that reaches.
    pub(super) fn advance(&mut self, mut reached: Seq) -> Seq {
        let taken = self
            .0
            .iter()
            .take_while(|range| {
                let touches = range.0.at_or_before(reached);
                if touches {
                    reached = reached.max(range.1);
                }
                touches
            })
            .count();
        self.0.drain(..taken);
        reached
    }

    /// Gives the lowest hole up, as far as `ack`; returns how far the data then reaches.
    pub(super) fn skip_hole(&mut self, ack: Seq) -> Seq {
        match self.0.first() {
            Some(range) if range.0.before(ack) => self.advance(range.0),
            _ => self.advance(ack),
        }
    }
}
