//! Chunks of the filters `shuffle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("shuffle", input));
