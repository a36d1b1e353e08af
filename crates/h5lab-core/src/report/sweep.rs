//! The table of a sweep: a row a cell, and what explains it.

use super::table::{cache, verified};
use super::{Table, printable};
use crate::amplification::{Amplification, Reads};
use crate::experiment::{Direction, Experiment};
use crate::record::Record;
use std::collections::{BTreeMap, BTreeSet};

/// A row a record: bandwidths with their interval, share of the ceiling, read amplification as computed and as measured;
/// and a column for every other setting of which the records have several values.
pub fn sweep_table(records: &[&Record]) -> String {
    let settings: Vec<_> = records.iter().map(|record| settings(&record.experiment)).collect();
    let names: BTreeSet<&String> = settings.iter().flat_map(|of| of.keys()).collect();
    let differ = |name: &&&String| settings.iter().any(|of| of.get(**name) != settings[0].get(**name));
    let varying: Vec<&String> = names.iter().filter(differ).copied().collect();
    let mut table = Table::new()
        .number("\nrow")
        .number("\nnp")
        .word("\n")
        .word("\nmethod")
        .word("\nlayout")
        .word("\naccess")
        .word("\ncache");
    table = varying.iter().fold(table, |table, name| table.word(&head(name)));
    table = table
        .number("transfer\nMiB/s")
        .number("95 %\ninterval")
        .number("total\nMiB/s")
        .number("of posix\nceiling")
        .number("read ampl.\ncomp/meas")
        .word("\nverified");
    for (number, (record, settings)) in records.iter().zip(&settings).enumerate() {
        let varying = varying.iter().map(|name| settings.get(*name).map_or("-", String::as_str).to_owned());
        table.row(row(number + 1, record, varying));
    }
    table.render()
}

/// What an experiment sets besides what every row shows, by the names that plans use.
fn settings(experiment: &Experiment) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut found = BTreeMap::from([
        ("processes".to_owned(), experiment.split.to_string()),
        ("buffer".to_owned(), super::bytes(experiment.buffer)),
    ]);
    let tunables = serde_json::to_value(&experiment.tunables).unwrap_or_default();
    for (name, value) in tunables.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(hints) => found.extend(hints.iter().map(|(hint, value)| (format!("hint {hint}"), text(value)))),
            None => drop(found.insert(name.clone(), text(value))),
        }
    }
    found.into_iter().map(|(name, value)| (printable(&name), printable(&value))).collect()
}

/// A setting's name as the head of a column: in two lines if it is several words.
fn head(name: &str) -> String {
    match name.rfind(['-', ' ']) {
        Some(cut) => format!("{}\n{}", &name[..cut], &name[cut + 1..]),
        None => format!("\n{name}"),
    }
}

fn row(number: usize, r: &Record, varying: impl Iterator<Item = String>) -> Vec<String> {
    let e = &r.experiment;
    let rate = |value: Option<f64>| value.map_or("-".into(), super::rate);
    let interval =
        r.transfer_interval().map_or("-".into(), |(low, high)| format!("{}..{}", super::rate(low), super::rate(high)));
    let outcome = match &r.failure {
        Some(failure) => format!("FAILED: {}", printable(failure.message.lines().next().unwrap_or(""))),
        None => verified(&r.verification).to_owned(),
    };
    let mut cells = vec![
        number.to_string(),
        e.np.to_string(),
        if e.direction == Direction::Write { "write" } else { "read" }.into(),
        e.method.to_string(),
        e.layout.to_string(),
        e.access.to_string(),
        cache(r),
    ];
    cells.extend(varying);
    cells.extend([
        rate(r.transfer_bandwidth()),
        interval,
        rate(r.total_bandwidth()),
        r.ceiling_share().map_or("-".into(), |share| format!("{:.0} %", share * 100.0)),
        Amplification::of(r).map_or("-".into(), |amplification| amplification.to_string()),
        outcome,
    ]);
    cells
}

/// Whether computed and measured reads agree where they differ in the table; empty if they do not.
fn agreement(records: &[&Record]) -> String {
    let reads = records.iter().enumerate().filter_map(|(number, r)| Some((number + 1, Reads::of(r)?)));
    let (explained, others): (Vec<_>, Vec<_>) = reads
        .filter(|(_, reads)| reads.counted > reads.computed && !reads.same())
        .partition(|(_, reads)| reads.explained());
    let mut text = String::new();
    if let Some(most) = explained.iter().map(|(_, reads)| reads.counted - reads.computed).max() {
        let most = super::bytes(most);
        text += &format!("\nread ampl.: where measured is more than computed, it is by metadata, at most {most}\n");
    }
    for (row, Reads { computed, counted, metadata, .. }) in others {
        let [counted, computed, metadata] = [counted, computed, metadata].map(super::bytes);
        text += &format!(
            "\nread ampl.: row {row}: {counted} were read, {computed} and up to {metadata} of metadata computed\n"
        );
    }
    text
}

/// What explains each row, at most three lines a row, most important first; before that, whether reads were as computed.
pub fn explanations(records: &[&Record]) -> String {
    let rows: Vec<(String, &Record)> =
        records.iter().enumerate().map(|(number, r)| (format!("row {}", number + 1), *r)).collect();
    agreement(records) + &super::why::why(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Shape;
    use crate::record::Counters;
    use crate::results::sample;

    /// A read of a tiny dataset of which each rank's read calls returned so many bytes.
    fn counted(read_bytes: u64) -> Record {
        let mut record = sample::record();
        record.experiment.dataset.shape = Shape(vec![8, 4]);
        record.computed = None;
        for sample in &mut record.samples {
            sample.counters = vec![Counters { read_bytes, ..Counters::default() }; record.experiment.np];
        }
        record
    }

    #[test]
    fn reads_beyond_the_computed_ones_are_metadata_or_named() {
        let [as_computed, metadata, more] = [64, 1 << 10, 1 << 20].map(counted);
        assert_eq!(agreement(&[&as_computed]), "");
        assert!(agreement(&[&as_computed, &metadata]).contains("it is by metadata, at most 1.88 KiB"));
        let told = agreement(&[&metadata, &more]);
        assert!(told.contains("row 2: 2.00 MiB were read") && !told.contains("row 1"), "{told}");
    }

    #[test]
    fn settings_that_differ_have_a_column() {
        let [plain, mut tuned] = [sample::record(), sample::record()];
        tuned.experiment.tunables.chunk_cache_bytes = Some(4096);
        tuned.experiment.tunables.hints = BTreeMap::from([("cb_nodes".to_owned(), "2".to_owned())]);
        let [one, both] = [sweep_table(&[&tuned, &tuned]), sweep_table(&[&plain, &tuned])];
        for head in ["chunk-cache", "cb_nodes"] {
            assert!(!one.contains(head) && both.contains(head), "{both}");
        }
        assert!(!both.contains("processes"), "{both}");
    }
}
