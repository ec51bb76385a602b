//! Captures made byte by byte, from the formats' descriptions and not with the readers' code.

/// Byte order of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub fn u16(self, n: u16) -> [u8; 2] {
        match self {
            Order::Little => n.to_le_bytes(),
            Order::Big => n.to_be_bytes(),
        }
    }

    pub fn u32(self, n: u32) -> [u8; 4] {
        match self {
            Order::Little => n.to_le_bytes(),
            Order::Big => n.to_be_bytes(),
        }
    }

    pub fn u64(self, n: u64) -> [u8; 8] {
        match self {
            Order::Little => n.to_le_bytes(),
            Order::Big => n.to_be_bytes(),
        }
    }
}

pub const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// A packet: seconds, fraction, length on the wire, captured bytes.
pub type Packet<'a> = (u32, u32, u32, &'a [u8]);

/// How a file of the pcap family is written.
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    pub order: Order,
    pub magic: u32,
    pub version: (u16, u16),
    pub network: u32,
    /// Bytes after the usual 24 of the file header.
    pub extra: usize,
    /// Length of a record header.
    pub record: usize,
    /// The wire length is written before the captured one.
    pub swapped: bool,
}

/// Magic, record header and extra bytes of every member of the family that tshark 4.0 reads as we do.
pub const VARIANTS: [(u32, usize, usize); 7] = [
    (0xa1b2_c3d4, 16, 0),
    (0xa1b2_c3d4, 20, 0),
    (0xa1b2_c3d4, 24, 0),
    (0xa1b2_3c4d, 16, 0),
    (0xa1b2_cd34, 24, 0),
    (0xa1b2_cd34, 28, 0),
    (0x1c00_01ab, 16, 4),
];

/// Files of the family in both byte orders.
pub fn variants(of: &[(u32, usize, usize)]) -> impl Iterator<Item = Pcap> + '_ {
    ORDERS.into_iter().flat_map(move |order| {
        of.iter().map(move |&(magic, record, extra)| Pcap {
            order,
            magic,
            record,
            extra,
            ..PCAP
        })
    })
}

pub const PCAP: Pcap = Pcap {
    order: Order::Little,
    magic: 0xa1b2_c3d4,
    version: (2, 4),
    network: 1,
    extra: 0,
    record: 16,
    swapped: false,
};

impl Pcap {
    pub fn write(self, packets: &[Packet<'_>]) -> Vec<u8> {
        let o = self.order;
        let mut out = Vec::new();
        out.extend(o.u32(self.magic));
        out.extend(o.u16(self.version.0));
        out.extend(o.u16(self.version.1));
        out.extend([0; 8]);
        out.extend(o.u32(65535));
        out.extend(o.u32(self.network));
        out.resize(out.len() + self.extra, 0xee);
        for &(seconds, fraction, wire, body) in packets {
            let mut lengths = [body.len() as u32, wire];
            if self.swapped {
                lengths.reverse();
            }
            for n in [seconds, fraction, lengths[0], lengths[1]] {
                out.extend(o.u32(n));
            }
            // Interface index 2, protocol 0x0800 and so on, or whatever Nokia had there.
            let rest = [o.u32(2), [8, 0, 0, 0], [0; 4]].concat();
            out.extend(&rest[..self.record - 16]);
            out.extend(body);
        }
        out
    }
}

/// A pcapng file, block by block.
#[derive(Clone, Debug)]
pub struct Pcapng {
    pub order: Order,
    pub bytes: Vec<u8>,
}

impl Pcapng {
    /// Starts with a section header.
    pub fn new(order: Order) -> Pcapng {
        let empty = Pcapng {
            order,
            bytes: Vec::new(),
        };
        empty.section(order)
    }

    pub fn block(mut self, kind: u32, body: &[u8]) -> Pcapng {
        let padded = body.len().next_multiple_of(4);
        let length = self.order.u32(12 + padded as u32);
        self.bytes.extend(self.order.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len() + padded - body.len(), 0);
        self.bytes.extend(length);
        self
    }

    pub fn section(mut self, order: Order) -> Pcapng {
        self.order = order;
        let body = [
            &order.u32(0x1a2b_3c4d)[..],
            &order.u16(1),
            &order.u16(0),
            &order.u64(u64::MAX),
        ]
        .concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Pcapng {
        let o = self.order;
        let mut body = [&o.u16(link)[..], &[0, 0], &o.u32(snaplen)].concat();
        for (code, value) in options {
            body.extend(o.u16(*code));
            body.extend(o.u16(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    pub fn enhanced(self, interface: u32, ticks: u64, wire: u32, packet: &[u8]) -> Pcapng {
        let o = self.order;
        let mut body = o.u32(interface).to_vec();
        for n in [
            (ticks >> 32) as u32,
            ticks as u32,
            packet.len() as u32,
            wire,
        ] {
            body.extend(o.u32(n));
        }
        body.extend(packet);
        // A comment, and a flags word.
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend([o.u16(1), o.u16(2)].concat());
        body.extend(b"hi\0\0");
        body.extend([o.u16(2), o.u16(4)].concat());
        body.extend(o.u32(1));
        body.extend([0; 4]);
        self.block(6, &body)
    }

    pub fn simple(self, wire: u32, packet: &[u8]) -> Pcapng {
        let body = [&self.order.u32(wire)[..], packet].concat();
        self.block(3, &body)
    }

    pub fn obsolete(self, interface: u16, ticks: u64, wire: u32, packet: &[u8]) -> Pcapng {
        let o = self.order;
        let mut body = [o.u16(interface), o.u16(9)].concat();
        for n in [
            (ticks >> 32) as u32,
            ticks as u32,
            packet.len() as u32,
            wire,
        ] {
            body.extend(o.u32(n));
        }
        body.extend(packet);
        self.block(2, &body)
    }
}

/// A file with everything in it: sections of both byte orders, interfaces with clocks of their own,
/// every kind of packet block, and blocks to pass over.
pub fn motley() -> Vec<u8> {
    Pcapng::new(Order::Little)
        .interface(1, 0, &[])
        .enhanced(0, 1_700_000_000_123_456, 60, b"first")
        .block(0xbad, b"custom, copy me!")
        .interface(113, 9, &[(9, &[9]), (2, b"eth1")])
        .enhanced(1, 1_700_000_001_123_456_789, 70, b"second one")
        .block(5, &[0; 12])
        .block(0x7abc, b"whatever")
        .simple(4, b"abcd")
        .section(Order::Big)
        .interface(101, 3, &[(14, &3600_i64.to_be_bytes()), (9, &[0x80 | 20])])
        .enhanced(0, 1_700_000_002 << 20, 80, b"3rd")
        .obsolete(0, (1_700_000_003 << 20) + (1 << 19), 9, b"the obsolete")
        .simple(12, b"sim")
        .block(4, &[0; 4])
        .bytes
}
