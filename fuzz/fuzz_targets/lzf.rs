//! Chunks of the filters `lzf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("lzf", input));
