//! Frames from a mapped file: only record headers are touched here.

use super::format::Walker;
use super::walk::{Stop, Walked, Window};
use crate::error::CaptureError;
use crate::frame::{Batch, Bytes, Source};
use crate::mapped::Mapped;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Most frames in a batch.
const FRAMES: usize = 4096;

/// Most bytes that a batch spans, so that jumbo frames do not make it fill memory. Holds any record
/// that is looked into.
const WINDOW: usize = 32 << 20;

/// Bytes behind the walk that stay in memory: more than the batches in flight span, for packets of
/// usual sizes.
const KEPT: u64 = 32 << 20;

/// Bytes asked for at once, ahead of the walk.
const POPULATED: u64 = 4 << 20;

/// Bytes let go at once. A multiple of 2 MiB, so that no huge page is split.
const FORGOTTEN: u64 = 16 << 20;

/// Reads frames from a mapped file.
pub(super) struct MappedFile {
    path: String,
    file: File,
    map: Arc<Mapped>,
    len: u64,
    walker: Walker,
    /// Offset of the next record.
    at: u64,
    /// Offset up to which memory was given back.
    forgotten: u64,
    /// Offset up to which the mapping was filled.
    populated: u64,
    /// Number of the next frame.
    number: u64,
    /// The error that follows the frames already given.
    broken: Option<CaptureError>,
    /// Nothing follows but `broken`.
    done: bool,
    /// It has been said that the file shrank.
    told: bool,
}

impl MappedFile {
    /// Maps the whole of `file`.
    pub(super) fn new(path: &str, file: File) -> io::Result<MappedFile> {
        let map = Mapped::new(&file)?;
        Ok(MappedFile {
            path: path.to_owned(),
            file,
            len: map.as_slice().len() as u64,
            map: Arc::new(map),
            walker: Walker::Start { live: false },
            at: 0,
            forgotten: 0,
            populated: 0,
            number: 1,
            broken: None,
            done: false,
            told: false,
        })
    }

    /// That the whole mapping is still backed by the file, and was when it was read.
    fn check_length(&self) -> Result<(), CaptureError> {
        let message = match self.file.metadata() {
            Err(e) => e.to_string(),
            Ok(now) if now.len() < self.len => format!(
                "the file shrank from {} to {} bytes while it was read; copy it and read the copy",
                self.len,
                now.len()
            ),
            Ok(_) if self.map.is_torn() => {
                "some of the file could not be read: it shrank for a while, or the disk failed"
                    .to_owned()
            }
            Ok(_) => return Ok(()),
        };
        Err(CaptureError {
            path: self.path.clone(),
            offset: self.at,
            message,
            is_io: true,
        })
    }

    /// Lets go of what lies well behind. Batches that are still being decoded may lie there too;
    /// their bytes come back by themselves.
    fn forget_behind(&mut self) {
        let until = (self.at.saturating_sub(KEPT) / FORGOTTEN) * FORGOTTEN;
        if until > self.forgotten {
            let len = (until - self.forgotten) as usize;
            // It only saves memory: failing is no harm.
            let _ = self.map.forget(self.forgotten as usize, len);
            self.forgotten = until;
        }
    }

    /// Fills the mapping a little ahead of the walk.
    fn populate(&mut self) {
        if self.at + POPULATED / 2 > self.populated && self.populated < self.len {
            let len = POPULATED.min(self.len - self.populated);
            self.map.populate(self.populated as usize, len as usize);
            self.populated += len;
        }
    }

    /// Walks one window. True when the file has nothing more to give.
    fn advance(&mut self, batch: &mut Batch) -> Result<bool, CaptureError> {
        self.check_length()?;
        self.forget_behind();
        self.populate();
        let origin = self.at;
        let whole = self.map.as_slice();
        let here = &whole[whole.len().min(origin as usize)..];
        let window = Window {
            bytes: &here[..here.len().min(WINDOW)],
            origin,
            from: 0,
            last: here.len() <= WINDOW,
        };
        let Walked { next, stop } = self.walker.walk(window, FRAMES, &mut batch.frames);
        if self.map.is_torn() {
            // What was walked over may have been zeros.
            batch.frames.clear();
            return self.check_length().map(|()| true);
        }
        self.at = origin + next;
        let span = (next as usize).min(window.bytes.len());
        batch.bytes = Bytes::Mapped {
            map: Arc::clone(&self.map),
            offset: origin as usize,
            len: span,
        };
        let found = match stop {
            Stop::Full => return Ok(false),
            Stop::More if !window.last => return Ok(false),
            Stop::More => self.walker.cut(
                Window {
                    from: span,
                    ..window
                },
                self.at.saturating_sub(self.len),
            ),
            Stop::Broken(found) => Some(found),
        };
        self.broken = found.map(|found| found.into_error(&self.path));
        Ok(true)
    }
}

impl Source for MappedFile {
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool, CaptureError> {
        batch.frames.clear();
        batch.first_number = self.number;
        while !self.done && batch.frames.is_empty() {
            self.done = match self.advance(batch) {
                Ok(done) => done,
                Err(error) => {
                    (self.done, self.told) = (true, true);
                    return Err(error);
                }
            };
        }
        self.number += batch.frames.len() as u64;
        if !batch.frames.is_empty() {
            return Ok(true);
        }
        batch.bytes = Bytes::Empty;
        self.broken.take().map_or(Ok(false), Err)
    }

    fn bytes_read(&self) -> u64 {
        self.at.min(self.len)
    }

    fn bytes_total(&self) -> Option<u64> {
        Some(self.len)
    }

    fn check(&self) -> Result<(), CaptureError> {
        if self.told || !self.map.is_torn() {
            return Ok(());
        }
        self.check_length()
    }
}
