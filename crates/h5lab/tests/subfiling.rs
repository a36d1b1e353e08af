//! The method `subfiling`: measured where HDF5 has its driver, left out with the reason where it has not.

mod common;

use common::{Folder, MPI};
use h5lab_core::method::Method;
use h5lab_core::record::Verification;
use h5lab_io::h5::subfiling;

/// What is said of a cell that can't be.
fn reason() -> &'static str {
    if MPI { "has no subfiling; scripts/build-hdf5 builds one that has" } else { "subfiling needs MPI" }
}

#[test]
fn it_is_measured_or_left_out_with_the_reason() {
    let folder = Folder::new();
    let words = "run --method independent,subfiling --np 2 --shape 8x6x10 --access projection --cache cold --repeat 2 \
                 --fsync true --save kept.jsonl";
    let outcome = folder.h5lab(words).ok();
    let kept = common::records(&String::from_utf8(folder.read("kept.jsonl")).unwrap());
    let by = |method| kept.iter().filter(move |record| record.experiment.method == method).collect::<Vec<_>>();
    assert_eq!(by(Method::Independent).len(), 2);
    if !subfiling::available() {
        assert!(outcome.stderr.contains("skipped:") && outcome.stderr.contains(reason()), "{outcome}");
        assert!(by(Method::Subfiling).is_empty());
        return;
    }
    let [write, read] = by(Method::Subfiling)[..] else { panic!("a write and a read: {outcome}") };
    assert_eq!(read.verification, Verification::Passed);
    for record in [write, read] {
        assert_eq!((record.actual.driver.as_str(), record.failure.as_ref()), ("subfiling", None));
        assert_eq!(record.actual.in_force["subfiles"], "1");
        assert_eq!(record.stored_bytes, Some(8 * 6 * 10 * 2));
        assert!(record.file_bytes >= record.stored_bytes, "the subfile, not the stub");
        assert!(record.samples.iter().all(|sample| sample.counters.is_empty()), "other threads do the I/O");
    }
    assert_eq!(write.actual.in_force["io-concentrators"], "1");
    assert_eq!(folder.snapshot().len(), 1, "nothing but the records stays");
}

#[test]
fn a_plan_of_subfiling_alone_ends_with_the_reason() {
    let folder = Folder::new();
    let outcome = folder.h5lab("run --method subfiling --np 2 --shape 8x6x10 --repeat 1").run();
    match subfiling::available() {
        true => assert_eq!(outcome.code, Some(0), "{outcome}"),
        false => assert!(outcome.code == Some(2) && outcome.stderr.contains(reason()), "{outcome}"),
    }
    assert_eq!(folder.snapshot().len(), 0, "nothing was opened, or all of it is gone");
}

#[test]
fn stripes_are_cut_as_asked() {
    if !subfiling::available() {
        return;
    }
    let folder = Folder::new();
    let words = "run --method subfiling --np 3 --shape 8x6x10 --access projection --repeat 1 --subfiles 2 \
                 --subfile-stripe 64KiB,4KiB --ceiling false --save kept.jsonl";
    folder.h5lab(words).ok();
    let kept = common::records(&String::from_utf8(folder.read("kept.jsonl")).unwrap());
    let stripes: Vec<_> = kept.iter().map(|record| record.actual.in_force["subfile-stripe"].as_str()).collect();
    assert_eq!(stripes, ["65536", "65536", "4096", "4096"]);
    assert!(kept.iter().all(|record| record.actual.in_force["subfiles"] == "2"));
}

/// Read as a plain file, a stub would be metadata without values.
#[test]
fn a_stub_is_not_read_as_a_plain_file() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    folder.h5lab("write 7 11 stub.h5").ok();
    let inode = std::fs::metadata(folder.path("stub.h5")).unwrap().ino();
    folder.write(&format!("stub.h5.subfile_{inode}_1_of_1"), "");
    let outcome = folder.h5lab("read stub.h5").run();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("subfiles") && outcome.stderr.contains("h5fuse"), "{outcome}");
}

/// Closing takes all ranks: one that panics must not wait for the others there.
#[test]
fn a_rank_that_fails_is_named_and_leaves_nothing() {
    if !subfiling::available() {
        return;
    }
    for fault in ["1:transfer:error", "1:transfer:panic", "0:close:panic", "1:open:error"] {
        let folder = Folder::new();
        let words = "run --method subfiling --np 2 --shape 8x6x10 --repeat 1 --ceiling false";
        let outcome = folder.h5lab(words).env("H5LAB_FAULT", fault).run();
        assert!(outcome.stderr.contains(&format!("rank {}", &fault[..1])), "{fault}: {outcome}");
        assert_eq!(folder.snapshot().len(), 0, "{fault}: {outcome}");
    }
}
