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

/// Longest window that a batch may span, so that `FrameRef::start` fits.
const WINDOW: usize = 1 << 30;

/// Reads frames from a mapped file.
pub(super) struct MappedFile {
    path: String,
    file: File,
    map: Arc<Mapped>,
    len: u64,
    walker: Walker,
    /// Offset of the next record.
    at: u64,
    /// Number of the next frame.
    number: u64,
    /// The error that follows the frames already given.
    broken: Option<CaptureError>,
    done: bool,
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
            number: 1,
            broken: None,
            done: false,
        })
    }

    /// A mapping that reaches beyond the end of its file must not be touched there.
    fn check_length(&self) -> Result<(), CaptureError> {
        let fault = |message| {
            Err(CaptureError {
                path: self.path.clone(),
                offset: self.at,
                message,
                is_io: true,
            })
        };
        match self.file.metadata() {
            Ok(now) if now.len() >= self.len => Ok(()),
            Ok(now) => fault(format!(
                "the file shrank from {} to {} bytes while it was read; copy it and read the copy",
                self.len,
                now.len()
            )),
            Err(e) => fault(e.to_string()),
        }
    }

    /// Walks one window. True when the file has nothing more to give.
    fn advance(&mut self, batch: &mut Batch) -> Result<bool, CaptureError> {
        self.check_length()?;
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
            self.done = self.advance(batch).inspect_err(|_| self.done = true)?;
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
}
