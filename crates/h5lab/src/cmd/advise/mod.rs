//! `h5lab advise`: calibrate, propose, prove, answer.

mod prove;
mod subject;

pub use subject::Subject;

use crate::cli::{Advise, Output, ReadCache, Readers, Search as Wanted};
use crate::output::{Show, json, note, print};
use h5lab_core::advise::{
    Advice, Commands, Limits, Origin, Original, Proposal, Row, SampleInfo, Verdict, Workload, commands, guess, judge,
    model_errors, pick, propose, text,
};
use h5lab_core::chunk_cache::CacheSize;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::filter::{Filter, Packing};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::model::{Calibration, FilterCost, Setting, estimate};
use h5lab_io::advise::{CalibrationTask, Sample, calibrate, shape_of_sample, stage};
use h5lab_io::run::{ScratchFolder, check_folder, check_room};
use prove::Prover;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Gives advice.
pub fn run(args: Advise, output: &Output) -> Result<()> {
    let subject = Subject::of(&args)?;
    // The answer is the JSON that is wanted, not the records.
    let silent = Output { json: false, ..output.clone() };
    let mut show = Show::new(&silent, args.save.as_deref(), true)?;
    let advice = advise(&args.search, &subject, output, &mut show)?;
    if output.json {
        return json(&serde_json::json!({ "advice": advice, "commands": commands_of(&subject, &advice) }));
    }
    if !output.quiet {
        print(text(&advice, commands_of(&subject, &advice).as_ref()))?;
    }
    Ok(())
}

/// How to get the recommended layout; `None` if it is there.
pub fn commands_of(subject: &Subject, advice: &Advice) -> Option<Commands> {
    let first = &advice.rows[0];
    let file = subject.file.as_ref().map(|file| file.to_string_lossy().into_owned());
    let Subject { dataset, .. } = subject;
    let file = file.as_deref().map(|file| Original { file, elsewhere: subject.elsewhere });
    (first.origin != Origin::Today).then(|| commands(file, &dataset.name, &dataset.shape, dataset.dtype, &first.layout))
}

/// All that is needed to find a layout.
struct Search<'a> {
    wanted: &'a Wanted,
    subject: &'a Subject,
    workload: Workload,
    limits: Limits,
    verdicts: Vec<Verdict>,
    begun: Instant,
    loud: bool,
}

/// Bytes of scratch files that calibration needs.
const CALIBRATION_ROOM: u64 = 256 << 20;
/// Share of the time after which calibration measures no more than it needs.
const CALIBRATION_SHARE: f64 = 0.25;
/// Share of the time after which no further filters are tried.
const CALIBRATION_END: f64 = 0.4;
/// Bytes of the data that filters are tried on.
const FILTER_SAMPLE: u64 = 6 << 20;
/// Layouts that are proven besides today's and h5py's.
const PROVEN: usize = 8;
/// Bytes of the samples that they may be proven on.
const SAMPLES: [u64; 5] = [256 << 20, 128 << 20, 64 << 20, 32 << 20, 16 << 20];
/// A round over all that are proven takes at most this share of the time.
const ROUND_SHARE: f64 = 0.125;

/// Finds the layout. What is measured goes to `show` as records.
///
/// # Errors
/// What stands in the way of reading the data, or of writing scratch files.
pub fn advise(wanted: &Wanted, subject: &Subject, output: &Output, show: &mut Show<'_>) -> Result<Advice> {
    if let Some(ranks) = crate::launch::ranks().filter(|&ranks| ranks > 1) {
        return Err(crate::usage(format!("advise starts its ranks itself, but the launcher started {ranks}"))
            .mend("start it without mpirun, with --np if several are to read at a time"));
    }
    if wanted.np > 1 && !h5lab_io::comm::mpi::AVAILABLE {
        let why = format!(
            "--np {}: several ranks write proofs by collective transfers, and MPI is not in this build",
            wanted.np
        );
        return Err(Failure::new(FailureKind::Environment, why).mend("leave out --np, or use a build with MPI"));
    }
    let shape = &subject.dataset.shape.0;
    let mut workload = Workload::parse(&wanted.reads, shape)?;
    if let Some(writes) = &wanted.writes {
        workload.writes = writes.clone();
    }
    workload.notes.extend(subject.note.clone());
    let limits = Limits { max_size: wanted.max_size, max_memory: wanted.max_memory };
    let loud = !output.quiet && !output.json;
    let mut search = Search { wanted, subject, workload, limits, verdicts: Vec::new(), begun: Instant::now(), loud };
    search.keep_small();
    search.run(show)
}

