//! What explains the rows of a table.

use crate::experiment::CacheWanted;
use crate::explain::{Code, explain};
use crate::record::Record;
use crate::warning::Warning;

/// Lines that a row gets at most.
const MOST_LINES: usize = 3;
/// What matters less than this, measured by the row's first line, is left out.
const LEAST_SHARE: f64 = 0.1;

/// What explains each row, most important first; empty if there is nothing to explain. A row is named by its label.
///
/// What the row or a warning says already is not said again; nor what hardly matters beside the row's first line.
pub fn why(rows: &[(String, &Record)]) -> String {
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (label, record) in rows {
        let found: Vec<_> = explain(record).into_iter().filter(|e| !said_already(record, e.code)).collect();
        let least = found.first().map_or(0.0, |first| first.weight * LEAST_SHARE);
        for (number, explanation) in found.iter().filter(|e| e.weight >= least).take(MOST_LINES).enumerate() {
            let label = if number == 0 { label.as_str() } else { "" };
            text += &format!(" {label:width$}  {explanation}\n");
        }
    }
    if text.is_empty() { text } else { format!("\nwhy\n{text}") }
}

fn said_already(record: &Record, code: Code) -> bool {
    let warned = |test: fn(&Warning) -> bool| record.warnings.iter().any(test);
    match code {
        Code::MoreRanksThanCores => warned(|w| matches!(w, Warning::MoreRanksThanCores { .. })),
        Code::PageCache => {
            let as_asked = record.experiment.cache == CacheWanted::Warm && !record.cache_missed();
            as_asked || warned(|w| matches!(w, Warning::NotSynced | Warning::CacheUnverified { .. }))
        }
        _ => false,
    }
}
