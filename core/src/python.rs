//! The extension module `finwait._core`: bindings and nothing else. Typed in `_core.pyi`.

use crate::columns::{BATCH_ROWS, batch, schema, seconds};
use crate::decode::ScopeNames;
use crate::engine::{Counts, Follow, Options, Progress, Report, Watch, run};
use crate::error::CaptureError;
use crate::explain::{Explained as Story, Step as StoryStep, Which, explain as explain_one};
use crate::machine::State;
use crate::ndjson;
use crate::segment::{from_v4, to_ip};
use crate::skip::{Skip, SkipCounts};
use crate::slugs::{
    Cause, ClientBy, Close, ClosedBy, Confidence, Evidence, Handshake, Label, Note, ResetForm,
};
use crate::verdict::across::{Across, Group, Summary};
use crate::verdict::row::Row;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyList};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
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
        }
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows: Vec<Row> = self.rows.by_ref().take(BATCH_ROWS).collect();
        if rows.is_empty() {
            return None;
        }
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
    /// Of a live capture, whose rows are gone.
    told: Option<Summary>,
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
        let rows: Box<dyn Iterator<Item = (Row, u64)> + Send + Sync> = match conns {
            None => Box::new(Stream::new(&self.report).rows.zip(0..)),
            Some(conns) => Box::new(py.detach(|| chosen(&self.report, &conns)).into_iter()),
        };
        Ndjson {
            rows: Mutex::new(rows),
            report: Arc::clone(&self.report),
        }
    }

    fn summary(
        &self,
        py: Python<'_>,
    ) -> Vec<(&'static str, &'static str, &'static str, &'static str, u64)> {
        let summary = self
            .told
            .clone()
            .unwrap_or_else(|| py.detach(|| self.report.summary()));
        let words = |((close, by, cause, sure), n): ((Close, ClosedBy, Cause, Confidence), u64)| {
            (close.slug(), by.slug(), cause.slug(), sure.slug(), n)
        };
        summary.counts().into_iter().map(words).collect()
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

/// The rows with these numbers, in the order asked for.
fn chosen(report: &Report, conns: &[u64]) -> Vec<(Row, u64)> {
    let place: HashMap<u64, usize> = conns.iter().enumerate().map(|(i, c)| (*c, i)).collect();
    let mut rows: Vec<Option<(Row, u64)>> = vec![None; conns.len()];
    for (row, conn) in report.rows().zip(0..) {
        if let Some(i) = place.get(&conn) {
            rows[*i] = Some((row, conn));
        }
    }
    rows.into_iter().flatten().collect()
}

/// Rows as JSON, in chunks of about a megabyte.
#[pyclass(frozen, module = "finwait._core")]
struct Ndjson {
    rows: Mutex<Box<dyn Iterator<Item = (Row, u64)> + Send + Sync>>,
    report: Arc<Report>,
}

#[pymethods]
impl Ndjson {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let report = &self.report;
        let chunk = py.detach(|| {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            let mut out = Vec::new();
            while out.len() < CHUNK {
                let Some((row, conn)) = rows.next() else {
                    break;
                };
                ndjson::write(&mut out, &row, conn, &report.sources, &report.scopes)?;
            }
            io::Result::Ok(out)
        })?;
        Ok((!chunk.is_empty()).then(|| PyBytes::new(py, &chunk)))
    }
}

fn skipped(counts: &SkipCounts) -> HashMap<&'static str, u64> {
    Skip::ALL
        .iter()
        .map(|s| (s.slug(), counts.get(*s)))
        .filter(|(_, n)| *n > 0)
        .collect()
}

fn groups<'py>(py: Python<'py>, across: &Across) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for g in across.groups() {
        list.append(group(py, &g)?)?;
    }
    Ok(list)
}

