//! Writes the first inputs of the reader targets: `cargo run --example seeds -- corpus`.

#[path = "../../src/source/tests/build.rs"]
mod build;

use build::{ORDERS, PCAP, Packet, Pcap, VARIANTS, motley, variants};
use finwait_core::frame::Batch;
use finwait_core::source;
use std::io::Write;
use std::path::Path;
use std::{fs, io};

/// The member of the pcap family that tshark 4.0 cannot judge: it takes its nanoseconds for microseconds.
const NANOSECONDS: (u32, usize, usize) = (0x1c00_01ac, 16, 4);

const PACKETS: &[Packet<'_>] = &[
    (1_700_000_000, 2, 60, b"abc"),
    (1_700_000_003, 999_999, 40, b"some more bytes"),
    (1_700_000_005, 0, 9, b""),
];

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes)?;
    out.finish()
}

fn lz4(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
    out.write_all(bytes)?;
    Ok(out.finish()?)
}

fn main() -> io::Result<()> {
    let corpus = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "corpus".to_owned());
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let directory = Path::new(&corpus).join(target);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(name), bytes)
    };
    for file in variants(&VARIANTS).chain(variants(&[NANOSECONDS])) {
        let name = format!("{:?}-{:x}-{}", file.order, file.magic, file.record).to_lowercase();
        write("fuzz_pcap", &name, &file.write(PACKETS))?;
    }
    let aix = Pcap {
        version: (2, 2),
        network: 6,
        swapped: true,
        ..PCAP
    };
    write("fuzz_pcap", "aix", &aix.write(PACKETS))?;

    write("fuzz_pcapng", "motley", &motley())?;
    for (name, order) in ["little", "big"].into_iter().zip(ORDERS) {
        let file = build::Pcapng::new(order)
            .interface(1, 0, &[(9, &[9])])
            .enhanced(0, 1_700_000_000_000_000_007, 60, b"packet");
        write("fuzz_pcapng", name, &file.bytes)?;
    }

    let inside = PCAP.write(PACKETS);
    let twice = |one: Vec<u8>, two: Vec<u8>| [one, two].concat();
    let (a, b) = inside.split_at(50);
    write("fuzz_compressed", "gzip", &gzip(&inside)?)?;
    write(
        "fuzz_compressed",
        "gzip-members",
        &twice(gzip(a)?, gzip(b)?),
    )?;
    write("fuzz_compressed", "lz4", &lz4(&inside)?)?;
    write("fuzz_compressed", "lz4-frames", &twice(lz4(a)?, lz4(b)?))?;
    let zstd = |bytes: &[u8]| zstd::stream::encode_all(bytes, 19);
    write("fuzz_compressed", "zstd", &zstd(&inside)?)?;
    write("fuzz_compressed", "zstd-frames", &twice(zstd(a)?, zstd(b)?))?;
    let skip = b"\x50\x2a\x4d\x18\x02\0\0\0hi".to_vec();
    write("fuzz_compressed", "zstd-skip", &twice(skip, zstd(&inside)?))?;

    write("fuzz_track", "four-way", &four_way().concat())?;

    // Whole captures are taken from `examples/` as they are; their frames teach the decoder.
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "pcap") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            write("fuzz_decode", &name, &frames(&path)?)?;
        }
    }
    Ok(())
}

/// Handshake, a request, and both FINs, as `fuzz_track` takes segments.
fn four_way() -> Vec<[u8; 8]> {
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    const FIN: u8 = 1;
    let up = |seq, ack, len, flags| [1, 20, 0, seq, ack, len, flags, 8];
    let down = |seq, ack, len, flags| [1, 20, 0x80, seq, ack, len, flags, 8];
    vec![
        up(0, 0, 0, SYN),
        down(10, 1, 0, SYN | ACK),
        up(1, 11, 0, ACK),
        up(1, 11, 5, ACK),
        down(11, 6, 0, ACK),
        up(6, 11, 0, FIN | ACK),
        down(11, 7, 0, ACK),
        down(11, 7, 0, FIN | ACK),
        up(7, 12, 0, ACK),
    ]
}

/// The first frames of a capture as `fuzz_decode` takes them.
fn frames(path: &Path) -> io::Result<Vec<u8>> {
    let told = |e| io::Error::other(format!("{e}"));
    let mut batch = Batch::default();
    let mut source = source::open(&path.to_string_lossy()).map_err(told)?;
    source.next_batch(&mut batch).map_err(told)?;
    let held = batch.bytes.as_slice();
    let mut out = Vec::new();
    for frame in batch.frames.iter().take(12) {
        if out.is_empty() {
            // LINKTYPE_RAW and its neighbours come as 128 and up.
            out.push(
                frame
                    .link
                    .checked_sub(101)
                    .map_or(frame.link as u8, |n| 128 + n as u8),
            );
        }
        let body = &held[frame.start as usize..][..frame.len.min(255) as usize];
        out.extend([body.len() as u8, 0]);
        out.extend(body);
    }
    Ok(out)
}
