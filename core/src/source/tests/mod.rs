//! The readers against captures made by hand, broken captures, and tshark.

mod build;
mod compressed;
mod directory;
mod hostile;
mod judge;
mod live;
mod pcap;
mod pcapng;

use super::compressed::Input;
use super::file::PlainFile;
use super::stream::Stream;
use crate::error::CaptureError;
use crate::frame::{Batch, Source};
use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A frame as a source gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    number: u64,
    ts: i64,
    wire: u32,
    link: u16,
    interface: u16,
    body: Vec<u8>,
}

/// All that a source gave.
type Read_ = (Vec<Frame>, Option<CaptureError>);

fn drain(source: &mut dyn Source) -> Read_ {
    let mut batch = Batch::default();
    let mut frames = Vec::new();
    loop {
        match source.next_batch(&mut batch) {
            Ok(true) => {
                let bytes = batch.bytes.as_slice();
                for (i, f) in batch.frames.iter().enumerate() {
                    frames.push(Frame {
                        number: batch.first_number + i as u64,
                        ts: f.ts,
                        wire: f.wire_len,
                        link: f.link,
                        interface: f.interface,
                        body: bytes[f.start as usize..][..f.len as usize].to_vec(),
                    });
                }
            }
            Ok(false) => {
                assert!(batch.frames.is_empty());
                return (frames, None);
            }
            Err(e) => {
                let after = source.next_batch(&mut batch);
                assert_eq!(after, Ok(false), "an error is told once");
                assert!(batch.frames.is_empty());
                assert!(
                    !e.message.ends_with('.') && !e.message.contains("  "),
                    "{e}"
                );
                return (frames, Some(e));
            }
        }
    }
}

/// Gives `chunk` bytes a read, and a signal now and then.
struct Drip {
    bytes: Cursor<Vec<u8>>,
    chunk: usize,
    reads: usize,
}

impl Read for Drip {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads % 7 == 3 {
            return Err(ErrorKind::Interrupted.into());
        }
        let n = self.chunk.min(buf.len());
        self.bytes.read(&mut buf[..n])
    }
}

fn dripped(bytes: &[u8], chunk: usize, live: bool) -> Read_ {
    let drip = Drip {
        bytes: Cursor::new(bytes.to_vec()),
        chunk,
        reads: 0,
    };
    drain(&mut Stream::new(
        "x",
        Input::new(Box::new(drip)),
        live,
        None,
    ))
}

fn streamed(bytes: &[u8]) -> Read_ {
    let input = Input::new(Box::new(Cursor::new(bytes.to_vec())));
    drain(&mut Stream::new("x", input, false, None))
}

/// The same from pieces of a file: one that holds all, and several that cut records anywhere.
fn pieced(bytes: &[u8]) -> Read_ {
    let scratch = Scratch::new();
    let path = scratch.file("capture", bytes);
    let in_pieces = |piece: Option<usize>| {
        let mut file = PlainFile::new("x", File::open(&path).unwrap()).unwrap();
        file.piece = piece.unwrap_or(file.piece);
        drain(&mut file)
    };
    let got = in_pieces(None);
    for piece in [61, 1000] {
        assert_eq!(in_pieces(Some(piece)), got, "pieces of {piece} bytes");
    }
    got
}

/// What the file gives, the same whichever way it is read.
fn read(bytes: &[u8]) -> Read_ {
    let got = streamed(bytes);
    assert_eq!(pieced(bytes), got, "pieced and streamed differ");
    got
}

/// The frames of a file that has nothing wrong with it.
fn whole(bytes: &[u8]) -> Vec<Frame> {
    let (frames, error) = read(bytes);
    assert_eq!(error, None);
    frames
}

/// A directory that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "finwait-reading-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
