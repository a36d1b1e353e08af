//! Chunks of the filters `lz4`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("lz4", input));
