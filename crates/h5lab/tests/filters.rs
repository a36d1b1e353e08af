//! Every filter with every method, and files with damaged chunks.

mod common;

use common::{Folder, MPI};
use h5lab_core::failure::FailureKind;
use h5lab_core::record::Verification;

const FILTERS: &str =
    "shuffle+gzip=1,fletcher32,lzf,shuffle+lz4,zstd=1,bitshuffle+zstd,bitshuffle-lz4,bitshuffle-zstd=1+fletcher32";

/// Methods, and how many ranks write. Over MPI-IO HDF5 writes filtered chunks collectively only.
fn methods() -> [(&'static str, usize); 2] {
    [("gather,per-process", 3), if MPI { ("collective", 2) } else { ("independent", 1) }]
}

#[test]
fn every_filter_is_written_and_read_with_every_method() {
    let folder = Folder::new();
    for (method, np) in methods() {
        let words = format!(
            "run --shape 4x65x67 --chunk 2x33x67 --repeat 1 --ceiling false --method {method} --np {np} \
             --filter {FILTERS} --access full --json"
        );
        let outcome = folder.h5lab(&words).ok();
        let records = outcome.records();
        let cells = FILTERS.split(',').count() * method.split(',').count();
        assert_eq!(records.len(), 2 * cells, "{outcome}");
        for record in &records {
            assert!(record.failure.is_none(), "{outcome}");
            let filters = record.experiment.layout.filters();
            assert!(FILTERS.contains(&filters[0].to_string()), "{filters:?}");
        }
        let verified = records.iter().filter(|record| record.verification == Verification::Passed).count();
        assert_eq!(verified, cells, "what is read is verified: {outcome}");
    }
}

#[test]
fn a_damaged_chunk_is_an_error_that_names_it() {
    let folder = Folder::new();
    let made = folder.python("make_damaged.py").ok();
    assert_eq!(made.stdout.lines().count(), 7, "{made}");
    for line in made.stdout.lines() {
        let [file, address, said] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let outcome = folder.h5lab(&format!("read {file} --np 1 --no-ceiling")).run();
        assert_eq!(outcome.code, Some(FailureKind::Input.exit_code().into()), "{outcome}");
        let place = format!("dataset 'entry/data', chunk at [4, 0, 0], file offset {address}");
        for text in [file, &place, said, "what to do"] {
            assert!(outcome.stderr.contains(text), "stderr does not say '{text}': {outcome}");
        }
    }
}

#[test]
fn the_codecs_are_filters_of_hdf5() {
    let told = Folder::new().h5lab("env").env("HDF5_PLUGIN_PATH", "/nowhere").ok();
    let line = told.stdout.lines().find(|line| line.trim_start().starts_with("filters")).expect("filters");
    for name in ["deflate", "shuffle", "fletcher32", "lzf", "lz4", "bitshuffle", "zstd"] {
        assert!(line.contains(name), "{name}: {told}");
    }
}
