//! Runs the whole way from files to rows, on one thread or on several.
//!
//! Several threads: each takes a batch of frames in turn (under a lock: finding where records begin is
//! the only part that must go in order), decodes it, and hands the segments to the shard that their
//! connection belongs to; each thread also tracks one shard, batch after batch in capture order. Both
//! halves of the work are thus divided evenly, and the result does not depend on the number of threads.

mod files;
mod parallel;
mod rowbytes;
pub mod runs;
mod single;
mod sink;

use crate::decode::ScopeNames;
use crate::error::CaptureError;
use crate::segment::Segment;
use crate::skip::SkipCounts;
use crate::source;
use crate::track::DEFAULT_MAX_CONNECTIONS;
use crate::verdict::across::{Across, Summary};
use crate::verdict::row::Row;
use runs::Runs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) use files::find;
pub use single::Follow;

/// Captures smaller than this are read by one thread: starting more costs more than it saves.
const PARALLEL_FROM: u64 = 8 << 20;

/// Between two looks at the watcher.
const TICK: Duration = Duration::from_millis(100);

/// A segment and the hash of its flow.
type Item = (Segment, u64);

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The paths are pieces of one capture.
    pub joined: bool,
    /// Threads; 0 is one per core.
    pub threads: usize,
    /// Connections held at once; 0 is the default.
    pub max_connections: usize,
}

impl Options {
    fn limit(&self) -> usize {
        limit(self.max_connections)
    }
}

/// How many connections are held at once; 0 asks for the default.
#[must_use]
pub fn limit(max_connections: usize) -> usize {
    if max_connections == 0 {
        DEFAULT_MAX_CONNECTIONS
    } else {
        max_connections
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes of the files consumed (compressed bytes if they are compressed).
    pub bytes: u64,
    /// Bytes in all, if known.
    pub total: Option<u64>,
    /// Frames read.
    pub frames: u64,
    /// Connections begun.
    pub connections: u64,
}

/// Told about ten times a second how far the run has come; false stops it.
pub trait Watch {
    /// True to go on.
    fn tick(&mut self, progress: Progress) -> bool;
}

/// Keeps the time between two looks at the watcher, over all captures of a run: many may be short.
struct Pace<'w> {
    watch: &'w mut dyn Watch,
    last: Instant,
}

impl Pace<'_> {
    /// How long until the next look; zero when it is due.
    fn rest(&self) -> Duration {
        TICK.saturating_sub(self.last.elapsed())
    }

    /// Looks at the watcher, which may stop the run by false.
    fn tick(&mut self, progress: Progress) -> bool {
        self.last = Instant::now();
        self.watch.tick(progress)
    }
}

/// What a run found.
pub struct Report {
    /// The rows, ordered by first segment.
    pub runs: Runs,
    /// What they show together.
    pub across: Across,
    /// Paths as the user gave them, by source index.
    pub sources: Vec<String>,
    /// Words for scopes.
    pub scopes: ScopeNames,
    /// What was counted.
    pub counts: Counts,
    /// Captures that could not be read (further).
    pub faults: Vec<CaptureError>,
    /// The run was stopped before the end.
    pub interrupted: bool,
    /// See [`Report::summary`].
    pub summed: OnceLock<Summary>,
}

impl Report {
    /// The rows in order of their first segments, with what they show together.
    pub fn rows(&self) -> impl Iterator<Item = Row> + Send + '_ {
        self.runs.iter().map(|mut row| {
            self.across.judge(&mut row);
            row
        })
    }

    /// Counts the rows by their words, unless somebody who saw all rows has done so.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        self.summed.get_or_init(|| {
            let mut summary = Summary::default();
            self.rows().for_each(|row| summary.add(&row));
            summary
        })
    }
}

/// What was read, used and skipped.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Frames read.
    pub frames: u64,
    /// Frames that gave a segment.
    pub used: u64,
    /// The others, by reason.
    pub skipped: SkipCounts,
    /// Connections told early because the limit was reached.
    pub evicted: u64,
    /// Connections begun.
    pub begun: u64,
    /// Bytes of files read.
    pub bytes_done: u64,
    /// Earliest and latest frame time that was used, nanoseconds.
    pub times: Option<(i64, i64)>,
}

impl Counts {
    fn merge(&mut self, o: &Counts) {
        self.frames += o.frames;
        self.used += o.used;
        self.skipped.merge(&o.skipped);
        self.evicted += o.evicted;
        self.begun += o.begun;
        self.times = match (self.times, o.times) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
}

/// Reads every path and judges every connection.
pub fn run(paths: &[String], options: Options, watch: &mut dyn Watch) -> Report {
    let mut faults = Vec::new();
    let files = find(paths, options.joined, &mut faults);
    let mut report = Report {
        runs: Runs::default(),
        across: Across::default(),
        sources: files.paths.clone(),
        scopes: ScopeNames::default(),
        counts: Counts::default(),
        faults,
        interrupted: false,
        summed: OnceLock::new(),
    };
    let paths = files.paths;
    let sizes: Vec<u64> = paths
        .iter()
        .map(|p| std::fs::metadata(p).map_or(0, |m| m.len()))
        .collect();
    let total = (!paths.iter().any(|p| p == "-")).then(|| sizes.iter().sum());
    let mut pace = Pace {
        watch,
        last: Instant::now(),
    };
    for piece in files.captures {
        let named: Vec<(u32, &str)> = piece
            .iter()
            .map(|i| (*i as u32, paths[*i].as_str()))
            .collect();
        let size: u64 = piece.iter().map(|i| sizes[*i]).sum();
        let threads = if options.threads == 0 {
            std::thread::available_parallelism().map_or(1, usize::from)
        } else {
            options.threads
        };
        let go_on = if threads > 1 && size >= PARALLEL_FROM {
            parallel::run(
                &named,
                threads,
                options.limit(),
                total,
                &mut report,
                &mut pace,
            )
        } else {
            single::run(&named, options.limit(), total, &mut report, &mut pace)
        };
        if !go_on {
            report.interrupted = true;
            break;
        }
    }
    report.across.settle();
    report
}

/// Opens a path, or notes why not.
fn open(path: &str, faults: &mut Vec<CaptureError>) -> Option<Box<dyn crate::frame::Source>> {
    match source::open(path) {
        Ok(source) => Some(source),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}