fn group<'py>(py: Python<'py>, g: &Group) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("kind", g.kind)?;
    d.set_item("server_ip", to_ip(g.server_ip).to_string())?;
    d.set_item("server_port", g.server_port)?;
    d.set_item("matched", g.matched)?;
    d.set_item("total", g.total)?;
    d.set_item("gap_s", g.gap.and_then(seconds))?;
    d.set_item("reused", g.reused.map(|r| r.0))?;
    d.set_item("reuse_delay_s", g.reused.and_then(|r| seconds(r.1)))?;
    d.set_item("at_ns", g.at)?;
    d.set_item("by", g.by.map(ClosedBy::slug))?;
    Ok(d)
}

fn record<'py>(
    py: Python<'py>,
    row: &Row,
    conn: u64,
    sources: &[String],
    scopes: &ScopeNames,
) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    let ((client, client_port), (server, server_port)) = (row.client_addr(), row.server());
    let some = |n: u64| (n != 0).then_some(n);
    d.set_item("conn", conn)?;
    d.set_item("source", sources.get(row.source as usize))?;
    d.set_item("first_ts", row.first_ts)?;
    d.set_item("last_ts", row.last_ts)?;
    d.set_item("client_ip", to_ip(client).to_string())?;
    d.set_item("client_port", client_port)?;
    d.set_item("server_ip", to_ip(server).to_string())?;
    d.set_item("server_port", server_port)?;
    d.set_item("client_by", row.client_by.slug())?;
    d.set_item(
        "scope",
        (row.key.scope != 0)
            .then(|| scopes.name(row.key.scope))
            .flatten(),
    )?;
    d.set_item("handshake", row.handshake.slug())?;
    d.set_item("close", row.close.slug())?;
    d.set_item("closed_by", row.closed_by.slug())?;
    d.set_item("finished", row.finished)?;
    d.set_item("cause", row.cause.slug())?;
    d.set_item("confidence", row.confidence.slug())?;
    d.set_item("evidence_for", row.supports.words().collect::<Vec<_>>())?;
    d.set_item("evidence_against", row.against.words().collect::<Vec<_>>())?;
    let notes: Vec<_> = Note::ALL
        .iter()
        .filter(|n| row.noted(**n))
        .map(|n| n.slug())
        .collect();
    d.set_item("notes", notes)?;
    let (c, s) = (&row.client_end, &row.server_end);
    d.set_item("client_state", Row::state(c).name())?;
    d.set_item("server_state", Row::state(s).name())?;
    d.set_item("client_packets", c.packets)?;
    d.set_item("server_packets", s.packets)?;
    d.set_item("client_bytes", c.bytes)?;
    d.set_item("server_bytes", s.bytes)?;
    d.set_item("reset_by", row.reset_by.slug())?;
    d.set_item("reset_form", row.reset_form.map(ResetForm::slug))?;
    d.set_item("reset_trigger", some(row.reset_trigger))?;
    d.set_item("close_frame", some(row.close_frame))?;
    d.set_item("client_fins", c.fins)?;
    d.set_item("server_fins", s.fins)?;
    d.set_item("client_rsts", c.rsts)?;
    d.set_item("server_rsts", s.rsts)?;
    d.set_item("client_retransmissions", c.retransmissions)?;
    d.set_item("server_retransmissions", s.retransmissions)?;
    d.set_item("client_gap_bytes", c.gap_bytes)?;
    d.set_item("server_gap_bytes", s.gap_bytes)?;
    d.set_item("completeness", row.completeness)?;
    d.set_item("zeek_state", row.zeek_state)?;
    d.set_item("zeek_history", &row.zeek_history)?;
    d.set_item(
        "duration",
        seconds(row.last_ts.saturating_sub(row.first_ts).max(0)),
    )?;
    d.set_item("handshake_rtt", seconds(row.handshake_rtt))?;
    d.set_item("idle_before_close", seconds(row.idle_before_close))?;
    d.set_item("close_duration", seconds(row.close_duration))?;
    d.set_item("peer_reaction", seconds(row.peer_reaction))?;
    d.set_item("first_frame", row.first_frame)?;
    d.set_item("last_frame", row.last_frame)?;
    Ok(d)
}

