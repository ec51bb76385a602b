//! The one file with `unsafe`: a read-only mapping of a capture file.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

/// A capture file mapped for reading.
pub struct Mapped {
    map: memmap2::Mmap,
}

impl Mapped {
    /// Maps the whole of `file`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(file: &File) -> io::Result<Mapped> {
        // SAFETY: the mapping is private to this process and read-only. The bytes may still change
        // or vanish under us if another process writes to or truncates the file: readers treat every
        // byte as hostile and check the file's length before each batch.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Mapped { map })
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.map
    }
}
