//! Segments in a small world of few ends and near numbers, so that they mean something to each
//! other. The input is eight bytes a segment.
#![no_main]

use finwait_core::segment::{FlowKey, Segment, from_v4};
use finwait_core::seq::Seq;
use finwait_core::track::conn::Conn;
use finwait_core::track::{Sink, Tracker};
use finwait_core::verdict::across::Across;
use finwait_core::verdict::row::Row;
use libfuzzer_sys::fuzz_target;

/// Few, so that the limit is met.
const LIMIT: usize = 16;

#[derive(Default)]
struct Ended {
    rows: Vec<Row>,
    across: Across,
}

impl Sink for Ended {
    fn ended(&mut self, conn: &Conn, now: i64) {
        let row = Row::new(conn, now);
        self.across.add(&row);
        self.rows.push(row);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut tracker = Tracker::new(LIMIT, foldhash::quality::RandomState::default());
    let mut ended = Ended::default();
    let mut now = 0_i64;
    for (number, b) in (1..).zip(data.chunks_exact(8)) {
        // Times mostly go on, by up to 128 s, and now and then back.
        now = now.saturating_add(i64::from(b[0] as i8) << (b[1] & 0x1f));
        let ends = [(10, 40000 + u16::from(b[2] & 0x1f)), (20, 80)];
        let [from, to] = if b[2] & 0x80 == 0 {
            ends
        } else {
            [ends[1], ends[0]]
        };
        // In one of four VLANs, so that directions part and are joined.
        let scope = u32::from(b[2] >> 5 & 3);
        let (key, dir) = FlowKey::new(from_v4(from.0), from_v4(to.0), from.1, to.1, scope);
        // Numbers near the wrap, so that it is crossed.
        let near = |byte: u8| Seq(0xffff_ffc0_u32.wrapping_add(u32::from(byte)));
        let segment = Segment {
            ts: now,
            number,
            key,
            dir,
            seq: near(b[3]),
            ack: near(b[4]),
            payload: u32::from(b[5] & 0x3f) << (b[5] >> 6 << 2),
            flags: u16::from(b[6]),
            window: u16::from(b[7]) << 4,
            ttl: 60 + (b[1] >> 6),
            ip_id: u16::from(b[7]),
            tap: u16::from(b[1] >> 5 & 1),
            ..Segment::default()
        };
        tracker.segment(&segment, 0, &mut ended);
        assert!(tracker.held() <= LIMIT);
        if b[7] == 0 {
            tracker.flush_finished(1 << 30, &mut ended);
        }
    }
    let now = tracker.now();
    tracker.finish(now, &mut ended);
    assert_eq!(ended.rows.len() as u64, tracker.begun);
    ended.across.settle();
    for row in &mut ended.rows {
        ended.across.judge(row);
        assert!(row.first_ts <= row.last_ts);
    }
});
