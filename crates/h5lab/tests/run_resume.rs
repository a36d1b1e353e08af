//! `--resume` and `rerun`: what a result file holds is neither lost nor measured twice.

mod common;

use common::{Folder, Outcome};
use h5lab_core::failure::FailureKind::{self, Input, Storage};
use h5lab_core::record::Record;
use std::fs;

/// Three cells.
const SWEEP: &str = "run --shape 4x5x6 --access projection,sinogram --method gather --repeat 2 --ceiling false";

/// A folder with the sweep's results.
fn measured() -> Folder {
    let folder = Folder::new();
    folder.h5lab(&format!("{SWEEP} --save r.jsonl")).ok();
    assert_eq!(folder.records("r.jsonl").len(), 3);
    folder
}

fn resume(folder: &Folder, options: &str) -> Outcome {
    folder.h5lab(&format!("{SWEEP} --save r.jsonl --resume {options}")).ok()
}

fn lines(folder: &Folder) -> Vec<String> {
    String::from_utf8_lossy(&folder.read("r.jsonl")).lines().map(str::to_owned).collect()
}

#[test]
fn a_complete_result_file_is_left_as_it_is() {
    let folder = measured();
    let before = folder.snapshot();
    let told = resume(&folder, "");
    assert!(before == folder.snapshot(), "{told}");
    assert!(told.stderr.contains("the result file holds all 3 cells"), "{told}");
}

#[test]
fn without_resume_everything_is_measured_again() {
    let folder = measured();
    folder.h5lab(&format!("{SWEEP} --save r.jsonl")).ok();
    assert_eq!(folder.records("r.jsonl").len(), 6);
}

#[test]
fn what_is_missing_is_measured_and_appended() {
    let folder = measured();
    let all = lines(&folder);
    for kept in [&all[..1], &all[1..2], &[]] {
        folder.write("r.jsonl", kept.iter().map(|line| format!("{line}\n")).collect::<String>());
        let told = resume(&folder, "");
        let now = lines(&folder);
        assert_eq!((now.len(), &now[..kept.len()]), (3, kept), "what was there stays: {told}");
        let words = |r: &Record| r.experiment.in_words();
        let mut cells: Vec<_> = folder.records("r.jsonl").iter().map(words).collect();
        cells.sort();
        cells.dedup();
        assert_eq!(cells.len(), 3, "each cell once: {told}");
        assert!(told.stderr.contains(&format!("holds {} of 3 cells", kept.len())), "{told}");
    }
}

/// A crash leaves half a line; it may end within a letter.
#[test]
fn a_half_written_last_line_is_measured_again() {
    let folder = measured();
    let whole = folder.read("r.jsonl");
    let third = whole.len() - lines(&folder)[2].len() - 1;
    for (at, tail) in [(third + 40, &b""[..]), (third + 40, b"\xc3"), (whole.len() - 2, b""), (third + 1, b"")] {
        folder.write("r.jsonl", [&whole[..at], tail].concat());
        let told = resume(&folder, "");
        let lines = h5lab_io::journal::lines(&folder.path("r.jsonl")).unwrap();
        assert_eq!(lines.iter().flatten().count(), 3, "{told}");
        assert!(told.stderr.contains("1 line is no record"), "{told}");
        assert!(lines.len() == 4 && lines[2].is_none() && folder.read("r.jsonl").ends_with(b"\n"), "{told}");
        let again = folder.read("r.jsonl");
        resume(&folder, "");
        assert_eq!(again, folder.read("r.jsonl"), "nothing is left to do");
    }
}

/// Another seed, split, rank count, buffer, type, version or host: another cell.
#[test]
fn records_of_another_plan_or_version_do_not_count() {
    for options in ["--seed 2", "--processes axis1", "--np 2", "--buffer 1KiB", "--dtype u8"] {
        let folder = measured();
        resume(&folder, options);
        assert_eq!(folder.records("r.jsonl").len(), 6, "{options}");
    }
    for (text, by) in [("\"h5lab\":\"", "\"h5lab\":\"0.0."), ("\"hostname\":\"", "\"hostname\":\"not-")] {
        let folder = measured();
        let other = String::from_utf8(folder.read("r.jsonl")).unwrap().replace(text, by);
        folder.write("r.jsonl", other);
        resume(&folder, "");
        assert_eq!(folder.records("r.jsonl").len(), 6, "{by}");
    }
}

