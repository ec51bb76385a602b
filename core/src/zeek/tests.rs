use super::*;
use crate::segment::{NO_WSCALE, from_v4};
use proptest::prelude::*;

/// 10.0.0.1:40000 → 10.0.0.2:7 is `Up`.
fn seg(dir: Dir, flags: u16, seq: u32, ack: u32, payload: u32) -> Segment {
    let (low, high) = (from_v4(0x0a00_0001), from_v4(0x0a00_0002));
    Segment {
        number: 1,
        key: FlowKey::new(low, high, 40000, 7, 0).0,
        dir,
        seq: Seq(seq),
        ack: Seq(ack),
        payload,
        flags,
        window: 1000,
        ttl: 64,
        wscale: NO_WSCALE,
        ..Segment::default()
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
    assert!(size_of::<Zeek>() <= 72, "{}", size_of::<Zeek>());
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

#[test]
fn resets_by_who_sent_them_and_what_was_seen_of_the_other() {
    const R: u16 = flag::RST;
    let own = [seg(Up, flag::SYN, 100, 0, 0), seg(Up, R, 101, 0, 0)];
    assert_eq!(told(&own), ("RSTOS0", "SR".into()));
    let by_server = [seg(Down, SA, 500, 101, 0), seg(Down, R, 501, 0, 0)];
    assert_eq!(told(&by_server), ("OTH", "HR".into()));
    let by_client = [seg(Down, SA, 500, 101, 0), seg(Up, R, 101, 0, 0)];
    assert_eq!(told(&by_client), ("REJ", "Hr".into()));
    assert_eq!(
        after_handshake(&[seg(Up, R, 101, 0, 0)]),
        ("RSTO", "ShAR".into())
    );
    assert_eq!(told(&[seg(Up, R, 101, 0, 0)]), ("OTH", "R".into()));
}

#[test]
fn one_direction_and_one_fin() {
    let up = [
        handshake()[0],
        seg(Up, A, 101, 501, 5),
        seg(Up, FA, 106, 501, 0),
    ];
    assert_eq!(told(&up), ("SH", "SDF".into()));
    assert_eq!(
        after_handshake(&[seg(Up, FA, 101, 501, 0)]),
        ("S2", "ShAF".into())
    );
    assert_eq!(
        after_handshake(&[seg(Down, FA, 501, 101, 0)]),
        ("S3", "ShAf".into())
    );
}

#[test]
fn the_first_segment_turns_round_at_a_server_port() {
    let mut data = seg(Down, A, 501, 101, 5);
    data.key.high_port = 80;
    assert_eq!(told(&[data]), ("OTH", "^d".into()));
    data.key.high_port = 8081;
    assert_eq!(told(&[data]), ("OTH", "D".into()));
}

#[test]
fn cut_payload_is_a_gap_once_it_is_acked() {
    let cut = |seq| Segment {
        payload_cut: true,
        ..seg(Down, A, seq, 101, 10)
    };
    let acked = |ack| seg(Up, A, 101, ack, 0);
    let mut all = Vec::new();
    for i in 0..10 {
        all.extend([cut(501 + 10 * i), acked(511 + 10 * i)]);
    }
    assert_eq!(after_handshake(&all[..18]), ("S1", "ShAdg".into()));
    assert_eq!(after_handshake(&all), ("S1", "ShAdgg".into()));
}

#[test]
fn a_history_longer_than_its_room() {
    let fins: Vec<_> = (0..20).map(|i| seg(Up, FA, 101 + i, 501, 0)).collect();
    let (state, history) = after_handshake(&fins);
    assert_eq!((state, history), ("S2", format!("ShA{}", "F".repeat(20))));
}

#[test]
fn silence_ends_a_record() {
    let at = |seconds: i64| Segment {
        ts: seconds * 1_000_000_000,
        ..seg(Up, A, 101, 501, 10)
    };
    assert_eq!(after_handshake(&[at(299)]), ("S1", "ShAD".into()));
    assert_eq!(after_handshake(&[at(301)]), ("S1", "ShA".into()));
    let syn = handshake()[0];
    let late = Segment {
        ts: 6_000_000_000,
        ..handshake()[1]
    };
    assert_eq!(told(&[syn, late]), ("S0", "S".into()));
}

prop_compose! {
    /// Segments as an established connection has them, with some that it has not.
    fn some_segment()(
        up in any::<bool>(),
        control in prop_oneof![20 => Just(0), 1 => Just(flag::FIN), 1 => Just(flag::RST), 1 => Just(flag::SYN)],
        acks in prop_oneof![20 => Just(flag::ACK), 1 => Just(0)],
        (seq, ack) in (0..30u32, 0..30u32),
        payload in prop_oneof![Just(0u32), Just(10), Just(20)],
        wait in prop_oneof![30 => 0..1_000_000_000i64, 1 => 0..400_000_000_000i64],
        (cut, window) in (any::<bool>(), prop_oneof![9 => Just(1000u16), 1 => Just(0)]),
    ) -> (Segment, i64) {
        let (dir, seq, ack) = if up {
            (Up, 101 + 10 * seq, 501 + 10 * ack)
        } else {
            (Down, 501 + 10 * seq, 101 + 10 * ack)
        };
        let mut segment = seg(dir, control | acks, seq, ack, payload);
        (segment.payload_cut, segment.window) = (cut && payload > 0, window);
        (segment, wait)
    }
}

proptest! {
    /// The short way for ordinary segments changes nothing but the time it takes.
    #[test]
    fn the_short_way_says_the_same(segments in prop::collection::vec(some_segment(), 0..200), in_order in any::<bool>()) {
        let (mut short, mut long) = (Zeek::default(), Zeek::default());
        let (mut now, mut next) = (0, [101, 501]);
        for (mut s, wait) in handshake().into_iter().map(|s| (s, 0)).chain(segments) {
            now += wait;
            s.ts = now;
            if in_order && s.flags == A {
                let (me, peer) = sides(s.dir);
                s.seq = Seq(next[me]);
                next[me] += s.payload;
                s.ack = Seq(next[peer]);
            }
            short.segment(&s);
            long.unusual(&s, (s.ts >> TICK_BITS) as u32);
            prop_assert_eq!(short.finish(), long.finish());
        }
    }

    /// Whatever comes, there is an answer, and its memory is bounded.
    #[test]
    fn nothing_breaks_it(segments in prop::collection::vec(any::<(bool, u16, u32, u32, u16, i64)>(), 0..300)) {
        let mut zeek = Zeek::default();
        for (up, flags, seq, ack, payload, ts) in segments {
            let dir = if up { Up } else { Down };
            let mut s = seg(dir, flags & 0x1ff, seq, ack, u32::from(payload));
            (s.ts, s.window) = (ts, payload);
            zeek.segment(&s);
        }
        let (state, history) = zeek.finish();
        prop_assert!(STATES.contains(&state));
        prop_assert!(history.len() <= 12 + MAX_LETTERS);
    }
}
