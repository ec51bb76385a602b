//! pcapng, made by hand.

use super::super::pcapng::Clock;
use super::build::{ORDERS, Order, Pcapng, motley};
use super::{Frame, read, whole};
use crate::error::CaptureError;

fn frame(number: u64, ts: i64, wire: u32, link: u16, interface: u16, body: &[u8]) -> Frame {
    Frame {
        number,
        ts,
        wire,
        link,
        interface,
        body: body.to_vec(),
    }
}

#[test]
fn sections_interfaces_and_every_kind_of_packet() {
    let want = [
        frame(1, 1_700_000_000_123_456_000, 60, 1, 0, b"first"),
        // The custom block: numbered, but no packet.
        frame(2, 1_700_000_000_123_456_000, 0, u16::MAX, 0, b""),
        frame(3, 1_700_000_001_123_456_789, 70, 113, 1, b"second one"),
        frame(4, 1_700_000_001_123_456_789, 4, 1, 0, b"abcd"),
        frame(5, 1_700_003_602_000_000_000, 80, 101, 0, b"3rd"),
        frame(6, 1_700_003_603_500_000_000, 9, 101, 0, b"the obsolete"),
        // Its interface keeps three bytes of a frame.
        frame(7, 1_700_003_603_500_000_000, 12, 101, 0, b"sim"),
    ];
    assert_eq!(whole(&motley()), want);
}

#[test]
fn either_byte_order() {
    for order in ORDERS {
        let file = Pcapng::new(order)
            .interface(1, 65535, &[(9, &[9])])
            .enhanced(0, 5_000_000_007, 99, b"x")
            .bytes;
        assert_eq!(whole(&file), [frame(1, 5_000_000_007, 99, 1, 0, b"x")]);
    }
}

#[test]
fn resolutions() {
    for (resolution, ticks, ns) in [
        (0, 3, 3_000_000_000),
        (3, 1_234, 1_234_000_000),
        (6, 1_234, 1_234_000),
        (9, 1_234, 1_234),
        (10, 1_239, 123),
        (12, 1_234_999, 1_234),
        (28, u64::MAX, 1),
        (29, u64::MAX, 0),
        (127, u64::MAX, 0),
        (0x80, 3, 3_000_000_000),
        (0x80 | 10, 1024 + 512, 1_500_000_000),
        (0x80 | 30, 1 << 30, 1_000_000_000),
        (0x80 | 63, 1 << 63, 1_000_000_000),
        (0x80 | 127, u64::MAX, 0),
        (0, u64::MAX, i64::MAX),
        (0x80, u64::MAX, i64::MAX),
        (9, u64::MAX, i64::MAX),
    ] {
        let got = Clock::of(resolution).nanoseconds(ticks);
        assert_eq!(got, ns, "{ticks} ticks at if_tsresol {resolution:#x}");
    }
}

#[test]
fn offsets_saturate() {
    for (seconds, ticks, want) in [
        (i64::MAX, 1, i64::MAX),
        (i64::MIN, 1, i64::MIN + 1000),
        (-1, 0, -1_000_000_000),
        (i64::MAX, u64::MAX, i64::MAX),
    ] {
        let file = Pcapng::new(Order::Big)
            .interface(1, 0, &[(14, &seconds.to_be_bytes())])
            .enhanced(0, ticks, 1, b"x")
            .bytes;
        assert_eq!(whole(&file)[0].ts, want);
    }
}

/// The error of a file whose first frame is good.
fn broken(file: &Pcapng, at: usize, says: &str) -> CaptureError {
    let (frames, error) = read(&file.bytes);
    let error = error.unwrap();
    assert_eq!(frames.len(), 1, "the frame before the break");
    assert_eq!(error.offset, at as u64, "{error}");
    assert!(error.message.contains(says), "{error}");
    error
}

fn one(order: Order) -> Pcapng {
    Pcapng::new(order)
        .interface(1, 0, &[])
        .enhanced(0, 1, 1, b"x")
}

