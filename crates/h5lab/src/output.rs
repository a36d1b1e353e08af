//! What is printed, and where: results on stdout, everything else on stderr.

use crate::cli::Output;
use h5lab_core::experiment::Direction;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::host::MpiLibrary;
use h5lab_core::record::{Record, Verification};
use h5lab_core::report::{demo_lines, measurement_explanations, measurement_table, printable, view_lines};
use h5lab_io::journal::Journal;
use h5lab_io::progress::Progress;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// Prints a part of the results.
///
/// # Errors
/// As [`stream`].
pub fn print(text: impl Display) -> Result<()> {
    stream(|out| write!(out, "{text}"))
}

/// Prints what `content` writes, as it does. This is the one place where anything goes to stdout.
///
/// # Errors
/// `Unread`, with nothing to say, if nobody reads them any more; `Storage` if they can't be written.
pub fn stream(content: impl FnOnce(&mut BufWriter<io::Stdout>) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout());
    let written = content(&mut out).and_then(|()| out.flush());
    // What could not be written is told, not tried again when this goes.
    let _ = out.into_parts();
    written.map_err(|error| unprinted(&error))
}

/// Prints a line of the results.
///
/// # Errors
/// As [`print()`].
pub fn line(text: impl Display) -> Result<()> {
    print(format_args!("{text}\n"))
}

/// Prints a result as JSON, in a line.
///
/// # Errors
/// As [`print()`].
pub fn json(of: &impl serde::Serialize) -> Result<()> {
    line(serde_json::to_string(of).expect("results are plain data"))
}

/// The failure that `error` on stdout is.
pub fn unprinted(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::new(FailureKind::Unread, "");
    }
    Failure::new(FailureKind::Storage, error.to_string())
        .during("print the results")
        .mend("free space where stdout goes, or send it elsewhere")
}

/// Says something that is no result, on stderr. If that can't be written there is nobody to tell.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Says what went wrong; a failure without a message has been told by somebody else, or nobody would hear it.
pub fn report(failure: &Failure) {
    if !failure.message.is_empty() {
        say(format_args!("h5lab: {failure}"));
    }
}

/// A remark about what is being done.
pub fn note(text: &str) {
    say(format_args!("h5lab: {}", printable(text)));
}

/// A progress bar on a terminal; nothing elsewhere.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar, unless the output is to be quiet.
    pub fn new(output: &Output) -> Self {
        let hidden = output.quiet || !std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(
            Some(0),
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = ProgressStyle::with_template("{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {pace}");
        bar.set_style(style.expect("the template is well-formed").with_key("pace", pace));
        Bar { bar }
    }

    /// Takes the bar off the screen while something is printed.
    pub fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes a second since the bar began to tell of this work, and how long the rest takes at that pace.
fn pace(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    let (done, seconds) = (state.pos(), state.elapsed().as_secs_f64());
    if done == 0 || seconds == 0.0 {
        return;
    }
    let rate = done as f64 / seconds;
    let left = state.len().unwrap_or(done).saturating_sub(done) as f64 / rate;
    let _ = write!(out, "{}/s, {} left", HumanBytes(rate as u64), HumanDuration(Duration::from_secs_f64(left.round())));
}

impl Progress for Bar {
    fn moved(&self, what: &str, done: u64, total: u64) {
        let what = printable(what);
        if self.bar.message() != what || done < self.bar.position() {
            // Other work, or the same again, has a pace of its own.
            self.bar.reset();
        }
        self.bar.set_message(what);
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

/// Shows and keeps measurements as they come: lines at once, the table at the end.
pub struct Show<'a> {
    output: &'a Output,
    journal: Option<Journal>,
    records: Vec<Record>,
    several: bool,
}

impl<'a> Show<'a> {
    /// Opens the result file, if one is wanted. A worker shows nothing: its parent does.
    ///
    /// # Errors
    /// `Storage` if the result file can't be written.
    pub fn new(output: &'a Output, save: Option<&Path>, several: bool) -> Result<Self> {
        let save = save.filter(|_| output.worker.is_none());
        Ok(Show { output, journal: save.map(Journal::open).transpose()?, records: Vec::new(), several })
    }

    /// Takes a record: keeps it, and then prints its lines. Nobody may read them any more.
    ///
    /// # Errors
    /// `Storage` if it can't be appended to the result file; those of [`print()`].
    pub fn take(&mut self, record: Record) -> Result<()> {
        self.keep(record)?;
        match self.records.last() {
            Some(record) if !self.output.json && !self.output.quiet => self.lines(record),
            _ => Ok(()),
        }
    }

    /// Keeps a record: in the result file, and on stdout as JSON if that is wanted.
    ///
    /// # Errors
    /// `Storage` if it can't be appended to the result file; those of [`print()`].
    pub fn keep(&mut self, record: Record) -> Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&record)?;
        }
        if self.output.json {
            json(&record)?;
        }
        self.records.push(record);
        Ok(())
    }

    /// Takes what would be a cell's record if the sweep ended here: then it is kept in the result file.
    pub fn remember(&self, record: &Record) {
        self.journal.iter().for_each(|journal| journal.remember(record));
    }

    fn lines(&self, record: &Record) -> Result<()> {
        if self.several {
            line(format_args!("np = {}", record.experiment.np))?;
        }
        view_lines(&record.views).iter().try_for_each(line)?;
        demo_lines(record).iter().try_for_each(line)
    }

    /// The records, without showing more of them.
    pub fn into_records(self) -> Vec<Record> {
        self.records
    }

    /// The records so far.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Prints the table and the warnings.
    ///
    /// # Errors
    /// `Mismatch` if values read differ from what they should be; those of [`print()`].
    pub fn finish(self) -> Result<()> {
        if !self.output.json && !self.output.quiet && !self.records.is_empty() {
            line(format_args!("\n{}", context(&[&self.records[0]])))?;
            print(format_args!("\n{}", measurement_table(&self.records)))?;
            print(measurement_explanations(&self.records))?;
            warnings(&self.records);
        }
        mismatch(&self.records)
    }
}

