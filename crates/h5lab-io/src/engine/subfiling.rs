//! The method `subfiling`: one HDF5 file, which all ranks open together through HDF5's subfiling driver (HDF5 Subfiling
//! VFD User Guide). The driver lays its bytes in stripes into subfiles. Some ranks are I/O concentrators: threads of
//! theirs write and read the subfiles for all.
//!
//! For `a.h5` there are the subfiles `a.h5.subfile_INODE_1_of_2` and so on, `a.h5.subfile_INODE.config`, and `a.h5` itself,
//! a stub with no values in it, whose inode is in all these names. HDF5's `h5fuse` makes one plain file of them.
//!
//! Transfers are independent: the driver refuses collective ones but for those of whole buffers.

use super::hdf5_file::Place;
use super::{Engine, Opening, Session};
use crate::comm::mpi;
use crate::h5::settings::Settings;
use crate::h5::{self, Mode, subfiling, transfer};
use h5lab_core::experiment::Direction;
use h5lab_core::failure::{Failure, FailureKind, Result};
use std::path::{Path, PathBuf};

/// One file in several.
pub(super) struct Subfiling;

impl Engine for Subfiling {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        let Opening { experiment, path, comm } = *opening;
        let (transfer, tunables) = (transfer::Mode::Independent, &experiment.tunables);
        let place = Place { path, ranks: Some(comm), subfiling: true, transfer, tunables };
        Ok(Box::new(match experiment.direction {
            Direction::Write => place.create(&experiment.dataset, &experiment.layout)?,
            Direction::Read => place.join(&experiment.dataset, Mode::Read)?,
        }))
    }

    fn own_thread(&self) -> bool {
        false
    }
}

/// Variables with which the driver puts files where nobody would look for them.
const ELSEWHERE: [&str; 2] = ["H5FD_SUBFILING_SUBFILE_PREFIX", "H5FD_SUBFILING_CONFIG_FILE_PREFIX"];

/// Refuses if HDF5, MPI or the environment can't do with it.
///
/// # Errors
/// `Environment`, with the reason.
pub(super) fn check() -> Result<()> {
    let refuse = |why: String, mend: &str| Err(Failure::new(FailureKind::Environment, why).mend(mend));
    if !subfiling::available() {
        let (major, minor, micro) = h5::library_version();
        let why = format!("HDF5 {major}.{minor}.{micro} has no subfiling; scripts/build-hdf5 builds one that has");
        return refuse(why, "build h5lab with an HDF5 that has it, or leave out subfiling");
    }
    if !mpi::threads_may_call() {
        let why = "subfiling needs MPI_THREAD_MULTIPLE, which this MPI does not grant";
        return refuse(why.into(), "use an MPI that does, or leave out subfiling");
    }
    match ELSEWHERE.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        Some(name) => refuse(
            format!("subfiling + {name}: h5lab would not find the subfiles there"),
            "unset it: subfiles stand beside their file",
        ),
        None => Ok(()),
    }
}

/// How the driver has cut a file, as its configuration file tells. The I/O concentrators in it are those of the ranks that
/// wrote the file: they are left out unless `writes` says that these are the same.
///
/// # Errors
/// `Input` if there is none.
pub(super) fn striping(path: &Path, writes: bool) -> Result<Settings> {
    let text = configuration(path).and_then(std::fs::read_to_string);
    let text = text.map_err(|e| {
        Failure::new(FailureKind::Input, format!("the subfiles' configuration can't be read: {e}")).at(path)
    })?;
    let mut found = parse(&text);
    found.retain(|name, _| writes || name != CONCENTRATORS);
    Ok(found)
}

/// Ranks whose threads write and read the subfiles.
const CONCENTRATORS: &str = "io-concentrators";

fn configuration(path: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".subfile_{}.config", std::fs::metadata(path)?.ino()));
    Ok(path.with_file_name(name))
}

/// The driver's words in h5lab's.
fn parse(text: &str) -> Settings {
    const NAMES: [(&str, &str); 3] =
        [("stripe_size", "subfile-stripe"), ("aggregator_count", CONCENTRATORS), ("subfile_count", "subfiles")];
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .filter_map(|(key, value)| {
            let (_, name) = NAMES.iter().find(|(theirs, _)| *theirs == key)?;
            Some(((*name).to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_understood() {
        let text = "stripe_size=33554432\naggregator_count=1\nsubfile_count=2\nhdf5_file=/d/a=b.h5\nsubfile_dir=/d\n\
                    a=b.h5.subfile_7_1_of_2\na=b.h5.subfile_7_2_of_2\n";
        let found: Vec<_> = parse(text).into_iter().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [pair("io-concentrators", "1"), pair("subfile-stripe", "33554432"), pair("subfiles", "2")];
        assert_eq!(found, expected);
    }
}
