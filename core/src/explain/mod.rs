//! One connection with all its segments, and where both ends stand after each.
//!
//! The captures are read twice: once to judge every connection, so that a number means here what it
//! means in an analysis and the verdict is the same, and once to keep the segments of the one, or of as
//! many as are asked for together. The second reading tracks nothing but their tuples and ends where
//! nothing of them can come any more (docs/decisions.md 28, 90).

mod hindsight;

use crate::decode::{Decoded, Defragmenter, Fragment, decode, locate};
use crate::engine::{Options, Progress, Report, Watch, find, run};
use crate::frame::{Batch, FrameRef};
use crate::machine::State;
use crate::segment::{FlowKey, NO_WSCALE, Segment, flag};
use crate::skip::SkipCounts;
use crate::slugs::Note;
use crate::source;
use crate::track::conn::{Conn, Outcome};
use crate::track::endpoint::seen;
use crate::track::{LINGER, Sink, Tracker, final_state};
use crate::verdict::row::Row;
use foldhash::quality::RandomState;
use hindsight::hindsight;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::LazyLock;

/// Payload bytes kept of each segment.
const DATA: usize = 256;

/// Connections with the same ends held at once: one a VLAN or tunnel.
const SAME_ENDS: usize = 1 << 16;

/// Connections that are listed when several have the end that was given.
const LISTED: usize = 10;

/// Which connection.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// By its number, in the order of first segments.
    Number(u64),
    /// The first between these two ends, whatever its scope: addresses as [`FlowKey`] holds them.
    Ends(u128, u16, u128, u16),
    /// The only one that has this end.
    End(u128, u16),
}

impl Which {
    fn is(self, number: u64, row: &Row) -> bool {
        match self {
            Which::Number(n) => n == number,
            Which::Ends(a, ap, b, bp) => FlowKey::new(a, b, ap, bp, row.key.scope).0 == row.key,
            Which::End(a, port) => {
                let (low, high, low_port, high_port) = row.key.ends();
                (low, low_port) == (a, port) || (high, high_port) == (a, port)
            }
        }
    }
}

/// What was found of the connection that was asked for.
pub enum Found {
    /// There is none.
    Nothing,
    /// Told.
    One(Box<Explained>),
    /// Several have the end that was given, so that none is told: how many, and the first with their numbers.
    Several(u64, Vec<(u64, Row)>),
}

/// One segment, and where both ends stand after it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The segment.
    pub segment: Segment,
    /// What became of it.
    pub outcome: Outcome,
    /// States by direction.
    pub states: [State; 2],
    /// Where they stood before their last move by this segment, by direction.
    pub passed: [Option<State>; 2],
    /// The TCP header as captured.
    pub header: Vec<u8>,
    /// The first payload bytes.
    pub data: Vec<u8>,
    /// Payload bytes that were captured.
    pub captured: u32,
    /// Of all captured payload bytes, if there are more than `data` holds; the same in one process only. Else 0.
    pub digest: u64,
}

impl Step {
    /// One of which no bytes are kept.
    fn new(
        segment: &Segment,
        outcome: Outcome,
        states: [State; 2],
        passed: [Option<State>; 2],
    ) -> Step {
        Step {
            segment: *segment,
            outcome,
            states,
            passed,
            header: Vec::new(),
            data: Vec::new(),
            captured: 0,
            digest: 0,
        }
    }
}

/// The whole story of one connection.
pub struct Explained {
    /// Its number.
    pub number: u64,
    /// Its verdict.
    pub row: Row,
    /// Its segments in capture order.
    pub steps: Vec<Step>,
    /// Segments left out of the middle.
    pub truncated: u64,
    /// Initial sequence numbers by direction.
    pub isn: [Option<u32>; 2],
    /// Window scale shifts by direction.
    pub wscale: [Option<u8>; 2],
    /// Frame and time of the SYN of the tuple's next connection, if that opened in this one's TIME-WAIT.
    pub replaced: Option<(u64, i64)>,
}

/// Reads `paths` for one connection; the report is of all of them.
///
/// Standard input (`-`) cannot be read twice: the caller has to keep it in a file.
pub fn explain(
    paths: &[String],
    joined: bool,
    which: Which,
    max_steps: usize,
    watch: &mut dyn Watch,
) -> (Found, Report) {
    let options = Options {
        joined,
        threads: 0,
        max_connections: 0,
    };
    let report = run(paths, options, watch);
    let mut fitting = (0..)
        .zip(report.rows())
        .filter(|(number, row)| which.is(*number, row));
    let first = fitting.next();
    if matches!(which, Which::End(..))
        && let Some(second) = fitting.next()
    {
        let mut rows: Vec<_> = first.into_iter().chain([second]).collect();
        rows.extend(fitting.by_ref().take(LISTED - 2));
        let count = (rows.len() + fitting.count()) as u64;
        return (Found::Several(count, rows), report);
    }
    drop(fitting);
    let wanted: Vec<_> = first.into_iter().collect();
    let (mut stories, _) = tell(paths, joined, &wanted, max_steps, watch);
    let mut story = stories.pop().map(Box::new);
    if let Some(story) = &mut story {
        story.replaced = replaced(&report, story.number, &story.row, paths, joined);
    }
    (story.map_or(Found::Nothing, Found::One), report)
}

