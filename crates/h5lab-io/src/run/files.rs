//! What a run may overwrite, where it writes before it is done, and whether there is room.

use crate::h5::provenance;
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::report::bytes;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Scratch files that are there now: what a signal handler removes before the process ends.
static THERE_NOW: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Counts the scratch files of a run that writes `target` among this process's own: for the parent of the ranks that
/// make them.
pub fn watch_scratch_of(target: &Path) {
    Scratch::watched(target);
}

/// Removes all scratch files of this process: for a signal handler that is about to end it.
pub fn remove_all_scratch() {
    let files = THERE_NOW.lock().unwrap_or_else(|e| e.into_inner());
    files.iter().for_each(|path| discard(path));
}

/// The files that a run makes beside its target and never leaves behind.
pub(super) struct Scratch {
    /// What is being written, until it takes the target's name.
    pub(super) partial: PathBuf,
    /// The posix ceiling's file.
    pub(super) ceiling: PathBuf,
}

impl Scratch {
    pub(super) fn beside(target: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = target.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            target.with_file_name(name)
        };
        Scratch { partial: beside(".h5lab-partial"), ceiling: beside(".h5lab-ceiling") }
    }

    /// As [`Scratch::beside`], and known to [`remove_all_scratch`] from now on.
    pub(super) fn watched(target: &Path) -> Self {
        let scratch = Scratch::beside(target);
        let mut files = THERE_NOW.lock().unwrap_or_else(|e| e.into_inner());
        files.extend([scratch.partial.clone(), scratch.ceiling.clone()]);
        scratch
    }

    /// Gives what was written its name; on the device first if it replaces something.
    pub(super) fn keep(&self, target: &Path) -> Result<()> {
        let fail = |e: std::io::Error| Failure::io("rename", target, &e);
        if target.exists() && !provenance::made_by_h5lab(target) {
            fs::File::open(&self.partial).and_then(|f| f.sync_all()).map_err(fail)?;
        }
        if self.partial.exists() { fs::rename(&self.partial, target).map_err(fail) } else { Ok(()) }
    }

    pub(super) fn remove(&self) {
        discard(&self.partial);
        discard(&self.ceiling);
    }
}

/// MPI-IO does not say why a write failed: if there is no space left, that is why.
pub(super) fn full_disk(failure: Failure, experiment: &Experiment, target: &Path) -> Failure {
    let written = fs::metadata(target).map_or(0, |file| file.blocks() * 512);
    let missing = experiment.dataset.bytes().saturating_sub(written);
    let vague = failure.kind == FailureKind::Storage && failure.mend.is_none();
    match crate::host::filesystem::free_bytes(target) {
        Ok(free) if vague && experiment.direction == Direction::Write && free < missing => {
            let needed = bytes(experiment.dataset.bytes());
            let message = format!("no space left on the device ({})", failure.message);
            Failure { message, ..failure }
                .mend(format!("free space, or choose another path: the dataset needs {needed}"))
        }
        _ => failure,
    }
}

/// Removes a scratch file, if it is there. A failure is of no consequence: the next run overwrites it.
pub(super) fn discard(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// A folder for scratch files inside `parent`; removed when it is dropped, or by [`remove_all_scratch`].
pub struct ScratchFolder {
    path: PathBuf,
}

impl ScratchFolder {
    /// Makes the folder.
    ///
    /// # Errors
    /// `Storage` if `parent` is no folder that can be written to.
    pub fn inside(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("h5lab-run-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|e| {
            Failure::io("make a folder for scratch files", &path, &e)
                .mend("choose a --path that exists and can be written to")
        })?;
        THERE_NOW.lock().unwrap_or_else(|e| e.into_inner()).push(path.clone());
        Ok(ScratchFolder { path })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        discard(&self.path);
    }
}

/// Makes sure that a file may be written at `path`: its folder exists, it is not a folder itself, and what stands there
/// is h5lab's own or `force` is given.
///
/// # Errors
/// `Input` for a directory, `Storage` or `Refused`, with the mend.
pub fn claim_target(path: &Path, force: bool) -> Result<()> {
    if path.is_dir() {
        return Err(Failure::new(FailureKind::Input, "is a directory").at(path).mend("name a file in it"));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let mend = format!("make it: mkdir -p {}", h5lab_core::report::printable(&folder.display().to_string()));
        return Err(Failure::new(FailureKind::Storage, "the folder does not exist").at(folder).mend(mend));
    }
    check_writable(folder)?;
    if path.exists() && !force && !provenance::made_by_h5lab(path) {
        let why = "h5lab did not make this file, and does not overwrite it";
        return Err(Failure::new(FailureKind::Refused, why).at(path).mend("choose another name, or add --force"));
    }
    Scratch::beside(path).remove();
    Ok(())
}

fn check_writable(folder: &Path) -> Result<()> {
    use rustix::fs::{Access, access};
    access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|e| Failure::io("write into", folder, &e.into()).mend("choose a folder that you may write to"))
}

/// Makes sure that the file system under `path` has room for `needed` bytes.
///
/// # Errors
/// `Storage`, naming what is needed and what is free.
pub fn check_room(path: &Path, needed: u64) -> Result<()> {
    match crate::host::filesystem::free_bytes(path) {
        Ok(free) if free < needed => {
            let why = format!("no room: {} needed, {} free", bytes(needed), bytes(free));
            Err(Failure::new(FailureKind::Storage, why).at(path).mend(
                "free space, choose another path or a smaller size, or add --ignore-free-space if this figure is wrong",
            ))
        }
        _ => Ok(()),
    }
}
