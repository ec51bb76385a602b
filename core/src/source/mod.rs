//! Reading captures: any format, found by its content and never by its name.
//!
//! [`open`] gives a [`Source`]; [`directory`] finds the captures in a directory. A file or pipe is
//! read in layers: bytes from the system (`compressed` uncompresses them), windows of bytes
//! (`stream` reads them one after the other, `file` piece by piece, which several threads can do at
//! once), and a walker over the records in a window (`format` chooses between `pcap` and `pcapng`).

mod compressed;
mod directory;
mod file;
mod format;
mod pcap;
mod pcapng;
mod stream;
mod walk;

pub use directory::{Directory, directory};

use crate::error::CaptureError;
use crate::frame::Source;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;

/// Regular files of at least this many bytes are read in pieces; smaller ones are less than two.
const PIECES_FROM: u64 = 1 << 20;

/// Opens the capture at `path`; `-` is standard input.
///
/// What is inside is looked at when the first batch is asked for, so that a pipe without a writer
/// does not hold up anything here.
///
/// # Errors
/// What the operating system refuses.
pub fn open(path: &str) -> Result<Box<dyn Source>, CaptureError> {
    open_file(path).map_err(|e| refused(path, &e))
}

/// Reads a capture from anything else that gives its bytes; `name` stands for the path in errors.
///
/// A `live` input is one that may have to be waited for: each batch is what is there.
#[must_use]
pub fn read(name: &str, input: Box<dyn Read + Send>, live: bool) -> Box<dyn Source> {
    let input = compressed::Input::new(input);
    Box::new(stream::Stream::new(name, input, live, None))
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
    if !about.is_file() {
        return Ok(read(path, Box::new(file), true));
    }
    if about.len() >= PIECES_FROM && file.stream_position()? == 0 {
        let mut magic = [0; 4];
        file.read_exact(&mut magic)?;
        if !compressed::is_compressed(magic) {
            return Ok(Box::new(file::PlainFile::new(path, file)?));
        }
        file.rewind()?;
    }
    let input = compressed::Input::new(Box::new(file));
    let total = Some(about.len());
    Ok(Box::new(stream::Stream::new(path, input, false, total)))
}

/// An error of the operating system.
fn refused(path: &str, error: &io::Error) -> CaptureError {
    CaptureError {
        path: path.to_owned(),
        offset: 0,
        message: error.to_string(),
        is_io: true,
    }
}

#[cfg(test)]
mod tests;
