//! How ranks talk: the same few operations over MPI ranks and over local threads.
//!
//! Every operation is collective: all ranks of the group call it, in the same order.

mod solo;
pub mod threads;

#[cfg(feature = "mpi")]
pub mod mpi;
#[cfg(not(feature = "mpi"))]
#[path = "no_mpi.rs"]
pub mod mpi;
#[cfg(feature = "mpi")]
mod open_mpi;

pub use solo::Solo;

use h5lab_core::failure::{Failure, FailureKind, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a failing rank waits for the others to hear of it before it takes the whole group down.
pub const AGREE_DEADLINE: Duration = Duration::from_secs(5);

/// A group of ranks.
pub trait Comm {
    /// This rank, counted from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Returns when all ranks have called it.
    ///
    /// # Errors
    /// `RankLost` if a rank can't come any more.
    fn barrier(&self) -> Result<()>;

    /// Every rank's bytes, in rank order, on every rank.
    ///
    /// # Errors
    /// `RankLost` if a rank can't come any more.
    fn all_gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// True on all ranks if it is true on any. A rank that says true must not wait for ever: after
    /// [`AGREE_DEADLINE`] it calls `give_up` and ends the whole group with the exit code that this returns.
    ///
    /// # Errors
    /// `RankLost` if a rank can't come any more.
    fn any(&self, mine: bool, give_up: &dyn Fn() -> u8) -> Result<bool>;

    /// Rank 0 is given every rank's bytes, its own first, then in rank order; the others return when theirs are taken.
    ///
    /// Rank 0 holds the bytes of one other rank at a time: see [`Comm::reserve`]. `each` must not use this group.
    ///
    /// # Errors
    /// On rank 0 the first failure of `each`, which is then not called again: the ranks after that are heard, so that none
    /// hangs, and have no failure of their own. `RankLost` if a rank can't come any more, or does something else.
    fn collect(&self, mine: &[u8], each: &mut dyn FnMut(usize, &[u8]) -> Result<()>) -> Result<()>;

    /// Rank 0 makes every rank's bytes, its own first, then in rank order: the reverse of [`Comm::collect`].
    ///
    /// # Errors
    /// On rank 0 the first failure of `make`, which is then not called again; on the ranks that got nothing for this
    /// reason `RankLost`. Also if a rank can't come any more, or does something else.
    fn deal(&self, mine: &mut [u8], make: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>) -> Result<()>;

    /// Makes ready the memory in which rank 0 holds up to `bytes` bytes of another rank, if it needs any: so that
    /// [`Comm::collect`] and [`Comm::deal`] do not meet memory that was never touched. Not collective.
    fn reserve(&self, bytes: usize) {
        let _ = bytes;
    }

    /// The MPI communicator behind it; `None` for threads.
    fn mpi(&self) -> Option<mpi::RawComm> {
        None
    }
}

/// Ends a phase: if any rank failed, all ranks get that failure, with the rank in it.
///
/// A failing rank whose others never come (they hang in a collective call that it should have joined) hands its
/// failure to `last_words` after [`AGREE_DEADLINE`], and ends all ranks.
///
/// A failure that all ranks know from an agreement within this phase is passed on as it is: there is nothing to vote on,
/// and the rank that failed before that agreement does not come to another one.
///
/// # Errors
/// The failure of the lowest rank that failed; one that only missed another rank comes after all others.
pub fn agree<T>(comm: &dyn Comm, mine: Result<T>, last_words: &dyn Fn(&Failure)) -> Result<T> {
    if mine.as_ref().is_err_and(|failure| failure.agreed) {
        return mine;
    }
    let mine = mine.map_err(|failure| if comm.size() > 1 { failure.on_rank(comm.rank()) } else { failure });
    let give_up = || {
        let Err(failure) = &mine else { return FailureKind::RankLost.exit_code() };
        last_words(failure);
        failure.kind.exit_code()
    };
    if !comm.any(mine.is_err(), &give_up)? {
        return mine;
    }
    let heard: Vec<Option<Failure>> = all_gather(comm, &mine.as_ref().err().cloned())?;
    let failed: Vec<Failure> = heard.into_iter().flatten().collect();
    let cause = failed.iter().position(|f| f.kind != FailureKind::RankLost).unwrap_or(0);
    let alike = failed.iter().filter(|f| f.kind == failed[cause].kind).count();
    let mut first = failed.into_iter().nth(cause).expect("a rank said that it failed");
    (first.ranks_failed, first.agreed) = (alike, true);
    Err(first)
}

/// Every rank's value, in rank order, on every rank.
///
/// # Errors
/// `RankLost` if a rank can't come any more.
pub fn all_gather<T: Serialize + DeserializeOwned>(comm: &dyn Comm, mine: &T) -> Result<Vec<T>> {
    comm.all_gather(&encode(mine)?)?.iter().map(|bytes| decode(bytes)).collect()
}

/// Rank 0's result on all ranks; `make` runs on rank 0 alone. Its failure is everybody's failure.
///
/// # Errors
/// What `make` returns, or `RankLost`.
pub fn from_rank_0<T: Serialize + DeserializeOwned>(comm: &dyn Comm, make: impl FnOnce() -> Result<T>) -> Result<T> {
    let mine: Option<Result<T>> = (comm.rank() == 0).then(make);
    let shared = all_gather(comm, &mine)?;
    shared.into_iter().next().flatten().expect("rank 0 made one")
}

/// The failure of a rank that waits for another one in vain.
fn missed(waiting: usize, missing: usize, why: &str) -> Failure {
    Failure::new(FailureKind::RankLost, format!("rank {missing} {why} while rank {waiting} waited for it"))
}

/// The failure of a rank that rank 0 has no bytes for.
fn refused() -> Failure {
    Failure::new(FailureKind::RankLost, "rank 0 failed before it had this rank's data")
}

/// Checks hints for MPI-IO against what MPI allows (MPI_MAX_INFO_KEY, MPI_MAX_INFO_VAL: at least 32 and 64 in any MPI,
/// 36 and 256 in the ones in use).
///
/// # Errors
/// `Usage`, naming the hint.
pub fn check_hints(hints: &BTreeMap<String, String>) -> Result<()> {
    let fits = |text: &str, limit: usize| !text.is_empty() && text.len() < limit && !text.contains('\0');
    match hints.iter().find(|(name, value)| !fits(name, 36) || !fits(value, 256)) {
        None => Ok(()),
        Some((name, value)) => {
            let why = format!("the hint '{name}' = '{value}' is empty or longer than MPI allows");
            Err(Failure::new(FailureKind::Usage, why).mend("names have 1 to 35 bytes, values 1 to 255"))
        }
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Failure::new(FailureKind::Internal, format!("encoding a message: {e}")))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| Failure::new(FailureKind::Internal, format!("decoding a message: {e}")))
}
