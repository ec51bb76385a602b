//! IP fragments.

use super::build::*;
use super::*;
use crate::decode::{Defragmenter, Fragment};
use crate::segment::{flag, mark};
use crate::skip::SkipCounts;

const SECOND: i64 = 1_000_000_000;

fn t(payload: usize) -> Tcp {
    Tcp {
        flags: flag::ACK | flag::FIN,
        options: vec![1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8],
        payload: vec![0x61; payload],
        ..Tcp::default()
    }
}

/// The IP payload cut at these multiples of 8, each piece in an IPv4 packet in Ethernet.
fn pieces4(proto: u8, id: u16, body: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    spans(body.len(), cuts)
        .into_iter()
        .map(|(from, to)| {
            let more = if to < body.len() { 0x2000 } else { 0 };
            let place = (from / 8) as u16 | more;
            eth(
                0x0800,
                &ip4_with((A4, B4), proto, id, place, &[], &body[from..to]),
            )
        })
        .collect()
}

/// The same for IPv6.
fn pieces6(next: u8, id: u32, body: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    spans(body.len(), cuts)
        .into_iter()
        .map(|(from, to)| {
            let more = u16::from(to < body.len());
            let header = cat(&[
                &[next, 0],
                &(from as u16 | more).to_be_bytes(),
                &id.to_be_bytes(),
            ]);
            eth(0x86dd, &ip6(44, &cat(&[&header, &body[from..to]])))
        })
        .collect()
}

fn spans(len: usize, cuts: &[usize]) -> Vec<(usize, usize)> {
    let starts = [0].iter().chain(cuts);
    starts
        .copied()
        .zip(cuts.iter().copied().chain([len]))
        .collect()
}

/// A capture of fragments.
#[derive(Default)]
struct Wire {
    defragmenter: Defragmenter,
    counts: SkipCounts,
    frames: u64,
    used: u64,
}

impl Wire {
    /// Captures at most `snap` bytes of a frame at a time in nanoseconds, at an interface.
    fn see_at(&mut self, ts: i64, interface: u16, snap: usize, bytes: &[u8]) -> Option<Segment> {
        self.frames += 1;
        let captured = &bytes[..bytes.len().min(snap)];
        let f = FrameRef {
            ts,
            interface,
            len: captured.len() as u32,
            ..frame(ETHERNET, bytes)
        };
        let found = match decode(&f, captured, self.frames) {
            Decoded::Segment(s) => Some(s),
            Decoded::Fragment(f) => self.defragmenter.push(f, &mut self.counts),
            Decoded::Skip(skip) => {
                self.counts.add(skip);
                None
            }
        };
        self.used += u64::from(found.is_some());
        found
    }

    fn see(&mut self, bytes: &[u8]) -> Option<Segment> {
        self.see_at(0, 0, usize::MAX, bytes)
    }

    /// Ends the capture: what was read is what was used and what was skipped.
    fn finish(&mut self) {
        self.defragmenter.finish(&mut self.counts);
        assert_eq!(self.used + self.counts.total(), self.frames);
    }

    fn lost(&self) -> u64 {
        self.counts.get(Skip::FragmentLost)
    }
}

fn check(s: &Segment, payload: u32) {
    assert_eq!((s.seq.0, s.ack.0), (0x1111_2222, 0x3333_4444));
    assert_eq!(
        (s.payload, s.flags, s.ts_val),
        (payload, flag::ACK | flag::FIN, 0x0102_0304)
    );
    assert!(s.marked(mark::FRAGMENTED) && s.marked(mark::TIMESTAMPS));
    assert!(!s.marked(mark::BAD_CHECKSUM | mark::OFFLOADED_CHECKSUM));
}

