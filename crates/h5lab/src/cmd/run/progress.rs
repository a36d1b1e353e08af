//! How far a sweep is: a bar on a terminal; elsewhere a note for each cell, and one now and then while a batch goes on.

use super::forecast::once;
use crate::output::note;
use h5lab_core::experiment::Experiment;
use h5lab_core::record::Record;
use h5lab_core::report::{printable, significant};
use h5lab_core::sweep::Batch;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Tells how far a sweep is, and when it will be done.
pub struct Progress {
    cells: BTreeMap<usize, CellWork>,
    measured: usize,
    begun: Instant,
    /// When something was told last.
    told: Instant,
    /// Guessed seconds of what is done, and the cell that is being measured.
    spent: f64,
    current: Option<usize>,
    tell: Tell,
}

/// After that someone who waits wants to know that it goes on.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);

/// To whom it is told.
enum Tell {
    Nobody,
    Notes,
    Bar(ProgressBar),
}

/// A cell's part of the work.
struct CellWork {
    /// Its number among the measured cells, counted from 1; 0 if it is not measured.
    number: usize,
    words: String,
    /// Guessed seconds of measuring it once.
    once: f64,
    rounds: usize,
    begun: usize,
}

impl CellWork {
    fn left(&self) -> f64 {
        self.once * self.rounds.saturating_sub(self.begun) as f64
    }
}

impl Progress {
    /// Of these batches; `loud` if anything is to be told at all.
    pub fn new(batches: &[Batch], loud: bool) -> Self {
        let (mut cells, mut measured) = (BTreeMap::new(), 0);
        for batch in batches {
            for file in &batch.files {
                let writes = std::iter::once((&file.write, file.write_measured));
                for (cell, counts) in writes.chain(file.reads.iter().map(|read| (read, true))) {
                    measured += usize::from(counts);
                    let number = if counts { measured } else { 0 };
                    cells.insert(cell.index, CellWork::new(number, &cell.experiment, batch, counts));
                }
            }
        }
        let tell = match (loud, std::io::stderr().is_terminal()) {
            (false, _) => Tell::Nobody,
            (true, false) => Tell::Notes,
            (true, true) => Tell::Bar(bar()),
        };
        let now = Instant::now();
        Progress { cells, measured, begun: now, told: now, spent: 0.0, current: None, tell }
    }

    /// A cell is about to be measured once: what was measured before is done.
    pub fn began(&mut self, index: usize) {
        self.done_with_current();
        let Some(cell) = self.cells.get_mut(&index) else { return };
        cell.begun += 1;
        self.current = Some(index);
        let cell = &self.cells[&index];
        let number =
            if cell.number == 0 { String::new() } else { format!("cell {} of {}, ", cell.number, self.measured) };
        let now = format!("{number}round {} of {}: {}", cell.begun, cell.rounds, cell.words);
        match &self.tell {
            Tell::Notes if self.told.elapsed() > LONGEST_SILENCE => self.note(&now),
            Tell::Bar(bar) => {
                bar.set_message(now);
                let (spent, left) = (self.spent, self.work_left());
                bar.set_position((spent / (spent + left).max(f64::MIN_POSITIVE) * 1000.0) as u64);
                bar.set_prefix(format!("ETA {}", HumanDuration(self.time_left())));
            }
            Tell::Notes | Tell::Nobody => {}
        }
    }

    /// A cell was measured in all rounds, or failed.
    pub fn finished(&mut self, index: usize, record: &Record) {
        if self.current == Some(index) {
            self.done_with_current();
        }
        let Some(cell) = self.cells.get_mut(&index) else { return };
        cell.begun = cell.rounds;
        let failed = record.failure.is_some();
        let result = match &record.failure {
            Some(failure) => format!("FAILED: {}", failure.message.lines().next().unwrap_or("")),
            None => record.transfer_bandwidth().map_or("done".into(), |v| format!("{} MiB/s", significant(v))),
        };
        let cell = &self.cells[&index];
        let text = format!("cell {} of {}: {}: {result}", cell.number, self.measured, cell.words);
        match &self.tell {
            Tell::Notes => self.note(&text),
            Tell::Bar(bar) if failed => bar.suspend(|| note(&text)),
            _ => {}
        }
    }

