//! Ranks as local threads: what `--np` means in a build without MPI.

use super::{Comm, missed, refused};
use h5lab_core::failure::Result;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard};

/// What the threads of a group share.
struct Group {
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// One meeting after the other: ranks leave their bytes, the last one to come opens the door.
///
/// Apart from meetings, ranks offer memory of their own to rank 0, which uses it where it is: nothing is copied.
struct State {
    meeting: u64,
    /// Who waits in the meeting under way.
    arrived: Vec<bool>,
    left: Vec<Vec<u8>>,
    met: Vec<Vec<u8>>,
    offers: Vec<Offer>,
    /// Ranks that panicked or returned: others may still wait for them.
    lost: Vec<bool>,
}

/// Memory of a rank that rank 0 may use.
#[derive(Clone, Copy)]
enum Offer {
    /// None, or rank 0 is done with it.
    Nothing,
    /// The rank waits until rank 0 is done with it.
    There(Memory),
    /// Rank 0 will not use it.
    Refused,
}

/// Bytes that belong to a rank that waits.
#[derive(Clone, Copy)]
struct Memory {
    at: *mut u8,
    bytes: usize,
}

// SAFETY: only rank 0 uses it, and only while its owner waits in `Group::offer`.
unsafe impl Send for Memory {}

/// One rank of a group of threads.
pub struct Threads<'a> {
    rank: usize,
    group: &'a Group,
}

