//! Which files to read, and which of them are one capture.

use crate::error::CaptureError;
use crate::source;

/// What the paths of a user mean.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Every file, in the order of reading.
    pub paths: Vec<String>,
    /// Each capture, as the indices of its files.
    pub captures: Vec<Vec<usize>>,
}

/// Finds the files. A directory is one capture that was rotated into files, in order of time; if
/// `joined`, everything is one capture. What in a directory may be a capture and cannot be read is noted
/// in `faults`; what is none is passed over ([`source::Directory::others`]).
pub(crate) fn find(paths: &[String], joined: bool, faults: &mut Vec<CaptureError>) -> Files {
    let mut files = Files::default();
    for path in paths {
        let first = files.paths.len();
        if std::fs::metadata(path).is_ok_and(|m| m.is_dir()) {
            files.paths.extend(within(path, faults));
        } else {
            files.paths.push(path.clone());
        }
        files.captures.push((first..files.paths.len()).collect());
    }
    if joined {
        files.captures = vec![(0..files.paths.len()).collect()];
    }
    files
}

/// The captures in a directory.
fn within(path: &str, faults: &mut Vec<CaptureError>) -> Vec<String> {
    let found = source::directory(path).unwrap_or_else(|fault| source::Directory {
        captures: Vec::new(),
        ignored: vec![fault],
        others: Vec::new(),
    });
    if found.captures.is_empty() && found.ignored.is_empty() {
        faults.push(CaptureError {
            path: path.to_owned(),
            offset: 0,
            message: "there is no capture in this directory".to_owned(),
            is_io: true,
        });
    }
    faults.extend(found.ignored);
    found.captures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str], joined: bool) -> (Files, Vec<CaptureError>) {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let mut faults = Vec::new();
        (find(&paths, joined, &mut faults), faults)
    }

    #[test]
    fn a_path_is_a_capture_unless_they_are_joined() {
        let (files, faults) = of(&["a", "-", "b"], false);
        assert_eq!(files.paths, ["a", "-", "b"]);
        assert_eq!(files.captures, [[0], [1], [2]]);
        assert!(faults.is_empty(), "reading will say what is missing");
        assert_eq!(of(&["a", "-", "b"], true).0.captures, [[0, 1, 2]]);
    }

    #[test]
    fn a_directory_is_one_capture() {
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        let (files, faults) = of(&["a", examples, "b"], false);
        let n = files.paths.len();
        assert!(n > 6, "{files:?}");
        assert_eq!(files.captures[0], [0]);
        assert_eq!(files.captures[1], (1..n - 1).collect::<Vec<_>>());
        assert_eq!(files.captures[2], [n - 1]);
        assert!(faults.is_empty(), "the scripts are no captures: {faults:?}");
    }

    #[test]
    fn a_directory_without_captures_is_a_fault() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let (files, faults) = of(&[here], false);
        assert_eq!(files.captures, [Vec::<usize>::new()]);
        assert!(!faults.is_empty());
    }
}
