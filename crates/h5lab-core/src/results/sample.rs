//! Records made up for tests, from one of the golden file.

use super::{Repeat, Results};
use crate::record::{Phases, Record, Sample};
use crate::stats::simulation::{Distribution, Simulation};

/// A read of 4 ranks, verified, without a failure.
pub(crate) fn record() -> Record {
    let golden = include_str!("../../tests/golden/record-v1.jsonl");
    let read = golden.lines().nth(3).expect("the golden file has a read");
    serde_json::from_str(read).expect("records stay readable")
}

/// The record with as many repeats as there are transfer seconds.
pub(crate) fn with_transfers(mut record: Record, seconds: &[f64]) -> Record {
    let np = record.experiment.np;
    record.samples = seconds
        .iter()
        .map(|&transfer| Sample {
            ranks: vec![Phases { open: 0.001, transfer, flush: 0.0, close: 0.001 }; np],
            together: None,
            generate: 0.0,
            verify: 0.0,
            resident: record.samples[0].resident,
            counters: Vec::new(),
        })
        .collect();
    record
}

/// Two runs of one plan of `cells` cells, `repeats` each: the second takes `factor(cell)` times as long.
pub(crate) fn two_runs(
    simulation: &mut Simulation,
    distribution: Distribution,
    cells: usize,
    repeats: usize,
    factor: impl Fn(usize) -> f64,
) -> Results {
    let mut results = Results::new();
    results.source("a.jsonl");
    results.take(1, &record());
    let model = results.cells.remove(0);
    results.source("b.jsonl");
    for source in 0..2 {
        for number in 0..cells {
            let mut cell = model.clone();
            let factor = if source == 0 { 1.0 } else { factor(number) };
            let repeat = |seconds: f64| Repeat {
                phases: Phases { transfer: seconds.abs() * 1e-3 * factor, ..Phases::default() },
                resident: Some(1.0),
                read_bytes: None,
            };
            cell.repeats = simulation.samples(distribution, repeats).into_iter().map(repeat).collect();
            (cell.source, cell.line, cell.experiment.np) = (source, number + 1, number + 1);
            results.cells.push(cell);
        }
    }
    results
}
