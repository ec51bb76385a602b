//! One connection with all its segments, and where both ends stand after each.
//!
//! The captures are read twice: once to judge every connection, so that a number means here what it
//! means in an analysis and the verdict is the same, and once to keep the segments of the one. The
//! second reading tracks nothing but the tuple in question and ends where nothing of it can come any
//! more (docs/decisions.md 28).

use crate::decode::{Decoded, Defragmenter, Fragment, ScopeNames, decode, locate};
use crate::engine::{Options, Progress, Watch, find, run};
use crate::error::CaptureError;
use crate::frame::{Batch, FrameRef};
use crate::machine::{Event, State, next};
use crate::segment::{FlowKey, NO_WSCALE, Segment, flag};
use crate::skip::SkipCounts;
use crate::slugs::Label;
use crate::source;
use crate::track::conn::{Conn, Outcome};
use crate::track::endpoint::seen;
use crate::track::{LINGER, Sink, Tracker, final_state};
use crate::verdict::row::Row;
use foldhash::quality::RandomState;
use std::collections::VecDeque;

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
    /// Several have the end that was given, so that none is told.
    Several(Several),
}

/// Connections that fit what was asked for.
pub struct Several {
    /// How many.
    pub count: u64,
    /// The first of them, with their numbers.
    pub rows: Vec<(u64, Row)>,
    /// Words for scopes.
    pub scopes: ScopeNames,
    /// Paths of the files, by source index.
    pub sources: Vec<String>,
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
    /// Words for scopes.
    pub scopes: ScopeNames,
    /// Paths of the files, by source index.
    pub sources: Vec<String>,
}

/// Reads `paths` for one connection. The faults are those of the captures.
///
/// Standard input (`-`) cannot be read twice: the caller has to keep it in a file.
pub fn explain(
    paths: &[String],
    joined: bool,
    which: Which,
    max_steps: usize,
    watch: &mut dyn Watch,
) -> (Found, Vec<CaptureError>) {
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
        let several = Several {
            count: (rows.len() + fitting.count()) as u64,
            rows,
            scopes: report.scopes,
            sources: report.sources,
        };
        return (Found::Several(several), report.faults);
    }
    drop(fitting);
    let Some((number, row)) = first else {
        return (Found::Nothing, report.faults);
    };
    let files = find(paths, joined, &mut Vec::new()); // what is wrong there, `run` has said
    let source = row.source as usize;
    let mut hunt = Hunt::new(&row, max_steps);
    let capture = files.captures.into_iter().find(|c| c.contains(&source));
    for i in capture.unwrap_or_default() {
        if !hunt.file(&files.paths[i], i as u32, watch) {
            break;
        }
    }
    let now = hunt.tracker.now();
    hunt.tracker.finish(now, &mut hunt.opening);
    let mut steps = hunt.head;
    steps.extend(hunt.tail);
    hindsight(&mut steps);
    let story = Explained {
        number,
        row,
        steps,
        truncated: hunt.truncated,
        isn: hunt.opening.isn,
        wscale: hunt.opening.wscale,
        scopes: report.scopes,
        sources: report.sources,
    };
    (Found::One(Box::new(story)), report.faults)
}

/// Keeps the segments of one connection.
struct Hunt {
    opening: Opening,
    /// Its key. The directions of one connection may lie in different scopes.
    key: FlowKey,
    /// Its first segment has come.
    begun: bool,
    /// Its last frame, and the time after which nothing of it can come.
    last: (u64, i64),
    /// The tracker has given it a place.
    live: bool,
    tracker: Tracker,
    defragmenter: Defragmenter,
    skipped: SkipCounts,
    max_steps: usize,
    head: Vec<Step>,
    tail: VecDeque<Step>,
    truncated: u64,
}

/// What the handshake of one connection agreed on.
struct Opening {
    source: u32,
    first_frame: u64,
    isn: [Option<u32>; 2],
    wscale: [Option<u8>; 2],
}

impl Opening {
    fn is_of(&self, conn: &Conn) -> bool {
        (conn.source, conn.first_frame) == (self.source, self.first_frame)
    }
}

impl Sink for Opening {
    fn ended(&mut self, conn: &Conn, _now: i64) {
        if self.is_of(conn) {
            let ends = &conn.ends;
            self.isn = [0, 1].map(|i| ends[i].has(seen::SYN).then_some(ends[i].isn.0));
            self.wscale = [0, 1].map(|i| (ends[i].wscale != NO_WSCALE).then_some(ends[i].wscale));
        }
    }
}

