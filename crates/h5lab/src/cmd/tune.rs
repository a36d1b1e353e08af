//! `h5lab tune`: advice, applied beside the original, and measured again.

use super::advise::{Subject, advise};
use crate::cli::{Output, ReadCache, Tune};
use crate::output::{Bar, Show, json, line, note, print};
use crate::task::{Settings, finish};
use crate::usage;
use h5lab_core::advise::{Advice, Origin, Receipt, ReceiptLine, Row, Workload, beside, text};
use h5lab_core::experiment::{CacheWanted, Experiment};
use h5lab_core::failure::Result;
use h5lab_core::inspect::Kind;
use h5lab_core::layout::Layout;
use h5lab_core::repack_plan::rules::{NewFilter, NewFilters, NewLayout, Rule};
use h5lab_core::stats;
use h5lab_core::tunables::Tunables;
use h5lab_io::comm::Solo;
use h5lab_io::h5;
use h5lab_io::progress::Silent;
use h5lab_io::repack::{Order, repack};
use h5lab_io::run::{Options, Team, run as run_experiment};
use std::path::{Path, PathBuf};

/// Rounds in which old and new file are read in turns.
const ROUNDS: usize = 3;

/// Tunes a file.
pub fn run(args: Tune, output: &Output) -> Result<()> {
    if args.search.np != 1 {
        return Err(usage("tune measures with one reader").mend("leave out --np; h5lab advise takes it"));
    }
    let subject = Subject::of_file(&args.subject)?;
    let old = subject.file.clone().expect("a subject of a file");
    let new = args.output_file.clone().unwrap_or_else(|| PathBuf::from(beside(&old.to_string_lossy())));
    let silent = Output { json: false, ..output.clone() };
    super::apart(args.save.as_deref(), [old.as_path(), &new])?;
    let mut show = Show::new(&silent, args.save.as_deref(), true)?;
    let advice = advise(&args.search, &subject, output, &mut show)?;
    let loud = !output.quiet && !output.json;
    if loud {
        print(text(&advice, None))?;
    }
    let chosen = &advice.rows[0];
    if chosen.origin == Origin::Today {
        return if output.json { json(&serde_json::json!({ "advice": advice, "receipt": null })) } else { Ok(()) };
    }
    if loud {
        note(&format!("writing {} beside it, and verifying", new.display()));
    }
    let bar = Bar::new(output);
    let written = repack(&order(&args, &subject, (&old, &new), &chosen.layout), &bar);
    bar.clear();
    let seconds = written?.seconds;
    let measuring = Measuring { advice: &advice, dataset: &subject.dataset.name, files: [&old, &new] };
    let receipt = measuring.receipt(&args, chosen, seconds, &mut show)?;
    if output.json {
        return json(&serde_json::json!({ "advice": advice, "receipt": receipt }));
    }
    if loud { line("").and_then(|()| print(receipt.text())) } else { Ok(()) }
}

/// The repack that gives the dataset its new layout, and leaves everything else as it is.
fn order(args: &Tune, subject: &Subject, (old, new): (&Path, &Path), layout: &Layout) -> Order {
    let shape = match layout {
        Layout::Contiguous => NewLayout::Contiguous,
        Layout::Chunked { chunk, .. } => NewLayout::Chunk(chunk.clone()),
    };
    let filters = layout.filters().iter().cloned().map(NewFilter::Known).collect();
    let rule = Rule {
        datasets: vec![subject.dataset.name.clone()],
        layout: Some(shape),
        filters: Some(NewFilters::Set(filters)),
    };
    Order {
        input: old.to_owned(),
        output: new.to_owned(),
        in_place: false,
        force: args.force,
        rules: vec![rule],
        minimum: 0,
        materialize: subject.elsewhere,
        split: false,
        memory: args.search.max_memory,
        threads: None,
        verify: true,
    }
}

/// Both files, read in turns.
struct Measuring<'a> {
    advice: &'a Advice,
    dataset: &'a str,
    files: [&'a Path; 2],
}

