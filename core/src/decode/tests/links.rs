//! Link layers, each around the same segment.

use super::build::*;
use super::*;
use crate::segment::mark;

fn t() -> Tcp {
    Tcp {
        payload: b"data".to_vec(),
        ..Tcp::default()
    }
}

/// The packet comes out of `bytes` with no scope.
#[track_caller]
fn finds(link: u16, bytes: &[u8]) -> Segment {
    finds_in(link, bytes, "")
}

#[track_caller]
fn finds_in(link: u16, bytes: &[u8], scope: &str) -> Segment {
    let s = segment(link, bytes);
    let (a, b) = if s.marked(mark::IPV6) {
        (A6.into(), B6.into())
    } else {
        (A4.into(), B4.into())
    };
    assert_eq!(s.key.sender(s.dir), (a, 40_000));
    assert_eq!(s.key.sender(s.dir.flip()), (b, 443));
    assert_eq!(s.payload, 4);
    let l = layers(link, bytes);
    assert_eq!(&bytes[l.payload], b"data");
    assert_eq!(l.scope.to_string(), scope);
    assert_eq!(describe(s.key.scope).as_deref(), Some(scope));
    s
}

/// Both IP versions behind `before`, which ends with the right EtherType.
#[track_caller]
fn finds_typed(link: u16, before: &[u8]) {
    finds(link, &cat(&[before, &[0x08, 0x00], &tcp4(&t())]));
    finds(link, &cat(&[before, &[0x86, 0xdd], &tcp6(&t())]));
}

#[test]
fn vlan_tags_are_the_scope() {
    for outer in [0x8100, 0x88a8, 0x9100, 0x9200] {
        finds_in(1, &eth(outer, &tag(10, 0x0800, &tcp4(&t()))), "vlan:10");
        finds_in(1, &eth(outer, &tag(0, 0x86dd, &tcp6(&t()))), "");
        let inner = tag(20, 0x0800, &tcp4(&t()));
        finds_in(1, &eth(outer, &tag(10, 0x8100, &inner)), "vlan:10/vlan:20");
    }
    let a = segment(1, &eth(0x8100, &tag(10, 0x0800, &tcp4(&t()))));
    let b = segment(1, &eth(0x8100, &tag(11, 0x0800, &tcp4(&t()))));
    assert_ne!(a.key, b.key, "two connections");
}

#[test]
fn too_many_tags_are_named() {
    let mut packet = tag(1, 0x0800, &tcp4(&t()));
    for _ in 0..12 {
        packet = tag(1, 0x8100, &packet);
    }
    assert_eq!(try_decode(1, &eth(0x8100, &packet)), Err(Skip::Nested));
    let mut packet = tag(0, 0x0800, &tcp4(&t()));
    for _ in 0..40 {
        packet = tag(0, 0x8100, &packet);
    }
    assert_eq!(try_decode(1, &eth(0x8100, &packet)), Err(Skip::Nested));
}

#[test]
fn backbone_bridges() {
    let inner = cat(&[&[0, 0, 1, 2], &eth(0x0800, &tcp4(&t()))]);
    finds_in(1, &eth(0x88e7, &inner), "isid:258");
}

#[test]
fn mpls_stacks_are_no_scope() {
    let two = [0, 1, 0x10, 64, 0, 2, 0x21, 64];
    let bottom = [0, 1, 1, 64];
    for labels in [&two[..], &bottom] {
        finds(1, &eth(0x8847, &cat(&[labels, &tcp4(&t())])));
        finds(1, &eth(0x8848, &cat(&[labels, &tcp6(&t())])));
        finds(1, &eth(0x8847, &cat(&[labels, &eth(0x0800, &tcp4(&t()))])));
        let word = [0, 0, 0, 9];
        finds(
            1,
            &eth(0x8847, &cat(&[labels, &word, &eth(0x86dd, &tcp6(&t()))])),
        );
    }
    let endless = vec![0; 400];
    assert_eq!(try_decode(1, &eth(0x8847, &endless)), Err(Skip::Nested));
    let channel = cat(&[&bottom, &[0x10, 0, 0, 0x21], &[0; 40]]);
    assert_eq!(try_decode(1, &eth(0x8847, &channel)), Err(Skip::NotIp));
}

#[test]
fn an_ethernet_address_below_mpls_is_not_taken_for_a_version() {
    for first in [0x40, 0x60] {
        let mut inner = eth(0x0800, &tcp4(&t()));
        inner[0] = first;
        finds(1, &eth(0x8847, &cat(&[&[0, 1, 1, 64], &inner])));
    }
}

