//! The table of a sweep: a row a cell, and what explains it.

use super::table::{cache, verified};
use super::{Table, printable};
use crate::amplification::Amplification;
use crate::experiment::Direction;
use crate::record::Record;

/// A row a record: bandwidths with their interval, share of the ceiling, read amplification as computed and as measured.
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
        .number("read ampl.\ncomp/meas")
        .word("\nverified");
    for (number, record) in records.iter().enumerate() {
        table.row(row(number + 1, record));
    }
    table.render()
}

fn row(number: usize, r: &Record) -> Vec<String> {
    let e = &r.experiment;
    let rate = |value: Option<f64>| value.map_or("-".into(), super::rate);
    let interval =
        r.transfer_interval().map_or("-".into(), |(low, high)| format!("{}..{}", super::rate(low), super::rate(high)));
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
        Amplification::of(r).map_or("-".into(), |amplification| amplification.to_string()),
        outcome,
    ]
}

/// What explains each row, at most three lines a row, most important first.
pub fn explanations(records: &[&Record]) -> String {
    let rows: Vec<(String, &Record)> =
        records.iter().enumerate().map(|(number, r)| (format!("row {}", number + 1), *r)).collect();
    super::why::why(&rows)
}
