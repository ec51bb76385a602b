//! Several threads on one capture.

use super::sink::Rows;
use super::{Counts, Pace, Progress, Report, open};
use crate::decode::{Defragmenter, Found, Fragment, ScopeNames, decode_into, locate};
use crate::error::CaptureError;
use crate::frame::{Batch, Piece, Source};
use crate::segment::Segment;
use crate::track::{Tracker, flow_hash, shard_of};
use foldhash::quality::RandomState;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Batches decoded and not yet tracked by every shard; bounds the memory when one thread is slow.
const IN_FLIGHT: u64 = 16;

/// A segment with the hash of its key and its source.
type Item = (Segment, u64);

/// What one batch gave to one shard.
struct Parcel {
    source: u32,
    items: Vec<Item>,
}

/// Everything that the threads share.
struct Shared<'a> {
    reader: Mutex<Reader<'a>>,
    /// Signalled when a piece of a file was walked.
    walked: Condvar,
    inboxes: Vec<Mutex<Inbox>>,
    order: Mutex<Order>,
    /// Signalled whenever a parcel is handed over or tracked, or a turn passes.
    moved: Condvar,
    /// Signalled when a worker is done: all that the thread that watches them waits for.
    left: Condvar,
    stop: AtomicBool,
    frames: AtomicU64,
    bytes: AtomicU64,
    begun: AtomicU64,
}

/// The pieces of the capture in turn.
struct Reader<'a> {
    files: VecDeque<(u32, &'a str)>,
    current: Option<(u32, Box<dyn Source>)>,
    next_batch: u64,
    /// Pieces of `current` given out, and how many of them have been walked.
    pieces_out: u64,
    pieces_walked: u64,
    faults: Vec<CaptureError>,
    done: bool,
    bytes_before: u64,
}

impl Reader<'_> {
    fn piece(&mut self) -> Option<Piece> {
        self.current.as_mut()?.1.next_piece()
    }

    /// Reads on in the current file. False if it is at its end; then comes the next file.
    fn read(&mut self, batch: &mut Batch) -> bool {
        let Some((_, source)) = &mut self.current else {
            return false;
        };
        match source.next_batch(batch) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(fault) => self.faults.push(fault),
        }
        self.bytes_before += source.bytes_read();
        self.current = None;
        false
    }

    /// Counts a batch; its number and its source. `None` if there is nothing in it.
    fn taken(&mut self, batch: &Batch, shared: &Shared) -> Option<(u64, u32)> {
        let (index, source) = self.current.as_ref()?;
        shared
            .bytes
            .store(self.bytes_before + source.bytes_read(), Relaxed);
        if batch.frames.is_empty() {
            return None;
        }
        shared.frames.fetch_add(batch.frames.len() as u64, Relaxed);
        self.next_batch += 1;
        Some((self.next_batch - 1, *index))
    }
}

/// Parcels of one shard by batch number; the front is the one to be tracked next.
#[derive(Default)]
struct Inbox {
    next: u64,
    parcels: VecDeque<Option<Parcel>>,
    spare: Vec<Vec<Item>>,
}

