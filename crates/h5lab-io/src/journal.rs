//! Result files: records appended as JSON lines, each whole and on the disk before the next experiment begins.

use crate::identity::same_file;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::record::Record;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// Held while a record is written.
static WRITING: Mutex<()> = Mutex::new(());

/// What is to be kept of cells under way if no more comes: their lines, by result file and [`key`].
static UNFINISHED: Mutex<BTreeMap<(PathBuf, String), String>> = Mutex::new(BTreeMap::new());

/// Waits until the record that is being written is whole, appends those of the cells under way, and lets no other begin:
/// for a signal handler that is about to end the process.
pub fn hold() {
    std::mem::forget(WRITING.lock());
    for ((path, _), line) in std::mem::take(&mut *unfinished()) {
        // There is nobody left who could be told that this went wrong.
        let _ = OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

fn unfinished() -> MutexGuard<'static, BTreeMap<(PathBuf, String), String>> {
    UNFINISHED.lock().unwrap_or_else(|e| e.into_inner())
}

/// What a record measured: the same for the samples so far and for all of them.
fn key(record: &Record) -> String {
    serde_json::to_string(&(&record.experiment, record.file.as_os_str())).expect("a record is plain data")
}

fn line_of(record: &Record) -> String {
    serde_json::to_string(record).expect("a record is plain data") + "\n"
}

/// Makes sure that the result file is none of the files that are measured, whatever names and links lead to it.
///
/// # Errors
/// `Usage` if it is one of them.
pub fn check_apart<'a>(save: &Path, files: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    match files.into_iter().find(|file| same_file(save, file)) {
        None => Ok(()),
        Some(file) => {
            let named = h5lab_core::report::printable(&file.display().to_string());
            let why = format!("--save names the file that is measured, {named}: records would be written into it");
            Err(Failure::new(FailureKind::Usage, why).at(save).mend("name another file with --save"))
        }
    }
}

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
        if !holds_records(&mut file).map_err(fail)? {
            return Err(Failure::new(FailureKind::Refused, "this is no result file: its first line is no record")
                .at(path)
                .mend("name another file with --save"));
        }
        end_half_line(&mut file).map_err(fail)?;
        Ok(Journal { file, path: path.to_owned() })
    }

    /// Keeps in mind what there is of a record: it is appended if no more comes.
    pub fn remember(&self, record: &Record) {
        unfinished().insert((self.path.clone(), key(record)), line_of(record));
    }

    /// Appends one record.
    ///
    /// # Errors
    /// `Storage` if it can't be written.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        let line = line_of(record);
        let _writing = WRITING.lock();
        unfinished().remove(&(self.path.clone(), key(record)));
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| Failure::io("append to the result file", &self.path, &e))
    }
}

impl Drop for Journal {
    /// What ends a sweep, such as its first failure, must not cost the samples of the cells under way.
    fn drop(&mut self) {
        let _writing = WRITING.lock();
        let mut all = unfinished();
        let (own, others) = std::mem::take(&mut *all).into_iter().partition(|((path, _), _)| *path == self.path);
        *all = others;
        let own: BTreeMap<_, _> = own;
        own.into_values().for_each(|line| drop(self.file.write_all(line.as_bytes())));
    }
}

/// What stands for stdin where a result file is named.
pub const STDIN: &str = "-";

