//! `h5lab read`: the demo that reads, and verifies.

use crate::cli::{Cache, Output, Read, ViewName};
use crate::output::line;
use crate::task::{ReadTask, Settings, Task};
use h5lab_core::experiment::CacheWanted;
use h5lab_core::failure::Result;

/// Reads with each rank count.
pub fn run(args: Read, output: &Output) -> Result<()> {
    let cache = match args.cache {
        Cache::AsFound => CacheWanted::AsFound,
        Cache::Warm => CacheWanted::Warm,
        Cache::Cold => CacheWanted::Cold,
    };
    let task = Task::Read(ReadTask {
        file: args.file,
        dataset: args.dataset,
        view: args.view.map(Into::into),
        cache,
        settings: Settings::from(&args.measuring),
    });
    let show = super::measure(&task, &args.ranks, &args.measuring, output)?;
    if let (Some(view), false, false) = (args.view, show.records().is_empty(), output.json || output.quiet) {
        line(format_args!("\n{}", difference(view)))?;
    }
    show.finish()
}

/// What a view is, in a line.
fn difference(view: ViewName) -> &'static str {
    match view {
        ViewName::Process => {
            "process view: each rank's own rows, copied into its memory; they stay when the file is closed. \
             (--view global shows the whole dataset.)"
        }
        ViewName::Global => {
            "global view: the dataset in the file, the same on every rank; only there while the file is open, since \
             every look is a read from it. (--view process shows each rank's own rows.)"
        }
    }
}
