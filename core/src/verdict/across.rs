//! What many connections show together: the constant idle gap of D1 and D5, resets at the same
//! moment (D4), and one server's habit (D3).

use super::row::Row;
use crate::slugs::{Cause, Close, ClosedBy, Confidence, Evidence, Note, ResetForm};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Servers told apart; what comes after that is counted in no group. Bounds the memory under a scan.
const MAX_SERVERS: usize = 65_536;
/// Samples kept of one server's idle gaps and reset times.
const MAX_SAMPLES: usize = 1_024;
/// "The same moment" for resets, nanoseconds: a process that dies resets its sockets in one go.
const MOMENT: i64 = 100_000_000;
/// Connections that make a habit.
const HABIT: u64 = 5;
/// Idle gaps this close together are one constant (measured timeouts scatter within 1 s): nanoseconds.
const GAP_WIDTH: i64 = 1_000_000_000;
/// A gap shorter than this is no idle timeout.
const GAP_LEAST: i64 = 200_000_000;

/// What is known of one server (address and port).
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Connections to it.
    pub total: u64,
    /// Connections in which it sent payload.
    pub spoke: u64,
    /// Handshakes it completed.
    pub answered: u64,
    /// SYNs it refused, and the time of the last.
    pub refused: u64,
    last_refused: i64,
    /// Connections that it ended by an OWNER RST without a FIN of its own, and those that its clients did.
    pub owner_resets: [u64; 2],
    /// Idle gaps before its FIN, nanoseconds.
    gaps: Vec<i64>,
    /// The most frequent of them, once settled: every row asks for it.
    constant_gap: Option<(i64, u64)>,
    /// Payload that came after its idle close: count, and the longest delay after the FIN.
    pub reused: u64,
    reuse_delay: i64,
    /// Times of its OWNER RSTs, nanoseconds.
    resets: Vec<i64>,
}

/// A finding across connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// `idle-close`, `reset-habit`, `reset-burst` or `refused`.
    pub kind: &'static str,
    /// Address of the server.
    pub server_ip: u128,
    /// Its port.
    pub server_port: u16,
    /// Connections that show it.
    pub matched: u64,
    /// Connections of this server.
    pub total: u64,
    /// The idle gap, nanoseconds.
    pub gap: Option<i64>,
    /// Connections reused after the close, and the longest delay after the FIN, nanoseconds.
    pub reused: Option<(u64, i64)>,
    /// When (a burst), nanoseconds.
    pub at: Option<i64>,
    /// Who resets (a habit).
    pub by: Option<ClosedBy>,
}

/// Statistics over all rows.
#[derive(Clone, Debug, Default)]
pub struct Across {
    servers: HashMap<(u128, u16), Server, RandomState>,
}

impl Across {
    /// Takes one row.
    pub fn add(&mut self, row: &Row) {
        let key = row.server();
        if !self.servers.contains_key(&key) && self.servers.len() >= MAX_SERVERS {
            return;
        }
        let s = self.servers.entry(key).or_default();
        s.total += 1;
        s.spoke += u64::from(row.server_end.bytes > 0);
        s.answered += u64::from(row.noted_handshake());
        if row.close == Close::Refused {
            s.refused += 1;
            s.last_refused = s.last_refused.max(row.last_ts);
        }
        if row.reset_form == Some(ResetForm::Owner) && row.close == Close::Reset {
            let by_server = row.reset_by == ClosedBy::Server;
            let own_fins = if by_server {
                row.server_end.fins
            } else {
                row.client_end.fins
            };
            if own_fins == 0 {
                s.owner_resets[usize::from(by_server)] += 1;
                if by_server && s.resets.len() < MAX_SAMPLES {
                    s.resets.push(row.reset_ts);
                }
            }
        }
        if row.closed_by == ClosedBy::Server
            && row.idle_before_close >= GAP_LEAST
            && row.server_end.fins > 0
        {
            if s.gaps.len() < MAX_SAMPLES {
                s.gaps.push(row.idle_before_close);
            }
            if row.reuse_delay >= 0 {
                s.reused += 1;
                s.reuse_delay = s.reuse_delay.max(row.reuse_delay);
            }
        }
    }

    /// Adds what another shard saw.
    pub fn merge(&mut self, other: Across) {
        for (key, o) in other.servers {
            if !self.servers.contains_key(&key) && self.servers.len() >= MAX_SERVERS {
                continue;
            }
            let s = self.servers.entry(key).or_default();
            s.total += o.total;
            s.spoke += o.spoke;
            s.answered += o.answered;
            s.refused += o.refused;
            s.last_refused = s.last_refused.max(o.last_refused);
            for i in 0..2 {
                s.owner_resets[i] += o.owner_resets[i];
            }
            s.gaps.extend(o.gaps);
            s.reused += o.reused;
            s.reuse_delay = s.reuse_delay.max(o.reuse_delay);
            s.resets.extend(o.resets);
        }
    }

    /// Brings the samples in order and draws from them what every row asks; call once after the last row.
    pub fn settle(&mut self) {
        for s in self.servers.values_mut() {
            s.gaps.sort_unstable();
            s.resets.sort_unstable();
            s.constant_gap = s.find_constant_gap();
        }
    }

    /// Adds to a row what its server's other connections show.
    pub fn judge(&self, row: &mut Row) {
        if let Some(s) = self.servers.get(&row.server()) {
            s.judge(row);
        }
    }

    /// What repeats, gravest (most connections) first.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self
            .servers
            .iter()
            .flat_map(|(k, s)| s.groups(*k))
            .collect();
        groups.sort_by(|a, b| {
            (b.matched, a.server_ip, a.server_port, a.kind).cmp(&(
                a.matched,
                b.server_ip,
                b.server_port,
                b.kind,
            ))
        });
        groups
    }
}

