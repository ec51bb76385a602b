//! Turns `src/finwait/tcp/transitions.toml`, the one table of the state machine, into Rust.
//!
//! A row that does not fit stops the build with the number of the row and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};
use toml::{Table, Value};

/// Relative to this crate, so that a source distribution of the whole repository builds too.
const TABLE: &str = "../src/finwait/tcp/transitions.toml";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={TABLE}");
    println!("cargo::rerun-if-changed=build.rs");
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={TABLE}: {}", message.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let text = fs::read_to_string(TABLE).map_err(|e| e.to_string())?;
    let table: Table = text.parse().map_err(|e| format!("not TOML: {e}"))?;
    let out = env::var("OUT_DIR").map_err(|e| format!("OUT_DIR: {e}"))?;
    fs::write(Path::new(&out).join("machine.rs"), generate(&table)?).map_err(|e| e.to_string())
}

/// The Rust source for a parsed table.
pub fn generate(table: &Table) -> Result<String, String> {
    let states = names(table, "state")?;
    let events = names(table, "event")?;
    let guards = names(table, "guard")?;
    let next = steps(table, &states, &events, &guards)?;
    let mut out = String::new();
    enumerate(
        &mut out,
        "State",
        "Where an end of a connection stands (RFC 9293 section 3.3.2).",
        &states,
    );
    let about = "What can happen to an end; `transitions.toml` says what proves each on the wire.";
    enumerate(&mut out, "Event", about, &events);
    let synchronized: Vec<String> = listed(table, "state")?
        .iter()
        .map(|row| row.get("synchronized").and_then(Value::as_bool))
        .map(|b| b.map(|b| b.to_string()))
        .collect::<Option<_>>()
        .ok_or("a [[state]] without `synchronized = true|false`")?;
    let (s, e) = (states.len(), events.len());
    let _ = writeln!(
        out,
        "/// Both ends know each other's numbers (RFC 9293 section 3.5.2, group 3).\n\
         const SYNCHRONIZED: [bool; {s}] = [{}];\n\
         /// `NEXT[state][event]`: the rows without a guard.\n\
         const NEXT: [[Option<State>; {e}]; {s}] = [",
        synchronized.join(", ")
    );
    for state in &states {
        let row: Vec<String> = events
            .iter()
            .map(|event| {
                next.get(&(state.0.as_str(), event.0.as_str()))
                    .map_or("None".into(), |to| format!("Some(State::{})", variant(to)))
            })
            .collect();
        let _ = writeln!(out, "    [{}],", row.join(", "));
    }
    out.push_str("];\n");
    Ok(out)
}

/// Checks every row, and returns those that `next` answers: (from, event) to `to`.
fn steps<'t>(
    table: &'t Table,
    states: &[(String, String)],
    events: &[(String, String)],
    guards: &[(String, String)],
) -> Result<BTreeMap<(&'t str, &'t str), &'t str>, String> {
    const KEYS: [&str; 11] = [
        "from", "event", "to", "sends", "calls", "guard", "composed", "figure", "section", "see",
        "note",
    ];
    const SENDS: [&str; 6] = ["SYN", "SYN,ACK", "ACK", "FIN", "RST", "again"];
    let rows = table
        .get("edges")
        .and_then(|edges| edges.get("rows"))
        .and_then(Value::as_array)
        .ok_or("no `rows` in [edges]")?;
    let known = |list: &[(String, String)], name: &str| list.iter().any(|(n, _)| n == name);
    let mut next = BTreeMap::new();
    let mut guarded = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let row = row
            .as_table()
            .ok_or_else(|| format!("edge {}: not a table", index + 1))?;
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        let (from, event) = (text("from").unwrap_or(""), text("event").unwrap_or(""));
        let bad = |why: String| format!("edge {} ({from} + {event}): {why}", index + 1);
        if let Some(key) = row.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(bad(format!("unknown key `{key}`")));
        }
        let to = text("to").unwrap_or("");
        for (key, name, list) in [
            ("from", from, states),
            ("event", event, events),
            ("to", to, states),
        ] {
            if !known(list, name) {
                return Err(bad(format!("`{key}` is {name:?}, which is not declared")));
            }
        }
        if text("section").is_none_or(str::is_empty) {
            return Err(bad("no `section`".into()));
        }
        if row.get("figure").and_then(Value::as_bool).is_none() {
            return Err(bad("no `figure = true|false`".into()));
        }
        if row.contains_key("sends") && text("sends").is_none_or(|sends| !SENDS.contains(&sends)) {
            return Err(bad(format!("`sends` is none of {SENDS:?}")));
        }
        let composed = row.get("composed").and_then(Value::as_bool) == Some(true);
        let twice = match (row.get("guard"), text("guard")) {
            (None, _) if composed => return Err(bad("a composed row needs a guard".into())),
            (None, _) => next.insert((from, event), to).is_some(),
            (_, Some(guard)) if known(guards, guard) => {
                guarded.insert((from, event, guard), to).is_some()
            }
            _ => return Err(bad("`guard` is not declared".into())),
        };
        if twice {
            return Err(bad("this pair has a row already".into()));
        }
    }
    match guarded
        .keys()
        .find(|(from, event, _)| !next.contains_key(&(*from, *event)))
    {
        Some((from, event, _)) => Err(format!(
            "{from} + {event}: only guarded rows; one without a guard is needed"
        )),
        None => Ok(next),
    }
}

