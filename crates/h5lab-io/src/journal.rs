//! Result files: records appended as JSON lines, each whole and on the disk before the next experiment begins.

use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::record::Record;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A result file that is open for appending.
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens or makes the file; before anything is measured, so that no result is lost for want of a place.
    ///
    /// # Errors
    /// `Storage` if it can't be opened for appending.
    pub fn open(path: &Path) -> Result<Self> {
        let fail = |e: std::io::Error| {
            Failure::io("open the result file", path, &e).mend("name a file that can be written with --save")
        };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fail)?;
        end_half_line(&mut file).map_err(fail)?;
        Ok(Journal { file, path: path.to_owned() })
    }

    /// Appends one record.
    ///
    /// # Errors
    /// `Storage` if it can't be written.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        let mut line = serde_json::to_string(record).expect("a record is plain data");
        line.push('\n');
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| Failure::io("append to the result file", &self.path, &e))
    }
}

/// The records of a result file, in order, and how many lines were none.
///
/// A half-written last line, as a crash leaves it, is such a line; so is a record of a newer h5lab.
///
/// # Errors
/// `Input` if there is no such file, `Storage` if it can't be read.
pub fn read(path: &Path) -> Result<(Vec<Record>, usize)> {
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(FailureKind::Input, "no such result file").at(path).mend("name a file that --save wrote")
        }
        _ => Failure::io("read the result file", path, &e),
    })?;
    let lines: Vec<Option<Record>> =
        text.lines().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).ok()).collect();
    let bad = lines.iter().filter(|l| l.is_none()).count();
    Ok((lines.into_iter().flatten().collect(), bad))
}

/// If a crash left half a line, the next record begins on a line of its own.
fn end_half_line(file: &mut File) -> std::io::Result<()> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last != [b'\n'] { file.write_all(b"\n") } else { Ok(()) }
}
