//! The letters of Zeek's `history`: capital for the originator, small for the responder.

/// Letters kept without an allocation; most connections need no more ("ShADadFf").
const INLINE: usize = 12;

/// What gets a letter once for each end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Once {
    Syn,
    Fin,
    Rst,
    /// FIN and RST in one segment.
    FinRst,
    Data,
    Ack,
    /// SYN together with FIN or RST.
    SynMixed,
}

/// What gets a letter whenever its count reaches a power of ten.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    Retransmission,
    ZeroWindow,
}

impl Counter {
    pub(super) const COUNT: usize = 2;

    pub(super) fn letter(self) -> u8 {
        match self {
            Counter::Retransmission => b'T',
            Counter::ZeroWindow => b'W',
        }
    }
}

pub(super) fn cased(letter: u8, is_orig: bool) -> u8 {
    if is_orig {
        letter
    } else {
        letter.to_ascii_lowercase()
    }
}

/// The first letters, and which of the once-only ones there were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    len: u8,
    /// Bits by [`Once`], of the responder and of the originator. Bytes, so that nothing is padded.
    seen: [u8; 2],
    letters: [u8; INLINE],
}

impl History {
    #[inline]
    pub(super) fn has(&self, is_orig: bool, what: Once) -> bool {
        self.seen[usize::from(is_orig)] & (1 << what as u8) != 0
    }

    /// Notes a once-only letter. True if it was there.
    pub(super) fn note(&mut self, is_orig: bool, what: Once) -> bool {
        let had = self.has(is_orig, what);
        self.seen[usize::from(is_orig)] |= 1 << what as u8;
        had
    }

    /// False if there is no room.
    pub(super) fn push(&mut self, letter: u8) -> bool {
        let room = self.letters.get_mut(usize::from(self.len));
        let has_room = room.is_some();
        if let Some(place) = room {
            *place = letter;
            self.len += 1;
        }
        has_room
    }

    /// True if the connection began with its responder's SYN-ACK and nothing came since.
    pub(super) fn is_lone_syn_ack(&self) -> bool {
        self.inline() == b"H"
    }

    /// Rewrites the history of a lone SYN-ACK as that of a flipped connection.
    pub(super) fn replace_lone_syn_ack(&mut self) {
        self.letters[..2].copy_from_slice(b"^h");
        self.len = 2;
    }

    fn inline(&self) -> &[u8] {
        &self.letters[..usize::from(self.len)]
    }

    /// The letters.
    pub(super) fn letters(&self) -> &str {
        // they are ASCII
        std::str::from_utf8(self.inline()).unwrap_or_default()
    }
}

/// Zeek's pattern for RSTOS0: a SYN, then a RST, and nothing in between that got an answer.
pub(super) fn is_syn_then_rst(letters: &str) -> bool {
    let letters = letters.strip_prefix('^').unwrap_or(letters);
    letters.strip_prefix('S').is_some_and(|rest| {
        rest.find(['H', 'A', 'F', 'G', 'I', 'Q', 'R'])
            .is_some_and(|at| rest[at..].starts_with('R'))
    })
}
