//! The letters of Zeek's `history`: capital for the originator, small for the responder.

use std::fmt;

/// Letters kept without an allocation; most connections need no more ("ShADadFf").
const INLINE: usize = 12;
/// Letters kept at most. Zeek has no such bound, but a FIN with ever new numbers would fill memory.
const MAX_LETTERS: usize = 4096;

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
    Gap,
}

impl Counter {
    pub(super) const COUNT: usize = 3;

    pub(super) fn letter(self, is_orig: bool) -> u8 {
        let letter = match self {
            Counter::Retransmission => b'T',
            Counter::ZeroWindow => b'W',
            Counter::Gap => b'G',
        };
        cased(letter, is_orig)
    }
}

fn cased(letter: u8, is_orig: bool) -> u8 {
    if is_orig {
        letter
    } else {
        letter.to_ascii_lowercase()
    }
}

/// The letters so far, and which of the once-only ones are among them.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// By [`Once`]: the low byte for the originator, the high one for the responder.
    seen: u16,
    len: u8,
    letters: [u8; INLINE],
    /// All letters, once they are too many for `letters`.
    spilt: Option<Box<Spilt>>,
}

#[derive(Clone, Debug)]
struct Spilt(String);

impl History {
    #[inline]
    pub(super) fn has(&self, is_orig: bool, what: Once) -> bool {
        self.seen & mask(is_orig, what) != 0
    }

    /// Adds the letter unless it was there. True if it was.
    pub(super) fn once(&mut self, is_orig: bool, what: Once, letter: u8) -> bool {
        if self.has(is_orig, what) {
            return true;
        }
        self.seen |= mask(is_orig, what);
        self.push(cased(letter, is_orig));
        false
    }

    /// Adds a letter again.
    pub(super) fn again(&mut self, is_orig: bool, letter: u8) {
        self.push(cased(letter, is_orig));
    }

    pub(super) fn push(&mut self, letter: u8) {
        if usize::from(self.len) < INLINE {
            self.letters[usize::from(self.len)] = letter;
            self.len += 1;
            return;
        }
        let inline = self.letters;
        let all = &mut self
            .spilt
            .get_or_insert_with(|| Box::new(Spilt(inline.map(char::from).iter().collect())))
            .0;
        if all.len() < MAX_LETTERS {
            all.push(char::from(letter));
        }
    }

    /// True if the connection began with its responder's SYN-ACK and nothing came since.
    pub(super) fn is_lone_syn_ack(&self) -> bool {
        self.inline() == b"H" && self.spilt.is_none()
    }

    /// Rewrites the history of a lone SYN-ACK as that of a flipped connection.
    pub(super) fn replace_lone_syn_ack(&mut self) {
        self.letters[..2].copy_from_slice(b"^h");
        self.len = 2;
    }

    /// Zeek's pattern for RSTOS0: a SYN, then a RST, and nothing in between that got an answer.
    pub(super) fn is_syn_then_rst(&self) -> bool {
        let all = self.to_string();
        let all = all.strip_prefix('^').unwrap_or(&all);
        all.strip_prefix('S').is_some_and(|rest| {
            rest.find(['H', 'A', 'F', 'G', 'I', 'Q', 'R'])
                .is_some_and(|at| rest[at..].starts_with('R'))
        })
    }

    fn inline(&self) -> &[u8] {
        &self.letters[..usize::from(self.len)]
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.spilt {
            Some(all) => f.write_str(&all.0),
            None => self
                .inline()
                .iter()
                .try_for_each(|&letter| write!(f, "{}", char::from(letter))),
        }
    }
}

#[inline]
fn mask(is_orig: bool, what: Once) -> u16 {
    let bit = 1 << what as u8;
    if is_orig { bit } else { bit << 8 }
}
