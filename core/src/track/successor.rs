//! A tuple that is, or may be, used again: which connection a SYN belongs to (RFC 9293 section 3.6.1, RFC 5961 section 4).

use super::conn::reuse;
use super::endpoint::seen;
use super::{LINGER, Sink, Tracker, flow_hash};
use crate::segment::{Segment, flag};
use crate::slugs::Note;

/// SYNs kept of an attempt to reopen a living connection; later repeats add nothing.
const MAX_RIVALS: usize = 8;

/// Where a segment goes.
pub(super) enum Turn {
    /// To this connection.
    Goes(u32),
    /// It is kept until the next segments show what it was.
    Waits,
}

/// What came before a connection on its tuple.
#[derive(Clone, Copy)]
pub(super) enum Before {
    /// Nothing that is remembered.
    Nothing,
    /// A connection that was not finished.
    Unfinished,
    /// A connection that was finished so many nanoseconds before.
    Finished(i64),
}

impl Tracker {
    /// Which connection `seg` belongs to when the one in the table may not be it: the tuple is, or
    /// may be, used again.
    pub(super) fn successor(
        &mut self,
        index: u32,
        seg: &Segment,
        hash: u64,
        source: u32,
        sink: &mut impl Sink,
    ) -> Turn {
        let conn = &mut self.conns[index as usize];
        if conn.finished() && seg.ts.saturating_sub(conn.last_ts) > LINGER {
            return Turn::Goes(self.replace(index, seg, hash, source, sink));
        }
        if seg.flags & (flag::SYN | flag::RST) != flag::SYN {
            return Turn::Goes(index);
        }
        if seg.flags & flag::ACK != 0 {
            let rival = conn.challenger.as_ref().and_then(|c| c.first());
            if !rival.is_some_and(|syn| syn.dir != seg.dir && seg.ack == syn.seq + 1) {
                return Turn::Goes(index);
            }
            conn.reuse |= reuse::REPLACED;
            let syns = conn.challenger.take().unwrap_or_default();
            let called = flow_hash(&self.hasher, &syns[0].key);
            let index = self.replace(index, &syns[0], called, source, sink);
            for syn in syns.iter() {
                self.conns[index as usize].segment(syn);
            }
            if !self.conns[index as usize].owns(&seg.key) {
                self.adopt(index, seg, hash);
            }
            return Turn::Goes(index);
        }
        let end = &conn.ends[seg.dir as usize];
        let same_isn = if end.has(seen::SYN) {
            end.isn == seg.seq
        } else {
            !end.has(seen::SEQ)
        };
        if same_isn {
            return Turn::Goes(index);
        }
        let peer_spoke = conn.ends[seg.dir.flip() as usize].packets > 0;
        if conn.finished() || !peer_spoke {
            return Turn::Goes(self.replace(index, seg, hash, source, sink));
        }
        // RFC 5961 section 4: a SYN in a living connection is only answered. What it was shows later.
        conn.note(Note::SynInConnection);
        conn.calm = false;
        let rivals = conn.challenger.get_or_insert_default();
        if rivals.len() < MAX_RIVALS {
            rivals.push(*seg);
        }
        Turn::Waits
    }

    fn replace(
        &mut self,
        index: u32,
        seg: &Segment,
        hash: u64,
        source: u32,
        sink: &mut impl Sink,
    ) -> u32 {
        let closing = self.conns[index as usize].closing.as_ref();
        let before = match closing.and_then(|c| c.finished) {
            Some((ts, _)) => Before::Finished(seg.ts.saturating_sub(ts).max(0)),
            None => Before::Unfinished,
        };
        self.end(index, sink);
        self.begin(seg, hash, source, before, sink)
    }
}