#[test]
fn llc_and_snap() {
    let snap = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &tcp4(&t())]);
    let mut bytes = eth(snap.len() as u16, &snap);
    bytes.extend([0; 9]);
    finds(1, &bytes);
    let bridged = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0xf8, 0x86, 0xdd], &tcp6(&t())]);
    finds(1, &eth(bridged.len() as u16, &bridged));
    let sap = cat(&[&[6, 6, 3], &tcp4(&t())]);
    finds(1, &eth(sap.len() as u16, &sap));
    let iso = cat(&[&[0xfe, 0xfe, 3, 0xcc], &tcp4(&t())]);
    finds(1, &eth(iso.len() as u16, &iso));
    for other in [
        &[0x42, 0x42, 3][..],
        &[0xff, 0xff, 0],
        &[0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0],
    ] {
        assert_eq!(
            try_decode(1, &eth(38, &cat(&[other, &[0; 40]]))),
            Err(Skip::NotIp)
        );
    }
    assert_eq!(try_decode(1, &eth(1_501, &snap)), Err(Skip::NotIp));
    // RFC 2684 over ATM: routed, and bridged without an FCS.
    finds(100, &cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &tcp4(&t())]));
    let bridged = [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0];
    finds(100, &cat(&[&bridged, &eth(0x0800, &tcp4(&t()))]));
}

#[test]
fn raw_ip() {
    for link in [12, 14, 101] {
        finds(link, &tcp4(&t()));
        finds(link, &tcp6(&t()));
        assert_eq!(try_decode(link, &[0; 40]), Err(Skip::IpBad));
        assert_eq!(try_decode(link, &[]), Err(Skip::IpCut));
    }
    finds(228, &tcp4(&t()));
    finds(229, &tcp6(&t()));
    assert_eq!(try_decode(229, &tcp4(&t())), Err(Skip::IpBad));
}

#[test]
fn bsd_loopback_in_both_byte_orders_of_every_system() {
    for link in [0, 108] {
        for (family, packet) in [(2, tcp4(&t()))]
            .into_iter()
            .chain([10, 23, 24, 28, 30].map(|f| (f, tcp6(&t()))))
        {
            finds(link, &cat(&[&u32::to_be_bytes(family), &packet]));
            finds(link, &cat(&[&u32::to_le_bytes(family), &packet]));
        }
        assert_eq!(
            try_decode(link, &[7, 0, 0, 0, 1, 2, 3, 4]),
            Err(Skip::NotIp)
        );
        assert_eq!(try_decode(link, &[2, 0, 0]), Err(Skip::LinkCut));
    }
}

