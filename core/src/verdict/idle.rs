//! Is there one idle time after which a server closes (D1, D5)? Counted exactly over all its connections
//! in sums that do not depend on their order, so that shards may be merged.

use std::collections::BTreeMap;

/// Idle times below this are the pauses of an exchange: nanoseconds (see `cause::IDLE`).
const LEAST: i64 = 200_000_000;
/// A timeout is at least this long. Servers take whole seconds (nginx `keepalive_timeout`) or, a few,
/// milliseconds (Node's `keepAliveTimeout`); below lie delayed ACKs and first repeats (Linux's
/// `TCP_DELACK_MAX` and `TCP_RTO_MIN`, 200 ms each), one after the other.
const TIMEOUT_LEAST: i64 = 2 * LEAST;
/// Above this, idle times are counted together and are no constant: TCP's own keep-alive begins at 2 h
/// (RFC 1122 section 4.2.3.6), and what waits longer waits for somebody.
const MOST: i64 = 7_440_000_000_000;
/// Idle times this close together are one constant (measured timeouts scatter within 1 s, diagnosis D1),
/// but never more than a tenth of them: nanoseconds.
const WIDTH: i64 = 1_000_000_000;
/// Connections that make a habit.
const HABIT: u64 = 3;
/// A cluster stands out: just below and above it lie at most this part of what is in it.
const STANDS_OUT: u64 = 4;

/// Buckets are 20 ms wide below 10 s, and 100 ms above: a tenth or less of what is one constant. At most
/// 74,800 a server, and only those that something fell into.
const FINE: i64 = 20_000_000;
const COARSE: i64 = 100_000_000;
const FINE_UP_TO: i64 = 10_000_000_000;

/// What fell into one bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    count: u64,
    /// Sum of what each exceeds the bucket's lower edge, nanoseconds.
    above: u64,
    reused: u64,
    reuse_delay: i64,
}

impl Bucket {
    fn merge(&mut self, o: &Bucket) {
        self.count += o.count;
        self.above = self.above.saturating_add(o.above);
        self.reused += o.reused;
        self.reuse_delay = self.reuse_delay.max(o.reuse_delay);
    }
}

/// The idle times before one server's closes.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    /// By lower edge.
    buckets: BTreeMap<i64, Bucket>,
    /// Idle times of at least [`TIMEOUT_LEAST`].
    timeouts: u64,
}

/// An idle time that repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Mean of those that make it, nanoseconds.
    pub mean: i64,
    /// How many these are.
    pub count: u64,
    /// How many of them were used again after the close.
    pub reused: u64,
    /// The longest time between the close and that use, nanoseconds.
    pub reuse_delay: i64,
    from: i64,
    to: i64,
}

impl Gap {
    /// True if a close after this idle time is one of those.
    pub fn holds(&self, idle: i64) -> bool {
        (self.from..self.to).contains(&idle)
    }
}

impl Gaps {
    /// Counts a close after `idle` nanoseconds; `reuse_delay` is -1 if nothing came after it.
    pub fn add(&mut self, idle: i64, reuse_delay: i64) {
        if idle < LEAST {
            return;
        }
        let idle = idle.min(MOST);
        self.timeouts += u64::from(idle >= TIMEOUT_LEAST);
        let edge = edge(idle);
        self.buckets.entry(edge).or_default().merge(&Bucket {
            count: 1,
            above: (idle - edge).unsigned_abs(),
            reused: u64::from(reuse_delay >= 0),
            reuse_delay,
        });
    }

    pub fn merge(&mut self, other: Gaps) {
        self.timeouts += other.timeouts;
        for (edge, bucket) in other.buckets {
            self.buckets.entry(edge).or_default().merge(&bucket);
        }
    }

    /// The idle time that most of the closes share, if there is one that stands out.
    pub fn constant(&self) -> Option<Gap> {
        if self.timeouts < HABIT {
            return None;
        }
        let mut best: Option<(u64, i64, i64)> = None;
        let mut count = 0;
        let mut behind = self.buckets.range(TIMEOUT_LEAST..MOST).peekable();
        for (edge, bucket) in self.buckets.range(TIMEOUT_LEAST..MOST) {
            count += bucket.count;
            let to = edge + step(*edge);
            while let Some((from, first)) = behind.peek()
                && to - **from > width(**from)
            {
                count -= first.count;
                behind.next();
            }
            if let Some((from, _)) = behind.peek()
                && best.is_none_or(|b| count > b.0)
            {
                best = Some((count, **from, to));
            }
        }
        let (count, from, to) = best?;
        let width = width(from);
        let beside = self
            .count(from - width, from)
            .max(self.count(to, to + width));
        let real = count >= HABIT && count * 2 > self.timeouts && beside * STANDS_OUT <= count;
        real.then(|| self.gap(from, to))
    }

