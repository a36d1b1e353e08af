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

pub use solo::Solo;

use h5lab_core::failure::{Failure, FailureKind, Result};
use serde::{Serialize, de::DeserializeOwned};
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
    /// [`AGREE_DEADLINE`] it calls `give_up` and ends the whole group.
    ///
    /// # Errors
    /// `RankLost` if a rank can't come any more.
    fn any(&self, mine: bool, give_up: &dyn Fn()) -> Result<bool>;

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
/// # Errors
/// The failure of the lowest rank that failed.
pub fn agree<T>(comm: &dyn Comm, mine: Result<T>, last_words: &dyn Fn(&Failure)) -> Result<T> {
    let mine = mine.map_err(|failure| if comm.size() > 1 { failure.on_rank(comm.rank()) } else { failure });
    let give_up = || {
        if let Err(failure) = &mine {
            last_words(failure);
        }
    };
    if !comm.any(mine.is_err(), &give_up)? {
        return mine;
    }
    let heard: Vec<Option<Failure>> = all_gather(comm, &mine.as_ref().err().cloned())?;
    let failed = heard.iter().flatten().count();
    let mut first = heard.into_iter().flatten().next().expect("a rank said that it failed");
    first.ranks_failed = failed;
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

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Failure::new(FailureKind::Internal, format!("encoding a message: {e}")))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| Failure::new(FailureKind::Internal, format!("decoding a message: {e}")))
}