#[test]
fn pieces_in_any_order_make_one_segment() {
    let v4 = t(3_000).bytes(&A4, &B4);
    let v6 = t(3_000).bytes(&A6, &B6);
    let cuts = [8, 32, 1_480, 2_960];
    for pieces in [pieces4(6, 7, &v4, &cuts), pieces6(6, 7, &v6, &cuts)] {
        for rotation in 0..pieces.len() {
            for backwards in [false, true] {
                let mut order: Vec<_> = pieces.iter().collect();
                order.rotate_left(rotation);
                if backwards {
                    order.reverse();
                }
                let mut wire = Wire::default();
                let last = order.pop().unwrap();
                for piece in order {
                    assert_eq!(wire.see(piece), None);
                }
                let s = wire.see(last).expect("whole");
                check(&s, 3_000);
                assert_eq!(s.number, 5, "the frame that completed it");
                wire.finish();
                assert_eq!(wire.counts.get(Skip::FragmentHeld), 4);
                assert_eq!(wire.lost(), 0);
            }
        }
    }
}

#[test]
fn a_snap_length_hides_nothing_that_matters() {
    let body = t(3_000).bytes(&A4, &B4);
    let mut wire = Wire::default();
    let pieces = pieces4(6, 7, &body, &[1_480, 2_960]);
    for piece in &pieces[..2] {
        assert_eq!(wire.see_at(0, 0, 96, piece), None);
    }
    let s = wire.see_at(0, 0, 96, &pieces[2]).expect("whole");
    check(&s, 3_000);
    assert!(s.payload_cut);
    wire.finish();
    // Cut inside the TCP header, nothing is left to say.
    let mut wire = Wire::default();
    for piece in &pieces {
        assert_eq!(wire.see_at(0, 0, 40, piece), None);
    }
    wire.finish();
    assert_eq!(wire.counts.get(Skip::TcpCut), 1);
    assert_eq!(wire.counts.get(Skip::FragmentHeld), 2);
}

#[test]
fn an_atomic_fragment_is_a_packet() {
    let body = t(10).bytes(&A6, &B6);
    let header = [6, 0, 0, 0, 0, 0, 0, 9];
    let s = segment(ETHERNET, &eth(0x86dd, &ip6(44, &cat(&[&header, &body]))));
    assert_eq!((s.payload, s.marked(mark::FRAGMENTED)), (10, false));
}

#[test]
fn a_fragment_inside_a_tunnel_and_a_tunnel_in_fragments() {
    let body = t(2_000).bytes(&A4, &B4);
    let vxlan = |vni: u8, inner: &[u8]| cat(&[&[8, 0, 0, 0, 0, 0, vni, 0], inner]);
    let mut wire = Wire::default();
    let inside: Vec<_> = pieces4(6, 7, &body, &[800])
        .iter()
        .map(|p| eth(0x0800, &ip4(17, &udp(1, 4_789, &vxlan(5, p)))))
        .collect();
    assert_eq!(wire.see(&inside[0]), None);
    let s = wire.see(&inside[1]).expect("whole");
    check(&s, 2_000);
    assert_eq!(describe(s.key.scope).as_deref(), Some("vxlan:5"));

    let around = udp(1, 4_789, &vxlan(6, &eth(0x0800, &ip4(6, &body))));
    for pieces in [
        pieces4(17, 8, &around, &[1_000]),
        pieces6(17, 8, &around, &[1_000]),
    ] {
        assert_eq!(wire.see(&pieces[0]), None);
        let s = wire.see(&pieces[1]).expect("whole");
        check(&s, 2_000);
        assert_eq!(describe(s.key.scope).as_deref(), Some("vxlan:6"));
    }

    // Both at once: inner fragments in outer fragments, under a VLAN as well.
    let tagged = |p: &Vec<u8>| eth(0x8100, &tag(9, 0x0800, &p[14..]));
    let mut found = Vec::new();
    for (id, inner) in (10..).zip(pieces4(6, 9, &body, &[800])) {
        let around = udp(1, 4_789, &vxlan(7, &inner));
        for piece in pieces4(17, id, &around, &[400]) {
            found.extend(wire.see(&tagged(&piece)));
        }
    }
    assert_eq!(found.len(), 1);
    check(&found[0], 2_000);
    let names = wire.defragmenter.names();
    assert_eq!(
        names.name(found[0].key.scope).as_deref(),
        Some("vlan:9/vxlan:7")
    );
    wire.finish();
    assert_eq!(wire.lost(), 0);
}

