//! Flags and arguments: raw values, checked one by one; nothing here looks at the machine.

pub mod job;

mod repack;

pub use repack::Repack;

use clap::{Args, Parser, Subcommand, ValueEnum};
use h5lab_core::access::Access;
use h5lab_core::compare::{By, FailOn, Metric};
use h5lab_core::dataset::{Dtype, Shape};
use h5lab_core::failure::Result;
use h5lab_core::filter::Filter;
use h5lab_core::generate::DataKind;
use h5lab_core::method::Method;
use h5lab_core::report::parse_bytes;
use h5lab_core::sweep::{KEYS, Sweep};
use h5lab_io::run::View;
use std::path::PathBuf;

/// Finds out how to make HDF5 fast on your storage: real MPI, real HDF5, numbers that can be trusted.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub output: Output,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 2 a flag or a value that cannot be; 3 not the file or dataset that is needed; \
4 refused to overwrite a file that h5lab did not make; 5 permission, no space, no folder, I/O error; \
6 MPI, mpirun or a build feature missing; 7 values read differ; 8 a rank was lost; 9 more change than --fail-on \
allows; 70 a defect; 75 ended by the scheduler; 130 stopped; 141 stdout was closed.

Start with:
  h5lab env .
  h5lab write 128 250000 test.h5 --np 1,2
  h5lab read test.h5 --np 1,2";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a float32 dataset in parallel, each rank its own block of rows
    Write(Write),
    /// Read a dataset in parallel and verify every value
    Read(Read),
    /// Compare contiguous, chunked and compressed layouts on a stack of images
    Chunking(Chunking),
    /// The smallest parallel program: rank r writes r+1
    Simple(Simple),
    /// Measure any combination of methods, layouts, accesses, ranks, cache states and folders
    Run(Run),
    /// Measure one cell of a result file again
    Rerun(Rerun),
    /// Six lessons on parallel HDF5: each measures, asks, and answers from what it measured
    Lesson(Lesson),
    /// Say what changed between results: two files, or the paths, hosts, versions or methods of one
    Compare(Compare),
    /// Show results: a page with charts that opens anywhere, Markdown, CSV, Parquet, SVG
    Report(Report),
    /// Write a job script for Slurm or Grid Engine; submit and follow it
    Job(Box<job::Job>),
    /// What h5lab's own mpirun starts for a batch of cells
    #[command(hide = true)]
    Batch(Batch),
    /// How h5lab finds out whether MPI starts
    #[command(hide = true, name = crate::launch::probe::COMMAND, after_help = "h5lab start-mpi is started by h5lab env")]
    StartMpi,
    /// Write a file anew with other chunks and filters: what h5repack does, by all cores, and safely
    Repack(Repack),
    /// What there is here: HDF5, MPI, machine, launcher, file system
    Env(Env),
    /// Look at a file: its tree, how each dataset is stored, what reads cost, what is wrong
    #[command(visible_alias = "ls")]
    Inspect(Inspect),
    /// Draw one slice of a dataset in the terminal, or as a picture
    Show(Show),
    /// Find the layout (chunks and filters) that fits your reads on your storage, and prove it
    Advise(Advise),
    /// Give a file the layout that fits its reads: advise, repack beside it, measure again
    Tune(Tune),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab inspect scan.h5
      the tree, the chunks and filters of every dataset, what is wrong
  h5lab ls scan.h5 --attrs
      the same, with attributes
  h5lab inspect scan.h5 --json
      for other programs