impl Measuring<'_> {
    fn receipt(&self, args: &Tune, chosen: &Row, repack_seconds: f64, show: &mut Show<'_>) -> Result<Receipt> {
        let workload = &self.advice.workload;
        let (reads, layouts) = self.all(workload, args, chosen, show)?;
        let line = |(access, read): (usize, &h5lab_core::advise::Read)| ReceiptLine {
            read: read.name.clone(),
            before: reads[0][access],
            predicted: chosen.predicted.reads[access],
            promised: chosen.read_of(access),
            obtained: reads[1][access],
        };
        let [from, to] = layouts;
        Ok(Receipt {
            old: self.files[0].display().to_string(),
            new: self.files[1].display().to_string(),
            dataset: self.dataset.to_owned(),
            from,
            to,
            reads: workload.reads.iter().enumerate().map(line).collect(),
            stored: [
                self.stored(self.files[0])?,
                chosen.predicted.stored,
                chosen.stored(),
                self.stored(self.files[1])?,
            ],
            repack_seconds,
        })
    }

    /// Seconds of one read of each access in each file, and the layouts that were found there.
    fn all(
        &self,
        workload: &Workload,
        args: &Tune,
        chosen: &Row,
        show: &mut Show<'_>,
    ) -> Result<([Vec<f64>; 2], [Layout; 2])> {
        let mut experiments: [Vec<Experiment>; 2] = [Vec::new(), Vec::new()];
        for (file, experiments) in self.files.into_iter().zip(&mut experiments) {
            *experiments = self.experiments(file, workload, args)?;
        }
        let accesses = workload.reads.len();
        let mut times = [vec![Vec::new(); accesses], vec![Vec::new(); accesses]];
        for round in 0..ROUNDS {
            for access in 0..accesses {
                for which in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                    let predicted = (which == 1).then_some(chosen.predicted.passes[access]);
                    let seconds = measure(&experiments[which][access], self.files[which], predicted, show)?;
                    times[which][access].push(seconds);
                }
            }
        }
        let medians = times.map(|file| file.iter().map(|rounds| stats::median(rounds).unwrap_or(0.0)).collect());
        let layouts = experiments.map(|file| file[0].layout.clone());
        Ok((medians, layouts))
    }

    fn experiments(&self, path: &Path, workload: &Workload, args: &Tune) -> Result<Vec<Experiment>> {
        let file = h5::open_existing(path)?;
        let (dataset, layout) = h5::dataset::describe(&file, Some(self.dataset), path)?;
        let cache = if args.search.cache == ReadCache::Cold { CacheWanted::Cold } else { CacheWanted::Warm };
        let one = |access| Experiment {
            access,
            cache,
            ..Experiment::one_reader(dataset.of_unknown_values(), layout.clone())
        };
        Ok(workload.accesses(&dataset.shape.0)?.into_iter().map(one).collect())
    }

    /// Bytes that the dataset takes in a file.
    fn stored(&self, path: &Path) -> Result<u64> {
        let found = h5lab_io::inspect::inspect(path, false)?;
        let wanted = format!("/{}", self.dataset);
        Ok(found
            .nodes
            .iter()
            .find_map(|node| match &node.kind {
                Kind::Dataset(facts) if node.path == wanted => Some(facts.stored_bytes),
                _ => None,
            })
            .unwrap_or(0))
    }
}

/// Seconds of one read of a pass; the record goes to `show`.
fn measure(experiment: &Experiment, file: &Path, predicted: Option<f64>, show: &mut Show<'_>) -> Result<f64> {
    let team = Team { comm: &Solo, progress: &Silent, fault: None };
    let outcome = run_experiment(experiment, file, Options { from_memory: true, ..Options::default() }, team)?;
    let settings = Settings {
        method: experiment.method,
        tunables: Tunables::default(),
        repeat: 1,
        buffer: experiment.buffer,
        ceiling: false,
        command: super::command_line(),
    };
    let mut record =
        finish(experiment.clone(), file, &settings, outcome, team)?.expect("the only rank returns the record");
    record.predicted = predicted;
    let seconds = record.samples.last().map_or(0.0, |sample| sample.duration().transfer);
    let requests = record.demand().requests.max(1) as f64;
    show.keep(record)?;
    Ok(seconds / requests)
}
