//! The whole way, from the bytes of a file to rows.
#![no_main]

use finwait_core::engine::{Options, Progress, Watch, run};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

/// In memory where there is such a place.
static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
    let shared = PathBuf::from("/dev/shm");
    let directory = if shared.is_dir() {
        shared
    } else {
        std::env::temp_dir()
    };
    directory.join(format!("finwait-fuzz-{}", std::process::id()))
});

struct GoOn;

impl Watch for GoOn {
    fn tick(&mut self, _: Progress) -> bool {
        true
    }
}

fuzz_target!(|data: &[u8]| {
    if std::fs::write(&*PATH, data).is_err() {
        return;
    }
    let paths = [PATH.to_string_lossy().into_owned()];
    let options = Options {
        joined: false,
        threads: 1,
        max_connections: 64,
    };
    let report = run(&paths, options, &mut GoOn);
    let counts = &report.counts;
    assert_eq!(counts.frames, counts.used + counts.skipped.total());
    assert_eq!(report.runs.len(), counts.begun);
    assert_eq!(report.rows().count() as u64, report.runs.len());
    assert!(report.faults.len() <= 1);
    let told: u64 = report.summary().counts().iter().map(|(_, n)| n).sum();
    assert_eq!(told, report.runs.len());
    for group in report.across.groups() {
        assert!(group.matched <= group.total);
    }
});