/// Fragments must be put together in capture order: the batch whose turn it is, and who has had it.
#[derive(Default)]
struct Order {
    turn: u64,
    early: Vec<u64>,
    defragmenter: Defragmenter,
    /// Batches that will ever be, once known.
    batches: Option<u64>,
    running: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a panic elsewhere has already doomed the run; the data is still whole
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(signal: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    signal.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Reads the pieces of one capture with `threads` threads. False if the watcher stopped it.
pub(super) fn run(
    pieces: &[(u32, &str)],
    threads: usize,
    limit: usize,
    total: Option<u64>,
    report: &mut Report,
    pace: &mut Pace<'_>,
) -> bool {
    let hasher = RandomState::default();
    let shared = Shared {
        reader: Mutex::new(Reader {
            files: pieces.iter().copied().collect(),
            current: None,
            next_batch: 0,
            pieces_out: 0,
            pieces_walked: 0,
            faults: Vec::new(),
            done: false,
            bytes_before: 0,
        }),
        walked: Condvar::new(),
        inboxes: (0..threads).map(|_| Mutex::default()).collect(),
        order: Mutex::new(Order {
            running: threads,
            ..Order::default()
        }),
        moved: Condvar::new(),
        left: Condvar::new(),
        stop: AtomicBool::new(false),
        frames: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        begun: AtomicU64::new(0),
    };
    let (frames_before, begun_before, bytes_before) = (
        report.counts.frames,
        report.counts.begun,
        report.counts.bytes_done,
    );
    let shards: Vec<Shard> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|i| {
                let worker = Worker::new(&shared, i, limit / threads, hasher.clone());
                scope.spawn(move || worker.run())
            })
            .collect();
        let mut order = lock(&shared.order);
        while order.running > 0 {
            let (guard, _) = shared
                .left
                .wait_timeout(order, pace.rest())
                .unwrap_or_else(PoisonError::into_inner);
            order = guard;
            if pace.rest().is_zero() {
                drop(order);
                let progress = Progress {
                    bytes: bytes_before + shared.bytes.load(Relaxed),
                    total,
                    frames: frames_before + shared.frames.load(Relaxed),
                    connections: begun_before + shared.begun.load(Relaxed),
                };
                if !pace.tick(progress) {
                    shared.stop.store(true, Relaxed);
                }
                order = lock(&shared.order);
            }
        }
        drop(order);
        handles.into_iter().filter_map(|h| h.join().ok()).collect()
    });
    collect(shards, shared, report)
}

/// Ends every shard at the same moment of capture time and adds up.
fn collect(shards: Vec<Shard>, shared: Shared, report: &mut Report) -> bool {
    let now = shards
        .iter()
        .map(|w| w.tracker.now())
        .max()
        .unwrap_or(i64::MIN);
    let mut counts = Counts::default();
    let mut scopes = ScopeNames::default();
    let parts: Vec<_> = std::thread::scope(|scope| {
        let ending: Vec<_> = shards
            .into_iter()
            .map(|mut w| {
                scope.spawn(move || {
                    w.tracker.finish(now, &mut w.rows);
                    w.counts.evicted = w.tracker.evicted;
                    w.counts.begun = w.tracker.begun;
                    (w.rows.into_parts(), w.counts, w.scopes)
                })
            })
            .collect();
        ending.into_iter().filter_map(|h| h.join().ok()).collect()
    });
    for ((runs, across), c, s) in parts {
        report.runs.merge(runs);
        report.across.merge(across);
        counts.merge(&c);
        scopes.merge(s);
    }
    let mut order = shared
        .order
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    order.defragmenter.finish(&mut counts.skipped);
    scopes.merge(order.defragmenter.into_names());
    let reader = shared
        .reader
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    report.faults.extend(reader.faults);
    report.counts.merge(&counts);
    report.counts.bytes_done += shared.bytes.load(Relaxed);
    report.scopes.merge(scopes);
    !shared.stop.load(Relaxed)
}

/// One thread: decodes any batch, tracks one shard.
struct Worker<'s, 'a> {
    shared: &'s Shared<'a>,
    index: usize,
    hasher: RandomState,
    shard: Shard,
}

/// What one thread has tracked.
struct Shard {
    tracker: Tracker,
    rows: Rows,
    counts: Counts,
    scopes: ScopeNames,
}

impl<'s, 'a> Worker<'s, 'a> {
    fn new(
        shared: &'s Shared<'a>,
        index: usize,
        limit: usize,
        hasher: RandomState,
    ) -> Worker<'s, 'a> {
        let shard = Shard {
            tracker: Tracker::new(limit, hasher.clone()),
            rows: Rows::new(shared.inboxes.len()),
            counts: Counts::default(),
            scopes: ScopeNames::default(),
        };
        Worker {
            shared,
            index,
            hasher,
            shard,
        }
    }

