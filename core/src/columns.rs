//! Rows as Arrow columns: the contract of `docs/columns.md`.

use crate::decode::ScopeNames;
use crate::machine::State;
use crate::segment::to_ip;
use crate::slugs::{Cause, ClientBy, Close, ClosedBy, Confidence, Handshake, Note, ResetForm};
use crate::verdict::row::{EndRow, Row};
use crate::zeek;
use arrow_array::builder::{
    BooleanBuilder, Float64Builder, ListBuilder, PrimitiveBuilder, StringBuilder,
    TimestampNanosecondBuilder,
};
use arrow_array::types::{Int8Type, Int32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, DictionaryArray, Int8Array, Int32Array, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

/// Rows in one record batch: big enough to amortise, small enough to stay in the second-level cache.
pub const BATCH_ROWS: usize = 16_384;

fn word() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
}

fn words() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
}

/// Names and types of the columns, in order.
#[must_use]
pub fn schema() -> SchemaRef {
    let time = || DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let columns: Vec<(&str, DataType, bool)> = vec![
        ("conn", DataType::UInt64, false),
        ("source", text(), false),
        ("first_ts", time(), false),
        ("last_ts", time(), false),
        ("client_ip", DataType::Utf8, false),
        ("client_port", DataType::UInt16, false),
        ("server_ip", DataType::Utf8, false),
        ("server_port", DataType::UInt16, false),
        ("client_by", word(), false),
        ("scope", DataType::Utf8, true),
        ("handshake", word(), false),
        ("close", word(), false),
        ("closed_by", word(), false),
        ("finished", DataType::Boolean, false),
        ("cause", word(), false),
        ("confidence", word(), false),
        ("evidence_for", words(), false),
        ("evidence_against", words(), false),
        ("notes", words(), false),
        ("client_state", word(), false),
        ("server_state", word(), false),
        ("client_packets", DataType::UInt64, false),
        ("server_packets", DataType::UInt64, false),
        ("client_bytes", DataType::UInt64, false),
        ("server_bytes", DataType::UInt64, false),
        ("reset_by", word(), false),
        ("reset_form", word(), true),
        ("reset_trigger", DataType::UInt64, true),
        ("close_frame", DataType::UInt64, true),
        ("client_fins", DataType::UInt32, false),
        ("server_fins", DataType::UInt32, false),
        ("client_rsts", DataType::UInt32, false),
        ("server_rsts", DataType::UInt32, false),
        ("client_retransmissions", DataType::UInt32, false),
        ("server_retransmissions", DataType::UInt32, false),
        ("client_gap_bytes", DataType::UInt64, false),
        ("server_gap_bytes", DataType::UInt64, false),
        ("completeness", DataType::UInt8, false),
        ("zeek_state", word(), false),
        ("zeek_history", DataType::Utf8, false),
        ("duration", DataType::Float64, false),
        ("handshake_rtt", DataType::Float64, true),
        ("idle_before_close", DataType::Float64, true),
        ("close_duration", DataType::Float64, true),
        ("peer_reaction", DataType::Float64, true),
        ("first_frame", DataType::UInt64, false),
        ("last_frame", DataType::UInt64, false),
    ];
    Arc::new(Schema::new(
        columns
            .into_iter()
            .map(|(n, t, null)| Field::new(n, t, null))
            .collect::<Vec<_>>(),
    ))
}

/// A column of words: keys into a list that is the same in every batch.
struct Words {
    /// -1 is none.
    keys: Vec<i8>,
    values: Arc<StringArray>,
}

impl Words {
    fn new<'a>(values: impl Iterator<Item = &'a str>) -> Words {
        Words {
            keys: Vec::new(),
            values: Arc::new(values.map(Some).collect()),
        }
    }

    fn put(&mut self, key: u8) {
        self.keys.push(i8::try_from(key).unwrap_or(-1));
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        let some = self.keys.contains(&-1).then(|| {
            let is_some: Vec<bool> = self.keys.iter().map(|k| *k >= 0).collect();
            NullBuffer::from(is_some)
        });
        let keys = Int8Array::new(self.keys.into(), some);
        let array = DictionaryArray::<Int8Type>::try_new(keys, self.values)?;
        Ok(Arc::new(array))
    }
}

macro_rules! words_of {
    ($t:ty) => {
        Words::new(<$t>::ALL.iter().map(|x| x.slug()))
    };
}

/// Both ends' columns of one type.
struct Pair<T: arrow_array::ArrowPrimitiveType>([PrimitiveBuilder<T>; 2]);

