//! Seeded randomness: the same seed gives the same capture on every machine.

/// `SplitMix64`: small, fast, and good enough for traffic that only has to look alive.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator that is wholly determined by `seed`.
    pub fn new(seed: u64) -> Rng {
        Rng(seed ^ 0x6a09_e667_f3bc_c908)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `low..high`; `low` if the range is empty.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        low + ((u128::from(self.next()) * u128::from(high - low)) >> 64) as u64
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Exponentially distributed with this mean: gaps between arrivals, thinking times.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Bounded Pareto: the heavy tail of transfer sizes.
    pub fn pareto(&mut self, low: f64, high: f64, alpha: f64) -> f64 {
        let ratio = (low / high).powf(alpha);
        let u = self.unit() * (1.0 - ratio);
        low / (1.0 - u).powf(1.0 / alpha)
    }
}
