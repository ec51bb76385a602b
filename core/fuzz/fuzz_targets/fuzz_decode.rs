//! Frames of every link type. The input is a link type, then frames, each behind a length of one
//! byte and what the wire had more.
#![no_main]

use finwait_core::decode::{Decoded, Defragmenter, decode, locate};
use finwait_core::frame::FrameRef;
use finwait_core::skip::SkipCounts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((link, mut rest)) = data.split_first() else {
        return;
    };
    let link = match link {
        250.. => 0xff00 | u16::from(*link),
        128..250 => 101 + u16::from(link & 0x7f),
        _ => u16::from(*link),
    };
    let mut defragmenter = Defragmenter::default();
    let mut skipped = SkipCounts::default();
    let (mut frames, mut used) = (0_u32, 0_u32);
    while let [len, more, tail @ ..] = rest {
        let body = &tail[..tail.len().min(usize::from(*len))];
        rest = &tail[body.len()..];
        let frame = FrameRef {
            ts: i64::from(frames),
            start: 0,
            len: body.len() as u32,
            wire_len: body.len() as u32 + u32::from(*more),
            link,
            interface: 0,
        };
        frames += 1;
        match decode(&frame, body, u64::from(frames)) {
            Decoded::Segment(segment) => {
                used += 1;
                assert!(locate(&frame, body).is_some());
                assert_eq!(segment.number, u64::from(frames));
            }
            Decoded::Fragment(fragment) => {
                used += u32::from(defragmenter.push(fragment, &mut skipped).is_some());
            }
            Decoded::Skip(reason) => skipped.add(reason),
        }
    }
    defragmenter.finish(&mut skipped);
    assert_eq!(u64::from(frames), u64::from(used) + skipped.total());
});