impl<T: arrow_array::ArrowPrimitiveType> Pair<T> {
    fn new() -> Pair<T> {
        Pair([
            PrimitiveBuilder::with_capacity(BATCH_ROWS),
            PrimitiveBuilder::with_capacity(BATCH_ROWS),
        ])
    }

    fn put(&mut self, row: &Row, get: impl Fn(&EndRow) -> T::Native) {
        self.0[0].append_value(get(&row.client_end));
        self.0[1].append_value(get(&row.server_end));
    }

    fn push(self, out: &mut Vec<ArrayRef>) {
        for mut b in self.0 {
            out.push(Arc::new(b.finish()));
        }
    }
}

/// Turns `rows`, the first of which is connection number `first_conn`, into a record batch.
///
/// # Errors
/// Only if columns and schema disagree, which is a bug.
pub fn batch(
    rows: &[Row],
    first_conn: u64,
    sources: &[String],
    scopes: &ScopeNames,
) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(48);
    who(rows, first_conn, sources, scopes, &mut columns)?;
    how(rows, &mut columns)?;
    counts(rows, &mut columns)?;
    times(rows, &mut columns);
    RecordBatch::try_new(schema(), columns)
}

fn who(
    rows: &[Row],
    first_conn: u64,
    sources: &[String],
    scopes: &ScopeNames,
    out: &mut Vec<ArrayRef>,
) -> Result<(), ArrowError> {
    let n = rows.len();
    let mut conn = PrimitiveBuilder::<UInt64Type>::with_capacity(n);
    let mut source = Vec::with_capacity(n);
    let mut times =
        [(); 2].map(|()| TimestampNanosecondBuilder::with_capacity(n).with_timezone("UTC"));
    let mut ips = [(); 2].map(|()| StringBuilder::with_capacity(n, n * 15));
    let mut ports = [(); 2].map(|()| PrimitiveBuilder::<UInt16Type>::with_capacity(n));
    let mut by = words_of!(ClientBy);
    let mut scope = StringBuilder::new();
    let mut text = String::new();
    for (row, number) in rows.iter().zip(first_conn..) {
        conn.append_value(number);
        source.push(row.source as i32);
        times[0].append_value(row.first_ts);
        times[1].append_value(row.last_ts);
        for (i, (ip, port)) in [row.client_addr(), row.server()].into_iter().enumerate() {
            text.clear();
            put_ip(ip, &mut text);
            ips[i].append_value(&text);
            ports[i].append_value(port);
        }
        by.put(row.client_by as u8);
        scope.append_option(if row.key.scope == 0 {
            None
        } else {
            scopes.name(row.key.scope)
        });
    }
    let names = Arc::new(
        sources
            .iter()
            .map(|s| Some(s.as_str()))
            .collect::<StringArray>(),
    );
    let [first, last] = &mut times;
    let [client_ip, server_ip] = &mut ips;
    let [client_port, server_port] = &mut ports;
    out.push(Arc::new(conn.finish()));
    out.push(Arc::new(DictionaryArray::<Int32Type>::try_new(
        Int32Array::from(source),
        names,
    )?));
    out.push(Arc::new(first.finish()));
    out.push(Arc::new(last.finish()));
    out.push(Arc::new(client_ip.finish()));
    out.push(Arc::new(client_port.finish()));
    out.push(Arc::new(server_ip.finish()));
    out.push(Arc::new(server_port.finish()));
    out.push(by.finish()?);
    out.push(Arc::new(scope.finish()));
    Ok(())
}

