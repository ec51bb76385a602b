//! Prints a line a connection: `cargo run --release --example verdicts -- FILE…`.
//! With `FINWAIT_THREADS` set, that many threads.

use finwait_core::engine::{Options, Progress, Watch, run};

struct Go;

impl Watch for Go {
    fn tick(&mut self, _: Progress) -> bool {
        true
    }
}

fn main() {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let quiet = paths.first().is_some_and(|p| p == "-q");
    if quiet {
        paths.remove(0);
    }
    let threads = std::env::var("FINWAIT_THREADS")
        .ok()
        .and_then(|t| t.parse().ok())
        .unwrap_or(1);
    let started = std::time::Instant::now();
    let report = run(
        &paths,
        Options {
            joined: false,
            threads,
            max_connections: 0,
        },
        &mut Go,
    );
    eprintln!(
        "{:?} {:?} rows {} faults {:?}",
        started.elapsed(),
        report.counts,
        report.runs.len(),
        report.faults
    );
    for row in report.rows() {
        if quiet {
            continue;
        }
        let ends = (
            row.key.sender(row.client),
            row.key.sender(row.client.flip()),
        );
        let notes: Vec<_> = finwait_core::slugs::Note::ALL
            .iter()
            .filter(|n| row.noted(**n))
            .map(|n| n.slug())
            .collect();
        println!(
            "{:?} {} {} {} {} | {} {} | {:?} {:?} | {:?} | {} {} {} {:?}",
            ends,
            row.close.slug(),
            row.closed_by.slug(),
            row.cause.slug(),
            row.confidence.slug(),
            finwait_core::verdict::row::Row::state(&row.client_end).name(),
            finwait_core::verdict::row::Row::state(&row.server_end).name(),
            row.supports.words().collect::<Vec<_>>(),
            row.against.words().collect::<Vec<_>>(),
            notes,
            row.completeness,
            row.zeek_state,
            row.zeek_history,
            row.reset_form,
        );
    }
    for g in report.across.groups() {
        eprintln!("{g:?}");
    }
}
