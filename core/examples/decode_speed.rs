//! How long decoding takes, with everything in cache:
//! `cargo run --release --example decode_speed`.

use finwait_core::decode::{Found, decode_into};
use finwait_core::frame::FrameRef;
use finwait_core::segment::Segment;
use std::hint::black_box;
use std::time::Instant;

/// One frame: Ethernet, `tags` VLAN tags, IPv4 or IPv6, TCP with timestamps, `payload` bytes.
fn frame(tags: usize, v6: bool, flags: u8, payload: usize, n: u8) -> Vec<u8> {
    let mut b = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for _ in 0..tags {
        b.extend([0x81, 0, 0, 10]);
    }
    let tcp_len = (32 + payload) as u16;
    if v6 {
        b.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        b.extend(tcp_len.to_be_bytes());
        b.extend([6, 64]);
        b.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]);
        b.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, !n]);
    } else {
        b.extend([0x08, 0, 0x45, 0]);
        b.extend((tcp_len + 20).to_be_bytes());
        b.extend([0, n, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, n, 10, 0, 0, !n]);
    }
    b.extend([0x9c, 0x40, 1, 187]);
    b.extend([1, 2, 3, n, 5, 6, 7, n, 0x80, flags, 1, 0, 0, 0, 0, 0]);
    b.extend([1, 1, 8, 10, 0, 0, 0, n, 0, 0, 0, n]);
    b.resize(b.len() + payload, 0x17);
    b
}

fn measure(name: &str, make: impl Fn(u8) -> Vec<u8>) {
    /// The best of many short rounds: what other programs do to the machine falls out.
    const ROUNDS: u32 = 5_000;
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for n in 0..=255u8 {
        let one = make(n);
        frames.push(FrameRef {
            ts: i64::from(n),
            start: bytes.len() as u32,
            len: one.len() as u32,
            wire_len: one.len() as u32,
            link: 1,
            interface: 0,
        });
        bytes.extend(one);
    }
    let mut segment = Segment::default();
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for (f, number) in frames.iter().zip(1..) {
            let slice = &bytes[f.start as usize..(f.start + f.len) as usize];
            if let Found::Segment = decode_into(f, slice, number, &mut segment) {
                black_box(&segment);
            }
        }
        let spent = start.elapsed().as_nanos() as f64;
        best = best.min(spent / frames.len() as f64);
    }
    println!("{best:6.1} ns  {name}");
}

fn main() {
    const ACK: u8 = 0x10;
    const PSH_ACK: u8 = 0x18;
    measure("IPv4, ACK without payload", |n| frame(0, false, ACK, 0, n));
    measure("IPv4, 1,448 bytes, no PSH", |n| {
        frame(0, false, ACK, 1_448, n)
    });
    measure("IPv4, 100 bytes, PSH", |n| frame(0, false, PSH_ACK, 100, n));
    measure("IPv4, FIN with 100 bytes", |n| {
        frame(0, false, 0x11, 100, n)
    });
    measure("IPv4, RST without payload", |n| frame(0, false, 0x04, 0, n));
    measure("IPv6, ACK without payload", |n| frame(0, true, ACK, 0, n));
    measure("one VLAN tag, IPv4, ACK", |n| frame(1, false, ACK, 0, n));
    measure("two VLAN tags, IPv6, ACK", |n| frame(2, true, ACK, 0, n));
}
