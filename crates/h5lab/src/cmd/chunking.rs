//! `h5lab chunking`: when chunks help and when compression pays, on a stack of images.

use crate::cli::{Chunking, Output};
use crate::output::{Bar, Show, line, mismatch, print, warnings};
use crate::task::{Settings, finish};
use crate::usage;
use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Shape};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::Result;
use h5lab_core::filter::Filter;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::Record;
use h5lab_core::report::chunking::{Comparison, comparison_table, lessons};
use h5lab_core::report::counted;
use h5lab_core::split::Split;
use h5lab_core::tunables::Tunables;
use h5lab_io::comm::Solo;
use h5lab_io::engine;
use h5lab_io::fault::Fault;
use h5lab_io::run::{self, Options, Team};
use std::path::{Path, PathBuf};

/// Compares the layouts, for each kind of data.
pub fn run(args: Chunking, output: &Output) -> Result<()> {
    if let Some(ranks) = crate::launch::ranks().filter(|&ranks| ranks > 1) {
        return Err(usage(format!("chunking runs in one process, but the launcher started {ranks} ranks"))
            .mend("start it without mpirun: h5lab chunking"));
    }
    run::check_folder(&args.path)?;
    // All of them, before the first is measured.
    for (_, layout) in layouts(&args) {
        write_experiment(&args, DataKind::Uniform, layout)?;
    }
    let kinds_and_names = args.data.iter().flat_map(|&kind| layouts(&args).map(|(name, _)| (kind, name)));
    let files: Vec<_> = kinds_and_names.map(|(kind, name)| file(&args, kind, name)).collect();
    super::apart(args.save.as_deref(), files.iter().map(PathBuf::as_path))?;
    let mut show = Show::new(output, args.save.as_deref(), true)?;
    let mut comparisons = Vec::new();
    for &kind in &args.data {
        for (name, layout) in layouts(&args) {
            comparisons.push(compare(&args, kind, name, layout, output, &mut show)?);
        }
    }
    if !output.json && !output.quiet {
        print(heading(&args))?;
        line(format_args!("\n{}", comparison_table(&comparisons)))?;
        lessons(&comparisons).iter().try_for_each(line)?;
        warnings(show.records());
    }
    mismatch(show.records())
}

fn layouts(args: &Chunking) -> [(&'static str, Layout); 3] {
    let chunked = |filters| Layout::Chunked { chunk: args.chunk.0.clone(), filters };
    [
        ("contiguous", Layout::Contiguous),
        ("chunked", chunked(vec![])),
        ("compressed", chunked(vec![Filter::Gzip(args.gzip)])),
    ]
}

/// The file of a layout.
fn file(args: &Chunking, kind: DataKind, name: &str) -> PathBuf {
    args.path.join(format!("chunking-{kind}-{name}.h5"))
}

fn heading(args: &Chunking) -> String {
    let tile = &args.tile.0;
    format!(
        "A stack of {} of {}, one process, {}: written image by image, then the tile [i, 0:{}, 0:{}] read from every image.\n",
        counted(args.shape.0[0] as usize, "image"),
        args.dtype,
        args.method,
        tile[0],
        tile[1]
    )
}

/// One layout: written, read warm, read cold, removed.
fn compare(
    args: &Chunking,
    kind: DataKind,
    name: &str,
    layout: Layout,
    output: &Output,
    show: &mut Show<'_>,
) -> Result<Comparison> {
    let file = file(args, kind, name);
    let write = write_experiment(args, kind, layout)?;
    run::claim_target(&file, args.force)?;
    if !args.ignore_free_space {
        run::check_room(&file, write.dataset.bytes() * 21 / 20 + (1 << 20))?;
    }
    let kept = KeptFile { path: &file, keep: args.keep };
    let bar = Bar::new(output);
    let one = |experiment: Experiment| measure(experiment, &kept, args, &bar);
    let written = one(write.clone())?;
    let warm = one(read_experiment(args, &write, CacheWanted::Warm))?;
    let cold = one(read_experiment(args, &write, CacheWanted::Cold))?;
    bar.clear();
    for record in [&written, &warm, &cold] {
        show.keep(record.clone())?;
    }
    Ok(Comparison { written, warm, cold })
}

fn measure(experiment: Experiment, file: &KeptFile<'_>, args: &Chunking, bar: &Bar) -> Result<Record> {
    let fault = Fault::from_env()?;
    let team = Team { comm: &Solo, progress: bar, fault: fault.as_ref() };
    let outcome = run::run(&experiment, file.path, Options::default(), team)?;
    let settings = Settings {
        method: experiment.method,
        tunables: experiment.tunables.clone(),
        repeat: args.repeat as usize,
        buffer: experiment.buffer,
        ceiling: false,
        command: super::command_line(),
    };
    let record = finish(experiment, file.path, &settings, outcome, team)?;
    Ok(record.expect("the only rank returns the record"))
}

/// The file of a layout; removed when it is done with, whatever happened, unless it is to be kept.
struct KeptFile<'a> {
    path: &'a Path,
    keep: bool,
}

impl Drop for KeptFile<'_> {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

fn write_experiment(args: &Chunking, kind: DataKind, layout: Layout) -> Result<Experiment> {
    let shape = Shape::to_create(args.shape.0.clone(), args.dtype)?;
    if shape.0.len() != 3 || args.tile.0.len() != 2 {
        return Err(usage(format!("a stack has 3 axes and a tile 2; got {shape} and {}", args.tile))
            .mend("write --shape IMAGESxROWSxCOLUMNS --tile ROWSxCOLUMNS"));
    }
    let data = Data { kind, seed: args.seed, stamp_ranks: None };
    let experiment = Experiment {
        direction: Direction::Write,
        dataset: Dataset { name: "stack".into(), shape, dtype: args.dtype, data: Some(data), from: None },
        layout,
        access: Access::PROJECTION,
        split: Split::Axis(0),
        method: args.method,
        np: 1,
        cache: CacheWanted::AsFound,
        fsync: args.fsync,
        repeat: args.repeat as usize,
        buffer: 64 << 20,
        tunables: Tunables { threads: args.threads, ..Tunables::default() },
    };
    experiment.check()?;
    check_method(args.method)?;
    engine::supports(&experiment, false)?;
    let read = read_experiment(args, &experiment, CacheWanted::AsFound);
    if !read.access.fits(&experiment.dataset.shape.0) {
        let why = if args.tile.0.contains(&0) { "is empty: it holds nothing" } else { "is larger than an image" };
        return Err(usage(format!("tile {} {why} of the stack {}", args.tile, args.shape))
            .mend("choose a --tile of at least 1x1 and at most an image"));
    }
    Ok(experiment)
}

/// One process has no use for the others.
fn check_method(method: Method) -> Result<()> {
    match method {
        Method::Independent | Method::Direct => Ok(()),
        _ => Err(usage(format!("chunking + {method}: it runs in one process, for which this is no method"))
            .mend("use direct or independent; h5lab run compares all methods")),
    }
}

fn read_experiment(args: &Chunking, write: &Experiment, cache: CacheWanted) -> Experiment {
    Experiment {
        direction: Direction::Read,
        access: Access::Roi { offset: [0, 0], size: [args.tile.0[0], args.tile.0[1]] },
        cache,
        fsync: false,
        ..write.clone()
    }
}
