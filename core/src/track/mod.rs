//! From segments to connections: finding the connection a segment belongs to, beginning and ending them.

mod account;
pub mod closing;
pub mod conn;
pub mod endpoint;
mod fin;
mod flow_table;
mod halves;
mod handshake;
pub mod holes;
mod recent;
mod reset;

use crate::machine::State;
use crate::prefetch::prefetch;
use crate::segment::{FlowKey, Segment, flag};
use crate::slugs::{Label, Note};
use conn::{Conn, Outcome, reuse};
use endpoint::seen;
use flow_table::FlowTable;
use foldhash::quality::RandomState;
use halves::{Halves, Scopes};
use recent::{Recent, signature};
use std::collections::VecDeque;
use std::hash::BuildHasher;

/// How long a finished connection is kept for what may still come: a repeated FIN, a RST, a SYN in
/// TIME-WAIT. Twice Linux's TIME-WAIT (`TCP_TIMEWAIT_LEN`, 60 s), which is also the longest gap
/// between two repeats of a FIN (`TCP_RTO_MAX`, 120 s). Nanoseconds of capture time.
pub const LINGER: i64 = 120_000_000_000;

/// Linux holds TIME-WAIT for 60 s (`TCP_TIMEWAIT_LEN`). Nanoseconds.
const TIME_WAIT: i64 = 60_000_000_000;

/// Open connections held at once unless the caller says otherwise: 1.6 GB at 400 bytes each.
pub const DEFAULT_MAX_CONNECTIONS: usize = 4_000_000;

/// When the limit is reached, this part of the connections is told and dropped at once, oldest first.
const EVICT_PART: usize = 16;

/// SYNs kept of an attempt to reopen a living connection; later repeats add nothing.
const MAX_RIVALS: usize = 8;

