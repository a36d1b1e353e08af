//! `h5lab lesson`: every lesson at a small size, and its answer held against the numbers that it printed.
//!
//! The numbers are recomputed here from the samples of the records, by the formulas of docs/method.md, not by h5lab's own
//! code.

mod common;

use common::{Folder, MPI, Outcome, records};
use h5lab_core::failure::FailureKind::{Input, Refused, Storage, Usage};
use h5lab_core::report::significant;
use serde_json::Value;
use std::collections::BTreeMap;

/// The records of a lesson, and its claims by what they are about.
struct Told {
    records: Vec<Value>,
    claims: Vec<Value>,
}

impl Told {
    /// Holds a lesson, with its answer, as JSON.
    fn of(folder: &Folder, words: &str) -> Self {
        let outcome = folder.h5lab(&format!("lesson {words} --answer --json")).ok();
        let mut lines: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let answer = lines.pop().unwrap_or_else(|| panic!("{outcome}"));
        assert_eq!(answer["lesson"], words[..1].parse::<u64>().unwrap(), "{outcome}");
        assert!(answer["question"].as_str().unwrap().ends_with('?'), "{outcome}");
        assert!(folder.names().iter().all(|name| !name.starts_with("h5lab-run")), "{:?}", folder.names());
        let claims = answer["answer"].as_array().unwrap().clone();
        assert!(!claims.is_empty(), "{outcome}");
        Told { records: lines, claims }
    }

    fn claims(&self, about: &str) -> Vec<&Value> {
        let found: Vec<&Value> = self.claims.iter().filter(|claim| claim["about"] == about).collect();
        assert!(!found.is_empty(), "no claim about {about}: {:#?}", self.claims);
        found
    }

    /// The only record that all these settings hold for.
    fn record(&self, settings: &[(&str, Value)]) -> &Value {
        let fits = |r: &&Value| settings.iter().all(|(key, value)| at(r, key) == value);
        let found: Vec<&Value> = self.records.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{settings:?}");
        found[0]
    }
}

/// `experiment.np` and the like.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, key| &value[key])
}

