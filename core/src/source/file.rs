//! Frames from a plain file, read piece by piece into buffers that are used again.
//!
//! Not mapped: a page table entry for every 4 KiB costs about what copying them does
//! (`docs/decisions.md`, 18), and a file that shrinks would end the process by a signal.

use super::format::Walker;
use super::walk::{Stop, Window};
use crate::error::CaptureError;
use crate::frame::{Batch, Piece, Source};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Bytes read at once: enough to make the calls cheap, and half of a common second-level cache (1 MiB),
/// so that they are still there when the frames are decoded.
const PIECE: usize = 512 << 10;

/// Bytes read on at first when the last record of a piece reaches beyond it: a full Ethernet frame.
const REST: usize = 2048;

/// Reads frames from a plain file.
pub(super) struct PlainFile {
    path: String,
    file: Arc<File>,
    /// What the file had when it was opened; what is written to it later is not looked at.
    len: u64,
    walker: Walker,
    /// Offset of the next record.
    at: u64,
    /// Offset of the next piece.
    ahead: u64,
    /// Length of a piece.
    pub(super) piece: usize,
    /// Number of the next frame.
    number: u64,
    /// The error that follows the frames already given.
    broken: Option<CaptureError>,
    /// Nothing follows but `broken`.
    done: bool,
}

impl PlainFile {
    /// Reads the whole of `file`.
    pub(super) fn new(path: &str, file: File) -> io::Result<PlainFile> {
        Ok(PlainFile {
            path: path.to_owned(),
            len: file.metadata()?.len(),
            file: Arc::new(file),
            walker: Walker::Start { live: false },
            at: 0,
            ahead: 0,
            piece: PIECE,
            number: 1,
            broken: None,
            done: false,
        })
    }

    /// Walks `batch.bytes`, reading on until the last record that begins in `piece` is whole.
    fn walk(&mut self, piece: &mut Piece, batch: &mut Batch) {
        loop {
            let end = piece.offset + batch.bytes.len() as u64;
            if self.at > end {
                let fault = self.missing(piece);
                return self.end(Some(fault));
            }
            let window = Window {
                bytes: &batch.bytes,
                origin: piece.offset,
                from: (self.at - piece.offset) as usize,
                last: end >= self.len,
            };
            let walked = self.walker.walk(window, usize::MAX, &mut batch.frames);
            self.at = piece.offset + walked.next;
            let from = (walked.next as usize).min(batch.bytes.len());
            if let Stop::Broken(found) = walked.stop {
                return self.end(Some(found.into_error(&self.path)));
            }
            if window.last {
                let rest = Window { from, ..window };
                let cut = self.walker.cut(rest, self.at.saturating_sub(self.len));
                return self.end(cut.map(|found| found.into_error(&self.path)));
            }
            if self.at >= piece.end() {
                return;
            }
            // A longer record shows its length by and by.
            let more = (batch.bytes.len() - from).max(REST);
            let rest = usize::try_from(self.len - end).unwrap_or(usize::MAX);
            piece.extend(&mut batch.bytes, more.min(rest));
            if piece.offset + batch.bytes.len() as u64 == end {
                let fault = self.missing(piece);
                return self.end(Some(fault));
            }
        }
    }

    fn end(&mut self, broken: Option<CaptureError>) {
        self.broken = broken;
        self.done = true;
    }

    /// Why there are fewer bytes than the file had when it was opened.
    fn missing(&self, piece: &mut Piece) -> CaptureError {
        let message = match (piece.failed.take(), self.file.metadata()) {
            (Some(e), _) | (None, Err(e)) => e.to_string(),
            (None, Ok(now)) => format!(
                "the file shrank from {} to {} bytes while it was read; copy it and read the copy",
                self.len,
                now.len()
            ),
        };
        CaptureError {
            path: self.path.clone(),
            offset: self.at,
            message,
            is_io: true,
        }
    }
}

impl Source for PlainFile {
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool, CaptureError> {
        while let Some(mut piece) = self.next_piece() {
            piece.read(&mut batch.bytes);
            self.walk_piece(piece, batch);
            if !batch.frames.is_empty() {
                return Ok(true);
            }
        }
        batch.frames.clear();
        if !self.done {
            // nothing, or a long block that was passed over and may reach beyond the end
            let nothing = Window {
                bytes: &[],
                origin: self.at,
                from: 0,
                last: true,
            };
            let cut = self.walker.cut(nothing, self.at.saturating_sub(self.len));
            self.end(cut.map(|found| found.into_error(&self.path)));
        }
        self.broken.take().map_or(Ok(false), Err)
    }

    fn next_piece(&mut self) -> Option<Piece> {
        // A long block that means nothing to us is not read.
        self.ahead = self.ahead.max(self.at);
        if self.done || self.ahead >= self.len {
            return None;
        }
        let len = (self.len - self.ahead).min(self.piece as u64);
        let piece = Piece::new(&self.file, self.ahead, len as usize);
        self.ahead += len;
        Some(piece)
    }

    fn walk_piece(&mut self, mut piece: Piece, batch: &mut Batch) {
        batch.frames.clear();
        batch.first_number = self.number;
        if self.done || self.at >= piece.end() {
            return;
        }
        self.walk(&mut piece, batch);
        self.number += batch.frames.len() as u64;
    }

    fn bytes_read(&self) -> u64 {
        self.at.min(self.len)
    }

    fn bytes_total(&self) -> Option<u64> {
        Some(self.len)
    }
}
