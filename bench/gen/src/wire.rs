//! Bytes: pcap records, Ethernet, 802.1Q, IPv4, IPv6 and TCP headers with valid checksums.
//!
//! Payload comes from one pattern whose checksums are added up beforehand, so that a packet of
//! 1,448 bytes costs a copy and a handful of additions.

use crate::rng::Rng;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// TCP flag bits (RFC 9293 section 3.1).
pub const FIN: u8 = 0x01;
/// Synchronize sequence numbers.
pub const SYN: u8 = 0x02;
/// Reset the connection.
pub const RST: u8 = 0x04;
/// Push.
pub const PSH: u8 = 0x08;
/// The acknowledgment field counts.
pub const ACK: u8 = 0x10;

/// Bytes of the repeating pattern; a power of two.
const PATTERN: usize = 1 << 19;
/// The longest payload that may begin at the pattern's last byte.
const LONGEST: usize = 1 << 12;

/// The options of a segment.
#[derive(Clone, Copy)]
pub enum Options {
    /// None, as in a reset that the stack sends in answer to a segment.
    Nothing,
    /// MSS, window scale, SACK-permitted, and timestamps if the connection uses them.
    Opening,
    /// Timestamps if the connection uses them.
    Usual,
    /// As `Usual`, and one SACK block.
    Sack(u32, u32),
}

/// How the payload begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Pattern only: the middle of a stream.
    Plain,
    /// An HTTP/1.1 request.
    Request,
    /// An HTTP/1.1 response.
    Response,
    /// A TLS handshake record.
    Hello,
    /// A TLS application data record that takes the whole segment.
    Record,
    /// A TLS 1.3 alert record: the whole payload is 24 bytes.
    Alert,
}

impl Head {
    fn bytes(self) -> &'static [u8] {
        match self {
            Head::Plain => b"",
            Head::Request => b"GET /things/1 HTTP/1.1\r\nHost: server.test\r\nAccept: */*\r\n\r\n",
            Head::Response => b"HTTP/1.1 200 OK\r\nServer: made-up\r\nContent-Type: a/b\r\n\r\n",
            Head::Hello => b"\x16\x03\x03\x00\x00\x14",
            Head::Record => b"\x17\x03\x03\x00\x00\x5a",
            Head::Alert => b"\x17\x03\x03\x00\x13\x99",
        }
    }
}

/// One segment, before it has bytes.
#[derive(Clone, Copy)]
pub struct Segment {
    /// Microseconds since the capture's start.
    pub at: u64,
    /// 0 from the client, 1 from the server.
    pub side: usize,
    /// SEG.SEQ.
    pub seq: u32,
    /// SEG.ACK; written even without the ACK flag, so keep it 0 then.
    pub ack: u32,
    /// Flag bits.
    pub flags: u8,
    /// Payload bytes.
    pub len: u32,
    /// SEG.WND, not scaled.
    pub window: u16,
    /// Its options.
    pub options: Options,
    /// How its payload begins.
    pub head: Head,
}

/// What stays the same in all packets of a connection. Index 0: from the client, 1: from the server.
pub struct Ends {
    template: [[u8; 58]; 2],
    ip_at: usize,
    tcp_at: usize,
    pseudo: u64,
    ports: [u16; 2],
    ip_id: [u16; 2],
    clock: [u32; 2],
    heard: [u32; 2],
    /// True if both ends use the timestamps option (RFC 7323).
    pub timestamps: bool,
}

/// An address of either family.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address {
    /// IPv4.
    V4([u8; 4]),
    /// IPv6.
    V6([u8; 16]),
}

impl Address {
    fn octets(&self) -> &[u8] {
        match self {
            Address::V4(a) => a,
            Address::V6(a) => a,
        }
    }
}

/// Addresses, ports and VLAN of a connection; the client first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Both addresses, of one family.
    pub address: [Address; 2],
    /// Both ports.
    pub port: [u16; 2],
    /// 802.1Q VLAN identifier.
    pub vlan: Option<u16>,
}

fn add_words(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|w| u64::from(w[0]) << 8 | w.get(1).map_or(0, |b| u64::from(*b)))
        .sum()
}

/// The Internet checksum (RFC 1071) of a sum of 16-bit words.
fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

