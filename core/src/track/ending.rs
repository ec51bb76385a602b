//! Connections whose time is over, and those that have to make room.

use super::conn::Conn;
use super::flow_table::FlowTable;
use super::{LINGER, Sink, Tracker, ends_hash, flow_hash};
use crate::prefetch::prefetch;
use crate::slugs::Note;

/// When the limit is reached, this part of the connections is told and dropped at once, oldest first.
const EVICT_PART: usize = 16;

/// A finished connection that is kept for a while.
#[derive(Clone, Copy)]
pub(super) struct Lingering {
    pub index: u32,
    /// Its first frame, which tells whether its place is used by another one.
    pub first_frame: u64,
    /// When it finished, or its last segment came.
    pub since: i64,
    /// Where it is found in the table.
    pub hash: u64,
}

impl Tracker {
    pub(super) fn end(&mut self, index: u32, sink: &mut impl Sink) {
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
    pub(super) fn retire(&mut self, sink: &mut impl Sink) {
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
    pub(super) fn evict(&mut self, sink: &mut impl Sink) {
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
