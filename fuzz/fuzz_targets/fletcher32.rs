//! Chunks of the filters `fletcher32`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| h5lab_fuzz::check("fletcher32", input));
