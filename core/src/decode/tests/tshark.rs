//! The judge: tshark, which we did not write, reads the same captures frame by frame.

use super::generate::{Generator, write_pcapng};
use super::*;
use crate::decode::Defragmenter;
use crate::frame::Batch;
use crate::segment::{NO_WSCALE, mark};
use crate::skip::SkipCounts;
use crate::source;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What both must say about a frame. Text, so that a difference can be read.
type Facts = BTreeMap<&'static str, String>;

/// Our words for a segment.
fn ours(s: &Segment) -> Facts {
    let (src, sport) = s.key.sender(s.dir);
    let (dst, dport) = s.key.sender(s.dir.flip());
    let timestamps = s.marked(mark::TIMESTAMPS);
    let some = |present: bool, n: u32| {
        if present {
            n.to_string()
        } else {
            String::new()
        }
    };
    Facts::from([
        ("src", src.to_string()),
        ("dst", dst.to_string()),
        ("sport", sport.to_string()),
        ("dport", dport.to_string()),
        ("seq", s.seq.0.to_string()),
        ("ack", s.ack.0.to_string()),
        ("flags", s.flags.to_string()),
        ("window", s.window.to_string()),
        ("len", s.payload.to_string()),
        ("ttl", s.ttl.to_string()),
        (
            "id",
            if s.marked(mark::IPV6) {
                String::new()
            } else {
                s.ip_id.to_string()
            },
        ),
        ("mss", some(s.mss != 0, s.mss.into())),
        ("wscale", some(s.wscale != NO_WSCALE, s.wscale.into())),
        ("tsval", some(timestamps, s.ts_val)),
        ("tsecr", some(timestamps, s.ts_ecr)),
        (
            "sack",
            if s.marked(mark::SACK) {
                format!("{}-{}", s.sack.0.0, s.sack.1.0)
            } else {
                String::new()
            },
        ),
        (
            "bad checksum",
            s.marked(mark::BAD_CHECKSUM | mark::OFFLOADED_CHECKSUM)
                .to_string(),
        ),
    ])
}

/// What we find in a frame.
enum Ours {
    /// A segment, and whether the frame is shorter than its IP header says.
    Segment(Box<Segment>, bool),
    /// A fragment that completes nothing. tshark shows the TCP header in the first one.
    Fragment,
}

/// What we find in a capture, by frame number.
fn read_ours(path: &Path) -> Result<BTreeMap<u64, Ours>, String> {
    let mut source =
        source::open(path.to_str().expect("a name in UTF-8")).map_err(|e| e.to_string())?;
    let (mut batch, mut counts) = (Batch::default(), SkipCounts::default());
    let mut defragmenter = Defragmenter::default();
    let mut found = BTreeMap::new();
    let (mut frames, mut used) = (0, 0);
    // After a break everything before it counts: tshark reads that far as well.
    while source.next_batch(&mut batch).unwrap_or(false) {
        let bytes = batch.bytes.as_slice();
        for (f, number) in batch.frames.iter().zip(batch.first_number..) {
            let slice = &bytes[f.start as usize..(f.start + f.len) as usize];
            let segment = match decode(f, slice, number) {
                Decoded::Segment(s) => Some(s),
                Decoded::Fragment(fragment) => {
                    found.insert(number, Ours::Fragment);
                    defragmenter.push(fragment, &mut counts)
                }
                Decoded::Skip(skip) => {
                    counts.add(skip);
                    None
                }
            };
            if let Some(s) = segment {
                let at = locate(f, slice).map_or(0, |l| l.payload.start);
                let is_short = at as u64 + u64::from(s.payload) > u64::from(f.wire_len);
                found.insert(number, Ours::Segment(Box::new(s), is_short));
                used += 1;
            }
            frames = number;
        }
    }
    defragmenter.finish(&mut counts);
    assert_eq!(used + counts.total(), frames, "{path:?}");
    Ok(found)
}

