//! The extension module `finwait._core`: bindings and nothing else. Typed in `_core.pyi`.

mod rows;
mod story;

use self::rows::{Ndjson, Numbered, Records, chosen, groups, record, skipped};
use self::story::{Explained, Step};
use crate::columns::{BATCH_ROWS, batch, schema};
use crate::decode::ScopeNames;
use crate::engine::{Counts, Follow, Options, Progress, Report, Watch, limit, run};
use crate::error::CaptureError;
use crate::machine::State;
use crate::ndjson;
use crate::skip::Skip;
use crate::slugs::{
    Cause, ClientBy, Close, ClosedBy, Confidence, Evidence, Handshake, Label, Note, ResetForm,
};
use crate::verdict::across::Summary;
use crate::verdict::row::Row;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyList};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of JSON handed over at once.
const CHUNK: usize = 1 << 20;

/// Between two looks at Python's signals.
const LOOK: Duration = Duration::from_millis(100);

/// A capture that could not be read (further).
#[pyclass(frozen, get_all, module = "finwait._core")]
struct Fault {
    path: String,
    offset: u64,
    message: String,
    is_io: bool,
}

impl From<&CaptureError> for Fault {
    fn from(e: &CaptureError) -> Fault {
        Fault {
            path: e.path.clone(),
            offset: e.offset,
            message: e.message.clone(),
            is_io: e.is_io,
        }
    }
}

/// Calls a Python function about ten times a second, and looks for signals.
struct Caller {
    callback: Option<Py<PyAny>>,
    last: Instant,
    error: Option<PyErr>,
}

impl Caller {
    fn new(callback: Option<Py<PyAny>>) -> Caller {
        Caller {
            callback,
            last: Instant::now(),
            error: None,
        }
    }
}

impl Watch for Caller {
    fn tick(&mut self, p: Progress) -> bool {
        if self.last.elapsed() < LOOK {
            return true;
        }
        self.last = Instant::now();
        let answer = Python::attach(|py| {
            py.check_signals()?;
            match &self.callback {
                Some(f) => f
                    .bind(py)
                    .call1((p.bytes, p.total, p.frames, p.connections))?
                    .is_truthy(),
                None => Ok(true),
            }
        });
        answer.unwrap_or_else(|e| {
            self.error = Some(e);
            false
        })
    }
}

/// Rows as an Arrow stream.
struct Stream {
    report: Arc<Report>,
    rows: Box<dyn Iterator<Item = Row> + Send + Sync>,
    next_conn: u64,
    /// The rows that went by: going through all of them again would cost as much as writing them.
    summary: Summary,
}

impl Stream {
    fn new(report: &Arc<Report>) -> Stream {
        let across = Arc::clone(report);
        let rows = report.runs.iter().map(move |mut row| {
            across.across.judge(&mut row);
            row
        });
        Stream {
            report: Arc::clone(report),
            rows: Box::new(rows),
            next_conn: 0,
            summary: Summary::default(),
        }
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows: Vec<Row> = self.rows.by_ref().take(BATCH_ROWS).collect();
        if rows.is_empty() {
            let _ = self.report.summed.set(std::mem::take(&mut self.summary));
            return None;
        }
        rows.iter().for_each(|row| self.summary.add(row));
        let first = self.next_conn;
        self.next_conn += rows.len() as u64;
        Some(batch(
            &rows,
            first,
            &self.report.sources,
            &self.report.scopes,
        ))
    }
}

impl RecordBatchReader for Stream {
    fn schema(&self) -> SchemaRef {
        schema()
    }
}

fn capsule(
    py: Python<'_>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
}

/// The connections of one or more captures, ordered by first segment.
#[pyclass(frozen, module = "finwait._core")]
struct Analysis {
    report: Arc<Report>,
}

