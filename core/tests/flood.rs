//! Ten million SYNs of different tuples: memory stays within the limit, and every one is told.

use finwait_core::segment::{FlowKey, Segment, flag, from_v4};
use finwait_core::seq::Seq;
use finwait_core::track::conn::Conn;
use finwait_core::track::{Sink, Tracker};
use finwait_core::verdict::row::Row;

const SYNS: u32 = 10_000_000;
const LIMIT: usize = 20_000;

#[derive(Default)]
struct Count {
    told: u64,
    latest: i64,
}

impl Sink for Count {
    fn ended(&mut self, conn: &Conn, now: i64) {
        // a row now and then: each one costs more than the tracking, and they are all alike
        if self.told.is_multiple_of(1000) {
            let row = Row::new(conn, now);
            assert_eq!(row.close.slug(), "unanswered");
        }
        self.told += 1;
        self.latest = self.latest.max(conn.last_ts);
    }
}

/// Resident memory in bytes (proc(5), statm, pages of 4 KiB); 0 where there is no such file.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|n| n.parse().ok());
    pages.unwrap_or(0) * 4096
}

#[test]
fn a_syn_flood_stays_within_its_limit() {
    let mut tracker = Tracker::new(LIMIT, Default::default());
    let mut count = Count::default();
    let mut after_first = 0;
    for n in 0..SYNS {
        let (key, dir) = FlowKey::new(
            from_v4(n),
            from_v4(0xc633_6401),
            (n >> 16) as u16 | 1024,
            80,
            0,
        );
        let seg = Segment {
            key,
            dir,
            ts: i64::from(n) * 1000,
            number: u64::from(n) + 1,
            seq: Seq(n),
            flags: flag::SYN,
            ..Segment::default()
        };
        tracker.segment(&seg, 0, &mut count);
        assert!(tracker.held() <= LIMIT);
        if n as usize == 2 * LIMIT {
            after_first = resident();
        }
    }
    let grown = resident().saturating_sub(after_first);
    assert!(grown < 8 << 20, "grew by {grown} bytes");
    assert_eq!(tracker.evicted, count.told);
    tracker.finish(i64::from(SYNS) * 1000, &mut count);
    assert_eq!(count.told, u64::from(SYNS));
    assert_eq!(tracker.begun, u64::from(SYNS));
}
