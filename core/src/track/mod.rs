//! From segments to connections: finding the connection a segment belongs to, beginning and ending them.

mod account;
mod after_reset;
pub mod closing;
pub mod conn;
mod ending;
pub mod endpoint;
mod fin;
mod flow_table;
mod halves;
mod handshake;
pub mod holes;
mod recent;
mod reset;
mod successor;
mod worth;

use crate::machine::State;
use crate::prefetch::prefetch;
use crate::segment::{FlowKey, Segment, flag};
use crate::slugs::{Label, Note};
use conn::{Conn, Outcome, reuse};
use ending::Lingering;
use endpoint::seen;
use flow_table::FlowTable;
use foldhash::quality::RandomState;
use halves::{Halves, Scopes};
use recent::{Recent, signature};
use std::collections::VecDeque;
use std::hash::BuildHasher;
use successor::{Before, Turn};

/// How long a finished connection is kept for what may still come: a repeated FIN, a RST, a SYN in
/// TIME-WAIT. Twice Linux's TIME-WAIT (`TCP_TIMEWAIT_LEN`, 60 s), which is also the longest gap
/// between two repeats of a FIN (`TCP_RTO_MAX`, 120 s). Nanoseconds of capture time.
pub const LINGER: i64 = 120_000_000_000;

/// Linux holds TIME-WAIT for 60 s (`TCP_TIMEWAIT_LEN`). Nanoseconds.
const TIME_WAIT: i64 = 60_000_000_000;

/// Open connections held at once unless the caller says otherwise: 1.6 GB at 400 bytes each.
pub const DEFAULT_MAX_CONNECTIONS: usize = 4_000_000;

/// Takes connections whose time is over.
pub trait Sink {
    /// `conn` gets no more segments. `now` is the latest capture time seen.
    fn ended(&mut self, conn: &Conn, now: i64);
}

/// Tracks every connection of one capture (or of one shard of it).
pub struct Tracker {
    conns: Vec<Conn>,
    free: Vec<u32>,
    live: usize,
    table: FlowTable,
    halves: Halves,
    hasher: RandomState,
    recent: Recent,
    /// Finished connections, in the order in which they finished.
    lingering: VecDeque<Lingering>,
    max_connections: usize,
    /// Latest capture time seen, nanoseconds.
    now: i64,
    /// Connections told early because the limit was reached.
    pub evicted: u64,
    /// Connections begun.
    pub begun: u64,
}

impl Tracker {
    /// A tracker that holds at most `max_connections` at once.
    #[must_use]
    pub fn new(max_connections: usize, hasher: RandomState) -> Tracker {
        Tracker {
            conns: Vec::new(),
            free: Vec::new(),
            live: 0,
            table: FlowTable::default(),
            halves: Halves::default(),
            hasher,
            recent: Recent::default(),
            lingering: VecDeque::new(),
            max_connections: max_connections.clamp(16, u32::MAX as usize - 2),
            now: i64::MIN,
            evicted: 0,
            begun: 0,
        }
    }

