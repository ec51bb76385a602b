//! Reading captures: any format, found by its content and never by its name.

mod file;
mod pcap;
mod stream;
mod walk;

use crate::error::CaptureError;
use crate::frame::Source;
use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsFd;
use std::sync::Arc;

/// Regular files of at least this many bytes are mapped, smaller ones are read: below it a mapping
/// costs more than the copy it saves.
const MAPPED_FROM: u64 = 1 << 20;

/// Opens the capture at `path`; `-` is standard input.
///
/// A pipe is not read before the first batch is asked for, so this does not wait for a writer.
///
/// # Errors
/// What the operating system refuses.
pub fn open(path: &str) -> Result<Box<dyn Source>, CaptureError> {
    open_file(path).map_err(|e| CaptureError {
        path: path.to_owned(),
        offset: 0,
        message: e.to_string(),
        is_io: true,
    })
}

fn open_file(path: &str) -> io::Result<Box<dyn Source>> {
    let mut file = if path == "-" {
        File::from(io::stdin().as_fd().try_clone_to_owned()?)
    } else {
        File::open(path)?
    };
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::Error::other("is a directory, not a capture"));
    }
    let regular = about.is_file();
    if regular && about.len() >= MAPPED_FROM && file.stream_position()? == 0 {
        return Ok(Box::new(file::MappedFile::new(path, file)?));
    }
    let read = Arc::default();
    let counted = stream::Counted {
        inner: file,
        count: Arc::clone(&read),
    };
    Ok(Box::new(stream::Stream::new(
        path,
        Box::new(counted),
        !regular,
        read,
        regular.then_some(about.len()),
    )))
}

#[cfg(test)]
mod tests;