/// The tables `[[kind]]`.
fn listed<'t>(table: &'t Table, kind: &str) -> Result<Vec<&'t Table>, String> {
    table
        .get(kind)
        .and_then(Value::as_array)
        .and_then(|rows| rows.iter().map(Value::as_table).collect())
        .ok_or_else(|| format!("no [[{kind}]]"))
}

/// Name and meaning of each `[[kind]]`, in order.
fn names(table: &Table, kind: &str) -> Result<Vec<(String, String)>, String> {
    let mut out: Vec<(String, String)> = Vec::new();
    for row in listed(table, kind)? {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or("");
        let name = text("name");
        let meaning = [text("meaning"), text("means")].concat();
        let spelled = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if name.is_empty() || !spelled || meaning.is_empty() {
            return Err(format!("[[{kind}]] {name:?} lacks a name or a meaning"));
        }
        if out.iter().any(|(other, _)| variant(other) == variant(name)) {
            return Err(format!("[[{kind}]] {name:?} is declared twice"));
        }
        out.push((name.to_owned(), meaning));
    }
    if out.len() > usize::from(u8::MAX) {
        return Err(format!("more than 255 of [[{kind}]]"));
    }
    Ok(out)
}

/// Writes an enum with its names.
fn enumerate(out: &mut String, name: &str, about: &str, members: &[(String, String)]) {
    let n = members.len();
    let _ = writeln!(
        out,
        "/// {about}\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\n\
         #[repr(u8)]\npub enum {name} {{"
    );
    for (member, meaning) in members {
        let _ = writeln!(
            out,
            "    /// `{member}`: {meaning}\n    {},",
            variant(member)
        );
    }
    let all: Vec<String> = members
        .iter()
        .map(|(m, _)| format!("{name}::{}", variant(m)))
        .collect();
    let _ = writeln!(
        out,
        "}}\n\nimpl {name} {{\n    /// All of them, in order of their discriminants.\n    \
         pub const ALL: [{name}; {n}] = [{}];\n\n    /// Spelled as in the table.\n    \
         #[must_use]\n    pub const fn name(self) -> &'static str {{\n        match self {{",
        all.join(", ")
    );
    for (member, _) in members {
        let _ = writeln!(
            out,
            "            {name}::{} => {member:?},",
            variant(member)
        );
    }
    out.push_str("        }\n    }\n}\n\n");
}

/// `FIN-WAIT-1` and `rcv-ack-of-fin` as Rust spells a variant: `FinWait1`, `RcvAckOfFin`.
fn variant(name: &str) -> String {
    name.split('-')
        .flat_map(|word| {
            let (head, tail) = word.split_at(word.len().min(1));
            [head.to_ascii_uppercase(), tail.to_ascii_lowercase()]
        })
        .collect()
}
