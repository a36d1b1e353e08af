//! `h5lab advise`: from reads to a proven layout, and everything that can stand in the way.

mod common;

use common::Folder;
use serde_json::Value;

fn advice(folder: &Folder, words: &str) -> Value {
    let done = folder.h5lab(&format!("advise --json --time 8s {words}")).ok();
    serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {done}"))
}

fn rows(answer: &Value) -> &Vec<Value> {
    answer["advice"]["rows"].as_array().unwrap()
}

fn verdicts(answer: &Value) -> Vec<&str> {
    answer["advice"]["verdicts"].as_array().unwrap().iter().map(|v| v["code"].as_str().unwrap()).collect()
}

#[test]
fn described_data_gets_a_proven_layout_and_records() {
    let folder = Folder::new();
    let answer = advice(
        &folder,
        "--shape 48x200x240 --data detector --reads projection=0.5,sinogram=0.5 --cache warm --filter shuffle+gzip=1 --save proofs.jsonl",
    );
    let rows = rows(&answer);
    assert!(rows.len() >= 4, "{}", rows.len());
    assert!(rows.iter().any(|row| row["origin"] == "auto"));
    let measured: Vec<&Value> = rows.iter().filter(|row| row["measured"].is_object()).collect();
    assert_eq!(measured.len(), rows.len(), "all of so small a sample is proven");
    let commands = &answer["commands"];
    assert!(
        commands["h5py"].as_str().unwrap().contains("f.create_dataset(\"data\", (48, 200, 240), \"uint16\""),
        "{commands}"
    );
    assert!(commands["repack"].is_null());
    // Records like any others, each verified, each with what was predicted.
    let records = folder.records("proofs.jsonl");
    assert_eq!(records.len(), rows.len() * 3);
    for record in &records {
        assert!(record.predicted.is_some_and(|seconds| seconds > 0.0) && record.failure.is_none(), "{record:?}");
        assert_eq!(record.samples.len(), record.experiment.repeat);
        // What is gone is not named: each can be measured again.
        assert!(!record.file.display().to_string().contains("h5lab-run"), "{}", record.file.display());
        assert!(record.experiment.dataset.data.is_some() && record.experiment.dataset.from.is_none());
        let alone = record.warnings.iter().any(|w| matches!(w, h5lab_core::warning::Warning::SingleSample));
        assert_eq!(alone, record.samples.len() == 1);
    }
    folder.h5lab("rerun proofs.jsonl --cell 2").ok();
    // The report's chart of what a layout costs and gives has all of them, those with a larger cache for writing, too.
    let report = folder.h5lab("report proofs.jsonl --format markdown -o report.md").ok();
    let text = String::from_utf8(folder.read("report.md")).unwrap();
    let (_, offers) = text.split_once("| layout | in the file MiB |").unwrap_or_else(|| panic!("{report}"));
    assert_eq!(offers.lines().skip(2).take_while(|line| line.starts_with('|')).count(), rows.len(), "{text}");
    use h5lab_core::record::Verification;
    let reads = records.iter().filter(|r| r.verification == Verification::Passed).count();
    assert_eq!(reads, rows.len() * 2);
    // Nothing is left behind.
    assert_eq!(folder.names(), ["proofs.jsonl", "report.md"]);
}

/// Several readers at a time, from the device: what is proven is what was asked for.
#[test]
fn ranks_and_a_cold_cache_are_proven_as_such() {
    let folder = Folder::new();
    if !common::MPI {
        let refused = folder.h5lab("advise --shape 24x128x160 --np 2").run();
        assert!(refused.code == Some(6) && refused.stderr.contains("MPI is not in this build"), "{refused}");
        return;
    }
    let words = "--shape 24x128x160 --data detector --reads projection,sinogram --np 2 --cache cold --filter gzip=1 --save proofs.jsonl";
    let answer = advice(&folder, words);
    assert_eq!((&answer["advice"]["np"], &answer["advice"]["cold"]), (&2.into(), &true.into()), "{answer}");
    let reads: Vec<_> = folder
        .records("proofs.jsonl")
        .into_iter()
        .filter(|r| r.experiment.direction == h5lab_core::experiment::Direction::Read)
        .collect();
    assert!(reads.len() >= 4, "{}", reads.len());
    for record in &reads {
        assert_eq!((record.experiment.np, record.samples[0].ranks.len()), (2, 2));
        assert!(record.samples.iter().all(|sample| sample.resident == Some(0.0)), "from the device: {record:?}");
    }
}

