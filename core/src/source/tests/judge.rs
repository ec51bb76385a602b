//! The same files read by tshark, which we did not write.

use super::build::{ORDERS, Order, PCAP, Packet, Pcap, Pcapng, VARIANTS, motley, variants};
use super::{Scratch, whole};
use std::path::Path;
use std::process::Command;

/// Runs a tool of the Wireshark package; `None` when it is not installed.
fn run(tool: &str, arguments: &[&str]) -> Option<(String, bool)> {
    let ran = Command::new(tool)
        .env("LC_ALL", "C")
        .args(arguments)
        .output();
    let Ok(output) = ran else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{tool} is not installed"
        );
        eprintln!("skipped: {tool} is not installed");
        return None;
    };
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((said, output.status.success()))
}

/// number, time, captured and wire length, as tshark prints them.
fn tshark(path: &Path) -> Option<String> {
    let path = path.to_str().unwrap();
    let fields = [
        "frame.number",
        "frame.time_epoch",
        "frame.cap_len",
        "frame.len",
    ];
    let mut arguments = vec!["-n", "-r", path, "-T", "fields", "-E", "separator=,"];
    for field in fields {
        arguments.extend(["-e", field]);
    }
    let (said, well) = run("tshark", &arguments)?;
    assert!(well, "tshark cannot read {path}");
    Some(said)
}

/// The same of what we read.
fn ours(bytes: &[u8]) -> String {
    let mut lines = String::new();
    for frame in whole(bytes) {
        let (seconds, rest) = (frame.ts / 1_000_000_000, frame.ts % 1_000_000_000);
        let length = frame.body.len();
        let (number, wire) = (frame.number, frame.wire);
        lines += &format!("{number},{seconds}.{rest:09},{length},{wire}\n");
    }
    lines
}

/// tshark and we say the same of this file, except for the time of frames that have none.
fn agree(scratch: &Scratch, bytes: &[u8], what: &str) {
    let path = scratch.file("judged", bytes);
    let Some(theirs) = tshark(&path) else { return };
    let ours = ours(bytes);
    assert_eq!(ours.lines().count(), theirs.lines().count(), "{what}");
    for (our, their) in ours.lines().zip(theirs.lines()) {
        let our: Vec<&str> = our.split(',').collect();
        let their: Vec<&str> = their.split(',').collect();
        // What is numbered but holds no packet has a time and a length of Wireshark's own making.
        let compared = if our[3] == "0" { 1 } else { 4 };
        for (field, (our, their)) in our.iter().zip(&their).take(compared).enumerate() {
            let untimed = field == 1 && their.is_empty();
            assert!(our == their || untimed, "{what}: we {our}, they {their}");
        }
    }
}

/// Frames of several lengths, cut and whole; times with nanoseconds.
fn packets() -> Vec<(u32, u32, u32, Vec<u8>)> {
    (0..300)
        .map(|i: u32| {
            let wire = 60 + i * 7 % 1500;
            let body = vec![i as u8; wire.min(96) as usize];
            (
                1_700_000_000 + i / 3,
                i * 3_333_333 % 1_000_000_000,
                wire,
                body,
            )
        })
        .collect()
}

fn nanoseconds() -> Vec<u8> {
    let packets = packets();
    let packets: Vec<Packet<'_>> = packets
        .iter()
        .map(|(s, f, w, b)| (*s, *f, *w, &b[..]))
        .collect();
    Pcap {
        magic: 0xa1b2_3c4d,
        ..PCAP
    }
    .write(&packets)
}

#[test]
fn every_format_that_editcap_writes() {
    let scratch = Scratch::new();
    let from = scratch.file("from.pcap", &nanoseconds());
    let to = scratch.0.join("to");
    for format in [
        "pcap",
        "nsecpcap",
        "modpcap",
        "rh6_1pcap",
        "suse6_3pcap",
        "nokiapcap",
        "pcapng",
    ] {
        let arguments = ["-F", format, from.to_str().unwrap(), to.to_str().unwrap()];
        let Some((_, well)) = run("editcap", &arguments) else {
            return;
        };
        assert!(well, "editcap does not write {format}");
        let bytes = std::fs::read(&to).unwrap();
        agree(&scratch, &bytes, format);
        assert_eq!(whole(&bytes).len(), 300, "{format}");
    }
}

#[test]
fn files_made_by_hand() {
    let scratch = Scratch::new();
    agree(&scratch, &motley(), "motley");
    agree(&scratch, &nanoseconds(), "nanoseconds");
    let packets: &[Packet<'_>] = &[
        (1_700_000_000, 5, 60, b"abc"),
        (1_700_000_001, 7, 80, b"defg"),
    ];
    for file in variants(&VARIANTS) {
        agree(&scratch, &file.write(packets), &format!("{file:?}"));
    }
    for order in ORDERS {
        for (version, network, swapped) in [
            ((2, 2), 1, true),
            ((2, 3), 1, true),
            ((2, 3), 1, false),
            ((543, 0), 1, true),
            ((2, 2), 6, true),
        ] {
            let file = Pcap {
                order,
                version,
                network,
                swapped,
                ..PCAP
            };
            agree(&scratch, &file.write(packets), &format!("{file:?}"));
        }
    }
}

#[test]
fn blocks_that_are_numbered_without_being_packets() {
    let scratch = Scratch::new();
    let mut file = Pcapng::new(Order::Little)
        .block(9, b"__REALTIME_TIMESTAMP=1700000000000000\n")
        .interface(1, 0, &[]);
    for kind in [
        4,
        5,
        7,
        8,
        0xa,
        0x204,
        0x208,
        0x216,
        0x221,
        0x222,
        0xbad,
        0x4000_0bad,
        0x8000_0001,
    ] {
        file = file
            .block(kind, &[0; 40])
            .enhanced(0, 1, kind & 0xffff, b"after");
    }
    agree(&scratch, &file.bytes, "numbered blocks");
}

#[test]
fn resolutions_and_offsets() {
    let scratch = Scratch::new();
    let mut file = Pcapng::new(Order::Little);
    let mut interface = 0;
    for resolution in [0, 1, 3, 6, 8, 9, 0x80, 0x80 | 7, 0x80 | 16, 0x80 | 20] {
        for offset in [0_i64, 86_400] {
            file = file.interface(1, 0, &[(9, &[resolution]), (14, &offset.to_le_bytes())]);
            for ticks in [0, 1, 999, 123_456_789, 1_700_000_000] {
                file = file.enhanced(interface, ticks, 1, b"x");
            }
            interface += 1;
        }
    }
    agree(&scratch, &file.bytes, "resolutions and offsets");
}

#[test]
fn a_file_cut_anywhere() {
    let scratch = Scratch::new();
    let file = nanoseconds();
    for cut in [24, 30, 24 + 16 + 60, 5000, file.len() - 1] {
        let path = scratch.file("cut", &file[..cut]);
        let Some((said, _)) = run("capinfos", &["-cMTrm", path.to_str().unwrap()]) else {
            return;
        };
        let theirs = said.trim().rsplit(',').next().unwrap();
        let (frames, _) = super::read(&file[..cut]);
        assert_eq!(frames.len().to_string(), theirs, "cut at {cut}");
    }
}
