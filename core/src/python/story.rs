//! Connections with all their segments, as Python objects.

use super::rows::{chosen, record};
use super::{Analysis, Caller, Fault};
use crate::engine::Report;
use crate::explain::{
    Explained as Story, Found, Step as StoryStep, Times, Which, explain as explain_one, tell,
};
use crate::segment::from_v4;
use crate::slugs::Label;
use crate::verdict::row::Row;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::net::IpAddr;

/// One segment of an explained connection.
#[pyclass(frozen, module = "finwait._core")]
pub(super) struct Step {
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
    fn captured(&self) -> u32 {
        self.step.captured
    }
    #[getter]
    fn digest(&self) -> u64 {
        self.step.digest
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
    fn client_passed(&self) -> Option<&'static str> {
        self.step.passed[self.client].map(|s| s.name())
    }
    #[getter]
    fn server_passed(&self) -> Option<&'static str> {
        self.step.passed[self.client ^ 1].map(|s| s.name())
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
pub(super) struct Explained {
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
    #[pyo3(get)]
    replaced: Option<(u64, i64)>,
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

#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
#[pyfunction]
#[pyo3(signature = (paths, *, joined=false, conn=None, ends=None, end=None, max_steps=100_000, progress=None))]
pub(super) fn explain(
    py: Python<'_>,
    paths: Vec<String>,
    joined: bool,
    conn: Option<u64>,
    ends: Option<(String, u16, String, u16)>,
    end: Option<(String, u16)>,
    max_steps: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Option<Explained>, Vec<Fault>, Option<Fitting>)> {
    let which = match (conn, ends, end) {
        (Some(n), None, None) => Which::Number(n),
        (None, Some((a, ap, b, bp)), None) => Which::Ends(address(&a)?, ap, address(&b)?, bp),
        (None, None, Some((a, port))) => Which::End(address(&a)?, port),
        _ => return Err(PyValueError::new_err("give one of conn, ends and end")),
    };
    let mut caller = Caller::new(progress);
    let (story, report) = py.detach(|| explain_one(&paths, joined, which, max_steps, &mut caller));
    if let Some(e) = caller.error {
        return Err(e);
    }
    let shown = report.faults.iter().map(Fault::from).collect();
    Ok(match story {
        Found::Nothing => (None, shown, None),
        Found::One(story) => (Some(explained(py, *story, &report)?), shown, None),
        Found::Several(count, rows) => (None, shown, Some((count, records(py, &rows, &report)?))),
    })
}

/// How many fit, and records of the first of them.
type Fitting = (u64, Vec<Py<PyDict>>);

fn records(py: Python<'_>, rows: &[(u64, Row)], report: &Report) -> PyResult<Vec<Py<PyDict>>> {
    rows.iter()
        .map(
            |(number, row)| Ok(record(py, row, *number, &report.sources, &report.scopes)?.unbind()),
        )
        .collect()
}

/// Both ends of a connection, its initial sequence numbers, and how many segments it has.
type Opening = (String, u16, String, u16, Option<u32>, Option<u32>, u64);

#[pyfunction]
#[pyo3(signature = (analysis, paths, *, progress=None))]
pub(super) fn openings(
    py: Python<'_>,
    analysis: &Analysis,
    paths: Vec<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Vec<Opening>, Times)> {
    let mut caller = Caller::new(progress);
    let (stories, times) = py.detach(|| {
        let wanted: Vec<_> = (0..).zip(analysis.report.rows()).collect();
        tell(&paths, false, &wanted, 0, &mut caller)
    });
    if let Some(e) = caller.error {
        return Err(e);
    }
    let openings = stories.into_iter().map(|story| {
        let row = story.row;
        let (client, server) = (row.client, row.client.flip());
        let ((ip, port), (server_ip, server_port)) =
            (row.key.sender(client), row.key.sender(server));
        let [isn, server_isn] = [client, server].map(|d| story.isn[d as usize]);
        let segments = row.client_end.packets + row.server_end.packets;
        (
            ip.to_string(),
            port,
            server_ip.to_string(),
            server_port,
            isn,
            server_isn,
            segments,
        )
    });
    Ok((openings.collect(), times))
}

#[pyfunction]
#[pyo3(signature = (analysis, paths, conns, *, max_steps=100_000, progress=None))]
pub(super) fn stories(
    py: Python<'_>,
    analysis: &Analysis,
    paths: Vec<String>,
    conns: Vec<u64>,
    max_steps: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Vec<Explained>> {
    let mut caller = Caller::new(progress);
    let report = &analysis.report;
    let (told, _) = py.detach(|| {
        let rows = chosen(report, &conns);
        let wanted: Vec<_> = rows.into_iter().map(|(row, conn)| (conn, row)).collect();
        tell(&paths, false, &wanted, max_steps.max(1), &mut caller)
    });
    match caller.error {
        Some(e) => Err(e),
        None => told
            .into_iter()
            .map(|story| explained(py, story, report))
            .collect(),
    }
}

fn explained(py: Python<'_>, story: Story, report: &Report) -> PyResult<Explained> {
    let client = story.row.client as usize;
    let row = record(
        py,
        &story.row,
        story.number,
        &report.sources,
        &report.scopes,
    )?;
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
        replaced: story.replaced,
    })
}

fn address(text: &str) -> PyResult<u128> {
    match text.parse() {
        Ok(IpAddr::V4(a)) => Ok(from_v4(u32::from(a))),
        Ok(IpAddr::V6(a)) => Ok(u128::from(a)),
        Err(_) => Err(PyValueError::new_err(format!("not an IP address: {text}"))),
    }
}
