//! Evidence: slugs with at most one number each.

use crate::slugs::Evidence;

/// What speaks for or against a cause, in the order in which it should be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List(pub Vec<(Evidence, Option<i64>)>);

impl List {
    /// Adds a fact.
    pub fn add(&mut self, evidence: Evidence) {
        self.0.push((evidence, None));
    }

    /// Adds a fact with its number.
    pub fn put(&mut self, evidence: Evidence, value: impl TryInto<i64>) {
        self.0
            .push((evidence, Some(value.try_into().unwrap_or(i64::MAX))));
    }

    /// True if it holds this fact.
    #[must_use]
    pub fn has(&self, evidence: Evidence) -> bool {
        self.0.iter().any(|(e, _)| *e == evidence)
    }

    /// Adds a fact with a time, nanoseconds: a capture whose clock goes back shows no time below zero.
    pub fn last(&mut self, evidence: Evidence, ns: i64) {
        self.put(evidence, ns.max(0));
    }

    /// Adds a fact if it holds.
    pub fn add_if(&mut self, holds: bool, evidence: Evidence) {
        if holds {
            self.add(evidence);
        }
    }

    /// As a row says it: `slug` or `slug=number`.
    pub fn words(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(e, v)| match v {
            Some(v) => format!("{}={v}", e.slug()),
            None => e.slug().to_owned(),
        })
    }
}
