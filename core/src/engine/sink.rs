//! Where ended connections become rows.

use super::runs::{Held, Runs};
use crate::track::Sink;
use crate::track::conn::Conn;
use crate::verdict::across::Across;
use crate::verdict::row::Row;

/// Rows of one shard that are sorted at once.
const HELD: usize = 1 << 15;

/// Bytes of rows, of all shards, that stay in memory; what comes then is written out. Enough for a million
/// rows: writing and reading back took a tenth of the time of a million short connections.
const KEPT: usize = 256 << 20;

/// Judges connections as they end and keeps their rows.
pub struct Rows {
    /// What the rows show together.
    pub across: Across,
    /// Rows not yet sorted.
    held: Held,
    /// Sorted rows, in memory or written out.
    runs: Runs,
    /// Bytes that may still stay in memory.
    room: usize,
}

impl Sink for Rows {
    fn ended(&mut self, conn: &Conn, now: i64) {
        let row = Row::new(conn, now);
        self.across.add(&row);
        self.held.push(&row);
        if self.held.len() < HELD {
            return;
        }
        match self.room.checked_sub(self.held.bytes()) {
            Some(room) => {
                self.room = room;
                self.runs.keep(&mut self.held);
            }
            None => self.runs.spill(&mut self.held),
        }
    }
}

impl Rows {
    /// The rows of one of so many shards.
    pub fn new(shards: usize) -> Rows {
        Rows {
            across: Across::default(),
            held: Held::default(),
            runs: Runs::default(),
            room: KEPT / shards.max(1),
        }
    }

    /// Hands everything over.
    pub fn into_parts(mut self) -> (Runs, Across) {
        self.runs.keep(&mut self.held);
        (self.runs, self.across)
    }

    /// Takes the rows that there are so far, in order.
    pub fn take(&mut self) -> Vec<Row> {
        let mut runs = std::mem::take(&mut self.runs);
        runs.keep(&mut self.held);
        runs.iter().collect()
    }
}
