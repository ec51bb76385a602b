//! What many connections show together: the constant idle gap of D1 and D5, resets at the same
//! moment (D4), and one server's habit (D3).

use super::idle::{Gap, Gaps};
use super::row::Row;
use crate::slugs::{Cause, Close, ClosedBy, Confidence, Evidence, Note, ResetForm};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};

/// Servers told apart; what comes after that is counted in no group. Bounds the memory under a scan.
const MAX_SERVERS: usize = 65_536;
/// Times of resets kept of one server, the earliest: which these are does not depend on the order
/// of the rows.
const MAX_TIMES: usize = 65_536;
/// "The same moment" for resets, nanoseconds: a process that dies resets its sockets in one go.
const MOMENT: i64 = 100_000_000;
/// Connections that make a habit.
const HABIT: u64 = 5;

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
    /// Idle times before its FIN.
    gaps: Gaps,
    /// The constant among them, once settled: every row asks for it.
    constant_gap: Option<Gap>,
    /// Its OWNER RSTs by their time in units of [`TICK`].
    resets: BTreeMap<i64, u64>,
    /// When the connections that these ended had begun.
    begun: BTreeMap<i64, u64>,
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
                if by_server {
                    let (begun, at) = lifetime(row);
                    count(&mut s.resets, at, 1);
                    count(&mut s.begun, begun, 1);
                }
            }
        }
        if row.closed_by == ClosedBy::Server && row.server_end.fins > 0 {
            s.gaps.add(row.idle_before_close, row.reuse_delay);
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
            s.gaps.merge(o.gaps);
            for (at, n) in o.resets {
                count(&mut s.resets, at, n);
            }
            for (at, n) in o.begun {
                count(&mut s.begun, at, n);
            }
        }
    }

    /// Draws from what was counted what every row asks; call once after the last row.
    pub fn settle(&mut self) {
        for s in self.servers.values_mut() {
            s.constant_gap = s.gaps.constant();
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

/// How, whose FIN or RST took effect first, whose RST ended it, why, and how sure.
pub type Words = (Close, ClosedBy, ClosedBy, Cause, Confidence);

/// Rows by their words.
#[derive(Clone, Debug, Default)]
pub struct Summary(HashMap<Words, u64, RandomState>);

impl Summary {
    /// Counts a judged row.
    pub fn add(&mut self, row: &Row) {
        let (why, sure) = (row.cause, row.confidence);
        let words = (row.close, row.closed_by, row.reset_by, why, sure);
        *self.0.entry(words).or_default() += 1;
    }

    /// The counts, most frequent first.
    #[must_use]
    pub fn counts(&self) -> Vec<(Words, u64)> {
        let mut counts: Vec<_> = self.0.iter().map(|(k, n)| (*k, *n)).collect();
        counts.sort_unstable_by_key(|(k, n)| (std::cmp::Reverse(*n), *k));
        counts
    }
}

impl Server {
    /// Resets at most a [`MOMENT`] from this time.
    fn resets_near(&self, at: i64) -> u64 {
        let moment = MOMENT / TICK;
        sum(
            &self.resets,
            at.saturating_sub(moment),
            at.saturating_add(moment),
        )
    }

    /// Resets at most a [`MOMENT`] from that of this row, of connections that were there together with its own:
    /// a listener that takes the next connection after a reset is not gone.
    fn resets_together(&self, row: &Row) -> u64 {
        let (begun, at) = lifetime(row);
        let end = at.saturating_add(MOMENT / TICK);
        let start = at
            .saturating_sub(MOMENT / TICK)
            .max(begun.saturating_add(1));
        sum(&self.resets, start, end).saturating_sub(sum(&self.begun, at, end))
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
            && let Some(gap) = self.constant_gap
            && gap.holds(row.idle_before_close)
        {
            row.notes |= 1 << Note::IdleConstant as u8;
            row.supports.put(Evidence::SameGap, gap.count);
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
            self.resets_together(row)
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
        if let Some(gap) = self.constant_gap {
            groups.push(Group {
                gap: Some(gap.mean),
                reused: (gap.reused > 0).then_some((gap.reused, gap.reuse_delay)),
                ..group("idle-close", gap.count)
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
        let near = |at: &i64| (self.resets_near(*at), std::cmp::Reverse(*at));
        let burst = self.resets.keys().map(near).max();
        if let Some((n, std::cmp::Reverse(at))) = burst.filter(|b| b.0 > 2) {
            groups.push(Group {
                at: Some(at * TICK),
                ..group("reset-burst", n)
            });
        }
        if self.refused >= HABIT {
            groups.push(group("refused", self.refused));
        }
        groups
    }
}

/// Times of resets are told apart to this: nanoseconds.
const TICK: i64 = 1_000_000;

fn tick(ts: i64) -> i64 {
    ts.div_euclid(TICK)
}

/// When a connection that was reset began and when it ended, in [`TICK`]s; it lasted one at least.
fn lifetime(row: &Row) -> (i64, i64) {
    let at = tick(row.reset_ts);
    (tick(row.first_ts).min(at.saturating_sub(1)), at)
}

fn count(times: &mut BTreeMap<i64, u64>, at: i64, n: u64) {
    *times.entry(at).or_default() += n;
    if times.len() > MAX_TIMES {
        times.pop_last();
    }
}

fn sum(times: &BTreeMap<i64, u64>, start: i64, end: i64) -> u64 {
    if start > end {
        return 0;
    }
    times.range(start..=end).map(|(_, n)| n).sum()
}

impl Row {
    fn noted_handshake(&self) -> bool {
        self.handshake == crate::slugs::Handshake::Complete
    }
}