    /// Latest capture time seen, nanoseconds; `i64::MIN` before the first segment.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// How many connections are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.live
    }

    /// See [`Conn::passed`].
    pub fn passed(&mut self, index: u32) -> [Option<State>; 2] {
        self.conns[index as usize].passed()
    }

    /// The connection at `index`, as [`Tracker::segment`] returned it.
    #[must_use]
    pub fn conn(&self, index: u32) -> &Conn {
        &self.conns[index as usize]
    }

    /// The hash of a segment's flow under this tracker's seed.
    #[inline]
    #[must_use]
    pub fn hash(&self, seg: &Segment) -> u64 {
        flow_hash(&self.hasher, &seg.key)
    }

    /// Takes segments in order. Those ahead are looked up a little early, so that memory has time to
    /// answer: a capture's connections do not fit in the processor's caches.
    #[inline]
    pub fn segments(&mut self, items: &[(Segment, u64)], source: u32, sink: &mut impl Sink) {
        /// Segments between asking for a slot of the table, for the connection, and using it.
        const SLOT: usize = 12;
        const CONN: usize = 6;
        /// More than `CONN`, a power of two.
        const SIGNED: usize = 8;
        let mut signed = [0; SIGNED];
        for (place, (seg, hash)) in signed.iter_mut().zip(items).take(CONN) {
            *place = signature(seg, *hash);
        }
        for (i, (seg, hash)) in items.iter().enumerate() {
            if let Some((_, ahead)) = items.get(i + SLOT) {
                self.table.prefetch(*ahead);
            }
            if let Some((next, ahead)) = items.get(i + CONN) {
                let sign = signature(next, *ahead);
                signed[(i + CONN) % SIGNED] = sign;
                self.recent.prefetch(sign);
                let conn = self.table.hint(*ahead);
                if let Some(conn) = conn.and_then(|c| self.conns.get(c as usize)) {
                    prefetch(conn);
                }
            }
            self.signed(seg, *hash, signed[i % SIGNED], source, sink);
        }
    }

    /// Takes a segment; returns the connection it belongs to and what became of it.
    #[inline]
    pub fn segment(&mut self, seg: &Segment, source: u32, sink: &mut impl Sink) -> (u32, Outcome) {
        let hash = flow_hash(&self.hasher, &seg.key);
        self.signed(seg, hash, signature(seg, hash), source, sink)
    }

    /// [`Tracker::segment`] with the hash of its key and its signature at hand.
    #[inline]
    fn signed(
        &mut self,
        seg: &Segment,
        hash: u64,
        sign: u64,
        source: u32,
        sink: &mut impl Sink,
    ) -> (u32, Outcome) {
        self.now = self.now.max(seg.ts);
        let found = self
            .table
            .find(hash, |i| self.conns[i as usize].owns(&seg.key));
        if let Some(index) = found
            && let Some(outcome) = self.conns[index as usize].ordinary(seg)
        {
            self.recent.remember(seg, sign);
            return (index, outcome);
        }
        self.uncommon(found, seg, (hash, sign), source, sink)
    }

    fn uncommon(
        &mut self,
        found: Option<u32>,
        seg: &Segment,
        (hash, sign): (u64, u64),
        source: u32,
        sink: &mut impl Sink,
    ) -> (u32, Outcome) {
        let index = match found {
            Some(i) => i,
            None => match self.join(seg, hash) {
                Some(i) => i,
                None => self.begin(seg, hash, source, Before::Nothing, sink),
            },
        };
        let conn = &mut self.conns[index as usize];
        let end = &conn.ends[seg.dir as usize];
        // A copy moves neither SND.NXT nor what is acked; only what looks like a repeat is looked up.
        let fresh = seg.payload > 0 && seg.seq == end.snd_nxt && end.has(seen::SEQ)
            || seg.flags & (flag::SYN | flag::FIN | flag::RST) == 0
                && (!end.has(seen::ACK) || seg.ack.after(end.ack));
        if !fresh
            && end.packets > 0
            && let Some(frame) = self.recent.copy_of(seg, sign)
        {
            conn.zeek.segment(seg);
            conn.completeness.segment(seg);
            conn.note(Note::CaptureDuplicate);
            return (
                index,
                Outcome {
                    refers_to: frame,
                    ..Outcome::of(Label::Duplicate)
                },
            );
        }
        self.recent.remember(seg, sign);
        let contested = conn.challenger.is_some();
        let index = if contested || seg.flags & flag::SYN != 0 || conn.finished() {
            match self.successor(index, seg, hash, source, sink) {
                Turn::Goes(index) => index,
                Turn::Waits => {
                    let conn = &mut self.conns[index as usize];
                    conn.zeek.segment(seg);
                    conn.completeness.segment(seg);
                    return (index, Outcome::of(Label::Syn));
                }
            }
        } else {
            index
        };
        let conn = &mut self.conns[index as usize];
        let was_finished = conn.closing.is_some() && conn.finished();
        let mut outcome = conn.segment(seg);
        if contested {
            conn.challenge_ack(seg, &mut outcome);
        }
        if !was_finished && conn.closing.is_some() && conn.finished() {
            self.lingering.push_back(Lingering {
                index,
                first_frame: conn.first_frame,
                since: seg.ts,
                hash,
            });
        }
        (index, outcome)
    }

    fn begin(
        &mut self,
        seg: &Segment,
        hash: u64,
        source: u32,
        before: Before,
        sink: &mut impl Sink,
    ) -> u32 {
        self.retire(sink);
        if self.live >= self.max_connections {
            self.evict(sink);
        }
        let mut conn = Conn::new(seg, source);
        if matches!(before, Before::Finished(ago) if ago <= TIME_WAIT) {
            conn.reuse |= reuse::IN_TIME_WAIT;
        }
        if !matches!(before, Before::Nothing) {
            conn.note(Note::TupleReused);
        }
        self.begun += 1;
        self.live += 1;
        let index = match self.free.pop() {
            Some(i) => {
                self.conns[i as usize] = conn;
                i
            }
            None => {
                self.conns.push(conn);
                (self.conns.len() - 1) as u32
            }
        };
        self.insert(hash, index);
        self.await_other(index);
        index
    }

    fn insert(&mut self, hash: u64, index: u32) {
        let (conns, hasher) = (&self.conns, &self.hasher);
        // a connection in two scopes has two places: the tag tells which of them this is
        self.table.insert(hash, index, |i, tag| {
            let conn = &conns[i as usize];
            let own = flow_hash(hasher, &conn.key);
            match conn.other_key() {
                Some(other) if own >> 32 != tag => flow_hash(hasher, &other),
                _ => own,
            }
        });
    }

    /// The connection whose other direction `seg` is the first of, found in another scope.
    fn join(&mut self, seg: &Segment, hash: u64) -> Option<u32> {
        match self.halves.see(seg.key.scope) {
            Scopes::One => return None,
            Scopes::Second => {
                let mut begun: Vec<u32> = (0..self.conns.len() as u32)
                    .filter(|i| self.conns[*i as usize].first_frame != 0)
                    .collect();
                begun.sort_by_key(|i| self.conns[*i as usize].first_ts);
                begun.into_iter().for_each(|i| self.await_other(i));
            }
            Scopes::Several => {}
        }
        let ends = ends_hash(&self.hasher, &seg.key);
        let index = self
            .halves
            .of(ends)
            .find(|i| self.conns[*i as usize].fits(seg))?;
        self.adopt(index, seg, hash);
        Some(index)
    }

    /// From now on segments like `seg` belong to this connection too.
    fn adopt(&mut self, index: u32, seg: &Segment, hash: u64) {
        let conn = &mut self.conns[index as usize];
        conn.other_scope = seg.key.scope;
        conn.note(Note::ScopesDiffer);
        self.insert(hash, index);
    }

    /// The other direction of this connection may come in another scope.
    fn await_other(&mut self, index: u32) {
        let ends = ends_hash(&self.hasher, &self.conns[index as usize].key);
        let conns = &self.conns;
        self.halves.add(ends, index, |i| conns[i as usize].waits());
    }
}

