//! What of a byte stream was captured, when it was not captured in order.

use crate::seq::Seq;

/// Holes kept for one direction; more than this and the oldest is given up as lost.
/// A receiver reports at most four SACK blocks (RFC 2018 section 3), so real reordering needs few.
const MAX_HOLES: usize = 32;

/// The parts below the highest number seen that have not been captured, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Holes {
    ranges: Vec<(Seq, Seq)>,
    lost: u64,
}

impl Holes {
    /// Bytes between `from` and `to` were passed over.
    pub fn open(&mut self, from: Seq, to: Seq) {
        if self.ranges.len() == MAX_HOLES {
            let (a, b) = self.ranges.remove(0);
            self.lost += u64::from((b.since(a)).unsigned_abs());
        }
        self.ranges.push((from, to));
    }

    /// Bytes `from..to` were captured; returns how many of them were missing until now.
    pub fn fill(&mut self, from: Seq, to: Seq) -> u32 {
        let mut filled = 0;
        let mut i = 0;
        while i < self.ranges.len() {
            let (a, b) = self.ranges[i];
            let (lo, hi) = (a.max(from), if to.before(b) { to } else { b });
            if !lo.before(hi) {
                i += 1;
                continue;
            }
            filled += hi.since(lo).unsigned_abs();
            match (a.before(lo), hi.before(b)) {
                (false, false) => {
                    self.ranges.remove(i);
                    continue;
                }
                (false, true) => self.ranges[i].0 = hi,
                (true, false) => self.ranges[i].1 = lo,
                (true, true) => {
                    self.ranges[i].1 = lo;
                    self.ranges.insert(i + 1, (hi, b));
                    i += 1;
                }
            }
            i += 1;
        }
        filled
    }

    /// Nothing was sent at `to` and above: no hole reaches further.
    pub fn forget_from(&mut self, to: Seq) {
        self.ranges.retain(|(a, _)| a.before(to));
        for (_, b) in self.ranges.iter_mut().filter(|(_, b)| b.after(to)) {
            *b = to;
        }
    }

    /// True if something below `to` is missing.
    #[must_use]
    pub fn any_before(&self, to: Seq) -> bool {
        self.ranges.iter().any(|(a, _)| a.before(to))
    }

    /// Where what is missing up to `to` begins, if nothing captured lies between.
    #[must_use]
    pub fn reaching(&self, to: Seq) -> Option<Seq> {
        self.ranges.iter().find(|(_, b)| *b == to).map(|(a, _)| *a)
    }

    /// True if what is missing reaches up to `to`.
    #[must_use]
    pub fn reaches(&self, to: Seq) -> bool {
        self.reaching(to).is_some()
    }

    /// Bytes never captured.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.lost
            + self
                .ranges
                .iter()
                .map(|(a, b)| u64::from(b.since(*a).unsigned_abs()))
                .sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a bitmap: the dumb second implementation is the judge.
        #[test]
        fn agrees_with_a_bitmap(base: u32, ops in prop::collection::vec((0u32..300, 1u32..40), 1..60)) {
            let mut holes = Holes::default();
            let mut seen = [false; 400];
            let mut next = 0u32;
            for (start, len) in ops {
                let end = start + len;
                let fresh = (start..end).filter(|i| !seen[*i as usize]).count() as u32;
                let mut got = 0;
                if start > next {
                    if holes.ranges.len() >= MAX_HOLES { break; }
                    holes.open(Seq(base) + next, Seq(base) + start);
                    got += len;
                } else {
                    got += end.saturating_sub(next);
                    if holes.ranges.len() >= MAX_HOLES { break; }
                    got += holes.fill(Seq(base) + start, Seq(base) + end.min(next));
                }
                next = next.max(end);
                for i in start..end { seen[i as usize] = true; }
                prop_assert_eq!(got, fresh);
                let missing = (0..next).filter(|i| !seen[*i as usize]).count() as u64;
                prop_assert_eq!(holes.missing(), missing);
            }
        }
    }
}