const FIELDS: [&str; 22] = [
    "frame.number",
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.len",
    "ip.ttl",
    "ipv6.hlim",
    "ip.id",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
];

/// What tshark says about each frame whose innermost packet is TCP.
fn read_tshark(path: &Path) -> Result<BTreeMap<u64, Facts>, String> {
    let mut command = Command::new("tshark");
    command.args([
        "-n",
        "-r",
        path.to_str().expect("a name in UTF-8"),
        "-Y",
        "tcp",
    ]);
    command.args([
        "-T",
        "fields",
        "-E",
        "separator=;",
        "-E",
        "occurrence=a",
        "-E",
        "aggregator=,",
    ]);
    for preference in [
        "tcp.analyze_sequence_numbers:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.check_checksum:TRUE",
        "ip.defragment:TRUE",
        "ipv6.defragment:TRUE",
        // Else tshark takes another dissector's word for what is below MPLS.
        "mpls.flowlabel_in_mpls_header:FALSE",
    ] {
        command.args(["-o", preference]);
    }
    command.args(["-d", "udp.port==8472,vxlan"]);
    for field in FIELDS.iter().chain(&["tcp.checksum.status"]) {
        command.args(["-e", field]);
    }
    let output = command.output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(tshark_line).collect())
}

/// One line of tshark's fields; `None` if the TCP header is a quotation.
fn tshark_line(line: &str) -> Option<(u64, Facts)> {
    let column: Vec<Vec<&str>> = line.split(';').map(|c| c.split(',').collect()).collect();
    let protocols: Vec<&str> = line.split(';').nth(1)?.split(':').collect();
    // What a TCP payload carries (OpenFlow, SOCKS...) is no packet of the capture.
    let before_tcp = &protocols[..protocols.iter().position(|p| *p == "tcp")?];
    let quotes = |p: &&str| p.starts_with("icmp") || *p == "sflow";
    if before_tcp.iter().any(quotes) {
        return None;
    }
    let v6 = *before_tcp.iter().rfind(|p| **p == "ip" || **p == "ipv6")? == "ipv6";
    let depth = |name: &str| before_tcp.iter().filter(|p| **p == name).count();
    let (depth4, depth6) = (depth("ip"), depth("ipv6"));
    let nth = |i: usize, n: usize| column[i].get(n - 1).copied().unwrap_or("").to_owned();
    let of_ip = |v4: usize, v6_column: usize| {
        if v6 {
            nth(v6_column, depth6)
        } else {
            nth(v4, depth4)
        }
    };
    let first = |i: usize| nth(i, 1);
    let hex = |text: String| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let (left, right) = (first(20), first(21));
    let sack = if left.is_empty() {
        left
    } else {
        format!("{left}-{right}")
    };
    let facts = Facts::from([
        ("src", of_ip(2, 4)),
        ("dst", of_ip(3, 5)),
        ("sport", first(6)),
        ("dport", first(7)),
        ("seq", first(8)),
        ("ack", first(9)),
        (
            "flags",
            hex(first(10)).map_or_else(String::new, |f| (f & 0x1ff).to_string()),
        ),
        ("window", first(11)),
        ("len", first(12)),
        ("ttl", of_ip(13, 14)),
        (
            "id",
            if v6 {
                String::new()
            } else {
                hex(nth(15, depth4))?.to_string()
            },
        ),
        ("mss", first(16)),
        ("wscale", first(17)),
        ("tsval", first(18)),
        ("tsecr", first(19)),
        ("sack", sack),
        // Good 1, bad 0, unverified 2, not present 3; "Bad" in words of newer versions.
        (
            "bad checksum",
            (first(22) == "0" || first(22) == "Bad").to_string(),
        ),
    ]);
    Some((first(0).parse().ok()?, facts))
}

