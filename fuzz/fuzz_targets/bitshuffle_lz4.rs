//! Chunks of the filters `bitshuffle-lz4`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("bitshuffle-lz4", input));
