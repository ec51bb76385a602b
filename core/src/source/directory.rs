//! Directories of rotated captures.

use super::format::{LONGEST_MAGIC, is_other};
use super::{open, refused};
use crate::error::CaptureError;
use crate::frame::Batch;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a directory holds.
#[derive(Debug, Default)]
pub struct Directory {
    /// Paths of the captures, by the time of their first frame; those without a frame come last,
    /// by name.
    pub captures: Vec<String>,
    /// What cannot be opened, or may hold a capture that cannot be read, and why, by name.
    pub ignored: Vec<CaptureError>,
    /// Files that nothing shows to be a capture, by name: notes, scripts.
    pub others: Vec<String>,
}

/// Finds the captures in a directory by looking at the start of each file. Directories within it
/// are left alone.
///
/// A file that starts like a capture is one, even if it breaks before its first frame.
///
/// # Errors
/// If the directory itself cannot be read.
pub fn directory(path: &str) -> Result<Directory, CaptureError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| refused(path, &e))? {
        names.push(entry.map_err(|e| refused(path, &e))?.path());
    }
    names.sort();
    let mut found = Directory::default();
    let mut timed = Vec::new();
    for name in names {
        match look(&name) {
            Ok(Some((first, path))) => timed.push((first, path)),
            Ok(None) => {}
            Err(error) if !error.is_io && other(&name) => found.others.push(error.path),
            Err(error) => found.ignored.push(error),
        }
    }
    // A stable sort: equal times stay in the order of names.
    timed.sort_by_key(|(first, _)| first.unwrap_or(i64::MAX));
    found.captures = timed.into_iter().map(|(_, path)| path).collect();
    Ok(found)
}

/// True if nothing in its first bytes says that it is a capture.
fn other(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|f| f.take(LONGEST_MAGIC as u64).read_to_end(&mut head));
    read.is_ok() && is_other(&head)
}

/// The time of the first frame and the path, or `None` for what is not a file.
fn look(path: &Path) -> Result<Option<(Option<i64>, String)>, CaptureError> {
    let shown = path.to_string_lossy().into_owned();
    // Not opened before it is known to be a file: opening a named pipe waits for its writer.
    if !std::fs::metadata(path)
        .map_err(|e| refused(&shown, &e))?
        .is_file()
    {
        return Ok(None);
    }
    if path.to_str().is_none() {
        return Err(CaptureError {
            path: shown,
            offset: 0,
            message: "its name is not UTF-8; rename it, or give it on standard input".to_owned(),
            is_io: true,
        });
    }
    let mut batch = Batch::default();
    let first = match open(&shown)?.next_batch(&mut batch) {
        Ok(_) => batch.frames.first().map(|frame| frame.ts),
        // Broken at its very start, so that nothing says it is a capture.
        Err(error) if error.offset == 0 => return Err(error),
        Err(_) => None,
    };
    Ok(Some((first, shown)))
}
