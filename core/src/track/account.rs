//! Sequence accounting: what is new, what is repeated, what is missing (RFC 9293 section 3.4).

use super::closing::Late;
use super::conn::{Conn, Outcome, pair, shake};
use super::endpoint::{Endpoint, scale, seen};
use crate::segment::{NO_WSCALE, Segment, flag, mark};
use crate::seq::Seq;
use crate::slugs::{Label, Note};

/// A sender that pauses this long had nothing left that waited for the window: nanoseconds, well
/// above a round trip and below a person's pause.
const PAUSE: i64 = 200_000_000;

/// A segment that comes later than this behind a later one was sent again, if no round trip is known: nanoseconds, as
/// Wireshark takes it (packet-tcp.c, tcp_analyze_sequence_number).
const REORDERED: i64 = 3_000_000;

impl Conn {
    /// Sequence accounting: what is new, what is repeated, what is missing.
    pub(super) fn account(&mut self, seg: &Segment, out: &mut Outcome) {
        let s = seg.dir as usize;
        let start = if seg.flags & flag::SYN != 0 {
            seg.seq + 1
        } else {
            seg.seq
        };
        let end = start + seg.payload;
        let (x, y) = pair(&mut self.ends, s);
        if !x.has(seen::SEQ) {
            x.seen |= seen::SEQ;
            x.snd_nxt = start;
        }
        let scaled = x.wscale != NO_WSCALE && y.wscale != NO_WSCALE;
        let ahead = start.since(x.snd_nxt);
        // far outside any window (RFC 7323 section 2.3: at most 2^30): a stray, or another connection's
        if !(-(1 << 30)..=(1 << 30)).contains(&ahead) {
            return;
        }
        let own_fin = self.fin_of(s);
        let bare = seg.flags & (flag::SYN | flag::FIN) == 0 && own_fin.is_none();
        // nothing can follow a FIN: a number above it is a stray's, and leaves no hole
        let stray = own_fin.is_some_and(|fin| start.after(fin + 1));
        let (x, y) = pair(&mut self.ends, s);
        // its octet may be one that was lost, and comes only now
        let lost = seg.payload == 1 && x.holes.as_ref().is_some_and(|h| h.reaches(x.snd_nxt));
        let below = bare && ahead == -1 && seg.payload <= 1 && !lost;
        if below && x.packets > 0 && self.shake != shake::SYN {
            // one below SND.NXT: RFC 9293 section 3.8.4 (keep-alive); with a zero window, a probe (3.8.6.1)
            let probe = y.has(seen::ZERO_WINDOW);
            out.label(if probe {
                Label::WindowProbe
            } else {
                Label::KeepAlive
            });
            self.notes |= 1
                << if probe {
                    Note::ZeroWindowProbe
                } else {
                    Note::KeepAlive
                } as u8;
            let x = &mut self.ends[s];
            if x.streak == 0 {
                x.seen |= seen::PROBING;
            }
            repeat(x, seg.ts);
            return;
        }
        if ahead > 0 && seg.payload == 0 && x.packets > 0 && !stray {
            // what lies between was sent before it and is not captured (yet)
            x.pass_over(start);
            out.label(Label::Gap);
        }
        if seg.payload > 0 {
            if y.has(seen::ZERO_WINDOW) && seg.payload == 1 && ahead == 0 {
                out.label(Label::WindowProbe);
                self.notes |= 1 << Note::ZeroWindowProbe as u8;
            }
            self.payload(seg, start, end, ahead, out);
        }
        self.window_and_ack(seg, scaled, out);
    }

