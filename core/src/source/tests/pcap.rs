//! The pcap family, made by hand.

use super::build::{ORDERS, Order, PCAP, Packet, Pcap};
use super::{Frame, dripped, read, whole};

const PACKETS: &[Packet<'_>] = &[
    (1_700_000_000, 2, 60, b"abc"),
    (1_700_000_003, 999_999, 4, b"defg"),
    (1_700_000_005, 0, 9, b""),
    (u32::MAX, 7, 1514, b"hello"),
];

/// What `PACKETS` should give, with so many nanoseconds in a unit of the fraction.
fn expected(unit: i64, link: u16) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (number, &(seconds, fraction, wire, body)) in (1..).zip(PACKETS) {
        frames.push(Frame {
            number,
            ts: i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * unit,
            wire,
            link,
            interface: 0,
            body: body.to_vec(),
        });
    }
    frames
}

#[test]
fn both_byte_orders_and_resolutions() {
    for order in ORDERS {
        for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1)] {
            let file = Pcap {
                order,
                magic,
                ..PCAP
            };
            assert_eq!(whole(&file.write(PACKETS)), expected(unit, 1), "{file:?}");
        }
    }
}

#[test]
fn record_headers_of_the_modified_variants() {
    for order in ORDERS {
        for (magic, record) in [
            (0xa1b2_cd34, 24),
            (0xa1b2_cd34, 28),
            (0xa1b2_c3d4, 24),
            (0xa1b2_c3d4, 20),
        ] {
            let file = Pcap {
                order,
                magic,
                record,
                ..PCAP
            };
            assert_eq!(whole(&file.write(PACKETS)), expected(1000, 1), "{file:?}");
            assert_eq!(whole(&file.write(&[])), [], "{file:?} without records");
        }
    }
}

#[test]
fn a_live_stream_is_not_waited_for_to_tell_variants_apart() {
    let modified = Pcap {
        magic: 0xa1b2_cd34,
        record: 24,
        ..PCAP
    };
    for file in [PCAP, modified] {
        let got = dripped(&file.write(PACKETS), 1, true);
        assert_eq!(got, (expected(1000, 1), None));
    }
}

#[test]
fn ixia_has_four_bytes_more_in_the_file_header() {
    for order in ORDERS {
        for (magic, unit) in [(0x1c00_01ac, 1), (0x1c00_01ab, 1000)] {
            let file = Pcap {
                order,
                magic,
                extra: 4,
                ..PCAP
            };
            assert_eq!(whole(&file.write(PACKETS)), expected(unit, 1), "{file:?}");
        }
    }
}

#[test]
fn old_versions_swap_the_lengths() {
    for (version, swapped) in [
        ((2, 2), true),
        ((2, 3), true),
        ((2, 3), false),
        ((543, 0), true),
    ] {
        let file = Pcap {
            version,
            swapped,
            ..PCAP
        };
        assert_eq!(whole(&file.write(PACKETS)), expected(1000, 1), "{file:?}");
    }
}

#[test]
fn aix_has_nanoseconds_and_interface_types() {
    for (network, link) in [(6, 1), (9, 6), (15, 10), (24, 0)] {
        let file = Pcap {
            order: Order::Big,
            version: (2, 2),
            swapped: true,
            network,
            ..PCAP
        };
        assert_eq!(whole(&file.write(PACKETS)), expected(1, link), "{file:?}");
    }
}

#[test]
fn link_type_without_its_fcs_bits() {
    for network in [113, 113 | 1 << 26 | 2 << 28] {
        let file = Pcap { network, ..PCAP };
        assert_eq!(whole(&file.write(PACKETS)), expected(1000, 113));
    }
}

#[test]
fn unknown_versions_are_refused() {
    for version in [(1, 0), (3, 4), (0, 0)] {
        let (frames, error) = read(&Pcap { version, ..PCAP }.write(PACKETS));
        let error = error.unwrap();
        assert_eq!((frames.len(), error.offset, error.is_io), (0, 4, false));
        assert!(error.message.starts_with("pcap version "), "{error}");
    }
}

#[test]
fn a_longer_frame_than_any_capture_holds() {
    let longest = vec![7; 262_144];
    assert_eq!(whole(&PCAP.write(&[(1, 1, 262_144, &longest)])).len(), 1);

    let mut file = PCAP.write(&PACKETS[..2]);
    let end = file.len() as u64;
    file.extend([0; 8]);
    file.extend(262_145_u32.to_le_bytes());
    file.extend(262_145_u32.to_le_bytes());
    file.resize(file.len() + 262_145, 0);
    let (frames, error) = read(&file);
    assert_eq!(frames, expected(1000, 1)[..2]);
    let error = error.unwrap();
    assert_eq!(error.offset, end);
    assert!(error.message.contains("262145"), "{error}");
}

#[test]
fn a_cut_says_where_and_how_much_is_missing() {
    let file = PCAP.write(PACKETS);
    for (cut, offset, says) in [
        (0, 0, "there is nothing in it"),
        (3, 0, "inside the file header, after 3 bytes"),
        (23, 0, "inside the file header, after 23 bytes"),
        (
            24 + 19 + 5,
            43,
            "inside a record header, after 5 of 16 bytes",
        ),
        (24 + 19 + 16 + 3, 43, "inside a frame, after 3 of 4 bytes"),
    ] {
        let (_, error) = read(&file[..cut]);
        let error = error.unwrap();
        assert_eq!(error.offset, offset, "cut at {cut}");
        assert!(error.message.contains(says), "cut at {cut}: {error}");
    }
}

#[test]
fn what_is_no_capture_gets_a_way_out() {
    for (start, says) in [
        (&b"\xfd7zXZ\0rest of it......"[..], "`xz -dc FILE | finwait"),
        (b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", "`editcap FILE"),
        (b"<html>", "3c 68 74 6d"),
        (b"no", "after 2 bytes"),
    ] {
        let (frames, error) = read(start);
        let error = error.unwrap();
        assert_eq!((frames.len(), error.offset), (0, 0));
        assert!(error.message.contains(says), "{error}");
        assert_eq!(dripped(start, 1, false).1, Some(error));
    }
}

#[test]
fn many_batches_count_on() {
    let packets: Vec<Packet<'_>> = (0..10_000).map(|i| (i, 0, 4, &b"data"[..])).collect();
    let frames = whole(&PCAP.write(&packets));
    assert_eq!(frames.len(), 10_000);
    for (number, frame) in (1..).zip(frames) {
        assert_eq!((frame.number, &frame.body[..]), (number, &b"data"[..]));
        assert_eq!(frame.ts, (number as i64 - 1) * 1_000_000_000);
    }
}
