//! One connection with all its segments, and where both ends stand after each.

use crate::decode::{Decoded, Defragmenter, Fragment, ScopeNames, decode, locate};
use crate::engine::{Progress, Watch, find};
use crate::error::CaptureError;
use crate::frame::{Batch, FrameRef};
use crate::machine::State;
use crate::segment::{FlowKey, NO_WSCALE, Segment};
use crate::skip::SkipCounts;
use crate::source;
use crate::track::conn::{Conn, Outcome};
use crate::track::endpoint::seen;
use crate::track::{DEFAULT_MAX_CONNECTIONS, Sink, Tracker, final_state};
use crate::verdict::across::Across;
use crate::verdict::row::Row;
use foldhash::quality::RandomState;
use std::collections::VecDeque;

/// Payload bytes kept of each segment.
const DATA: usize = 256;

/// Which connection.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// By its number, in the order of first segments.
    Number(u64),
    /// The first between these two ends, whatever its scope: addresses as [`FlowKey`] holds them.
    Ends(u128, u16, u128, u16),
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
pub fn explain(
    paths: &[String],
    joined: bool,
    which: Which,
    max_steps: usize,
    watch: &mut dyn Watch,
) -> (Option<Explained>, Vec<CaptureError>) {
    let mut hunt = Hunt {
        which,
        max_steps: max_steps.max(2),
        begun_before: 0,
        tracker: Tracker::new(DEFAULT_MAX_CONNECTIONS, RandomState::default()),
        catch: Catch::default(),
        steps: VecDeque::new(),
        head: Vec::new(),
        truncated: 0,
        defragmenter: Defragmenter::default(),
        skipped: SkipCounts::default(),
        scopes: ScopeNames::default(),
    };
    let mut faults = Vec::new();
    let files = find(paths, joined, &mut faults);
    let ends: Vec<usize> = files
        .captures
        .iter()
        .filter_map(|c| c.last().copied())
        .collect();
    let mut frames = 0;
    for (i, path) in files.paths.iter().enumerate() {
        let mut input = match source::open(path) {
            Ok(input) => input,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let mut batch = Batch::default();
        loop {
            match input.next_batch(&mut batch) {
                Ok(true) => hunt.batch(&batch, i as u32),
                Ok(false) => break,
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
            frames += batch.frames.len() as u64;
            let connections = hunt.begun_before + hunt.tracker.begun;
            if !watch.tick(Progress {
                bytes: input.bytes_read(),
                total: input.bytes_total(),
                frames,
                connections,
            }) {
                break;
            }
        }
        if ends.contains(&i) {
            hunt.end();
        }
        if hunt.catch.row.is_some() {
            break;
        }
    }
    hunt.end();
    (hunt.into_explained(files.paths), faults)
}

struct Hunt {
    which: Which,
    max_steps: usize,
    begun_before: u64,
    tracker: Tracker,
    catch: Catch,
    head: Vec<Step>,
    steps: VecDeque<Step>,
    truncated: u64,
    defragmenter: Defragmenter,
    skipped: SkipCounts,
    scopes: ScopeNames,
}

/// Catches the row of the connection that is looked for, and what all rows show together.
#[derive(Default)]
struct Catch {
    across: Across,
    /// Source, first frame, and number.
    target: Option<(u32, u64, u64)>,
    index: u32,
    row: Option<Row>,
    isn: [Option<u32>; 2],
    wscale: [Option<u8>; 2],
}

impl Sink for Catch {
    fn ended(&mut self, conn: &Conn, now: i64) {
        let row = Row::new(conn, now);
        self.across.add(&row);
        if self
            .target
            .is_some_and(|(source, frame, _)| source == row.source && frame == row.first_frame)
        {
            self.isn = [0, 1].map(|i| conn.ends[i].has(seen::SYN).then_some(conn.ends[i].isn.0));
            self.wscale =
                [0, 1].map(|i| (conn.ends[i].wscale != NO_WSCALE).then_some(conn.ends[i].wscale));
            self.row = Some(row);
        }
    }
}

impl Hunt {
    fn batch(&mut self, batch: &Batch, source: u32) {
        let bytes = batch.bytes.as_slice();
        for (i, frame) in batch.frames.iter().enumerate() {
            let Some(data) = bytes.get(frame.start as usize..(frame.start + frame.len) as usize)
            else {
                continue;
            };
            match decode(frame, data, batch.first_number + i as u64) {
                Decoded::Segment(seg) => self.segment(&seg, source, Some((frame, data))),
                Decoded::Fragment(f) => self.fragment(f, source),
                Decoded::Skip(_) => {}
            }
        }
    }

    fn fragment(&mut self, fragment: Fragment, source: u32) {
        if let Some(seg) = self.defragmenter.push(fragment, &mut self.skipped) {
            self.segment(&seg, source, None);
        }
    }

    fn segment(&mut self, seg: &Segment, source: u32, raw: Option<(&FrameRef, &[u8])>) {
        if let (true, Some((frame, data))) = (seg.key.scope != 0, raw) {
            self.scopes
                .learn(seg.key.scope, || locate(frame, data).map(|l| l.scope));
        }
        let begun = self.tracker.begun;
        let (index, outcome) = self.tracker.segment(seg, source, &mut self.catch);
        if self.tracker.begun != begun && self.catch.target.is_none() {
            let number = self.begun_before + begun;
            let wanted = match self.which {
                Which::Number(n) => n == number,
                Which::Ends(a, ap, b, bp) => {
                    let (key, _) = FlowKey::new(a, b, ap, bp, seg.key.scope);
                    key == seg.key
                }
            };
            if wanted {
                self.catch.target = Some((source, seg.number, number));
                self.catch.index = index;
            }
        }
        let Some((target_source, first_frame, _)) = self.catch.target else {
            return;
        };
        if index != self.catch.index {
            return;
        }
        let conn = self.tracker.conn(index);
        if conn.source == target_source && conn.first_frame == first_frame {
            let states = [final_state(conn, 0), final_state(conn, 1)];
            let (header, data) =
                raw.map_or((Vec::new(), Vec::new()), |(frame, bytes)| cut(frame, bytes));
            self.keep(Step {
                segment: *seg,
                outcome,
                states,
                header,
                data,
            });
        }
    }

    /// Keeps the beginning and the end when there are too many.
    fn keep(&mut self, step: Step) {
        if self.head.len() < self.max_steps / 2 {
            self.head.push(step);
            return;
        }
        if self.steps.len() >= self.max_steps - self.max_steps / 2 {
            self.steps.pop_front();
            self.truncated += 1;
        }
        self.steps.push_back(step);
    }

    /// The capture (or the last of its pieces) is over.
    fn end(&mut self) {
        let now = self.tracker.now();
        self.tracker.finish(now, &mut self.catch);
        self.begun_before += self.tracker.begun;
        if self.catch.row.is_none() {
            self.tracker = Tracker::new(DEFAULT_MAX_CONNECTIONS, RandomState::default());
        } else {
            self.tracker.begun = 0;
        }
    }

    fn into_explained(mut self, sources: Vec<String>) -> Option<Explained> {
        let (_, _, number) = self.catch.target?;
        let mut row = self.catch.row?;
        self.catch.across.settle();
        self.catch.across.judge(&mut row);
        let mut steps = self.head;
        steps.extend(self.steps);
        Some(Explained {
            number,
            row,
            steps,
            truncated: self.truncated,
            isn: self.catch.isn,
            wscale: self.catch.wscale,
            scopes: self.scopes,
            sources,
        })
    }
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
