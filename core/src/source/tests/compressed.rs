//! Captures that are compressed.

use super::build::{PCAP, Packet, motley};
use super::{Read_, dripped, streamed};
use std::io::Write;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    out.include_checksum(true).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn lz4(bytes: &[u8]) -> Vec<u8> {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let how = FrameInfo::new()
        .block_mode(BlockMode::Linked)
        .block_size(BlockSize::Max64KB)
        .content_checksum(true);
    let mut out = FrameEncoder::with_frame_info(how, Vec::new());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub type Compress = fn(&[u8]) -> Vec<u8>;
pub const FORMATS: [(&str, Compress); 3] = [("gzip", gzip), ("zstd", zstd), ("lz4", lz4)];

/// A capture with frames of bytes that do not compress, larger than any format's block.
fn large() -> Vec<u8> {
    let mut state = 1_u64;
    let mut noise = vec![0; 1400];
    let mut frames = Vec::new();
    for _ in 0..3000 {
        for byte in &mut noise {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        frames.push(noise.clone());
    }
    let packets: Vec<Packet<'_>> = (1..)
        .zip(&frames)
        .map(|(i, f)| (i, 0, 1400, &f[..]))
        .collect();
    PCAP.write(&packets)
}

#[test]
fn every_format_gives_what_is_inside() {
    for inside in [motley(), large()] {
        let want = streamed(&inside);
        assert_eq!(want.1, None);
        for (name, compress) in FORMATS {
            assert_eq!(streamed(&compress(&inside)), want, "{name}");
        }
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    let inside = motley();
    let (a, b) = inside.split_at(200);
    for (name, compress) in FORMATS {
        let joined = [compress(a), compress(b"").clone(), compress(b)].concat();
        assert_eq!(streamed(&joined), streamed(&inside), "{name}");
        for chunk in [1, 7, 64] {
            assert_eq!(dripped(&joined, chunk, true), streamed(&inside), "{name}");
        }
    }
}

#[test]
fn frames_without_content_are_passed_over() {
    let inside = motley();
    let skip = b"\x50\x2a\x4d\x18\x05\0\0\0hello";
    for compress in [zstd, lz4] {
        let joined = [
            &compress(&inside[..40])[..],
            skip,
            &compress(&inside[40..]),
            skip,
        ]
        .concat();
        assert_eq!(streamed(&joined), streamed(&inside));
    }
    let first = [&skip[..], &zstd(&inside)].concat();
    assert_eq!(streamed(&first), streamed(&inside));
}

/// The frames of `got` are the first ones of `want`.
pub fn is_start(got: &Read_, want: &Read_, what: &str) {
    assert!(
        want.0.starts_with(&got.0),
        "{what}: other frames than before"
    );
}

#[test]
fn a_cut_gives_the_frames_before_it() {
    let inside = large();
    let want = streamed(&inside);
    for (name, compress) in FORMATS {
        let file = compress(&inside);
        let got = streamed(&file[..file.len() * 2 / 3]);
        is_start(&got, &want, name);
        assert!(got.0.len() > 1500, "{name}: only {} frames", got.0.len());
        let error = got.1.unwrap();
        assert!(
            error
                .message
                .contains(&format!("ends inside its {name} data")),
            "{error}"
        );
        let uncut = got.0.len() as u64 * 1416 + 24;
        assert!(
            error.offset >= uncut && error.offset < uncut + 1416,
            "{error}"
        );
        assert!(!error.is_io);
    }
}

#[test]
fn damage_gives_the_frames_before_it() {
    let inside = large();
    let want = streamed(&inside);
    for (name, compress) in FORMATS {
        // The last bytes are checksums and sizes: every frame comes out before the error.
        let mut file = compress(&inside);
        let last = file.len() - 2;
        file[last] ^= 0x55;
        let got = streamed(&file);
        assert_eq!(got.0, want.0, "{name}");
        let error = got.1.unwrap();
        let says = format!("the {name} data cannot be uncompressed from here on");
        assert!(error.message.starts_with(&says), "{error}");
        assert!(!error.is_io);
        assert_eq!(error.offset, inside.len() as u64, "{name}");
    }
}

#[test]
fn damage_in_the_middle_loses_no_more_than_a_block() {
    let inside = large();
    let want = streamed(&inside);
    for (name, compress) in [("gzip", gzip as Compress), ("zstd", zstd)] {
        // Where a third of the input ends a member or frame, what follows is none.
        let (head, tail) = inside.split_at(inside.len() / 3);
        let mut file = compress(head);
        let at = file.len();
        file.extend(compress(tail));
        file[at] ^= 0x55;
        let got = streamed(&file);
        is_start(&got, &want, name);
        assert_eq!(got.0.len(), (head.len() - 24) / 1416, "{name}");
        assert_eq!(got.1.unwrap().offset, head.len() as u64, "{name}");
    }
}

#[test]
fn something_else_after_the_end() {
    for (name, compress) in FORMATS {
        let file = [compress(&motley()), b"and then some".to_vec()].concat();
        let got = streamed(&file);
        assert_eq!(got.0, streamed(&motley()).0, "{name}");
        let error = got.1.unwrap();
        assert_eq!(error.offset, motley().len() as u64, "{name}");
        assert!(error.message.contains(name), "{error}");
    }
}

#[test]
fn twice_compressed_is_not_taken() {
    for (name, compress) in FORMATS {
        let error = streamed(&gzip(&compress(&motley()))).1.unwrap();
        let says = format!("this is {name} inside a compressed file");
        assert!(error.message.starts_with(&says), "{error}");
    }
}
