//! Packets inside packets.

use super::build::*;
use super::*;
use crate::segment::mark;

/// An inner packet that no outer header could be taken for.
fn inner() -> (Tcp, [u8; 4], [u8; 4]) {
    let t = Tcp {
        sport: 1_234,
        dport: 80,
        payload: b"inner".to_vec(),
        ..Tcp::default()
    };
    (t, [192, 168, 7, 1], [192, 168, 7, 2])
}

fn inner4() -> Vec<u8> {
    let (t, a, b) = inner();
    ip4_with((a, b), 6, 1, 0, &[], &t.bytes(&a, &b))
}

/// The inner packet is found, under this scope.
#[track_caller]
fn finds(bytes: &[u8], scope: &str) {
    let s = segment(ETHERNET, bytes);
    let (t, a, b) = inner();
    assert_eq!(s.key.sender(s.dir), (a.into(), t.sport));
    assert_eq!(s.key.sender(s.dir.flip()), (b.into(), t.dport));
    assert_eq!(s.payload, 5);
    let l = layers(ETHERNET, bytes);
    assert_eq!(l.scope.to_string(), scope);
    assert_eq!(&bytes[l.payload], b"inner");
    let mut names = ScopeNames::default();
    names.learn(s.key.scope, || Some(l.scope));
    assert_eq!(names.name(s.key.scope).unwrap_or_default(), scope);
}

#[test]
fn vxlan_by_both_ports() {
    let body = cat(&[&[8, 0, 0, 0, 0, 0, 7, 0], &eth(0x0800, &inner4())]);
    for port in [4_789, 8_472] {
        finds(&eth(0x0800, &ip4(17, &udp(50_000, port, &body))), "vxlan:7");
        finds(&eth(0x86dd, &ip6(17, &udp(50_000, port, &body))), "vxlan:7");
    }
    let tagged = tag(10, 0x0800, &ip4(17, &udp(50_000, 4_789, &body)));
    finds(&eth(0x8100, &tagged), "vlan:10/vxlan:7");
    let no_vni = cat(&[&[0, 0, 0, 0, 0, 0, 7, 0], &eth(0x0800, &inner4())]);
    let bytes = eth(0x0800, &ip4(17, &udp(50_000, 4_789, &no_vni)));
    assert_eq!(try_decode(ETHERNET, &bytes).err(), Some(Skip::NotTcp));
}

#[test]
fn ipv6_extension_headers() {
    let t = Tcp::default();
    let tcp = t.bytes(&A6, &B6);
    let chain = ext(60, &[1, 4, 0, 0, 0, 0]);
    let chain = cat(&[&chain, &ext(135, &[0; 14]), &ext(6, &[1, 12]), &tcp]);
    let s = segment(ETHERNET, &eth(0x86dd, &ip6(0, &chain)));
    assert_eq!((s.payload, s.marks), (0, mark::IPV6));
    assert_eq!(s.key.sender(s.dir), (A6.into(), t.sport));
}

fn inner6() -> Vec<u8> {
    let (t, _, _) = inner();
    ip6(6, &t.bytes(&A6, &B6))
}

/// The inner IPv4 packet is found in GRE with this header, under this scope.
#[track_caller]
fn gre(header: &[u8], body: &[u8], scope: &str) {
    let packet = cat(&[header, body]);
    finds(&eth(0x0800, &ip4(47, &packet)), scope);
    finds(&eth(0x86dd, &ip6(47, &packet)), scope);
}

