//! From a flow key's hash to the connection's place: open addressing, linear probing, 8 bytes a slot.
//!
//! A slot holds 32 bits of the hash beside the index, so that a probe touches one cache line and a
//! lookup almost never compares a key in vain. The hash is keyed with a random seed by the caller:
//! the input is hostile.

use crate::prefetch::prefetch;

/// Marks a slot that was never used.
const EMPTY: u64 = u64::MAX;
/// Marks a slot whose entry was removed.
const GONE: u64 = u64::MAX - 1;

/// The table. Indices are below 2^32 - 2.
pub struct FlowTable {
    slots: Vec<u64>,
    used: usize,
    gone: usize,
}

impl Default for FlowTable {
    fn default() -> Self {
        FlowTable {
            slots: vec![EMPTY; 1024],
            used: 0,
            gone: 0,
        }
    }
}

impl FlowTable {
    /// Asks for the slot where `hash` would be found.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[hash as usize & (self.slots.len() - 1)]);
    }

    /// The index that is most likely stored under `hash`; a guess for prefetching.
    #[inline]
    pub fn hint(&self, hash: u64) -> Option<u32> {
        let slot = self.slots[hash as usize & (self.slots.len() - 1)];
        (slot >> 32 == hash >> 32 && slot < GONE).then_some(slot as u32)
    }

    /// The index stored under `hash` for which `same` holds.
    #[inline]
    pub fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let tag = hash >> 32;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                return None;
            }
            if slot >> 32 == tag && slot != GONE && same(slot as u32) {
                return Some(slot as u32);
            }
            at = (at + 1) & mask;
        }
    }

    /// Stores `index` under `hash`; the caller has made sure that it is not there. `hash_of` gives
    /// the hash of a stored index and tag (its upper 32 bits) when the table has to grow.
    pub fn insert(&mut self, hash: u64, index: u32, hash_of: impl Fn(u32, u64) -> u64) {
        // at most 3/4 full, counting the gone ones, so that a probe always finds an end
        if (self.used + self.gone + 1) * 4 > self.slots.len() * 3 {
            let size = if self.used * 2 >= self.slots.len() {
                self.slots.len() * 2
            } else {
                self.slots.len()
            };
            let old = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
            self.gone = 0;
            for slot in old.into_iter().filter(|s| *s < GONE) {
                self.place(hash_of(slot as u32, slot >> 32), slot as u32);
            }
        }
        self.place(hash, index);
        self.used += 1;
    }

    fn place(&mut self, hash: u64, index: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] < GONE {
            at = (at + 1) & mask;
        }
        if self.slots[at] == GONE {
            self.gone -= 1;
        }
        self.slots[at] = (hash >> 32) << 32 | u64::from(index);
    }

    /// Takes `index` out.
    pub fn remove(&mut self, hash: u64, index: u32) {
        let mask = self.slots.len() - 1;
        let wanted = (hash >> 32) << 32 | u64::from(index);
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            if self.slots[at] == wanted {
                self.slots[at] = GONE;
                self.used -= 1;
                self.gone += 1;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        /// Against the standard map, with hashes bad enough to collide.
        #[test]
        fn agrees_with_a_map(ops in prop::collection::vec((any::<bool>(), 0u32..3000), 1..4000)) {
            let hash = |i: u32| u64::from(i % 97) << 32 | u64::from(i % 13);
            let mut table = FlowTable::default();
            let mut map = HashMap::new();
            for (add, i) in ops {
                let found = table.find(hash(i), |j| j == i);
                prop_assert_eq!(found.is_some(), map.contains_key(&i));
                if add && found.is_none() {
                    table.insert(hash(i), i, |i, _| hash(i));
                    map.insert(i, ());
                } else if !add && found.is_some() {
                    table.remove(hash(i), i);
                    map.remove(&i);
                }
            }
        }
    }
}