#[test]
fn a_file_gets_its_layout_compared_and_the_commands_work() {
    let folder = Folder::new();
    folder.python("make_stack.py").ok();
    let answer = advice(&folder, "stack.h5:entry/data --reads projection=0.1,sinogram=0.9 --cache warm");
    let rows = rows(&answer);
    assert!(
        rows.iter().any(|row| row["origin"] == "today" && row["layout"]["chunk"] == serde_json::json!([1, 128, 160]))
    );
    // It is compressed today, so it stays small.
    assert!(verdicts(&answer).contains(&"kept-small"), "{:?}", verdicts(&answer));
    assert_ne!(rows[0]["origin"], "today", "one image a chunk is bad for sinograms");
    assert!(rows[0]["layout"]["filters"].as_array().is_some_and(|filters| !filters.is_empty()));
    let h5repack = answer["commands"]["h5repack"].as_str().unwrap();
    let words = h5repack.strip_prefix("h5repack ").unwrap();
    folder.tool("h5repack", words).ok();
    let repacked = folder.h5lab("inspect --json stack.repacked.h5").ok();
    let repacked: Value = serde_json::from_str(&repacked.stdout).unwrap();
    let data = repacked["nodes"].as_array().unwrap().iter().find(|n| n["path"] == "/entry/data").unwrap();
    assert_eq!(data["layout"]["chunk"], rows[0]["layout"]["chunk"]);
    folder.tool("h5diff", "stack.h5 stack.repacked.h5").ok();
}

#[test]
fn a_tuned_file_has_the_same_values_and_a_receipt() {
    let folder = Folder::new();
    folder.python("make_stack.py").ok();
    let before = folder.read("stack.h5");
    // Nearly all sinograms: what one image a chunk costs them is clear on a busy machine, too.
    let words = "tune stack.h5 --reads projection=0.1,sinogram=0.9 --cache warm --time 8s --json --save tuned.jsonl";
    let done = folder.h5lab(words).ok();
    let answer: Value = serde_json::from_str(&done.stdout).unwrap();
    let receipt = &answer["receipt"];
    assert_eq!(receipt["dataset"], "entry/data", "{answer}");
    assert_eq!(receipt["to"]["chunk"], answer["advice"]["rows"][0]["layout"]["chunk"]);
    for line in receipt["reads"].as_array().unwrap() {
        for key in ["before", "predicted", "promised", "obtained"] {
            assert!(line[key].as_f64().unwrap() > 0.0, "{key}: {line}");
        }
    }
    assert!(receipt["stored"].as_array().unwrap().iter().all(|bytes| bytes.as_u64().unwrap() > 0), "{receipt}");
    folder.tool("h5diff", "stack.h5 stack.repacked.h5").ok();
    assert_eq!(folder.read("stack.h5"), before, "the original stays as it is");
    assert!(folder.records("tuned.jsonl").len() > 12);
    // What is there is not overwritten.
    let refused = folder.h5lab(words).run();
    assert_eq!(refused.code, Some(4), "{refused}");
}

#[test]
fn what_is_fine_stays_as_it_is() {
    let folder = Folder::new();
    folder.python("make_stack.py").ok();
    let answer = advice(&folder, "fine.h5 --reads projection --cache warm --filter none");
    // Times of a busy machine may say that a little is to be gained: then there are commands, and else there are none.
    let gain = !verdicts(&answer).contains(&"nothing-to-gain");
    assert_eq!(rows(&answer)[0]["origin"] != "today", gain, "{answer}");
    assert_eq!(answer["commands"].is_object(), gain);
}

#[test]
fn the_answer_is_a_table_with_reasons() {
    let folder = Folder::new();
    let told = folder.h5lab("advise --shape 32x128x160 --reads projection=1,sinogram=1 --time 6s --cache warm").ok();
    for words in
        ["layouts scored", "recommended", "h5py's guess", "note: the shares of the reads sum to 2.00", "create_dataset"]
    {
        assert!(told.stdout.contains(words), "{words}\n{told}");
    }
    let first = told.stdout.lines().find(|line| line.contains("recommended")).unwrap();
    let rows = told.stdout.lines().skip_while(|line| !line.contains("recommended"));
    assert_eq!(rows.take(1).next(), Some(first), "the recommended row comes first");
}

