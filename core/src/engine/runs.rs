//! Rows sorted by first segment, however many: what does not fit in memory waits in a temporary
//! file, as sorted runs that are merged when they are read.

use super::rowbytes;
use crate::verdict::row::Row;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes read from a run at once.
const CHUNK: usize = 1 << 16;

/// A row's place among all rows: its source and its first frame.
type Order = (u32, u64);

/// Rows of one shard in the order in which they ended, as bytes: to be sorted and kept or written out.
#[derive(Default)]
pub struct Held {
    bytes: Vec<u8>,
    places: Vec<(Order, usize)>,
}

impl Held {
    /// Adds a row.
    pub fn push(&mut self, row: &Row) {
        self.places.push((order(row), self.bytes.len()));
        rowbytes::put(row, &mut self.bytes);
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of all rows.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Takes all rows out, sorted.
    fn take(&mut self) -> (Vec<u8>, u64) {
        self.places.sort_unstable();
        let mut sorted = Vec::with_capacity(self.bytes.len());
        for (_, start) in &self.places {
            sorted.extend_from_slice(rowbytes::first(&self.bytes[*start..]));
        }
        let count = self.places.len() as u64;
        self.bytes.clear();
        self.places.clear();
        (sorted, count)
    }
}

/// Sorted runs of rows. Reading does not consume them.
#[derive(Default)]
pub struct Runs {
    file: Option<Arc<File>>,
    written: u64,
    on_disk: Vec<Span>,
    in_memory: Vec<Arc<Vec<u8>>>,
    count: u64,
}

#[derive(Clone)]
struct Span {
    file: Arc<File>,
    start: u64,
    end: u64,
}

impl Runs {
    /// Writes rows out; if no temporary file can be had they stay in memory.
    pub fn spill(&mut self, held: &mut Held) {
        let (bytes, count) = held.take();
        self.count += count;
        if self.write(&bytes).is_err() {
            self.in_memory.push(Arc::new(bytes));
        }
    }

    /// Keeps rows in memory.
    pub fn keep(&mut self, held: &mut Held) {
        if held.is_empty() {
            return;
        }
        let (bytes, count) = held.take();
        self.count += count;
        self.in_memory.push(Arc::new(bytes));
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(unnamed_file()?))),
        };
        let start = self.written;
        file.write_all_at(bytes, start)?;
        self.written += bytes.len() as u64;
        self.on_disk.push(Span {
            file,
            start,
            end: self.written,
        });
        Ok(())
    }

    /// Takes over another's rows.
    pub fn merge(&mut self, other: Runs) {
        self.on_disk.extend(other.on_disk);
        self.in_memory.extend(other.in_memory);
        self.count += other.count;
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All rows in order of their first segments.
    #[must_use]
    pub fn iter(&self) -> Merged {
        let disk = self.on_disk.iter().map(|s| Run::Disk {
            span: s.clone(),
            buffer: Vec::new(),
            at: 0,
        });
        let memory = self.in_memory.iter().map(|bytes| Run::Memory {
            bytes: Arc::clone(bytes),
            at: 0,
        });
        let mut merged = Merged {
            runs: disk.chain(memory).collect(),
            heads: Vec::new(),
            heap: BinaryHeap::new(),
        };
        for (i, run) in merged.runs.iter_mut().enumerate() {
            let head = run.next();
            merged
                .heap
                .extend(head.iter().map(|row| Reverse((order(row), i))));
            merged.heads.push(head);
        }
        merged
    }
}

fn order(row: &Row) -> Order {
    (row.source, row.first_frame)
}

/// A file without a name, gone when it is closed, whatever happens to us.
fn unnamed_file() -> io::Result<File> {
    let dir = std::env::temp_dir();
    let path = dir.join(format!(
        "finwait-{}-{:x}",
        std::process::id(),
        foldhash_seed()
    ));
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn foldhash_seed() -> u64 {
    use std::hash::BuildHasher;
    foldhash::quality::RandomState::default().hash_one(0u8)
}

enum Run {
    Disk {
        span: Span,
        buffer: Vec<u8>,
        at: usize,
    },
    Memory {
        bytes: Arc<Vec<u8>>,
        at: usize,
    },
}

impl Run {
    fn next(&mut self) -> Option<Row> {
        match self {
            Run::Memory { bytes, at } => {
                let (row, used) = rowbytes::get(&bytes[*at..])?;
                *at += used;
                Some(row)
            }
            Run::Disk { span, buffer, at } => loop {
                if let Some((row, used)) = rowbytes::get(&buffer[*at..]) {
                    *at += used;
                    return Some(row);
                }
                buffer.drain(..*at);
                *at = 0;
                let want = CHUNK.min(usize::try_from(span.end - span.start).unwrap_or(CHUNK));
                if want == 0 {
                    return None;
                }
                let old = buffer.len();
                buffer.resize(old + want, 0);
                span.file
                    .read_exact_at(&mut buffer[old..], span.start)
                    .ok()?;
                span.start += want as u64;
            },
        }
    }
}

/// Rows of all runs in order.
pub struct Merged {
    runs: Vec<Run>,
    heads: Vec<Option<Row>>,
    heap: BinaryHeap<Reverse<(Order, usize)>>,
}

impl Iterator for Merged {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let mut least = self.heap.peek_mut()?;
        let Reverse((_, i)) = *least;
        let next = self.runs[i].next();
        match &next {
            Some(row) => *least = Reverse((order(row), i)),
            None => drop(PeekMut::pop(least)),
        }
        std::mem::replace(&mut self.heads[i], next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{FlowKey, Segment, flag, from_v4};
    use crate::track::conn::Conn;
    use proptest::prelude::*;

    /// The row of a lone SYN; some have addresses of IPv6, some those of both families.
    fn row(source: u32, frame: u64) -> Row {
        let low = match frame % 3 {
            0 => 1 << 100 | 7,
            _ => from_v4(7),
        };
        let high = match frame % 2 {
            0 => u128::MAX,
            _ => from_v4(u32::MAX),
        };
        let (key, dir) = FlowKey::new(low, high, 1, 2, frame as u32);
        let seg = Segment {
            key,
            dir,
            number: frame,
            ts: -(frame as i64),
            flags: flag::SYN,
            ..Segment::default()
        };
        Row::new(&Conn::new(&seg, source), 0)
    }

    proptest! {
        /// Rows come back as they were and in order, from memory and from disk alike.
        #[test]
        fn rows_come_back_sorted(parts in prop::collection::vec((any::<bool>(), 0usize..60), 0..8), seed: u64) {
            let mut runs = Runs::default();
            let mut all = Vec::new();
            let mut n = seed >> 1;
            for (on_disk, count) in parts {
                let mut held = Held::default();
                for _ in 0..count {
                    n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let row = row((n >> 62) as u32, n >> 2 | 1);
                    held.push(&row);
                    all.push(row);
                }
                if on_disk {
                    runs.spill(&mut held);
                } else {
                    runs.keep(&mut held);
                }
            }
            all.sort_by_key(order);
            prop_assert_eq!(runs.len(), all.len() as u64);
            prop_assert_eq!(runs.iter().collect::<Vec<_>>(), all);
        }
    }
}
