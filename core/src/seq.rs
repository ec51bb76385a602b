//! Sequence numbers: 32 bits that wrap (RFC 9293 section 3.4).

use std::ops::{Add, Sub};

/// A TCP sequence or acknowledgment number.
///
/// There is no `Ord`: `<` on numbers that wrap is a bug. Use [`Seq::before`] and its kin, which
/// compare in modulo-2^32 order and are right while two numbers lie within 2^31 of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seq(pub u32);

impl Seq {
    /// Signed distance from `from` to `self`.
    #[inline]
    #[must_use]
    pub fn since(self, from: Seq) -> i32 {
        self.0.wrapping_sub(from.0) as i32
    }

    /// `self < other` in modulo order.
    #[inline]
    #[must_use]
    pub fn before(self, other: Seq) -> bool {
        self.since(other) < 0
    }

    /// `self > other` in modulo order.
    #[inline]
    #[must_use]
    pub fn after(self, other: Seq) -> bool {
        self.since(other) > 0
    }

    /// `self <= other` in modulo order.
    #[inline]
    #[must_use]
    pub fn at_or_before(self, other: Seq) -> bool {
        self.since(other) <= 0
    }

    /// `self >= other` in modulo order.
    #[inline]
    #[must_use]
    pub fn at_or_after(self, other: Seq) -> bool {
        self.since(other) >= 0
    }

    /// The later of the two in modulo order.
    #[inline]
    #[must_use]
    pub fn max(self, other: Seq) -> Seq {
        if self.before(other) { other } else { self }
    }
}

impl Add<u32> for Seq {
    type Output = Seq;
    #[inline]
    fn add(self, n: u32) -> Seq {
        Seq(self.0.wrapping_add(n))
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;
    #[inline]
    fn sub(self, n: u32) -> Seq {
        Seq(self.0.wrapping_sub(n))
    }
}