    fn note(&mut self, text: &str) {
        let (so_far, left) = (self.begun.elapsed().as_secs(), self.time_left().as_secs());
        note(&format!("{text} ({so_far} s so far, about {left} s left)"));
        self.told = Instant::now();
    }

    /// These cells begin again with their first round.
    pub fn again(&mut self, batch: &Batch) {
        self.done_with_current();
        for file in &batch.files {
            for index in std::iter::once(&file.write).chain(&file.reads).map(|cell| cell.index) {
                self.cells.entry(index).and_modify(|cell| cell.begun = 0);
            }
        }
    }

    /// A remark that does not disturb the bar.
    pub fn remark(&self, text: &str) {
        match &self.tell {
            Tell::Nobody => {}
            Tell::Notes => note(text),
            Tell::Bar(bar) => bar.suspend(|| note(text)),
        }
    }

    fn done_with_current(&mut self) {
        self.spent += self.current.take().map_or(0.0, |index| self.cells[&index].once);
    }

    /// Guessed seconds of all that is not done.
    fn work_left(&self) -> f64 {
        let current = self.current.map_or(0.0, |index| self.cells[&index].once);
        current + self.cells.values().map(CellWork::left).sum::<f64>()
    }

    /// The guess, corrected by how long what is done took.
    fn time_left(&self) -> Duration {
        let took = self.begun.elapsed().as_secs_f64();
        let correction = if self.spent > 0.0 { took / self.spent } else { 1.0 };
        Duration::try_from_secs_f64((self.work_left() * correction).ceil()).unwrap_or(Duration::MAX)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Tell::Bar(bar) = &self.tell {
            bar.finish_and_clear();
        }
    }
}

impl CellWork {
    fn new(number: usize, experiment: &Experiment, batch: &Batch, counts: bool) -> Self {
        let ceiling = batch.ceiling && counts;
        let words = printable(&experiment.in_words());
        CellWork { number, words, once: once(experiment, ceiling), rounds: batch.repeat, begun: 0 }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {elapsed}, {prefix}");
    let bar = ProgressBar::new(1000).with_style(style.expect("the template is well-formed"));
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use h5lab_core::sweep::{Sweep, from_toml};

    fn progress() -> (Batch, Progress) {
        let plan = "shape='20x40x50'\naccess=['projection','sinogram']\nrepeat=2\nceiling=false";
        let (mut batches, _) = from_toml(plan, Sweep::default()).unwrap().batches(&|_| Ok(())).unwrap();
        let progress = Progress::new(&batches, false);
        (batches.remove(0), progress)
    }

    #[test]
    fn what_is_left_shrinks_with_each_step_to_nothing() {
        let (_, mut progress) = progress();
        let mut before = f64::INFINITY;
        for index in [0, 1, 2, 0, 1, 2] {
            progress.began(index);
            assert!(progress.work_left() <= before, "the first step is still to be done");
            before = progress.work_left();
        }
        progress.done_with_current();
        assert_eq!((progress.work_left(), progress.time_left()), (0.0, Duration::ZERO));
    }

    #[test]
    fn a_batch_that_begins_again_is_all_to_be_done() {
        let (batch, mut progress) = progress();
        let all = progress.work_left();
        [0, 1].into_iter().for_each(|index| progress.began(index));
        assert!(progress.work_left() < all);
        progress.again(&batch);
        assert_eq!(progress.work_left(), all);
    }

    #[test]
    fn the_guess_is_corrected_by_what_was_measured() {
        let (_, mut progress) = progress();
        let guess = progress.time_left();
        progress.begun = Instant::now().checked_sub(Duration::from_secs(1000)).unwrap();
        progress.began(0);
        assert_eq!(progress.time_left(), guess, "nothing is done yet");
        progress.began(1);
        assert!(progress.time_left() > Duration::from_secs(500), "{:?}", progress.time_left());
    }
}
