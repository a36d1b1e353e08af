//! Chunks of the filters `zstd=1`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("zstd=1", input));