/// A finished connection that is kept for a while.
#[derive(Clone, Copy)]
struct Lingering {
    index: u32,
    /// Its first frame, which tells whether its place is used by another one.
    first_frame: u64,
    /// When it finished, or its last segment came.
    since: i64,
    /// Where it is found in the table.
    hash: u64,
}

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
                None => self.begin(seg, hash, source, i64::MIN, sink),
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

    /// Which connection `seg` belongs to when the one in the table may not be it: the tuple is, or
    /// may be, used again.
    fn successor(
        &mut self,
        index: u32,
        seg: &Segment,
        hash: u64,
        source: u32,
        sink: &mut impl Sink,
    ) -> Turn {
        let conn = &mut self.conns[index as usize];
        if conn.finished() && seg.ts.saturating_sub(conn.last_ts) > LINGER {
            return Turn::Goes(self.replace(index, seg, hash, source, sink));
        }
        if seg.flags & (flag::SYN | flag::RST) != flag::SYN {
            return Turn::Goes(index);
        }
        if seg.flags & flag::ACK != 0 {
            let rival = conn.challenger.as_ref().and_then(|c| c.first());
            if !rival.is_some_and(|syn| syn.dir != seg.dir && seg.ack == syn.seq + 1) {
                return Turn::Goes(index);
            }
            conn.reuse |= reuse::REPLACED;
            let syns = conn.challenger.take().unwrap_or_default();
            let called = flow_hash(&self.hasher, &syns[0].key);
            let index = self.replace(index, &syns[0], called, source, sink);
            for syn in syns.iter() {
                self.conns[index as usize].segment(syn);
            }
            if !self.conns[index as usize].owns(&seg.key) {
                self.adopt(index, seg, hash);
            }
            return Turn::Goes(index);
        }
        let end = &conn.ends[seg.dir as usize];
        let same_isn = if end.has(seen::SYN) {
            end.isn == seg.seq
        } else {
            !end.has(seen::SEQ)
        };
        if same_isn {
            return Turn::Goes(index);
        }
        let peer_spoke = conn.ends[seg.dir.flip() as usize].packets > 0;
        if conn.finished() || !peer_spoke {
            return Turn::Goes(self.replace(index, seg, hash, source, sink));
        }
        // RFC 5961 section 4: a SYN in a living connection is only answered. What it was shows later.
        conn.note(Note::SynInConnection);
        conn.calm = false;
        let rivals = conn.challenger.get_or_insert_default();
        if rivals.len() < MAX_RIVALS {
            rivals.push(*seg);
        }
        Turn::Waits
    }

    fn replace(
        &mut self,
        index: u32,
        seg: &Segment,
        hash: u64,
        source: u32,
        sink: &mut impl Sink,
    ) -> u32 {
        let since = match self.conns[index as usize]
            .closing
            .as_ref()
            .and_then(|c| c.finished)
        {
            Some((ts, _)) => seg.ts.saturating_sub(ts).max(0),
            None => -1,
        };
        self.end(index, sink);
        self.begin(seg, hash, source, since, sink)
    }

    fn begin(
        &mut self,
        seg: &Segment,
        hash: u64,
        source: u32,
        since: i64,
        sink: &mut impl Sink,
    ) -> u32 {
        self.retire(sink);
        if self.live >= self.max_connections {
            self.evict(sink);
        }
        let mut conn = Conn::new(seg, source);
        if (0..=TIME_WAIT).contains(&since) {
            conn.reuse |= reuse::IN_TIME_WAIT;
        }
        if since != i64::MIN {
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

    fn end(&mut self, index: u32, sink: &mut impl Sink) {
        self.begun += tell(&self.conns[index as usize], self.now, sink);
        let conn = &mut self.conns[index as usize];
        for key in [Some(conn.key), conn.other_key()].into_iter().flatten() {
            self.table.remove(flow_hash(&self.hasher, &key), index);
        }
        self.halves
            .remove(ends_hash(&self.hasher, &conn.key), index);
        conn.other_scope = conn.key.scope;
        conn.first_frame = 0; // marks the place as free
        conn.closing = None;
        conn.challenger = None;
        conn.ends.iter_mut().for_each(|e| e.holes = None);
        self.free.push(index);
        self.live -= 1;
    }

    /// Tells finished connections that nothing has come for during [`LINGER`].
    fn retire(&mut self, sink: &mut impl Sink) {
        while let Some(&oldest) = self.lingering.front() {
            if self.now.saturating_sub(oldest.since) <= LINGER {
                return;
            }
            self.lingering.pop_front();
            self.wake();
            let conn = &self.conns[oldest.index as usize];
            if conn.first_frame != oldest.first_frame || !conn.finished() {
                continue;
            }
            if self.now.saturating_sub(conn.last_ts) > LINGER {
                self.end(oldest.index, sink);
            } else {
                self.lingering.push_back(Lingering {
                    since: conn.last_ts,
                    ..oldest
                });
            }
        }
    }

    /// Asks for the connections whose time will be over next: what lay still for two minutes is in no
    /// cache. First for the connection, then for what it refers to.
    #[inline]
    fn wake(&self) {
        const CONN: usize = 8;
        const BOXES: usize = 4;
        if let Some(next) = self.lingering.get(CONN) {
            self.table.prefetch(next.hash);
            prefetch(&self.conns[next.index as usize]);
        }
        if let Some(next) = self.lingering.get(BOXES) {
            self.conns[next.index as usize].prefetch_boxes();
        }
    }

    /// Tells the connections that were idle longest, to make room.
    fn evict(&mut self, sink: &mut impl Sink) {
        let mut ages: Vec<(i64, u32)> = Vec::with_capacity(self.live);
        let in_use = self
            .conns
            .iter()
            .enumerate()
            .filter(|(_, c)| c.first_frame != 0);
        ages.extend(in_use.map(|(i, c)| (c.last_ts, i as u32)));
        let n = (ages.len() / EVICT_PART).max(1).min(ages.len());
        if n == 0 {
            return;
        }
        ages.select_nth_unstable(n - 1);
        for &(_, index) in &ages[..n] {
            if !self.conns[index as usize].finished() {
                self.conns[index as usize].note(Note::Evicted);
                self.evicted += 1;
            }
            self.end(index, sink);
        }
    }

    /// Tells every connection that is left. `now` is the time at which the capture ends.
    pub fn finish(&mut self, now: i64, sink: &mut impl Sink) {
        self.now = self.now.max(now);
        for i in 0..self.conns.len() {
            if let Some(next) = self.conns.get(i + 4) {
                next.prefetch_boxes();
            }
            if self.conns[i].first_frame != 0 {
                self.begun += tell(&self.conns[i], self.now, sink);
            }
        }
        self.conns.clear();
        self.free.clear();
        self.lingering.clear();
        self.live = 0;
        self.table = FlowTable::default();
        self.halves.clear();
    }

    /// Tells connections that were finished more than `quiet` nanoseconds ago: a live capture has paused.
    pub fn flush_finished(&mut self, quiet: i64, sink: &mut impl Sink) {
        for lingering in std::mem::take(&mut self.lingering) {
            let conn = &self.conns[lingering.index as usize];
            if conn.first_frame != lingering.first_frame || !conn.finished() {
                continue;
            }
            if self.now.saturating_sub(conn.last_ts) >= quiet {
                self.end(lingering.index, sink);
            } else {
                self.lingering.push_back(lingering);
            }
        }
    }
}

/// Where a segment goes.
enum Turn {
    /// To this connection.
    Goes(u32),
    /// It is kept until the next segments show what it was.
    Waits,
}

/// Tells a connection that is over, and, as a connection of its own, a SYN that came while it lived
/// and that nothing answered. Returns how many connections that adds.
fn tell(conn: &Conn, now: i64, sink: &mut impl Sink) -> u64 {
    sink.ended(conn, now);
    let Some(syns) = &conn.challenger else {
        return 0;
    };
    let Some(first) = syns.first() else { return 0 };
    if conn.ends[first.dir.flip() as usize].last_ts >= first.ts {
        return 0;
    }
    let mut attempt = Conn::new(first, conn.source);
    attempt.note(Note::TupleReused);
    for syn in syns.iter() {
        attempt.segment(syn);
    }
    sink.ended(&attempt, now);
    1
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
