//! Streams that are still being written, and files that change.

use super::build::{Order, PCAP, Packet, Pcapng};
use super::compressed::gzip;
use super::{Scratch, drain};
use crate::frame::{Batch, Source};
use crate::source::{open, read};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

const PACKETS: &[Packet<'_>] = &[(1, 0, 3, b"one"), (2, 0, 3, b"two"), (3, 0, 5, b"three")];

#[test]
fn a_frame_is_given_as_soon_as_it_is_whole() {
    let (mut writer, reader) = UnixStream::pair().unwrap();
    let mut source = read("-", Box::new(reader), true);
    let mut batch = Batch::default();
    let file = PCAP.write(PACKETS);
    let mut sent = 0;
    for (number, end) in [(1, 24 + 19), (2, 24 + 38 + 9), (3, file.len())] {
        writer.write_all(&file[sent..end]).unwrap();
        sent = end;
        assert!(source.next_batch(&mut batch).unwrap());
        assert_eq!(batch.frames.len(), 1);
        assert_eq!(batch.first_number, number);
    }
    drop(writer);
    assert!(!source.next_batch(&mut batch).unwrap());
    assert_eq!(source.bytes_read(), file.len() as u64);
    assert_eq!(source.bytes_total(), None);
}

#[test]
fn a_compressed_stream_is_told_as_it_is_flushed() {
    let (mut writer, reader) = UnixStream::pair().unwrap();
    let mut source = read("-", Box::new(reader), true);
    let mut batch = Batch::default();
    let file = PCAP.write(PACKETS);
    for (number, part) in (1..).zip([&file[..24 + 19], &file[24 + 19..24 + 38]]) {
        writer.write_all(&gzip(part)).unwrap();
        assert!(source.next_batch(&mut batch).unwrap());
        assert_eq!((batch.frames.len(), batch.first_number), (1, number));
    }
}

/// Is interrupted before it gives anything.
struct Interrupted<R>(bool, R);

impl<R: Read> Read for Interrupted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0 = !self.0;
        if self.0 {
            return Err(ErrorKind::Interrupted.into());
        }
        self.1.read(buf)
    }
}

#[test]
fn a_signal_gives_an_empty_batch() {
    let file = PCAP.write(PACKETS);
    let input = Interrupted(false, io::Cursor::new(file));
    let mut source = read("-", Box::new(input), true);
    let mut batch = Batch::default();
    assert!(source.next_batch(&mut batch).unwrap());
    assert!(batch.frames.is_empty());
    assert_eq!(drain(source.as_mut()).0.len(), 3);
}

/// Fails after what it has.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            0 => Err(io::Error::other("the disk is gone")),
            n => Ok(n),
        }
    }
}

#[test]
fn an_error_of_the_system_comes_after_the_frames() {
    let plain = PCAP.write(PACKETS);
    for bytes in [plain.clone(), gzip(&plain)[..60].to_vec()] {
        let mut source = read("x", Box::new(Failing(io::Cursor::new(bytes))), false);
        let (frames, error) = drain(source.as_mut());
        assert!(frames.len() >= 2);
        let error = error.unwrap();
        assert!(error.is_io);
        assert_eq!(error.to_string(), "x: the disk is gone");
    }
}

#[test]
fn a_file_that_shrinks_is_an_error_and_no_signal() {
    let scratch = Scratch::new();
    let packets: Vec<Packet<'_>> = (0..60_000).map(|i| (i, 0, 4, &b"data"[..])).collect();
    let path = scratch.file("shrinks", &PCAP.write(&packets));
    let mut source = open(path.to_str().unwrap()).unwrap();
    let mut batch = Batch::default();
    assert!(source.next_batch(&mut batch).unwrap());
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(4096).unwrap();
    let error = source.next_batch(&mut batch).unwrap_err();
    assert!(
        error.message.contains("shrank from 1200024 to 4096"),
        "{error}"
    );
    assert!(!source.next_batch(&mut batch).unwrap(), "it is told once");
}

#[test]
fn a_batch_keeps_its_bytes_when_the_file_shrinks() {
    let scratch = Scratch::new();
    let packets: Vec<Packet<'_>> = (0..4000).map(|i| (i, 0, 400, &[1; 400][..])).collect();
    let path = scratch.file("shrinks", &PCAP.write(&packets));
    let mut source = open(path.to_str().unwrap()).unwrap();
    let mut batch = Batch::default();
    assert!(source.next_batch(&mut batch).unwrap());
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(4096).unwrap();
    let last = batch.frames.last().unwrap();
    assert!(last.start > 100_000);
    assert_eq!(batch.bytes[last.start as usize], 1);
    let error = source.next_batch(&mut batch).unwrap_err();
    assert!(error.is_io && error.message.contains("shrank"), "{error}");
}

/// Counts how long the buffers of a source get.
fn longest_buffer(source: &mut dyn Source) -> usize {
    let mut batch = Batch::default();
    let mut longest = 0;
    while let Ok(true) = source.next_batch(&mut batch) {
        longest = longest.max(batch.bytes.as_slice().len());
    }
    longest
}

#[test]
fn memory_does_not_grow_with_what_a_bomb_holds() {
    let mut bomb = Pcapng::new(Order::Little).interface(1, 0, &[]);
    for _ in 0..2 {
        bomb = bomb.block(99, &vec![0; 32 << 20]).enhanced(0, 1, 1, b"x");
    }
    let file = gzip(&bomb.bytes);
    assert!(file.len() < 1 << 20);
    let mut source = read("x", Box::new(io::Cursor::new(file)), false);
    assert!(longest_buffer(source.as_mut()) <= 1 << 20);
}

#[test]
fn memory_does_not_grow_with_what_a_length_promises() {
    let mut file = Pcapng::new(Order::Little).interface(1, 0, &[]).bytes;
    file.extend([6, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    let mut source = read("x", Box::new(io::Cursor::new(file)), false);
    assert!(longest_buffer(source.as_mut()) <= 1 << 20);
}

#[test]
fn memory_does_not_grow_with_a_large_file() {
    let scratch = Scratch::new();
    let body = vec![1; 60_000];
    let packets: Vec<Packet<'_>> = (0..200).map(|i| (i, 0, 60_000, &body[..])).collect();
    let path = scratch.file("large", &PCAP.write(&packets));
    let mut source = open(path.to_str().unwrap()).unwrap();
    assert!(longest_buffer(source.as_mut()) <= 1 << 20);
}