    fn payload(&mut self, seg: &Segment, start: Seq, end: Seq, ahead: i32, out: &mut Outcome) {
        let s = seg.dir as usize;
        let own_fin = self.fin_of(s);
        if self.finished() {
            out.label(Label::AfterClose);
            self.notes |= 1 << Note::LateSegment as u8;
        }
        let quiet = self.quiet_before(seg);
        let answered = self.last_data == Some(seg.dir.flip());
        let (x, y) = pair(&mut self.ends, s);
        if ahead >= 0 && y.ack == x.snd_nxt {
            x.quiet_ms = quiet;
            x.seen &= !seen::ANSWERED;
            x.seen |= if answered { seen::ANSWERED } else { 0 };
            if seg.ts.saturating_sub(x.last_ts.max(y.last_ts)) >= PAUSE {
                x.seen &= !seen::HELD_UP;
            }
        }
        let mut fresh = 0;
        if ahead > 0 {
            x.pass_over(start);
            out.label(Label::Gap);
        }
        if ahead >= 0 {
            fresh = seg.payload;
        } else {
            let old_end = if end.after(x.snd_nxt) { x.snd_nxt } else { end };
            let filled = x.holes.as_mut().map_or(0, |h| h.fill(start, old_end));
            fresh += filled + end.since(x.snd_nxt).max(0).unsigned_abs();
            if filled > 0 {
                out.label(Label::OutOfOrder);
                self.notes |= 1 << Note::Reordering as u8;
            } else {
                out.label(Label::Retransmission);
                x.retransmissions += 1;
                let spurious = end.at_or_before(y.ack) && y.has(seen::ACK);
                let note = if spurious {
                    Note::SpuriousRetransmission
                } else {
                    Note::Retransmission
                };
                self.notes |= 1 << note as u8;
                if end.after(x.snd_nxt) {
                    self.notes |= 1 << Note::Overlap as u8;
                }
                repeat(x, seg.ts);
            }
        }
        if let Some(fin) = own_fin
            && end.after(fin)
        {
            out.label(Label::AfterFin);
            self.notes |= 1 << Note::DataAfterFin as u8;
        }
        if fresh == 0 {
            return;
        }
        x.bytes += u64::from(fresh);
        x.snd_nxt = x.snd_nxt.max(end);
        if !out.is(Label::OutOfOrder) {
            out.label(Label::Data);
        }
        if !out.is(Label::Retransmission) {
            x.last_data_ts = seg.ts;
            x.streak = 0;
        }
        self.last_data = Some(seg.dir);
        app_hints(x, &mut self.notes, seg);
        self.late_payload(seg, end, out);
    }

    /// Payload after the other end's FIN was captured.
    fn late_payload(&mut self, seg: &Segment, end: Seq, out: &mut Outcome) {
        let s = seg.dir as usize;
        let round_trip = if self.handshake_ns < 0 {
            REORDERED
        } else {
            self.handshake_ns
        };
        let Some(c) = &mut self.closing else { return };
        let Some(fin) = c.fin[s ^ 1] else { return };
        let fills = out.is(Label::OutOfOrder);
        // what comes behind its sender's own FIN was sent before that, at least for the first time
        if c.late[s].is_none() && !(fills && c.fin[s].is_some()) {
            c.late[s] = Some(Late {
                frame: seg.number,
                ts: seg.ts,
                ack: seg.ack,
                end,
            });
        }
        // captured after the FIN but sent before it: that FIN was not the first to ack the other. (What comes a round
        // trip later was lost, and is sent again with a newer ACK.)
        if let Some(own) = &mut c.fin[s]
            && own.number.after(seg.seq)
            && seg.ack.after(fin.number)
            && fills
            && seg.ts.saturating_sub(own.ts) < round_trip
            && let Some(f) = &mut c.fin[s ^ 1]
            && let Some(acked) = &mut f.acked
        {
            acked.by_fin = false;
            self.notes |= 1 << Note::FinOutOfOrder as u8;
        }
    }

    /// Milliseconds since the last payload of either end; 0 if there was none.
    pub(super) fn quiet_before(&self, seg: &Segment) -> u32 {
        u32::try_from(self.idle_at(seg).max(0) / 1_000_000).unwrap_or(u32::MAX)
    }