Values are not read. docs/advise.md says what each column and each remark means.")]
pub struct Inspect {
    /// The HDF5 files to look at
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Show attributes with their values, too
    #[arg(long)]
    pub attrs: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab show scan.h5:entry/data[120,:,:]
      image 120, in the terminal
  h5lab show scan.h5
      the middle of the file's only dataset
  h5lab show 'scan.h5:data[:,270,:]' -o sino.png
      a sinogram as a picture with axes and colour bar

Contrast is from the 1st to the 99th percentile. Where stdout is no terminal there are no colours.")]
pub struct Show {
    /// File, dataset and index, as in NumPy; without an index, the middle of all axes but the last two
    #[arg(value_name = "FILE:DATASET[INDEX]")]
    pub slice: String,
    /// Write a picture (PNG) with colour bar and axes instead of drawing in the terminal
    #[arg(long = "output", short = 'o', value_name = "FILE.png")]
    pub output_file: Option<PathBuf>,
    /// Overwrite FILE.png
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab advise scan.h5 --reads projection=0.5,sinogram=0.4,roi:200x200=0.1
  h5lab advise scan.h5:entry/data --reads tomography --cache cold \\
          --max-size 40GiB
  h5lab advise --shape 1801x2160x2560 --dtype u16 --data tomography \\
          --path /scratch

Profiles of reads: tomography, ptychography, spectroscopy-map, mx-diffraction, time-series. \
docs/advise.md says how it is found out, docs/model.md how layouts are scored.")]
pub struct Advise {
    /// The file, and a dataset of it; the largest one of numbers if none is named
    #[arg(value_name = "FILE[:DATASET]")]
    pub subject: Option<String>,
    /// Instead of a file: elements along each axis
    #[arg(long, value_name = "NxNxN")]
    pub shape: Option<Shape>,
    /// With --shape: the type of an element
    #[arg(long, default_value = "u16", requires = "shape")]
    pub dtype: Dtype,
    /// With --shape: what the values are like: uniform, detector, tomography or ramp
    #[arg(long, default_value = "detector", requires = "shape")]
    pub data: DataKind,
    /// With --shape: seed of the values
    #[arg(long, default_value = "1", value_parser = seed, requires = "shape", allow_negative_numbers = true)]
    pub seed: u64,
    #[command(flatten)]
    pub search: Search,
    /// Append the record of each proof as a JSON line to this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab tune scan.h5 --reads projection=0.5,sinogram=0.5
  h5lab tune scan.h5:entry/data --reads tomography --output tuned.h5

The new file lies beside the old one, which stays as it is; every value is compared. What was predicted, promised by \
the proof, and obtained stands on the receipt.")]
pub struct Tune {
    /// The file, and a dataset of it; the largest one of numbers if none is named
    #[arg(value_name = "FILE[:DATASET]")]
    pub subject: String,
    /// The new file; FILE.repacked.h5 if not given
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    pub output_file: Option<PathBuf>,
    /// Overwrite the new file if it is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub search: Search,
    /// Append the record of each measurement as a JSON line to this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// What a layout is looked for, within which limits.
#[derive(Clone, Debug, Args)]
pub struct Search {
    /// What is read, with its share of all reads; or the name of a profile
    #[arg(long, value_name = "READ=SHARE,...", default_value = "tomography")]
    pub reads: String,
    /// How it is written: rows, projection or full
    #[arg(long, value_name = "ACCESS", value_parser = writes)]
    pub writes: Option<Access>,
    /// Who reads: h5py as it is, h5py with filter plugins
    #[arg(long, value_enum, default_value = "h5py")]
    pub readers: Readers,
    /// Consider these filters only: none,shuffle+gzip=1
    #[arg(long, value_name = "FILTERS,...", value_delimiter = ',', value_parser = pipeline)]
    pub filter: Vec<Pipeline>,
    /// Most bytes that the dataset may take; without it, compressed data stays about as small as it is
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub max_size: Option<u64>,
    /// Most memory for the chunks that a writer has begun
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_bytes)]
    pub max_memory: u64,
    /// Readers at a time
    #[arg(long, value_name = "N", default_value = "1", value_parser = count, allow_negative_numbers = true)]
    pub np: u64,
    /// Where reads find the data: on the device, or in the page cache
    #[arg(long, value_enum, default_value = "cold")]
    pub cache: ReadCache,
    /// Most time to take: 60s, 5m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub time: f64,
    /// The folder where the data will live; the file's own if not given
    #[arg(long, value_name = "FOLDER")]
    pub path: Option<PathBuf>,
    /// The folder to prove in, if nothing can be written to the other one
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
}

/// State of the page cache that reads meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReadCache {
    Cold,
    Warm,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Readers {
    /// Only filters that h5py brings along
    H5py,
    /// Filters of plugins (hdf5plugin), too
    Plugins,
}

/// A pipeline of filters; none is an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline(pub Vec<Filter>);

fn pipeline(text: &str) -> Result<Pipeline, String> {
    if text == "none" {
        return Ok(Pipeline(Vec::new()));
    }
    let filters: Result<Vec<Filter>, _> = text.split('+').map(str::parse).collect();
    filters.map(Pipeline).map_err(|failure| format!("{}: {}", failure.message, failure.mend.unwrap_or_default()))
}

fn writes(text: &str) -> Result<Access, String> {
    match text.parse::<Access>() {
        Ok(access @ (Access::Rows | Access::Full | Access::Projection { limit: None })) => Ok(access),
        _ => Err("write rows, projection or full: a dataset is written whole".into()),
    }
}

/// Seconds of `60`, `60s`, `5m` or `1h`.
fn duration(text: &str) -> Result<f64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("write a time in seconds, minutes or hours: 60s, 5m, 1h".into()),
    };
    let seconds = digits.parse::<f64>().ok().map(|number| number * factor);
    seconds.filter(|s| (1.0..=1e6).contains(s)).ok_or_else(|| "write a time of at least a second: 60s".into())
}

