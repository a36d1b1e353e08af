//! Which files a dataset is: one, but for the method `per-process`.

use crate::h5::{self, virtual_dataset};
use h5lab_core::failure::Result;
use h5lab_core::method::Method;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the name of a file ends in that is not finished yet. A master `a.h5.h5lab-partial` has parts
/// `a-rank-0000.h5.h5lab-partial`, but names them as they are called when all have lost this ending.
pub const PARTIAL: &str = ".h5lab-partial";

/// All files that `np` ranks make when they write to `target`: the target itself comes last, so that whoever renames
/// them in this order has the whole dataset at once. A rank without data makes no file: some may not be there.
pub fn files_of(method: Method, target: &Path, np: usize) -> Vec<PathBuf> {
    let parts = if method == Method::PerProcess { np } else { 0 };
    (0..parts).map(|rank| part_name(target, rank)).chain([target.to_owned()]).collect()
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
pub(super) fn part_name(target: &Path, rank: usize) -> PathBuf {
    let finished = final_name(target);
    let mut name = finished.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-rank-{rank:04}."));
    name.push(finished.extension().map_or_else(|| OsString::from("h5"), OsString::from));
    if finished != target {
        name.push(PARTIAL);
    }
    target.with_file_name(name)
}

/// What a file is called when it is finished.
pub fn final_name(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    match name.as_deref().and_then(|name| name.strip_suffix(PARTIAL)) {
        Some(name) => path.with_file_name(name),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