impl Ends {
    /// Headers for a connection of `tuple`.
    pub fn new(tuple: &Tuple, timestamps: bool, rng: &mut Rng) -> Ends {
        let ip_at = if tuple.vlan.is_some() { 18 } else { 14 };
        let v6 = matches!(tuple.address[0], Address::V6(_));
        let tcp_at = ip_at + if v6 { 40 } else { 20 };
        let mut template = [[0; 58]; 2];
        for (side, bytes) in template.iter_mut().enumerate() {
            let (src, dst) = (&tuple.address[side], &tuple.address[1 - side]);
            let kind: u16 = if v6 { 0x86dd } else { 0x0800 };
            bytes[..6].copy_from_slice(&[2, 0, 0, 0, 0, 2 - side as u8]);
            bytes[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1 + side as u8]);
            if let Some(vlan) = tuple.vlan {
                bytes[12..14].copy_from_slice(&0x8100u16.to_be_bytes());
                bytes[14..16].copy_from_slice(&vlan.to_be_bytes());
            }
            bytes[ip_at - 2..ip_at].copy_from_slice(&kind.to_be_bytes());
            let ttl = if side == 0 { 57 } else { 64 };
            let ip = &mut bytes[ip_at..];
            if v6 {
                ip[0] = 0x60;
                ip[6] = 6;
                ip[7] = ttl;
                ip[8..24].copy_from_slice(src.octets());
                ip[24..40].copy_from_slice(dst.octets());
            } else {
                ip[0] = 0x45;
                ip[6] = 0x40;
                ip[8] = ttl;
                ip[9] = 6;
                ip[12..16].copy_from_slice(src.octets());
                ip[16..20].copy_from_slice(dst.octets());
            }
        }
        let pseudo = 6
            + add_words(tuple.address[0].octets())
            + add_words(tuple.address[1].octets())
            + u64::from(tuple.port[0])
            + u64::from(tuple.port[1]);
        Ends {
            template,
            ip_at,
            tcp_at,
            pseudo,
            ports: tuple.port,
            ip_id: [rng.next() as u16, rng.next() as u16],
            clock: [rng.next() as u32, rng.next() as u32],
            heard: [0, 0],
            timestamps,
        }
    }

    /// The payload that fills a 1,500-byte IP packet.
    pub fn full_size(&self) -> u32 {
        let headers = (self.tcp_at - self.ip_at) + 20 + if self.timestamps { 12 } else { 0 };
        1500 - headers as u32
    }
}

/// A pcap file (microseconds, little-endian), and perhaps its copy with another snap length.
pub struct Pcap {
    out: Vec<(Box<dyn Write>, u32)>,
    start: u64,
    frame: Vec<u8>,
    pattern: Vec<u8>,
    sums: Vec<u32>,
    /// Packets written.
    pub packets: u64,
    /// Bytes that the packets had on the wire.
    pub wire_bytes: u64,
}

/// Opens `path` for writing; `-` is standard output.
fn create(path: &str) -> io::Result<Box<dyn Write>> {
    let size = 1 << 20;
    Ok(if path == "-" {
        Box::new(BufWriter::with_capacity(size, io::stdout().lock()))
    } else {
        Box::new(BufWriter::with_capacity(size, File::create(path)?))
    })
}

impl Pcap {
    /// Creates the files of `out` (path and snap length). Times count from `start`, in seconds
    /// since the Unix epoch.
    pub fn new(out: &[(String, u32)], start: u64, seed: u64) -> io::Result<Pcap> {
        let mut rng = Rng::new(seed ^ 0x7061_7474_6572_6e00);
        let mut pattern = vec![0; PATTERN + LONGEST];
        for at in (0..PATTERN).step_by(8) {
            pattern[at..at + 8].copy_from_slice(&rng.next().to_le_bytes());
        }
        pattern.copy_within(0..LONGEST, PATTERN);
        let mut sum = 0u32;
        let mut sums = vec![0];
        for word in pattern.chunks_exact(2) {
            sum += u32::from(word[0]) << 8 | u32::from(word[1]);
            // Folded so that it never overflows: sums are only meant modulo 0xffff.
            sum = (sum & 0xffff) + (sum >> 16);
            sums.push(sum);
        }
        let mut files = Vec::new();
        for (path, snaplen) in out {
            let mut file = create(path)?;
            file.write_all(&0xa1b2_c3d4u32.to_le_bytes())?;
            file.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
            file.write_all(&snaplen.to_le_bytes())?;
            file.write_all(&1u32.to_le_bytes())?;
            files.push((file, *snaplen));
        }
        Ok(Pcap {
            out: files,
            start,
            frame: Vec::with_capacity(2048),
            pattern,
            sums,
            packets: 0,
            wire_bytes: 0,
        })
    }

    /// Writes one segment of a connection.
    pub fn write(&mut self, ends: &mut Ends, s: &Segment) -> io::Result<()> {
        self.frame.clear();
        self.frame
            .extend_from_slice(&ends.template[s.side][..ends.tcp_at]);
        let sum = ends.pseudo + self.tcp_header(ends, s) + self.payload(s);
        let check = fold(sum + (self.frame.len() - ends.tcp_at) as u64);
        let at = ends.tcp_at + 16;
        self.frame[at..at + 2].copy_from_slice(&check.to_be_bytes());
        self.ip_header(ends, s);
        // What the client sent has crossed a real Ethernet, which pads to 60 bytes without FCS.
        if s.side == 0 && self.frame.len() < 60 {
            self.frame.resize(60, 0);
        }
        self.record(s.at)
    }

