//! The texts that people see, made from the records of `golden/record-v1.jsonl`; and that those records stay readable.
//!
//! The records are hand-made, in the first version of the format: they never change. The texts may:
//! `INSTA_UPDATE=always cargo test -p h5lab-core --test report_goldens` writes them anew, for `git diff` to show.

use h5lab_core::experiment::Direction;
use h5lab_core::failure::{Failure, FailureKind};
use h5lab_core::layout::Layout;
use h5lab_core::record::{CacheState, Phases, Record, Verification};
use h5lab_core::report::chunking::{Comparison, comparison_table, lessons};
use h5lab_core::report::{demo_lines, measurement_table, view_lines};

/// Three writes (np 1, 2, 4), three reads (verified, failed, somebody else's), then a comparison of six layouts.
fn golden() -> Vec<Record> {
    let lines = include_str!("golden/record-v1.jsonl").lines();
    let records: Vec<Record> = lines.map(|line| serde_json::from_str(line).expect("records stay readable")).collect();
    assert_eq!(records.len(), 3 + 3 + 6 * 3);
    records
}

fn writes() -> Vec<Record> {
    golden()[..3].to_vec()
}

fn reads() -> Vec<Record> {
    golden()[3..6].to_vec()
}

fn comparisons() -> Vec<Comparison> {
    let records = golden();
    let each = records[6..].chunks_exact(3);
    each.map(|c| Comparison { written: c[0].clone(), warm: c[1].clone(), cold: c[2].clone() }).collect()
}

#[test]
fn records_of_the_first_format_say_what_they_said() {
    let records = golden();
    assert!(records.iter().all(|r| r.schema == 1 && !r.samples.is_empty()));
    let write = &records[1];
    assert_eq!((write.experiment.direction, write.experiment.np), (Direction::Write, 2));
    assert_eq!(write.demand().bytes_asked, 128_000_000);
    assert_eq!(write.slowest().transfer, 0.05, "the median repeat's slowest rank");
    assert_eq!(write.median_rank().transfer, 0.045);
    assert!((write.transfer_bandwidth().unwrap() - 128e6 / 0.05 / (1 << 20) as f64).abs() < 1e-6);
    assert!((write.ceiling_share().unwrap() - 0.75).abs() < 1e-9);
    assert_eq!(records[3].verification, Verification::Passed);
    assert_eq!(records[3].cache_state(), CacheState::Warm(1.0));
    assert_eq!(records[4].cache_state(), CacheState::Cold(0.0));
    let Verification::Failed { first } = &records[4].verification else { panic!("{:?}", records[4].verification) };
    assert_eq!((&first.index[..], first.count), (&[5, 17][..], 3));
    assert_eq!((records[5].stored_bytes, records[5].compression_ratio()), (None, None), "unknown stays unknown");
    assert!(records[5].cache_missed());
    assert!(records[6..].iter().all(|r| r.experiment.dataset.shape.0 == [500, 768, 1366]));
    assert!(matches!(&records[9].experiment.layout, Layout::Chunked { chunk, .. } if *chunk == [1, 200, 200]));
}

#[test]
fn bandwidth_is_that_of_all_ranks_together_not_of_the_slowest_one_alone() {
    let mut write = golden()[1].clone();
    for sample in &mut write.samples {
        let slowest = sample.slowest();
        sample.together = Some(Phases { transfer: 4.0 * slowest.transfer, ..slowest });
    }
    assert_eq!((write.slowest().transfer, write.duration().transfer), (0.05, 0.2));
    assert!((write.transfer_bandwidth().unwrap() - 128e6 / 0.2 / (1 << 20) as f64).abs() < 1e-6);
    assert!(measurement_table(&[write]).contains("0.200/0.045"));
}

#[test]
fn a_record_survives_the_round_trip() {
    for mut record in golden() {
        round_trip(&record);
        record.failure = Some(Failure::new(FailureKind::RankLost, "gone").on_rank(1).mend("look for it"));
        record.explained_by = vec!["small-requests".into()];
        record.actual.in_force.insert("stripes".into(), "4".into());
        record.samples[0].counters = vec![Default::default(); record.experiment.np];
        record.samples[0].resident = None;
        round_trip(&record);
    }
}

fn round_trip(record: &Record) {
    let line = serde_json::to_string(record).unwrap();
    assert!(!line.contains('\n'), "one record, one line");
    let back: Record = serde_json::from_str(&line).unwrap();
    assert_eq!(&back, record);
    assert_eq!(serde_json::to_string(&back).unwrap(), line);
}

#[test]
fn demo_lines_of_a_write_and_a_read() {
    let (write, read) = (&writes()[1], &reads()[0]);
    let lines = [view_lines(&read.views), demo_lines(read).to_vec(), demo_lines(write).to_vec()].concat();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn table_of_writes_with_several_rank_counts() {
    insta::assert_snapshot!(checked(measurement_table(&writes())));
}

#[test]
fn table_of_a_single_write() {
    insta::assert_snapshot!(checked(measurement_table(&writes()[..1])));
}

#[test]
fn tables_of_reads() {
    let tables: Vec<String> =
        reads().iter().map(|read| checked(measurement_table(std::slice::from_ref(read)))).collect();
    insta::assert_snapshot!(tables.join("\n"));
}

#[test]
fn table_of_layouts() {
    insta::assert_snapshot!(checked(comparison_table(&comparisons())));
}

#[test]
fn lessons_of_the_layouts() {
    let lessons = lessons(&comparisons());
    assert_eq!(lessons.len(), 2, "one a kind of data");
    insta::assert_snapshot!(lessons.join("\n"));
}

#[test]
fn warnings_say_what_to_do_next() {
    let texts: Vec<String> = golden().iter().flat_map(|r| &r.warnings).map(ToString::to_string).collect();
    let mut once = texts.clone();
    once.sort();
    once.dedup();
    insta::assert_snapshot!(once.join("\n"));
}

/// A table has no trailing blanks, no escapes and no line that wraps on a wide terminal.
fn checked(table: String) -> String {
    for line in table.lines() {
        assert!(!line.ends_with(' ') && !line.contains(|c: char| c.is_control()), "{line:?}");
        assert!(line.len() <= 160, "{} columns: {line}", line.len());
    }
    table
}
