//! Any bytes at all: no panic, and what both ways of decoding say is the same.

use super::build::*;
use super::*;
use crate::decode::{Defragmenter, Found, any, decode_into};
use crate::skip::SkipCounts;
use proptest::prelude::{ProptestConfig, any as anything, prop, proptest};

const LINKS: [u16; 31] = [
    0, 1, 9, 10, 12, 14, 50, 51, 100, 101, 104, 105, 107, 108, 113, 117, 119, 127, 138, 166, 192,
    178, 204, 228, 229, 239, 242, 258, 276, 147, 65_535,
];

/// Decodes in both ways, which must agree, and in all that follows from it.
fn swallow(f: &FrameRef, bytes: &[u8]) {
    let (mut fast, mut slow) = (Segment::default(), Segment::default());
    let result = decode_into(f, bytes, 1, &mut fast);
    match (result, any(f, bytes, 1, &mut slow)) {
        (Found::Segment, Found::Segment) => {
            assert_eq!(fast, slow);
            let l = locate(f, bytes).expect("decode found a segment");
            assert_eq!(fast.key.scope, l.scope.number());
            assert!(l.ip.end <= l.tcp.start && l.payload.end <= bytes.len());
            assert!(l.payload.len() <= fast.payload as usize);
        }
        (Found::Skip(a), Found::Skip(b)) => {
            assert_eq!(a, b);
            assert_eq!(locate(f, bytes), None);
        }
        (Found::Fragment(fragment), Found::Fragment(_)) => {
            let mut counts = SkipCounts::default();
            let mut defragmenter = Defragmenter::default();
            let found = defragmenter.push(fragment, &mut counts);
            defragmenter.finish(&mut counts);
            assert_eq!(u64::from(found.is_some()) + counts.total(), 1);
        }
        (a, b) => panic!("{a:?} is not {b:?}"),
    }
}

/// Frames with everything in them, to be broken.
fn samples() -> Vec<(u16, Vec<u8>)> {
    let t = Tcp {
        flags: 0x012,
        options: vec![
            2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7,
        ],
        payload: b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        ..Tcp::default()
    };
    let (v4, v6) = (tcp4(&t), tcp6(&t));
    let vxlan = cat(&[
        &[8, 0, 0, 0, 0, 0, 7, 0],
        &eth(0x8100, &tag(4, 0x0800, &v4)),
    ]);
    let gre = [0xb0, 0, 0x86, 0xdd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    let chain = cat(&[
        &ext(43, &[1, 4, 0, 0, 0, 0]),
        &ext(60, &[0; 22]),
        &ext(6, &[0; 6]),
    ]);
    let chain = cat(&[&chain, &t.bytes(&A6, &B6)]);
    let gtp = cat(&[
        &[0x34, 0xff, 0, 9, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 0, 0],
        &v4,
    ]);
    let fragment = cat(&[&[6, 0, 0, 1, 0, 0, 0, 9], &t.bytes(&A6, &B6)[..48]]);
    let snap = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &v4]);
    let session = cat(&[&[0x11, 0, 0, 9, 0, 200, 0, 0x21], &v4]);
    let log = cat(&[&[2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0, 94, 0, 9, 0], &v4]);
    let radio = [0, 0, 9, 0, 2, 0, 0, 0, 0x30, 0x88, 1, 0, 0];
    let radio = cat(&[&radio, &[2; 18], &[0, 0, 0, 0, 0, 0], &snap]);
    vec![
        (1, eth(0x0800, &v4)),
        (1, eth(0x86dd, &v6)),
        (1, eth(0x8100, &tag(4, 0x86dd, &v6))),
        (1, eth(0x0800, &ip4(17, &udp(1, 4_789, &vxlan)))),
        (1, eth(0x0800, &ip4(17, &udp(1, 2_152, &gtp)))),
        (1, eth(0x86dd, &ip6(47, &cat(&[&gre, &v6])))),
        (1, eth(0x86dd, &ip6(0, &chain))),
        (1, eth(0x86dd, &ip6(44, &fragment))),
        (1, eth(0x8847, &cat(&[&[0, 1, 0, 64, 0, 1, 1, 64], &v4]))),
        (1, eth(0x8864, &session)),
        (1, eth(snap.len() as u16, &snap)),
        (
            113,
            cat(&[&[0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0], &v4]),
        ),
        (239, log),
        (127, radio),
    ]
}

#[test]
fn every_sample_is_read_whole() {
    for (link, bytes) in samples() {
        match decode(&frame(link, &bytes), &bytes, 1) {
            Decoded::Segment(s) => assert_eq!(s.payload, 18),
            Decoded::Fragment(_) => {}
            Decoded::Skip(skip) => panic!("{link}: {skip:?}: {bytes:x?}"),
        }
    }
}

#[test]
fn cuts_at_every_length() {
    for (link, bytes) in samples() {
        for len in 0..=bytes.len() {
            let whole = frame(link, &bytes);
            let cut = FrameRef {
                len: len as u32,
                ..whole
            };
            swallow(&cut, &bytes[..len]);
            swallow(&frame(link, &bytes[..len]), &bytes[..len]);
        }
    }
}

#[test]
fn every_byte_with_every_value() {
    for (link, bytes) in samples() {
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            for value in 0..=255 {
                changed[at] = value;
                swallow(&frame(link, &changed), &changed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_on_any_link(
        link in prop::sample::select(&LINKS[..]),
        bytes in prop::collection::vec(anything::<u8>(), 0..300),
        wire_len in anything::<u32>(),
    ) {
        let f = FrameRef { wire_len, ..frame(link, &bytes) };
        swallow(&f, &bytes);
    }

    #[test]
    fn samples_with_a_few_wrong_bytes(
        which in anything::<prop::sample::Index>(),
        changes in prop::collection::vec((anything::<prop::sample::Index>(), anything::<u8>()), 1..6),
        wire_len in 0..3_000u32,
        len in anything::<prop::sample::Index>(),
    ) {
        let all = samples();
        let (link, mut bytes) = all[which.index(all.len())].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(len.index(bytes.len()) + 1);
        let f = FrameRef { wire_len, ..frame(link, &bytes) };
        swallow(&f, &bytes);
    }
}
