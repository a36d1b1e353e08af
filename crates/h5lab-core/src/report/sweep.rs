//! The table of a sweep: a row a cell, and what explains it.

use super::table::{cache, verified};
use super::{Table, printable};
use crate::experiment::Direction;
use crate::record::{Counters, Record};
use crate::stats;

/// A row a record: bandwidths with their interval, share of the ceiling, read amplification as measured.
pub fn sweep_table(records: &[&Record]) -> String {
    let mut table = Table::new()
        .number("\nrow")
        .number("\nnp")
        .word("\n")
        .word("\nmethod")
        .word("\nlayout")
        .word("\naccess")
        .word("\ncache")
        .number("transfer\nMiB/s")
        .number("95 %\ninterval")
        .number("total\nMiB/s")
        .number("of posix\nceiling")
        .number("read\nampl.")
        .word("\nverified");
    for (number, record) in records.iter().enumerate() {
        table.row(row(number + 1, record));
    }
    table.render()
}

fn row(number: usize, r: &Record) -> Vec<String> {
    let e = &r.experiment;
    let rate = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.0}"));
    let interval = r.transfer_interval().map_or("-".into(), |(low, high)| format!("{low:.0}..{high:.0}"));
    let outcome = match &r.failure {
        Some(failure) => format!("FAILED: {}", printable(failure.message.lines().next().unwrap_or(""))),
        None => verified(&r.verification).to_owned(),
    };
    vec![
        number.to_string(),
        e.np.to_string(),
        if e.direction == Direction::Write { "write" } else { "read" }.into(),
        e.method.to_string(),
        e.layout.to_string(),
        e.access.to_string(),
        cache(r),
        rate(r.transfer_bandwidth()),
        interval,
        rate(r.total_bandwidth()),
        r.ceiling_share().map_or("-".into(), |share| format!("{:.0} %", share * 100.0)),
        measured_amplification(r).map_or("-".into(), super::significant),
        outcome,
    ]
}

/// Bytes that read calls returned over bytes asked for, median over the repeats; `None` for writes and where it was not
/// counted.
pub fn measured_amplification(record: &Record) -> Option<f64> {
    if record.experiment.direction == Direction::Write {
        return None;
    }
    let asked = record.demand().bytes_asked as f64;
    let read = |counters: &[Counters]| counters.iter().map(|c| c.read_bytes).sum::<u64>() as f64;
    let each: Vec<f64> = record.samples.iter().filter(|s| !s.counters.is_empty()).map(|s| read(&s.counters)).collect();
    stats::median(&each).filter(|_| asked > 0.0).map(|bytes| bytes / asked)
}

/// What explains each row, at most three lines a row, most important first.
pub fn explanations(_records: &[&Record]) -> String {
    String::new()
}
