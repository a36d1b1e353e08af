//! The commands: from flags to a task, from what came out to what is printed.

pub mod advise;
pub mod batch;
pub mod chunking;
pub mod compare;
pub mod env;
pub mod inspect;
pub mod job;
pub mod lesson;
pub mod read;
pub mod repack;
pub mod report;
pub mod results;
pub mod run;
pub mod show;
pub mod simple;
pub mod tune;
pub mod write;

use crate::cli::{Measuring, Output, Ranks};
use crate::output::Show;
use crate::task::{Done, Settings, Task};
use h5lab_core::dataset::SourceFile;
use h5lab_core::failure::Result;
use h5lab_core::method::Method;
use h5lab_core::tunables::Tunables;
use h5lab_io::journal::check_apart;
use std::path::{Path, PathBuf};

/// Bytes of a transfer if nothing is said: a piece that was made or is going to be verified is still in the processor's
/// cache.
const TRANSFER_BYTES: u64 = 8 << 20;

impl From<&Measuring> for Settings {
    fn from(measuring: &Measuring) -> Settings {
        let method = if measuring.collective { Method::Collective } else { measuring.method };
        let usual = if method == Method::Direct { u64::MAX } else { TRANSFER_BYTES };
        Settings {
            method,
            tunables: Tunables {
                threads: measuring.threads,
                direct_io: measuring.direct_io.then_some(true),
                ..Tunables::default()
            },
            repeat: measuring.repeat as usize,
            buffer: measuring.buffer.min(measuring.transfer_size.unwrap_or(usual)),
            ceiling: !measuring.no_ceiling,
            command: command_line(),
        }
    }
}

/// The command line as the user typed it; bytes that are no UTF-8 become U+FFFD.
pub fn command_line() -> Vec<String> {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words = words.take_while(|word| word != "--worker");
    std::iter::once("h5lab".to_owned()).chain(words).collect()
}

/// Makes sure that records, if they are saved, go to none of these files; before any of them is opened.
///
/// # Errors
/// `Usage`.
fn apart<'a>(save: Option<&Path>, files: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    save.map_or(Ok(()), |save| check_apart(save, files))
}

/// Runs a measurement with each rank count, and shows it.
fn measure<'a>(task: &Task, ranks: &Ranks, measuring: &Measuring, output: &'a Output) -> Result<Show<'a>> {
    crate::launch::check(&ranks.counts())?;
    apart(measuring.save.as_deref(), task.file())?;
    let mut show = Show::new(output, measuring.save.as_deref(), ranks.np.len() > 1)?;
    crate::launch::run(task, ranks, output, &mut |done| match done {
        Done::Record(record) => show.take(*record),
        _ => unreachable!("a measurement leaves a record"),
    })?;
    Ok(show)
}

/// File and dataset, if it names one; a file's own name may have a colon.
fn file_and_dataset(name: &str) -> (PathBuf, Option<String>) {
    match name.parse::<SourceFile>() {
        Ok(source) if !Path::new(name).exists() => {
            let source = h5lab_io::values::located(&source);
            (source.file, Some(source.dataset))
        }
        _ => (name.into(), None),
    }
}