/// The SYN that took the place of a connection's TIME-WAIT: frame and time.
fn replaced(
    report: &Report,
    number: u64,
    row: &Row,
    paths: &[String],
    joined: bool,
) -> Option<(u64, i64)> {
    let files = find(paths, joined, &mut Vec::new());
    let mut captures = files.captures.into_iter();
    let capture = captures.find(|files| files.contains(&(row.source as usize)))?;
    let next = report
        .rows()
        .skip(number as usize + 1)
        .find(|later| later.key == row.key && capture.contains(&(later.source as usize)))?;
    let reused = next.notes & (1 << Note::TimeWaitReuse as u8) != 0;
    reused.then_some((next.first_frame, next.first_ts))
}

/// When the first and the last frame of a capture came, whatever they hold, in nanoseconds.
pub type Times = Option<(i64, i64)>;

/// Reads `paths` once more for the segments of the connections `wanted` that [`run`] has judged, each with
/// its number; none is left out and none changes place. Without steps (`max_steps` 0) everything is read, and
/// the times of all frames are right; else the reading may end early.
pub fn tell(
    paths: &[String],
    joined: bool,
    wanted: &[(u64, Row)],
    max_steps: usize,
    watch: &mut dyn Watch,
) -> (Vec<Explained>, Times) {
    let files = find(paths, joined, &mut Vec::new()); // what is wrong there, `run` has said
    let mut stories: Vec<Option<Explained>> = wanted.iter().map(|_| None).collect();
    let mut times = None;
    for capture in files.captures {
        let places =
            (0..wanted.len()).filter(|i| capture.contains(&(wanted[*i].1.source as usize)));
        let places: Vec<usize> = places.collect();
        if places.is_empty() {
            continue;
        }
        let mut hunt = Hunt::new(places.iter().map(|i| &wanted[*i].1), max_steps);
        for i in capture {
            if !hunt.file(&files.paths[i], i as u32, watch) {
                break;
            }
        }
        let now = hunt.tracker.now();
        hunt.tracker.finish(now, &mut hunt.sought);
        times = hunt.times;
        for (place, tale) in places.into_iter().zip(hunt.sought.tales) {
            let (number, row) = wanted[place].clone();
            stories[place] = Some(tale.told(number, row));
        }
    }
    (stories.into_iter().flatten().collect(), times)
}

/// Keeps the segments of some connections.
struct Hunt {
    sought: Sought,
    /// The two ends of what is wanted; the directions of one connection may lie in different scopes. And
    /// the places in `sought` of those between them that have called and not been given a place.
    calling: HashMap<(u128, u128, u16, u16), Vec<usize>, RandomState>,
    /// How many have not begun.
    waiting: usize,
    /// The last frame of them all, and the time after which nothing of them can come.
    last: (u64, i64),
    tracker: Tracker,
    defragmenter: Defragmenter,
    skipped: SkipCounts,
    max_steps: usize,
    times: Times,
}

/// One connection while its segments are looked for.
#[derive(Default)]
struct Tale {
    /// The tracker has given it a place.
    live: bool,
    head: Vec<Step>,
    tail: VecDeque<Step>,
    truncated: u64,
    /// What the handshake agreed on, by direction, once the connection has ended.
    isn: [Option<u32>; 2],
    wscale: [Option<u8>; 2],
}

impl Tale {
    /// Keeps the beginning and the end when there are too many.
    fn keep(&mut self, mut step: Step, raw: Option<(&FrameRef, &[u8])>, max_steps: usize) {
        if max_steps == 0 {
            return;
        }
        if let Some((frame, bytes)) = raw {
            let (header, data) = cut(frame, bytes);
            step.header = header.to_vec();
            step.data = data[..data.len().min(DATA)].to_vec();
            step.captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
            step.digest = digest(data);
        }
        if self.head.len() < max_steps / 2 {
            self.head.push(step);
            return;
        }
        if self.tail.len() >= max_steps.max(2) - max_steps / 2 {
            self.tail.pop_front();
            self.truncated += 1;
        }
        self.tail.push_back(step);
    }

    fn told(self, number: u64, row: Row) -> Explained {
        let mut steps = self.head;
        steps.extend(self.tail);
        hindsight(&mut steps);
        Explained {
            number,
            row,
            steps,
            truncated: self.truncated,
            isn: self.isn,
            wscale: self.wscale,
            replaced: None,
        }
    }
}

/// The connections that are looked for.
struct Sought {
    tales: Vec<Tale>,
    /// Places in `tales` by file and first frame.
    places: HashMap<(u32, u64), usize, RandomState>,
}

impl Sink for Sought {
    fn ended(&mut self, conn: &Conn, _now: i64) {
        if let Some(place) = self.places.get(&(conn.source, conn.first_frame)) {
            let (tale, ends) = (&mut self.tales[*place], &conn.ends);
            tale.isn = [0, 1].map(|i| ends[i].has(seen::SYN).then_some(ends[i].isn.0));
            tale.wscale = [0, 1].map(|i| (ends[i].wscale != NO_WSCALE).then_some(ends[i].wscale));
        }
    }
}

