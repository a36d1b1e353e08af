//! Ranks as local threads: what `--np` means in a build without MPI.

use super::Comm;
use h5lab_core::failure::{Failure, FailureKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex};

/// What the threads of a group share.
struct Group {
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// One meeting after the other: ranks leave their bytes, the last one to come opens the door.
struct State {
    meeting: u64,
    arrived: usize,
    left: Vec<Vec<u8>>,
    met: Vec<Vec<u8>>,
    /// A rank that panicked or returned while others still wait for it.
    lost: Option<usize>,
}

/// One rank of a group of threads.
pub struct Threads<'a> {
    rank: usize,
    group: &'a Group,
}

/// Runs `body` on `np` threads, each with its own rank, and returns rank 0's result.
///
/// # Errors
/// Rank 0's failure; if a rank ends early, the others get `RankLost` from their next collective call instead of hanging.
///
/// # Panics
/// If a rank panicked, after all others have ended.
pub fn run<T: Send>(np: usize, body: impl Fn(&Threads<'_>) -> Result<T> + Sync) -> Result<T> {
    let state = State { meeting: 0, arrived: 0, left: vec![Vec::new(); np], met: Vec::new(), lost: None };
    let group = Group { size: np, state: Mutex::new(state), changed: Condvar::new() };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..np)
            .map(|rank| {
                let (group, body) = (&group, &body);
                scope.spawn(move || {
                    let outcome = catch_unwind(AssertUnwindSafe(|| body(&Threads { rank, group })));
                    group.leave(rank);
                    outcome
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("a rank's panic is caught in its thread")).collect()
    });
    let mut first = None;
    for result in results {
        match result {
            Ok(result) => first = first.or(Some(result)),
            Err(panic) => resume_unwind(panic),
        }
    }
    first.expect("a group has a rank 0")
}

impl Group {
    fn leave(&self, rank: usize) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        state.lost.get_or_insert(rank);
        self.changed.notify_all();
    }

    /// All ranks' bytes, once all have come.
    fn meet(&self, rank: usize, mine: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let meeting = state.meeting;
        state.left[rank] = mine.to_vec();
        state.arrived += 1;
        if state.arrived == self.size {
            state.arrived = 0;
            state.meeting += 1;
            state.met = std::mem::replace(&mut state.left, vec![Vec::new(); self.size]);
            self.changed.notify_all();
            return Ok(state.met.clone());
        }
        while state.meeting == meeting {
            if let Some(lost) = state.lost {
                return Err(Failure::new(
                    FailureKind::RankLost,
                    format!("rank {lost} left while rank {rank} waited for it"),
                ));
            }
            state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        Ok(state.met.clone())
    }
}

impl Comm for Threads<'_> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.group.size
    }

    fn barrier(&self) -> Result<()> {
        self.group.meet(self.rank, &[]).map(|_| ())
    }

    fn all_gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.group.meet(self.rank, mine)
    }

    fn any(&self, mine: bool, _give_up: &dyn Fn()) -> Result<bool> {
        // Threads never hang in a collective call of a library: nobody needs to be taken down.
        Ok(self.group.meet(self.rank, &[u8::from(mine)])?.iter().any(|flag| flag == &[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::{agree, all_gather, from_rank_0};

    #[test]
    fn every_rank_hears_every_rank_in_order() {
        for np in [1, 2, 5] {
            let heard = run(np, |comm| {
                for _ in 0..100 {
                    comm.barrier()?;
                    assert_eq!(all_gather(comm, &comm.rank())?, (0..np).collect::<Vec<_>>());
                }
                from_rank_0(comm, || Ok(comm.rank() + 7))
            });
            assert_eq!(heard.unwrap(), 7);
        }
    }

    #[test]
    fn one_rank_s_failure_is_everybody_s_and_names_it() {
        let failure = run(3, |comm| {
            let mine = if comm.rank() == 1 { Err(Failure::new(FailureKind::Storage, "no")) } else { Ok(()) };
            let agreed = agree(comm, mine, &|_| ());
            assert_eq!(agreed.as_ref().unwrap_err().rank, Some(1));
            agreed
        });
        assert_eq!(failure.unwrap_err().kind, FailureKind::Storage);
    }

    #[test]
    fn a_rank_that_leaves_early_does_not_hang_the_others() {
        let failure = run(3, |comm| if comm.rank() == 2 { Ok(()) } else { comm.barrier() });
        assert_eq!(failure.unwrap_err().kind, FailureKind::RankLost);
    }
}
