//! What a capture file gives: frames in file order, in batches that share one buffer.

use crate::error::CaptureError;
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

/// Where a batch's bytes live: a window of a mapped file, or an owned buffer that is used again.
pub enum Bytes {
    /// Nothing yet.
    Empty,
    /// Bytes `offset..` of a mapped file; shared with the source and with other batches.
    Mapped {
        /// The mapping.
        map: Arc<crate::mapped::Mapped>,
        /// Where this batch's window starts in it.
        offset: usize,
        /// Length of the window.
        len: usize,
    },
    /// Bytes read from a stream.
    Owned(Vec<u8>),
}

impl Bytes {
    /// The bytes themselves.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Empty => &[],
            Bytes::Mapped { map, offset, len } => &map.as_slice()[*offset..*offset + *len],
            Bytes::Owned(v) => v,
        }
    }
}

/// A run of frames in file order. Reused from call to call so that nothing is allocated per frame.
pub struct Batch {
    /// Holds every frame of `frames`.
    pub bytes: Bytes,
    /// The frames, in file order.
    pub frames: Vec<FrameRef>,
    /// Number of the first frame within its file, counted from 1 as Wireshark does.
    pub first_number: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Batch {
            bytes: Bytes::Empty,
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

    /// To be asked once more when every batch has been decoded: whether the bytes of the batches
    /// were there when they were looked at. Those of a mapped file may vanish after
    /// [`Source::next_batch`] has returned; zeros are read in their place.
    ///
    /// # Errors
    /// If a file shrank, or its disk failed, and `next_batch` has not said so.
    fn check(&self) -> Result<(), CaptureError> {
        Ok(())
    }
}