impl Hunt {
    fn new<'r>(rows: impl Iterator<Item = &'r Row>, max_steps: usize) -> Hunt {
        let mut calling: HashMap<_, Vec<usize>, _> = HashMap::default();
        let mut places = HashMap::default();
        let mut tales = Vec::new();
        let mut last = (0, i64::MIN);
        for row in rows {
            calling.entry(row.key.ends()).or_default();
            places.insert((row.source, row.first_frame), tales.len());
            tales.push(Tale::default());
            let end = row.last_ts.saturating_add(LINGER);
            last = (last.0.max(row.last_frame), last.1.max(end));
        }
        Hunt {
            waiting: tales.len(),
            tracker: Tracker::new(SAME_ENDS.max(tales.len()), RandomState::default()),
            sought: Sought { tales, places },
            calling,
            last,
            defragmenter: Defragmenter::default(),
            skipped: SkipCounts::default(),
            max_steps,
            times: None,
        }
    }

    /// Reads one file as far as it can be read. False: stop.
    fn file(&mut self, path: &str, source: u32, watch: &mut dyn Watch) -> bool {
        let Ok(mut input) = source::open(path) else {
            return true;
        };
        let mut batch = Batch::default();
        let mut frames = 0;
        while let Ok(true) = input.next_batch(&mut batch) {
            if !self.batch(&batch, source) {
                return false;
            }
            frames += batch.frames.len() as u64;
            if !watch.tick(Progress {
                bytes: input.bytes_read(),
                total: input.bytes_total(),
                frames,
                connections: self.tracker.begun,
            }) {
                return false;
            }
        }
        true
    }

    /// False: nothing that is wanted can come after this.
    fn batch(&mut self, batch: &Batch, source: u32) -> bool {
        let bytes = batch.bytes.as_slice();
        for (i, frame) in batch.frames.iter().enumerate() {
            let Some(data) = bytes.get(frame.start as usize..(frame.start + frame.len) as usize)
            else {
                continue;
            };
            let (from, to) = self.times.unwrap_or((frame.ts, frame.ts));
            self.times = Some((from.min(frame.ts), to.max(frame.ts)));
            match decode(frame, data, batch.first_number + i as u64) {
                Decoded::Segment(seg) if self.is_past(&seg) => return false,
                Decoded::Segment(seg) => self.segment(&seg, source, Some((frame, data))),
                Decoded::Fragment(f) => self.fragment(f, source),
                Decoded::Skip(_) => {}
            }
        }
        true
    }

    fn is_past(&self, seg: &Segment) -> bool {
        let all = self.waiting == 0 && self.max_steps > 0;
        all && seg.number > self.last.0 && seg.ts > self.last.1
    }

    fn fragment(&mut self, fragment: Fragment, source: u32) {
        if let Some(seg) = self.defragmenter.push(fragment, &mut self.skipped) {
            self.segment(&seg, source, None);
        }
    }

    fn segment(&mut self, seg: &Segment, source: u32, raw: Option<(&FrameRef, &[u8])>) {
        let Some(calling) = self.calling.get_mut(&seg.key.ends()) else {
            return;
        };
        let (index, outcome) = self.tracker.segment(seg, source, &mut self.sought);
        let passed = self.tracker.passed(index);
        let conn = self.tracker.conn(index);
        let Sought { tales, places } = &mut self.sought;
        let owner = places.get(&(conn.source, conn.first_frame)).copied();
        let begins = places.get(&(source, seg.number)).copied();
        self.waiting = self.waiting.saturating_sub(usize::from(begins.is_some()));
        if let Some(place) = owner {
            tales[place].live = true;
            let states = [final_state(conn, 0), final_state(conn, 1)];
            let step = Step::new(seg, outcome, states, passed);
            tales[place].keep(step, raw, self.max_steps);
        } else if begins.is_none() && calling.is_empty() {
            return;
        }
        // a call that waits, because an older connection has its tuple (RFC 5961 section 4)
        calling.extend(begins.filter(|place| Some(*place) != owner));
        calling.retain(|place| !tales[*place].live);
        if seg.flags & (flag::SYN | flag::ACK) == flag::SYN {
            let mut states = [State::Closed; 2];
            states[seg.dir as usize] = State::SynSent;
            for place in calling.iter() {
                let step = Step::new(seg, outcome, states, passed);
                tales[*place].keep(step, raw, self.max_steps);
            }
        }
    }
}

/// TCP header and captured payload of a frame.
fn cut<'a>(frame: &FrameRef, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let Some(layers) = locate(frame, bytes) else {
        return Default::default();
    };
    let part = |r: std::ops::Range<usize>| {
        bytes
            .get(r.start.min(bytes.len())..r.end.min(bytes.len()))
            .unwrap_or(&[])
    };
    (part(layers.tcp), part(layers.payload))
}

/// Tells payloads apart that begin alike, with a key that nobody who made a capture can know.
fn digest(data: &[u8]) -> u64 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    if data.len() > DATA {
        KEY.hash_one(data)
    } else {
        0
    }
}
