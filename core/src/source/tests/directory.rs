//! What is found in a directory.

use super::Scratch;
use super::build::{Order, PCAP, Pcapng};
use super::compressed::zstd;
use crate::source::{directory, open};
use std::os::unix::ffi::OsStrExt;

#[test]
fn captures_in_order_of_time_and_the_rest_reported() {
    let scratch = Scratch::new();
    let at = |seconds: u32| PCAP.write(&[(seconds, 0, 1, b"x")]);
    scratch.file("a-last.pcap", &at(300));
    scratch.file("b-first.txt", &at(100));
    scratch.file("c-same", &at(200));
    scratch.file("d-same", &zstd(&at(200)));
    let second = Pcapng::new(Order::Big).interface(1, 0, &[]);
    scratch.file("e", &second.enhanced(0, 150_000_000, 1, b"x").bytes);
    scratch.file("f-no-frames", &PCAP.write(&[]));
    scratch.file("g-breaks-early", &at(1)[..30]);
    scratch.file("h-notes.pcap", b"not a capture at all");
    scratch.file("i-nothing", b"");
    std::fs::create_dir(scratch.0.join("j-directory")).unwrap();
    std::os::unix::fs::symlink("nowhere", scratch.0.join("k-dangling")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"l-\xff");
    std::fs::write(scratch.0.join(odd), at(1)).unwrap();

    scratch.file("m-broken", &at(1)[..10]);
    scratch.file("n.xz", b"\xfd7zXZ\0 and what may be a capture");

    let found = directory(scratch.0.to_str().unwrap()).unwrap();
    let names = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    let captures: Vec<String> = found.captures.iter().map(names).collect();
    assert_eq!(
        captures,
        [
            "b-first.txt",
            "e",
            "c-same",
            "d-same",
            "a-last.pcap",
            "f-no-frames",
            "g-breaks-early"
        ]
    );
    let ignored: Vec<String> = found.ignored.iter().map(|e| names(&e.path)).collect();
    assert_eq!(
        ignored,
        ["i-nothing", "k-dangling", "l-\u{fffd}", "m-broken", "n.xz"]
    );
    let others: Vec<String> = found.others.iter().map(names).collect();
    assert_eq!(others, ["h-notes.pcap"]);
}

#[test]
fn what_cannot_be_opened() {
    let scratch = Scratch::new();
    let here = scratch.0.to_str().unwrap();
    let missing = format!("{here}/missing");
    let error = directory(&missing).unwrap_err();
    assert_eq!((error.is_io, &error.path), (true, &missing));
    let error = open(&missing).err().unwrap();
    assert_eq!((error.is_io, &error.path), (true, &missing));
    let error = open(here).err().unwrap();
    assert!(
        error.is_io && error.message.contains("is a directory"),
        "{error}"
    );
}
