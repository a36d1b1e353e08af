//! Ranks that share a dataset: each encodes groups of its own, and rank 0, which alone has the new file open, stores them.
//!
//! A rank's threads put what they have encoded into its mailbox, and wait while that is full. Rank 0 empties the mailboxes
//! in rounds, which begin when all ranks have come: at the latest a moment after the last one, whatever their threads do.
//! So a rank that failed is heard in the next round, and no rank holds more than its mailbox.
//!
//! Ranks that write files of their own have no mail, and rounds all the same: to hear of failures, and of progress.

use super::crew::Crew;
use super::target::Store;
use crate::comm::{Comm, Solo, agree, all_gather};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::region::Region;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Longest that a rank lets the others wait for a round.
const PATIENCE: Duration = Duration::from_millis(20);

/// The ranks, and what is told if one of them can't go on.
#[derive(Clone, Copy)]
pub(super) struct Ranks<'a> {
    pub(super) comm: &'a dyn Comm,
    pub(super) last_words: &'a dyn Fn(&Failure),
}

impl Ranks<'static> {
    /// No other rank.
    pub(super) const ALONE: Ranks<'static> = Ranks { comm: &Solo, last_words: &|_| () };
}

impl Ranks<'_> {
    /// Ends a phase: see [`agree`].
    pub(super) fn agree<T>(&self, mine: Result<T>) -> Result<T> {
        agree(self.comm, mine, self.last_words)
    }

    /// True if any rank has a failure.
    fn any(&self, mine: Option<Failure>) -> Result<bool> {
        let give_up = || {
            let why = mine.clone().unwrap_or_else(stopped).on_rank(self.comm.rank());
            (self.last_words)(&why);
            why.kind.exit_code()
        };
        self.comm.any(mine.is_some(), &give_up)
    }
}

/// What a rank has encoded, and rank 0 has not got yet.
pub(super) struct Mailbox {
    limit: usize,
    post: Mutex<Post>,
    changed: Condvar,
}

#[derive(Default)]
struct Post {
    bytes: Vec<u8>,
    /// No more will come.
    ended: bool,
    /// Nobody takes any more.
    closed: bool,
    /// Why the crew has failed.
    failure: Option<Failure>,
}

impl Mailbox {
    /// A mailbox that is full with `limit` bytes: a tile that is larger goes in alone.
    pub(super) fn new(limit: u64) -> Self {
        Mailbox { limit: limit as usize, post: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// What is in it, once that is half of what it holds, or the wait was long enough; and whether more will come.
    fn take(&self, into: &mut Vec<u8>) -> bool {
        into.clear();
        let end = Instant::now() + PATIENCE;
        let mut post = self.lock();
        while !post.ended && post.bytes.len() < self.limit / 2 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            post = self.changed.wait_timeout(post, left).unwrap_or_else(|e| e.into_inner()).0;
        }
        std::mem::swap(into, &mut post.bytes);
        self.changed.notify_all();
        !post.ended
    }

    /// No more will come: all is done, or the crew has failed.
    fn end(&self, failure: Option<&Failure>) {
        let mut post = self.lock();
        (post.ended, post.closed) = (true, post.closed || failure.is_some());
        post.failure = failure.cloned();
        self.changed.notify_all();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

impl Store for Mailbox {
    fn store(&self, tile: &Region, mask: u32, stored: &[u8]) -> Result<()> {
        let bytes = stored.len() + head_bytes(tile.axes());
        let mut post = self.lock();
        while !post.closed && !post.bytes.is_empty() && post.bytes.len() + bytes > self.limit {
            post = self.changed.wait(post).unwrap_or_else(|e| e.into_inner());
        }
        if post.closed {
            return Err(stopped());
        }
        post.bytes.extend(mask.to_le_bytes());
        let numbers = [stored.len() as u64].into_iter().chain(tile.start.iter().chain(&tile.count).copied());
        numbers.for_each(|number| post.bytes.extend(number.to_le_bytes()));
        post.bytes.extend(stored);
        self.changed.notify_all();
        Ok(())
    }
}

/// The failure of threads whose rank was stopped because of another one's.
fn stopped() -> Failure {
    Failure::new(FailureKind::RankLost, "another rank failed, and this one stopped")
}

/// Bytes before those of a tile in a mailbox: its mask, the number of its bytes, where it begins and how large it is.
fn head_bytes(axes: usize) -> usize {
    4 + 8 * (1 + 2 * axes)
}

/// Calls `each` for every tile of a mailbox.
fn unpack(mut bytes: &[u8], axes: usize, mut each: impl FnMut(&Region, u32, &[u8]) -> Result<()>) -> Result<()> {
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at(head_bytes(axes));
        let mask = u32::from_le_bytes(head[..4].try_into().expect("four bytes"));
        let numbers: Vec<u64> =
            head[4..].chunks_exact(8).map(|n| u64::from_le_bytes(n.try_into().expect("eight bytes"))).collect();
        let (stored, rest) = rest.split_at(numbers[0] as usize);
        each(&Region::new(numbers[1..=axes].to_vec(), numbers[1 + axes..].to_vec()), mask, stored)?;
        bytes = rest;
    }
    Ok(())
}

/// Rank 0's own tiles go straight to where all go, until a rank has failed.
pub(super) struct Here<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) mailbox: &'a Mailbox,
}

impl Store for Here<'_> {
    fn store(&self, tile: &Region, mask: u32, stored: &[u8]) -> Result<()> {
        if self.mailbox.lock().closed { Err(stopped()) } else { self.store.store(tile, mask, stored) }
    }
}

