//! Frames from anything that can be read: pipes, small files, decompressed streams.

use super::compressed::Input;
use super::format::Walker;
use super::walk::{Stop, Window};
use crate::error::CaptureError;
use crate::frame::{Batch, Source};
use std::io::{self, ErrorKind, Read};

/// Bytes asked for at first, so that a small file costs little and the first frames come soon.
const FIRST_CHUNK: usize = 16 * 1024;

/// Bytes asked for at once in the long run; a batch holds about as much. Small enough to be still
/// in the L2 cache when the frames are decoded.
const LAST_CHUNK: usize = 512 * 1024;

/// What comes after the frames that were found.
enum End {
    /// More frames, perhaps.
    Open,
    /// This error, still to be told.
    Broken(CaptureError),
    /// Nothing.
    Done,
}

/// What one filling of the buffer came to.
enum Filled {
    /// There are new bytes.
    More,
    /// The stream is at its end.
    End,
    /// A signal came before any byte did.
    Interrupted,
    /// The stream cannot be read.
    Failed(io::Error),
}

/// The bytes of one batch while they are read.
struct Buffer {
    bytes: Vec<u8>,
    /// How many of `bytes` are from the stream.
    filled: usize,
    /// Offset of `bytes[0]` in the stream.
    origin: u64,
}

/// Reads frames from a stream of bytes.
pub(super) struct Stream {
    path: String,
    input: Input,
    /// Give what is there rather than wait for more.
    live: bool,
    walker: Walker,
    /// Bytes after the last whole record of the previous batch.
    carry: Vec<u8>,
    /// Bytes to ask for; doubles from batch to batch.
    chunk: usize,
    /// Bytes of the stream to pass over; `carry` is empty then.
    skip: u64,
    /// Offset of `carry` in the stream.
    at: u64,
    /// Number of the next frame.
    number: u64,
    end: End,
    /// Size of the file.
    total: Option<u64>,
}

impl Stream {
    /// `total` is the size of the file that `input` reads.
    pub(super) fn new(path: &str, input: Input, live: bool, total: Option<u64>) -> Stream {
        Stream {
            path: path.to_owned(),
            input,
            live,
            walker: Walker::Start { live },
            carry: Vec::new(),
            chunk: FIRST_CHUNK,
            skip: 0,
            at: 0,
            number: 1,
            end: End::Open,
            total,
        }
    }

    /// Reads until `target` bytes are there, or, from a live stream, once.
    fn fill(&mut self, buffer: &mut Buffer, target: usize) -> Filled {
        if buffer.bytes.len() < target {
            buffer.bytes.resize(target, 0);
        }
        let before = buffer.filled;
        while buffer.filled < target {
            let room = &mut buffer.bytes[buffer.filled..target];
            let room = match usize::try_from(self.skip) {
                Ok(skip) if skip > 0 && skip < room.len() => &mut room[..skip],
                _ => room,
            };
            match self.input.read(room) {
                Ok(0) => return Filled::End,
                Ok(n) if self.skip > 0 => {
                    self.skip -= n as u64;
                    buffer.origin += n as u64;
                }
                Ok(n) => {
                    buffer.filled += n;
                    if self.live {
                        break;
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {
                    if self.live && buffer.filled == before {
                        return Filled::Interrupted;
                    }
                }
                Err(e) => return Filled::Failed(e),
            }
        }
        Filled::More
    }

    /// Fills and walks until there are frames or there is an end.
    fn advance(&mut self, buffer: &mut Buffer, batch: &mut Batch) {
        let mut from = 0;
        loop {
            let target = self.chunk.max(buffer.filled * 2);
            self.chunk = LAST_CHUNK.min(self.chunk * 2);
            let filled = self.fill(buffer, target);
            let window = Window {
                bytes: &buffer.bytes[..buffer.filled],
                origin: buffer.origin,
                from,
                last: matches!(filled, Filled::End),
            };
            let walked = self.walker.walk(window, usize::MAX, &mut batch.frames);
            from = buffer.filled;
            match usize::try_from(walked.next) {
                Ok(next) if next <= buffer.filled => from = next,
                _ => self.skip = walked.next - buffer.filled as u64,
            }
            if let Stop::Broken(found) = walked.stop {
                self.end = End::Broken(found.into_error(&self.path));
                break;
            }
            match filled {
                Filled::More if batch.frames.is_empty() => {}
                Filled::More | Filled::Interrupted => break,
                Filled::End => {
                    self.end = match self.walker.cut(Window { from, ..window }, self.skip) {
                        Some(found) => End::Broken(found.into_error(&self.path)),
                        None => End::Done,
                    };
                    break;
                }
                Filled::Failed(e) => {
                    let (message, is_io) = self.input.explain(&e);
                    self.end = End::Broken(CaptureError {
                        path: self.path.clone(),
                        offset: buffer.origin + buffer.filled as u64,
                        message,
                        is_io,
                    });
                    break;
                }
            }
            buffer.bytes.copy_within(from..buffer.filled, 0);
            buffer.filled -= from;
            buffer.origin += from as u64;
            from = 0;
        }
        self.carry.clear();
        self.carry
            .extend_from_slice(&buffer.bytes[from..buffer.filled]);
        self.at = buffer.origin + from as u64;
    }
}

impl Source for Stream {
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool, CaptureError> {
        batch.frames.clear();
        batch.first_number = self.number;
        if matches!(self.end, End::Open) {
            let mut bytes = std::mem::take(&mut batch.bytes);
            if bytes.len() < self.carry.len() {
                bytes.resize(self.carry.len(), 0);
            }
            bytes[..self.carry.len()].copy_from_slice(&self.carry);
            let mut buffer = Buffer {
                filled: self.carry.len(),
                origin: self.at,
                bytes,
            };
            self.advance(&mut buffer, batch);
            buffer.bytes.truncate(buffer.filled);
            batch.bytes = buffer.bytes;
            self.number += batch.frames.len() as u64;
            if matches!(self.end, End::Open) || !batch.frames.is_empty() {
                return Ok(true);
            }
        }
        match std::mem::replace(&mut self.end, End::Done) {
            End::Broken(error) => Err(error),
            End::Open | End::Done => Ok(false),
        }
    }

    fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    fn bytes_total(&self) -> Option<u64> {
        self.total
    }
}