#[test]
fn datagrams_of_other_protocols_are_counted() {
    let mut wire = Wire::default();
    for piece in pieces4(17, 1, &udp(53, 53, &[0; 100]), &[48]) {
        assert_eq!(wire.see(&piece), None);
    }
    wire.finish();
    assert_eq!(wire.counts.get(Skip::NotTcp), 1);
    assert_eq!(wire.counts.get(Skip::FragmentHeld), 1);
}

#[test]
fn datagrams_are_told_apart() {
    let body = t(100).bytes(&A4, &B4);
    let whole = |pieces: [&Vec<u8>; 2], interfaces: [u16; 2]| {
        let mut wire = Wire::default();
        wire.see_at(0, interfaces[0], usize::MAX, pieces[0]);
        let s = wire.see_at(0, interfaces[1], usize::MAX, pieces[1]);
        wire.finish();
        s.is_some()
    };
    let (a, b) = (pieces4(6, 1, &body, &[48]), pieces4(6, 2, &body, &[48]));
    let udp = pieces4(17, 1, &body, &[48]);
    let tagged = eth(0x8100, &tag(3, 0x0800, &a[1][14..]));
    assert!(whole([&a[0], &a[1]], [0, 0]));
    assert!(!whole([&a[0], &b[1]], [0, 0]), "identification");
    assert!(!whole([&a[0], &udp[1]], [0, 0]), "protocol");
    assert!(!whole([&a[0], &tagged], [0, 0]), "scope");
    assert!(!whole([&a[0], &a[1]], [0, 1]), "place of capture");
    // IPv6 has no protocol in the key; the first fragment says it (RFC 8200 section 4.5).
    let body = t(100).bytes(&A6, &B6);
    let (six, other) = (pieces6(6, 1, &body, &[48]), pieces6(17, 1, &body, &[48]));
    assert!(whole([&six[0], &other[1]], [0, 0]));
    assert!(!whole([&other[0], &six[1]], [0, 0]));
}

#[test]
fn copies_of_fragments_on_two_interfaces_give_two_segments() {
    let body = t(100).bytes(&A4, &B4);
    let pieces = pieces4(6, 1, &body, &[48]);
    let mut wire = Wire::default();
    let mut found = Vec::new();
    for piece in &pieces {
        for interface in [1, 2] {
            found.extend(wire.see_at(0, interface, usize::MAX, piece));
        }
    }
    assert_eq!(found.iter().map(|s| s.tap).collect::<Vec<_>>(), [1, 2]);
    wire.finish();
    assert_eq!(wire.lost(), 0);
}

#[test]
fn repeats_are_passed_over_and_overlaps_are_fatal() {
    let body = t(100).bytes(&A4, &B4);
    let pieces = pieces4(6, 1, &body, &[48, 96]);
    let mut wire = Wire::default();
    for piece in [&pieces[0], &pieces[0], &pieces[2], &pieces[2]] {
        assert_eq!(wire.see(piece), None);
    }
    check(&wire.see(&pieces[1]).expect("whole"), 100);
    wire.finish();
    assert_eq!((wire.lost(), wire.counts.get(Skip::FragmentHeld)), (0, 4));

    let shifted = pieces4(6, 1, &body, &[40, 96]);
    let mut wire = Wire::default();
    for piece in [&pieces[0], &shifted[1], &pieces[1], &pieces[2]] {
        assert_eq!(wire.see(piece), None);
    }
    wire.finish();
    assert_eq!(wire.lost(), 4);
}