    /// Appends the TCP header; returns the sum of its words without the ports.
    fn tcp_header(&mut self, ends: &mut Ends, s: &Segment) -> u64 {
        let f = &mut self.frame;
        let (src, dst) = (ends.ports[s.side], ends.ports[1 - s.side]);
        f.extend_from_slice(&src.to_be_bytes());
        f.extend_from_slice(&dst.to_be_bytes());
        f.extend_from_slice(&s.seq.to_be_bytes());
        f.extend_from_slice(&s.ack.to_be_bytes());
        f.extend_from_slice(&[0x50, s.flags]);
        f.extend_from_slice(&s.window.to_be_bytes());
        f.extend_from_slice(&[0, 0, 0, 0]);
        let clock = ends.clock[s.side].wrapping_add((s.at / 1000) as u32);
        if !matches!(s.options, Options::Nothing) && ends.timestamps {
            let echo = if s.flags & ACK != 0 {
                ends.heard[s.side]
            } else {
                0
            };
            f.extend_from_slice(&[1, 1, 8, 10]);
            f.extend_from_slice(&clock.to_be_bytes());
            f.extend_from_slice(&echo.to_be_bytes());
            ends.heard[1 - s.side] = clock;
        }
        match s.options {
            Options::Opening => f.extend_from_slice(&[2, 4, 0x05, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2]),
            Options::Sack(left, right) => {
                f.extend_from_slice(&[1, 1, 5, 10]);
                f.extend_from_slice(&left.to_be_bytes());
                f.extend_from_slice(&right.to_be_bytes());
            }
            Options::Nothing | Options::Usual => {}
        }
        let header = f.len() - ends.tcp_at;
        f[ends.tcp_at + 12] = (header as u8 / 4) << 4;
        add_words(&f[ends.tcp_at + 4..])
    }

    /// Appends the payload; returns the sum of its words.
    fn payload(&mut self, s: &Segment) -> u64 {
        let len = s.len as usize;
        let head_at = self.frame.len();
        let head = s.head.bytes();
        // An even length, so that the pattern's sums fit behind it.
        let head = &head[..head.len().min(len) & !1];
        self.frame.extend_from_slice(head);
        if matches!(s.head, Head::Record | Head::Hello) && len > 5 {
            // RFC 8446 section 5.1: the record's length follows its type and version.
            let record = (s.len as u16 - 5).to_be_bytes();
            self.frame[head_at + 3..head_at + 5].copy_from_slice(&record);
        }
        let head_sum = add_words(&self.frame[head_at..]);
        let rest = len - head.len();
        let from = s.seq as usize & (PATTERN - 1) & !1;
        self.frame
            .extend_from_slice(&self.pattern[from..from + rest]);
        let words = (from / 2, (from + rest) / 2);
        // The sums are folded, so their difference is right modulo 0xffff once made positive.
        let mut sum = u64::from(self.sums[words.1]) + 0xffff - u64::from(self.sums[words.0]);
        if rest % 2 == 1 {
            sum += u64::from(self.pattern[from + rest - 1]) << 8;
        }
        sum + head_sum
    }

    /// Fills in what differs from packet to packet in the IP header.
    fn ip_header(&mut self, ends: &mut Ends, s: &Segment) {
        let total = self.frame.len() - ends.ip_at;
        let ip = &mut self.frame[ends.ip_at..ends.tcp_at];
        if ip.len() == 40 {
            ip[4..6].copy_from_slice(&((total - 40) as u16).to_be_bytes());
            return;
        }
        ip[2..4].copy_from_slice(&(total as u16).to_be_bytes());
        // Linux gives a reply of the stack itself the identification 0.
        if !matches!(s.options, Options::Nothing) {
            ends.ip_id[s.side] = ends.ip_id[s.side].wrapping_add(1);
            ip[4..6].copy_from_slice(&ends.ip_id[s.side].to_be_bytes());
        }
        let check = fold(add_words(ip));
        ip[10..12].copy_from_slice(&check.to_be_bytes());
    }

    fn record(&mut self, at: u64) -> io::Result<()> {
        let wire = self.frame.len() as u32;
        for (file, snaplen) in &mut self.out {
            let kept = wire.min(*snaplen);
            let mut header = [0; 16];
            header[..4].copy_from_slice(&((self.start + at / 1_000_000) as u32).to_le_bytes());
            header[4..8].copy_from_slice(&((at % 1_000_000) as u32).to_le_bytes());
            header[8..12].copy_from_slice(&kept.to_le_bytes());
            header[12..].copy_from_slice(&wire.to_le_bytes());
            file.write_all(&header)?;
            file.write_all(&self.frame[..kept as usize])?;
        }
        self.packets += 1;
        self.wire_bytes += u64::from(wire);
        Ok(())
    }

    /// Writes what is still in memory.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.iter_mut().try_for_each(|(file, _)| file.flush())
    }
}
