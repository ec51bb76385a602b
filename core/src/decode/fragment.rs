//! IP fragments, put together as far as is needed to see a TCP header and its payload's length.

use super::found;
use super::scope::{Scope, ScopeNames};
use super::walk::{Layer, Walk};
use crate::segment::{Segment, mark};
use crate::skip::{Skip, SkipCounts};
use std::collections::{BTreeMap, HashMap};

/// An IP fragment, as a frame carried it.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    pub(super) ts: i64,
    pub(super) number: u64,
    pub(super) walk: Walk<'a>,
}

impl Fragment<'_> {
    /// The scope found around it.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.walk.scope
    }
}

/// Datagrams held at once; the oldest gives way. One takes at most 1,600 bytes, so all of them less
/// than 7 MB.
const MAX_DATAGRAMS: usize = 4_096;

/// First bytes of a datagram that are kept: enough for a tunnel's headers and the TCP header in it.
const KEPT: usize = 512;

/// Runs of bytes with holes between them in one datagram; more of them is no network's doing.
const MAX_RUNS: usize = 64;

/// Longest datagram: an IPv4 total length, or an IPv6 payload length, has 16 bits.
const MAX_DATAGRAM: u32 = 65_535;

/// How long the first piece waits for the rest, in nanoseconds of capture time. RFC 8200 section 4.5
/// says 60 seconds for IPv6. RFC 791 section 3.2 suggests 15 seconds for IPv4 and RFC 1122 section
/// 3.3.2 60 to 120; Linux takes 30 (`net.ipv4.ipfrag_time`), which is followed here, because 16-bit
/// identifications come round.
fn patience(v6: bool) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    if v6 { 60 * SECOND } else { 30 * SECOND }
}

/// What the fragments of one datagram have in common: addresses, identification, protocol (RFC 791
/// section 3.2; not for IPv6, RFC 8200 section 4.5), the scope, and the place of capture, so that two
/// copies of a datagram stay two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: u128,
    dst: u128,
    id: u32,
    proto: Option<u8>,
    scope: u32,
    tap: u16,
}

impl Key {
    fn of(w: &Walk) -> Key {
        Key {
            src: w.ip.src,
            dst: w.ip.dst,
            id: w.piece.id,
            proto: (!w.ip.v6).then_some(w.piece.proto),
            scope: w.scope.number(),
            tap: w.tap,
        }
    }
}

/// How a range of bytes fits to those that are there.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    New,
    Duplicate,
    Overlap,
}

/// Ranges of bytes, sorted, and apart from each other.
#[derive(Debug, Default)]
struct Runs(Vec<(u32, u32)>);

impl Runs {
    /// Adds `from..to`, which is not empty, unless it overlaps.
    fn add(&mut self, from: u32, to: u32) -> Fit {
        let at = self.0.partition_point(|run| run.1 <= from);
        let next = self.0.get(at).copied();
        match next {
            Some((a, b)) if a <= from && to <= b => return Fit::Duplicate,
            Some((a, _)) if a < to => return Fit::Overlap,
            _ => {}
        }
        let joins_left = at > 0 && self.0[at - 1].1 == from;
        let joins_right = next.is_some_and(|run| run.0 == to);
        match (joins_left, joins_right) {
            (true, true) => {
                self.0[at - 1].1 = self.0[at].1;
                self.0.remove(at);
            }
            (true, false) => self.0[at - 1].1 = to,
            (false, true) => self.0[at].0 = from,
            (false, false) => self.0.insert(at, (from, to)),
        }
        Fit::New
    }

    /// Where the run that starts at 0 ends.
    fn prefix(&self) -> u32 {
        self.0.first().map_or(0, |r| if r.0 == 0 { r.1 } else { 0 })
    }

    fn end(&self) -> u32 {
        self.0.last().map_or(0, |r| r.1)
    }
}

/// What came of one datagram.
#[derive(Debug)]
struct Datagram {
    first_seen: i64,
    v6: bool,
    serial: u64,
    /// Fragments counted as held so far.
    held: u64,
    /// What came.
    runs: Runs,
    /// Where it ends, once the last fragment came.
    end: Option<u32>,
    /// Protocol of the whole: an IPv6 fragment that is not the first may say otherwise.
    proto: u8,
    /// Its first bytes, zero where they were not captured.
    start: Vec<u8>,
    /// What of `start` was captured.
    captured: Runs,
    /// A piece was cut by the snap length.
    cut: bool,
    /// An overlap was found: all its fragments are lost, also those still to come (RFC 5722
    /// section 4; Linux does the same for IPv4).
    dead: bool,
}

impl Datagram {
    fn new(ts: i64, serial: u64, w: &Walk) -> Datagram {
        Datagram {
            first_seen: ts,
            v6: w.ip.v6,
            serial,
            held: 0,
            runs: Runs::default(),
            end: None,
            proto: w.piece.proto,
            start: Vec::new(),
            captured: Runs::default(),
            cut: false,
            dead: false,
        }
    }

    /// Takes a piece of `len` bytes. False if it contradicts what came before.
    fn take(&mut self, w: &Walk, len: u32) -> bool {
        let (from, to) = (w.piece.offset, w.piece.offset + len);
        let ends_wrong = match (self.end, w.piece.more) {
            (Some(end), true) => to > end,
            (Some(end), false) => to != end,
            (None, true) => false,
            (None, false) => self.runs.end() > to,
        };
        if ends_wrong {
            return false;
        }
        match self.runs.add(from, to) {
            Fit::Overlap => return false,
            Fit::Duplicate => return true,
            Fit::New => {}
        }
        if !w.piece.more {
            self.end = Some(to);
        }
        if from == 0 {
            self.proto = w.piece.proto;
        }
        self.cut |= w.rest().len() < len as usize;
        self.keep(from as usize, w.rest());
        self.runs.0.len() <= MAX_RUNS
    }

