//! Frames over all encapsulations, made from a seed.

use super::build::*;

/// A frame to be written to a capture.
pub struct Made {
    pub link: u16,
    pub wire_len: usize,
    pub bytes: Vec<u8>,
    /// It gives a segment (a fragment: it is the one that completes it).
    pub is_segment: bool,
}

/// An IP packet, and where its last header ends and the payload of its TCP segment begins.
struct Packet {
    bytes: Vec<u8>,
    v6: bool,
    payload: usize,
}

pub struct Generator {
    state: u64,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator { state: seed }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap()
    }

    fn number(&mut self) -> u16 {
        self.next() as u16
    }

    /// Addresses of no special meaning.
    fn addresses4(&mut self) -> ([u8; 4], [u8; 4]) {
        let mut one = || {
            let [a, b, c] = self.array();
            [10, a, b, c | 1]
        };
        (one(), one())
    }

    fn addresses6(&mut self) -> ([u8; 16], [u8; 16]) {
        let mut one = || {
            let mut address: [u8; 16] = self.array();
            address[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
            address
        };
        (one(), one())
    }

    fn options(&mut self) -> Vec<u8> {
        let stamps = [&[1, 1, 8, 10][..], &self.bytes(8)].concat();
        match self.below(8) {
            0 => Vec::new(),
            1 => {
                let mss = (self.number() | 1).to_be_bytes();
                let shift = self.below(15) as u8;
                cat(&[&[2, 4], &mss, &[4, 2], &stamps[2..], &[1, 3, 3, shift]])
            }
            2 => cat(&[&[1, 1, 5, 10], &self.bytes(8)]),
            3 => cat(&[&stamps, &[1, 1, 5, 26], &self.bytes(24)]),
            4 => cat(&[&[254, 6, 1, 2, 3, 4], &stamps[2..]]),
            5 => cat(&[&stamps[2..], &[0, 0]]),
            _ => stamps,
        }
    }

    fn tcp(&mut self) -> Tcp {
        let options = self.options();
        let len = match self.below(4) {
            0 => 0,
            1 => self.below(20),
            _ => self.below(1_200),
        };
        Tcp {
            sport: 20_000 + self.below(10_000) as u16,
            dport: 20_000 + self.below(10_000) as u16,
            seq: self.next() as u32,
            ack: self.next() as u32,
            flags: self.number() & 0x1ff,
            window: self.number(),
            options,
            payload: self.bytes(len),
            checksum: if self.one_in(4) {
                Some(self.number())
            } else {
                None
            },
        }
    }

    /// A packet of IPv4 around a body, in which the payload is the last so many bytes.
    fn v4(
        &mut self,
        (src, dst): ([u8; 4], [u8; 4]),
        proto: u8,
        body: &[u8],
        payload: usize,
    ) -> Packet {
        let options: &[u8] = match self.below(6) {
            0 => &[148, 4, 0, 0],
            // tshark does not see an IPv4 packet with 40 bytes of options in GTP.
            1 => &[1; 36],
            _ => &[],
        };
        let id = self.number();
        let mut bytes = ip4_with((src, dst), proto, id, 0x4000, options, body);
        bytes[8] = 1 + self.below(255) as u8;
        Packet {
            bytes,
            v6: false,
            payload,
        }
    }

    fn v6(
        &mut self,
        (src, dst): ([u8; 16], [u8; 16]),
        proto: u8,
        body: &[u8],
        payload: usize,
    ) -> Packet {
        let (mut next, mut body) = (proto, body.to_vec());
        for _ in 0..self.below(3) {
            let (kind, header) = match self.below(4) {
                0 => (60, ext(next, &[1, 4, 0, 0, 0, 0])),
                1 => (60, ext(next, &cat(&[&[1, 20], &[0; 20]]))),
                2 => (44, vec![next, 0, 0, 0, 1, 2, 3, 4]),
                _ => (51, cat(&[&[next, 4, 0, 0], &[9; 20]])),
            };
            body = cat(&[&header, &body]);
            next = kind;
        }
        if self.one_in(6) {
            body = cat(&[&ext(next, &[1, 4, 0, 0, 0, 0]), &body]);
            next = 0;
        }
        let mut bytes = ip6_between(src, dst, next, &body);
        bytes[7] = 1 + self.below(255) as u8;
        Packet {
            bytes,
            v6: true,
            payload,
        }
    }

    fn wrap(&mut self, v6: bool, proto: u8, body: &[u8], payload: usize) -> Packet {
        if v6 {
            let ends = self.addresses6();
            self.v6(ends, proto, body, payload)
        } else {
            let ends = self.addresses4();
            self.v4(ends, proto, body, payload)
        }
    }

    fn tcp_packet(&mut self) -> Packet {
        let t = self.tcp();
        if self.one_in(3) {
            let (src, dst) = self.addresses6();
            self.v6((src, dst), 6, &t.bytes(&src, &dst), t.payload.len())
        } else {
            let (src, dst) = self.addresses4();
            self.v4((src, dst), 6, &t.bytes(&src, &dst), t.payload.len())
        }
    }

    /// Ethernet around a packet, with what may stand between.
    fn ethernet(&mut self, p: &Packet, depth: usize) -> Vec<u8> {
        let mut kind = if p.v6 { 0x86dd } else { 0x0800 };
        let mut body = p.bytes.clone();
        let plain = depth == 0 && self.one_in(2);
        match if plain { 9 } else { self.below(8) } {
            0 => {
                let label = cat(&[&self.bytes(2), &[0x10, 64], &[0, 1, 1, 64]]);
                // Labels 0 to 15 mean something.
                let label = cat(&[&[1], &label[1..]]);
                // Without a control word tshark sees no Ethernet.
                let word = &[0, 0, 0, 0];
                if depth > 0 && self.one_in(2) {
                    body = cat(&[word, &eth(kind, &body)]);
                }
                body = cat(&[&label, &body]);
                kind = 0x8847;
            }
            1 => {
                let number: &[u8] = if p.v6 { &[0, 0x57] } else { &[0, 0x21] };
                let len = (body.len() + 2) as u16;
                let session = self.number();
                body = cat(&[
                    &[0x11, 0],
                    &session.to_be_bytes(),
                    &len.to_be_bytes(),
                    number,
                    &body,
                ]);
                kind = 0x8864;
            }
            2 if body.len() < 1_400 => {
                body = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0], &u16::to_be_bytes(kind), &body]);
                kind = body.len() as u16;
            }
            _ => {}
        }
        for _ in 0..if plain { 0 } else { self.below(3) } {
            body = tag(self.number() & 0xfff, kind, &body);
            // tshark knows 802.3 lengths behind 0x8100 only.
            kind = if kind < 0x0600 || self.one_in(2) {
                0x8100
            } else {
                0x88a8
            };
        }
        let mut bytes = eth(kind, &body);
        if bytes.len() < 60 {
            bytes.resize(60, 0);
        }
        bytes
    }

    /// A tunnel around a packet.
    fn tunnel(&mut self, p: &Packet, depth: usize) -> Packet {
        let kind: u16 = if p.v6 { 0x86dd } else { 0x0800 };
        let outer_v6 = self.one_in(3);
        let frame = self.ethernet(p, depth + 1);
        let vni = self.bytes(3);
        let port = 30_000 + self.below(1_000) as u16;
        let (proto, body) = match self.below(10) {
            0 => (if p.v6 { 41 } else { 4 }, p.bytes.clone()),
            1 => (47, cat(&[&self.gre_header(kind), &p.bytes])),
            2 => (47, cat(&[&self.gre_header(0x6558), &frame])),
            3 => {
                let header = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 8, 9, 0, 0, 0, 1];
                (47, cat(&[&header, &frame]))
            }
            4 => {
                let header = [
                    0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7, 8, 9, 1, 2, 3, 4, 0, 0, 0, 0,
                ];
                (47, cat(&[&header, &frame]))
            }
            5 => {
                let port_to = if self.one_in(2) { 4_789 } else { 8_472 };
                (
                    17,
                    udp(port, port_to, &cat(&[&[8, 0, 0, 0], &vni, &[0], &frame])),
                )
            }
            6 => {
                let options = cat(&[&[1, 2, 0x33, 1], &self.bytes(4)]);
                let (len, options) = if self.one_in(2) {
                    (2, options)
                } else {
                    (0, Vec::new())
                };
                let header = cat(&[&[len, 0, 0x65, 0x58], &vni, &[0], &options]);
                (17, udp(port, 6_081, &cat(&[&header, &frame])))
            }
            7 | 8 => {
                let container = [0, 0, 0, 0x85, 1, 0x10, 9, 0];
                let (flags, more): (u8, &[u8]) = match self.below(3) {
                    0 => (0x30, &[]),
                    1 => (0x32, &[0, 9, 0, 0]),
                    _ => (0x34, &container),
                };
                let len = ((more.len() + p.bytes.len()) as u16).to_be_bytes();
                let header = cat(&[&[flags, 0xff], &len, &self.bytes(4), more]);
                (17, udp(2_152, 2_152, &cat(&[&header, &p.bytes])))
            }
            _ => (97, cat(&[&[0x30, 0], &frame])),
        };
        self.wrap(outer_v6, proto, &body, p.payload)
    }

    fn gre_header(&mut self, kind: u16) -> Vec<u8> {
        let mut flags = 0u16;
        let mut fields = Vec::new();
        for bit in [0x8000, 0x2000, 0x1000] {
            if self.one_in(2) {
                flags |= bit;
                let field = self.bytes(2);
                fields.extend(cat(&[&field, &[0, 0]]));
            }
        }
        cat(&[&flags.to_be_bytes(), &kind.to_be_bytes(), &fields])
    }

    /// The innermost TCP packet in up to two tunnels.
    fn packet(&mut self) -> Packet {
        let mut p = self.tcp_packet();
        let depth = [0, 0, 0, 1, 1, 2][self.below(6)];
        for level in 0..depth {
            p = self.tunnel(&p, level);
        }
        p
    }

    /// A packet of another kind, in which nothing is to be found.
    fn other(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => eth(0x0806, &[0; 28]),
            1 => eth(0x0800, &ip4(17, &udp(40_000, 40_001, &[0; 30]))),
            _ => eth(0x86dd, &ip6(58, &[128, 0, 0, 0, 0, 1, 0, 1])),
        }
    }

    /// The next frame, or the fragments of one packet.
    pub fn frames(&mut self) -> Vec<Made> {
        if self.one_in(20) {
            return vec![made(1, self.other(), false)];
        }
        let p = self.packet();
        if self.one_in(8) {
            return self.fragments(&p);
        }
        let mut frame = self.linked(&p);
        if self.one_in(5) {
            // Cut by the snap length inside the payload. (Padding is behind it.)
            let cut = self.below(p.payload + 1);
            let padding = 64;
            let keep = frame.bytes.len().saturating_sub(cut);
            // tshark reads no cut NFLOG.
            if cut > padding && frame.link != 239 {
                frame
                    .bytes
                    .truncate(keep.max(frame.bytes.len() - p.payload));
            }
        } else if self.one_in(10) && !p.v6 && frame.bytes.len() > 200 && frame.link == 113 {
            // Segmentation offload: no length in the outermost header.
            frame.bytes[18..20].fill(0);
        }
        vec![frame]
    }

    /// Around a packet, the header of some link layer.
    fn linked(&mut self, p: &Packet) -> Made {
        let kind: [u8; 2] = if p.v6 { [0x86, 0xdd] } else { [8, 0] };
        let ppp: &[u8] = if p.v6 { &[0, 0x57] } else { &[0, 0x21] };
        let family: u32 = if p.v6 { [24, 28, 30][self.below(3)] } else { 2 };
        let (link, header): (u16, Vec<u8>) = match self.below(24) {
            0 | 1 => {
                let header = cat(&[
                    &[0, self.below(5) as u8, 0, 1, 0, 6],
                    &self.bytes(6),
                    &[0, 0],
                    &kind,
                ]);
                (113, header)
            }
            2 | 3 => {
                let header = cat(&[
                    &kind,
                    &[0, 0, 0, 0, 0, 2, 0, 1, self.below(5) as u8, 6],
                    &self.bytes(6),
                    &[0, 0],
                ]);
                (276, header)
            }
            4 => (101, Vec::new()),
            5 => (if p.v6 { 229 } else { 228 }, Vec::new()),
            6 => (0, family.to_le_bytes().to_vec()),
            7 => (108, family.to_be_bytes().to_vec()),
            8 => (9, cat(&[&[0xff, 3], ppp])),
            9 => (50, cat(&[&[0xff, 3], ppp])),
            10 => (104, cat(&[&[0x0f, 0], &kind])),
            11 => (
                10,
                cat(&[&[0x50], &self.bytes(12), &[0xaa, 0xaa, 3, 0, 0, 0], &kind]),
            ),
            12 => {
                let len = ((p.bytes.len() + 4) as u16).to_le_bytes();
                (
                    239,
                    cat(&[&[if p.v6 { 10 } else { 2 }, 0, 0, 5], &len, &[9, 0]]),
                )
            }
            13 => {
                let snap = [0xaa, 0xaa, 3, 0, 0, 0];
                (
                    105,
                    cat(&[&[0x08, 1, 0, 0], &[2; 18], &[0, 0], &snap, &kind]),
                )
            }
            14 => {
                let snap = [0xaa, 0xaa, 3, 0, 0, 0];
                (
                    127,
                    cat(&[
                        &[0, 0, 8, 0, 0, 0, 0, 0, 0x88, 2, 0, 0],
                        &[2; 18],
                        &[0, 0, 0, 0],
                        &snap,
                        &kind,
                    ]),
                )
            }
            15 => {
                let len = ((p.bytes.len() + 2) as u16).to_be_bytes();
                (51, cat(&[&[0x11, 0, 0, 9], &len, ppp]))
            }
            _ => return made(1, self.ethernet(p, 0), true),
        };
        made(link, cat(&[&header, &p.bytes]), true)
    }

    /// A packet in fragments on plain Ethernet, in order or not; the last to come is the segment.
    fn fragments(&mut self, p: &Packet) -> Vec<Made> {
        let mut body = p.bytes[40.min(p.bytes.len())..].to_vec();
        let proto = if p.v6 { p.bytes[6] } else { p.bytes[9] };
        if !p.v6 {
            let header_len = usize::from(p.bytes[0] & 15) * 4;
            body = p.bytes[header_len..].to_vec();
        }
        let step = 8 * (1 + self.below(100));
        let id = self.next() as u32;
        let count = body.len().div_ceil(step);
        if count < 2 {
            return vec![self.linked(p)];
        }
        let mut all: Vec<Made> = body
            .chunks(step)
            .enumerate()
            .map(|(i, piece)| {
                let more = i + 1 < count;
                let place = (i * step / 8) as u16;
                let bytes = if p.v6 {
                    let place = place << 3 | u16::from(more);
                    let header = cat(&[&[proto, 0], &place.to_be_bytes(), &id.to_be_bytes()]);
                    let mut packet = p.bytes[..40].to_vec();
                    let len = (piece.len() + 8) as u16;
                    packet[4..6].copy_from_slice(&len.to_be_bytes());
                    packet[6] = 44;
                    eth(0x86dd, &cat(&[&packet, &header, piece]))
                } else {
                    let place = place | if more { 0x2000 } else { 0 };
                    let [src, dst] = [12, 16].map(|at| p.bytes[at..at + 4].try_into().unwrap());
                    let mut packet = ip4_with((src, dst), proto, id as u16, place, &[], piece);
                    packet[8] = p.bytes[8];
                    eth(0x0800, &packet)
                };
                made(1, bytes, false)
            })
            .collect();
        match self.below(3) {
            0 => all.reverse(),
            1 => {
                let middle = all.len() / 2;
                all.rotate_left(middle);
            }
            _ => {}
        }
        if let Some(last) = all.last_mut() {
            last.is_segment = true;
        }
        all
    }
}