fn number(claim: &Value, name: &str) -> f64 {
    claim["numbers"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {claim:#}"))
}

const PHASES: [&str; 4] = ["open", "transfer", "flush", "close"];

/// Seconds of a phase in a sample: all ranks together, or else the slowest.
fn phase(sample: &Value, name: &str) -> f64 {
    let slowest = || sample["ranks"].as_array().unwrap().iter().map(|r| r[name].as_f64().unwrap()).fold(0.0, f64::max);
    sample["together"][name].as_f64().unwrap_or_else(slowest)
}

fn total(sample: &Value) -> f64 {
    PHASES.iter().map(|name| phase(sample, name)).sum()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn over(record: &Value, of: impl Fn(&Value) -> f64) -> f64 {
    median(record["samples"].as_array().unwrap().iter().map(of).collect())
}

/// One over the seconds, the median over the repeats.
fn speed(record: &Value, of: impl Fn(&Value) -> f64) -> f64 {
    over(record, |sample| 1.0 / of(sample))
}

fn transfer_speed(record: &Value) -> f64 {
    speed(record, |sample| phase(sample, "transfer"))
}

fn close_to(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{what}: {found} is not {expected}");
}

/// That a claim has this number, and tells it.
fn told(claim: &Value, name: &str, expected: f64) {
    close_to(number(claim, name), expected, name);
    assert!(claim["text"].as_str().unwrap().contains(&significant(expected)), "{expected} is not in {claim:#}");
}

fn read(np: u64, cache: &str) -> [(&'static str, Value); 3] {
    [("experiment.direction", "read".into()), ("experiment.np", np.into()), ("experiment.cache", cache.into())]
}

fn write(np: u64) -> [(&'static str, Value); 2] {
    [("experiment.direction", "write".into()), ("experiment.np", np.into())]
}

#[test]
fn lesson_1_answers_from_its_writes() {
    let folder = Folder::new();
    let lesson = Told::of(&folder, "1 --np 1,2,4 --shape 30x4000");
    assert_eq!(lesson.records.len(), 3);
    let owned = lesson.claims("ownership")[0];
    for (np, most) in [(1, 30.0), (2, 15.0), (4, 8.0)] {
        close_to(number(owned, &format!("rows_{np}")), most, "rows");
        close_to(number(owned, &format!("bytes_{np}")), most * 4000.0 * 4.0, "bytes");
    }
    assert!(owned["text"].as_str().unwrap().contains("with 4 ranks 7 or 8 rows"), "{owned:#}");
    let (one, four) = (lesson.record(&write(1)), lesson.record(&write(4)));
    let claim = lesson.claims("speed-up")[0];
    let speed_up = transfer_speed(four) / transfer_speed(one);
    told(claim, "speed_up", speed_up);
    close_to(number(claim, "efficiency"), speed_up / 4.0, "efficiency");
    let best = [1, 2, 4]
        .into_iter()
        .max_by(|a, b| transfer_speed(lesson.record(&write(*a))).total_cmp(&transfer_speed(lesson.record(&write(*b)))));
    close_to(number(claim, "best_np"), best.unwrap() as f64, "best np");
    let open = lesson.claims("open")[0];
    close_to(number(open, "open"), over(four, |sample| phase(sample, "open")), "open");
    close_to(number(open, "open_share"), over(four, |sample| phase(sample, "open") / total(sample)), "share of open");
    let ceiling = transfer_speed(four) / transfer_speed(&four["ceiling"]);
    close_to(number(lesson.claims("limit")[0], "ceiling_share"), ceiling, "share of the ceiling");
}

#[test]
fn lesson_2_answers_from_writes_and_reads() {
    let folder = Folder::new();
    let lesson = Told::of(&folder, "2 --np 1,2 --shape 30x4000");
    assert_eq!(lesson.records.len(), 2 * 3);
    let reads = lesson.records.iter().filter(|r| r["experiment"]["direction"] == "read");
    assert!(reads.clone().all(|r| r["verification"]["result"] == "passed"));
    let verified = lesson.claims("verified")[0];
    assert_eq!((number(verified, "passed"), number(verified, "reads")), (4.0, reads.count() as f64));
    let alike = lesson.claims("alike")[0];
    assert_eq!(number(alike, "written_by_rank_0"), number(alike, "read_by_rank_0"));
    let (one, two) = (lesson.record(&read(1, "warm")), lesson.record(&read(2, "warm")));
    told(lesson.claims("speed-up-warm")[0], "speed_up", transfer_speed(two) / transfer_speed(one));
    let over_write = transfer_speed(two) / transfer_speed(lesson.record(&write(2)));
    close_to(number(lesson.claims("read-or-write")[0], "warm_over_write"), over_write, "warm read over write");
    let cold = lesson.record(&read(2, "cold"));
    if over(cold, |sample| sample["resident"].as_f64().unwrap()) <= 0.01 {
        told(lesson.claims("cold-or-warm")[0], "warm_over_cold", transfer_speed(two) / transfer_speed(cold));
    }
}

#[test]
fn lesson_3_answers_from_what_each_rank_saw() {
    let folder = Folder::new();
    let lesson = Told::of(&folder, "3 --shape 10x50 --np 4");
    assert_eq!(lesson.records.len(), 3, "a write, and a read with either view");
    let views: Vec<&Vec<Value>> = lesson.records.iter().filter_map(|r| r["views"].as_array()).collect();
    let (process, global) = (views[0], views[1]);
    let own = lesson.claims("process-view")[0];
    for (rank, (view, rows)) in process.iter().zip([2, 3, 2, 3]).enumerate() {
        assert_eq!(view["shape"], serde_json::json!([rows, 50]));
        let first: f64 = view["first"].as_str().unwrap().parse().unwrap();
        assert_eq!((first / 1000.0).floor() as usize, rank + 1, "rank {rank} wrote it");
        assert_eq!((number(own, &format!("rows_{rank}")), number(own, &format!("first_{rank}"))), (rows as f64, first));
        assert!(own["text"].as_str().unwrap().contains(view["first"].as_str().unwrap()), "{own:#}");
    }
    assert_eq!((number(own, "own_value"), number(own, "rows")), (4.0, 10.0));
    assert!(
        global.iter().all(|view| view["shape"] == serde_json::json!([10, 50]) && view["first"] == process[0]["first"])
    );
    assert_eq!(number(lesson.claims("global-view")[0], "same"), 4.0);
    assert_eq!(number(lesson.claims("corner")[0], "alike"), 1.0);
    let after = lesson.claims("after-the-close")[0];
    assert_eq!((number(after, "bytes_held"), number(after, "bytes_most")), (10.0 * 50.0 * 4.0, 3.0 * 50.0 * 4.0));
}

/// Median total speed of the fastest rank count at a place.
fn fastest(lesson: &Told, place: &str, settings: &[(&str, Value)]) -> f64 {
    let fits = |r: &&Value| {
        r["file"].as_str().unwrap().ends_with(place) && settings.iter().all(|(key, value)| at(r, key) == value)
    };
    let found: Vec<f64> = lesson.records.iter().filter(fits).map(|r| speed(r, total)).collect();
    assert!(!found.is_empty(), "{place} {settings:?}");
    found.into_iter().fold(0.0, f64::max)
}

#[test]
fn lesson_4_answers_which_file_system_is_fastest() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("a")).unwrap();
    std::fs::create_dir(folder.path("b")).unwrap();
    let lesson = Told::of(&folder, "4 --path a,b --np 1,2 --shape 30x4000 --ceiling false");
    assert_eq!(lesson.records.len(), 2 * 2 * 2 * 3);
    assert_eq!(number(lesson.claims("places")[0], "places"), 2.0);
    for (about, fsync) in [("write", false), ("write-fsync", true)] {
        let settings = [("experiment.direction", "write".into()), ("experiment.fsync", fsync.into())];
        let (a, b) = (fastest(&lesson, "/a", &settings), fastest(&lesson, "/b", &settings));
        let claim = lesson.claims(about)[0];
        let winner = if a >= b { "/a" } else { "/b" };
        assert!(claim["text"].as_str().unwrap().split(" with ").next().unwrap().ends_with(winner), "{claim:#}");
        assert!(number(claim, "times_as_fast_as_2") > 0.0, "{claim:#}");
    }
    let more = lesson.claims("ranks");
    for (claim, place) in more.iter().zip(["/a", "/b"]) {
        let synced = |np: u64| {
            let settings = [("experiment.np", np.into()), ("experiment.fsync", true.into())];
            fastest(&lesson, place, &settings)
        };
        told(claim, "times_as_fast", synced(2) / synced(1));
    }
    assert_eq!(more.len(), 2);
}

#[test]
fn lesson_5_answers_where_written_data_waits() {
    let folder = Folder::new();
    let lesson = Told::of(&folder, "5 --path . --np 1 --shape 30x4000 --ceiling false");
    let networks = lesson.claims("networks")[0];
    let class = lesson.records[0]["host"]["file_system"]["kind"].as_str().unwrap();
    assert_eq!(number(networks, "networks") > 0.0, class.starts_with("nfs") || class == "lustre", "{networks:#}");
    let write =
        |fsync: bool| lesson.record(&[("experiment.direction", "write".into()), ("experiment.fsync", fsync.into())]);
    let back = lesson.claims("write-back")[0];
    told(back, "fsync_over_plain", over(write(true), total) / over(write(false), total));
    close_to(number(back, "close_share"), over(write(false), |s| phase(s, "close") / total(s)), "share of the close");
    let warm: Vec<&Value> = lesson
        .records
        .iter()
        .filter(|r| r["experiment"]["cache"] == "warm" && r["experiment"]["direction"] == "read")
        .collect();
    close_to(number(lesson.claims("open")[0], "open"), over(warm[0], |s| phase(s, "open")), "open");
}

/// Whether a record is of this kind of data in a layout with so many filters.
fn is_layout(record: &Value, kind: &str, chunked: bool, filters: usize) -> bool {
    let e = &record["experiment"];
    let count = e["layout"]["filters"].as_array().map_or(0, Vec::len);
    e["dataset"]["data"]["kind"] == kind && (e["layout"]["kind"] == "chunked") == chunked && count == filters
}

#[test]
fn lesson_6_answers_when_chunks_and_compression_pay() {
    let folder = Folder::new();
    let words = "6 --shape 4x120x160 --chunk contiguous,1x40x40 --access projection,roi:40x40 --ceiling false";
    let lesson = Told::of(&folder, words);
    assert_eq!(lesson.records.len(), 2 * 3 * 5);
    let of = |kind: &str, (chunked, filters): (bool, usize), access: &str, cache: &str| {
        let read = |r: &&Value| {
            let e = &r["experiment"];
            e["direction"] == "read" && e["access"]["kind"] == access && e["cache"] == cache
        };
        lesson.records.iter().filter(|r| is_layout(r, kind, chunked, filters)).find(read).unwrap()
    };
    for (claim, access) in lesson.claims("chunks").into_iter().zip(["projection", "roi"]) {
        let [plain, chunked] = [(false, 0), (true, 0)].map(|layout| of("uniform", layout, access, "warm"));
        told(claim, "warm", speed(chunked, total) / speed(plain, total));
    }
    for (claim, kind) in lesson.claims("compression").into_iter().zip(["uniform", "detector"]) {
        let write = |filters| {
            lesson
                .records
                .iter()
                .filter(|r| is_layout(r, kind, true, filters))
                .find(|r| r["experiment"]["direction"] == "write")
                .unwrap()
        };
        let stored = write(1)["stored_bytes"].as_f64().unwrap();
        told(claim, "ratio", 4.0 * 120.0 * 160.0 * 8.0 / stored);
        told(claim, "write", over(write(1), total) / over(write(0), total));
        let [plain, packed] = [(true, 0), (true, 1)].map(|layout| of(kind, layout, "roi", "cold"));
        told(claim, "cold", over(packed, total) / over(plain, total));
        let verdict = if kind == "uniform" { "leave such data uncompressed" } else { "it pays in space" };
        assert!(claim["text"].as_str().unwrap().contains(verdict), "{claim:#}");
    }
    assert!(lesson.claims("change")[0]["text"].as_str().unwrap().contains("h5repack -l data:"));
}

#[test]
fn a_lesson_shows_text_result_question_and_answer_in_this_order() {
    let folder = Folder::new();
    let outcome = folder.h5lab("lesson 1 --np 1,2 --shape 30x4000 --answer --save r.jsonl").ok();
    let order = [
        "Lesson 1: parallel write",
        "All ranks open the",
        "transfer s",
        "What to look for",
        "The question",
        "The answer, from these numbers",
        "- From 1 to 2 ranks",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|text| outcome.stdout.find(text).unwrap_or_else(|| panic!("no '{text}': {outcome}")))
        .collect();
    assert!(places.is_sorted(), "{places:?} {outcome}");
    assert_eq!(folder.records("r.jsonl").len(), 2);
    assert_eq!(folder.names(), ["r.jsonl"]);
    let asked = folder.h5lab("lesson 1 --np 1 --shape 30x4000 --repeat 1").ok();
    assert!(!asked.stdout.contains("The answer") && asked.stderr.contains("h5lab lesson 1 --answer"), "{asked}");
    let silent = folder.h5lab("lesson 1 --np 1 --shape 30x4000 --repeat 1 --quiet --answer").ok();
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""), "{silent}");
}

#[test]
fn lessons_are_listed_and_read() {
    let folder = Folder::new();
    let listed = folder.h5lab("lesson").ok().stdout;
    assert_eq!(listed.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count(), 6, "{listed}");
    let json = folder.h5lab("lesson --json").ok().stdout;
    let names: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for listed in &names {
        let name = listed["name"].as_str().unwrap();
        let text = folder.h5lab(&format!("lesson {name} --text")).ok().stdout;
        assert!(text.starts_with(&format!("# Lesson {}: ", listed["lesson"])), "{text}");
        let as_json = folder.h5lab(&format!("lesson {} --text --json", listed["lesson"])).ok().stdout;
        assert_eq!(serde_json::from_str::<Value>(&as_json).unwrap()["text"], text);
    }
    assert_eq!(names.len(), 6);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_lesson_s_plan_is_one_of_h5lab_run() {
    let folder = Folder::new();
    let lessons = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lessons");
    for name in std::fs::read_dir(lessons).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let plan = name.join("plan.toml");
        let told = folder.h5lab("run").arg(&plan).words("--dry-run").ok();
        assert!(told.stdout.contains("peak disk"), "{told}");
    }
}

#[test]
fn other_file_systems_are_looked_for_where_no_path_is_given() {
    let folder = Folder::new();
    let run = folder.h5lab("lesson 4 --np 1 --shape 30x400 --repeat 1 --ceiling false").env("SCRATCH", "/dev/shm");
    let outcome = run.ok();
    assert!(outcome.stderr.contains("/dev/shm (tmpfs)"), "{outcome}");
    assert!(outcome.stdout.contains("tmpfs at /dev/shm") || outcome.stdout.contains("/dev/shm: tmpfs on"), "{outcome}");
}

#[test]
fn a_dataset_that_does_not_fit_is_made_smaller_and_that_is_said() {
    let Some(disk) = common::disk::Disk::small(48) else { return };
    let words = format!("lesson 1 --np 1 --repeat 1 --path {}", disk.path().display());
    let outcome = disk.folder.h5lab(&words).ok();
    assert!(outcome.stderr.contains("instead of 128x250000") && outcome.stderr.contains("free space"), "{outcome}");
    let full = disk.folder.h5lab(&format!("{words} --full")).run();
    refused(&full, Storage.exit_code(), &["no room", "what to do"]);
}

fn refused(outcome: &Outcome, code: u8, says: &[&str]) {
    assert_eq!(outcome.code, Some(i32::from(code)), "{outcome}");
    assert!(says.iter().all(|text| outcome.stderr.contains(text)), "{says:?}: {outcome}");
    assert_eq!(outcome.stdout, "", "{outcome}");
}

#[test]
fn what_can_not_be() {
    let folder = Folder::new();
    folder.write("notes.txt", "not records");
    let cases: BTreeMap<&str, (h5lab_core::failure::FailureKind, &[&str])> = BTreeMap::from([
        ("lesson 7", (Usage, &["there is no lesson '7'", "1 to 6"][..])),
        ("lesson 0", (Usage, &["there is no lesson '0'"])),
        ("lesson three", (Usage, &["there is no lesson 'three'", "h5lab lesson"])),
        ("lesson --answer", (Usage, &["<N>"])),
        ("lesson --np 4", (Usage, &["which lesson", "h5lab lesson 1"])),
        ("lesson 1 --np 0", (Usage, &["--np", "at least 1"])),
        ("lesson 1 --full --shape 4x4", (Usage, &["cannot be used with"])),
        ("lesson 1 --text --answer", (Usage, &["cannot be used with"])),
        ("lesson 3 --method collective", (Usage, &["--method changes nothing in this lesson", "--shape"])),
        ("lesson 1 --path nowhere", (Storage, &["nowhere", "does not exist", "mkdir -p nowhere"])),
        ("lesson 4 --path .,nowhere", (Storage, &["nowhere", "does not exist"])),
        ("lesson 1 --path notes.txt", (Storage, &["is a file, not a folder"])),
        ("lesson 1 --np 1 --shape 4x4 --save notes.txt", (Refused, &["notes.txt", "no result file", "--save"])),
        ("lesson 3 --np 1 --shape 4x4 --save nowhere/r.jsonl", (Storage, &["nowhere/r.jsonl", "--save"])),
        ("run nowhere.toml", (Input, &["no such plan"])),
    ]);
    let before = folder.snapshot();
    for (words, (kind, says)) in cases {
        let outcome = folder.h5lab(words).run();
        assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
        assert!(says.iter().all(|text| outcome.stderr.contains(text)), "{says:?}: {outcome}");
        assert!(before == folder.snapshot(), "{outcome}");
    }
    if MPI {
        let under = folder.mpirun(2, "lesson 1").run();
        refused(&under, Usage.exit_code(), &["starts its ranks itself", "without mpirun"]);
        assert_eq!(under.stderr.matches("starts its ranks itself").count(), 1, "{under}");
    }
}

#[test]
fn on_a_read_only_mount_nothing_is_begun() {
    let Some(disk) = common::disk::Disk::small(16) else { return };
    let path = disk.path().display().to_string();
    disk.folder.tool("mount", "-o remount,ro disk").ok();
    for words in [
        "lesson 1 --np 1 --path",
        "lesson 3 --np 1 --path",
        "lesson 4 --np 1 --path",
        "run --shape 4x4 --path",
        "chunking --shape 1x20x20 --chunk 1x9x9 --tile 9x9 --path",
    ] {
        let outcome = disk.folder.h5lab(words).arg(&path).run();
        refused(
            &outcome,
            Storage.exit_code(),
            &[&path, "Read-only file system", "choose a folder that you may write to"],
        );
    }
    let written = disk.folder.h5lab(&format!("write 4 4 {path}/test.h5")).run();
    refused(&written, Storage.exit_code(), &[&path, "Read-only file system", "what to do"]);
    let told = disk.folder.h5lab("env").arg(&path).ok().stdout;
    assert!(told.contains("read-only: This file system is mounted read-only"), "{told}");
}

#[test]
fn saved_records_are_records() {
    let folder = Folder::new();
    let outcome = folder.h5lab("lesson 3 --np 2 --shape 4x4 --json --save r.jsonl").ok();
    assert_eq!(records(&outcome.stdout), folder.records("r.jsonl"));
}
