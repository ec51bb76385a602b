//! Rows as JSON, one object a line: the contract of `finwait analyze --format ndjson`.

use crate::columns::seconds;
use crate::decode::ScopeNames;
use crate::machine::State;
use crate::segment::to_ip;
use crate::slugs::Note;
use crate::verdict::List;
use crate::verdict::row::Row;
use chrono::{DateTime, SecondsFormat};
use std::io::{self, Write};

/// Writes one row.
///
/// # Errors
/// What the writer says.
pub fn write(
    out: &mut impl Write,
    row: &Row,
    conn: u64,
    sources: &[String],
    scopes: &ScopeNames,
) -> io::Result<()> {
    let source = sources.get(row.source as usize).map_or("", String::as_str);
    write!(out, "{{\"conn\":{conn},\"source\":")?;
    text(out, source)?;
    let ((client, client_port), (server, server_port)) = (row.client_addr(), row.server());
    write!(
        out,
        ",\"first_ts\":\"{}\",\"last_ts\":\"{}\",\"client_ip\":\"{}\",\"client_port\":{client_port},\
         \"server_ip\":\"{}\",\"server_port\":{server_port},\"client_by\":\"{}\",\"scope\":",
        rfc3339(row.first_ts),
        rfc3339(row.last_ts),
        to_ip(client),
        to_ip(server),
        row.client_by.slug(),
    )?;
    match (row.key.scope != 0)
        .then(|| scopes.name(row.key.scope))
        .flatten()
    {
        Some(scope) => text(out, &scope)?,
        None => out.write_all(b"null")?,
    }
    write!(
        out,
        ",\"handshake\":\"{}\",\"close\":\"{}\",\"closed_by\":\"{}\",\"finished\":{},\"cause\":\"{}\",\"confidence\":\"{}\"",
        row.handshake.slug(),
        row.close.slug(),
        row.closed_by.slug(),
        row.finished,
        row.cause.slug(),
        row.confidence.slug(),
    )?;
    list(out, "evidence_for", &row.supports)?;
    list(out, "evidence_against", &row.against)?;
    words(
        out,
        "notes",
        Note::ALL
            .iter()
            .filter(|n| row.noted(**n))
            .map(|n| n.slug()),
    )?;
    let (c, s) = (&row.client_end, &row.server_end);
    let state = |s: State| s.name();
    write!(
        out,
        ",\"client_state\":\"{}\",\"server_state\":\"{}\",\"client_packets\":{},\"server_packets\":{},\
         \"client_bytes\":{},\"server_bytes\":{},\"reset_by\":\"{}\"",
        state(Row::state(c)),
        state(Row::state(s)),
        c.packets,
        s.packets,
        c.bytes,
        s.bytes,
        row.reset_by.slug(),
    )?;
    match row.reset_form {
        Some(form) => write!(out, ",\"reset_form\":\"{}\"", form.slug())?,
        None => out.write_all(b",\"reset_form\":null")?,
    }
    frame(out, "reset_trigger", row.reset_trigger)?;
    frame(out, "close_frame", row.close_frame)?;
    write!(
        out,
        ",\"client_fins\":{},\"server_fins\":{},\"client_rsts\":{},\"server_rsts\":{},\"client_retransmissions\":{},\
         \"server_retransmissions\":{},\"client_gap_bytes\":{},\"server_gap_bytes\":{},\"completeness\":{},\
         \"zeek_state\":\"{}\",\"zeek_history\":",
        c.fins,
        s.fins,
        c.rsts,
        s.rsts,
        c.retransmissions,
        s.retransmissions,
        c.gap_bytes,
        s.gap_bytes,
        row.completeness,
        row.zeek_state,
    )?;
    text(out, &row.zeek_history)?;
    duration(
        out,
        "duration",
        row.last_ts.saturating_sub(row.first_ts).max(0),
    )?;
    duration(out, "handshake_rtt", row.handshake_rtt)?;
    duration(out, "idle_before_close", row.idle_before_close)?;
    duration(out, "close_duration", row.close_duration)?;
    duration(out, "peer_reaction", row.peer_reaction)?;
    writeln!(
        out,
        ",\"first_frame\":{},\"last_frame\":{}}}",
        row.first_frame, row.last_frame
    )
}

fn rfc3339(ts: i64) -> String {
    DateTime::from_timestamp_nanos(ts).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

fn frame(out: &mut impl Write, name: &str, number: u64) -> io::Result<()> {
    if number == 0 {
        write!(out, ",\"{name}\":null")
    } else {
        write!(out, ",\"{name}\":{number}")
    }
}

fn duration(out: &mut impl Write, name: &str, ns: i64) -> io::Result<()> {
    match seconds(ns) {
        Some(s) => write!(out, ",\"{name}\":{s}"),
        None => write!(out, ",\"{name}\":null"),
    }
}

fn list(out: &mut impl Write, name: &str, list: &List) -> io::Result<()> {
    write!(out, ",\"{name}\":[")?;
    for (i, word) in list.words().enumerate() {
        write!(out, "{}\"{word}\"", if i == 0 { "" } else { "," })?;
    }
    out.write_all(b"]")
}

fn words<'a>(
    out: &mut impl Write,
    name: &str,
    words: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    write!(out, ",\"{name}\":[")?;
    for (i, word) in words.enumerate() {
        write!(out, "{}\"{word}\"", if i == 0 { "" } else { "," })?;
    }
    out.write_all(b"]")
}

/// A JSON string (RFC 8259 section 7).
fn text(out: &mut impl Write, s: &str) -> io::Result<()> {
    out.write_all(b"\"")?;
    for c in s.chars() {
        match c {
            '"' => out.write_all(b"\\\"")?,
            '\\' => out.write_all(b"\\\\")?,
            c if u32::from(c) < 0x20 => write!(out, "\\u{:04x}", u32::from(c))?,
            c => write!(out, "{c}")?,
        }
    }
    out.write_all(b"\"")
}