/// A cell that failed is not done.
#[test]
fn failed_cells_are_measured_again() {
    let folder = measured();
    let mut records = folder.records("r.jsonl");
    records[1].failure = Some(h5lab_core::failure::Failure::new(Storage, "no space left on the device"));
    let text: String = records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
    folder.write("r.jsonl", text);
    resume(&folder, "");
    let now = folder.records("r.jsonl");
    assert_eq!((now.len(), &now[3].experiment, &now[3].failure), (4, &records[1].experiment, &None));
}

#[test]
fn a_record_is_measured_again_beside_itself() {
    let folder = measured();
    let old = folder.records("r.jsonl");
    for cell in 1..=3 {
        let again = folder.h5lab(&format!("rerun r.jsonl --cell {cell} --json --save again.jsonl")).ok().record();
        assert_eq!((&again.experiment, again.failure), (&old[cell - 1].experiment, None));
    }
    assert_eq!(folder.records("again.jsonl").len(), 3);
    let table = folder.h5lab("rerun r.jsonl --cell 2").ok();
    assert!(table.stdout.contains("second row: now") && table.stdout.matches("projection").count() == 2, "{table}");
    assert_eq!(folder.names(), ["again.jsonl", "r.jsonl"]);
}

/// Lines are counted, be they records or not.
#[test]
fn records_that_cannot_be_measured_again() {
    let folder = measured();
    let text = lines(&folder);
    folder.write("holes.jsonl", format!("{}\nnothing\n{}\n", text[0], text[2]));
    let third = folder.h5lab("rerun holes.jsonl --cell 3 --json").ok().record();
    assert_eq!(third.experiment, folder.records("r.jsonl")[2].experiment);
    folder.write(
        "gone.jsonl",
        text[0].replace(folder.path("").to_str().unwrap().trim_end_matches('/'), "/nowhere/at/all"),
    );
    folder.write("notes.txt", "precious");
    for (words, kind, says) in [
        ("holes.jsonl --cell 2", Input, &["line 2 is no record", "what to do"][..]),
        ("holes.jsonl --cell 4", Input, &["there is no record 4: the file holds 3", "what to do"]),
        ("notes.txt --cell 1", Input, &["line 1 is no record"]),
        ("nowhere.jsonl --cell 1", Input, &["no such result file", "what to do"]),
        (". --cell 1", Input, &["is a directory", "what to do"]),
        ("r.jsonl --cell 0", FailureKind::Usage, &["--cell", "at least 1"]),
        ("r.jsonl", FailureKind::Usage, &["--cell"]),
        ("r.jsonl --cell 1 --save nowhere/x.jsonl", Storage, &["nowhere/x.jsonl", "--save"]),
        ("gone.jsonl --cell 1", Storage, &["/nowhere/at/all", "the folder does not exist"]),
    ] {
        let outcome = folder.h5lab(&format!("rerun {words}")).run();
        assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
        assert!(says.iter().all(|text| outcome.stderr.contains(text)), "{says:?}: {outcome}");
    }
}

/// The demos' records, too: their file is named, and may be gone.
#[test]
fn a_record_of_write_is_measured_again_beside_its_file() {
    let folder = Folder::new();
    folder.h5lab("write 3 4 test.h5 --save w.jsonl").ok();
    fs::remove_file(folder.path("test.h5")).unwrap();
    let again = folder.h5lab("rerun w.jsonl --cell 1 --json").ok().record();
    assert_eq!(again.experiment, folder.records("w.jsonl")[0].experiment);
    assert_eq!(folder.names(), ["w.jsonl"]);
}
