//! What is told of one connection: all that the columns need, and nothing of what tracked it.

use super::cause::reason;
use super::closed::{Closed, closed};
use super::evidence::List;
use super::unseen::sure_state;
use crate::machine::State;
use crate::segment::Dir;
use crate::segment::FlowKey;
use crate::slugs::{Cause, ClientBy, Close, ClosedBy, Confidence, Evidence, Handshake, ResetForm};
use crate::track::conn::{Conn, reuse};
use crate::track::endpoint::Endpoint;

/// Counts of one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndRow {
    /// Segments, copies not counted.
    pub packets: u64,
    /// Payload bytes without retransmission.
    pub bytes: u64,
    /// FIN segments, repeats included.
    pub fins: u32,
    /// RST segments, repeats included.
    pub rsts: u32,
    /// Segments that repeat payload, SYN or FIN.
    pub retransmissions: u32,
    /// Bytes never captured.
    pub gap_bytes: u64,
    /// Discriminant of its [`State`].
    pub state: u8,
}

/// One connection, judged. Times are nanoseconds; a duration of -1 is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the file it began in.
    pub source: u32,
    /// Frame of its first segment.
    pub first_frame: u64,
    /// Frame of its last segment (of either end).
    pub last_frame: u64,
    /// First segment.
    pub first_ts: i64,
    /// Last segment.
    pub last_ts: i64,
    /// Ends and scope.
    pub key: FlowKey,
    /// The client's segments go this way.
    pub client: Dir,
    /// How that was told.
    pub client_by: ClientBy,
    /// How much of the handshake was captured.
    pub handshake: Handshake,
    /// How it closed.
    pub close: Close,
    /// Who closed it.
    pub closed_by: ClosedBy,
    /// Both FINs acked, or a RST took effect.
    pub finished: bool,
    /// Why.
    pub cause: Cause,
    /// How sure.
    pub confidence: Confidence,
    /// Evidence for.
    pub supports: List,
    /// Evidence against.
    pub against: List,
    /// Bits by [`crate::slugs::Note`].
    pub notes: u64,
    /// The client's counts.
    pub client_end: EndRow,
    /// The server's counts.
    pub server_end: EndRow,
    /// Whose RST took effect.
    pub reset_by: ClosedBy,
    /// Its form.
    pub reset_form: Option<ResetForm>,
    /// The frame it answers; 0 if none.
    pub reset_trigger: u64,
    /// Time of the RST that took effect; 0 if none.
    pub reset_ts: i64,
    /// Frame whose FIN or RST took effect first; 0 if none.
    pub close_frame: u64,
    /// Wireshark's number.
    pub completeness: u8,
    /// Zeek's conn_state.
    pub zeek_state: &'static str,
    /// Zeek's history.
    pub zeek_history: String,
    /// SYN to the ACK of the SYN-ACK.
    pub handshake_rtt: i64,
    /// Last payload to the first FIN or RST that counts.
    pub idle_before_close: i64,
    /// First FIN or RST that counts to the segment that finished the connection.
    pub close_duration: i64,
    /// First FIN to the other side's FIN or RST.
    pub peer_reaction: i64,
    /// First payload after the close by the side that did not close, since the FIN.
    pub reuse_delay: i64,
}

impl Row {
    /// Judges `conn`. `now` is when the capture ends (or the latest time seen).
    #[must_use]
    pub fn new(conn: &Conn, now: i64) -> Row {
        let closed = closed(conn);
        let reason = reason(conn, &closed, now);
        let c = conn.closing.as_deref();
        let client = conn.client;
        let word = |d: Dir| {
            if d == client {
                ClosedBy::Client
            } else {
                ClosedBy::Server
            }
        };
        let end = |d: Dir| end_row(conn, d as usize, &closed);
        let reset = c.and_then(|c| c.reset).filter(|_| !closed.over_before);
        let (zeek_state, zeek_history) = conn.zeek.finish();
        let first_fin = closed.by.and_then(|d| c.and_then(|c| c.fin[d as usize]));
        let reaction = closed.by.zip(first_fin).and_then(|(d, fin)| {
            let other_fin = c.and_then(|c| c.fin[d.flip() as usize]).map(|f| f.ts);
            let other_rst = reset.filter(|r| r.by != d).map(|r| r.ts);
            other_fin
                .or(other_rst)
                .map(|t| t.saturating_sub(fin.ts).max(0))
        });
        let idle = first_fin
            .map(|f| f.idle)
            .or(reset.map(|r| r.idle))
            .or_else(|| {
                let both = c.map(|c| c.fin)?;
                both.iter().flatten().map(|f| f.idle).min()
            });
        let late = closed.by.zip(first_fin).and_then(|(d, fin)| {
            c.and_then(|c| c.late[d.flip() as usize])
                .map(|l| l.ts.saturating_sub(fin.ts).max(0))
        });
        let finished_ts = c.and_then(|c| c.finished).map(|f| f.0);
        Row {
            source: conn.source,
            first_frame: conn.first_frame,
            last_frame: conn.ends.iter().map(|e| e.last_frame).max().unwrap_or(0),
            first_ts: conn.first_ts,
            last_ts: conn.last_ts,
            key: conn.key,
            client,
            client_by: conn.client_by,
            handshake: conn.handshake(),
            close: closed.close,
            closed_by: closed.closed_by,
            finished: closed.finished,
            cause: reason.cause,
            confidence: reason.confidence,
            supports: reason.supports,
            against: reason.against,
            notes: notes(conn, &closed),
            client_end: end(client),
            server_end: end(client.flip()),
            reset_by: reset.map_or(ClosedBy::None, |r| word(r.by)),
            reset_form: reset.map(|r| r.form),
            reset_trigger: reset.map_or(0, |r| r.trigger),
            reset_ts: reset.map_or(0, |r| r.ts),
            close_frame: closed.frame,
            completeness: conn.completeness.value(),
            zeek_state,
            zeek_history,
            handshake_rtt: conn.handshake_ns,
            idle_before_close: idle.unwrap_or(-1),
            close_duration: match finished_ts {
                Some(t) if closed.frame != 0 => t.saturating_sub(closed.ts).max(0),
                _ => -1,
            },
            peer_reaction: reaction.unwrap_or(-1),
            reuse_delay: late.unwrap_or(-1),
        }
    }