#[test]
fn lengths_that_do_not_fit() {
    for order in ORDERS {
        let good = one(order);
        let at = good.bytes.len();
        let after = |tail: &[&[u8]]| {
            let mut file = good.clone();
            file.bytes.extend(tail.concat());
            file
        };
        let u32 = |n| order.u32(n);
        let short = after(&[&u32(6), &u32(8), &u32(8)]);
        broken(&short, at + 4, "8 bytes long, but none is shorter than 12");
        let long = after(&[&u32(6), &u32(u32::MAX), &u32(8)]);
        broken(&long, at + 4, "4294967295 bytes long, more than");
        let ends = after(&[&u32(99), &u32(16), &u32(0), &u32(20)]);
        broken(&ends, at + 12, "is 16 bytes long and ends by saying 20");
        let ends = after(&[&u32(6), &u32(36), &[0; 24], &u32(20)]);
        broken(&ends, at + 32, "is 36 bytes long and ends by saying 20");
        let passed = after(&[&u32(99), &u32(u32::MAX - 3), &u32(0)]);
        broken(&passed, at, "4294967280 bytes early");
        let header = after(&[&u32(99), &[16]]);
        broken(&header, at, "inside a block header, after 5 of 8 bytes");
        let inside = after(&[&u32(6), &u32(64), &[0; 8]]);
        broken(&inside, at, "inside a block, after 16 of 64 bytes");
    }
}

#[test]
fn blocks_that_contradict_themselves() {
    let order = Order::Little;
    let good = one(order);
    let at = good.bytes.len();
    let with = |kind, body: &[u8]| good.clone().block(kind, body);
    broken(&with(6, &[0; 16]), at + 4, "packet block is 28 bytes long");
    broken(&with(3, &[]), at + 4, "simple packet block is 12 bytes");
    broken(
        &with(1, &[0; 4]),
        at + 4,
        "interface description block is 16",
    );
    broken(&with(0x0a0d_0d0a, &[0; 16]), at + 8, "magic 0x00000000");

    let mut body = [0; 24];
    body[12] = 5;
    broken(
        &with(6, &body),
        at + 20,
        "5 bytes were captured, but its block has room for 4",
    );
    body[0] = 1;
    broken(
        &with(6, &body),
        at + 8,
        "interface 1, but its section has described 1",
    );
    broken(
        &with(3, &[5, 0, 0, 0, 1, 2, 3, 4]),
        at + 8,
        "is 5 bytes long, but its block has room for 4",
    );

    let version = [&order.u32(0x1a2b_3c4d)[..], &[2, 0, 0, 0], &[0xff; 8]].concat();
    broken(&with(0x0a0d_0d0a, &version), at + 12, "pcapng version 2.0");

    let options = good.clone().interface(1, 0, &[(9, &[6, 6])]);
    broken(&options, at + 16, "option 9 of an interface");
    let mut overrun = good.clone().interface(1, 0, &[(2, b"eth0")]);
    overrun.bytes[at + 18] = 200;
    broken(&overrun, at + 16, "impossible length of 200 bytes");
}

#[test]
fn a_new_section_forgets_the_interfaces_of_the_last() {
    let file = one(Order::Little);
    let at = file.bytes.len();
    let file = file.section(Order::Big).simple(1, b"x");
    broken(
        &file,
        at + 28 + 8,
        "interface 0, but its section has described 0",
    );
}

#[test]
fn a_length_that_leaves_out_the_padding() {
    let mut file = one(Order::Little).bytes;
    file.extend([6, 0, 0, 0, 35, 0, 0, 0]);
    file.extend([0; 12]);
    file.extend([3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 0]);
    file.extend([35, 0, 0, 0]);
    let frames = whole(&file);
    assert_eq!(frames[1].body, [1, 2, 3]);
}

#[test]
fn many_interfaces() {
    let mut file = Pcapng::new(Order::Little);
    for link in 0..65536 {
        file = file.interface(link as u16, 0, &[]);
    }
    let file = file.enhanced(65535, 1, 1, b"x");
    let got = whole(&file.bytes);
    assert_eq!((got[0].interface, got[0].link), (65535, 65535));
    let at = file.bytes.len();
    broken(&file.interface(1, 0, &[]), at, "more than 65536 interfaces");
}

#[test]
fn long_blocks_are_passed_over_without_being_held() {
    let file = one(Order::Big)
        .block(99, &vec![1; 20 << 20])
        .enhanced(0, 2, 3, b"yz");
    let frames = whole(&file.bytes);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1].body, b"yz");
}
