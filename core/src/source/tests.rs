//! Captures made by hand, in memory.

use super::{file::MappedFile, stream::Stream};
use crate::error::CaptureError;
use crate::frame::{Batch, Source};
use std::io::{Cursor, Write};
use std::sync::Arc;

type Frame = (u64, i64, u32, u16, u16, Vec<u8>);

/// Everything a source gives: (number, ts, wire_len, link, interface, bytes) and the error.
fn drain(source: &mut dyn Source) -> (Vec<Frame>, Option<CaptureError>) {
    let mut batch = Batch::default();
    let mut frames = Vec::new();
    loop {
        match source.next_batch(&mut batch) {
            Ok(true) => {
                let bytes = batch.bytes.as_slice();
                for (i, f) in batch.frames.iter().enumerate() {
                    let body = bytes[f.start as usize..][..f.len as usize].to_vec();
                    let number = batch.first_number + i as u64;
                    frames.push((number, f.ts, f.wire_len, f.link, f.interface, body));
                }
            }
            Ok(false) => return (frames, None),
            Err(e) => {
                assert!(
                    !source.next_batch(&mut batch).unwrap(),
                    "ends after an error"
                );
                assert!(batch.frames.is_empty());
                return (frames, Some(e));
            }
        }
    }
}

fn streamed(bytes: &[u8]) -> (Vec<Frame>, Option<CaptureError>) {
    let input = Cursor::new(bytes.to_vec());
    drain(&mut Stream::new(
        "x",
        Box::new(input),
        false,
        Arc::default(),
        None,
    ))
}

fn mapped(bytes: &[u8]) -> (Vec<Frame>, Option<CaptureError>) {
    let dir = std::env::temp_dir().join(format!("finwait-reading-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{:?}", std::thread::current().id()));
    std::fs::File::create(&path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    drain(&mut MappedFile::new("x", file).unwrap())
}

fn pcap(frames: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(0xa1b2_c3d4_u32.to_le_bytes());
    out.extend([2, 0, 4, 0]);
    out.extend([0; 8]);
    out.extend(65535_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    for (sec, frac, wire, body) in frames {
        for n in [*sec, *frac, body.len() as u32, *wire] {
            out.extend(n.to_le_bytes());
        }
        out.extend(*body);
    }
    out
}

#[test]
fn plain_pcap() {
    let bytes = pcap(&[(1, 2, 60, b"abc"), (3, 999_999, 4, b"defg"), (5, 0, 0, b"")]);
    let want = vec![
        (1, 1_000_002_000, 60, 1, 0, b"abc".to_vec()),
        (2, 3_999_999_000, 4, 1, 0, b"defg".to_vec()),
        (3, 5_000_000_000, 0, 1, 0, Vec::new()),
    ];
    assert_eq!(streamed(&bytes), (want.clone(), None));
    assert_eq!(mapped(&bytes), (want, None));
}
