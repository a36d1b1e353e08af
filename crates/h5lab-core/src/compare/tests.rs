//! Comparisons of made-up records: what is paired, what is refused, and how often a change is reported.

use super::*;
use crate::layout::Layout;
use crate::method::Method;
use crate::record::{Record, Verification};
use crate::results::sample::{record, two_runs, with_transfers};
use crate::stats::simulation::{Distribution, Simulation};

const A: [f64; 5] = [0.100, 0.101, 0.099, 0.102, 0.100];
const TWICE: [f64; 5] = [0.200, 0.202, 0.198, 0.204, 0.200];

/// Results of two files with these records.
fn results(a: &[Record], b: &[Record]) -> Results {
    let mut results = Results::new();
    for (name, records) in [("a.jsonl", a), ("b.jsonl", b)] {
        results.source(name);
        records.iter().enumerate().for_each(|(line, record)| results.take(line + 1, record));
    }
    results
}

fn compared(a: &[Record], b: &[Record]) -> Comparison {
    compare(&results(a, b), By::Source, Metric::Transfer).unwrap()
}

fn quick() -> Record {
    with_transfers(record(), &A)
}

fn slow() -> Record {
    with_transfers(record(), &TWICE)
}

fn changed(record: Record, change: impl FnOnce(&mut Record)) -> Record {
    let mut record = record;
    change(&mut record);
    // Each rank has its times.
    for sample in &mut record.samples {
        sample.ranks = vec![sample.ranks[0]; record.experiment.np];
    }
    record
}

#[test]
fn cells_are_paired_by_what_they_mean_not_by_order() {
    let np = |record: Record, np: usize| changed(record, |r| r.experiment.np = np);
    let comparison = compared(&[np(quick(), 1), np(quick(), 2)], &[np(quick(), 2), np(slow(), 1)]);
    let rows: Vec<(&str, Verdict)> = comparison.changes.iter().map(|c| (c.what.as_str(), c.verdict)).collect();
    assert_eq!(rows, [("np 1", Verdict::Slower), ("np 2", Verdict::NoChange)], "the certain change first");
    assert!((comparison.changes[0].ratio - 0.5).abs() < 1e-9);
    let (low, high) = comparison.changes[0].interval.unwrap();
    assert!(low < 0.5 && 0.5 < high && high < 0.6, "{low} {high}");
    assert!(comparison.common.starts_with("read "), "{}", comparison.common);
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let other_size = changed(quick(), |r| r.experiment.dataset.shape.0[0] += 1);
    let failure =
        compare(&results(&[quick()], std::slice::from_ref(&other_size)), By::Source, Metric::Transfer).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Input);
    assert!(failure.message.contains("size ") && failure.message.contains("against"), "{failure}");

    let met_cold = changed(quick(), |r| r.samples.iter_mut().for_each(|s| s.resident = Some(0.0)));
    let wrong = changed(quick(), |r| {
        let first = crate::generate::Mismatch { index: vec![0], expected: 1.0, found: 2.0, count: 1 };
        (r.verification, r.experiment.np) = (Verification::Failed { first }, 7);
    });
    let sound = |np: usize| changed(quick(), |r| r.experiment.np = np);
    let comparison = compared(&[quick(), sound(7), sound(8)], &[met_cold, wrong, sound(8)]);
    let told: Vec<String> = comparison.refused.iter().map(|r| format!("{}: {}", r.what, r.why)).collect();
    assert_eq!(comparison.changes.len(), 1);
    assert!(told.iter().any(|line| line.contains("page cache warm against cold")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("np 7") && line.contains("wrong")), "{told:?}");
    assert_eq!(comparison.failed.len(), 1, "an acceptance test must not pass it");
    assert!(text(&comparison).contains("not compared: "));
}

#[test]
fn certain_changes_come_first_and_noise_last() {
    let at = |np: usize, seconds: &[f64]| changed(with_transfers(record(), seconds), |r| r.experiment.np = np);
    // Twice as slow, but nobody knows: one repeat of each side is far off.
    let noise = [1.0, 1.01, 9.0, 0.2, 2.0];
    let (a, b) = ([at(1, &noise), at(2, &A), at(3, &A), at(4, &A[..2])], |f: f64| A.map(|s| s * f));
    let comparison =
        compared(&a, &[at(1, &noise.map(|s| s * 3.0)), at(2, &b(1.05)), at(3, &b(1.3)), at(4, &b(9.0)[..2])]);
    let order: Vec<(&str, Verdict)> = comparison.changes.iter().map(|c| (c.what.as_str(), c.verdict)).collect();
    assert_eq!(order[0], ("np 3", Verdict::Slower));
    assert_eq!(order[1].0, "np 2", "{order:?}");
    assert_eq!(order[2], ("np 1", Verdict::NoChange));
    assert_eq!(order[3], ("np 4", Verdict::TooFew));
}