#[test]
fn what_no_layout_can_be_chosen_for_is_explained() {
    let folder = Folder::new();
    folder.python("make_zoo.py").ok();
    for (words, code, told) in [
        ("zoo.h5:kinds/none", 3, "holds no elements"),
        ("zoo.h5:kinds/scalar", 3, "is a scalar"),
        ("zoo.h5:kinds/null", 3, "is null"),
        ("zoo.h5:kinds/text", 3, "is of type string"),
        ("zoo.h5:kinds/compound", 3, "is of type compound"),
        ("zoo.h5:kinds/ragged", 3, "is of type variable length"),
        ("zoo.h5:nowhere", 3, "no dataset"),
        ("unknown-filter.h5:data", 3, "filter 65000"),
        ("gone.h5", 3, "no such file"),
        ("", 2, "no file and no --shape"),
        ("zoo.h5 --shape 3x4", 2, "one of them says"),
        ("--shape 100", 3, "one axis"),
        ("--shape 0x5", 2, ""),
        ("--shape 64x64x64 --reads nonsense", 2, "no read"),
        ("--shape 64x64x64 --reads projection=-1", 2, "number of at least 0"),
        ("--shape 64x64 --reads roi:5x5", 2, "does not fit"),
        ("--shape 64x64x64 --filter snappy", 2, "unknown filter"),
        ("--shape 64x64x64 --time 0", 2, "at least a second"),
        ("--shape 64x64x64 --max-size 10", 2, "no layout is within the limits"),
        ("--shape 64x64x64 --path gone", 5, "does not exist"),
    ] {
        let done = folder.h5lab(&format!("advise {words}")).run();
        assert_eq!(done.code, Some(code), "{done}");
        assert!(done.stderr.contains(told), "{told}: {done}");
    }
}

#[test]
fn where_nothing_can_be_written_it_says_where_to_prove() {
    let folder = Folder::new();
    folder.python("make_stack.py").ok();
    std::fs::create_dir(folder.path("locked")).unwrap();
    std::fs::copy(folder.path("stack.h5"), folder.path("locked/stack.h5")).unwrap();
    let set = |mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path("locked"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o555);
    let refused = folder.h5lab("advise locked/stack.h5 --time 5s").run();
    let proven = folder.h5lab("advise locked/stack.h5 --time 6s --scratch . --cache warm --reads projection").run();
    set(0o755);
    assert_eq!(proven.code, Some(0), "{proven}");
    // Root may write anywhere.
    if !rustix::process::geteuid().is_root() {
        assert!(refused.code == Some(5) && refused.stderr.contains("--scratch"), "{refused}");
    }
}

/// A file system of 20 MB has no room for proofs, not even of calibration: the model alone answers, also for data that has to
/// stay as small as it is.
#[test]
fn without_room_the_model_alone_answers() {
    let folder = Folder::new();
    folder.python("make_stack.py").ok();
    std::fs::create_dir(folder.path("small")).unwrap();
    let words = "advise stack.h5:entry/data --reads projection,sinogram --time 5s --scratch small --json";
    let script = "mount -t tmpfs -o size=20M t small && exec \"$@\"";
    let mut inside = std::process::Command::new("unshare");
    inside.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_h5lab")]);
    let done = inside.args(words.split(' ')).current_dir(folder.path(".")).output().unwrap();
    let error = String::from_utf8_lossy(&done.stderr);
    if error.contains("unshare") || error.contains("mount:") {
        eprintln!("no mount namespaces here: left out");
        return;
    }
    assert!(done.status.success(), "{error}");
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(verdicts(&answer).contains(&"model-only"), "{:?}", verdicts(&answer));
    assert!(rows(&answer).iter().all(|row| row["measured"].is_null()));
    assert!(rows(&answer)[0]["layout"]["filters"].as_array().is_some_and(|filters| !filters.is_empty()));
}

/// However short the time: an answer, that names what was not tried.
#[test]
fn a_second_is_enough_for_an_answer() {
    let folder = Folder::new();
    folder.python("make_stack.py").ok();
    let done =
        folder.h5lab("advise stack.h5:entry/data --reads projection,sinogram --cache warm --time 1s --json").ok();
    let answer: Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(rows(&answer)[0]["measured"].is_object(), "{answer}");
}
