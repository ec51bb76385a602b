//! Directions of one connection that were found in different VLANs or tunnels.
//!
//! A VXLAN network, a GRE key or a VLAN may be another one on the way back: routers between two
//! VLANs, a mirror port that tags one direction only. Addresses and ports alone cannot tell that from
//! two connections of two tenants, so the numbers decide: each direction acks what the other sent.
//! Nothing of this is touched before a capture shows a second scope, and then only when a flow begins.

use super::LINGER;
use super::conn::Conn;
use super::endpoint::{Endpoint, seen};
use crate::segment::{FlowKey, Segment, flag};
use crate::seq::Seq;
use std::collections::HashMap;

/// How far the numbers of two directions may lie apart: what is in flight or was not captured, in
/// bytes. Linux's largest default window is of this size (`tcp_wmem`, 4 MiB). Both numbers of two
/// strangers with the same addresses and ports are so near by chance once in 2^19 times.
const FIT: i32 = 1 << 22;

/// One-directional connections remembered of one pair of ends; with more, the oldest is forgotten.
const WAITING: usize = 4;

/// Marks a place of [`Waiting`] as free.
const NONE: u32 = u32::MAX;

type Waiting = [u32; WAITING];

/// Connections by their ends alone, whatever their scope.
#[derive(Default)]
pub(super) struct Halves {
    /// The scope of the first connection: while there is no other, nothing is kept.
    first: Option<u32>,
    several: bool,
    by_ends: HashMap<u64, Waiting, foldhash::fast::RandomState>,
}

/// What a look at a scope showed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scopes {
    /// The capture has had only this one.
    One,
    /// This is the second: what has begun before is to be added.
    Second,
    /// There are several.
    Several,
}

impl Halves {
    /// A flow begins in `scope`.
    #[inline]
    pub fn see(&mut self, scope: u32) -> Scopes {
        if self.several {
            return Scopes::Several;
        }
        if *self.first.get_or_insert(scope) == scope {
            return Scopes::One;
        }
        self.several = true;
        Scopes::Second
    }

    /// A connection with these ends began; `waits` tells whether one that is known may still be joined.
    pub fn add(&mut self, ends: u64, index: u32, waits: impl Fn(u32) -> bool) {
        if !self.several {
            return;
        }
        let places = self.by_ends.entry(ends).or_insert([NONE; WAITING]);
        let free = places.iter().position(|i| *i == NONE || !waits(*i));
        let at = free.unwrap_or(0);
        places[at..].rotate_left(1);
        places[WAITING - 1] = index;
    }

    /// The connections with these ends, oldest first.
    pub fn of(&self, ends: u64) -> impl Iterator<Item = u32> + '_ {
        let places = self.by_ends.get(&ends).into_iter().flatten();
        places.copied().filter(|i| *i != NONE)
    }

    /// A connection is over.
    pub fn remove(&mut self, ends: u64, index: u32) {
        if !self.several {
            return;
        }
        if let Some(places) = self.by_ends.get_mut(&ends) {
            for place in places.iter_mut().filter(|i| **i == index) {
                *place = NONE;
            }
            if places.iter().all(|i| *i == NONE) {
                self.by_ends.remove(&ends);
            }
        }
    }

    pub fn clear(&mut self) {
        *self = Halves::default();
    }
}

impl Conn {
    /// True if segments with this key are its own.
    #[inline]
    pub(super) fn owns(&self, key: &FlowKey) -> bool {
        self.key == *key || self.other_key() == Some(*key)
    }

    /// The key of the direction that was found in another scope.
    pub(super) fn other_key(&self) -> Option<FlowKey> {
        (self.other_scope != self.key.scope).then_some(FlowKey {
            scope: self.other_scope,
            ..self.key
        })
    }

    /// True while only one of its directions was captured.
    pub(super) fn waits(&self) -> bool {
        self.other_scope == self.key.scope && self.ends.iter().any(|e| e.packets == 0)
    }

    /// True if `seg`, found in another scope, is of the direction that is missing here.
    pub(super) fn fits(&self, seg: &Segment) -> bool {
        let (x, y) = (
            &self.ends[seg.dir.flip() as usize],
            &self.ends[seg.dir as usize],
        );
        let gone = self.finished() && seg.ts.saturating_sub(self.last_ts) > LINGER;
        if !self.waits() || y.packets > 0 || !x.has(seen::SEQ) || gone {
            return false;
        }
        if seg.flags & flag::ACK == 0 {
            return begins_or_resets(x, seg);
        }
        acks(x, seg.ack) && speaks_to(x, seg)
    }
}

/// A SYN that `x` has answered, or a RST that answers `x` (RFC 9293 section 3.5.2: its number is the
/// acknowledgment that drew it).
fn begins_or_resets(x: &Endpoint, seg: &Segment) -> bool {
    let own = if seg.flags & flag::SYN != 0 {
        seg.seq + 1
    } else {
        seg.seq
    };
    x.has(seen::ACK) && x.ack == own && seg.flags & (flag::SYN | flag::RST) != 0
}

/// `ack` lies within what `x` sent, or not far above.
fn acks(x: &Endpoint, ack: Seq) -> bool {
    let sent = x.bytes + x.missing() + u64::from(x.has(seen::SYN));
    let sent = i32::try_from(sent.min(1 << 30)).unwrap_or(FIT);
    (-sent..=FIT).contains(&ack.since(x.snd_nxt))
}

/// The segment's number is about what `x` acks; while `x` has only called, it must be an answer.
fn speaks_to(x: &Endpoint, seg: &Segment) -> bool {
    let answers = seg.flags & (flag::SYN | flag::RST) != 0;
    if !x.has(seen::ACK) || seg.flags & flag::RST != 0 && seg.seq == Seq(0) {
        return answers && seg.ack.at_or_before(x.snd_nxt) && seg.ack.after(x.isn);
    }
    (-FIT..=FIT).contains(&seg.seq.since(x.ack))
}
