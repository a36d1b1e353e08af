//! What is kept of a job that was submitted, beside its script: by it others can follow the job.

use h5lab_core::experiment::Experiment;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::job::BatchSystem;
use h5lab_core::record::Record;
use h5lab_core::report::counted;
use h5lab_io::journal;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How the file's name ends.
const EXTENSION: &str = "job.json";

/// A job that was submitted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// Whose it is.
    pub scheduler: BatchSystem,
    /// Its number.
    pub job: String,
    /// Its script.
    #[serde(serialize_with = "h5lab_core::lossy::path")]
    pub script: PathBuf,
    /// Where what it prints is.
    #[serde(serialize_with = "h5lab_core::lossy::path")]
    pub log: PathBuf,
    /// Its result file, where it has one that can be seen from here.
    #[serde(default, serialize_with = "h5lab_core::lossy::optional_path")]
    pub results: Option<PathBuf>,
    /// Records that were in the result file before.
    pub before: usize,
    /// Records that it will add.
    pub records: usize,
    /// Its tasks: several only of an array.
    pub tasks: usize,
}

impl Ticket {
    /// Where the ticket of a script is.
    pub fn file_of(script: &Path) -> PathBuf {
        script.with_extension(EXTENSION)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// `Storage` if it can't be written.
    pub fn save(&self) -> Result<()> {
        let file = Ticket::file_of(&self.script);
        let text = serde_json::to_string_pretty(self).expect("plain data") + "\n";
        std::fs::write(&file, text).map_err(|e| Failure::io("keep the job's number", &file, &e))
    }

    /// Reads one.
    ///
    /// # Errors
    /// `Input` if there is none, or it is none.
    pub fn read(file: &Path) -> Result<Ticket> {
        let input = |why: String| Failure::new(FailureKind::Input, why).at(file);
        let text = std::fs::read(file).map_err(|e| {
            input(format!("no job was submitted that left this file: {e}"))
                .mend("name a script that `h5lab job --submit` wrote")
        })?;
        serde_json::from_slice(&text).map_err(|e| input(format!("this is no job's file: {e}")).mend("remove it"))
    }

    /// Those of all jobs that were submitted from a folder, in the order of their numbers.
    ///
    /// # Errors
    /// `Storage` if the folder can't be read.
    pub fn all_in(folder: &Path) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(folder).map_err(|e| Failure::io("read the folder", folder, &e))?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<PathBuf> =
            files.filter(|file| file.to_string_lossy().ends_with(&format!(".{EXTENSION}"))).collect();
        files.sort();
        Ok(files)
    }

    /// Records that it has added so far; an error if the result file can't be read.
    ///
    /// # Errors
    /// Those of reading the result file.
    pub fn done(&self) -> Result<Option<usize>> {
        let Some(results) = &self.results else { return Ok(None) };
        Ok(Some(records_in(results)?.saturating_sub(self.before)))
    }

    /// How far it is, in words: nothing where that can't be seen.
    pub fn progress(&self) -> String {
        match self.done() {
            Ok(None) => String::new(),
            Ok(Some(done)) if done <= self.records => format!("{done} of {}", counted(self.records, "record")),
            Ok(Some(done)) => counted(done, "record"),
            Err(failure) => format!("results unreadable: {}", failure.message),
        }
    }
}

/// Records of finished cells in a result file; none if there is no such file yet.
fn records_in(results: &Path) -> Result<usize> {
    if !results.exists() {
        return Ok(0);
    }
    journal::read(results).map(|(records, _)| finished(&records))
}

/// Those of cells that a sweep that was stopped will measure again do not count.
fn finished(records: &[Record]) -> usize {
    let cut = |failure: &Failure| matches!(failure.kind, FailureKind::Interrupted | FailureKind::TimeUp);
    records.iter().filter(|record| !record.failure.as_ref().is_some_and(cut)).count()
}

/// How many records of finished cells are in a result file, and how many of these cells it holds already.
///
/// # Errors
/// Those of reading it.
pub fn held(results: &Path, cells: &[Experiment]) -> Result<(usize, usize)> {
    if !results.exists() {
        return Ok((0, 0));
    }
    let (records, _) = journal::read(results)?;
    let is_held = |cell: &&Experiment| records.iter().any(|r| r.failure.is_none() && r.experiment == **cell);
    Ok((finished(&records), cells.iter().filter(is_held).count()))
}