/// Options that every command has.
#[derive(Clone, Debug, Args)]
pub struct Output {
    /// Print the results as JSON, one object a line, instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but errors (with --json: nothing but the JSON)
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// How h5lab starts itself under mpirun: the rank count that it expects
    #[arg(long, global = true, hide = true, value_name = "NP")]
    pub worker: Option<usize>,
}

/// Options of the commands that ranks run together.
#[derive(Clone, Debug, Args)]
pub struct Ranks {
    /// Rank counts to run with, one after the other; h5lab starts mpirun itself (threads, in a build without MPI)
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', value_parser = count, allow_negative_numbers = true)]
    pub np: Vec<u64>,
}

impl Ranks {
    /// The rank counts.
    pub fn counts(&self) -> Vec<usize> {
        self.np.iter().map(|&np| np as usize).collect()
    }
}

/// Options of a measurement.
#[derive(Clone, Debug, Args)]
pub struct Measuring {
    /// How often to measure; the table shows medians
    #[arg(long, value_name = "N", default_value = "1", value_parser = count, allow_negative_numbers = true)]
    pub repeat: u64,
    /// Most memory that a rank uses for data
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_bytes)]
    pub buffer: u64,
    /// Most bytes that one transfer call moves, within --buffer: 8MiB if nothing is said; with --method direct all of
    /// --buffer, which its threads share
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub transfer_size: Option<u64>,
    /// Collective transfers instead of independent ones: --method collective
    #[arg(long, conflicts_with = "method")]
    pub collective: bool,
    /// How bytes move: independent, collective, gather, per-process or direct
    #[arg(long, value_name = "METHOD", default_value = "independent")]
    pub method: Method,
    /// Threads of each rank that move data, with --method direct; without it, the rank's share of the cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096), allow_negative_numbers = true)]
    pub threads: Option<u32>,
    /// Pass by the page cache (O_DIRECT), with --method direct
    #[arg(long)]
    pub direct_io: bool,
    /// Do not measure the posix ceiling (the same bytes without HDF5)
    #[arg(long)]
    pub no_ceiling: bool,
    /// Append each result as a JSON line to this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab write
      128 x 10000000 floats (5.1 GB) to test.h5, one rank
  mpirun -np 8 h5lab write 128 1000000
      under a launcher of your own
  h5lab write 128 250000 test.h5 --np 1,2,4
      h5lab starts mpirun, one table, speed-up
  h5lab write 128 250000 --collective --fsync
      collective transfers, flushed to the device

