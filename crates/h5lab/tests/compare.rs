//! `h5lab compare` on result files: real ones, and such as a crash or a stranger leaves.

mod common;

use common::{Folder, Outcome};
use h5lab_core::failure::FailureKind::{self, Changed, Input, Usage};
use h5lab_core::record::Record;

const SWEEP: &str = "run --shape 8x20x30 --access projection,sinogram --method gather --repeat 5 --ceiling false";

/// A folder with the results of a sweep, and of the same one with every time of the reads multiplied.
fn measured(factor: f64) -> Folder {
    let folder = Folder::new();
    folder.h5lab(&format!("{SWEEP} --save a.jsonl")).ok();
    // Times as on a quiet machine: each repeat a little longer than the one before.
    let quiet = folder.records("a.jsonl").into_iter().map(|record| timed(record, 1.0)).collect::<Vec<_>>();
    let other = quiet.iter().map(|record| timed(record.clone(), factor)).collect::<Vec<_>>();
    write(&folder, "a.jsonl", &quiet);
    write(&folder, "b.jsonl", &other);
    folder
}

fn fails(folder: &Folder, words: &str, kind: FailureKind) -> Outcome {
    let outcome = folder.h5lab(words).run();
    assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
    outcome
}

fn timed(mut record: Record, factor: f64) -> Record {
    for (number, sample) in record.samples.iter_mut().enumerate() {
        let transfer = 0.01 * (1.0 + 0.002 * number as f64) * factor;
        sample.together.iter_mut().chain(&mut sample.ranks).for_each(|phases| phases.transfer = transfer);
    }
    record
}

fn write(folder: &Folder, name: &str, records: &[Record]) {
    folder.write(name, records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect::<String>());
}

#[test]
fn two_files_are_compared_and_an_acceptance_test_fails_with_its_own_code() {
    let folder = measured(1.5);
    let told = folder.h5lab("compare a.jsonl b.jsonl").ok();
    for part in
        ["A  a.jsonl", "B  b.jsonl", "33 % slower", "read projection", "write rows", "3 pairs: 3 slower, 0 faster"]
    {
        assert!(told.stdout.contains(part), "{part}: {told}");
    }
    let told = fails(&folder, "compare a.jsonl b.jsonl --fail-on slower:10%", Changed);
    assert!(told.stdout.contains("33 % slower") && told.stderr.contains("3 cells are slower by 10.0 %"), "{told}");
    folder.h5lab("compare a.jsonl b.jsonl --fail-on slower:40%").ok();
    folder.h5lab("compare a.jsonl a.jsonl --fail-on changed:0%").ok();
    let json: serde_json::Value =
        serde_json::from_str(&folder.h5lab("compare a.jsonl b.jsonl --json").ok().stdout).unwrap();
    assert_eq!(json["changes"].as_array().unwrap().len(), 3);
    assert!((json["changes"][0]["ratio"].as_f64().unwrap() - 1.0 / 1.5).abs() < 1e-9);
}

#[test]
fn one_file_is_grouped_by_path() {
    let folder = Folder::new();
    for name in ["one", "two"] {
        std::fs::create_dir(folder.path(name)).unwrap();
    }
    folder.h5lab(&format!("{SWEEP} --path one,two --save r.jsonl")).ok();
    let told = folder.h5lab("compare r.jsonl --by path").ok();
    assert!(told.stdout.contains("A  ") && told.stdout.contains("/one (") && told.stdout.contains("3 pairs"), "{told}");
    let told = fails(&folder, "compare r.jsonl --by host", Input);
    assert!(told.stderr.contains("--by host finds only"), "{told}");
}

#[test]
fn a_half_written_last_line_is_passed_over_with_a_note() {
    let folder = measured(1.0);
    let mut text = String::from_utf8(folder.read("b.jsonl")).unwrap();
    text.truncate(text.len() - 700);
    folder.write("b.jsonl", text);
    let told = folder.h5lab("compare a.jsonl b.jsonl").ok();
    assert!(told.stdout.contains("2 pairs") && told.stdout.contains("A: 1 cell has no like elsewhere"), "{told}");
    assert!(told.stderr.contains("b.jsonl, line 3: passed over: it ends half-written"), "{told}");
}

#[test]
fn what_is_no_result_file_is_named() {
    let folder = measured(1.0);
    folder.write("empty.jsonl", "\n");
    folder.write("notes.txt", "hello\nworld\n");
    let check = |words: &str, kind: FailureKind, part: &str| {
        let told = fails(&folder, words, kind);
        assert!(told.stderr.contains(part) && told.stdout.is_empty(), "{words}: {told}");
    };
    check("compare a.jsonl none.jsonl", Input, "none.jsonl: no such result file");
    check("compare a.jsonl empty.jsonl", Input, "empty.jsonl: holds no record");
    check("compare a.jsonl notes.txt", Input, "notes.txt: is no result file");
    check("compare a.jsonl .", Input, "is a directory");
    check("compare a.jsonl", Input, "two result files are needed");
    check("compare a.jsonl b.jsonl --by colour", Usage, "path, host, hdf5, mpi, method");
    check("compare a.jsonl b.jsonl --fail-on slower", Usage, "slower:10%");
}
