//! The number of threads changes nothing but the time.

use finwait_core::engine::{Options, Progress, Watch, run};
use finwait_core::verdict::row::Row;
use std::io::Write;
use std::path::Path;

struct Go;

impl Watch for Go {
    fn tick(&mut self, _: Progress) -> bool {
        true
    }
}

/// Numbers from a seed (xorshift64*, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }
}

/// A capture of `frames` frames among a few hundred tuples: handshakes, data, FINs, RSTs, repeats,
/// gaps and fragments in any order, so that every kind of state lies across the batches.
fn capture(seed: u64, frames: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65535, 101] {
        out.extend(word.to_le_bytes());
    }
    let mut next = vec![[0u32; 2]; 400];
    let mut halves: Vec<Vec<u8>> = Vec::new();
    for n in 0..frames {
        let packet = if dice.next(50) == 0 && !halves.is_empty() {
            halves.swap_remove(dice.next(halves.len() as u64) as usize)
        } else {
            let packet = segment(&mut dice, &mut next, n as u16);
            if packet.len() > 80 && dice.next(40) == 0 {
                let [first, second] = fragments(&packet);
                halves.push(second);
                first
            } else {
                packet
            }
        };
        let us = n as u64 * 700;
        for word in [
            (us / 1_000_000) as u32,
            (us % 1_000_000) as u32,
            packet.len() as u32,
            packet.len() as u32,
        ] {
            out.extend(word.to_le_bytes());
        }
        out.extend(packet);
    }
    out
}

fn segment(dice: &mut Dice, next: &mut [[u32; 2]], id: u16) -> Vec<u8> {
    let flow = dice.next(next.len() as u64) as usize;
    let side = dice.next(2) as usize;
    let flags = match dice.next(40) {
        0 => 0x02,
        1 => 0x12,
        2 | 3 => 0x11,
        4 => 0x04,
        5 => 0x14,
        _ => 0x10,
    };
    let len = if dice.next(2) == 0 {
        0
    } else {
        dice.next(280) as usize
    };
    let wobble = if dice.next(12) == 0 {
        dice.next(600) as u32
    } else {
        0
    };
    let seq = next[flow][side].wrapping_sub(wobble);
    let ack = next[flow][side ^ 1].wrapping_sub(if dice.next(5) == 0 { 100 } else { 0 });
    next[flow][side] = seq.wrapping_add(len as u32 + u32::from(flags & 3 != 0));
    let mut p = vec![0x45, 0];
    p.extend(((40 + len) as u16).to_be_bytes());
    p.extend(id.to_be_bytes());
    p.extend([0, 0, 64, 6, 0, 0]);
    let hosts = [
        [192, 0, 2, (flow % 200) as u8],
        [198, 51, 100, (flow / 200) as u8],
    ];
    p.extend(hosts[side]);
    p.extend(hosts[side ^ 1]);
    let ports = [40_000 + flow as u16, 80];
    p.extend(ports[side].to_be_bytes());
    p.extend(ports[side ^ 1].to_be_bytes());
    p.extend(seq.to_be_bytes());
    p.extend(ack.to_be_bytes());
    p.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend(std::iter::repeat_n(b'x', len));
    p
}

/// The packet in two IP fragments.
fn fragments(packet: &[u8]) -> [Vec<u8>; 2] {
    const CUT: usize = 48;
    let mut halves = [
        packet[..20 + CUT].to_vec(),
        [&packet[..20], &packet[20 + CUT..]].concat(),
    ];
    for (i, half) in halves.iter_mut().enumerate() {
        let len = half.len() as u16;
        half[2..4].copy_from_slice(&len.to_be_bytes());
        half[6..8]
            .copy_from_slice(&(if i == 0 { 0x2000u16 } else { (CUT / 8) as u16 }).to_be_bytes());
    }
    halves
}

fn rows(path: &Path, threads: usize) -> (Vec<Row>, [u64; 3]) {
    let options = Options {
        joined: false,
        threads,
        max_connections: 0,
    };
    let report = run(&[path.display().to_string()], options, &mut Go);
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let counts = [
        report.counts.frames,
        report.counts.used,
        report.counts.skipped.total(),
    ];
    (report.rows().collect(), counts)
}

#[test]
fn threads_do_not_change_the_rows() {
    let path = std::env::temp_dir().join(format!("finwait-threads-{}.pcap", std::process::id()));
    // above the size from which more than one thread is used
    std::fs::File::create(&path)
        .and_then(|mut f| f.write_all(&capture(20_261_122, 90_000)))
        .expect("written");
    let (one, counts) = rows(&path, 1);
    assert!(std::fs::metadata(&path).expect("there").len() > 8 << 20);
    assert!(one.len() > 1000, "{} rows", one.len());
    assert_eq!(counts[0], 90_000);
    assert_eq!(
        counts[0],
        counts[1] + counts[2],
        "what was read was used or skipped"
    );
    for threads in [2, 3, 5] {
        let (more, more_counts) = rows(&path, threads);
        assert_eq!(counts, more_counts);
        assert_eq!(one.len(), more.len());
        for (a, b) in one.iter().zip(&more) {
            assert_eq!(a, b, "with {threads} threads");
        }
    }
    std::fs::remove_file(&path).expect("removed");
}
