//! Rows and what repeats among them, as Python objects.

use super::{CHUNK, Report};
use crate::columns::seconds;
use crate::decode::ScopeNames;
use crate::ndjson;
use crate::segment::to_ip;
use crate::skip::{Skip, SkipCounts};
use crate::slugs::{ClosedBy, Note, ResetForm};
use crate::verdict::across::{Across, Group};
use crate::verdict::row::Row;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Judged rows with their numbers.
pub(super) type Numbered = Box<dyn Iterator<Item = (Row, u64)> + Send + Sync>;

/// The rows with these numbers, in the order asked for.
pub(super) fn chosen(report: &Report, conns: &[u64]) -> Vec<(Row, u64)> {
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
pub(super) struct Ndjson {
    rows: Mutex<Numbered>,
    report: Arc<Report>,
}

impl Ndjson {
    pub(super) fn new(rows: Numbered, report: &Arc<Report>) -> Ndjson {
        Ndjson {
            rows: Mutex::new(rows),
            report: Arc::clone(report),
        }
    }
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

/// Rows as dictionaries, in lists of `size`.
#[pyclass(frozen, module = "finwait._core")]
pub(super) struct Records {
    rows: Mutex<Numbered>,
    size: usize,
    report: Arc<Report>,
}

impl Records {
    pub(super) fn new(rows: Numbered, size: usize, report: &Arc<Report>) -> Records {
        Records {
            rows: Mutex::new(rows),
            size,
            report: Arc::clone(report),
        }
    }
}

#[pymethods]
impl Records {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyDict>>>> {
        let rows: Vec<_> = py.detach(|| {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.by_ref().take(self.size).collect()
        });
        let (sources, scopes) = (&self.report.sources, &self.report.scopes);
        let records: PyResult<Vec<_>> = rows
            .iter()
            .map(|(row, conn)| record(py, row, *conn, sources, scopes))
            .collect();
        Ok(Some(records?).filter(|r| !r.is_empty()))
    }
}

pub(super) fn skipped(counts: &SkipCounts) -> HashMap<&'static str, u64> {
    Skip::ALL
        .iter()
        .map(|s| (s.slug(), counts.get(*s)))
        .filter(|(_, n)| *n > 0)
        .collect()
}

pub(super) fn groups<'py>(py: Python<'py>, across: &Across) -> PyResult<Bound<'py, PyList>> {
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

pub(super) fn record<'py>(
    py: Python<'py>,
    row: &Row,
    conn: u64,
    sources: &[String],
    scopes: &ScopeNames,
) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    let ((client, client_port), (server, server_port)) = (row.client_addr(), row.server());
    let some = |n: u64| (n != 0).then_some(n);
    d.set_item(intern!(py, "conn"), conn)?;
    d.set_item(intern!(py, "source"), sources.get(row.source as usize))?;
    d.set_item(intern!(py, "first_ts"), row.first_ts)?;
    d.set_item(intern!(py, "last_ts"), row.last_ts)?;
    d.set_item(intern!(py, "client_ip"), to_ip(client).to_string())?;
    d.set_item(intern!(py, "client_port"), client_port)?;
    d.set_item(intern!(py, "server_ip"), to_ip(server).to_string())?;
    d.set_item(intern!(py, "server_port"), server_port)?;
    d.set_item(intern!(py, "client_by"), row.client_by.slug())?;
    d.set_item(
        intern!(py, "scope"),
        (row.key.scope != 0)
            .then(|| scopes.name(row.key.scope))
            .flatten(),
    )?;
    d.set_item(intern!(py, "handshake"), row.handshake.slug())?;
    d.set_item(intern!(py, "close"), row.close.slug())?;
    d.set_item(intern!(py, "closed_by"), row.closed_by.slug())?;
    d.set_item(intern!(py, "finished"), row.finished)?;
    d.set_item(intern!(py, "cause"), row.cause.slug())?;
    d.set_item(intern!(py, "confidence"), row.confidence.slug())?;
    d.set_item(
        intern!(py, "evidence_for"),
        row.supports.words().collect::<Vec<_>>(),
    )?;
    d.set_item(
        intern!(py, "evidence_against"),
        row.against.words().collect::<Vec<_>>(),
    )?;
    let notes: Vec<_> = Note::ALL
        .iter()
        .filter(|n| row.noted(**n))
        .map(|n| n.slug())
        .collect();
    d.set_item(intern!(py, "notes"), notes)?;
    let (c, s) = (&row.client_end, &row.server_end);
    d.set_item(intern!(py, "client_state"), Row::state(c).name())?;
    d.set_item(intern!(py, "server_state"), Row::state(s).name())?;
    d.set_item(intern!(py, "client_packets"), c.packets)?;
    d.set_item(intern!(py, "server_packets"), s.packets)?;
    d.set_item(intern!(py, "client_bytes"), c.bytes)?;
    d.set_item(intern!(py, "server_bytes"), s.bytes)?;
    d.set_item(intern!(py, "reset_by"), row.reset_by.slug())?;
    d.set_item(
        intern!(py, "reset_form"),
        row.reset_form.map(ResetForm::slug),
    )?;
    d.set_item(intern!(py, "reset_trigger"), some(row.reset_trigger))?;
    d.set_item(intern!(py, "close_frame"), some(row.close_frame))?;
    d.set_item(intern!(py, "client_fins"), c.fins)?;
    d.set_item(intern!(py, "server_fins"), s.fins)?;
    d.set_item(intern!(py, "client_rsts"), c.rsts)?;
    d.set_item(intern!(py, "server_rsts"), s.rsts)?;
    d.set_item(intern!(py, "client_retransmissions"), c.retransmissions)?;
    d.set_item(intern!(py, "server_retransmissions"), s.retransmissions)?;
    d.set_item(intern!(py, "client_gap_bytes"), c.gap_bytes)?;
    d.set_item(intern!(py, "server_gap_bytes"), s.gap_bytes)?;
    d.set_item(intern!(py, "completeness"), row.completeness)?;
    d.set_item(intern!(py, "zeek_state"), row.zeek_state)?;
    d.set_item(intern!(py, "zeek_history"), &row.zeek_history)?;
    d.set_item(
        intern!(py, "duration"),
        seconds(row.last_ts.saturating_sub(row.first_ts).max(0)),
    )?;
    d.set_item(intern!(py, "handshake_rtt"), seconds(row.handshake_rtt))?;
    d.set_item(
        intern!(py, "idle_before_close"),
        seconds(row.idle_before_close),
    )?;
    d.set_item(intern!(py, "close_duration"), seconds(row.close_duration))?;
    d.set_item(intern!(py, "peer_reaction"), seconds(row.peer_reaction))?;
    d.set_item(intern!(py, "first_frame"), row.first_frame)?;
    d.set_item(intern!(py, "last_frame"), row.last_frame)?;
    Ok(d)
}
