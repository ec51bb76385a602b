//! Where ended connections become rows.

use super::runs::{Held, Runs};
use crate::track::Sink;
use crate::track::conn::Conn;
use crate::verdict::across::Across;
use crate::verdict::row::Row;

/// Rows held in memory by one shard before they are written out.
const HELD: usize = 1 << 15;

/// Judges connections as they end and keeps their rows.
#[derive(Default)]
pub struct Rows {
    /// What the rows show together.
    pub across: Across,
    /// Rows not yet written out.
    held: Held,
    /// Rows written out.
    runs: Runs,
}

impl Sink for Rows {
    fn ended(&mut self, conn: &Conn, now: i64) {
        let row = Row::new(conn, now);
        self.across.add(&row);
        self.held.push(&row);
        if self.held.len() >= HELD {
            self.runs.spill(&mut self.held);
        }
    }
}

impl Rows {
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
