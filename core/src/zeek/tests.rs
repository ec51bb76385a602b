use super::*;
use crate::segment::{NO_WSCALE, from_v4};

/// 10.0.0.1:40000 → 10.0.0.2:7 is `Up`.
fn seg(dir: Dir, flags: u16, seq: u32, ack: u32, payload: u32) -> Segment {
    let (low, high) = (from_v4(0x0a00_0001), from_v4(0x0a00_0002));
    Segment {
        ts: 0,
        number: 1,
        key: FlowKey::new(low, high, 40000, 7, 0).0,
        dir,
        seq: Seq(seq),
        ack: Seq(ack),
        payload,
        flags,
        window: 1000,
        marks: 0,
        ip_id: 0,
        ttl: 64,
        wscale: NO_WSCALE,
        mss: 0,
        sack_permitted: false,
        payload_cut: false,
        ts_val: 0,
        ts_ecr: 0,
        sack: (Seq(0), Seq(0)),
        tap: 0,
    }
}

const A: u16 = flag::ACK;
const SA: u16 = flag::SYN | flag::ACK;
const FA: u16 = flag::FIN | flag::ACK;
use Dir::{Down, Up};

fn told(segments: &[Segment]) -> (&'static str, String) {
    let mut zeek = Zeek::default();
    for s in segments {
        zeek.segment(s);
    }
    zeek.finish()
}

fn handshake() -> Vec<Segment> {
    vec![
        seg(Up, flag::SYN, 100, 0, 0),
        seg(Down, SA, 500, 101, 0),
        seg(Up, A, 101, 501, 0),
    ]
}

fn after_handshake(more: &[Segment]) -> (&'static str, String) {
    told(&[handshake(), more.to_vec()].concat())
}

#[test]
fn is_small() {
    assert!(size_of::<Zeek>() <= 88, "{}", size_of::<Zeek>());
}

#[test]
fn four_way() {
    let words = after_handshake(&[
        seg(Up, A, 101, 501, 10),
        seg(Down, A, 501, 111, 0),
        seg(Down, A, 501, 111, 20),
        seg(Up, A, 111, 521, 0),
        seg(Up, FA, 111, 521, 0),
        seg(Down, A, 521, 112, 0),
        seg(Down, FA, 521, 112, 0),
        seg(Up, A, 112, 522, 0),
    ]);
    assert_eq!(words, ("SF", "ShADadFf".into()));
}

#[test]
fn refused_and_unanswered() {
    let syn = seg(Up, flag::SYN, 100, 0, 0);
    let rst = seg(Down, flag::RST | A, 0, 101, 0);
    assert_eq!(told(&[syn]), ("S0", "S".into()));
    assert_eq!(told(&[syn, rst]), ("REJ", "Sr".into()));
}

#[test]
fn a_hole_that_was_acked_is_a_gap_and_one_that_was_filled_is_not() {
    let filled = [
        seg(Up, A, 111, 501, 10),
        seg(Up, A, 101, 501, 10),
        seg(Down, A, 501, 121, 0),
    ];
    assert_eq!(after_handshake(&filled), ("S1", "ShADTa".into()));
    let lost = [
        seg(Up, A, 111, 501, 10),
        seg(Down, A, 501, 121, 0),
        seg(Down, A, 501, 131, 0),
    ];
    assert_eq!(after_handshake(&lost), ("S1", "ShADaG".into()));
}

#[test]
fn repeats_are_told_at_powers_of_ten() {
    let data = seg(Up, A, 101, 501, 10);
    assert_eq!(after_handshake(&[data; 10]), ("S1", "ShADT".into()));
    assert_eq!(after_handshake(&[data; 11]), ("S1", "ShADTT".into()));
}

#[test]
fn a_connection_that_begins_with_its_syn_ack_flips_on_data() {
    let words = told(&handshake()[1..]);
    assert_eq!(words, ("OTH", "^hA".into()));
}

#[test]
fn what_comes_after_the_record_is_another_record() {
    let mut all = handshake();
    all.push(seg(Down, flag::RST | A, 501, 101, 0));
    let mut late = seg(Up, A, 101, 501, 10);
    late.ts = 6_000_000_000;
    all.push(late);
    assert_eq!(told(&all), ("RSTR", "ShAr".into()));
}
