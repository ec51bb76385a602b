//! One thread: decode and track batch after batch. Also live captures, told as they grow.

use super::sink::Rows;
use super::{Counts, Item, Pace, Progress, Report, TICK, open};
use crate::decode::{Defragmenter, Found, ScopeNames, decode_into, locate};
use crate::error::CaptureError;
use crate::frame::{Batch, Source};
use crate::track::Tracker;
use crate::verdict::across::Summary;
use crate::verdict::row::Row;
use foldhash::quality::RandomState;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

/// A live capture that gives nothing for so long has paused: what has ended is told.
const PAUSE: Duration = Duration::from_millis(200);
/// While packets keep coming, a finished connection is told after this much quiet: nanoseconds of
/// capture time, above the delayed ACK (RFC 9293 section 3.8.6.3: below 500 ms) and a first retransmission.
const QUIET: i64 = 2_000_000_000;
/// A capture whose packets are younger than this is being written right now.
const LIVE: Duration = Duration::from_secs(60);

/// Segments decoded before they are tracked: few enough to stay in the processor's cache.
const DECODED: usize = 256;

/// Decoding and tracking of one capture by one thread.
pub(super) struct Worker {
    tracker: Tracker,
    defragmenter: Defragmenter,
    rows: Rows,
    counts: Counts,
    scopes: ScopeNames,
    /// Segments decoded and not yet tracked: the first `filled` of these.
    items: Vec<Item>,
    filled: usize,
}

impl Worker {
    fn new(limit: usize) -> Worker {
        Worker {
            tracker: Tracker::new(limit, RandomState::default()),
            defragmenter: Defragmenter::default(),
            rows: Rows::new(1),
            counts: Counts::default(),
            scopes: ScopeNames::default(),
            items: vec![Item::default(); DECODED],
            filled: 0,
        }
    }

    fn batch(&mut self, batch: &Batch, source: u32) {
        let bytes = batch.bytes.as_slice();
        self.counts.frames += batch.frames.len() as u64;
        for (i, frame) in batch.frames.iter().enumerate() {
            let Some(data) = bytes.get(frame.start as usize..(frame.start + frame.len) as usize)
            else {
                continue;
            };
            if self.filled == self.items.len() {
                self.flush(source);
            }
            let item = &mut self.items[self.filled];
            match decode_into(frame, data, batch.first_number + i as u64, &mut item.0) {
                Found::Segment => {
                    let scope = item.0.key.scope;
                    if scope != 0 {
                        self.scopes
                            .learn(scope, || locate(frame, data).map(|l| l.scope));
                    }
                }
                Found::Fragment(fragment) => {
                    match self.defragmenter.push(fragment, &mut self.counts.skipped) {
                        Some(seg) => item.0 = seg,
                        None => continue,
                    }
                }
                Found::Skip(skip) => {
                    self.counts.skipped.add(skip);
                    continue;
                }
            }
            item.1 = self.tracker.hash(&item.0);
            self.filled += 1;
        }
        self.flush(source);
    }

    /// Tracks what has been decoded.
    fn flush(&mut self, source: u32) {
        let items = &self.items[..self.filled];
        self.counts.used += items.len() as u64;
        self.counts.see(items);
        self.tracker.segments(items, source, &mut self.rows);
        self.filled = 0;
    }

    /// The capture is over.
    fn finish(&mut self) {
        self.defragmenter.finish(&mut self.counts.skipped);
        let now = self.tracker.now();
        self.tracker.finish(now, &mut self.rows);
        self.counts.evicted = self.tracker.evicted;
        self.counts.begun = self.tracker.begun;
    }
}

impl Counts {
    /// Widens the span of times.
    pub(super) fn see(&mut self, items: &[Item]) {
        let Some(first) = items.first().map(|(s, _)| s.ts) else {
            return;
        };
        let (mut from, mut to) = self.times.unwrap_or((first, first));
        for (seg, _) in items {
            from = from.min(seg.ts);
            to = to.max(seg.ts);
        }
        self.times = Some((from, to));
    }
}

/// Reads the pieces of one capture. False if the watcher stopped it.
pub(super) fn run(
    pieces: &[(u32, &str)],
    limit: usize,
    total: Option<u64>,
    report: &mut Report,
    pace: &mut Pace<'_>,
) -> bool {
    let mut worker = Worker::new(limit);
    let mut go_on = true;
    let mut before = report.counts.clone();
    for (index, path) in pieces {
        let Some(source) = open(path, &mut report.faults) else {
            continue;
        };
        let mut input = if *path == "-" {
            Input::piped(source)
        } else {
            Input::Direct(source, Batch::default())
        };
        loop {
            let idle = match input.next(TICK) {
                Next::Batch => {
                    worker.batch(input.batch(), *index);
                    false
                }
                Next::Nothing => true,
                Next::End => break,
                Next::Fault(fault) => {
                    report.faults.push(fault);
                    break;
                }
            };
            if idle || pace.rest().is_zero() {
                let progress = Progress {
                    bytes: before.bytes_done + input.bytes_read(),
                    total,
                    frames: before.frames + worker.counts.frames,
                    connections: before.begun + worker.tracker.begun,
                };
                go_on = pace.tick(progress);
                if !go_on {
                    break;
                }
            }
        }
        before.bytes_done += input.bytes_read();
        if !go_on {
            break;
        }
    }
    worker.finish();
    let Worker {
        rows,
        counts,
        scopes,
        defragmenter,
        ..
    } = worker;
    let (runs, across) = rows.into_parts();
    report.runs.merge(runs);
    report.across.merge(across);
    report.counts.merge(&counts);
    report.counts.bytes_done = before.bytes_done;
    report.scopes.merge(scopes);
    report.scopes.merge(defragmenter.into_names());
    go_on
}

