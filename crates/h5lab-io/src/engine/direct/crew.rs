//! The threads of a rank that move data and run filters, each with memory of its own that it uses again and again.

use crate::filter::Scratch;
use h5lab_core::failure::{Failure, FailureKind, Result};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

/// What a chunk takes on its way through the filters.
#[derive(Default)]
pub(super) struct Desk {
    /// A chunk as it is in the file.
    pub(super) stored: Vec<u8>,
    /// A chunk, or a span of a file, as it is in memory.
    pub(super) raw: Vec<u8>,
    /// What filters keep.
    pub(super) scratch: Scratch,
}

/// What a thread holds between two pieces of work.
#[derive(Default)]
pub(super) struct Hand {
    pub(super) desk: Desk,
    /// For a chunk that is decoded together with another.
    pub(super) second: Desk,
    /// Memory that O_DIRECT reads to and writes from.
    pub(super) aligned: Option<crate::buffer::Buffer>,
    /// Runs of a span: offset in the file, offset in memory, bytes.
    pub(super) runs: Vec<(u64, u64, u64)>,
    /// What is asked for before its turn.
    pub(super) ahead: Vec<super::ahead::Span>,
}

/// Threads; the caller is one of them.
pub(super) struct Crew {
    /// All but the caller.
    others: Option<rayon::ThreadPool>,
    hands: Vec<Mutex<Hand>>,
    identifiers: Vec<i32>,
}

impl Crew {
    /// A crew of `size` threads, the caller's included.
    ///
    /// # Errors
    /// `Environment` if the system starts no more threads.
    pub(super) fn new(size: usize) -> Result<Crew> {
        let pool = |others: usize| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(others)
                .thread_name(|number| format!("direct-{}", number + 1))
                .build()
                .map_err(|e| {
                    Failure::new(FailureKind::Environment, format!("{others} more threads can't be started: {e}"))
                        .mend("give fewer --threads")
                })
        };
        let others = if size > 1 { Some(pool(size - 1)?) } else { None };
        let own = |_: rayon::BroadcastContext<'_>| rustix::thread::gettid().as_raw_nonzero().get();
        let identifiers = others.as_ref().map_or_else(Vec::new, |pool| pool.broadcast(own));
        Ok(Crew { others, hands: (0..size.max(1)).map(|_| Mutex::default()).collect(), identifiers })
    }

    /// How many threads there are.
    pub(super) fn size(&self) -> usize {
        self.hands.len()
    }

    /// The system's numbers for the threads that are not the caller's.
    pub(super) fn identifiers(&self) -> &[i32] {
        &self.identifiers
    }

    /// Does pieces `0..count` of some work. Each thread takes the next one when it is done with one; after a failure no
    /// other piece is begun.
    ///
    /// # Errors
    /// The failure of the lowest piece that failed.
    pub(super) fn each(&self, count: u64, work: impl Fn(&mut Hand, u64) -> Result<()> + Sync) -> Result<()> {
        let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let failed: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
        let turn = |hand: usize| {
            let mut hand = lock(&self.hands[hand]);
            while !stop.load(Ordering::Relaxed) {
                let piece = next.fetch_add(1, Ordering::Relaxed);
                if piece >= count {
                    break;
                }
                if let Err(failure) = work(&mut hand, piece) {
                    stop.store(true, Ordering::Relaxed);
                    let mut failed = lock(&failed);
                    if failed.as_ref().is_none_or(|(first, _)| piece < *first) {
                        *failed = Some((piece, failure));
                    }
                }
            }
        };
        match &self.others {
            Some(pool) if count > 1 => pool.in_place_scope(|scope| {
                let turn = &turn;
                (1..self.size().min(count as usize)).for_each(|hand| scope.spawn(move |_| turn(hand)));
                turn(0);
            }),
            _ => turn(0),
        }
        match failed.into_inner().unwrap_or_else(|e| e.into_inner()) {
            Some((_, failure)) => Err(failure),
            None => Ok(()),
        }
    }
}

/// What a thread that panicked held is used again: it is written before it is read.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// Makes a buffer at least `bytes` long, and returns as many of it, whatever is in them.
pub(super) fn sized(buffer: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    if buffer.len() < bytes {
        // Not one by one: what is there is of no use.
        buffer.clear();
        buffer.resize(bytes, 0);
    }
    &mut buffer[..bytes]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_piece_is_done_once_whatever_the_crew() {
        for size in [1, 2, 5] {
            let crew = Crew::new(size).unwrap();
            assert_eq!((crew.size(), crew.identifiers().len()), (size, size - 1));
            let done = Mutex::new(BTreeSet::new());
            crew.each(1000, |_, piece| {
                assert!(done.lock().unwrap().insert(piece));
                Ok(())
            })
            .unwrap();
            assert_eq!(done.into_inner().unwrap().len(), 1000);
            crew.each(0, |_, _| panic!("there is nothing to do")).unwrap();
        }
    }

    #[test]
    fn the_first_failure_stops_the_crew() {
        let crew = Crew::new(2).unwrap();
        let begun = AtomicU64::new(0);
        let failure = crew.each(1_000_000, |_, piece| {
            begun.fetch_add(1, Ordering::Relaxed);
            if piece == 3 { Err(Failure::new(FailureKind::Storage, "three")) } else { Ok(()) }
        });
        assert_eq!(failure.unwrap_err().message, "three");
        assert!(begun.into_inner() < 1_000_000);
        // Hands are free again.
        crew.each(10, |_, _| Ok(())).unwrap();
    }
}