#[test]
fn gre_with_every_flag() {
    let ip = inner4();
    gre(&[0, 0, 8, 0], &ip, "");
    gre(&[0x80, 0, 8, 0, 1, 2, 0, 0], &ip, "");
    gre(&[0x20, 0, 8, 0, 0, 0, 1, 0], &ip, "gre:256");
    gre(&[0x10, 0, 8, 0, 0, 0, 0, 9], &ip, "");
    let all = [
        0xb0, 0, 8, 0, 1, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9,
    ];
    gre(&all, &ip, "gre:4294967295");
    gre(&[0, 0, 0x88, 0x47, 0, 1, 1, 64], &ip, "");
    gre(&[0, 0, 0x65, 0x58], &eth(0x0800, &ip), "");
    // WCCP, with and without the redirect header of version 2.
    gre(&[0, 0, 0x88, 0x3e], &ip, "");
    gre(&[0, 0, 0x88, 0x3e, 0, 1, 0, 0], &ip, "");
    // PPTP: key (payload length, call id) is no scope; sequence and acknowledgment.
    gre(
        &[
            0x30, 0x81, 0x88, 0x0b, 0, 50, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21,
        ],
        &ip,
        "",
    );
    gre(
        &[0x30, 0x01, 0x88, 0x0b, 0, 50, 0, 7, 0, 0, 0, 1, 0x21],
        &ip,
        "",
    );
    for other in [
        &[0x40, 0, 8, 0, 0, 0, 0, 0][..],
        &[0, 2, 8, 0],
        &[0, 0, 0, 0],
        &[0, 0, 8],
    ] {
        let bytes = eth(0x0800, &ip4(47, other));
        assert_eq!(try_decode(ETHERNET, &bytes), Err(Skip::NotTcp), "{other:?}");
    }
}

#[test]
fn nvgre_flows_are_no_scope_but_small_keys_are() {
    let bridged = eth(0x0800, &inner4());
    gre(
        &[0x20, 0, 0x65, 0x58, 0, 0x10, 0, 0xaa],
        &bridged,
        "nvgre:4096",
    );
    gre(
        &[0x20, 0, 0x65, 0x58, 0, 0x10, 0, 0xbb],
        &bridged,
        "nvgre:4096",
    );
    gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 2], &bridged, "gre:2");
}

#[test]
fn erspan_of_all_types() {
    let mirrored = eth(0x0800, &inner4());
    let second = |session| {
        let h = [
            0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, session, 0, 0, 0, 0,
        ];
        cat(&[&h, &mirrored])
    };
    gre(&[0, 0, 0x88, 0xbe], &mirrored, "");
    gre(&second(1), &[], "");
    let tap = |session| segment(ETHERNET, &eth(0x0800, &ip4(47, &second(session)))).tap;
    assert_ne!(tap(1), tap(2), "two sessions are two places");
    let third = |last: &[u8]| {
        cat(&[
            &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 1, 0, 0, 0, 0],
            last,
        ])
    };
    gre(&third(&[0, 0, 0, 0]), &mirrored, "");
    gre(&third(&[0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]), &mirrored, "");
    gre(&third(&[0, 0, 0x08, 0]), &inner4(), "");
}

#[test]
fn ip_in_ip() {
    finds(&eth(0x0800, &ip4(4, &inner4())), "");
    finds(&eth(0x86dd, &ip6(4, &inner4())), "");
    finds(
        &eth(0x0800, &ip4(137, &cat(&[&[0, 1, 1, 64], &inner4()]))),
        "",
    );
    finds(
        &eth(
            0x0800,
            &ip4(97, &cat(&[&[0x30, 0], &eth(0x0800, &inner4())])),
        ),
        "",
    );
    finds(&eth(0x86dd, &ip6(143, &eth(0x0800, &inner4()))), "");
    let six = segment(ETHERNET, &eth(0x0800, &ip4(41, &inner6())));
    assert!(six.marked(mark::IPV6));
    assert_eq!(six.key.sender(six.dir), (A6.into(), 1_234));
    assert_eq!(
        (six.ttl, six.ip_id, six.payload),
        (57, 0, 5),
        "of the inner header"
    );
}

#[test]
fn geneve_with_and_without_options() {
    for options in [0, 1, 63] {
        let mut header = vec![options, 0, 0x65, 0x58, 0, 1, 0, 0];
        header.resize(8 + usize::from(options) * 4, 0xee);
        let body = cat(&[&header, &eth(0x0800, &inner4())]);
        finds(
            &eth(0x0800, &ip4(17, &udp(50_000, 6_081, &body))),
            "geneve:256",
        );
    }
    let bare = cat(&[&[0, 0, 8, 0, 0, 0, 9, 0], &inner4()]);
    finds(
        &eth(0x0800, &ip4(17, &udp(50_000, 6_081, &bare))),
        "geneve:9",
    );
    let version_1 = cat(&[&[0x40, 0, 8, 0, 0, 0, 9, 0], &inner4()]);
    let bytes = eth(0x0800, &ip4(17, &udp(50_000, 6_081, &version_1)));
    assert_eq!(try_decode(ETHERNET, &bytes), Err(Skip::NotTcp));
}

