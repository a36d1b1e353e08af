//! Chunks of the filters `shuffle+lzf+fletcher32`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("shuffle+lzf+fletcher32", input));