/// Some finished connections of a live capture.
#[pyclass(frozen, module = "finwait._core")]
struct Batch {
    rows: Vec<Row>,
    numbers: Vec<u64>,
    sources: Vec<String>,
    scopes: ScopeNames,
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
        let each = self.rows.iter().zip(&self.numbers);
        let batches: Result<Vec<_>, _> = each
            .map(|(r, n)| batch(std::slice::from_ref(r), *n, &self.sources, &self.scopes))
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
        let each = self
            .rows
            .iter()
            .zip(&self.numbers)
            .skip(start)
            .take(count.unwrap_or(usize::MAX));
        each.map(|(row, conn)| record(py, row, *conn, &self.sources, &self.scopes))
            .collect()
    }

    fn ndjson<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        for (row, conn) in self.rows.iter().zip(&self.numbers) {
            ndjson::write(&mut out, row, *conn, &self.sources, &self.scopes)?;
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
                    let numbers = (first..).take(rows.len()).collect();
                    return Ok(Some(Batch {
                        rows,
                        numbers,
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
            }),
            told: Some(guard.0.summary.clone()),
        }
    }
}

/// One segment of an explained connection.
#[pyclass(frozen, module = "finwait._core")]
struct Step {
    step: StoryStep,
    #[pyo3(get)]
    from_client: bool,
    client: usize,
}

#[pymethods]
impl Step {
    #[getter]
    fn number(&self) -> u64 {
        self.step.segment.number
    }
    #[getter]
    fn ts(&self) -> i64 {
        self.step.segment.ts
    }
    #[getter]
    fn seq(&self) -> u32 {
        self.step.segment.seq.0
    }
    #[getter]
    fn ack(&self) -> u32 {
        self.step.segment.ack.0
    }
    #[getter]
    fn flags(&self) -> u16 {
        self.step.segment.flags
    }
    #[getter]
    fn window(&self) -> u16 {
        self.step.segment.window
    }
    #[getter]
    fn payload(&self) -> u32 {
        self.step.segment.payload
    }
    #[getter]
    fn ttl(&self) -> u8 {
        self.step.segment.ttl
    }
    #[getter]
    fn ip_id(&self) -> u16 {
        self.step.segment.ip_id
    }
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.step.header)
    }
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.step.data)
    }
    #[getter]
    fn client_state(&self) -> &'static str {
        self.step.states[self.client].name()
    }
    #[getter]
    fn server_state(&self) -> &'static str {
        self.step.states[self.client ^ 1].name()
    }
    #[getter]
    fn labels(&self) -> Vec<&'static str> {
        Label::ALL
            .iter()
            .filter(|l| self.step.outcome.is(**l))
            .map(|l| l.slug())
            .collect()
    }
    #[getter]
    fn refers_to(&self) -> u64 {
        self.step.outcome.refers_to
    }
}

/// One connection with all its segments.
#[pyclass(frozen, module = "finwait._core")]
struct Explained {
    row: Py<PyDict>,
    steps: Py<PyList>,
    #[pyo3(get)]
    truncated: u64,
    #[pyo3(get)]
    client_isn: Option<u32>,
    #[pyo3(get)]
    server_isn: Option<u32>,
    #[pyo3(get)]
    client_wscale: Option<u8>,
    #[pyo3(get)]
    server_wscale: Option<u8>,
}

#[pymethods]
impl Explained {
    #[getter]
    fn row(&self, py: Python<'_>) -> Py<PyDict> {
        self.row.clone_ref(py)
    }
    #[getter]
    fn steps(&self, py: Python<'_>) -> Py<PyList> {
        self.steps.clone_ref(py)
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
            told: None,
        }),
    }
}

#[pyfunction]
#[pyo3(signature = (path, *, max_connections=0))]
fn follow(path: &str, max_connections: usize) -> Follower {
    let limit = if max_connections == 0 {
        crate::track::DEFAULT_MAX_CONNECTIONS
    } else {
        max_connections
    };
    Follower {
        follow: Mutex::new((Follow::new(path, limit), 0)),
    }
}