#[test]
fn vxlan_gpe_names_what_follows() {
    let frame = eth(0x0800, &inner4());
    for (flags, next, body) in [(0x0c, 1, &inner4()), (0x0c, 3, &frame), (0x08, 0, &frame)] {
        let body = cat(&[&[flags, 0, 0, next, 0, 0, 3, 0], body]);
        finds(
            &eth(0x0800, &ip4(17, &udp(50_000, 4_790, &body))),
            "vxlan:3",
        );
    }
}

#[test]
fn gtp_with_options_and_extensions() {
    let plain = [0x30, 0xff, 0, 45, 0, 0, 0, 7];
    let sequence = [0x32, 0xff, 0, 49, 0, 0, 0, 7, 0, 1, 0, 0];
    let container = [0x34, 0xff, 0, 53, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0x10, 9, 0];
    let two = [
        0x34, 0xff, 0, 57, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 0, 0xc0, 1, 0, 0, 0,
    ];
    for header in [&plain[..], &sequence, &container, &two] {
        let body = cat(&[header, &inner4()]);
        finds(&eth(0x0800, &ip4(17, &udp(50_000, 2_152, &body))), "");
        finds(&eth(0x86dd, &ip6(17, &udp(2_152, 50_000, &body))), "");
    }
    let echo = [0x30, 1, 0, 45, 0, 0, 0, 7];
    let endless = cat(&[&[0x34, 0xff, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0x85], &[1; 200]]);
    let no_length = [0x34, 0xff, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0x85, 0, 0, 0, 0];
    for (header, skip) in [
        (&echo[..], Skip::NotTcp),
        (&endless, Skip::Nested),
        (&no_length, Skip::NotTcp),
    ] {
        let body = cat(&[header, &inner4()]);
        let bytes = eth(0x0800, &ip4(17, &udp(50_000, 2_152, &body)));
        assert_eq!(try_decode(ETHERNET, &bytes), Err(skip));
    }
}