/// Writes an address. IPv4 digit by digit: two addresses a row took a fifth of making the columns.
fn put_ip(ip: u128, text: &mut String) {
    let IpAddr::V4(v4) = to_ip(ip) else {
        // a String takes everything
        let _ = write!(text, "{}", to_ip(ip));
        return;
    };
    for (i, octet) in v4.octets().into_iter().enumerate() {
        if i > 0 {
            text.push('.');
        }
        for (unit, at_least) in [(100, 100), (10, 10), (1, 0)] {
            if octet >= at_least {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
}

fn how(rows: &[Row], out: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
    let mut single = [
        words_of!(Handshake),
        words_of!(Close),
        words_of!(ClosedBy),
        words_of!(Cause),
        words_of!(Confidence),
    ];
    let mut states = [(); 2].map(|()| Words::new(State::ALL.iter().map(|s| s.name())));
    let mut finished = BooleanBuilder::with_capacity(rows.len());
    let mut lists = [(); 3].map(|()| ListBuilder::new(StringBuilder::new()));
    for row in rows {
        let keys = [
            row.handshake as u8,
            row.close as u8,
            row.closed_by as u8,
            row.cause as u8,
            row.confidence as u8,
        ];
        for (column, key) in single.iter_mut().zip(keys) {
            column.put(key);
        }
        finished.append_value(row.finished);
        for (list, evidence) in lists.iter_mut().zip([&row.supports, &row.against]) {
            evidence.words().for_each(|w| list.values().append_value(w));
            list.append(true);
        }
        let mut notes = row.notes;
        while notes != 0 {
            let bit = notes.trailing_zeros();
            notes &= notes - 1;
            if let Some(note) = Note::from_index(bit as u8) {
                lists[2].values().append_value(note.slug());
            }
        }
        lists[2].append(true);
        states[0].put(row.client_end.state);
        states[1].put(row.server_end.state);
    }
    let [handshake, close, closed_by, cause, confidence] = single;
    for column in [handshake, close, closed_by] {
        out.push(column.finish()?);
    }
    out.push(Arc::new(finished.finish()));
    out.push(cause.finish()?);
    out.push(confidence.finish()?);
    for mut list in lists {
        out.push(Arc::new(list.finish()));
    }
    for state in states {
        out.push(state.finish()?);
    }
    Ok(())
}

fn counts(rows: &[Row], out: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
    let mut packets = Pair::<UInt64Type>::new();
    let mut bytes = Pair::<UInt64Type>::new();
    let mut gaps = Pair::<UInt64Type>::new();
    let mut fins = Pair::<UInt32Type>::new();
    let mut rsts = Pair::<UInt32Type>::new();
    let mut repeats = Pair::<UInt32Type>::new();
    let mut reset_by = words_of!(ClosedBy);
    let mut reset_form = words_of!(ResetForm);
    let mut frames = [(); 2].map(|()| PrimitiveBuilder::<UInt64Type>::with_capacity(rows.len()));
    let mut completeness = PrimitiveBuilder::<UInt8Type>::with_capacity(rows.len());
    let mut zeek_state = Words::new(zeek::STATES.into_iter());
    let mut history = StringBuilder::new();
    for row in rows {
        packets.put(row, |e| e.packets);
        bytes.put(row, |e| e.bytes);
        gaps.put(row, |e| e.gap_bytes);
        fins.put(row, |e| e.fins);
        rsts.put(row, |e| e.rsts);
        repeats.put(row, |e| e.retransmissions);
        reset_by.put(row.reset_by as u8);
        reset_form.put(row.reset_form.map_or(u8::MAX, |f| f as u8));
        frames[0].append_option((row.reset_trigger != 0).then_some(row.reset_trigger));
        frames[1].append_option((row.close_frame != 0).then_some(row.close_frame));
        completeness.append_value(row.completeness);
        zeek_state.put(
            zeek::STATES
                .iter()
                .position(|s| *s == row.zeek_state)
                .unwrap_or(0) as u8,
        );
        history.append_value(&row.zeek_history);
    }
    packets.push(out);
    bytes.push(out);
    out.push(reset_by.finish()?);
    out.push(reset_form.finish()?);
    for mut column in frames {
        out.push(Arc::new(column.finish()));
    }
    fins.push(out);
    rsts.push(out);
    repeats.push(out);
    gaps.push(out);
    out.push(Arc::new(completeness.finish()));
    out.push(zeek_state.finish()?);
    out.push(Arc::new(history.finish()));
    Ok(())
}

fn times(rows: &[Row], out: &mut Vec<ArrayRef>) {
    let durations: [fn(&Row) -> i64; 5] = [
        |r| r.last_ts.saturating_sub(r.first_ts).max(0),
        |r| r.handshake_rtt,
        |r| r.idle_before_close,
        |r| r.close_duration,
        |r| r.peer_reaction,
    ];
    for get in durations {
        let mut column = Float64Builder::with_capacity(rows.len());
        rows.iter()
            .for_each(|r| column.append_option(seconds(get(r))));
        out.push(Arc::new(column.finish()));
    }
    for get in [|r: &Row| r.first_frame, |r: &Row| r.last_frame] {
        let mut column = PrimitiveBuilder::<UInt64Type>::with_capacity(rows.len());
        rows.iter().for_each(|r| column.append_value(get(r)));
        out.push(Arc::new(column.finish()));
    }
}

/// Nanoseconds as seconds; `None` for an unknown duration.
#[must_use]
pub fn seconds(ns: i64) -> Option<f64> {
    (ns >= 0).then_some(ns as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn addresses_are_written_as_usual(v4: u32, v6: u128) {
            for ip in [crate::segment::from_v4(v4), v6] {
                let mut text = String::new();
                put_ip(ip, &mut text);
                prop_assert_eq!(text, to_ip(ip).to_string());
            }
        }
    }
}
