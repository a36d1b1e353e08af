//! The inputs that fuzzing the decoders kept, those that once failed among them.

#[path = "../../../fuzz/src/chunk.rs"]
mod chunk;

use std::path::Path;

/// Fuzz targets and the filters that each of them is about, as `fuzz/fuzz_targets/` has them.
const TARGETS: &[(&str, &str)] = &[
    ("shuffle", "shuffle"),
    ("gzip", "gzip=1"),
    ("fletcher32", "fletcher32"),
    ("lzf", "lzf"),
    ("lz4", "lz4"),
    ("zstd", "zstd=1"),
    ("bitshuffle", "bitshuffle"),
    ("bitshuffle_lz4", "bitshuffle-lz4"),
    ("bitshuffle_zstd", "bitshuffle-zstd=1"),
    ("pipeline", "shuffle+lzf+fletcher32"),
];

#[test]
fn no_input_that_fuzzing_kept_fails() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    for (target, filters) in TARGETS {
        let code = std::fs::read_to_string(fuzz.join("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(code.contains(&format!("check(\"{filters}\"")), "{target} is about other filters");
        let inputs: Vec<_> = std::fs::read_dir(fuzz.join("corpus").join(target)).unwrap().collect();
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for input in inputs {
            chunk::check(filters, &std::fs::read(input.unwrap().path()).unwrap());
        }
    }
    let targets = std::fs::read_dir(fuzz.join("fuzz_targets")).unwrap().count();
    assert_eq!(targets, TARGETS.len(), "a target whose corpus no test runs");
}
