//! What a capture file gives: frames in file order, in batches that share one buffer.

use crate::error::CaptureError;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// One captured frame, as the file describes it. `start` and `len` locate its bytes in the batch.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef {
    /// Nanoseconds since the Unix epoch; negative before 1970.
    pub ts: i64,
    /// First byte in the batch's buffer.
    pub start: u32,
    /// Captured length in bytes.
    pub len: u32,
    /// Length on the wire in bytes; at least what was captured unless the file lies.
    pub wire_len: u32,
    /// LINKTYPE_ value of the interface (<https://www.tcpdump.org/linktypes.html>), FCS bits removed.
    pub link: u16,
    /// Interface number within the file (0 for pcap).
    pub interface: u16,
}

/// A run of frames in file order. Reused from call to call so that nothing is allocated per frame.
pub struct Batch {
    /// Holds every frame of `frames`.
    pub bytes: Vec<u8>,
    /// The frames, in file order.
    pub frames: Vec<FrameRef>,
    /// Number of the first frame within its file, counted from 1 as Wireshark does.
    pub first_number: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Batch {
            bytes: Vec::new(),
            frames: Vec::new(),
            first_number: 1,
        }
    }
}

/// A capture being read, whatever its format.
pub trait Source: Send {
    /// Replaces `batch` with the next run of frames. `Ok(false)` at the end (batch is then empty).
    ///
    /// A source that reads a pipe returns as soon as it has at least one whole frame and the pipe
    /// has nothing more to give at once, so that live captures are told as they grow. When a signal
    /// interrupts its waiting it returns `Ok(true)` with an empty batch, so that the caller can look.
    ///
    /// # Errors
    /// On a break, every frame before it has been returned by earlier calls, and the error names
    /// the byte offset (of the uncompressed stream) where the break is. After an error the source
    /// is at its end.
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool, CaptureError>;

    /// Bytes of the file consumed so far (compressed bytes for a compressed file).
    fn bytes_read(&self) -> u64;

    /// Size of the file in bytes, if known.
    fn bytes_total(&self) -> Option<u64>;

    /// The next piece of the file, from a source whose bytes may be read by several threads at once:
    /// each reads its piece, and then has it walked in the order of the pieces. `None` when there is
    /// none (any more): what is left comes from [`Source::next_batch`].
    fn next_piece(&mut self) -> Option<Piece> {
        None
    }

    /// Replaces `batch`, whose bytes are those of `piece`, with the frames that begin in it. There may
    /// be none.
    fn walk_piece(&mut self, piece: Piece, batch: &mut Batch) {
        let _ = piece;
        batch.frames.clear();
    }
}

/// A part of a file, to be read by whoever has time.
pub struct Piece {
    file: Arc<File>,
    /// Where it starts in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub len: usize,
    /// Why it could not be read.
    pub failed: Option<io::Error>,
}

impl Piece {
    /// The `len` bytes of `file` at `offset`.
    #[must_use]
    pub fn new(file: &Arc<File>, offset: u64, len: usize) -> Piece {
        Piece {
            file: Arc::clone(file),
            offset,
            len,
            failed: None,
        }
    }

    /// Where it ends in the file.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.len as u64
    }

    /// Replaces `bytes` with the piece; with fewer if the file ends before, or cannot be read.
    pub fn read(&mut self, bytes: &mut Vec<u8>) {
        bytes.resize(self.len, 0);
        self.read_from(0, bytes);
    }

    /// Reads on where `bytes` end: `more` bytes behind the piece.
    pub fn extend(&mut self, bytes: &mut Vec<u8>, more: usize) {
        let held = bytes.len();
        bytes.resize(held + more, 0);
        self.read_from(held, bytes);
    }

    fn read_from(&mut self, mut filled: usize, bytes: &mut Vec<u8>) {
        while filled < bytes.len() {
            let at = self.offset + filled as u64;
            match self.file.read_at(&mut bytes[filled..], at) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    self.failed = Some(e);
                    break;
                }
            }
        }
        bytes.truncate(filled);
    }
}
