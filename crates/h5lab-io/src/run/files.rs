//! What a run may overwrite, where it writes before it is done, and whether there is room.

use crate::engine;
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

/// Counts the scratch files of a run in which `np` ranks write `target` among this process's own, parts of it that ranks
/// write too: for the parent of the ranks that make them.
pub fn watch_scratch_of(target: &Path, np: usize) {
    let scratch = Scratch::watched(&followed(target));
    let parts = (0..np).map(|rank| engine::part_name(&scratch.partial, rank));
    THERE_NOW.lock().unwrap_or_else(|e| e.into_inner()).extend(parts);
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
    /// All files of it, if it is several: the one above is the last.
    files: Vec<PathBuf>,
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
        let partial = beside(engine::PARTIAL);
        Scratch { files: vec![partial.clone()], partial, ceiling: beside(".h5lab-ceiling") }
    }

    /// As [`Scratch::watched`], with all files that this experiment writes.
    pub(super) fn of(experiment: &Experiment, target: &Path) -> Self {
        let scratch = Scratch::watched(target);
        let files = engine::files_of(experiment.method, &scratch.partial, experiment.np);
        THERE_NOW.lock().unwrap_or_else(|e| e.into_inner()).extend(files.iter().cloned());
        Scratch { files, ..scratch }
    }

    /// As [`Scratch::beside`], and known to [`remove_all_scratch`] from now on.
    pub(super) fn watched(target: &Path) -> Self {
        let scratch = Scratch::beside(target);
        let mut files = THERE_NOW.lock().unwrap_or_else(|e| e.into_inner());
        files.extend([scratch.partial.clone(), scratch.ceiling.clone()]);
        scratch
    }

    /// Gives what was written its name; on the device first if it replaces something. Parts of what it replaces go, too.
    pub(super) fn keep(&self, target: &Path) -> Result<()> {
        let fail = |e: std::io::Error| Failure::io("rename", target, &e);
        if target.exists() && !provenance::made_by_h5lab(target) {
            fs::File::open(&self.partial).and_then(|f| f.sync_all()).map_err(fail)?;
        }
        let old = engine::companions(target);
        let names: Vec<_> = self.files.iter().filter(|f| f.exists()).map(|f| (f, engine::final_name(f))).collect();
        for (file, name) in &names {
            if let Ok(replaced) = fs::metadata(name) {
                let _ = fs::File::open(file).and_then(|file| take_after(&file, &replaced));
            }
        }
        names.iter().try_for_each(|(file, name)| fs::rename(file, name)).map_err(fail)?;
        old.iter().filter(|part| names.iter().all(|(_, name)| name != *part)).for_each(|part| discard(part));
        Ok(())
    }

    pub(super) fn remove(&self) {
        self.files.iter().chain([&self.ceiling]).for_each(|path| discard(path));
    }
}

/// Gives a file the permissions of the one that it replaces, and its owner where that may be set.
///
/// # Errors
/// The system's, if the permissions can't be set.
pub(crate) fn take_after(file: &fs::File, replaced: &fs::Metadata) -> std::io::Result<()> {
    let _ = std::os::unix::fs::fchown(file, Some(replaced.uid()), Some(replaced.gid()));
    file.set_permissions(replaced.permissions())
}

/// A file that is written beside another until it is whole; a signal removes it.
pub struct Beside(Scratch);

impl Beside {
    /// Of a file by its real name.
    pub fn new(target: &Path) -> Self {
        Beside(Scratch::watched(target))
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.0.partial
    }

    /// Removes it, if it is there.
    pub fn remove(&self) {
        self.0.remove();
    }
}

/// Bytes that a small file takes: where less is free, the file system is full.
const LEAST_FILE: u64 = 4096;

/// MPI-IO does not say why a write failed: if there is no space left, that is why.
pub(super) fn full_disk(failure: Failure, experiment: &Experiment, target: &Path) -> Failure {
    let written = fs::metadata(target).map_or(0, |file| file.blocks() * 512);
    let needed = experiment.dataset.bytes().max(LEAST_FILE);
    let missing = needed.saturating_sub(written).max(LEAST_FILE);
    let told = failure.message == crate::h5::DISK_FULL;
    let vague = failure.kind == FailureKind::Storage && (told || failure.mend.is_none());
    match crate::host::filesystem::free_bytes(target) {
        Ok(free) if vague && experiment.direction == Direction::Write && free < missing => {
            let message =
                if told { failure.message } else { format!("{} ({})", crate::h5::DISK_FULL, failure.message) };
            Failure { message, ..failure }
                .mend(format!("free space, or choose another path: the dataset needs {}", bytes(needed)))
        }
        _ => failure,
    }
}

/// Removes a scratch file, if it is there. A failure is of no consequence: the next run overwrites it.
///
/// A folder loses its name first: whoever still writes finds no place for new files in it.
pub(crate) fn discard(path: &Path) {
    if !path.is_dir() {
        let _ = fs::remove_file(path);
        return;
    }
    let mut aside = path.to_owned();
    aside.as_mut_os_string().push(".removed");
    let folder = if fs::rename(path, &aside).is_ok() { &aside } else { path };
    let _ = fs::remove_dir_all(folder);
}

/// A folder for scratch files inside `parent`; removed when it is dropped, or by [`remove_all_scratch`].
pub struct ScratchFolder {
    path: PathBuf,
}

