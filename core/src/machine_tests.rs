use super::*;
use std::collections::BTreeMap;
use toml::{Table, Value};

const TABLE: &str = include_str!("../../src/finwait/tcp/transitions.toml");

/// The rows without a guard, read a second time and without the build script.
fn rows() -> BTreeMap<(String, String), String> {
    let table: Table = TABLE.parse().unwrap();
    let mut rows = BTreeMap::new();
    for row in table["edges"]["rows"].as_array().unwrap() {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        if row.get("guard").is_none() {
            let old = rows.insert((text("from"), text("event")), text("to"));
            assert_eq!(old, None);
        }
    }
    rows
}

#[test]
fn each_row_is_in_the_table_and_nothing_else_is() {
    let rows = rows();
    let mut found = 0;
    for state in State::ALL {
        for event in Event::ALL {
            let key = (state.name().to_owned(), event.name().to_owned());
            let to = next(state, event).map(State::name);
            assert_eq!(to, rows.get(&key).map(String::as_str), "{key:?}");
            found += usize::from(to.is_some());
        }
    }
    assert_eq!(found, rows.len());
}

#[test]
fn names_and_discriminants_follow_the_file() {
    let table: Table = TABLE.parse().unwrap();
    let names = |kind: &str| -> Vec<String> {
        let listed = table[kind].as_array().unwrap().iter();
        listed
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(State::ALL.map(State::name).to_vec(), names("state"));
    assert_eq!(Event::ALL.map(Event::name).to_vec(), names("event"));
    for (index, state) in State::ALL.into_iter().enumerate() {
        assert_eq!(state as usize, index);
    }
    for (index, event) in Event::ALL.into_iter().enumerate() {
        assert_eq!(event as usize, index);
    }
}

/// RFC 9293 Figure 5, read off the drawing by hand: a judge that is not the table. The edge
/// SYN-RECEIVED to LISTEN is left out, it has a guard.
#[test]
fn figure_5() {
    use Event::*;
    use State::*;
    let drawn = [
        (Closed, OpenPassive, Listen),
        (Closed, SndSyn, SynSent),
        (Listen, Close, Closed),
        (SynSent, Close, Closed),
        (Listen, RcvSyn, SynReceived),
        (Listen, SndSyn, SynSent),
        (SynSent, RcvSyn, SynReceived),
        (SynSent, RcvSynAck, Established),
        (SynReceived, RcvAckOfSyn, Established),
        (SynReceived, SndFin, FinWait1),
        (Established, SndFin, FinWait1),
        (Established, RcvFin, CloseWait),
        (FinWait1, RcvAckOfFin, FinWait2),
        (FinWait1, RcvFin, Closing),
        (FinWait2, RcvFin, TimeWait),
        (Closing, RcvAckOfFin, TimeWait),
        (CloseWait, SndFin, LastAck),
        (LastAck, RcvAckOfFin, Closed),
        (TimeWait, TimeWaitTimeout, Closed),
    ];
    for (from, event, to) in drawn {
        assert_eq!(
            next(from, event),
            Some(to),
            "{} + {}",
            from.name(),
            event.name()
        );
    }
    let table: Table = TABLE.parse().unwrap();
    let figure = table["edges"]["rows"].as_array().unwrap().iter();
    let figure = figure.filter(|row| row.get("figure").and_then(Value::as_bool) == Some(true));
    assert_eq!(figure.count(), drawn.len() + 1);
}

/// A segment that does two things is two events, in the order of RFC 9293 section 3.10.7.4.
#[test]
fn a_fin_that_acks_ours_passes_fin_wait_2() {
    let after_ack = next(State::FinWait1, Event::RcvAckOfFin).unwrap();
    assert_eq!(after_ack, State::FinWait2);
    assert_eq!(next(after_ack, Event::RcvFin), Some(State::TimeWait));
}

#[test]
fn a_rst_ends_every_synchronized_state_and_an_inexact_one_none() {
    for state in State::ALL.into_iter().filter(|state| state.synchronized()) {
        assert_eq!(next(state, Event::RcvRst), Some(State::Closed));
        assert_eq!(next(state, Event::SndRst), Some(State::Closed));
        assert_eq!(next(state, Event::RcvInexactRst), Some(state));
        assert_eq!(next(state, Event::RcvSyn), Some(state));
    }
    assert_eq!(
        State::ALL
            .into_iter()
            .filter(|state| state.synchronized())
            .count(),
        7
    );
}

#[test]
fn a_pair_costs_one_byte() {
    assert_eq!(size_of::<Option<State>>(), 1);
}

#[allow(dead_code)]
#[path = "../build.rs"]
mod build;

/// The build script on the table with `old` replaced by `new`.
fn rebuilt(old: &str, new: &str) -> Result<String, String> {
    assert!(TABLE.contains(old));
    build::generate(&TABLE.replacen(old, new, 1).parse().unwrap())
}

#[test]
fn the_build_names_a_bad_row_and_what_is_wrong_with_it() {
    assert!(rebuilt("figure = true", "figure = true").is_ok());
    let first = r#"event = "open-passive", to = "LISTEN""#;
    for (old, new, complaint) in [
        (
            first,
            r#"event = "open-pasive", to = "LISTEN""#,
            "edge 1 (CLOSED + open-pasive): `event` is",
        ),
        (
            first,
            r#"event = "open-passive", to = "LISTENING""#,
            "`to` is \"LISTENING\"",
        ),
        (
            first,
            r#"event = "snd-syn", to = "LISTEN""#,
            "edge 2 (CLOSED + snd-syn): this pair has a row already",
        ),
        (
            first,
            r#"event = "open-passive", too = 1, to = "LISTEN""#,
            "unknown key `too`",
        ),
        ("figure = true, ", "", "no `figure = true|false`"),
        (r#"sends = "SYN""#, r#"sends = "PSH""#, "`sends` is none of"),
        (
            r#"guard = "fin-acked""#,
            r#"guard = "fin""#,
            "`guard` is not declared",
        ),
        (
            r#"guard = "fin-acked", "#,
            "",
            "a composed row needs a guard",
        ),
        (r#"section = "3.10.1" }"#, "}", "no `section`"),
        ("name = \"LISTEN\"", "name = \"CLOSED\"", "declared twice"),
        ("synchronized = false\n", "", "synchronized"),
    ] {
        let message = rebuilt(old, new).unwrap_err();
        assert!(message.contains(complaint), "{message}");
    }
}
