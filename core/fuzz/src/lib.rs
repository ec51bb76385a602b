//! What the fuzz targets share.

use finwait_core::error::CaptureError;
use finwait_core::frame::{Batch, Source};
use finwait_core::source;
use std::io::{self, Cursor, Read};

/// Frames looked at before a target gives up: what uncompresses to more says nothing new.
const ENOUGH: usize = 100_000;

/// Times, lengths and bytes of all frames, and the error.
pub type Got = (Vec<(i64, u32, u16, Vec<u8>)>, Option<CaptureError>);

/// Gives a few bytes at a time.
struct Drip<'a>(Cursor<Vec<u8>>, std::slice::Iter<'a, usize>);

impl Read for Drip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self
            .1
            .next()
            .copied()
            .unwrap_or(1)
            .clamp(1, buf.len().max(1));
        let n = n.min(buf.len());
        self.0.read(&mut buf[..n])
    }
}

/// Reads a capture in chunks of these lengths, over and over, or at once if there are none.
///
/// # Panics
/// If the reader breaks one of its promises.
pub fn drain(bytes: &[u8], chunks: &'static [usize]) -> Got {
    let bytes = Cursor::new(bytes.to_vec());
    let input: Box<dyn Read + Send> = if chunks.is_empty() {
        Box::new(bytes)
    } else {
        Box::new(Drip(bytes, chunks.iter()))
    };
    empty(source::read("fuzz", input, false).as_mut())
}

fn empty(source: &mut dyn Source) -> Got {
    let mut batch = Batch::default();
    let mut frames = Vec::new();
    loop {
        match source.next_batch(&mut batch) {
            Ok(false) => return (frames, None),
            Err(error) => {
                assert_eq!(source.next_batch(&mut batch), Ok(false));
                assert!(!error.message.is_empty());
                return (frames, Some(error));
            }
            Ok(true) => {
                assert_eq!(batch.first_number, frames.len() as u64 + 1);
                let held = batch.bytes.as_slice();
                assert!(held.len() <= 48 << 20, "a buffer of {} bytes", held.len());
                for f in &batch.frames {
                    let body = &held[f.start as usize..][..f.len as usize];
                    frames.push((f.ts, f.wire_len, f.link, body.to_vec()));
                }
                if frames.len() > ENOUGH {
                    return (frames, None);
                }
            }
        }
    }
}

/// A capture reads the same whole and dripped; and, if `cut`, half of it gives some of the same.
///
/// # Panics
/// If it does not.
pub fn readers_agree(bytes: &[u8], cut: bool) {
    let whole = drain(bytes, &[]);
    if whole.0.len() > ENOUGH {
        return;
    }
    assert_eq!(drain(bytes, DRIPS), whole);
    if cut {
        let part = drain(&bytes[..bytes.len() / 2], &[]);
        assert!(whole.0.starts_with(&part.0));
    }
}

/// A compressed capture reads the same whole and dripped. Where it is damaged a little more or less
/// may come out, for the libraries keep what they uncompressed in the call that met the damage.
///
/// # Panics
/// If it does not.
pub fn uncompressed_agree(bytes: &[u8]) {
    let whole = drain(bytes, &[]);
    if whole.0.len() > ENOUGH {
        return;
    }
    let dripped = drain(bytes, DRIPS);
    match &whole.1 {
        Some(_) => {
            assert!(dripped.1.is_some());
            assert!(dripped.0.starts_with(&whole.0) || whole.0.starts_with(&dripped.0));
        }
        None => assert_eq!(dripped, whole),
    }
}

/// Lengths of the first reads; those after are of one byte.
const DRIPS: &[usize] = &[1, 3, 64, 7, 1000];
