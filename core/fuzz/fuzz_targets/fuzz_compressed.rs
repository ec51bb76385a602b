//! Any bytes that start like a compressed file.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

const MAGIC: [&[u8]; 4] = [
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"\x50\x2a\x4d\x18",
];

fuzz_target!(|data: &[u8]| -> Corpus {
    if !MAGIC.iter().any(|magic| data.starts_with(magic)) {
        return Corpus::Reject;
    }
    finwait_fuzz::uncompressed_agree(data);
    Corpus::Keep
});