#[test]
fn teredo_and_mpls_in_udp() {
    let origin = [0, 0, 1, 2, 3, 4, 5, 6];
    let auth = [0, 1, 1, 2, 9, 8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    for before in [&[][..], &origin, &auth, &cat(&[&auth, &origin])] {
        let body = cat(&[before, &inner6()]);
        let s = segment(ETHERNET, &eth(0x0800, &ip4(17, &udp(3_544, 50_000, &body))));
        assert_eq!(s.key.sender(s.dir), (A6.into(), 1_234));
    }
    let labelled = cat(&[&[0, 1, 1, 64], &inner4()]);
    finds(&eth(0x0800, &ip4(17, &udp(50_000, 6_635, &labelled))), "");
}

#[test]
fn what_cannot_be_read_is_named() {
    let udp4 = |port, body: &[u8]| eth(0x0800, &ip4(17, &udp(port, port, body)));
    assert_eq!(try_decode(1, &udp4(53, &inner4())), Err(Skip::NotTcp));
    assert_eq!(
        try_decode(1, &udp4(4_500, &[1, 2, 3, 4])),
        Err(Skip::Encrypted)
    );
    assert_eq!(
        try_decode(1, &udp4(4_500, &[0, 0, 0, 0])),
        Err(Skip::NotTcp)
    );
    assert_eq!(
        try_decode(1, &eth(0x86dd, &ip6(50, &[0; 40]))),
        Err(Skip::Encrypted)
    );
    assert_eq!(
        try_decode(1, &eth(0x86dd, &ip6(59, &[]))),
        Err(Skip::NotTcp)
    );
    // ARP inside VXLAN: the frame has an IP packet, but it is not TCP.
    let arp = cat(&[&[8, 0, 0, 0, 0, 0, 7, 0], &eth(0x0806, &[0; 28])]);
    assert_eq!(try_decode(1, &udp4(4_789, &arp)), Err(Skip::NotTcp));
}

#[test]
fn deep_nests_end() {
    let mut packet = inner4();
    for _ in 0..12 {
        packet = ip4(4, &packet);
    }
    finds(&eth(0x0800, &packet), "");
    for _ in 0..30 {
        packet = ip4(4, &packet);
    }
    assert_eq!(try_decode(1, &eth(0x0800, &packet)), Err(Skip::Nested));
    let mut chain = ext(6, &[0; 6]);
    for _ in 0..40 {
        chain = cat(&[&ext(60, &[0; 6]), &chain]);
    }
    assert_eq!(
        try_decode(1, &eth(0x86dd, &ip6(60, &chain))),
        Err(Skip::Nested)
    );
}

#[test]
fn authentication_headers_are_passed() {
    let t = Tcp::default();
    let ah = |next: u8| cat(&[&[next, 4, 0, 0], &[9; 20]]);
    let s = segment(
        1,
        &eth(0x0800, &ip4(51, &cat(&[&ah(6), &t.bytes(&A4, &B4)]))),
    );
    assert_eq!((s.seq.0, s.payload), (t.seq, 0));
    let s = segment(
        1,
        &eth(0x86dd, &ip6(51, &cat(&[&ah(6), &t.bytes(&A6, &B6)]))),
    );
    assert_eq!((s.seq.0, s.payload), (t.seq, 0));
}

#[test]
fn a_routing_header_names_the_last_stop() {
    const STOP: [u8; 16] = [0xfd; 16];
    let t = Tcp {
        flags: 2,
        ..Tcp::default()
    };
    let tcp = t.bytes(&A6, &B6);
    let route = |kind: u8, left: u8, list: &[&[u8]]| {
        let body = cat(&[&[kind, left, 0, 0, 0, 0], &cat(list)]);
        eth(
            0x86dd,
            &ip6_between(A6, STOP, 43, &cat(&[&ext(6, &body), &tcp])),
        )
    };
    for bytes in [
        route(0, 2, &[&[0xfe; 16], &B6]),
        route(2, 1, &[&B6]),
        route(4, 1, &[&B6, &STOP]),
    ] {
        let s = segment(1, &bytes);
        assert_eq!(s.key.sender(s.dir.flip()), (B6.into(), t.dport));
        assert_eq!(s.marks, mark::IPV6, "the checksum agrees");
    }
    let s = segment(1, &route(0, 0, &[&[0xfe; 16], &B6]));
    assert_eq!(
        s.key.sender(s.dir.flip()),
        (STOP.into(), t.dport),
        "it has arrived"
    );
}

#[test]
fn ipv4_options_are_passed() {
    let t = Tcp::default();
    let tcp = t.bytes(&A4, &B4);
    for len in [4, 20, 40] {
        let packet = ip4_with((A4, B4), 6, 1, 0, &vec![1; len], &tcp);
        assert_eq!(segment(1, &eth(0x0800, &packet)).seq.0, t.seq);
        let cut = &eth(0x0800, &packet)[..14 + 20 + len - 1];
        assert_eq!(try_decode(1, cut), Err(Skip::IpCut));
    }
}

#[test]
fn only_the_innermost_length_of_zero_counts() {
    let (t, a, b) = inner();
    let mut zero = ip4_with((a, b), 6, 1, 0, &[], &t.bytes(&a, &b));
    zero[2..4].fill(0);
    let s = segment(1, &eth(0x0800, &ip4(4, &zero)));
    assert_eq!((s.payload, s.marked(mark::LEN_FROM_FRAME)), (5, true));
    let mut outer = ip4(4, &inner4());
    outer[2..4].fill(0);
    let s = segment(1, &eth(0x0800, &outer));
    assert_eq!((s.payload, s.marked(mark::LEN_FROM_FRAME)), (5, false));
}