/// Differences between us and tshark, a line each.
fn differences(path: &Path) -> Result<(u64, Vec<String>), String> {
    let found = read_ours(path)?;
    let theirs = read_tshark(path)?;
    let mut lines = Vec::new();
    for number in found
        .keys()
        .chain(theirs.keys().filter(|n| !found.contains_key(n)))
    {
        match (found.get(number), theirs.get(number)) {
            (Some(Ours::Segment(s, is_short)), Some(theirs)) => {
                let mut ours = ours(s);
                // Checksums are judged on SYN, FIN and RST only, and never on fragments.
                if s.flags & 7 == 0 || s.marked(mark::FRAGMENTED) {
                    ours.insert("bad checksum", theirs["bad checksum"].clone());
                }
                // tshark believes the frame, we believe the IP header (see `ip::v4`).
                if *is_short {
                    ours.insert("len", theirs["len"].clone());
                    ours.insert("bad checksum", theirs["bad checksum"].clone());
                }
                for (name, value) in &ours {
                    if *value != theirs[name] {
                        lines.push(format!(
                            "{number}: {name}: ours {value:?}, tshark {:?}",
                            theirs[name]
                        ));
                    }
                }
            }
            (Some(Ours::Fragment), _) => {}
            (Some(Ours::Segment(s, _)), None) => lines.push(format!("{number}: only ours: {s:?}")),
            // A header that is cut or contradicts itself is no segment.
            (None, Some(theirs)) if theirs["flags"].is_empty() => {}
            (None, Some(theirs)) => lines.push(format!("{number}: only tshark: {theirs:?}")),
            (None, None) => {}
        }
    }
    Ok((theirs.len() as u64, lines))
}

/// True if tshark is here. Under CI it must be.
fn has_tshark() -> bool {
    let here = Command::new("tshark").arg("--version").output().is_ok();
    assert!(
        here || std::env::var_os("CI").is_none(),
        "tshark is not installed"
    );
    if !here {
        eprintln!("skipped: tshark is not installed");
    }
    here
}

#[test]
fn tshark_agrees_on_every_encapsulation() {
    if !has_tshark() {
        return;
    }
    let seed = std::env::var("FINWAIT_SEED").map_or(1, |s| s.parse().expect("a number"));
    eprintln!("seed {seed} (FINWAIT_SEED sets it)");
    let mut generator = Generator::new(seed);
    let frames: Vec<_> = std::iter::repeat_with(|| generator.frames())
        .take(6_000)
        .flatten()
        .collect();
    let directory = std::env::temp_dir().join(format!("finwait-decode-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join("generated.pcapng");
    std::fs::write(&path, write_pcapng(&frames)).expect("a file");
    let (judged, lines) = differences(&path).expect("a capture");
    let truth = frames.iter().filter(|f| f.is_segment).count() as u64;
    assert!(
        lines.is_empty(),
        "{} differences in {path:?}:\n{}",
        lines.len(),
        lines[..lines.len().min(40)].join("\n")
    );
    assert_eq!(judged, truth, "of {} frames", frames.len());
    std::fs::remove_dir_all(&directory).expect("removed");
}

/// Runs over a folder of captures that are not ours: `FINWAIT_CORPORA=dir cargo test corpora`.
#[test]
fn tshark_agrees_on_corpora() {
    let Some(folder) = std::env::var_os("FINWAIT_CORPORA") else {
        eprintln!("skipped: FINWAIT_CORPORA names no folder of captures");
        return;
    };
    let mut stack = vec![std::path::PathBuf::from(folder)];
    let (mut files, mut segments, mut different) = (0, 0, 0);
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            let mut inside: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
            inside.sort();
            stack.extend(inside);
            continue;
        }
        match differences(&path) {
            Ok((judged, lines)) => {
                files += 1;
                segments += judged;
                different += lines.len();
                for line in lines.iter().take(5) {
                    println!("{}: {line}", path.display());
                }
            }
            Err(e) => println!("not read: {e}"),
        }
    }
    println!("{files} files, {segments} segments, {different} differences");
}
