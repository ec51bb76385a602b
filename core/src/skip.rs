//! Why a frame was not used. Everything read is either used or counted here.

macro_rules! skips {
    ($($name:ident = $slug:literal, $doc:literal;)*) => {
        /// The reason a frame gave no segment to the tracker.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Skip { $(#[doc = $doc] $name,)* }

        impl Skip {
            /// Every reason, in order of its discriminant.
            pub const ALL: &'static [Skip] = &[$(Skip::$name,)*];

            /// The catalogue's name for it.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Skip::$name => $slug,)* }
            }
        }
    };
}

skips! {
    NotIp = "not-ip", "ARP, LLDP, STP and other frames without an IP packet.";
    NotTcp = "not-tcp", "An IP packet of another protocol.";
    LinkType = "link-type-unknown", "The link type is not one that finwait decodes.";
    LinkCut = "link-header-cut", "The frame ends inside the link-layer header.";
    IpCut = "ip-header-cut", "The frame ends inside the IP header or its extension headers.";
    IpBad = "ip-header-bad", "The IP header contradicts itself (version, header length, total length).";
    TcpCut = "tcp-header-cut", "The frame ends inside the fixed 20 bytes of the TCP header.";
    TcpBad = "tcp-header-bad", "The TCP header contradicts itself (data offset below 5 or beyond the packet).";
    FragmentHeld = "fragment", "A fragment that became part of a reassembled packet, whose last piece is counted as used.";
    FragmentLost = "fragment-incomplete", "A fragment whose other pieces never came.";
    Nested = "tunnel-too-deep", "More layers of encapsulation than finwait follows.";
    Encrypted = "encrypted", "ESP: the TCP header is not readable.";
}

/// Counts by reason.
#[derive(Clone, Debug, Default)]
pub struct SkipCounts([u64; Skip::ALL.len()]);

impl SkipCounts {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, reason: Skip) {
        self.0[reason as usize] += 1;
    }

    /// Moves `n` from one reason to another.
    pub fn shift(&mut self, from: Skip, to: Skip, n: u64) {
        self.0[from as usize] = self.0[from as usize].saturating_sub(n);
        self.0[to as usize] += n;
    }

    /// How many had this reason.
    #[must_use]
    pub fn get(&self, reason: Skip) -> u64 {
        self.0[reason as usize]
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &SkipCounts) {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a += b;
        }
    }

    /// How many were skipped in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