/// What was measured with what, in a line: what all these records have in common.
pub fn context(records: &[&Record]) -> String {
    let common = |of: &dyn Fn(&Record) -> Option<String>| {
        let mut values = records.iter().map(|record| of(record));
        let first = values.next()??;
        values.all(|value| value.as_ref() == Some(&first)).then_some(first)
    };
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
    // Other methods are in the same table; the file's driver is one of a method.
    let parts = [
        common(&|r| Some(format!("{} transfers{}", r.experiment.method, driver(r)))),
        common(&|r| Some(format!("HDF5 {}", r.host.hdf5.version))),
        common(&|r| {
            Some(r.host.mpi.library.as_ref()?).filter(|_| r.actual.driver == "mpio" || records.len() > 1).map(mpi)
        }),
        common(&|r| {
            r.host.file_system.as_ref().map(|fs| format!("{} on {}", or_unknown(&fs.kind), or_unknown(&fs.source)))
        }),
        common(&|r| Some(printable(&r.file.display().to_string()))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// HDF5's driver, if it is known.
fn driver(record: &Record) -> String {
    match record.actual.driver.as_str() {
        "" => String::new(),
        driver => format!(" ({driver} driver)"),
    }
}

fn mpi(library: &MpiLibrary) -> String {
    let name = library.name.as_deref().unwrap_or("MPI");
    format!("{name} {}", library.version.as_deref().unwrap_or("")).trim().to_owned()
}

/// The warnings of all records, each once.
pub fn warnings(records: &[Record]) {
    for warning in h5lab_core::warning::texts(records.iter().flat_map(|r| &r.warnings)) {
        say(format_args!("warning: {}", printable(&warning)));
    }
}

/// The failure that differing values are.
pub fn mismatch(records: &[Record]) -> Result<()> {
    let failed = records.iter().find_map(|record| match &record.verification {
        Verification::Failed { first } => Some((record, first)),
        _ => None,
    });
    let Some((record, first)) = failed else {
        return Ok(());
    };
    debug_assert_eq!(record.experiment.direction, Direction::Read);
    let index = first.index.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let close = if first.found == first.expected { ", but for digits that are not shown" } else { "" };
    let why = format!(
        "values differ: the first is {}[{index}], which is {} and should be {}{close}",
        record.experiment.dataset.name, first.found, first.expected
    );
    Err(Failure::new(FailureKind::Mismatch, why).at(&record.file).mend(
        "the file was changed or damaged after h5lab wrote it, or the storage is at fault: write and read it again",
    ))
}