/// Lets a crew work whose tiles go to `mailbox`; on rank 0 `store` takes those of all other ranks, and `done` is told of
/// their bytes. Collective.
///
/// # Errors
/// The first failing rank's failure, on all ranks.
pub(super) fn work(
    crew: Crew<'_>,
    mailbox: &Mailbox,
    store: Option<&dyn Store>,
    done: &dyn Fn(u64),
    ranks: Ranks<'_>,
) -> Result<()> {
    let (axes, element) = (crew.plan.tilings.shape.len(), crew.fill.len() as u64);
    let take = |tile: &Region, mask: u32, stored: &[u8]| {
        store.expect("only rank 0 is given others' tiles").store(tile, mask, stored)?;
        done(tile.elements() * element);
        Ok(())
    };
    let outcome = std::thread::scope(|scope| {
        let crew = scope.spawn(|| {
            let outcome = crew.run();
            mailbox.end(outcome.as_ref().err());
            outcome
        });
        let rounds = rounds(mailbox, ranks, &mut |bytes| unpack(bytes, axes, take));
        if !matches!(rounds, Ok(true)) {
            mailbox.close();
        }
        let crew = crew.join().unwrap_or_else(|panic| Err(crate::panic::failure(panic.as_ref())));
        // A crew that was stopped has only the second-best reason.
        rounds.and(crew)
    });
    ranks.agree(outcome)
}

/// What ranks tell each other while each does work of its own.
pub(super) struct Apart {
    /// Bytes that this rank has moved.
    moved: AtomicU64,
    /// True once another rank has failed.
    stop: AtomicBool,
}

impl Apart {
    pub(super) fn new() -> Apart {
        Apart { moved: AtomicU64::new(0), stop: AtomicBool::new(false) }
    }

    /// Counts bytes that are moved.
    pub(super) fn done(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A store that takes tiles until another rank has failed.
    pub(super) fn while_all_go_on<'a>(&'a self, store: &'a dyn Store) -> impl Store + 'a {
        Stoppable { store, stop: &self.stop }
    }

    /// Lets this rank do its own work; rank 0's `tell` hears of the bytes that all have moved. Collective.
    ///
    /// # Errors
    /// The first failing rank's failure, on all ranks.
    pub(super) fn work<T: Send>(
        &self,
        tell: &dyn Fn(u64),
        ranks: Ranks<'_>,
        work: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        // Who has failed by now is heard here.
        ranks.agree(Ok(()))?;
        let (failed, ended) = (Mutex::new(None), (Mutex::new(false), Condvar::new()));
        let outcome = std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let outcome = catch_unwind(AssertUnwindSafe(work));
                let outcome = outcome.unwrap_or_else(|panic| Err(crate::panic::failure(panic.as_ref())));
                *failed.lock().unwrap_or_else(|e| e.into_inner()) = outcome.as_ref().err().cloned();
                *ended.0.lock().unwrap_or_else(|e| e.into_inner()) = true;
                ended.1.notify_all();
                outcome
            });
            let heard = self.listen(tell, ranks, &failed, &ended);
            self.stop.store(!matches!(heard, Ok(true)), Ordering::Relaxed);
            let mine = worker.join().unwrap_or_else(|panic| Err(crate::panic::failure(panic.as_ref())));
            heard.and(mine)
        });
        ranks.agree(outcome)
    }

    /// Rounds until all have ended. False if a rank has failed.
    fn listen(
        &self,
        tell: &dyn Fn(u64),
        ranks: Ranks<'_>,
        failed: &Mutex<Option<Failure>>,
        ended: &(Mutex<bool>, Condvar),
    ) -> Result<bool> {
        loop {
            let mine = ended.0.lock().unwrap_or_else(|e| e.into_inner());
            let wait = ended.1.wait_timeout_while(mine, PATIENCE, |ended| !*ended);
            let mine = *wait.unwrap_or_else(|e| e.into_inner()).0;
            let failure = failed.lock().unwrap_or_else(|e| e.into_inner()).clone();
            if ranks.any(failure)? {
                return Ok(false);
            }
            let heard = all_gather(ranks.comm, &(mine, self.moved.load(Ordering::Relaxed)))?;
            tell(heard.iter().map(|(_, moved)| moved).sum());
            if heard.iter().all(|(ended, _)| *ended) {
                return Ok(true);
            }
        }
    }
}

struct Stoppable<'a> {
    store: &'a dyn Store,
    stop: &'a AtomicBool,
}

impl Store for Stoppable<'_> {
    fn store(&self, tile: &Region, mask: u32, stored: &[u8]) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(stopped()) } else { self.store.store(tile, mask, stored) }
    }
}

/// Empties the mailboxes until all are done. False if a rank has failed.
fn rounds(mailbox: &Mailbox, ranks: Ranks<'_>, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
    let (comm, mut parcel, mut mine) = (ranks.comm, Vec::new(), Ok(()));
    loop {
        let more = mailbox.take(&mut parcel);
        let failure = mine.as_ref().err().cloned().or_else(|| mailbox.lock().failure.clone());
        if ranks.any(failure)? {
            return mine.map(|()| false);
        }
        // All ranks are here: none waits for another one now.
        let more = comm.all_gather(&[u8::from(more)])?.concat().contains(&1);
        let others = &mut |rank: usize, bytes: &[u8]| if rank == 0 { Ok(()) } else { take(bytes) };
        mine = comm.collect(&parcel, others);
        if !more {
            return mine.map(|()| true);
        }
    }
}