enum Next {
    Batch,
    Nothing,
    End,
    Fault(CaptureError),
}

/// A source, read here or, if it may block for long, by a thread of its own.
enum Input {
    Direct(Box<dyn Source>, Batch),
    Piped {
        from: Receiver<Result<(Batch, u64), CaptureError>>,
        batch: Batch,
        read: u64,
    },
}

impl Input {
    fn piped(mut source: Box<dyn Source>) -> Input {
        // few, so that a fast pipe is not read into memory
        let (to, from) = sync_channel(4);
        std::thread::spawn(move || {
            loop {
                let mut batch = Batch::default();
                let item = match source.next_batch(&mut batch) {
                    Ok(true) => Ok((batch, source.bytes_read())),
                    Ok(false) => return,
                    Err(fault) => Err(fault),
                };
                let last = item.is_err();
                if to.send(item).is_err() || last {
                    return;
                }
            }
        });
        Input::Piped {
            from,
            batch: Batch::default(),
            read: 0,
        }
    }

    /// The next batch; `Nothing` if a pipe gives none for `wait`.
    fn next(&mut self, wait: Duration) -> Next {
        match self {
            Input::Direct(source, batch) => match source.next_batch(batch) {
                Ok(true) => Next::Batch,
                Ok(false) => Next::End,
                Err(fault) => Next::Fault(fault),
            },
            Input::Piped { from, batch, read } => match from.recv_timeout(wait) {
                Ok(Ok((new, bytes))) => {
                    (*batch, *read) = (new, bytes);
                    Next::Batch
                }
                Ok(Err(fault)) => Next::Fault(fault),
                Err(RecvTimeoutError::Timeout) => Next::Nothing,
                Err(RecvTimeoutError::Disconnected) => Next::End,
            },
        }
    }

    fn batch(&self) -> &Batch {
        match self {
            Input::Direct(_, batch) | Input::Piped { batch, .. } => batch,
        }
    }

    fn bytes_read(&self) -> u64 {
        match self {
            Input::Direct(source, _) => source.bytes_read(),
            Input::Piped { read, .. } => *read,
        }
    }
}

/// A capture that is still being written, told as its connections end.
pub struct Follow {
    path: String,
    input: Option<Input>,
    worker: Worker,
    last_flush: Instant,
    over: bool,
    /// The rows told so far, by their words.
    pub summary: Summary,
    /// What went wrong, if anything.
    pub faults: Vec<CaptureError>,
}

impl Follow {
    /// Begins to read `path`.
    #[must_use]
    pub fn new(path: &str, limit: usize) -> Follow {
        let mut faults = Vec::new();
        let input = open(path, &mut faults).map(Input::piped);
        Follow {
            path: path.to_owned(),
            over: input.is_none(),
            input,
            worker: Worker::new(limit),
            last_flush: Instant::now(),
            summary: Summary::default(),
            faults,
        }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Waits at most `wait`; returns connections that have ended since, ordered by first segment.
    /// `None` when the capture is over and everything is told.
    pub fn poll(&mut self, wait: Duration) -> Option<Vec<Row>> {
        let Some(input) = self.input.as_mut() else {
            return (!std::mem::replace(&mut self.over, true)).then(|| self.take());
        };
        match input.next(wait.min(PAUSE)) {
            Next::Batch => {
                self.worker.batch(input.batch(), 0);
                if self.last_flush.elapsed() < Duration::from_secs(1)
                    || !young(self.worker.tracker.now())
                {
                    return Some(Vec::new());
                }
                self.last_flush = Instant::now();
                self.worker
                    .tracker
                    .flush_finished(QUIET, &mut self.worker.rows);
            }
            Next::Nothing => self.worker.tracker.flush_finished(0, &mut self.worker.rows),
            Next::End => self.end(),
            Next::Fault(fault) => {
                self.faults.push(fault);
                self.end();
            }
        }
        Some(self.take())
    }

    /// Stops reading; what is left comes with the next [`Follow::poll`].
    pub fn end(&mut self) {
        if self.input.take().is_some() {
            self.worker.finish();
        }
    }

    /// Rows that are ready.
    fn take(&mut self) -> Vec<Row> {
        let mut rows = self.worker.rows.take();
        self.worker.rows.across.settle();
        for row in &mut rows {
            self.worker.rows.across.judge(row);
            self.summary.add(row);
        }
        rows
    }

    /// What has been counted so far.
    #[must_use]
    pub fn report(&self) -> (&Counts, &crate::verdict::across::Across, &ScopeNames) {
        (
            &self.worker.counts,
            &self.worker.rows.across,
            &self.worker.scopes,
        )
    }
}

/// True if `ts` is about now: the capture is being written as we read.
fn young(ts: i64) -> bool {
    let then = SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(ts).unwrap_or(0));
    SystemTime::now()
        .duration_since(then)
        .is_ok_and(|age| age < LIVE)
}