    /// Keeps what belongs to the first bytes.
    fn keep(&mut self, from: usize, bytes: &[u8]) {
        let to = (from + bytes.len()).min(KEPT);
        if from >= to {
            return;
        }
        if self.start.len() < to {
            self.start.resize(to, 0);
        }
        self.start[from..to].copy_from_slice(&bytes[..to - from]);
        self.captured.add(from as u32, to as u32);
    }

    fn is_whole(&self) -> bool {
        self.end.is_some_and(|end| self.runs.prefix() == end)
    }

    fn is_late(&self, now: i64) -> bool {
        now.saturating_sub(self.first_seen) > patience(self.v6)
    }
}

/// Puts fragments together, fed in file order. Of a datagram only its first 512 bytes are kept.
///
/// Every fragment is counted: the last piece of a whole datagram as whatever is found inside it, the
/// other pieces and repeats as [`Skip::FragmentHeld`], and those of a datagram that never became
/// whole as [`Skip::FragmentLost`].
#[derive(Debug, Default)]
pub struct Defragmenter {
    held: HashMap<Key, Datagram>,
    by_age: BTreeMap<u64, Key>,
    next_serial: u64,
    names: ScopeNames,
}

impl Defragmenter {
    /// Takes a fragment; gives the segment if it was the last missing piece of one. A fragment that
    /// gives none is counted in `counts`.
    pub fn push(&mut self, f: Fragment<'_>, counts: &mut SkipCounts) -> Option<Segment> {
        self.drop_late(f.ts, counts);
        let w = &f.walk;
        let len = u32::try_from(w.end.saturating_sub(w.at)).unwrap_or(u32::MAX);
        let fits = len <= MAX_DATAGRAM && w.piece.offset + len <= MAX_DATAGRAM;
        if len == 0 || !fits || (w.piece.more && len % 8 != 0) {
            counts.add(Skip::IpBad);
            return None;
        }
        let key = Key::of(w);
        if !self.held.contains_key(&key) {
            self.start(key, f.ts, w, counts);
        }
        let datagram = self.held.get_mut(&key)?;
        if !datagram.dead && !datagram.take(w, len) {
            datagram.dead = true;
            counts.shift(Skip::FragmentHeld, Skip::FragmentLost, datagram.held);
            datagram.held = 0;
        }
        if datagram.dead {
            counts.add(Skip::FragmentLost);
            return None;
        }
        if !datagram.is_whole() {
            datagram.held += 1;
            counts.add(Skip::FragmentHeld);
            return None;
        }
        let whole = self.held.remove(&key)?;
        self.by_age.remove(&whole.serial);
        self.open(&f, &whole, counts)
    }

    /// The capture is over: what is still held is lost.
    pub fn finish(&mut self, counts: &mut SkipCounts) {
        while let Some((_, key)) = self.by_age.pop_first() {
            self.lose(&key, counts);
        }
    }

    /// [`Defragmenter::names`], when the capture is over.
    #[must_use]
    pub fn into_names(self) -> ScopeNames {
        self.names
    }

    /// Words for scopes of segments that came out of fragments.
    #[must_use]
    pub fn names(&self) -> &ScopeNames {
        &self.names
    }

    /// Makes a place for a new datagram.
    fn start(&mut self, key: Key, ts: i64, w: &Walk, counts: &mut SkipCounts) {
        if self.held.len() >= MAX_DATAGRAMS
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.lose(&oldest, counts);
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        self.by_age.insert(serial, key);
        self.held.insert(key, Datagram::new(ts, serial, w));
    }

    /// Drops datagrams that have waited too long, oldest first.
    fn drop_late(&mut self, now: i64, counts: &mut SkipCounts) {
        while let Some(entry) = self.by_age.first_entry() {
            if !self.held.get(entry.get()).is_none_or(|d| d.is_late(now)) {
                break;
            }
            let key = entry.remove();
            self.lose(&key, counts);
        }
    }

    fn lose(&mut self, key: &Key, counts: &mut SkipCounts) {
        if let Some(d) = self.held.remove(key) {
            counts.shift(Skip::FragmentHeld, Skip::FragmentLost, d.held);
        }
    }

    /// Walks on through a whole datagram.
    fn open(
        &mut self,
        f: &Fragment<'_>,
        whole: &Datagram,
        counts: &mut SkipCounts,
    ) -> Option<Segment> {
        let mut walk = Walk {
            bytes: &whole.start[..whole.captured.prefix() as usize],
            at: 0,
            end: whole.runs.prefix() as usize,
            ..f.walk
        };
        let mut segment = Segment::default();
        let result = match walk.run(Layer::Proto(whole.proto)) {
            // A fragment inside. The layer limit ends this.
            Ok(Layer::Fragment) => return self.push(Fragment { walk, ..*f }, counts),
            Ok(_) => found(&walk, f.ts, f.number, mark::FRAGMENTED, &mut segment),
            Err(skip) => Err(skip),
        };
        if let Err(skip) = result {
            counts.add(skip);
            return None;
        }
        segment.payload_cut = whole.cut;
        self.names.learn(segment.key.scope, || Some(walk.scope));
        Some(segment)
    }
}