#[pyfunction]
#[pyo3(signature = (paths, *, joined=false, conn=None, ends=None, max_steps=100_000))]
fn explain(
    py: Python<'_>,
    paths: Vec<String>,
    joined: bool,
    conn: Option<u64>,
    ends: Option<(String, u16, String, u16)>,
    max_steps: usize,
) -> PyResult<(Option<Explained>, Vec<Fault>)> {
    let which = match (conn, ends) {
        (Some(n), None) => Which::Number(n),
        (None, Some((a, ap, b, bp))) => Which::Ends(address(&a)?, ap, address(&b)?, bp),
        _ => return Err(PyValueError::new_err("give either conn or ends")),
    };
    let mut caller = Caller::new(None);
    let (story, faults) = py.detach(|| explain_one(&paths, joined, which, max_steps, &mut caller));
    if let Some(e) = caller.error {
        return Err(e);
    }
    let shown = faults.iter().map(Fault::from).collect();
    let Some(story) = story else {
        return Ok((None, shown));
    };
    Ok((Some(explained(py, story, &paths)?), shown))
}

fn explained(py: Python<'_>, story: Story, paths: &[String]) -> PyResult<Explained> {
    let client = story.row.client as usize;
    let row = record(py, &story.row, story.number, paths, &story.scopes)?;
    let steps = PyList::empty(py);
    for step in story.steps {
        let from_client = step.segment.dir as usize == client;
        steps.append(Py::new(
            py,
            Step {
                step,
                from_client,
                client,
            },
        )?)?;
    }
    Ok(Explained {
        row: row.unbind(),
        steps: steps.unbind(),
        truncated: story.truncated,
        client_isn: story.isn[client],
        server_isn: story.isn[client ^ 1],
        client_wscale: story.wscale[client],
        server_wscale: story.wscale[client ^ 1],
    })
}

fn address(text: &str) -> PyResult<u128> {
    match text.parse() {
        Ok(IpAddr::V4(a)) => Ok(from_v4(u32::from(a))),
        Ok(IpAddr::V6(a)) => Ok(u128::from(a)),
        Err(_) => Err(PyValueError::new_err(format!("not an IP address: {text}"))),
    }
}

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let slugs = PyDict::new(m.py());
    let put = |kind: &str, words: Vec<&'static str>| slugs.set_item(kind, words);
    put("close", Close::ALL.iter().map(|x| x.slug()).collect())?;
    put(
        "closed_by",
        ClosedBy::ALL.iter().map(|x| x.slug()).collect(),
    )?;
    put(
        "handshake",
        Handshake::ALL.iter().map(|x| x.slug()).collect(),
    )?;
    put(
        "confidence",
        Confidence::ALL.iter().map(|x| x.slug()).collect(),
    )?;
    put(
        "reset_form",
        ResetForm::ALL.iter().map(|x| x.slug()).collect(),
    )?;
    put(
        "client_by",
        ClientBy::ALL.iter().map(|x| x.slug()).collect(),
    )?;
    put("cause", Cause::ALL.iter().map(|x| x.slug()).collect())?;
    put("note", Note::ALL.iter().map(|x| x.slug()).collect())?;
    put("evidence", Evidence::ALL.iter().map(|x| x.slug()).collect())?;
    put("label", Label::ALL.iter().map(|x| x.slug()).collect())?;
    put("skip", Skip::ALL.iter().map(|x| x.slug()).collect())?;
    put("state", State::ALL.iter().map(|x| x.name()).collect())?;
    m.add("SLUGS", slugs)?;
    let columns: Vec<String> = schema().fields().iter().map(|f| f.name().clone()).collect();
    m.add("COLUMNS", columns)?;
    m.add_class::<Fault>()?;
    m.add_class::<Analysis>()?;
    m.add_class::<Batch>()?;
    m.add_class::<Ndjson>()?;
    m.add_class::<Follower>()?;
    m.add_class::<Step>()?;
    m.add_class::<Explained>()?;
    m.add_function(wrap_pyfunction!(analyze, m)?)?;
    m.add_function(wrap_pyfunction!(follow, m)?)?;
    m.add_function(wrap_pyfunction!(explain, m)?)?;
    Ok(())
}
