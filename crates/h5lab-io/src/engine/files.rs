//! Which files a dataset is: one, but for the methods `per-process` and `subfiling`.

use crate::h5::tree::{Tree, open_dataset};
use crate::h5::{self, provenance, virtual_dataset};
use h5lab_core::failure::Result;
use h5lab_core::method::Method;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the name of a file ends in that is not finished yet. A master `a.h5.h5lab-partial` has parts
/// `a-rank-0000.h5.h5lab-partial`, but names them as they are called when all have lost this ending.
pub const PARTIAL: &str = ".h5lab-partial";

/// All files that `np` ranks make when they write to `target`: the target itself comes last, so that whoever renames
/// them in this order has the whole dataset at once. A rank without data makes no file: some may not be there. The names
/// of subfiles are known once they are there.
pub fn files_of(method: Method, target: &Path, np: usize) -> Vec<PathBuf> {
    let parts = match method {
        Method::PerProcess | Method::Direct => (0..np).map(|rank| part_name(target, rank)).collect(),
        Method::Subfiling => subfiling_files(target).into_iter().map(|file| file.path).collect(),
        _ => Vec::new(),
    };
    parts.into_iter().chain([target.to_owned()]).collect()
}

/// The files that hold the values of a dataset that `method` wrote.
///
/// # Errors
/// If a file that must be opened to know that can't be.
pub fn files_with_values(method: Method, path: &Path, dataset: &str) -> Result<Vec<PathBuf>> {
    match method {
        Method::PerProcess | Method::Direct => files_behind(path, dataset),
        Method::Subfiling => Ok(subfiles(path)),
        _ => Ok(vec![path.to_owned()]),
    }
}

/// The subfiles of a file that is there, in their order.
pub fn subfiles(path: &Path) -> Vec<PathBuf> {
    let inode = std::fs::metadata(path).map(|stub| stub.ino()).ok();
    let of_it = |file: &SubfilingFile| Some(file.inode) == inode && file.number.is_some();
    subfiling_files(path).into_iter().filter(of_it).map(|file| file.path).collect()
}

/// The other files of a dataset that h5lab wrote to `target`: what is left of it if another takes `target`'s name.
///
/// Only what `target` names, stands beside it under the name of a part, and h5lab made. Parts of a split repack say so
/// themselves; of other files none, if somebody else made `target`, or gave it another name since.
pub fn companions(target: &Path) -> Vec<PathBuf> {
    let ours = provenance::made_by_h5lab(target);
    let mut files = named_parts(target);
    files.retain(|part| provenance::is_part(part) || (ours && provenance::made_by_h5lab(part)));
    if let Some(stub) = std::fs::metadata(target).ok().filter(|_| ours) {
        let of_it = |file: &SubfilingFile| file.inode == stub.ino();
        files.extend(subfiling_files(target).into_iter().filter(of_it).map(|file| file.path));
    }
    files
}

/// The files beside `target` that virtual datasets in it are put together from, and that are named as parts of it.
fn named_parts(target: &Path) -> Vec<PathBuf> {
    let Ok(file) = h5::open(target, h5::Mode::Read, None) else { return Vec::new() };
    let Ok(tree) = Tree::of(&file, target) else { return Vec::new() };
    let datasets = tree.datasets().filter_map(|(_, object)| open_dataset(&file, object.address).ok());
    let sources: BTreeSet<PathBuf> =
        datasets.flat_map(|dataset| virtual_dataset::files(&dataset, target).unwrap_or_default()).collect();
    sources.into_iter().filter(|path| is_part_of(target, path)).collect()
}

/// A file that the subfiling driver has made beside another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SubfilingFile {
    /// That of the file beside it, when that was made.
    inode: u64,
    /// Of a subfile, counted from 1; the configuration has none.
    number: Option<u32>,
    path: PathBuf,
}

/// Every such file beside `path`, whatever inode `path` has now.
fn subfiling_files(path: &Path) -> Vec<SubfilingFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let beside = entry.file_name().into_string().ok()?;
            let (inode, number) = subfile(beside.strip_prefix(name)?)?;
            Some(SubfilingFile { inode, number, path: path.with_file_name(beside) })
        })
        .collect();
    files.sort();
    files
}

