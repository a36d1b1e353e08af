//! The part files of a split repack: how they are called, what may be replaced by them, and how they get their names.

use super::output::sync_folder_of;
use crate::engine::{final_name, part_name};
use crate::h5::provenance;
use crate::identity::same_file;
use crate::run::Beside;
use h5lab_core::failure::{Failure, FailureKind, Result};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The parts of a new file: one for each rank that has values to write, the first ranks.
#[derive(Clone)]
pub(super) struct Parts {
    /// Where they are written.
    unfinished: Vec<PathBuf>,
}

impl Parts {
    /// Of the new file by its real name; a signal removes them from now on.
    pub(super) fn new(target: &Path, count: usize) -> Parts {
        let beside = (0..count).map(|rank| Beside::new(&part_name(target, rank)));
        Parts { unfinished: beside.map(|part| part.path().to_owned()).collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.unfinished.len()
    }

    /// Where a rank writes; `None` if it has nothing to write.
    pub(super) fn unfinished(&self, rank: usize) -> Option<&Path> {
        self.unfinished.get(rank).map(PathBuf::as_path)
    }

    /// The name that a rank's part gets.
    pub(super) fn finished(&self, rank: usize) -> PathBuf {
        final_name(&self.unfinished[rank])
    }

    /// The names that all parts get.
    pub(super) fn all_finished(&self) -> impl Iterator<Item = PathBuf> {
        self.unfinished.iter().map(|part| final_name(part))
    }

    /// Makes sure that parts may take their names: nothing is there, or what belongs to the file that is replaced, or
    /// another part that h5lab made if `force` is given; and nothing that the source is made of.
    ///
    /// # Errors
    /// `Usage` or `Refused`, with the mend.
    pub(super) fn claim(&self, force: bool, source: &[PathBuf], replaced: &[PathBuf]) -> Result<()> {
        let refuse = |kind, why: &str, at: &Path, mend: &str| Err(Failure::new(kind, why).at(at).mend(mend));
        for name in self.all_finished() {
            if source.iter().any(|file| same_file(file, &name)) {
                let why = "is read, and a part of the new file would take its name";
                return refuse(FailureKind::Usage, why, &name, "choose another name for the new file");
            }
            if fs::symlink_metadata(&name).is_err() || replaced.contains(&name) {
                continue;
            }
            if !force {
                let why = "is there already, and a part of the new file would take its name";
                let mend = "choose another name for the new file, or add --force";
                return refuse(FailureKind::Refused, why, &name, mend);
            }
            if !provenance::is_part(&name) && !provenance::made_by_h5lab(&name) {
                let why = "is no part that h5lab made, and a part of the new file would take its name";
                let mend = "move it, or choose another name for the new file";
                return refuse(FailureKind::Refused, why, &name, mend);
            }
        }
        Ok(())
    }

    /// Makes sure that the parts are those that were `made`, told by their inodes: ranks may outlive their `mpirun`.
    ///
    /// # Errors
    /// `Refused` if one of them is not.
    pub(super) fn check(&self, made: &[Option<u64>]) -> Result<()> {
        let there = |part: &PathBuf| fs::metadata(part).map(|found| found.ino()).ok();
        match self.unfinished.iter().zip(made).find(|(part, made)| there(part) != **made) {
            None => Ok(()),
            Some((part, _)) => Err(super::output::written_by_another(&final_name(part))),
        }
    }

    /// Gives them their names.
    ///
    /// # Errors
    /// `Storage`; those that had their names by then are gone.
    pub(super) fn keep(&self) -> Result<()> {
        for part in &self.unfinished {
            let name = final_name(part);
            fs::rename(part, &name).map_err(|e| {
                self.take_back();
                Failure::io("finish", &name, &e)
            })?;
        }
        self.unfinished.first().into_iter().for_each(|part| sync_folder_of(part));
        Ok(())
    }

    /// Removes parts that have their names already, since the file that shows them will not be there.
    pub(super) fn take_back(&self) {
        let renamed = self.unfinished.iter().filter(|part| !part.exists());
        renamed.for_each(|part| crate::run::discard(&final_name(part)));
    }

    /// Removes those that are not finished.
    pub(super) fn remove(&self) {
        self.unfinished.iter().for_each(|part| crate::run::discard(part));
    }
}