#[pymethods]
impl Analysis {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema; // a wish that the protocol lets us leave unmet
        capsule(py, Box::new(Stream::new(&self.report)))
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.report.runs.len()).unwrap_or(usize::MAX)
    }

    #[pyo3(signature = (start=0, count=None))]
    fn records<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        count: Option<usize>,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let rows = self
            .report
            .rows()
            .zip(0..)
            .skip(start)
            .take(count.unwrap_or(usize::MAX));
        rows.map(|(row, conn)| record(py, &row, conn, &self.report.sources, &self.report.scopes))
            .collect()
    }

    /// Rows as JSON, one object a line, in chunks. `conns`: only these, in this order.
    #[pyo3(signature = (conns=None))]
    fn ndjson(&self, py: Python<'_>, conns: Option<Vec<u64>>) -> Ndjson {
        let rows: Numbered = match conns {
            None => Box::new(Stream::new(&self.report).rows.zip(0..)),
            Some(conns) => Box::new(py.detach(|| chosen(&self.report, &conns)).into_iter()),
        };
        Ndjson::new(rows, &self.report)
    }

    /// All rows as `records` gives them, `size` at a time.
    fn chunks(&self, size: usize) -> Records {
        let rows = Box::new(Stream::new(&self.report).rows.zip(0..));
        Records::new(rows, size, &self.report)
    }

    fn summary(&self, py: Python<'_>) -> Vec<([&'static str; 5], u64)> {
        let counts = py.detach(|| self.report.summary()).counts().into_iter();
        counts
            .map(|((close, by, reset_by, cause, sure), n)| {
                let (close, cause, sure) = (close.slug(), cause.slug(), sure.slug());
                ([close, by.slug(), reset_by.slug(), cause, sure], n)
            })
            .collect()
    }

    fn groups<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        groups(py, &self.report.across)
    }

    #[getter]
    fn frames(&self) -> u64 {
        self.report.counts.frames
    }

    #[getter]
    fn used(&self) -> u64 {
        self.report.counts.used
    }

    #[getter]
    fn skipped(&self) -> HashMap<&'static str, u64> {
        skipped(&self.report.counts.skipped)
    }

    #[getter]
    fn faults(&self) -> Vec<Fault> {
        self.report.faults.iter().map(Fault::from).collect()
    }

    #[getter]
    fn evicted(&self) -> u64 {
        self.report.counts.evicted
    }

    #[getter]
    fn interrupted(&self) -> bool {
        self.report.interrupted
    }

    #[getter]
    fn first_ts(&self) -> Option<i64> {
        self.report.counts.times.map(|t| t.0)
    }

    #[getter]
    fn last_ts(&self) -> Option<i64> {
        self.report.counts.times.map(|t| t.1)
    }
}

/// Some finished connections of a live capture.
#[pyclass(frozen, module = "finwait._core")]
struct Batch {
    rows: Vec<Row>,
    /// Number of the first row.
    first: u64,
    sources: Vec<String>,
    scopes: ScopeNames,
}

impl Batch {
    fn numbered(&self) -> impl Iterator<Item = (&Row, u64)> {
        self.rows.iter().zip(self.first..)
    }
}

#[pymethods]
impl Batch {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let firsts = (self.first..).step_by(BATCH_ROWS);
        let batches: Result<Vec<_>, _> = self
            .rows
            .chunks(BATCH_ROWS)
            .zip(firsts)
            .map(|(rows, first)| batch(rows, first, &self.sources, &self.scopes))
            .collect();
        let batches = batches.map_err(|e| PyValueError::new_err(e.to_string()))?;
        let reader = arrow_array::RecordBatchIterator::new(batches.into_iter().map(Ok), schema());
        capsule(py, Box::new(reader))
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    #[pyo3(signature = (start=0, count=None))]
    fn records<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        count: Option<usize>,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.numbered()
            .skip(start)
            .take(count.unwrap_or(usize::MAX))
            .map(|(row, conn)| record(py, row, conn, &self.sources, &self.scopes))
            .collect()
    }

    fn ndjson<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        for (row, conn) in self.numbered() {
            ndjson::write(&mut out, row, conn, &self.sources, &self.scopes)?;
        }
        Ok(PyBytes::new(py, &out))
    }
}

/// A capture that is still being written.
#[pyclass(frozen, module = "finwait._core")]
struct Follower {
    follow: Mutex<(Follow, u64)>,
}