Rank r of p writes rows r*n/p up to (r+1)*n/p: uniform random numbers (Threefry2x64-20) plus 1000*(r+1).")]
pub struct Write {
    /// Rows
    #[arg(value_name = "NROWS", default_value = "128", value_parser = count, requires = "columns", allow_negative_numbers = true)]
    pub rows: u64,
    /// Columns
    #[arg(value_name = "NCOLS", default_value = "10000000", value_parser = count, allow_negative_numbers = true)]
    pub columns: u64,
    /// The file to write
    #[arg(value_name = "FILE", default_value = "test.h5")]
    pub file: PathBuf,
    #[command(flatten)]
    pub ranks: Ranks,
    #[command(flatten)]
    pub measuring: Measuring,
    /// Seed of the random numbers
    #[arg(long, default_value = "1", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Flush to the device within the measurement
    #[arg(long)]
    pub fsync: bool,
    /// Overwrite FILE even if h5lab did not make it
    #[arg(long)]
    pub force: bool,
    /// Write even if the file system says that there is no room
    #[arg(long)]
    pub ignore_free_space: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab read
      test.h5, one rank, every value verified
  h5lab read test.h5 --np 1,2,4 --cache cold
      from the device, not from the page cache
  h5lab read --view process --np 4
      what each rank holds
  h5lab read --view global --np 4
      what each rank sees of the whole
  h5lab read scan.h5 --method direct
      with all cores, past HDF5's lock
  h5lab read scan.h5 --dataset entry/data
      somebody else's file: read, nothing to verify against")]
pub struct Read {
    /// The file to read
    #[arg(value_name = "FILE", default_value = "test.h5")]
    pub file: PathBuf,
    /// Path of the dataset in the file; needed if there are several
    #[arg(long, value_name = "PATH")]
    pub dataset: Option<String>,
    /// Show what each rank sees: its own part, or the whole dataset
    #[arg(long, value_enum)]
    pub view: Option<ViewName>,
    /// The page cache: taken as it is found, warmed by an unmeasured read, or dropped and checked cold
    #[arg(long, value_enum, default_value = "as-found")]
    pub cache: Cache,
    #[command(flatten)]
    pub ranks: Ranks,
    #[command(flatten)]
    pub measuring: Measuring,
}

/// What to do about the page cache.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Cache {
    AsFound,
    Warm,
    Cold,
}

/// Whose view of the dataset.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ViewName {
    Process,
    Global,
}

