//! Any bytes that start like a file of the pcap family.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

/// Magic numbers that leave no choice between layouts.
const CLEAR: [u32; 3] = [0xa1b2_3c4d, 0x1c00_01ac, 0x1c00_01ab];
/// Those of which the first two records tell the layout; without them it may be another.
const UNCLEAR: [u32; 2] = [0xa1b2_c3d4, 0xa1b2_cd34];

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(first) = data.first_chunk() else {
        return Corpus::Reject;
    };
    let numbers = [u32::from_le_bytes(*first), u32::from_be_bytes(*first)];
    let clear = numbers.iter().any(|n| CLEAR.contains(n));
    if !clear && !numbers.iter().any(|n| UNCLEAR.contains(n)) {
        return Corpus::Reject;
    }
    finwait_fuzz::readers_agree(data, clear);
    Corpus::Keep
});
