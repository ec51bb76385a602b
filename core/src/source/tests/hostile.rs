//! Any bytes at all: cut everywhere, changed everywhere, made up.

use super::build::{ORDERS, Order, PCAP, Packet, Pcap, motley};
use super::compressed::{FORMATS, is_start};
use super::{dripped, pieced, streamed};
use proptest::prelude::*;

const PACKETS: &[Packet<'_>] = &[
    (1_700_000_000, 2, 60, b"abc"),
    (1_700_000_003, 999_999, 40, b"some more bytes"),
    (1_700_000_005, 0, 9, b""),
    (1_700_000_006, 7, 1514, b"hello"),
];

/// A file of every format, with the length of what comes before its first record.
fn samples() -> Vec<(String, Vec<u8>, usize)> {
    let mut files = vec![("pcapng".to_owned(), motley(), 28)];
    for order in ORDERS {
        for (magic, record, extra) in [
            (0xa1b2_c3d4, 16, 0),
            (0xa1b2_3c4d, 16, 0),
            (0xa1b2_cd34, 24, 0),
            (0x1c00_01ac, 16, 4),
        ] {
            let file = Pcap {
                order,
                magic,
                record,
                extra,
                ..PCAP
            };
            let name = format!("pcap {order:?} {magic:#x}");
            files.push((name, file.write(PACKETS), 24 + extra));
        }
    }
    files
}

#[test]
fn cut_at_every_offset() {
    for (name, file, _) in samples() {
        let want = streamed(&file);
        assert_eq!(want.1, None, "{name}");
        let mut clean = 0;
        for cut in 0..file.len() {
            let got = streamed(&file[..cut]);
            let what = format!("{name} cut at {cut}");
            is_start(&got, &want, &what);
            clean += usize::from(got.1.is_none());
            if let Some(error) = &got.1 {
                assert!(error.offset <= cut as u64, "{what}: {error}");
                assert!(!error.is_io, "{what}: {error}");
            }
            assert_eq!(pieced(&file[..cut]), got, "{what}: pieced");
        }
        // Between two records a cut cannot be seen; everywhere else it must be.
        assert!(clean < want.0.len() * 3, "{name}: {clean} cuts not seen");
    }
}

#[test]
fn every_byte_changed() {
    for (name, file, header) in samples() {
        let want = streamed(&file).0;
        for at in 0..file.len() {
            let before = streamed(&file[..at]).0.len();
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[at] ^= flip;
                let got = streamed(&changed);
                assert_eq!(pieced(&changed), got);
                if at >= header {
                    assert_eq!(
                        got.0[..before],
                        want[..before],
                        "{name}: byte {at} ^ {flip}"
                    );
                }
            }
        }
    }
}

#[test]
fn compressed_files_cut_and_changed_everywhere() {
    let inside = motley();
    let want = streamed(&inside);
    for (name, compress) in FORMATS {
        let file = compress(&inside);
        assert_eq!(streamed(&file), want);
        for at in 0..file.len() {
            let got = streamed(&file[..at]);
            is_start(&got, &want, name);
            assert!(got.1.is_some(), "{name} cut at {at} is not seen");
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[at] ^= flip;
                // gzip's own header says nothing of the content, and may change unseen.
                streamed(&changed);
            }
        }
    }
}

#[test]
fn bytes_one_at_a_time() {
    for (name, file, _) in samples() {
        let want = streamed(&file);
        for chunk in [1, 2, 3, 5, 13] {
            assert_eq!(dripped(&file, chunk, false), want, "{name} by {chunk}");
            assert_eq!(dripped(&file, chunk, true), want, "{name} by {chunk}, live");
        }
        for cut in (0..file.len()).step_by(7) {
            let want = streamed(&file[..cut]);
            assert_eq!(dripped(&file[..cut], 1, false), want, "{name} cut at {cut}");
        }
    }
}

/// A file with some bytes replaced, taken out, or put in.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<Vec<u8>> = samples().into_iter().map(|(_, file, _)| file).collect();
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    (
        prop::sample::select(files),
        prop::collection::vec(edit, 1..6),
    )
        .prop_map(|(mut file, edits)| {
            for (at, byte, how) in edits {
                let at = at.index(file.len());
                match how {
                    0 => file.insert(at, byte),
                    1 if file.len() > 1 => drop(file.remove(at)),
                    _ => file[at] = byte,
                }
            }
            file
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn mangled_files_read_the_same_every_way(file in mangled(), chunk in 1..40_usize) {
        let got = streamed(&file);
        prop_assert_eq!(&pieced(&file), &got);
        prop_assert_eq!(&dripped(&file, chunk, false), &got);
        for (_, compress) in FORMATS {
            prop_assert_eq!(&streamed(&compress(&file)), &got);
        }
    }

    #[test]
    fn bytes_after_a_file_header(tail in prop::collection::vec(any::<u8>(), 0..300), which in 0..5_usize) {
        let (_, file, header) = samples().swap_remove(which);
        let made_up = [&file[..header], &tail].concat();
        prop_assert_eq!(pieced(&made_up), streamed(&made_up));
    }

    #[test]
    fn bytes_after_a_magic_number(tail in prop::collection::vec(any::<u8>(), 0..300), which in 0..6_usize) {
        let magic: [&[u8]; 6] = [
            b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
            b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x50\x2a\x4d\x18",
        ];
        let made_up = [magic[which], &tail].concat();
        let (frames, error) = streamed(&made_up);
        prop_assert!(error.is_some() || !frames.is_empty() || tail.len() >= 20);
    }

    #[test]
    fn records_come_back_as_they_were_written(
        packets in prop::collection::vec((any::<u32>(), 0..1_000_000_u32, any::<u32>(), prop::collection::vec(any::<u8>(), 0..60)), 0..40),
        big in any::<bool>(),
        chunk in 1..100_usize,
    ) {
        let order = if big { Order::Big } else { Order::Little };
        let packets: Vec<Packet<'_>> = packets.iter().map(|(s, f, w, b)| (*s, *f, *w, &b[..])).collect();
        // With nanoseconds, so that the layout is not told by what the records say.
        let file = Pcap { order, magic: 0xa1b2_3c4d, ..PCAP }.write(&packets);
        let (frames, error) = dripped(&file, chunk, false);
        prop_assert_eq!(error, None);
        prop_assert_eq!(frames.len(), packets.len());
        for (frame, (seconds, fraction, wire, body)) in frames.iter().zip(&packets) {
            prop_assert_eq!(frame.ts, i64::from(*seconds) * 1_000_000_000 + i64::from(*fraction));
            prop_assert_eq!((frame.wire, &frame.body[..]), (*wire, *body));
        }
    }
}