impl Search<'_> {
    /// Data that is compressed today stays about as small, unless a limit was given.
    fn keep_small(&mut self) {
        let whole = self.subject.dataset.bytes();
        let compressed = self.subject.stored.filter(|&stored| stored > 0 && stored < whole / 10 * 9);
        let filtered = self.subject.today.as_ref().is_some_and(|today| !today.filters().is_empty());
        if let (None, Some(stored), true) = (self.limits.max_size, compressed, filtered) {
            let most = stored + stored / 4;
            self.limits.max_size = Some(most);
            self.verdicts.push(Verdict::KeptSmall { most });
        }
    }

    fn run(mut self, show: &mut Show<'_>) -> Result<Advice> {
        let folder = self.folder()?;
        let room = check_room(&folder, CALIBRATION_ROOM);
        let scratch = if room.is_ok() { Some(ScratchFolder::inside(&folder)?) } else { None };
        let mut calibration = match &scratch {
            Some(scratch) => self.calibrate(scratch.path())?,
            None => self.typical(),
        };
        let setting = self.setting(&self.subject.dataset.shape.0, calibration.cores)?;
        let also = self.also(&calibration);
        let nothing = |all: &[Proposal]| all.iter().all(|proposal| proposal.origin != Origin::Proposed);
        let mut all = propose(&setting, &calibration, &self.pipelines(), &also, &self.limits);
        if nothing(&all) {
            // Filters that there was no time to try may fit.
            let mut untried = self.typical_costs();
            untried.retain(|cost| calibration.filter(&cost.filters).is_none());
            calibration.filters.append(&mut untried);
            all = propose(&setting, &calibration, &self.pipelines(), &also, &self.limits);
        }
        if nothing(&all) {
            let why = "no layout is within the limits on size and memory";
            return Err(crate::usage(why).mend("raise --max-size or --max-memory, or allow more filters: --filter"));
        }
        let few = self.few(&all, &calibration)?;
        self.say(&format!("{} layouts scored, {} to be proven", all.len(), few.len()));
        let (rows, sample) = match (&scratch, room) {
            (Some(scratch), _) => self.prove(&few, &calibration, &folder, scratch.path(), show)?,
            (None, Err(why)) => {
                self.verdicts.push(Verdict::ModelOnly {
                    why: format!("{}; a typical machine stands in for this one", why.message),
                });
                (unproven(&few), None)
            }
            (None, Ok(())) => unreachable!("where there is room there is scratch"),
        };
        Ok(self.answer(rows, sample, calibration, all.len()))
    }

    fn say(&self, text: &str) {
        if self.loud {
            note(text);
        }
    }

    /// Where scratch files go: what was asked for, or where the file is.
    fn folder(&self) -> Result<PathBuf> {
        let beside = self.subject.file.as_ref().and_then(|file| file.parent()).filter(|p| !p.as_os_str().is_empty());
        let folder = match (&self.wanted.scratch, &self.wanted.path) {
            (Some(folder), _) | (None, Some(folder)) => folder.clone(),
            (None, None) => beside.unwrap_or(Path::new(".")).to_owned(),
        };
        check_folder(&folder).map_err(|failure| match self.wanted.scratch {
            None => failure.mend("add --scratch FOLDER, best on the same storage: layouts are proven there"),
            Some(_) => failure,
        })?;
        Ok(folder)
    }

    fn method(&self) -> Method {
        self.wanted.readers.method()
    }

    /// The pipelines of filters that come into question.
    fn pipelines(&self) -> Vec<Vec<Filter>> {
        if self.wanted.filter.is_empty() {
            self.wanted.readers.pipelines()
        } else {
            self.wanted.filter.iter().map(|f| f.0.clone()).collect()
        }
    }

    fn calibrate(&mut self, folder: &Path) -> Result<Calibration> {
        self.say("calibrating path, HDF5 and filters");
        let sample = self.stage(FILTER_SAMPLE, &folder.join("filter-sample.h5"))?;
        let pipelines = self.priced();
        let cache_bytes = cache_bytes();
        let task = CalibrationTask {
            folder,
            sample: &sample.dataset,
            pipelines: &pipelines,
            method: self.method(),
            cache_bytes,
            cold: self.cold(),
            deadline: self.begun + Duration::from_secs_f64(self.wanted.time * CALIBRATION_SHARE),
            end: self.begun + Duration::from_secs_f64(self.wanted.time * CALIBRATION_END),
        };
        let calibration = calibrate(&task)?;
        let untried = pipelines.iter().filter(|filters| calibration.filter(filters).is_none());
        let untried: Vec<String> = untried.map(|filters| h5lab_core::filter::joined(filters)).collect();
        if !untried.is_empty() {
            self.verdicts.push(Verdict::Untried { filters: untried });
        }
        Ok(calibration)
    }

    /// The pipelines that need a price. What is there today has one, too, and is tried first: there may not be time for all.
    fn priced(&self) -> Vec<Vec<Filter>> {
        let today = self.also_layouts().into_iter().map(|(layout, _)| layout.filters().to_vec());
        let mut pipelines: Vec<Vec<Filter>> = Vec::new();
        for filters in today.chain(self.pipelines()) {
            if !pipelines.contains(&filters) {
                pipelines.push(filters);
            }
        }
        pipelines
    }

    /// What stands in where nothing can be measured.
    fn typical(&self) -> Calibration {
        Calibration { filters: self.typical_costs(), ..Calibration::typical() }
    }

    /// Filters that were not tried: they pack as those of today do, or else to half.
    fn typical_costs(&self) -> Vec<FilterCost> {
        let whole = self.subject.dataset.bytes() as f64;
        let packed = self.subject.stored.filter(|&stored| stored > 0).map(|stored| whole / stored as f64);
        let ratio = packed.filter(|&ratio| ratio > 1.0).unwrap_or(2.0);
        self.priced().iter().map(|filters| FilterCost::typical(filters, ratio)).collect()
    }

    fn cold(&self) -> bool {
        self.wanted.cache == ReadCache::Cold
    }

    fn stage(&self, most: u64, file: &Path) -> Result<Sample> {
        let dataset = &self.subject.dataset;
        let shape = shape_of_sample(&dataset.shape.0, dataset.dtype.size() as u64, most);
        stage(dataset, self.subject.today.as_ref().unwrap_or(&Layout::Contiguous), &shape, file)
    }

    fn setting(&self, shape: &[u64], cores: usize) -> Result<Setting> {
        let np = self.wanted.np as usize;
        Ok(Setting {
            shape: shape.to_vec(),
            element: self.subject.dataset.dtype.size() as u64,
            cache_bytes: cache_bytes(),
            cold: self.cold(),
            np,
            decoders: self.wanted.readers.decoders(cores),
            sieve: np == 1,
            passes: self.workload.passes(shape)?,
            weights: self.workload.shares(),
        })
    }

    /// Today's layout, and what h5py would choose.
    fn also_layouts(&self) -> Vec<(Layout, Origin)> {
        let dataset = &self.subject.dataset;
        // h5py's compression="gzip", unless other filters are all that may be.
        let own = self.wanted.filter.iter().map(|f| f.0.clone()).find(|filters| !filters.is_empty());
        let usual = if self.wanted.filter.is_empty() { Some(vec![Filter::Gzip(4)]) } else { own };
        let today = self.subject.today.iter().map(|layout| (layout.clone(), Origin::Today));
        let guesses = [Some(vec![]), usual].into_iter().flatten();
        let guesses = guesses.map(|filters| (guess(&dataset.shape.0, dataset.dtype, filters), Origin::Auto));
        today.chain(guesses).collect()
    }

    /// Of h5py's guesses the compressed one if compression is worth something here.
    fn also(&self, calibration: &Calibration) -> Vec<(Layout, Origin)> {
        let shrinks = |layout: &Layout| {
            let ratio = calibration.filter(layout.filters()).map_or(1.0, |cost| cost.at(256 << 10).ratio);
            ratio > 1.2
        };
        let all = self.also_layouts();
        let packed = all.iter().any(|(layout, origin)| *origin == Origin::Auto && shrinks(layout));
        let today = all.iter().find(|(_, origin)| *origin == Origin::Today).map(|(layout, _)| layout.clone());
        let keep = |(layout, origin): &(Layout, Origin)| match origin {
            Origin::Auto => layout.filters().is_empty() != packed && Some(layout) != today.as_ref(),
            _ => true,
        };
        all.iter().filter(|x| keep(x)).cloned().collect()
    }

    /// The proposals to be proven. More of them where there is time for that with the largest sample: the model may be wrong
    /// about what is best.
    fn few(&self, all: &[Proposal], calibration: &Calibration) -> Result<Vec<Proposal>> {
        let more = pick(all, 2 * PROVEN);
        let round = self.round_seconds(&more, calibration, &self.sample_shape(SAMPLES[0]))?;
        Ok(if round < self.wanted.time * ROUND_SHARE { more } else { pick(all, PROVEN) })
    }

    /// The shape of a sample of at most so many bytes.
    fn sample_shape(&self, most: u64) -> Vec<u64> {
        let dataset = &self.subject.dataset;
        shape_of_sample(&dataset.shape.0, dataset.dtype.size() as u64, most)
    }

    /// Seconds that a round over these proposals is predicted to take, on a sample of this shape, and its staging.
    fn round_seconds(&self, few: &[Proposal], calibration: &Calibration, sample: &[u64]) -> Result<f64> {
        let bytes = (sample.iter().product::<u64>() * self.subject.dataset.dtype.size() as u64) as f64;
        let setting = self.setting(sample, calibration.cores)?;
        let seconds = |p: &Proposal| {
            let e = estimate(&setting, calibration, &prove::clipped(&p.layout, sample))?;
            // Values are read from the staged file to be written, and to verify what was read.
            Some(e.write + 5.0 * e.passes.iter().sum::<f64>() + bytes / 1e9)
        };
        Ok(few.iter().filter_map(seconds).sum::<f64>() + bytes / 2e8)
    }

    /// Writes and reads the few, and returns what came out.
    fn prove(
        &mut self,
        few: &[Proposal],
        calibration: &Calibration,
        folder: &Path,
        scratch: &Path,
        show: &mut Show<'_>,
    ) -> Result<(Vec<Row>, Option<SampleInfo>)> {
        let budget = Duration::from_secs_f64(self.wanted.time);
        let Some(most) = self.sample_bytes(few, calibration, folder, budget)? else {
            return Ok((unproven(few), None));
        };
        let sample = self.stage(most, &scratch.join("sample.h5"))?;
        let shape = sample.dataset.shape.0.clone();
        let setting = self.setting(&shape, calibration.cores)?;
        let rows: Vec<Row> = few.iter().filter_map(|proposal| row(proposal, &setting, calibration)).collect();
        let info = SampleInfo { bytes: sample.dataset.bytes(), shape, share: sample.share };
        self.say(&format!("proving on {}", h5lab_core::report::bytes(info.bytes)));
        let deadline = self.begun + budget;
        let prover = Prover {
            workload: &self.workload,
            sample: &sample.dataset,
            whole: &self.subject.dataset,
            method: self.method(),
            np: self.wanted.np as usize,
            cold: self.cold(),
            max_memory: self.limits.max_memory,
            folder: scratch,
            place: folder,
            deadline,
        };
        let rows = prover.prove(rows, &mut self.verdicts, show)?;
        if info.share < 0.999 {
            self.verdicts.push(Verdict::Sample { share: info.share });
        }
        if info.bytes < 8 << 20 {
            let why = format!("{} fit the processor's caches", h5lab_core::report::bytes(info.bytes));
            self.verdicts.push(Verdict::SmallSample { why });
        }
        Ok((rows, Some(info)))
    }

    /// The largest sample of which a round over all few takes an eighth of the time, and that fits the free space twice.
    fn sample_bytes(
        &mut self,
        few: &[Proposal],
        calibration: &Calibration,
        folder: &Path,
        budget: Duration,
    ) -> Result<Option<u64>> {
        let element = self.subject.dataset.dtype.size() as u64;
        let mut no_room = None;
        for most in SAMPLES {
            let sample = self.sample_shape(most);
            let bytes = sample.iter().product::<u64>() * element;
            if let Err(why) = check_room(folder, bytes * 5 / 2) {
                no_room = Some(why.message);
                continue;
            }
            no_room = None;
            let round = self.round_seconds(few, calibration, &sample)?;
            if round < budget.as_secs_f64() * ROUND_SHARE || most == SAMPLES[SAMPLES.len() - 1] {
                return Ok(Some(most));
            }
        }
        let why = no_room.unwrap_or_else(|| "no room".into());
        self.verdicts.push(Verdict::ModelOnly { why });
        Ok(None)
    }

    /// Whether today's filters are among those that the user allows.
    fn today_may_stay(&self) -> bool {
        let allowed = &self.wanted.filter;
        let has = |today: &Layout| allowed.iter().any(|filters| filters.0 == today.filters());
        allowed.is_empty() || self.subject.today.as_ref().is_none_or(has)
    }

    fn answer(self, rows: Vec<Row>, sample: Option<SampleInfo>, calibration: Calibration, scored: usize) -> Advice {
        let shares = self.workload.shares();
        let names: Vec<String> = self.workload.reads.iter().map(|read| read.name.clone()).collect();
        let (rows, mut verdicts) = judge(rows, &shares, &names, &self.limits, self.today_may_stay());
        verdicts.extend(self.verdicts);
        let dataset = &self.subject.dataset;
        Advice {
            subject: self.subject.label.clone(),
            dataset: format!("{} {}", dataset.shape, dataset.dtype),
            reader: self.wanted.readers.name().into(),
            np: self.wanted.np as usize,
            cold: self.wanted.cache == ReadCache::Cold,
            front: Advice::front_of(&rows, &shares),
            model_error: model_errors(&rows),
            workload: self.workload,
            rows,
            verdicts,
            sample,
            calibration,
            scored,
            seconds: self.begun.elapsed().as_secs_f64(),
        }
    }
}