/// Hands what `digest` makes of each line of a result file to `take`, in order, with its number, counted from 1; empty lines
/// are left out. Few lines are held at a time. All cores digest; meanwhile the next lines are read. Each begins with a state
/// of its own, for what the lines of one file have in common. [`STDIN`] is read as a file is.
///
/// # Errors
/// `Input` if there is no such file or it holds no line, `Storage` if it can't be read.
pub fn each<S, T: Send>(
    path: &Path,
    state: impl Fn() -> S + Sync,
    digest: impl Fn(&mut S, usize, &[u8]) -> T + Sync,
    take: &mut dyn FnMut(usize, T),
) -> Result<()> {
    let file: Box<dyn Read + Send> = match path == Path::new(STDIN) {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(path).map_err(|e| unreadable(path, &e))?),
    };
    let unreadable = |e: std::io::Error| unreadable(path, &e);
    let mut reader = Reader { file, begun: Vec::new() };
    let (mut number, mut seen) = (0, 0);
    let mut bytes = reader.some_lines().map_err(unreadable)?;
    while !bytes.is_empty() {
        let lines = lines_of(&bytes);
        let some = |(k, some): (usize, &[&[u8]])| -> Vec<Option<T>> {
            let mut state = state();
            let at = number + 1 + k * AT_A_TIME;
            some.iter().enumerate().map(|(k, line)| text(line).map(|text| digest(&mut state, at + k, text))).collect()
        };
        let all = || lines.par_chunks(AT_A_TIME).enumerate().map(some).collect::<Vec<_>>();
        let (found, next) = rayon::join(all, || reader.some_lines());
        for digested in found.into_iter().flatten() {
            number += 1;
            if let Some(digested) = digested {
                seen += 1;
                take(number, digested);
            }
        }
        bytes = next.map_err(unreadable)?;
    }
    if seen == 0 {
        return Err(input(path, "holds no record"));
    }
    Ok(())
}

/// So many lines are digested with one state: enough that what it learns of the first does not count.
const AT_A_TIME: usize = 64;

/// Reads whole lines.
struct Reader {
    file: Box<dyn Read + Send>,
    /// The beginning of the next line.
    begun: Vec<u8>,
}

impl Reader {
    /// The next lines, a few megabytes of them or one that is longer; nothing at the end. The last one of all may have no end.
    fn some_lines(&mut self) -> std::io::Result<Vec<u8>> {
        const ENOUGH: u64 = 4 << 20;
        let mut lines = std::mem::take(&mut self.begun);
        loop {
            let before = lines.len();
            lines.reserve(ENOUGH as usize);
            if (&mut self.file).take(ENOUGH).read_to_end(&mut lines)? == 0 {
                return Ok(lines);
            }
            if let Some(end) = memchr::memrchr(b'\n', &lines[before..]) {
                self.begun = lines.split_off(before + end + 1);
                return Ok(lines);
            }
        }
    }
}

/// The lines of a text, without their ends.
fn lines_of(bytes: &[u8]) -> Vec<&[u8]> {
    let mut begin = 0;
    let ends = memchr::memchr_iter(b'\n', bytes).chain((!bytes.ends_with(b"\n")).then_some(bytes.len()));
    ends.map(|end| &bytes[std::mem::replace(&mut begin, end + 1)..end]).collect()
}

/// The text of a line; `None` of an empty one.
fn text(line: &[u8]) -> Option<&[u8]> {
    // As some editors begin a file.
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
    (!text.is_empty()).then_some(text)
}

fn input(path: &Path, why: &str) -> Failure {
    Failure::new(FailureKind::Input, why).at(path).mend("name a file that --save wrote")
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => input(path, "no such result file"),
        std::io::ErrorKind::IsADirectory => input(path, "is a directory, not a result file"),
        _ => Failure::io("read the result file", path, error),
    }
}

/// The records of a result file, in order, and how many lines were none.
///
/// A half-written last line, as a crash leaves it, is such a line; so is a record of a newer h5lab.
///
/// # Errors
/// `Input` if there is no such file, `Storage` if it can't be read.
pub fn read(path: &Path) -> Result<(Vec<Record>, usize)> {
    let lines = lines(path)?;
    let bad = lines.iter().filter(|line| line.is_none()).count();
    Ok((lines.into_iter().flatten().collect(), bad))
}

/// The lines of a result file, empty ones left out; `None` where a line is no record.
///
/// # Errors
/// As [`read`].
pub fn lines(path: &Path) -> Result<Vec<Option<Record>>> {
    let bytes = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    Ok(bytes.split(|&byte| byte == b'\n').filter_map(text).map(|text| serde_json::from_slice(text).ok()).collect())
}

/// True if the file is empty, or begins as a record does, be it half-written.
fn holds_records(file: &mut File) -> std::io::Result<bool> {
    const BEGIN: &[u8] = b"{\"schema\":";
    let mut first = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(BEGIN.len() as u64).read_to_end(&mut first)?;
    Ok(BEGIN.starts_with(&first))
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