#[test]
fn a_write_is_compared_until_it_is_closed() {
    let write = |close: f64| {
        changed(quick(), |r| {
            (r.experiment.direction, r.verification) = (crate::experiment::Direction::Write, Verification::NotRead);
            r.samples.iter_mut().for_each(|s| s.ranks.iter_mut().for_each(|rank| rank.close = close));
        })
    };
    let results = results(&[write(0.01)], &[write(5.0)]);
    let verdict = |metric| compare(&results, By::Source, metric).unwrap().changes[0].verdict;
    assert_eq!(verdict(Metric::default()), Verdict::Slower);
    assert_eq!(verdict(Metric::Transfer), Verdict::NoChange);
    let comparison = compare(&results, By::Source, Metric::default()).unwrap();
    assert!(
        text(&comparison)
            .contains("compared: bandwidth of the transfer; of writes, from its begin to the end of the close")
    );
}

#[test]
fn warm_and_cold_reads_are_not_alike() {
    use crate::experiment::CacheWanted::{Cold, Warm};
    let asked = |cache, resident| {
        changed(quick(), |r| {
            r.experiment.cache = cache;
            r.samples.iter_mut().for_each(|s| s.resident = Some(resident));
        })
    };
    let failure =
        compare(&results(&[asked(Warm, 1.0)], &[asked(Cold, 0.0)]), By::Source, Metric::Transfer).unwrap_err();
    assert!(failure.message.contains("page cache warm against cold"), "{failure}");
}

#[test]
fn a_setting_that_each_side_has_one_value_of_is_what_is_compared() {
    let chunked = |r: &mut Record| r.experiment.layout = Layout::Chunked { chunk: vec![16, 250_000], filters: vec![] };
    let comparison = compared(&[quick()], &[changed(slow(), chunked)]);
    let facts: Vec<&str> = comparison.differences.iter().map(|d| d.fact.as_str()).collect();
    assert_eq!((facts, comparison.changes.len()), (vec!["layout"], 1));
    let both = [quick(), changed(quick(), chunked)];
    assert_eq!(compared(&both, &both).changes.len(), 2, "several values: cells are paired by it");
}

#[test]
fn what_surrounds_the_groups_is_told() {
    let elsewhere = changed(quick(), |r| {
        r.host.machine.kernel = "Linux 6.12".into();
        let fs = r.host.file_system.as_mut().unwrap();
        (fs.kind, fs.mount_options) = (Some("xfs".into()), vec!["rw".into(), "noatime".into()]);
    });
    let comparison = compared(&[quick()], &[elsewhere]);
    let of = |fact: &str| comparison.differences.iter().find(|d| d.fact == fact).map(|d| d.values.join(" -> "));
    assert_eq!(of("file system").as_deref(), Some("ext4 -> xfs"));
    assert_eq!(of("mount options").as_deref(), Some("relatime -> noatime"));
    assert!(of("kernel").unwrap().contains("Linux 6.12"));
    assert_eq!(of("host"), None, "the same");
}

#[test]
fn one_file_is_grouped_by_a_fact_or_by_method() {
    let mut results = Results::new();
    results.source("all.jsonl");
    let in_folder = |record: Record, path: &str, kind: &str| {
        changed(record, |r| {
            (r.command, r.file) = (vec!["h5lab".into(), "run".into()], path.into());
            r.host.file_system.as_mut().unwrap().kind = Some(kind.into());
        })
    };
    let collective = |r: &mut Record| r.experiment.method = Method::Collective;
    let records = [
        in_folder(quick(), "/ext4", "ext4"),
        in_folder(slow(), "/xfs", "xfs"),
        in_folder(quick(), "/shm", "tmpfs"),
        changed(in_folder(slow(), "/ext4", "ext4"), collective),
    ];
    records.iter().enumerate().for_each(|(line, record)| results.take(line + 1, record));
    let by_path = compare(&results, By::Path, Metric::Transfer).unwrap();
    assert_eq!(by_path.groups, ["/ext4 (ext4)", "/xfs (xfs)", "/shm (tmpfs)"]);
    assert_eq!(
        by_path.changes.iter().map(|c| (c.group, c.verdict)).collect::<Vec<_>>(),
        [(1, Verdict::Slower), (2, Verdict::NoChange)]
    );
    assert!(text(&by_path).contains("B: the cell"), "{}", text(&by_path));
    let by_method = compare(&results, By::Method, Metric::Transfer).unwrap();
    assert_eq!((by_method.groups.len(), by_method.changes.len()), (2, 1), "on /ext4 alone");
    let failure = compare(&results, By::Hdf5, Metric::Transfer).unwrap_err();
    assert!(failure.message.contains("--by hdf5 finds only HDF5 1.10.8"), "{failure}");
}

#[test]
fn what_was_measured_twice_is_taken_together() {
    let comparison = compared(&[quick(), quick()], &[slow()]);
    assert_eq!(comparison.changes[0].repeats, [10, 5]);
}