/// The chunk cache that a reader has who sets none.
fn cache_bytes() -> u64 {
    let (major, minor, patch) = h5lab_io::h5::library_version();
    CacheSize::of_hdf5(&format!("{major}.{minor}.{patch}")).bytes
}

/// The proposals as rows without measurements.
fn unproven(few: &[Proposal]) -> Vec<Row> {
    let row = |p: &Proposal| Row {
        layout: p.layout.clone(),
        origin: p.origin,
        predicted: p.estimate.clone(),
        on_sample: p.estimate.clone(),
        measured: None,
        failure: None,
    };
    few.iter().map(row).collect()
}

/// A proposal with what is predicted for the sample.
fn row(proposal: &Proposal, setting: &Setting, calibration: &Calibration) -> Option<Row> {
    let on_sample = estimate(setting, calibration, &prove::clipped(&proposal.layout, &setting.shape))?;
    Some(Row {
        layout: proposal.layout.clone(),
        origin: proposal.origin,
        predicted: proposal.estimate.clone(),
        on_sample,
        measured: None,
        failure: None,
    })
}

impl Readers {
    fn name(self) -> &'static str {
        match self {
            Readers::H5py => "h5py",
            Readers::Plugins => "h5py with plugins",
        }
    }

    fn method(self) -> Method {
        match self {
            Readers::H5py | Readers::Plugins => Method::Independent,
        }
    }

    /// Cores that decode for one reader.
    fn decoders(self, _cores: usize) -> usize {
        match self {
            Readers::H5py | Readers::Plugins => 1,
        }
    }

    /// The pipelines that this reader can have: fast ones, and those that pack well.
    fn pipelines(self) -> Vec<Vec<Filter>> {
        use Filter::{Bitshuffle, Gzip, Lzf, Shuffle, Zstd};
        let shuffled = |filter| vec![Shuffle, filter];
        let mut all = vec![vec![], shuffled(Lzf), shuffled(Gzip(1)), shuffled(Gzip(4))];
        if self == Readers::Plugins {
            all.truncate(3);
            all.extend([vec![Bitshuffle(Packing::Lz4)], vec![Bitshuffle(Packing::Zstd(3))], shuffled(Zstd(3))]);
        }
        all
    }
}

/// A failure of a proof that says nothing about the others.
fn told(failure: &Failure) -> String {
    failure.message.lines().next().unwrap_or("").to_owned()
}
