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
