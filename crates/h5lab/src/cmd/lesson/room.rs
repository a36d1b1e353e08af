//! How much room a lesson may take here, and how many ranks it may start.

use crate::output::note;
use h5lab_core::failure::{Failure, Result};
use h5lab_core::lesson::fit;
use h5lab_core::report::bytes;
use h5lab_core::sweep::Sweep;
use h5lab_io::host::{filesystem, launcher, machine, process_env};
use std::path::Path;

/// A lesson's dataset takes at most one part in so many of the free space: there are up to four such files at a time.
const SHARE_OF_DISK: u64 = 8;
/// And of the memory: the page cache holds the files, and a tmpfs is memory.
const SHARE_OF_MEMORY: u64 = 8;

/// Makes the dataset smaller where there is too little room for it, and says so.
pub fn fitted(sweep: &mut Sweep, speaks: bool) -> Result<()> {
    let (room, why) = room(&sweep.path)?;
    let dtype = sweep.dtype[0];
    for shape in &mut sweep.shape {
        let smaller = fit(shape, dtype, room);
        if smaller != *shape && speaks {
            note(&format!("a dataset of {smaller} instead of {shape}: it must fit {}, {why}", bytes(room)));
        }
        *shape = smaller;
    }
    Ok(())
}

/// Within a job, leaves out the rank counts that exceed the slots granted, and says so. If too few are left to be compared,
/// powers of two take their place.
pub fn within_grant(sweep: &mut Sweep, speaks: bool) {
    let job = launcher::detect(&process_env).scheduler;
    let Some(slots) = job.as_ref().and_then(crate::launch::granted) else { return };
    let fitting = fitting(&sweep.np, slots);
    if fitting != sweep.np && speaks {
        let words = |np: &[usize]| np.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        note(&format!("--np {} instead of {}: the job has {slots} slots", words(&fitting), words(&sweep.np)));
    }
    sweep.np = fitting;
}

/// Those of some rank counts that fit into slots; if that is one of several, or none, the largest powers of two that do.
fn fitting(np: &[usize], slots: usize) -> Vec<usize> {
    let fit: Vec<usize> = np.iter().copied().filter(|&np| np <= slots).collect();
    if fit.len() >= np.len().min(2) {
        return fit;
    }
    let powers: Vec<usize> = std::iter::successors(Some(1), |np| Some(np * 2)).take_while(|&np| np <= slots).collect();
    powers[powers.len().saturating_sub(np.len())..].to_vec()
}

/// Bytes that a dataset may have, and what says so.
fn room(folders: &[impl AsRef<Path>]) -> Result<(u64, String)> {
    let memory = machine::collect(&process_env).memory_available_bytes.unwrap_or(u64::MAX) / SHARE_OF_MEMORY;
    let mut least = (memory, format!("one part in {SHARE_OF_MEMORY} of the memory"));
    for folder in folders.iter().map(AsRef::as_ref) {
        let free = filesystem::free_bytes(folder).map_err(|e| Failure::io("look at", folder, &e))?;
        if free / SHARE_OF_DISK < least.0 {
            let what = format!("one part in {SHARE_OF_DISK} of the free space in {}", folder.display());
            least = (free / SHARE_OF_DISK, what);
        }
    }
    Ok(least)
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn rank_counts_stay_within_the_slots() {
        assert_eq!(fitting(&[4, 8, 16], 64), [4, 8, 16]);
        assert_eq!(fitting(&[4, 8, 16], 8), [4, 8]);
        assert_eq!(fitting(&[4, 8, 16], 4), [1, 2, 4]);
        assert_eq!(fitting(&[4, 8, 16], 3), [1, 2]);
        assert_eq!((fitting(&[4], 4), fitting(&[4], 3), fitting(&[4], 1)), (vec![4], vec![2], vec![1]));
    }
}
