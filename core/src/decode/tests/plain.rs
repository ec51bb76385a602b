//! IP and TCP headers on plain Ethernet.

use super::build::*;
use super::*;
use crate::segment::{Dir, NO_WSCALE, flag, mark};
use crate::seq::Seq;

fn eth4(t: &Tcp) -> Vec<u8> {
    eth(0x0800, &tcp4(t))
}

fn eth6(t: &Tcp) -> Vec<u8> {
    eth(0x86dd, &tcp6(t))
}

#[test]
fn every_field_of_an_ipv4_segment_is_read() {
    let t = Tcp {
        flags: 0x1ff & !(flag::SYN | flag::FIN | flag::RST),
        payload: b"hello".to_vec(),
        ..Tcp::default()
    };
    let s = segment(ETHERNET, &eth4(&t));
    assert_eq!((s.ts, s.number), (1_000, 7));
    assert_eq!(s.dir, Dir::Up);
    assert_eq!(s.key.sender(Dir::Up), (A4.into(), 40_000));
    assert_eq!(s.key.sender(Dir::Down), (B4.into(), 443));
    assert_eq!(s.key.scope, 0);
    assert_eq!((s.seq, s.ack), (Seq(t.seq), Seq(t.ack)));
    assert_eq!((s.flags, s.window, s.payload), (t.flags, t.window, 5));
    assert_eq!((s.ip_id, s.ttl), (0x4242, 64));
    assert_eq!((s.mss, s.wscale, s.sack_permitted), (0, NO_WSCALE, false));
    assert_eq!((s.marks, s.tap), (mark::TAIL_SEEN, 0));
}

#[test]
fn every_field_of_an_ipv6_segment_is_read() {
    let t = Tcp {
        sport: 443,
        dport: 40_000,
        ..Tcp::default()
    };
    let s = segment(
        ETHERNET,
        &eth(0x86dd, &ip6_between(B6, A6, 6, &t.bytes(&B6, &A6))),
    );
    assert_eq!(s.dir, Dir::Down);
    assert_eq!(s.key.sender(Dir::Down), (B6.into(), 443));
    assert_eq!(s.key.sender(Dir::Up), (A6.into(), 40_000));
    assert_eq!((s.ip_id, s.ttl, s.payload), (0, 57, 0));
    assert_eq!(s.marks, mark::IPV6);
}

#[test]
fn padding_of_a_short_frame_is_no_payload() {
    for mut bytes in [eth4(&Tcp::default()), eth6(&Tcp::default())] {
        bytes.resize(bytes.len() + 9, 0xff);
        assert_eq!(segment(ETHERNET, &bytes).payload, 0);
    }
}