impl From<ViewName> for View {
    fn from(name: ViewName) -> View {
        match name {
            ViewName::Process => View::Process,
            ViewName::Global => View::Global,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab chunking
      500 x 768 x 1366 float64: 4.2 GB a layout, one at a time
  h5lab chunking --shape 50x768x1366 --data detector
      smaller, detector counts only
  h5lab chunking --shape 50x768x1366 --dtype u16
      as detectors store them

Needs room for one file of the logical size. One process, no ranks. All layouts are written and read the same way: past \
HDF5's lock, with all cores (--method direct), or through HDF5 on one core (--method independent), as h5py does it.")]
pub struct Chunking {
    /// The stack: images, rows, columns
    #[arg(long, value_name = "NxNxN", default_value = "500x768x1366")]
    pub shape: Shape,
    /// Type of a pixel
    #[arg(long, default_value = "f64")]
    pub dtype: Dtype,
    /// What the pixels are: uniform noise (does not compress), or detector counts (do)
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', default_value = "uniform,detector")]
    pub data: Vec<DataKind>,
    /// Shape of a chunk
    #[arg(long, value_name = "NxNxN", default_value = "1x200x200")]
    pub chunk: Shape,
    /// The corner tile of every image that is read: rows, columns
    #[arg(long, value_name = "NxN", default_value = "200x200")]
    pub tile: Shape,
    /// Level of the compression, 0 to 9
    #[arg(long, value_name = "LEVEL", default_value = "4", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub gzip: u8,
    /// How bytes move, in all layouts: direct (all cores) or independent (HDF5, one core)
    #[arg(long, value_name = "METHOD", default_value = "direct")]
    pub method: Method,
    /// Threads that move data, with --method direct; without it, one a core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096), allow_negative_numbers = true)]
    pub threads: Option<u32>,
    /// The folder to write in
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub path: PathBuf,
    /// Seed of the data
    #[arg(long, default_value = "1", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// How often to measure; the table shows medians
    #[arg(long, value_name = "N", default_value = "1", value_parser = count, allow_negative_numbers = true)]
    pub repeat: u64,
    /// Flush each file to the device within the measurement of its write
    #[arg(long)]
    pub fsync: bool,
    /// Keep the files
    #[arg(long)]
    pub keep: bool,
    /// Overwrite files of the same names even if h5lab did not make them
    #[arg(long)]
    pub force: bool,
    /// Write even if the file system says that there is no room
    #[arg(long)]
    pub ignore_free_space: bool,
    /// Append each result as a JSON line to this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab simple --np 4
  mpirun -np 4 h5lab simple")]
pub struct Simple {
    /// The file to write
    #[arg(value_name = "FILE", default_value = "simple.h5")]
    pub file: PathBuf,
    #[command(flatten)]
    pub ranks: Ranks,
    /// Overwrite FILE even if h5lab did not make it
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab run --preset projection-stack --save results.jsonl
  h5lab run plan.toml --save results.jsonl --resume
  h5lab run --shape 180x540x640 --chunk contiguous,1x540x640,auto \\
          --filter none,shuffle+gzip=4,bitshuffle-lz4 \\
          --access projection,sinogram:16 \\
          --method independent,collective,posix --np 1,2 --cache warm,cold
  h5lab run plan.toml --path /scratch,/nfs/me --dry-run

Lists multiply. A flag replaces what the plan or the preset says. docs/plans.md describes every key.")]
pub struct Run {
    /// The plan, in TOML
    #[arg(value_name = "PLAN", conflicts_with = "preset")]
    pub plan: Option<PathBuf>,
    /// A plan that comes with h5lab: see --presets
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// List the plans that come with h5lab
    #[arg(long)]
    pub presets: bool,
    /// Show the cells, bytes, disk, memory and time, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Append each cell's record as a JSON line to this file
    #[arg(long, value_name = "RESULTS")]
    pub save: Option<PathBuf>,
    /// Leave out the cells that the result file holds already (same plan, host and versions)
    #[arg(long, requires = "save")]
    pub resume: bool,
    /// Show the report while it fills in, on a page of this machine alone; its address is told on stderr
    #[arg(long, conflicts_with_all = ["dry_run", "quiet"])]
    pub live: bool,
    #[command(flatten)]
    pub keys: PlanKeys,
}

/// The keys of a plan as flags: one table serves both.
#[derive(Debug, Default)]
pub struct PlanKeys {
    /// Name and values of each key that was given.
    pub given: Vec<(&'static str, Vec<String>)>,
}

impl PlanKeys {
    /// Sets the keys that were given.
    pub fn apply(&self, sweep: &mut Sweep) -> Result<()> {
        self.given.iter().try_for_each(|(key, values)| {
            sweep.set(key, values).map_err(|mut failure| {
                failure.message = format!("--{}", failure.message);
                failure
            })
        })
    }
}

impl Args for PlanKeys {
    fn augment_args(command: clap::Command) -> clap::Command {
        KEYS.iter().fold(command, |command, key| {
            let arg = clap::Arg::new(key.name).long(key.name).help(key.help).help_heading("Keys of a plan");
            command.arg(
                arg.value_name(if key.list { "V,V,..." } else { "V" })
                    .value_delimiter(',')
                    .action(clap::ArgAction::Append)
                    .aliases(key.alias())
                    .allow_negative_numbers(true),
            )
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for PlanKeys {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let given = KEYS.iter().filter_map(|key| {
            let values = matches.get_many::<String>(key.name)?;
            Some((key.name, values.cloned().collect()))
        });
        Ok(PlanKeys { given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab rerun results.jsonl --cell 3
      the same experiment, side by side with its record
  h5lab rerun results.jsonl --cell 3 --save again.jsonl")]
pub struct Rerun {
    /// The result file
    #[arg(value_name = "RECORDS")]
    pub records: PathBuf,
    /// Which record: its line, counted from 1
    #[arg(long, value_name = "K", value_parser = count, allow_negative_numbers = true)]
    pub cell: u64,
    /// Append the new record as a JSON line to this file
    #[arg(long, value_name = "RESULTS")]
    pub save: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab lesson
      the list
  h5lab lesson 1
      text, measurement, what to look for, the question
  h5lab lesson 1 --np 4,8,16 --answer
      the same, and the answer from the numbers just measured
  h5lab lesson 4 --path /gpfs/me,/tmp
      in these folders
  h5lab lesson 6 --full
      with the course's dataset, which takes gigabytes and minutes

Every key of a plan is a flag, and replaces what the lesson's plan says. lessons/README.md is the course's front page.")]
pub struct Lesson {
    /// Which lesson: its number, or the name of its folder; the list, if absent
    #[arg(value_name = "N")]
    pub lesson: Option<String>,
    /// Show the text, and measure nothing
    #[arg(long, requires = "lesson", conflicts_with_all = ["answer", "save", "full"])]
    pub text: bool,
    /// Answer the question from the numbers just measured
    #[arg(long, requires = "lesson")]
    pub answer: bool,
    /// Take the course's dataset, which needs gigabytes, and not one that fits this machine
    #[arg(long, requires = "lesson", conflicts_with = "shape")]
    pub full: bool,
    /// Append each record as a JSON line to this file
    #[arg(long, value_name = "RESULTS", requires = "lesson")]
    pub save: Option<PathBuf>,
    #[command(flatten)]
    pub keys: PlanKeys,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab compare before.jsonl after.jsonl
      what is faster, what is slower, what differs besides
  h5lab compare results.jsonl --by path
      file systems side by side
  h5lab compare good.jsonl today.jsonl --fail-on slower:10%
      exit code 9 if a cell certainly is

Cells are paired by what they mean: size, data, access, ranks, cache state, and every setting of which a file has several \
values. The first group is the base. A change is reported where it is certain: all of them together at 95 %.")]
pub struct Compare {
    /// Result files, the base first; - is stdin
    #[arg(value_name = "RESULTS", required = true)]
    pub results: Vec<PathBuf>,
    /// Group all records by path, host, hdf5, mpi or method, instead of by file
    #[arg(long, value_name = "WHAT")]
    pub by: Option<By>,
    /// What to compare: bandwidth (of the transfer; of writes until the end of the close, as h5lab report ranks them), transfer
    /// (alone) or total (open to close)
    #[arg(long, value_enum, default_value = "bandwidth", hide_possible_values = true)]
    pub metric: MetricName,
    /// End with exit code 9 if a cell is certainly slower, and by that much in the median, or changed either way:
    /// slower:10%, changed:10%; or if it failed or is missing in the later files
    #[arg(long, value_name = "RULE")]
    pub fail_on: Option<FailOn>,
}

/// Which bandwidth.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum MetricName {
    Bandwidth,
    Transfer,
    Total,
}

impl From<MetricName> for Metric {
    fn from(name: MetricName) -> Metric {
        match name {
            MetricName::Bandwidth => Metric::Bandwidth,
            MetricName::Transfer => Metric::Transfer,
            MetricName::Total => Metric::Total,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab report results.jsonl --open
      report.html, shown in your browser
  h5lab report a.jsonl b.jsonl -o both.html --title 'ext4 and xfs'
  h5lab report results.jsonl --format csv -o results.csv
      a row a sample: pandas.read_csv('results.csv')
  h5lab report results.jsonl --format markdown
      for a wiki or a pull request
  h5lab report results.jsonl --figures figures/
      each chart as SVG as well

The page is one file: no network, no other file. docs/report.md describes it, and every column of CSV and Parquet.")]
pub struct Report {
    /// Result files; - is stdin
    #[arg(value_name = "RESULTS", required = true)]
    pub results: Vec<PathBuf>,
    /// The file to write; - is stdout. A page goes to report.html if not named, Markdown and CSV to stdout, Parquet nowhere
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to write; as the name of the file says if not given, or else html
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// Write each chart as an SVG file, and pictures of the data as PNG, into this folder as well
    #[arg(long, value_name = "FOLDER")]
    pub figures: Option<PathBuf>,
    /// The title
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Show the page in a browser
    #[arg(long)]
    pub open: bool,
    /// Overwrite files even if h5lab did not make them
    #[arg(long)]
    pub force: bool,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One page, with charts
    Html,
    /// Words and tables
    Markdown,
    /// A row a sample
    Csv,
    /// A row a sample, typed columns
    Parquet,
}

#[derive(Debug, Args)]
#[command(after_help = "h5lab batch is started by h5lab run")]
pub struct Batch {
    /// The order, as JSON
    pub file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab env
      this machine, and the file system of the current folder
  h5lab env /scratch/me
      the file system that holds that path
  h5lab env --json | jq .
      for a script")]
pub struct Env {
    /// The path whose file system to look at
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number from 0 to 2^64 - 1".into())
}

/// A number of at least 1.
fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a whole number of at least 1, and below 2^64".into()),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Terminals of 80 columns: what is laid out by hand fits, and prose is left to be wrapped.
    #[test]
    fn examples_fit_narrow_terminals() {
        for command in Cli::command().get_subcommands().chain([&Cli::command()]) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<&str> = help.lines().collect();
            for pair in lines.windows(2) {
                let by_hand = |line: &str| line.starts_with(' ') || line.is_empty() || line.ends_with(':');
                assert!(pair.iter().any(|line| by_hand(line)), "{}: broken by hand: {pair:?}", command.get_name());
            }
            for line in lines.iter().filter(|line| line.starts_with(' ')) {
                assert!(line.len() <= 80, "{}: {line}", command.get_name());
            }
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("h5lab "), "{} has no example", command.get_name());
        }
    }
}