    fn window_and_ack(&mut self, seg: &Segment, scaled: bool, out: &mut Outcome) {
        let s = seg.dir as usize;
        let (x, y) = pair(&mut self.ends, s);
        if seg.flags & flag::SYN == 0 {
            if seg.window == 0 {
                x.seen |= seen::ZERO_WINDOW;
                y.seen |= seen::HELD_UP;
                out.label(Label::ZeroWindow);
                self.notes |= 1 << Note::ZeroWindow as u8;
            } else {
                x.seen &= !seen::ZERO_WINDOW;
            }
        }
        if seg.flags & flag::ACK == 0 {
            return;
        }
        let known = x.has(seen::ACK);
        if y.has(seen::SEQ)
            && y.packets > 0
            && seg.ack.after(y.snd_nxt)
            && (!known || seg.ack.after(x.ack))
        {
            let beyond = seg.ack.since(y.snd_nxt);
            if beyond < 1 << 30 {
                out.label(Label::AcksUnseen);
                y.pass_over(seg.ack);
            }
        }
        if !known || seg.ack.after(x.ack) {
            if known && seg.payload == 0 && seg.flags & (flag::SYN | flag::FIN) == 0 {
                out.label(Label::Ack);
            }
            x.seen |= seen::ACK;
            x.ack = seg.ack;
            (y.streak, y.vain) = (0, 0);
        } else if seg.payload == 0 && seg.flags & (flag::SYN | flag::FIN) == 0 && seg.ack == x.ack {
            let answers_probe = y.streak > 0 && y.has(seen::PROBING);
            let label = if answers_probe {
                Label::KeepAliveAck
            } else if scale(x.window, x.wscale, scaled) != scale(seg.window, x.wscale, scaled) {
                Label::WindowUpdate
            } else {
                Label::DuplicateAck
            };
            out.label(label);
        }
        // who only repeats itself is alive but does not say that it heard anything
        if seg.ack.at_or_after(x.ack) && !out.is(Label::Retransmission) {
            if !y.has(seen::PROBING) {
                y.vain = y.vain.max(y.streak);
            }
            y.streak = 0;
            y.seen &= !seen::PROBING;
        }
    }
}

/// Counts a repeat of something sent before.
pub(super) fn repeat(x: &mut Endpoint, ts: i64) {
    let since = if x.streak == 0 {
        x.last_data_ts.max(x.last_ts.min(ts))
    } else {
        x.last_ts
    };
    let gap = u32::try_from(ts.saturating_sub(since) / 1_000_000).unwrap_or(if ts < since {
        0
    } else {
        u32::MAX
    });
    if x.streak == 0 {
        x.first_gap_ms = gap;
    }
    x.last_gap_ms = gap;
    x.streak = x.streak.saturating_add(1);
}

/// What the first bytes and the tail of the payload look like.
#[inline]
pub(super) fn app_hints(x: &mut Endpoint, notes: &mut u64, seg: &Segment) {
    const ANY: u16 =
        mark::TLS_HANDSHAKE | mark::TLS_ALERT_TAIL | mark::HTTP_REQUEST | mark::HTTP_RESPONSE;
    if seg.marks & (ANY | mark::TAIL_SEEN) == 0 {
        x.seen = x.seen & !seen::TLS_ALERT | seen::TAIL_UNSEEN;
        return;
    }
    x.seen &= !(seen::TLS_ALERT | seen::TAIL_UNSEEN);
    if seg.marked(mark::TLS_ALERT_TAIL) {
        x.seen |= seen::TLS_ALERT;
    }
    if seg.marks & mark::TAIL_SEEN == 0 {
        x.seen |= seen::TAIL_UNSEEN;
    }
    if seg.marked(mark::TLS_HANDSHAKE) {
        x.seen |= seen::TLS;
        *notes |= 1 << Note::Tls as u8;
    }
    if seg.marked(mark::HTTP_REQUEST | mark::HTTP_RESPONSE) {
        *notes |= 1 << Note::Http as u8;
    }
}