impl Hunt {
    fn new(row: &Row, max_steps: usize) -> Hunt {
        Hunt {
            opening: Opening {
                source: row.source,
                first_frame: row.first_frame,
                isn: [None; 2],
                wscale: [None; 2],
            },
            key: row.key,
            begun: false,
            last: (row.last_frame, row.last_ts.saturating_add(LINGER)),
            live: false,
            tracker: Tracker::new(SAME_ENDS, RandomState::default()),
            defragmenter: Defragmenter::default(),
            skipped: SkipCounts::default(),
            max_steps: max_steps.max(2),
            head: Vec::new(),
            tail: VecDeque::new(),
            truncated: 0,
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

    /// False: nothing of the connection can come after this.
    fn batch(&mut self, batch: &Batch, source: u32) -> bool {
        let bytes = batch.bytes.as_slice();
        for (i, frame) in batch.frames.iter().enumerate() {
            let Some(data) = bytes.get(frame.start as usize..(frame.start + frame.len) as usize)
            else {
                continue;
            };
            match decode(frame, data, batch.first_number + i as u64) {
                Decoded::Segment(seg) if self.begun && self.is_past(&seg) => return false,
                Decoded::Segment(seg) => self.segment(&seg, source, Some((frame, data))),
                Decoded::Fragment(f) => self.fragment(f, source),
                Decoded::Skip(_) => {}
            }
        }
        true
    }

    fn is_past(&self, seg: &Segment) -> bool {
        seg.number > self.last.0 && seg.ts > self.last.1
    }

    fn fragment(&mut self, fragment: Fragment, source: u32) {
        if let Some(seg) = self.defragmenter.push(fragment, &mut self.skipped) {
            self.segment(&seg, source, None);
        }
    }

    fn segment(&mut self, seg: &Segment, source: u32, raw: Option<(&FrameRef, &[u8])>) {
        if self.key.ends() != seg.key.ends() {
            return;
        }
        let (index, outcome) = self.tracker.segment(seg, source, &mut self.opening);
        self.begun |= (source, seg.number) == (self.opening.source, self.opening.first_frame);
        if !self.begun {
            return;
        }
        let passed = self.tracker.passed(index);
        let conn = self.tracker.conn(index);
        let states = if self.opening.is_of(conn) {
            self.live = true;
            [final_state(conn, 0), final_state(conn, 1)]
        } else if !self.live && seg.flags & (flag::SYN | flag::ACK) == flag::SYN {
            // a call that waits, because an older connection has its tuple (RFC 5961 section 4)
            let mut states = [State::Closed; 2];
            states[seg.dir as usize] = State::SynSent;
            states
        } else {
            return;
        };
        let (header, data) =
            raw.map_or((Vec::new(), Vec::new()), |(frame, bytes)| cut(frame, bytes));
        self.keep(Step {
            segment: *seg,
            outcome,
            states,
            passed,
            header,
            data,
        });
    }

    /// Keeps the beginning and the end when there are too many.
    fn keep(&mut self, step: Step) {
        if self.head.len() < self.max_steps / 2 {
            self.head.push(step);
            return;
        }
        if self.tail.len() >= self.max_steps - self.max_steps / 2 {
            self.tail.pop_front();
            self.truncated += 1;
        }
        self.tail.push_back(step);
    }
}

/// What a segment made believe and a later one disproves is not told, so that no end steps back over
/// an edge that the machine does not have (docs/decisions.md 36 and 85).
fn hindsight(steps: &mut [Step]) {
    for i in 1..steps.len() {
        fin_after_reset(steps, i);
        fin_late(steps, i);
        let sender = steps[i].segment.dir;
        not_received(steps, i, sender.flip() as usize);
        let stood = if steps[i].outcome.is(Label::FinRetransmission) {
            Some(steps[i].states[sender as usize])
        } else {
            steps[i].passed[sender as usize]
        };
        if let Some(stood) = stood {
            not_acked(&mut steps[..i], sender as usize, stood);
        }
        not_reset(steps, i);
    }
}

/// Where `end` seemed to have the other's FIN until that FIN, or what lies before it, was sent again,
/// it had not.
fn not_received(steps: &mut [Step], i: usize, end: usize) {
    if without_fin(steps[i - 1].states[end]) != Some(steps[i].states[end]) {
        return;
    }
    for step in steps[..i].iter_mut().rev() {
        match without_fin(step.states[end]) {
            Some(state) => (step.states[end], step.passed[end]) = (state, None),
            None => break,
        }
    }
}

/// Where `end` seemed to have the ACK of its FIN (and what that ACK showed) until it sent that FIN
/// again, or a RST that shows it in `stood`, it had not.
fn not_acked(steps: &mut [Step], end: usize, stood: State) {
    if !UNACKED.contains(&stood) {
        return;
    }
    for step in steps.iter_mut().rev() {
        let seemed = step.states[end];
        let unacked = UNACKED
            .into_iter()
            .find(|s| next(*s, Event::RcvAckOfFin) == Some(seemed))
            .unwrap_or(seemed);
        let state = if next(stood, Event::RcvFin) == Some(unacked) {
            stood
        } else {
            unacked
        };
        if state == seemed {
            break;
        }
        (step.states[end], step.passed[end]) = (state, None);
    }
}

/// Where an end stands whose FIN is not acked.
const UNACKED: [State; 3] = [State::FinWait1, State::Closing, State::LastAck];

/// Where a RST seemed to have ended it until the other end acked what came after, it had not.
fn not_reset(steps: &mut [Step], i: usize) {
    let alive = |states: [State; 2]| states.iter().all(|s| s.synchronized());
    if alive(steps[i - 1].states) || !alive(steps[i].states) {
        return;
    }
    let rst = |s: &Step| s.outcome.is(Label::EndsConnection) && s.segment.has(flag::RST);
    let Some(k) = steps[..i].iter().rposition(rst).filter(|k| *k > 0) else {
        return;
    };
    let stood = steps[k - 1].states;
    steps[k].outcome.labels &= !(1 << Label::EndsConnection as u8);
    steps[k].outcome.label(Label::RstIgnored);
    for step in &mut steps[k..=i] {
        step.outcome.labels &= !(1 << Label::AfterClose as u8);
    }
    for step in &mut steps[k..i] {
        (step.states, step.passed) = (stood, [None; 2]);
    }
}

/// A FIN that crossed the other, and was captured after its sender had acked the other: it was in CLOSING already.
fn fin_late(steps: &mut [Step], i: usize) {
    let end = steps[i].segment.dir as usize;
    let late = steps[i].outcome.is(Label::CrossesFin) && steps[i].passed[end].is_some();
    if !late || steps[i].passed[end] == Some(State::FinWait1) {
        return;
    }
    let waited = |step: &&mut Step| step.states[end] == State::CloseWait;
    let mut first = None;
    for step in steps[..i].iter_mut().rev().take_while(waited) {
        step.states[end] = State::Closing;
        first = Some(step);
    }
    if let Some(step) = first {
        step.passed[end] = Some(State::FinWait1);
    }
}

/// An end that still sends a FIN after a RST had not received the other's FIN before, unless it acks that.
fn fin_after_reset(steps: &mut [Step], i: usize) {
    let end = steps[i].segment.dir as usize;
    if steps[i].outcome.is(Label::AfterClose) && steps[i].passed[end] == Some(State::FinWait1) {
        let before = steps[..i].iter_mut().rev();
        let mut reset = before.filter(|step| step.outcome.is(Label::EndsConnection));
        if let Some(step) = reset.next()
            && step.passed[end] == Some(State::CloseWait)
        {
            step.passed[end] = None;
        }
    }
}

/// Where an end that has received a FIN stands if it has not.
fn without_fin(state: State) -> Option<State> {
    const BEFORE: [State; 3] = [State::Established, State::FinWait1, State::FinWait2];
    let found = BEFORE
        .into_iter()
        .find(|s| next(*s, Event::RcvFin) == Some(state));
    // its own FIN went out in FIN-WAIT-1, not in CLOSE-WAIT: it had no FIN of the other to answer
    found.or((state == State::LastAck).then_some(State::FinWait1))
}

/// TCP header and first payload bytes of a frame.
fn cut(frame: &FrameRef, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let Some(layers) = locate(frame, bytes) else {
        return Default::default();
    };
    let part = |r: std::ops::Range<usize>| {
        bytes
            .get(r.start.min(bytes.len())..r.end.min(bytes.len()))
            .unwrap_or(&[])
    };
    let data = part(layers.payload);
    (
        part(layers.tcp).to_vec(),
        data[..data.len().min(DATA)].to_vec(),
    )
}
