//! Chunks of the filters `gzip=1`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("gzip=1", input));
