//! The file that is written: beside its name until it is whole, on the device before it takes that name.

use super::parts::Parts;
use crate::engine::{companions, unfinished_parts};
use crate::identity::{Identity, identity, same_file};
use crate::run::{Beside, check_folder, discard, followed, take_after};
use h5lab_core::failure::{Failure, FailureKind, Result};
use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the new file goes.
pub(super) struct Output {
    /// Its name, symbolic links followed.
    path: PathBuf,
    beside: Beside,
    /// Parts of the file that it replaces.
    old: Vec<PathBuf>,
    /// Its own parts, and their inodes.
    parts: Option<(Parts, Vec<Option<u64>>)>,
}

impl Output {
    /// Makes sure that `output` may be written: it is not there, or `force` is given; and it is not the input, unless it is
    /// to replace that.
    ///
    /// What an earlier run left beside it is removed. `source` are the files that the input's values are in.
    ///
    /// # Errors
    /// `Usage`, `Refused` or `Storage`, with the mend.
    pub(super) fn claim(
        input: &Path,
        output: &Path,
        force: bool,
        in_place: bool,
        source: &[PathBuf],
    ) -> Result<Output> {
        let path = followed(output);
        let same = same_file(input, &path);
        if !same && source.iter().any(|file| same_file(file, &path)) {
            return Err(Failure::new(FailureKind::Usage, "holds values of the file that is read")
                .at(output)
                .mend("choose another name for the new file"));
        }
        if same && !in_place {
            return Err(Failure::new(FailureKind::Usage, "is the file that is read")
                .at(output)
                .mend("choose another name for the new file, or say --in-place and one name"));
        }
        crate::run::check_name(&path)?;
        match fs::metadata(&path) {
            Ok(found) if !same && found.is_dir() => {
                return Err(Failure::new(FailureKind::Input, "is a directory").at(output).mend("name a file in it"));
            }
            Ok(found) if !same && !found.is_file() => {
                return Err(Failure::new(FailureKind::Input, "is a device, a pipe or a socket")
                    .at(output)
                    .mend("name a file"));
            }
            Ok(_) if !same && !force => {
                return Err(Failure::new(FailureKind::Refused, "is there already")
                    .at(output)
                    .mend("choose another name, or add --force"));
            }
            _ => {}
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        check_folder(folder)?;
        let beside = Beside::new(&path);
        beside.remove();
        unfinished_parts(&path).iter().for_each(|part| discard(part));
        let mut old = if same { Vec::new() } else { companions(&path) };
        old.retain(|part| !source.iter().any(|file| same_file(file, part)));
        Ok(Output { path, beside, old, parts: None })
    }

    /// Parts of the file that is replaced: they go with it.
    pub(super) fn old(&self) -> &[PathBuf] {
        &self.old
    }

    /// Counts parts with it: they get their names when it does, or are gone.
    pub(super) fn with_parts(&mut self, parts: &Parts) {
        self.parts = Some((parts.clone(), Vec::new()));
    }

    /// The parts are there: these are their inodes.
    pub(super) fn parts_made(&mut self, inodes: Vec<Option<u64>>) {
        self.parts.iter_mut().for_each(|(_, made)| made.clone_from(&inodes));
    }

    /// Where it is written.
    pub(super) fn partial(&self) -> &Path {
        self.beside.path()
    }

    /// Gives it its name: values first, then the name, then the folder reach the device. Parts get theirs before it does.
    ///
    /// # Errors
    /// `Storage`; `Refused` if what stands there is not the file that was `made`: ranks may outlive their `mpirun`, and meet
    /// those of the next one.
    pub(super) fn keep(&self, made: Option<Identity>, like: Option<&Metadata>) -> Result<()> {
        let fail = |e: std::io::Error| Failure::io("finish", &self.path, &e);
        if identity(self.partial()) != made {
            return Err(written_by_another(&self.path));
        }
        self.parts.iter().try_for_each(|(parts, made)| parts.check(made))?;
        let partial = File::open(self.partial()).map_err(fail)?;
        if let Some(like) = like {
            take_after(&partial, like).map_err(fail)?;
        }
        partial.sync_all().map_err(fail)?;
        self.keep_parts()?;
        fs::rename(self.partial(), &self.path).map_err(|e| {
            self.parts.iter().for_each(|(parts, _)| parts.take_back());
            fail(e)
        })?;
        sync_folder_of(&self.path);
        let new: Vec<PathBuf> = self.parts.iter().flat_map(|(parts, _)| parts.all_finished()).collect();
        self.old.iter().filter(|part| !new.contains(part)).for_each(|part| discard(part));
        Ok(())
    }

    /// Gives the parts their names. The file that is replaced would show them as its own, if they take the names of its
    /// parts: then it goes before they come.
    fn keep_parts(&self) -> Result<()> {
        let Some((parts, _)) = &self.parts else { return Ok(()) };
        if parts.all_finished().any(|part| self.old.contains(&part)) {
            fs::remove_file(&self.path).map_err(|e| Failure::io("replace", &self.path, &e))?;
        }
        parts.keep()
    }
}

/// The failure of a repack whose file is not the one that it made.
pub(super) fn written_by_another(path: &Path) -> Failure {
    Failure::new(FailureKind::Refused, "another repack writes this file").at(path).mend("let one of them end first")
}

/// Makes the names in a file's folder reach the device. Some file systems do not sync folders; names are then as durable as
/// they make them.
pub(super) fn sync_folder_of(path: &Path) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

impl Drop for Output {
    fn drop(&mut self) {
        self.beside.remove();
        self.parts.iter().for_each(|(parts, _)| parts.remove());
    }
}

/// What tells a file that was written meanwhile from one that was not.
pub(super) fn state(path: &Path) -> Result<Metadata> {
    fs::metadata(path).map_err(|e| Failure::io("look at", path, &e))
}

/// Makes what was written so far reach the device: other nodes see it then, too.
pub(super) fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| Failure::io("write", path, &e))
}

/// Makes sure that the source is as it was.
///
/// # Errors
/// `Input` if it was written or replaced meanwhile.
pub(super) fn unchanged(path: &Path, before: &Metadata) -> Result<()> {
    let now = state(path)?;
    let all = |of: &Metadata| (of.dev(), of.ino(), of.len(), of.mtime(), of.mtime_nsec());
    if all(before) == all(&now) {
        return Ok(());
    }
    Err(written_meanwhile(path))
}

/// The failure of a source that somebody writes.
pub(super) fn written_meanwhile(path: &Path) -> Failure {
    Failure::new(FailureKind::Input, "was written while it was read: what was read may not belong together")
        .at(path)
        .mend("repack it once nobody writes it any more")
}

/// Copies the user block: what stands before HDF5's first byte is somebody else's.
pub(super) fn user_block(from: &Path, to: &Path, bytes: u64) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let read = File::open(from).and_then(|file| {
        let mut block = Vec::new();
        file.take(bytes).read_to_end(&mut block)?;
        Ok(block)
    });
    let block = read.map_err(|e| Failure::io("read the user block", from, &e))?;
    let written = File::options().write(true).open(to).and_then(|mut file| {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&block)
    });
    written.map_err(|e| Failure::io("write the user block", to, &e))
}