#[test]
fn few_repeats_are_said_to_be_too_few() {
    let two = with_transfers(record(), &A[..2]);
    let comparison = compared(std::slice::from_ref(&two), std::slice::from_ref(&two));
    assert_eq!((comparison.changes[0].verdict, comparison.changes[0].interval), (Verdict::TooFew, None));
    let failure = "slower:10%".parse::<FailOn>().unwrap().check(&comparison, By::Source).unwrap_err();
    assert!(failure.message.contains("1 of 1 pairs have too few repeats to tell"), "{failure}");
}

#[test]
fn an_acceptance_test_passes_or_fails() {
    let rule = |text: &str| text.parse::<FailOn>().unwrap();
    let worse = compared(&[quick()], &[slow()]);
    let failure = rule("slower:10%").check(&worse, By::Source).unwrap_err();
    assert_eq!((failure.kind, failure.kind.exit_code()), (FailureKind::Changed, 9));
    assert!(rule("slower:60%").check(&worse, By::Source).is_ok(), "50 % slower");
    let better = compared(&[slow()], &[quick()]);
    assert!(rule("slower:0%").check(&better, By::Source).is_ok());
    assert!(rule("changed:10%").check(&better, By::Source).is_err());
    assert!(rule("slower:0%").check(&compared(&[quick()], &[quick()]), By::Source).is_ok(), "no change");
    let lost = changed(quick(), |r| {
        r.failure = Some(Failure::new(FailureKind::RankLost, "gone"));
        r.experiment.np = 9;
    });
    let nine = changed(quick(), |r| r.experiment.np = 9);
    let failure =
        rule("slower:10%").check(&compared(&[quick(), nine.clone()], &[quick(), lost]), By::Source).unwrap_err();
    assert!(failure.message.contains("1 failed; the first: ") && failure.message.contains("gone"), "{failure}");
    let broken_off = compared(&[quick(), nine], &[quick()]);
    let failure = rule("slower:10%").check(&broken_off, By::Source).unwrap_err();
    assert!(failure.message.contains("1 of A's cells were not measured again; the first: "), "{failure}");
    assert_eq!(broken_off.lacking.len(), 1, "{:?}", broken_off.lacking);
    assert!(text(&broken_off).contains(&broken_off.lacking[0]));
    assert!(rule("slower:10%").check(&broken_off, By::Path).is_ok(), "groups of one sweep need not be alike");
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let hostile = |record: Record| changed(record, |r| r.host.machine.hostname = "a\u{1b}[2J\nb\u{202e}c".into());
    let mut results = Results::new();
    for (name, record) in [("a\u{1b}]0;x\u{7}\u{2066}.jsonl", quick()), ("b.jsonl", hostile(quick()))] {
        results.source(name);
        results.take(1, &record);
    }
    let text = text(&compare(&results, By::Source, Metric::Transfer).unwrap());
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.contains(['\u{202e}', '\u{2066}']), "nothing turns the text around: {text:?}");
    assert!(text.contains("\\u{1b}") && text.contains("\\u{202e}c"), "{text}");
}

/// Two runs of the same thing: of many such comparisons, at most one in twenty reports any change at all; hence far more
/// than 95 % of cells have none.
#[test]
fn two_runs_of_the_same_thing_report_no_change() {
    let mut simulation = Simulation::new(3);
    for distribution in Distribution::ALL {
        for repeats in [5, 10] {
            let (runs, cells) = (100, 20);
            let (mut alarms, mut reported) = (0, 0);
            for _ in 0..runs {
                let results = two_runs(&mut simulation, distribution, cells, repeats, |_| 1.0);
                let comparison = compare(&results, By::Source, Metric::Transfer).unwrap();
                let changes = comparison.changes.iter().filter(|c| c.verdict != Verdict::NoChange).count();
                reported += changes;
                alarms += usize::from(changes > 0);
            }
            let what =
                format!("{distribution:?}, {repeats} repeats: {alarms} alarms in {runs} runs, {reported} changes");
            assert!(reported as f64 <= 0.05 * (runs * cells) as f64, "{what}");
            assert!(alarms as f64 <= 0.11 * runs as f64, "5 %, and what 100 runs may be off by: {what}");
        }
    }
}

#[test]
fn a_true_change_of_a_tenth_is_found_with_ten_repeats() {
    let mut simulation = Simulation::new(4);
    let (mut found, mut wrong, runs) = (0, 0, 60);
    for _ in 0..runs {
        // One of 20 cells takes 1/0.9 times as long; the spread is 3 %.
        let results =
            two_runs(&mut simulation, Distribution::Normal, 20, 10, |cell| if cell == 7 { 1.0 / 0.9 } else { 1.0 });
        let comparison = compare(&results, By::Source, Metric::Transfer).unwrap();
        let slower = |c: &&Change| c.verdict == Verdict::Slower;
        found += comparison.changes.iter().filter(slower).filter(|c| c.what == "np 8").count();
        wrong += comparison.changes.iter().filter(|c| c.verdict != Verdict::NoChange && c.what != "np 8").count();
    }
    assert!(found >= 57 && wrong <= 6, "found {found}, wrongly reported {wrong}, of {runs}");
}