/// A cooked header of version 1 without its protocol.
fn sll(kind: u16, device: u16) -> Vec<u8> {
    let address = [0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    cat(&[&kind.to_be_bytes(), &device.to_be_bytes(), &address])
}

/// A cooked header of version 2.
fn sll2(protocol: u16, index: u32, device: u16, kind: u8) -> Vec<u8> {
    cat(&[
        &protocol.to_be_bytes(),
        &[0, 0],
        &index.to_be_bytes(),
        &device.to_be_bytes(),
        &[kind, 6, 2, 0, 0, 0, 0, 1, 0, 0],
    ])
}

#[test]
fn linux_cooked_captures() {
    finds_typed(113, &sll(0, 1));
    let vlan = cat(&[&sll(0, 1), &[0x81, 0], &tag(5, 0x0800, &tcp4(&t()))]);
    finds_in(113, &vlan, "vlan:5");
    finds(276, &cat(&[&sll2(0x0800, 2, 1, 0), &tcp4(&t())]));
    finds(276, &cat(&[&sll2(0x86dd, 2, 1, 0), &tcp6(&t())]));
    let netlink = cat(&[&sll2(0, 2, 824, 4), &[0; 40]]);
    assert_eq!(try_decode(276, &netlink), Err(Skip::NotIp));
}

#[test]
fn cooked_copies_differ_in_their_tap() {
    let one = |kind| cat(&[&sll(kind, 1), &[8, 0], &tcp4(&t())]);
    let (seen_in, seen_out) = (segment(113, &one(0)), segment(113, &one(4)));
    assert_ne!(seen_in.tap, seen_out.tap);
    assert_eq!(seen_in.tap, segment(113, &one(0)).tap);
    assert!(!seen_in.marked(mark::OUTGOING) && seen_out.marked(mark::OUTGOING));
    assert_eq!(seen_in.key, seen_out.key);

    let two = |index, kind| cat(&[&sll2(0x0800, index, 1, kind), &tcp4(&t())]);
    let mut taps: Vec<u16> = [(2, 0), (2, 4), (3, 0), (3, 4), (70_000, 0)]
        .map(|(index, kind)| segment(276, &two(index, kind)).tap)
        .to_vec();
    taps.sort_unstable();
    taps.dedup();
    assert_eq!(taps.len(), 5);
    assert!(segment(276, &two(2, 4)).marked(mark::OUTGOING));
    assert!(!segment(276, &two(2, 3)).marked(mark::OUTGOING));
}

#[test]
fn the_interface_of_a_pcapng_file_is_the_tap() {
    let bytes = eth(0x0800, &tcp4(&t()));
    let f = FrameRef {
        interface: 3,
        ..frame(1, &bytes)
    };
    match decode(&f, &bytes, 1) {
        Decoded::Segment(s) => assert_eq!(s.tap, 3),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ppp_in_every_framing() {
    for (protocol, packet) in [
        (&[0x00, 0x21][..], tcp4(&t())),
        (&[0x21], tcp4(&t())),
        (&[0x00, 0x57], tcp6(&t())),
        (&[0x57], tcp6(&t())),
        (&[0x02, 0x81, 0, 1, 1, 64], tcp4(&t())),
        (&[0x00, 0x3d, 0xc0, 0, 0, 1, 0x00, 0x21], tcp4(&t())),
        (&[0x00, 0x31, 0, 1], eth(0x0800, &tcp4(&t()))),
    ] {
        for link in [9, 50] {
            finds(link, &cat(&[protocol, &packet]));
            finds(link, &cat(&[&[0xff, 3], protocol, &packet]));
        }
        for link in [166, 204] {
            finds(link, &cat(&[&[1], protocol, &packet]));
            finds(link, &cat(&[&[0, 0xff, 3], protocol, &packet]));
        }
        let len = (protocol.len() + packet.len()) as u16;
        let session = cat(&[
            &[0x11, 0, 0x12, 0x34],
            &len.to_be_bytes(),
            protocol,
            &packet,
            &[0; 9],
        ]);
        finds_in(51, &session, "pppoe:4660");
        finds_in(1, &eth(0x8864, &session), "pppoe:4660");
    }
    assert_eq!(
        try_decode(9, &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 4]),
        Err(Skip::NotIp),
        "LCP"
    );
    assert_eq!(
        try_decode(9, &[0xff, 3, 0, 0xfd, 1, 1, 0, 4]),
        Err(Skip::Encrypted)
    );
    assert_eq!(
        try_decode(1, &eth(0x8863, &[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0])),
        Err(Skip::NotIp)
    );
}

#[test]
fn cisco_hdlc_and_frame_relay() {
    for link in [50, 104] {
        finds_typed(link, &[0x0f, 0]);
        finds_typed(link, &[0x8f, 0]);
    }
    assert_eq!(
        try_decode(104, &[0x8f, 0, 0x80, 0x35, 0, 0, 0, 2]),
        Err(Skip::NotIp),
        "SLARP"
    );
    finds(107, &cat(&[&[0x18, 0x41, 3, 0xcc], &tcp4(&t())]));
    finds(107, &cat(&[&[0x18, 0x41, 3, 0, 0x8e], &tcp6(&t())]));
    finds_typed(107, &[0x18, 0x41, 3, 0, 0x80, 0, 0, 0]);
    finds_typed(107, &[0x18, 0x41]);
}

#[test]
fn links_of_other_makers() {
    let addresses = [2; 12];
    let snap = [0xaa, 0xaa, 3, 0, 0, 0];
    finds_typed(10, &cat(&[&[0x50], &addresses, &snap]));
    assert_eq!(
        try_decode(10, &cat(&[&[0x41], &addresses, &snap])),
        Err(Skip::NotIp)
    );
    finds_typed(138, &[2; 16]);
    let inside = eth(0x0800, &tcp4(&t()));
    finds(178, &cat(&[b"MGC\x80\0\x04", &[1, 2, 0, 9], &inside]));
    finds(178, &cat(&[b"MGC\x01", &inside]));
    assert_eq!(
        try_decode(178, &cat(&[b"MGC\x02", &tcp4(&t())])),
        Err(Skip::NotIp)
    );
    let finds_ib =
        |kind: [u8; 2], packet: &[u8]| finds(242, &cat(&[&[2; 40], &kind, &[0, 0], packet]));
    finds_ib([8, 0], &tcp4(&t()));
    finds_ib([0x86, 0xdd], &tcp6(&t()));
    for (family, packet) in [(2, tcp4(&t())), (24, tcp6(&t()))] {
        let mut log = vec![0; 64];
        log[0] = 61;
        log[1] = family;
        finds(117, &cat(&[&log, &packet]));
    }
}

#[test]
fn wrappers_name_the_link_inside() {
    let ethernet = eth(0x0800, &tcp4(&t()));
    let mut pktap = vec![0; 108];
    pktap[0] = 108;
    pktap[4] = 1;
    pktap[8] = 1;
    finds(258, &cat(&[&pktap, &ethernet]));
    pktap[0] = 4;
    assert_eq!(
        try_decode(258, &cat(&[&pktap, &ethernet])),
        Err(Skip::NotIp)
    );
    let ppi = cat(&[&[0, 0, 12, 0, 1, 0, 0, 0, 9, 9, 9, 9], &ethernet]);
    finds(192, &ppi);
}

/// A netfilter log entry with these attributes, as a host of that byte order writes it.
fn nflog(family: u8, little: bool, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let number = |n: u16| {
        if little {
            n.to_le_bytes()
        } else {
            n.to_be_bytes()
        }
    };
    let mut b = vec![family, 0, 0, 5];
    for &(kind, value) in attributes {
        b.extend(number(value.len() as u16 + 4));
        b.extend(number(kind));
        b.extend(value);
        b.resize(b.len().next_multiple_of(4), 0);
    }
    b
}

#[test]
fn netfilter_logs_of_both_byte_orders() {
    let (v4, v6) = (tcp4(&t()), tcp6(&t()));
    let prefix: &[u8] = b"dropped\0";
    for little in [true, false] {
        let log = |hook, index| {
            let header = [8, 0, hook, 0];
            let device = [0, 0, 0, index];
            nflog(
                2,
                little,
                &[(1, &header), (10, prefix), (4, &device), (9, &v4)],
            )
        };
        let a = finds(239, &log(1, 2));
        assert_ne!(a.tap, finds(239, &log(2, 2)).tap, "another hook");
        assert_ne!(a.tap, finds(239, &log(1, 3)).tap, "another device");
        finds(239, &nflog(10, little, &[(10, prefix), (9, &v6)]));
        finds(239, &nflog(2, little, &[(9, &v4)]));
        let nothing = nflog(2, little, &[(10, prefix)]);
        assert_eq!(try_decode(239, &nothing), Err(Skip::LinkCut));
    }
}

#[test]
fn wireless_frames() {
    let snap = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &tcp4(&t())]);
    let head = |control: u8, flags: u8| cat(&[&[control, flags, 0, 0], &[2; 18], &[0x10, 0]]);
    finds(105, &cat(&[&head(0x08, 0x01), &snap]));
    finds(105, &cat(&[&head(0x08, 0x03), &[2; 6], &snap]));
    finds(105, &cat(&[&head(0x88, 0x02), &[0, 0], &snap]));
    finds(105, &cat(&[&head(0x88, 0x82), &[0, 0, 1, 1, 1, 1], &snap]));
    let sub = cat(&[
        &[2; 12],
        &(snap.len() as u16).to_be_bytes(),
        &snap,
        &[0; 40],
    ]);
    finds(105, &cat(&[&head(0x88, 0x02), &[0x80, 0], &sub]));
    assert_eq!(
        try_decode(105, &cat(&[&head(0x08, 0x41), &snap])),
        Err(Skip::Encrypted)
    );
    assert_eq!(
        try_decode(105, &cat(&[&head(0x80, 0), &snap])),
        Err(Skip::NotIp),
        "beacon"
    );
    assert_eq!(
        try_decode(105, &cat(&[&head(0x48, 0), &snap])),
        Err(Skip::NotIp),
        "null"
    );
    assert_eq!(
        try_decode(105, &cat(&[&head(0x08, 0x05), &snap])),
        Err(Skip::NotIp),
        "fragment"
    );

    let data = cat(&[&head(0x08, 0x01), &snap]);
    finds(127, &cat(&[&[0, 0, 8, 0, 0, 0, 0, 0], &data]));
    finds(
        127,
        &cat(&[&[0, 0, 9, 0, 2, 0, 0, 0, 0x10], &data, &[1, 2, 3, 4]]),
    );
    finds(192, &cat(&[&[0, 0, 8, 0, 105, 0, 0, 0], &data]));
    finds(119, &cat(&[&[0; 144], &data]));
    finds(
        119,
        &cat(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56], &data]),
    );
    // Timestamp aligned to 8, two presence words, and the flag for a padded header.
    let tap = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];
    let tap = cat(&[&tap, &[7; 8], &[0x20]]);
    let padded = cat(&[&head(0x88, 0x02), &[0, 0], &[0, 0], &snap]);
    finds(127, &cat(&[&tap, &padded]));
}