/// Rows by their words.
#[derive(Clone, Debug, Default)]
pub struct Summary(HashMap<(Close, ClosedBy, Cause, Confidence), u64, RandomState>);

impl Summary {
    /// Counts a judged row.
    pub fn add(&mut self, row: &Row) {
        *self
            .0
            .entry((row.close, row.closed_by, row.cause, row.confidence))
            .or_default() += 1;
    }

    /// The counts, most frequent first.
    #[must_use]
    pub fn counts(&self) -> Vec<((Close, ClosedBy, Cause, Confidence), u64)> {
        let mut counts: Vec<_> = self.0.iter().map(|(k, n)| (*k, *n)).collect();
        counts.sort_unstable_by_key(|(k, n)| (std::cmp::Reverse(*n), *k));
        counts
    }
}

impl Server {
    /// The most frequent idle gap: middle and how many lie within half of [`GAP_WIDTH`] of it.
    fn find_constant_gap(&self) -> Option<(i64, u64)> {
        let mut best = (0, 0u64);
        let mut from = 0;
        for to in 0..self.gaps.len() {
            // short gaps must agree more closely: a tenth of the gap
            while self.gaps[to] - self.gaps[from] > GAP_WIDTH.min(self.gaps[to] / 10) {
                from += 1;
            }
            let n = (to - from + 1) as u64;
            if n > best.1 {
                best = (self.gaps[(from + to) / 2], n);
            }
        }
        (best.1 >= HABIT.min(3) && best.1 * 2 >= self.gaps.len() as u64).then_some(best)
    }

    fn resets_near(&self, ts: i64) -> u64 {
        let from = self
            .resets
            .partition_point(|t| *t < ts.saturating_sub(MOMENT));
        let to = self
            .resets
            .partition_point(|t| *t <= ts.saturating_add(MOMENT));
        (to - from) as u64
    }

    fn judge(&self, row: &mut Row) {
        if matches!(row.cause, Cause::Abort | Cause::UnreadData) {
            self.judge_abort(row);
        }
        let idle_cause = matches!(
            row.cause,
            Cause::KeepaliveRaceCrossed | Cause::KeepaliveRaceStale | Cause::Orderly
        );
        if row.closed_by == ClosedBy::Server
            && idle_cause
            && let Some((gap, n)) = self.constant_gap
            && (row.idle_before_close - gap).abs() <= GAP_WIDTH.min(gap / 10)
        {
            row.notes |= 1 << Note::IdleConstant as u8;
            row.supports.put(Evidence::SameGap, n);
            row.supports.put(Evidence::ServerConnections, self.total);
        }
        if row.cause == Cause::HalfCloseBroken && self.total > 1 && self.spoke == 0 {
            // this server never says anything to anybody: no reply is missing
            row.cause = Cause::Orderly;
        }
        if row.cause == Cause::NoAnswer && self.answered > 0 {
            row.supports
                .put(Evidence::ServerAnswersOthers, self.answered);
        }
    }

    fn judge_abort(&self, row: &mut Row) {
        let by_server = row.reset_by == ClosedBy::Server;
        let together = if by_server {
            self.resets_near(row.reset_ts)
        } else {
            0
        };
        let silent = row.server_end.bytes == 0;
        let refused_after = if self.last_refused > row.reset_ts {
            self.refused
        } else {
            0
        };
        if by_server && silent && (together > 1 || refused_after > 0) {
            row.cause = Cause::ListenerGone;
            row.confidence = Confidence::Likely;
            row.supports.put(Evidence::ResetsTogether, together);
            if refused_after > 0 {
                row.supports.put(Evidence::SynsRefused, refused_after);
            }
            row.notes |= 1 << Note::ResetBurst as u8;
            return;
        }
        if together > 1 {
            row.notes |= 1 << Note::ResetBurst as u8;
        }
        let same = self.owner_resets[usize::from(by_server)];
        if same >= HABIT && same * 2 >= self.total {
            row.notes |= 1 << Note::ServerHabit as u8;
            row.supports.put(Evidence::SameEnding, same);
            row.supports.put(Evidence::ServerConnections, self.total);
            if row.cause == Cause::Abort && together * 2 < same.max(4) {
                row.cause = Cause::DeliberateAbort;
                row.confidence = Confidence::Likely;
            }
        }
    }

    fn groups(&self, (server_ip, server_port): (u128, u16)) -> Vec<Group> {
        let group = |kind, matched| Group {
            kind,
            server_ip,
            server_port,
            matched,
            total: self.total,
            gap: None,
            reused: None,
            at: None,
            by: None,
        };
        let mut groups = Vec::new();
        if let Some((gap, n)) = self.constant_gap {
            let reused = (self.reused > 0).then_some((self.reused, self.reuse_delay));
            groups.push(Group {
                gap: Some(gap),
                reused,
                ..group("idle-close", n)
            });
        }
        for (i, by) in [ClosedBy::Client, ClosedBy::Server].into_iter().enumerate() {
            let n = self.owner_resets[i];
            if n >= HABIT && n * 2 >= self.total {
                groups.push(Group {
                    by: Some(by),
                    ..group("reset-habit", n)
                });
            }
        }
        let burst = self.resets.iter().map(|t| (self.resets_near(*t), *t)).max();
        if let Some((n, at)) = burst.filter(|b| b.0 > 2) {
            groups.push(Group {
                at: Some(at),
                ..group("reset-burst", n)
            });
        }
        if self.refused >= HABIT {
            groups.push(group("refused", self.refused));
        }
        groups
    }
}

impl Row {
    fn noted_handshake(&self) -> bool {
        self.handshake == crate::slugs::Handshake::Complete
    }
}