impl ScratchFolder {
    /// Makes the folder, under a name that nothing has yet: in containers, and on other nodes of a shared file system,
    /// other processes have this one's number.
    ///
    /// # Errors
    /// `Storage` if `parent` is no folder that can be written to.
    pub fn inside(parent: &Path) -> Result<Self> {
        check_folder(parent)?;
        let mut number = 1;
        let path = loop {
            let path = parent.join(format!("h5lab-run-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => {
                    return Err(Failure::io("make a folder for scratch files", &path, &e)
                        .mend("choose a --path that exists and can be written to"));
                }
            }
        };
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

/// Where a path leads: symbolic links are followed even if nothing is there yet, since what is written beside a link must
/// not take the link's place. A link that leads nowhere, such as into a circle, is left as it is.
pub fn followed(path: &Path) -> PathBuf {
    /// As many as Linux follows (path_resolution(7)).
    const MOST_LINKS: usize = 40;
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&at) {
            Ok(next) => at = at.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return at,
        }
    }
    path.to_owned()
}

/// Longest name of a file that can be written: MPI-IO and h5lab put files with longer names beside it, and Open MPI 4.1
/// ends the process when those do not fit.
const LONGEST_NAME: usize = 200;

/// Makes sure that a file may be written at `path`: its folder exists, and what stands there is a regular file, h5lab's
/// own and not write-protected, or `force` is given.
///
/// # Errors
/// `Input` for what is no regular file, or a name that is too long; `Storage` or `Refused`, with the mend.
pub fn claim_target(path: &Path, force: bool) -> Result<()> {
    let path = &followed(path);
    let input = |why: &str, mend: &str| Err(Failure::new(FailureKind::Input, why).at(path).mend(mend));
    let found = fs::metadata(path);
    match &found {
        Ok(found) if found.is_dir() => return input("is a directory", "name a file in it"),
        Ok(found) if !found.is_file() => {
            return input("is a device, a pipe or a socket: it can't become an HDF5 file", "name a file on a disk");
        }
        Err(e) if path.is_symlink() => {
            return Err(Failure::io("follow", path, e).mend("remove the link, or choose another name"));
        }
        _ => {}
    }
    check_name(path)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_folder(folder)?;
    let refuse = |why: &str, mend: &str| Err(Failure::new(FailureKind::Refused, why).at(path).mend(mend));
    match found {
        Ok(_) if force => {}
        Ok(_) if !provenance::made_by_h5lab(path) => {
            return refuse(
                "h5lab did not make this file, and does not overwrite it",
                "choose another name, or add --force",
            );
        }
        Ok(found) if found.permissions().readonly() => {
            return refuse("is write-protected", "choose another name, or add --force");
        }
        _ => {}
    }
    Scratch::beside(path).remove();
    engine::unfinished_parts(path).iter().for_each(|part| discard(part));
    Ok(())
}

/// Makes sure that there is room for the names of scratch files beside this one.
///
/// # Errors
/// `Input`, with the mend.
pub fn check_name(path: &Path) -> Result<()> {
    if path.file_name().is_some_and(|name| name.len() > LONGEST_NAME) {
        let why = format!("the file name is longer than {LONGEST_NAME} bytes: MPI-IO needs room for names of its own");
        return Err(Failure::new(FailureKind::Input, why).at(path).mend("choose a shorter name"));
    }
    Ok(())
}

/// Makes sure that `folder` is a folder that files can be made in.
///
/// # Errors
/// `Storage`, with the mend.
pub fn check_folder(folder: &Path) -> Result<()> {
    use rustix::fs::{Access, access};
    if let Some(file) = folder.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()) {
        return Err(Failure::new(FailureKind::Storage, "is a file, not a folder")
            .at(file)
            .mend("choose another place"));
    }
    if !folder.is_dir() {
        let mend = format!("make it: mkdir -p {}", h5lab_core::report::printable(&folder.display().to_string()));
        return Err(Failure::new(FailureKind::Storage, "the folder does not exist").at(folder).mend(mend));
    }
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
                "free space (a file that is replaced stays until the new one is whole), choose another path or a smaller size, \
                 or add --ignore-free-space if this figure is wrong",
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_to_where_a_file_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink(at("there"), at("b")).unwrap();
        symlink("circle", at("circle")).unwrap();
        assert_eq!(followed(&at("a")), at("there"));
        assert_eq!(followed(&at("plain")), at("plain"));
        assert_eq!(followed(&at("circle")), at("circle"));
        assert!(claim_target(&at("a"), false).is_ok());
        assert_eq!(claim_target(&at("circle"), true).unwrap_err().kind, FailureKind::Storage);
    }

    #[test]
    fn only_regular_files_are_overwritten_even_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |path: &Path, force| claim_target(path, force).unwrap_err().kind;
        assert_eq!(kind(Path::new("/dev/null"), true), FailureKind::Input);
        assert_eq!(kind(folder.path(), true), FailureKind::Input);
        assert_eq!(kind(&folder.path().join("a".repeat(201)), true), FailureKind::Input);
        let file = folder.path().join("file");
        fs::write(&file, "somebody's").unwrap();
        assert_eq!(kind(&file, false), FailureKind::Refused);
        assert_eq!(kind(&file.join("x.h5"), false), FailureKind::Storage);
        assert!(claim_target(&file, true).is_ok());
    }
}
