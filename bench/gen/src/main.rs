//! Writes large captures of made-up TCP connections from a seed, for measuring and for comparing
//! verdicts with a truth that is known because it was made up.

mod closing;
mod flood;
mod flow;
mod interleave;
mod mix;
mod rng;
mod talk;
mod truth;
mod wire;

use std::io;
use std::process::ExitCode;

const HELP: &str = "\
Writes a capture of made-up TCP connections. The same seed gives the same bytes.

usage: gen KIND [--seed N] [--snaplen N] -o FILE [--also SNAPLEN FILE] [--truth FILE.ndjson]

KIND is one of
  --packets N    about N packets of tens of thousands of connections of every kind, interleaved
                 (--seconds S: spread over S seconds; 600 for 5 million packets)
  --short N      N connections of about 10 packets each, spread over an hour
  --syn-flood N  N SYNs, each of another tuple
  --open N       N connections that stay open (--until P: and go on talking to P packets)

-o FILE          where to write; - is standard output
--snaplen N      keep the first N bytes of each packet (262144)
--also N FILE    write a copy with another snap length in the same run
--truth FILE     one object a connection: its tuple, how it closes and who closes it
";

/// What the command line asks for.
#[derive(Default)]
struct Request {
    kind: String,
    count: u64,
    seed: u64,
    seconds: Option<f64>,
    until: u64,
    snaplen: u32,
    out: Vec<(String, u32)>,
    truth: Option<String>,
}

fn number<T: std::str::FromStr>(flag: &str, value: Option<String>) -> Result<T, String> {
    let text = value.ok_or_else(|| format!("{flag} needs a number"))?;
    text.parse()
        .map_err(|_| format!("{flag}: {text} is not a number"))
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut r = Request {
        seed: 1,
        snaplen: 262_144,
        ..Request::default()
    };
    let mut main = None;
    let path = |flag: &str, value: Option<String>| value.ok_or(format!("{flag} needs a file"));
    while let Some(flag) = args.next() {
        match flag.as_str() {
            "--packets" | "--short" | "--syn-flood" | "--open" => {
                r.count = number(&flag, args.next())?;
                r.kind = flag;
            }
            "--seed" => r.seed = number(&flag, args.next())?,
            "--seconds" => r.seconds = Some(number(&flag, args.next())?),
            "--until" => r.until = number(&flag, args.next())?,
            "--snaplen" => r.snaplen = number(&flag, args.next())?,
            "-o" => main = Some(path(&flag, args.next())?),
            "--also" => {
                let snaplen = number(&flag, args.next())?;
                r.out.push((path(&flag, args.next())?, snaplen));
            }
            "--truth" => r.truth = Some(path(&flag, args.next())?),
            _ => return Err(format!("unknown argument {flag}\n\n{HELP}")),
        }
    }
    if r.kind.is_empty() {
        return Err(format!("nothing asked for\n\n{HELP}"));
    }
    r.out.push((main.ok_or("-o FILE is missing")?, r.snaplen));
    Ok(r)
}

fn run(r: &Request) -> io::Result<()> {
    // 2026-01-01T00:00:00Z
    let mut pcap = wire::Pcap::new(&r.out, 1_767_225_600, r.seed)?;
    let seconds = r
        .seconds
        .unwrap_or_else(|| (r.count as f64 * 600.0 / 5e6).max(120.0));
    let truths = match r.kind.as_str() {
        "--packets" => mix::write(&mut pcap, r.count, seconds, r.seed)?,
        "--short" => flood::short(&mut pcap, r.count, r.seed)?,
        "--syn-flood" => {
            flood::syns(&mut pcap, r.count, r.seed)?;
            Vec::new()
        }
        _ => {
            flood::open(&mut pcap, r.count, r.until, r.seed)?;
            Vec::new()
        }
    };
    eprintln!(
        "{{\"packets\": {}, \"wire_bytes\": {}, \"connections\": {}}}",
        pcap.packets,
        pcap.wire_bytes,
        if truths.is_empty() {
            r.count
        } else {
            truths.len() as u64
        },
    );
    pcap.finish()?;
    r.truth
        .as_ref()
        .map_or(Ok(()), |path| truth::write(path, &truths))
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if args.peek().is_some_and(|a| a == "--help" || a == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match parse(args).map(|r| run(&r)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(e)) => {
            eprintln!("gen: {e}");
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("gen: {e}");
            ExitCode::from(2)
        }
    }
}