#[test]
fn two_ends_are_fatal() {
    let body = t(100).bytes(&A4, &B4);
    let (long, short) = (
        pieces4(6, 1, &body, &[96]),
        pieces4(6, 1, &body[..120], &[96]),
    );
    for order in [[&long[1], &short[1]], [&short[1], &long[1]]] {
        let mut wire = Wire::default();
        for piece in order {
            assert_eq!(wire.see(piece), None);
        }
        assert_eq!(wire.see(&long[0]), None);
        wire.finish();
        assert_eq!(wire.lost(), 3);
    }
    // A piece beyond the end, before and after the end is known.
    let beyond = pieces4(6, 1, &vec![0; 400], &[200, 240]);
    for order in [[&beyond[1], &long[1]], [&long[1], &beyond[1]]] {
        let mut wire = Wire::default();
        for piece in order {
            assert_eq!(wire.see(piece), None);
        }
        assert_eq!(wire.lost(), 2);
        wire.finish();
    }
}

#[test]
fn impossible_fragments_are_named() {
    let at = |place: u16, body: &[u8]| eth(0x0800, &ip4_with((A4, B4), 6, 1, place, &[], body));
    let mut wire = Wire::default();
    for bytes in [
        at(0x2000, &[0; 12]),
        at(0x2000, &[]),
        at(0x1fff, &[0; 8]),
        at(0x3fff, &[0; 64]),
    ] {
        assert_eq!(wire.see(&bytes), None);
    }
    wire.finish();
    assert_eq!(wire.counts.get(Skip::IpBad), 4);
}

#[test]
fn patience_ends() {
    let v4 = pieces4(6, 1, &t(100).bytes(&A4, &B4), &[48]);
    let v6 = pieces6(6, 1, &t(100).bytes(&A6, &B6), &[48]);
    for (pieces, patience) in [(v4, 30), (v6, 60)] {
        for (wait, whole) in [(patience * SECOND, true), (patience * SECOND + 1, false)] {
            let mut wire = Wire::default();
            assert_eq!(wire.see(&pieces[0]), None);
            let s = wire.see_at(wait, 0, usize::MAX, &pieces[1]);
            assert_eq!(s.is_some(), whole);
            assert_eq!(wire.lost(), u64::from(!whole));
            wire.finish();
        }
    }
    // A clock that leaps does no harm.
    let mut wire = Wire::default();
    let pieces = pieces4(6, 1, &t(100).bytes(&A4, &B4), &[48]);
    assert_eq!(wire.see_at(i64::MAX, 0, usize::MAX, &pieces[0]), None);
    assert!(wire.see_at(i64::MIN, 0, usize::MAX, &pieces[1]).is_some());
    wire.finish();
}

#[test]
fn memory_is_bounded_and_the_oldest_gives_way() {
    let body = t(100).bytes(&A4, &B4);
    let mut wire = Wire::default();
    for id in 0..10_000 {
        assert_eq!(wire.see(&pieces4(6, id, &body, &[48])[0]), None);
    }
    assert_eq!(wire.lost(), 10_000 - 4_096);
    assert_eq!(wire.see(&pieces4(6, 0, &body, &[48])[1]), None, "gone");
    check(
        &wire.see(&pieces4(6, 9_999, &body, &[48])[1]).expect("held"),
        100,
    );
    wire.finish();

    // Every other 8 bytes of one datagram.
    let holes: Vec<usize> = (1..1_000).map(|n| n * 8).collect();
    let mut wire = Wire::default();
    for piece in pieces4(6, 1, &vec![0; 8_000], &holes).iter().step_by(2) {
        assert_eq!(wire.see(piece), None);
    }
    wire.finish();
    assert_eq!(wire.lost(), 500);
}

#[test]
fn a_fragment_says_where_it_was_found() {
    let piece = &pieces4(6, 1, &t(100).bytes(&A4, &B4), &[48])[0];
    let tagged = eth(0x8100, &tag(3, 0x0800, &piece[14..]));
    let scope = |f: Fragment| f.scope().to_string();
    match decode(&frame(ETHERNET, &tagged), &tagged, 1) {
        Decoded::Fragment(f) => assert_eq!(scope(f), "vlan:3"),
        other => panic!("{other:?}"),
    }
}