    fn count(&self, from: i64, to: i64) -> u64 {
        self.buckets.range(from..to).map(|(_, b)| b.count).sum()
    }

    fn gap(&self, from: i64, to: i64) -> Gap {
        let mut all = Bucket {
            reuse_delay: -1,
            ..Bucket::default()
        };
        let mut sum = 0_i128;
        for (edge, bucket) in self.buckets.range(from..to) {
            sum += i128::from(*edge) * i128::from(bucket.count) + i128::from(bucket.above);
            all.merge(bucket);
        }
        let mean = sum / i128::from(all.count.max(1));
        Gap {
            mean: i64::try_from(mean).unwrap_or(i64::MAX),
            count: all.count,
            reused: all.reused,
            reuse_delay: all.reuse_delay,
            from,
            to,
        }
    }
}

fn step(idle: i64) -> i64 {
    if idle < FINE_UP_TO { FINE } else { COARSE }
}

/// Lower edge of the bucket that `idle` falls into.
fn edge(idle: i64) -> i64 {
    idle - idle % step(idle)
}

/// How wide a constant that begins at `idle` may be.
fn width(idle: i64) -> i64 {
    WIDTH.min(idle / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    fn gaps(idle: impl IntoIterator<Item = i64>) -> Gaps {
        let mut gaps = Gaps::default();
        idle.into_iter().for_each(|ms| gaps.add(ms * MS, -1));
        gaps
    }

    #[test]
    fn most_closes_after_one_idle_time_are_a_constant_however_many() {
        for n in [3, 312, 5_000] {
            let gap = gaps((0..n).map(|i| 5_000 + i % 7)).constant();
            let gap = gap.expect("a constant");
            assert_eq!(gap.count, n.unsigned_abs());
            assert!((5_000 * MS..5_007 * MS).contains(&gap.mean));
        }
    }

    #[test]
    fn a_spread_and_its_tail_are_none() {
        // evenly from 0 to 60 s; and exponentially with a mean of 100 ms, as pauses of programs are
        assert_eq!(gaps((0..60_000).step_by(7)).constant(), None);
        let part = |i: i32| f64::from(i) / 60_000.0;
        let tail = (1..60_000).map(|i| (-100.0 * part(i).ln()) as i64);
        assert_eq!(gaps(tail).constant(), None);
        assert_eq!(gaps(vec![390; 462]).constant(), None, "below any timeout");
        let two = [vec![5_000; 100], vec![30_000; 100]].concat();
        assert_eq!(gaps(two).constant(), None, "neither is what most do");
    }

    #[test]
    fn what_lies_far_away_does_not_hide_it() {
        let mut mixed = gaps(vec![60_000; 60]);
        mixed.merge(gaps((0..40).map(|i| 300 + i * 1_000)));
        let gap = mixed.constant().expect("60 of 100");
        assert_eq!((gap.count, gap.mean), (60, 60_000 * MS));
        assert!(gap.holds(60_000 * MS) && !gap.holds(59_000 * MS));
    }

    #[test]
    fn only_the_reuses_within_it_are_counted() {
        let mut some = gaps(vec![5_000; 8]);
        some.add(5_001 * MS, 4 * MS);
        some.add(300 * MS, 90 * MS);
        let gap = some.constant().expect("a constant");
        assert_eq!((gap.reused, gap.reuse_delay), (1, 4 * MS));
    }

    proptest! {
        /// Neither the order nor the shards matter.
        #[test]
        fn order_does_not_matter(
            mut idle in prop::collection::vec(prop_oneof![4_990i64..5_020, 0i64..20_000], 0..200),
            cut in 0usize..200,
        ) {
            let all = gaps(idle.iter().copied());
            idle.reverse();
            let (a, b) = idle.split_at(cut.min(idle.len()));
            let mut parts = gaps(a.iter().copied());
            parts.merge(gaps(b.iter().copied()));
            prop_assert_eq!(all.constant(), parts.constant());
        }
    }
}
