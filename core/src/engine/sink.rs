//! Where ended connections become rows.

use super::runs::Runs;
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
    pub rows: Vec<Row>,
    /// Rows written out.
    pub runs: Runs,
}

impl Sink for Rows {
    fn ended(&mut self, conn: &Conn, now: i64) {
        let row = Row::new(conn, now);
        self.across.add(&row);
        self.rows.push(row);
        if self.rows.len() >= HELD {
            self.runs.spill(std::mem::take(&mut self.rows));
        }
    }
}

impl Rows {
    /// Hands everything over.
    pub fn into_parts(mut self) -> (Runs, Across) {
        self.runs.keep(std::mem::take(&mut self.rows));
        (self.runs, self.across)
    }
}