#[test]
fn a_length_of_zero_means_the_frame_says_it() {
    let t = Tcp {
        payload: vec![0; 3_000],
        flags: flag::ACK | flag::FIN,
        ..Tcp::default()
    };
    let mut v4 = eth4(&t);
    v4[16..18].fill(0);
    let mut v6 = eth6(&t);
    v6[18..20].fill(0);
    for bytes in [v4, v6] {
        let s = segment(ETHERNET, &bytes);
        assert_eq!(s.payload, 3_000);
        assert!(s.marked(mark::LEN_FROM_FRAME));
        // The same, cut by the snap length.
        let cut = &bytes[..96];
        let f = FrameRef {
            len: 96,
            ..frame(ETHERNET, &bytes)
        };
        match decode(&f, cut, 1) {
            Decoded::Segment(s) => assert_eq!((s.payload, s.flags), (3_000, t.flags)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_cut_frame_has_the_payload_that_its_ip_header_says() {
    let t = Tcp {
        payload: vec![1; 1_000],
        ..Tcp::default()
    };
    for (bytes, tcp_at) in [(eth4(&t), 34), (eth6(&t), 54)] {
        let whole = frame(ETHERNET, &bytes);
        for len in 0..bytes.len() {
            let f = FrameRef {
                len: len as u32,
                ..whole
            };
            match decode(&f, &bytes[..len], 1) {
                Decoded::Segment(s) => {
                    assert!(len >= tcp_at + 20, "{len}");
                    assert_eq!(s.payload, 1_000);
                    assert!(!s.marked(mark::TAIL_SEEN));
                }
                Decoded::Skip(skip) => {
                    let expected = match len {
                        _ if len < 14 => Skip::LinkCut,
                        _ if len < tcp_at => Skip::IpCut,
                        _ => Skip::TcpCut,
                    };
                    assert_eq!(skip, expected, "{len}");
                    assert!(len < tcp_at + 20, "{len}");
                }
                Decoded::Fragment(_) => panic!("no fragment"),
            }
        }
    }
}

#[test]
fn contradictions_have_names() {
    let good = eth4(&Tcp::default());
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        try_decode(ETHERNET, &bytes).map(|s| s.payload)
    };
    assert_eq!(with(14, 0x45), Ok(0));
    assert_eq!(with(14, 0x44), Err(Skip::IpBad), "header length 16");
    assert_eq!(with(14, 0x65), Err(Skip::IpBad), "version 6");
    assert_eq!(with(17, 19), Err(Skip::IpBad), "total length 19");
    assert_eq!(with(17, 39), Err(Skip::TcpBad), "no room for a TCP header");
    assert_eq!(with(46, 0x40), Err(Skip::TcpBad), "data offset 4");
    assert_eq!(
        with(46, 0x60),
        Err(Skip::TcpBad),
        "data offset beyond the packet"
    );
    assert_eq!(with(23, 17), Err(Skip::NotTcp), "UDP");
    assert_eq!(with(23, 50), Err(Skip::Encrypted), "ESP");
    assert_eq!(with(13, 0x06), Err(Skip::NotIp), "ARP");
    assert_eq!(
        try_decode(9_999, &good).map(|s| s.payload),
        Err(Skip::LinkType)
    );
}

#[test]
fn options_are_read() {
    let syn = Tcp {
        flags: flag::SYN,
        options: cat(&[
            &[2, 4, 5, 180],
            &[4, 2],
            &[8, 10, 1, 2, 3, 4, 5, 6, 7, 8],
            &[1, 3, 3, 7],
        ]),
        ..Tcp::default()
    };
    for bytes in [eth4(&syn), eth6(&syn)] {
        let s = segment(ETHERNET, &bytes);
        assert_eq!((s.mss, s.wscale, s.sack_permitted), (1_460, 7, true));
        assert_eq!((s.ts_val, s.ts_ecr), (0x0102_0304, 0x0506_0708));
        assert_eq!(s.marks & !mark::IPV6, mark::TIMESTAMPS);
    }
    let ack = Tcp {
        options: cat(&[
            &[1, 1, 8, 10],
            &[9; 8],
            &[1, 1, 5, 18],
            &[0xa; 4],
            &[0xb; 4],
            &[0xc; 8],
        ]),
        ..Tcp::default()
    };
    let s = segment(ETHERNET, &eth4(&ack));
    assert_eq!(
        (s.ts_val, s.sack),
        (0x0909_0909, (Seq(0x0a0a_0a0a), Seq(0x0b0b_0b0b)))
    );
    assert_eq!(s.marks, mark::TIMESTAMPS | mark::SACK);
}

#[test]
fn bad_options_are_marked_and_lose_nothing() {
    for bad in [
        &[2, 0, 1, 1][..],
        &[2, 1, 1, 1],
        &[2, 5, 1, 1],
        &[1, 1, 1, 8],
        &[3, 2, 1, 1],
        &[8, 9, 1, 1],
        &[5, 9, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let t = Tcp {
            options: bad.to_vec(),
            payload: b"x".to_vec(),
            ..Tcp::default()
        };
        let s = segment(ETHERNET, &eth4(&t));
        assert_eq!(s.marks & !mark::TAIL_SEEN, mark::OPTIONS_BAD, "{bad:?}");
        assert_eq!(s.payload, 1);
    }
    // END stops the reading, whatever follows.
    let t = Tcp {
        options: vec![0, 2, 0, 0],
        ..Tcp::default()
    };
    assert_eq!(segment(ETHERNET, &eth4(&t)).marks, 0);
}

#[test]
fn cut_options_are_marked_and_read_as_far_as_they_go() {
    let t = Tcp {
        options: cat(&[&[2, 4, 5, 180], &[1, 1, 8, 10], &[9; 8]]),
        ..Tcp::default()
    };
    let bytes = eth4(&t);
    for len in 54..bytes.len() {
        let s = segment_cut(&bytes, len);
        assert!(s.marked(mark::OPTIONS_CUT), "{len}");
        assert!(!s.marked(mark::OPTIONS_BAD | mark::TIMESTAMPS), "{len}");
        assert_eq!(s.mss, if len >= 58 { 1_460 } else { 0 }, "{len}");
    }
    assert_eq!(segment_cut(&bytes, bytes.len()).marks, mark::TIMESTAMPS);
}

fn segment_cut(bytes: &[u8], len: usize) -> Segment {
    let f = FrameRef {
        len: len as u32,
        ..frame(ETHERNET, bytes)
    };
    match decode(&f, &bytes[..len], 1) {
        Decoded::Segment(s) => s,
        other => panic!("{other:?}"),
    }
}

#[test]
fn checksums_are_judged_where_they_matter_or_cost_little() {
    let judged = |checksum, flags| {
        let t = Tcp {
            checksum,
            flags,
            payload: b"odd".to_vec(),
            ..Tcp::default()
        };
        let both = [eth4(&t), eth6(&t)];
        both.map(|b| segment(ETHERNET, &b).marks & (mark::BAD_CHECKSUM | mark::OFFLOADED_CHECKSUM))
    };
    for flags in [flag::SYN, flag::FIN | flag::ACK, flag::RST] {
        assert_eq!(judged(None, flags), [0, 0]);
        assert_eq!(judged(Some(0x1234), flags), [mark::BAD_CHECKSUM; 2]);
        assert_eq!(judged(Some(0), flags), [mark::OFFLOADED_CHECKSUM; 2]);
        for len in [0, 23] {
            let started = pseudo(&A4, &B4, len);
            for field in [started, !started] {
                assert_eq!(judged(Some(field), flags)[0], mark::OFFLOADED_CHECKSUM);
            }
            let started = pseudo(&A6, &B6, len);
            assert_eq!(judged(Some(started), flags)[1], mark::OFFLOADED_CHECKSUM);
        }
    }
    assert_eq!(judged(Some(0x1234), flag::ACK), [mark::BAD_CHECKSUM; 2]);
    for (len, marks) in [(0, 0), (236, mark::BAD_CHECKSUM), (237, 0)] {
        let t = Tcp {
            checksum: Some(0x1234),
            payload: vec![0; len],
            ..Tcp::default()
        };
        let s = segment(ETHERNET, &eth4(&t));
        assert_eq!(s.marks & !mark::TAIL_SEEN, marks, "{len}");
    }
    let t = Tcp {
        checksum: Some(0x1234),
        flags: flag::RST,
        payload: b"odd".to_vec(),
        ..Tcp::default()
    };
    let bytes = eth4(&t);
    assert_eq!(segment_cut(&bytes, bytes.len() - 1).marks, 0, "cut");
}

#[test]
fn layers_are_located() {
    let t = Tcp {
        options: vec![1, 1, 1, 1],
        payload: b"abc".to_vec(),
        ..Tcp::default()
    };
    let mut bytes = eth(0x8100, &tag(10, 0x0800, &tcp4(&t)));
    bytes.extend([0; 4]);
    let l = layers(ETHERNET, &bytes);
    assert_eq!((l.ip, l.tcp, l.payload), (18..38, 38..62, 62..65));
    assert_eq!(l.scope.to_string(), "vlan:10");
}