    fn run(mut self) -> Shard {
        let _leave = Leave(self.shared);
        let mut batch = Batch::default();
        loop {
            let taken = self.take(&mut batch);
            let Some((number, source)) = taken else { break };
            self.decode(&batch, number, source);
            self.track();
            self.wait_for_room(number);
        }
        self.track_rest();
        self.shard
    }

    /// The next batch in capture order: its number and its source.
    fn take(&self, batch: &mut Batch) -> Option<(u64, u32)> {
        let mut reader = lock(&self.shared.reader);
        while !reader.done && !self.shared.stop.load(Relaxed) {
            if reader.current.is_none() {
                let Some((index, path)) = reader.files.pop_front() else {
                    break;
                };
                reader.current = open(path, &mut reader.faults).map(|s| (index, s));
                continue;
            }
            if let Some(piece) = reader.piece() {
                reader = self.take_piece(reader, piece, batch);
            } else if reader.pieces_walked < reader.pieces_out {
                reader = wait(&self.shared.walked, reader);
                continue;
            } else if !reader.read(batch) {
                continue;
            }
            if let Some(taken) = reader.taken(batch, self.shared) {
                return Some(taken);
            }
        }
        reader.done = true;
        let batches = reader.next_batch;
        drop(reader);
        lock(&self.shared.order).batches = Some(batches);
        self.shared.moved.notify_all();
        None
    }

