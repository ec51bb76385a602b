//! Frames built by hand, from the inside out. Nothing here is shared with the decoder.

/// A TCP segment to be.
#[derive(Clone, Debug)]
pub struct Tcp {
    pub sport: u16,
    pub dport: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: u16,
    pub window: u16,
    /// Raw options; padded with END to a multiple of 4.
    pub options: Vec<u8>,
    pub payload: Vec<u8>,
    /// `None`: the right one.
    pub checksum: Option<u16>,
}

impl Default for Tcp {
    fn default() -> Tcp {
        Tcp {
            sport: 40_000,
            dport: 443,
            seq: 0x1111_2222,
            ack: 0x3333_4444,
            flags: 0x010,
            window: 0x5555,
            options: Vec::new(),
            payload: Vec::new(),
            checksum: None,
        }
    }
}

/// Sum of big-endian 16-bit words, carries folded as they come.
pub fn ones_sum(start: u16, bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(start, |sum, pair| {
        let word = u16::from(pair[0]) << 8 | u16::from(*pair.get(1).unwrap_or(&0));
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

/// The pseudo-header's sum for TCP with a segment of `len` bytes.
pub fn pseudo(src: &[u8], dst: &[u8], len: usize) -> u16 {
    let mut words = vec![0, 6];
    words.extend(u16::try_from(len & 0xffff).unwrap().to_be_bytes());
    words.extend(u16::try_from(len >> 16).unwrap().to_be_bytes());
    ones_sum(ones_sum(ones_sum(0, src), dst), &words)
}

impl Tcp {
    pub fn bytes(&self, src: &[u8], dst: &[u8]) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let words = u16::try_from(5 + options.len() / 4).unwrap();
        let mut b = Vec::new();
        b.extend(self.sport.to_be_bytes());
        b.extend(self.dport.to_be_bytes());
        b.extend(self.seq.to_be_bytes());
        b.extend(self.ack.to_be_bytes());
        b.extend((words << 12 | self.flags).to_be_bytes());
        b.extend(self.window.to_be_bytes());
        b.extend([0, 0, 0, 0]);
        b.extend(options);
        b.extend(&self.payload);
        let right = !ones_sum(pseudo(src, dst, b.len()), &b);
        b[16..18].copy_from_slice(&self.checksum.unwrap_or(right).to_be_bytes());
        b
    }
}

pub const A4: [u8; 4] = [10, 0, 0, 1];
pub const B4: [u8; 4] = [10, 0, 0, 2];
pub const A6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub const B6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// An IPv4 header with these fragment bits and options, and `payload` behind it.
pub fn ip4_with(
    (src, dst): ([u8; 4], [u8; 4]),
    proto: u8,
    id: u16,
    place: u16,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    assert!(options.len().is_multiple_of(4));
    let header_len = 20 + options.len();
    let total = u16::try_from(header_len + payload.len()).unwrap();
    let mut b = vec![0x40 | u8::try_from(header_len / 4).unwrap(), 0];
    b.extend(total.to_be_bytes());
    b.extend(id.to_be_bytes());
    b.extend(place.to_be_bytes());
    b.extend([64, proto, 0, 0]);
    b.extend(src);
    b.extend(dst);
    b.extend(options);
    let sum = !ones_sum(0, &b);
    b[10..12].copy_from_slice(&sum.to_be_bytes());
    b.extend(payload);
    b
}

pub fn ip4(proto: u8, payload: &[u8]) -> Vec<u8> {
    ip4_with((A4, B4), proto, 0x4242, 0x4000, &[], payload)
}

pub fn ip6_between(src: [u8; 16], dst: [u8; 16], next: u8, payload: &[u8]) -> Vec<u8> {
    let mut b = vec![0x60, 0, 0, 0];
    b.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    b.extend([next, 57]);
    b.extend(src);
    b.extend(dst);
    b.extend(payload);
    b
}

pub fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    ip6_between(A6, B6, next, payload)
}

/// An extension header of the common shape: next header, length in units of 8 behind the first.
pub fn ext(next: u8, body: &[u8]) -> Vec<u8> {
    let mut b = vec![next, 0];
    b.extend(body);
    b.resize(b.len().next_multiple_of(8), 0);
    b[1] = u8::try_from(b.len() / 8 - 1).unwrap();
    b
}

/// IPv4 with a TCP segment.
pub fn tcp4(t: &Tcp) -> Vec<u8> {
    ip4(6, &t.bytes(&A4, &B4))
}

/// IPv6 with a TCP segment.
pub fn tcp6(t: &Tcp) -> Vec<u8> {
    ip6(6, &t.bytes(&A6, &B6))
}

/// Bytes after bytes.
pub fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub fn eth(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    // Addresses of a known vendor: tshark guesses by them what is below MPLS.
    const DST: [u8; 6] = [0x3c, 0xfd, 0xfe, 0, 0, 2];
    const SRC: [u8; 6] = [0x3c, 0xfd, 0xfe, 0, 0, 1];
    cat(&[&DST, &SRC, &ethertype.to_be_bytes(), payload])
}

/// A tag behind its EtherType.
pub fn tag(id: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[
        &(0x2000 | id).to_be_bytes(),
        &ethertype.to_be_bytes(),
        payload,
    ])
}

pub fn udp(sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).unwrap();
    cat(&[
        &sport.to_be_bytes(),
        &dport.to_be_bytes(),
        &len.to_be_bytes(),
        &[0, 0],
        payload,
    ])
}
