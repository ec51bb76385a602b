//! Any bytes that start like a pcapng file.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    if !data.starts_with(b"\x0a\x0d\x0d\x0a") {
        return Corpus::Reject;
    }
    finwait_fuzz::readers_agree(data, true);
    Corpus::Keep
});