fn made(link: u16, bytes: Vec<u8>, is_segment: bool) -> Made {
    Made {
        link,
        wire_len: bytes.len(),
        bytes,
        is_segment,
    }
}

/// A pcapng file with an interface for each link type.
pub fn write_pcapng(frames: &[Made]) -> Vec<u8> {
    let mut links: Vec<u16> = frames.iter().map(|f| f.link).collect();
    links.sort_unstable();
    links.dedup();
    let mut file = Vec::new();
    let mut block = |kind: u32, parts: &[&[u8]]| {
        let mut body = cat(parts);
        body.resize(body.len().next_multiple_of(4), 0);
        let len = (body.len() as u32 + 12).to_le_bytes();
        file.extend(cat(&[&kind.to_le_bytes(), &len, &body, &len]));
    };
    block(
        0x0a0d_0d0a,
        &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]],
    );
    for link in &links {
        block(1, &[&link.to_le_bytes(), &[0; 6]]);
    }
    for (number, f) in frames.iter().enumerate() {
        let interface = links.binary_search(&f.link).unwrap() as u32;
        let words = [
            interface,
            0,
            number as u32,
            f.bytes.len() as u32,
            f.wire_len as u32,
        ];
        block(6, &[&words.map(u32::to_le_bytes).concat(), &f.bytes]);
    }
    file
}
