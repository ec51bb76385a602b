//! A row as bytes and back, for rows that wait until all are known. The format lives as long as the process.

use crate::machine::State;
use crate::segment::{Dir, FlowKey, from_v4};
use crate::slugs::{Cause, ClientBy, Close, ClosedBy, Confidence, Evidence, Handshake, ResetForm};
use crate::verdict::List;
use crate::verdict::row::{EndRow, Row};
use crate::zeek;

/// Appends `row`, its length first.
pub fn put(row: &Row, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; 4]);
    let mut w = Writer(out);
    w.u64s(&[
        u64::from(row.source),
        row.first_frame,
        row.last_frame,
        row.reset_trigger,
        row.close_frame,
        row.notes,
    ]);
    w.i64s(&[
        row.first_ts,
        row.last_ts,
        row.reset_ts,
        row.handshake_rtt,
        row.idle_before_close,
    ]);
    w.i64s(&[row.close_duration, row.peer_reaction, row.reuse_delay]);
    let (low, high) = (row.key.low_ip, row.key.high_ip);
    let v4 = is_v4(low) && is_v4(high);
    w.0.extend([
        row.client as u8,
        row.client_by as u8,
        row.handshake as u8,
        row.close as u8,
        row.closed_by as u8,
        u8::from(row.finished),
        row.cause as u8,
        row.confidence as u8,
        row.reset_by as u8,
        row.reset_form.map_or(u8::MAX, |f| f as u8),
        row.completeness,
        zeek::STATES
            .iter()
            .position(|s| *s == row.zeek_state)
            .unwrap_or(0) as u8,
        u8::from(v4),
    ]);
    if v4 {
        w.0.extend((low as u32).to_le_bytes());
        w.0.extend((high as u32).to_le_bytes());
    } else {
        w.0.extend(low.to_le_bytes());
        w.0.extend(high.to_le_bytes());
    }
    w.u64s(&[u64::from(row.key.low_port) << 48
        | u64::from(row.key.high_port) << 32
        | u64::from(row.key.scope)]);
    for e in [&row.client_end, &row.server_end] {
        w.u64s(&[
            e.packets,
            e.bytes,
            e.gap_bytes,
            u64::from(e.fins) << 32 | u64::from(e.rsts),
        ]);
        w.u64s(&[u64::from(e.retransmissions) << 32 | u64::from(e.state)]);
    }
    w.0.extend((row.zeek_history.len() as u32).to_le_bytes());
    w.0.extend(row.zeek_history.as_bytes());
    for list in [&row.supports, &row.against] {
        w.0.push(list.0.len() as u8);
        for (e, v) in &list.0 {
            w.0.extend([*e as u8, u8::from(v.is_some())]);
            w.0.extend(v.unwrap_or(0).to_le_bytes());
        }
    }
    let len = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// True if this is the mapped form of an IPv4 address.
fn is_v4(ip: u128) -> bool {
    ip == from_v4(ip as u32)
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn u64s(&mut self, values: &[u64]) {
        for v in values {
            self.0.extend(v.to_le_bytes());
        }
    }

    fn i64s(&mut self, values: &[i64]) {
        for v in values {
            self.0.extend(v.to_le_bytes());
        }
    }
}

/// The bytes of the first of the rows that [`put`] has written.
pub fn first(bytes: &[u8]) -> &[u8] {
    let len = bytes
        .first_chunk()
        .map_or(0, |b| u32::from_le_bytes(*b) as usize);
    &bytes[..len.min(bytes.len())]
}

/// The row at the front of `bytes` and its length there; `None` if it is not all there.
pub fn get(bytes: &[u8]) -> Option<(Row, usize)> {
    let len = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let mut r = Reader(bytes.get(4..len)?);
    let (source, first_frame, last_frame) = (r.u64()? as u32, r.u64()?, r.u64()?);
    let (reset_trigger, close_frame, notes) = (r.u64()?, r.u64()?, r.u64()?);
    let (first_ts, last_ts, reset_ts, handshake_rtt, idle_before_close) =
        (r.i64()?, r.i64()?, r.i64()?, r.i64()?, r.i64()?);
    let (close_duration, peer_reaction, reuse_delay) = (r.i64()?, r.i64()?, r.i64()?);
    let b: [u8; 13] = r.take()?;
    let (low_ip, high_ip) = if b[12] != 0 {
        let mut ip = || Some(from_v4(u32::from_le_bytes(r.take()?)));
        (ip()?, ip()?)
    } else {
        let mut ip = || Some(u128::from_le_bytes(r.take()?));
        (ip()?, ip()?)
    };
    let rest = r.u64()?;
    let key = FlowKey {
        low_ip,
        high_ip,
        low_port: (rest >> 48) as u16,
        high_port: (rest >> 32) as u16,
        scope: rest as u32,
    };
    let row = Row {
        source,
        first_frame,
        last_frame,
        first_ts,
        last_ts,
        key,
        client: if b[0] == 0 { Dir::Up } else { Dir::Down },
        client_by: ClientBy::from_index(b[1])?,
        handshake: Handshake::from_index(b[2])?,
        close: Close::from_index(b[3])?,
        closed_by: ClosedBy::from_index(b[4])?,
        finished: b[5] != 0,
        cause: Cause::from_index(b[6])?,
        confidence: Confidence::from_index(b[7])?,
        reset_by: ClosedBy::from_index(b[8])?,
        reset_form: ResetForm::from_index(b[9]),
        completeness: b[10],
        zeek_state: zeek::STATES.get(usize::from(b[11])).copied()?,
        notes,
        reset_trigger,
        reset_ts,
        close_frame,
        handshake_rtt,
        idle_before_close,
        close_duration,
        peer_reaction,
        reuse_delay,
        client_end: r.end()?,
        server_end: r.end()?,
        zeek_history: r.text()?,
        supports: r.list()?,
        against: r.list()?,
    };
    Some((row, len))
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn end(&mut self) -> Option<EndRow> {
        let (packets, bytes, gap_bytes, both, last) = (
            self.u64()?,
            self.u64()?,
            self.u64()?,
            self.u64()?,
            self.u64()?,
        );
        let state = last as u8;
        State::ALL.get(usize::from(state))?;
        Some(EndRow {
            packets,
            bytes,
            fins: (both >> 32) as u32,
            rsts: both as u32,
            retransmissions: (last >> 32) as u32,
            gap_bytes,
            state,
        })
    }

    fn text(&mut self) -> Option<String> {
        let len = u32::from_le_bytes(self.take()?) as usize;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(head.to_vec()).ok()
    }

    fn list(&mut self) -> Option<List> {
        let [n] = self.take()?;
        let mut list = List(Vec::with_capacity(usize::from(n)));
        for _ in 0..n {
            let [e, some] = self.take()?;
            let v = self.i64()?;
            list.0
                .push((Evidence::from_index(e)?, (some != 0).then_some(v)));
        }
        Some(list)
    }
}