    /// Reads a piece while others read theirs, and walks it when its turn has come.
    fn take_piece<'g>(
        &'g self,
        mut reader: MutexGuard<'g, Reader<'a>>,
        mut piece: Piece,
        batch: &mut Batch,
    ) -> MutexGuard<'g, Reader<'a>> {
        let turn = reader.pieces_out;
        reader.pieces_out += 1;
        drop(reader);
        piece.read(&mut batch.bytes);
        let mut reader = lock(&self.shared.reader);
        while reader.pieces_walked != turn {
            reader = wait(&self.shared.walked, reader);
        }
        // Counted first, so that nobody waits for ever if the walk panics; the lock is still held.
        reader.pieces_walked += 1;
        self.shared.walked.notify_all();
        // nobody leaves the file before all its pieces were walked
        if let Some((_, source)) = &mut reader.current {
            source.walk_piece(piece, batch);
        }
        reader
    }

    fn decode(&mut self, batch: &Batch, number: u64, source: u32) {
        let shards = self.shared.inboxes.len();
        let mut parcels: Vec<Vec<Item>> = self
            .shared
            .inboxes
            .iter()
            .map(|i| lock(i).spare.pop().unwrap_or_default())
            .collect();
        let mut fragments: Vec<(u64, Fragment)> = Vec::new();
        let bytes = batch.bytes.as_slice();
        self.shard.counts.frames += batch.frames.len() as u64;
        let mut seg = Segment::default();
        for (i, frame) in batch.frames.iter().enumerate() {
            let Some(data) = bytes.get(frame.start as usize..(frame.start + frame.len) as usize)
            else {
                continue;
            };
            let frame_number = batch.first_number + i as u64;
            match decode_into(frame, data, frame_number, &mut seg) {
                Found::Segment => {
                    if seg.key.scope != 0 {
                        self.shard
                            .scopes
                            .learn(seg.key.scope, || locate(frame, data).map(|l| l.scope));
                    }
                    let hash = flow_hash(&self.hasher, &seg.key);
                    parcels[shard_of(hash, shards)].push((seg, hash));
                }
                Found::Fragment(fragment) => fragments.push((frame_number, fragment)),
                Found::Skip(skip) => self.shard.counts.skipped.add(skip),
            }
        }
        self.reassemble(number, fragments, &mut parcels);
        for (inbox, items) in self.shared.inboxes.iter().zip(parcels) {
            lock(inbox).put(number, Parcel { source, items });
        }
        drop(lock(&self.shared.order));
        self.shared.moved.notify_all();
    }

    /// Fragments of this batch, in this batch's turn.
    fn reassemble(
        &mut self,
        number: u64,
        fragments: Vec<(u64, Fragment)>,
        parcels: &mut [Vec<Item>],
    ) {
        let mut order = lock(&self.shared.order);
        if fragments.is_empty() {
            order.pass(number);
            return;
        }
        while order.turn != number {
            order = wait(&self.shared.moved, order);
        }
        for (_, fragment) in fragments {
            if let Some(seg) = order
                .defragmenter
                .push(fragment, &mut self.shard.counts.skipped)
            {
                let hash = flow_hash(&self.hasher, &seg.key);
                let parcel = &mut parcels[shard_of(hash, self.shared.inboxes.len())];
                let at = parcel.partition_point(|(s, _)| s.number < seg.number);
                parcel.insert(at, (seg, hash));
            }
        }
        order.pass(number);
    }

    /// Tracks what is ready for this thread's shard.
    fn track(&mut self) -> bool {
        let mut any = false;
        loop {
            let Some(parcel) = lock(&self.shared.inboxes[self.index]).pop() else {
                break;
            };
            any = true;
            let before = self.shard.tracker.begun;
            self.shard.counts.used += parcel.items.len() as u64;
            self.shard.counts.see(&parcel.items);
            let Shard { tracker, rows, .. } = &mut self.shard;
            tracker.segments(&parcel.items, parcel.source, rows);
            self.shared
                .begun
                .fetch_add(self.shard.tracker.begun - before, Relaxed);
            let mut items = parcel.items;
            items.clear();
            lock(&self.shared.inboxes[self.index]).spare.push(items);
        }
        if any {
            drop(lock(&self.shared.order));
            self.shared.moved.notify_all();
        }
        any
    }

    /// Waits, tracking, until no shard is too far behind batch `number`.
    fn wait_for_room(&mut self, number: u64) {
        loop {
            let slowest = self
                .shared
                .inboxes
                .iter()
                .map(|i| lock(i).next)
                .min()
                .unwrap_or(number);
            if number < slowest + IN_FLIGHT || self.shared.stop.load(Relaxed) {
                return;
            }
            if !self.track() {
                let order = lock(&self.shared.order);
                let _ = self
                    .shared
                    .moved
                    .wait_timeout(order, Duration::from_millis(1));
            }
        }
    }

    /// Tracks until every batch has come.
    fn track_rest(&mut self) {
        loop {
            self.track();
            let batches = lock(&self.shared.order).batches;
            if batches.is_some_and(|n| lock(&self.shared.inboxes[self.index]).next >= n) {
                return;
            }
            let order = lock(&self.shared.order);
            let _ = self
                .shared
                .moved
                .wait_timeout(order, Duration::from_millis(1));
        }
    }
}

/// Says that its thread has ended, however it ended.
struct Leave<'s, 'a>(&'s Shared<'a>);

impl Drop for Leave<'_, '_> {
    fn drop(&mut self) {
        lock(&self.0.order).running -= 1;
        self.0.moved.notify_all();
        self.0.left.notify_all();
    }
}

impl Inbox {
    fn put(&mut self, number: u64, parcel: Parcel) {
        let at = usize::try_from(number - self.next).unwrap_or(usize::MAX);
        while self.parcels.len() <= at {
            self.parcels.push_back(None);
        }
        self.parcels[at] = Some(parcel);
    }

    fn pop(&mut self) -> Option<Parcel> {
        self.parcels.front()?.as_ref()?;
        self.next += 1;
        self.parcels.pop_front().flatten()
    }
}

impl Order {
    /// Batch `number` is through; the turn goes to the first batch that is not.
    fn pass(&mut self, number: u64) {
        self.early.push(number);
        while let Some(i) = self.early.iter().position(|n| *n == self.turn) {
            self.early.swap_remove(i);
            self.turn += 1;
        }
    }
}