/// The bits of a flow's hash that its scope does not change: they choose the shard, so that both
/// directions of a connection come to the same one in whatever scopes they are found.
const SHARD: u64 = 0xff << 24;

/// The shard, of at most 256, that tracks the flow with this hash.
#[inline]
#[must_use]
pub fn shard_of(hash: u64, shards: usize) -> usize {
    ((hash & SHARD) >> 24) as usize % shards
}

/// The hash of a flow key under this run's random seed.
#[inline]
#[must_use]
pub fn flow_hash(hasher: &RandomState, key: &FlowKey) -> u64 {
    let ends = ends_hash(hasher, key);
    // the factor is secret and odd: no two scopes of the same ends fall together by design
    let product = u128::from(ends | 1) * u128::from(key.scope);
    ends ^ (product as u64 ^ (product >> 64) as u64) & !SHARD
}

/// The hash of addresses and ports alone.
#[inline]
fn ends_hash(hasher: &RandomState, key: &FlowKey) -> u64 {
    let ports = u64::from(key.low_port) << 16 | u64::from(key.high_port);
    hasher.hash_one((key.low_ip, key.high_ip, ports))
}

/// Where an end stands, as a row says it: an end that never spoke and was only asked stands in CLOSED.
#[must_use]
pub fn final_state(conn: &Conn, end: usize) -> State {
    match conn.ends[end].state {
        State::Listen => State::Closed,
        state => state,
    }
}