/// Runs `body` on `np` threads, each with its own rank, and returns rank 0's result.
///
/// # Errors
/// Rank 0's failure; if a rank ends early, the others get `RankLost` from their next collective call instead of hanging.
/// A rank that panicked is an `Internal` failure that names it, after all others have ended.
pub fn run<T: Send>(np: usize, body: impl Fn(&Threads<'_>) -> Result<T> + Sync) -> Result<T> {
    let state = State {
        meeting: 0,
        arrived: vec![false; np],
        left: vec![Vec::new(); np],
        met: Vec::new(),
        offers: vec![Offer::Nothing; np],
        lost: vec![false; np],
    };
    let group = Group { size: np, state: Mutex::new(state), changed: Condvar::new() };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..np)
            .map(|rank| {
                let (group, body) = (&group, &body);
                scope.spawn(move || {
                    let outcome = catch_unwind(AssertUnwindSafe(|| body(&Threads { rank, group })))
                        .map_err(|panic| crate::panic::failure(panic.as_ref()).on_rank(rank));
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
            Err(panic) => return Err(panic),
        }
    }
    first.expect("a group has a rank 0")
}

impl Group {
    fn leave(&self, rank: usize) {
        self.lock().lost[rank] = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(|e| e.into_inner())
    }

    /// All ranks' bytes, once all have come.
    fn meet(&self, rank: usize, mine: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut state = self.lock();
        let meeting = state.meeting;
        state.left[rank] = mine.to_vec();
        state.arrived[rank] = true;
        if !state.arrived.contains(&false) {
            state.arrived.fill(false);
            state.meeting += 1;
            state.met = std::mem::replace(&mut state.left, vec![Vec::new(); self.size]);
        }
        self.changed.notify_all();
        while state.meeting == meeting {
            if let Some(lost) = state.lost.iter().position(|&lost| lost) {
                return Err(missed(rank, lost, "left"));
            }
            state = self.wait(state);
        }
        Ok(state.met.clone())
    }

    /// Lets rank 0 use `memory`, which nobody else touches until this returns.
    fn offer(&self, rank: usize, memory: Memory) -> Result<()> {
        let mut state = self.lock();
        state.offers[rank] = Offer::There(memory);
        self.changed.notify_all();
        loop {
            match state.offers[rank] {
                Offer::Nothing => return Ok(()),
                Offer::Refused => {
                    state.offers[rank] = Offer::Nothing;
                    return Err(refused());
                }
                // Rank 0 uses memory within `Group::visit` alone, so it does not while any of these is true.
                Offer::There(_) => {
                    if let Some(why) = state.elsewhere(0) {
                        state.offers[rank] = Offer::Nothing;
                        return Err(missed(rank, 0, why));
                    }
                }
            }
            state = self.wait(state);
        }
    }

    /// On rank 0: waits for the offer of `rank`, uses it, and answers with what becomes of it.
    fn visit(&self, rank: usize, using: impl FnOnce(Memory) -> (Offer, Result<()>)) -> Result<()> {
        let mut state = self.lock();
        let memory = loop {
            if let Offer::There(memory) = state.offers[rank] {
                break memory;
            }
            if let Some(why) = state.elsewhere(rank) {
                return Err(missed(0, rank, why));
            }
            state = self.wait(state);
        };
        drop(state);
        let (answer, outcome) = using(memory);
        self.lock().offers[rank] = answer;
        self.changed.notify_all();
        outcome
    }
}

impl State {
    /// Why `rank` does not come, if it does not: it ended, or is in a meeting that can't end before it comes.
    fn elsewhere(&self, rank: usize) -> Option<&'static str> {
        match (self.lost[rank], self.arrived[rank]) {
            (true, _) => Some("left"),
            (false, true) => Some("did something else"),
            (false, false) => None,
        }
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

    fn any(&self, mine: bool, _give_up: &dyn Fn() -> u8) -> Result<bool> {
        // Threads never hang in a collective call of a library: nobody needs to be taken down.
        Ok(self.group.meet(self.rank, &[u8::from(mine)])?.iter().any(|flag| flag == &[1]))
    }

    fn collect(&self, mine: &[u8], each: &mut dyn FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
        if self.rank != 0 {
            return self.group.offer(self.rank, Memory { at: mine.as_ptr().cast_mut(), bytes: mine.len() });
        }
        let mut first = each(0, mine);
        for rank in 1..self.group.size {
            let heard = self.group.visit(rank, |memory| {
                // SAFETY: the rank lends these bytes, and waits until this visit is over.
                let bytes = unsafe { std::slice::from_raw_parts(memory.at, memory.bytes) };
                (Offer::Nothing, if first.is_ok() { each(rank, bytes) } else { Ok(()) })
            });
            first = first.and(heard);
        }
        first
    }

    fn deal(&self, mine: &mut [u8], make: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>) -> Result<()> {
        if self.rank != 0 {
            return self.group.offer(self.rank, Memory { at: mine.as_mut_ptr(), bytes: mine.len() });
        }
        let mut first = make(0, mine);
        for rank in 1..self.group.size {
            let heard = self.group.visit(rank, |memory| {
                // SAFETY: the rank lends these bytes mutably, and waits until this visit is over.
                let bytes = unsafe { std::slice::from_raw_parts_mut(memory.at, memory.bytes) };
                let made = if first.is_ok() { make(rank, bytes) } else { Err(refused()) };
                (if made.is_ok() { Offer::Nothing } else { Offer::Refused }, made)
            });
            first = first.and(heard);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::{agree, all_gather, from_rank_0};
    use h5lab_core::failure::{Failure, FailureKind};

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

    #[test]
    fn rank_0_collects_and_deals_in_rank_order() {
        for np in [1, 2, 5] {
            let heard = run(np, |comm| {
                let mut heard = Vec::new();
                for round in 0..50u8 {
                    let mine = vec![round; comm.rank()];
                    comm.collect(&mine, &mut |rank, bytes| {
                        assert_eq!(bytes, vec![round; rank]);
                        heard.push(rank);
                        Ok(())
                    })?;
                    let mut mine = vec![0; comm.rank() + 1];
                    comm.deal(&mut mine, &mut |rank, bytes| {
                        bytes.fill(rank as u8 + round);
                        Ok(())
                    })?;
                    assert_eq!(mine, vec![comm.rank() as u8 + round; comm.rank() + 1]);
                }
                Ok(heard)
            });
            assert_eq!(heard.unwrap(), (0..50).flat_map(|_| 0..np).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_on_rank_0_gives_the_others_their_memory_back() {
        let panicked = run(3, |comm| {
            let heard = comm.collect(&[1; 100], &mut |rank, _| if rank == 1 { panic!("on purpose") } else { Ok(()) });
            assert_eq!(heard.unwrap_err().kind, FailureKind::RankLost);
            Ok(())
        });
        let failure = panicked.unwrap_err();
        assert_eq!((failure.kind, failure.rank), (FailureKind::Internal, Some(0)));
    }
}