#[pymethods]
impl Follower {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        loop {
            py.check_signals()?;
            let polled = py.detach(|| {
                let mut guard = self.follow.lock().unwrap_or_else(PoisonError::into_inner);
                let rows = guard.0.poll(LOOK)?;
                let first = guard.1;
                guard.1 += rows.len() as u64;
                let sources = vec![guard.0.path().to_owned()];
                let scopes = guard.0.report().2.clone();
                Some((rows, first, sources, scopes))
            });
            match polled {
                None => return Ok(None),
                Some((rows, ..)) if rows.is_empty() => {}
                Some((rows, first, sources, scopes)) => {
                    return Ok(Some(Batch {
                        rows,
                        first,
                        sources,
                        scopes,
                    }));
                }
            }
        }
    }

    /// Stops reading: the next batch holds what is left.
    fn stop(&self) {
        self.follow
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .end();
    }

    #[getter]
    fn analysis(&self) -> Analysis {
        let guard = self.follow.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, across, _) = guard.0.report();
        Analysis {
            report: Arc::new(Report {
                runs: crate::engine::runs::Runs::default(),
                across: across.clone(),
                sources: vec![guard.0.path().to_owned()],
                scopes: ScopeNames::default(),
                counts: Counts::clone(counts),
                faults: guard.0.faults.clone(),
                interrupted: false,
                // the rows are gone
                summed: OnceLock::from(guard.0.summary.clone()),
            }),
        }
    }
}

#[pyfunction]
#[pyo3(signature = (paths, *, joined=false, threads=0, max_connections=0, progress=None))]
fn analyze(
    py: Python<'_>,
    paths: Vec<String>,
    joined: bool,
    threads: usize,
    max_connections: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Analysis> {
    let mut caller = Caller::new(progress);
    let options = Options {
        joined,
        threads,
        max_connections,
    };
    let report = py.detach(|| run(&paths, options, &mut caller));
    match caller.error {
        Some(e) => Err(e),
        None => Ok(Analysis {
            report: Arc::new(report),
        }),
    }
}

#[pyfunction]
fn others(py: Python<'_>, path: &str) -> Vec<String> {
    py.detach(|| crate::source::directory(path))
        .map_or(Vec::new(), |d| d.others)
}

#[pyfunction]
#[pyo3(signature = (path, *, max_connections=0))]
fn follow(path: &str, max_connections: usize) -> Follower {
    Follower {
        follow: Mutex::new((Follow::new(path, limit(max_connections)), 0)),
    }
}

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let slugs = PyDict::new(m.py());
    macro_rules! put {
        ($($kind:literal: $words:ident),* $(,)?) => {
            $(slugs.set_item($kind, $words::ALL.iter().map(|x| x.slug()).collect::<Vec<_>>())?;)*
        };
    }
    put! {
        "close": Close, "closed_by": ClosedBy, "handshake": Handshake, "confidence": Confidence,
        "reset_form": ResetForm, "client_by": ClientBy, "cause": Cause, "note": Note,
        "evidence": Evidence, "label": Label, "skip": Skip,
    }
    slugs.set_item("state", State::ALL.map(|x| x.name()))?;
    m.add("SLUGS", slugs)?;
    let columns: Vec<String> = schema().fields().iter().map(|f| f.name().clone()).collect();
    m.add("COLUMNS", columns)?;
    m.add_class::<Fault>()?;
    m.add_class::<Analysis>()?;
    m.add_class::<Batch>()?;
    m.add_class::<Ndjson>()?;
    m.add_class::<Records>()?;
    m.add_class::<Follower>()?;
    m.add_class::<Step>()?;
    m.add_class::<Explained>()?;
    m.add_function(wrap_pyfunction!(analyze, m)?)?;
    m.add_function(wrap_pyfunction!(follow, m)?)?;
    m.add_function(wrap_pyfunction!(others, m)?)?;
    m.add_function(wrap_pyfunction!(story::explain, m)?)?;
    m.add_function(wrap_pyfunction!(story::openings, m)?)?;
    m.add_function(wrap_pyfunction!(story::stories, m)?)?;
    Ok(())
}
