//! The state machine of RFC 9293, one copy for each end of a connection.
//!
//! Everything here is generated from `src/finwait/tcp/transitions.toml`, the only place where an
//! edge is written. [`next`] answers with the rows that carry no guard: the guards are about what
//! an end remembers (was the OPEN passive?), and a watcher of the wire cannot know that.

include!(concat!(env!("OUT_DIR"), "/machine.rs"));

/// Where `event` takes an end that stands in `state`; `None` if it does nothing there.
#[inline]
#[must_use]
pub const fn next(state: State, event: Event) -> Option<State> {
    NEXT[state as usize][event as usize]
}

impl State {
    /// True from ESTABLISHED on: both ends know each other's numbers (RFC 9293 section 3.5.2, group 3).
    #[inline]
    #[must_use]
    pub const fn synchronized(self) -> bool {
        SYNCHRONIZED[self as usize]
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