/// Inode and number in the ending of a subfile's name, `.subfile_INODE_NUMBER_of_COUNT`, or of a configuration's,
/// `.subfile_INODE.config`.
fn subfile(ending: &str) -> Option<(u64, Option<u32>)> {
    let rest = ending.strip_prefix(".subfile_")?;
    if let Some(inode) = rest.strip_suffix(".config") {
        return Some((inode.parse().ok()?, None));
    }
    let (inode, number) = rest.split_once('_')?;
    let (number, count) = number.split_once("_of_")?;
    count.parse::<u32>().ok()?;
    Some((inode.parse().ok()?, Some(number.parse().ok()?)))
}

/// All files that hold the values of a dataset that is there: those behind a virtual dataset, else `path` alone.
///
/// # Errors
/// If it can't be opened as HDF5.
pub fn files_behind(path: &Path, dataset: &str) -> Result<Vec<PathBuf>> {
    let file = h5::open(path, h5::Mode::Read, None)?;
    let dataset = h5::dataset::open(&file, dataset, &Default::default(), path)?;
    virtual_dataset::files(&dataset, path)
}

/// The file of a rank: `a-rank-0003.h5` beside `a.h5`.
pub(crate) fn part_name(target: &Path, rank: usize) -> PathBuf {
    let finished = final_name(target);
    let mut name = finished.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-rank-{rank:04}."));
    name.push(finished.extension().map_or_else(|| OsString::from("h5"), OsString::from));
    if finished != target {
        name.push(PARTIAL);
    }
    target.with_file_name(name)
}

/// What ranks that were killed have left of parts: unfinished ones of `target`, of however many ranks.
pub(crate) fn unfinished_parts(target: &Path) -> Vec<PathBuf> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut unfinished = target.to_owned();
    unfinished.as_mut_os_string().push(PARTIAL);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| target.with_file_name(entry.file_name()));
    paths.filter(|path| is_part_of(&unfinished, path)).collect()
}

/// True if `path` is named as the file of some rank.
pub(crate) fn is_part_of(target: &Path, path: &Path) -> bool {
    let rank = || path.file_name()?.to_str()?.rsplit_once("-rank-")?.1.split('.').next()?.parse().ok();
    rank().is_some_and(|rank| part_name(target, rank) == path)
}

/// What a file is called when it is finished.
pub fn final_name(path: &Path) -> PathBuf {
    match path.file_name().and_then(|name| name.as_bytes().strip_suffix(PARTIAL.as_bytes())) {
        Some(name) => path.with_file_name(OsStr::from_bytes(name)),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subfiles_are_known_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let stub = folder.path().join("a.h5");
        std::fs::write(&stub, "").unwrap();
        let inode = std::fs::metadata(&stub).unwrap().ino();
        let beside = |ending: String| folder.path().join(format!("a.h5.subfile_{ending}"));
        let mine: Vec<_> = (1..=10).map(|n| beside(format!("{inode}_{n:02}_of_10"))).collect();
        let stale = [beside(format!("{}_1_of_1", inode + 1)), beside(format!("{}.config", inode + 1))];
        let config = beside(format!("{inode}.config"));
        let strangers =
            [beside("x_1_of_1".into()), beside(format!("{inode}_1_of_")), folder.path().join("a.h5.subfile")];
        for file in mine.iter().chain(&stale).chain([&config]).chain(&strangers) {
            std::fs::write(file, "").unwrap();
        }
        assert_eq!(files_with_values(Method::Subfiling, &stub, "data").unwrap(), mine);
        let mut all: Vec<_> = mine.iter().chain(&stale).chain([&config, &stub]).cloned().collect();
        let mut known = files_of(Method::Subfiling, &stub, 2);
        all.sort();
        known.sort();
        assert_eq!(known, all);
    }

    #[test]
    fn parts_stand_beside_the_target_and_know_if_they_are_finished() {
        let names = |target: &str| -> Vec<String> {
            let files = files_of(Method::PerProcess, Path::new(target), 2);
            files.iter().map(|f| f.display().to_string()).collect()
        };
        assert_eq!(names("/d/a.h5"), ["/d/a-rank-0000.h5", "/d/a-rank-0001.h5", "/d/a.h5"]);
        assert_eq!(names("b"), ["b-rank-0000.h5", "b-rank-0001.h5", "b"]);
        assert_eq!(names("b.nxs.h5lab-partial")[1..], ["b-rank-0001.nxs.h5lab-partial", "b.nxs.h5lab-partial"]);
        assert_eq!(files_of(Method::Gather, Path::new("a.h5"), 9), [PathBuf::from("a.h5")]);
        let finished: Vec<_> = names("c.h5.h5lab-partial").iter().map(|f| final_name(Path::new(f))).collect();
        assert_eq!(finished, files_of(Method::PerProcess, Path::new("c.h5"), 2));
    }
}