    /// Address and port of the server, as numbers.
    #[must_use]
    pub fn server(&self) -> (u128, u16) {
        match self.client {
            Dir::Up => (self.key.high_ip, self.key.high_port),
            Dir::Down => (self.key.low_ip, self.key.low_port),
        }
    }

    /// Address and port of the client, as numbers.
    #[must_use]
    pub fn client_addr(&self) -> (u128, u16) {
        match self.client {
            Dir::Up => (self.key.low_ip, self.key.low_port),
            Dir::Down => (self.key.high_ip, self.key.high_port),
        }
    }

    /// True if the note is set.
    #[must_use]
    pub fn noted(&self, note: crate::slugs::Note) -> bool {
        self.notes & (1 << note as u8) != 0
    }

    /// The number of a supporting fact.
    #[must_use]
    pub fn fact(&self, evidence: Evidence) -> Option<i64> {
        self.supports
            .0
            .iter()
            .find(|(e, _)| *e == evidence)
            .and_then(|(_, v)| *v)
    }

    /// The state of an end.
    #[must_use]
    pub fn state(end: &EndRow) -> State {
        State::ALL
            .get(usize::from(end.state))
            .copied()
            .unwrap_or(State::Closed)
    }
}

fn end_row(conn: &Conn, i: usize, closed: &Closed) -> EndRow {
    let e: &Endpoint = &conn.ends[i];
    let c = conn.closing.as_deref();
    EndRow {
        packets: u64::from(e.packets),
        bytes: e.bytes,
        fins: c.map_or(0, |c| c.fins[i]),
        rsts: c.map_or(0, |c| c.rsts[i]),
        retransmissions: e.retransmissions,
        gap_bytes: e.missing(),
        state: sure_state(conn, i, closed) as u8,
    }
}

/// The notes that only the end of the story shows.
fn notes(conn: &Conn, closed: &Closed) -> u64 {
    use crate::slugs::Note;
    use crate::track::endpoint::seen;
    let mut notes = conn.notes;
    let mut set = |holds: bool, note: Note| notes |= u64::from(holds) << note as u8;
    let c = conn.closing.as_deref();
    let both_fins = c.is_some_and(|c| c.fin.iter().all(Option::is_some) && c.reset.is_none());
    set(both_fins && !closed.finished, Note::FinalAckMissing);
    let spoke = conn.ends.iter().filter(|e| e.packets > 0).count();
    let one_way = spoke == 1
        && conn
            .ends
            .iter()
            .any(|e| e.packets > 1 && e.has(seen::SPOKE) && e.has(seen::ACK));
    set(one_way, Note::OneDirection);
    set(closed.closer_unseen, Note::CloserUnseen);
    set(conn.ends.iter().any(|e| e.missing() > 0), Note::CaptureGap);
    set(
        conn.reuse & reuse::IN_TIME_WAIT != 0 && conn.answered(),
        Note::TimeWaitReuse,
    );
    let tls = notes & (1 << Note::Tls as u8) != 0;
    let mut set = |holds: bool, note: Note| notes |= u64::from(holds) << note as u8;
    if let (true, Some(c)) = (tls, c) {
        let silent = |i: usize| {
            let e = &conn.ends[i];
            c.fin[i].is_some()
                && e.bytes > 0
                && !e.has(seen::TLS_ALERT)
                && !e.has(seen::TAIL_UNSEEN)
        };
        set(silent(0) || silent(1), Note::TlsNoCloseNotify);
    }
    let reset = c.and_then(|c| c.reset);
    let last_data = reset.map_or(conn.last_data, |r| r.last_data);
    let over = c.is_some() || conn.ends.iter().any(|e| e.streak > 0);
    // whoever has shut down its direction cannot answer what comes later, and nobody minded here; an answer of an end
    // that was not captured is not missed
    let told = reset.is_none() && c.is_some_and(|c| c.late[conn.client as usize].is_some());
    set(
        over && !told && !one_way && last_data == Some(conn.client),
        Note::UnansweredRequest,
    );
    if let Some(reset) = reset {
        set(reset.peer_unacked > 0, Note::PeerStillSending);
    }
    notes
}
