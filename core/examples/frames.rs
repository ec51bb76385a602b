//! What reading alone costs: `cargo run --release --example frames -- FILE... [--touch]`.
//!
//! Prints frames, captured bytes and nanoseconds a frame for each file. With `--touch` it also adds
//! up a few bytes of each frame, as a decoder would read them.

use finwait_core::frame::Batch;
use finwait_core::source;
use std::time::Instant;

fn main() {
    let (flags, paths): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a == "--touch");
    let touch = !flags.is_empty();
    for path in paths {
        let start = Instant::now();
        let (mut frames, mut bytes, mut sum) = (0_u64, 0_u64, 0_u64);
        let mut batch = Batch::default();
        let end = source::open(&path).and_then(|mut source| {
            while source.next_batch(&mut batch)? {
                frames += batch.frames.len() as u64;
                let held = batch.bytes.as_slice();
                for frame in &batch.frames {
                    bytes += u64::from(frame.len);
                    if touch {
                        let body = &held[frame.start as usize..][..frame.len as usize];
                        sum += body
                            .iter()
                            .skip(12)
                            .step_by(8)
                            .take(6)
                            .map(|b| u64::from(*b))
                            .sum::<u64>();
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = end {
            eprintln!("{error}");
        }
        let ns = start.elapsed().as_secs_f64() * 1e9 / frames.max(1) as f64;
        println!("{path}: {frames} frames, {bytes} bytes, {ns:.2} ns a frame ({sum:x})");
    }
}
