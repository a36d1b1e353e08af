//! How a running measurement tells what it is doing, without knowing who listens.

use h5lab_core::failure::Failure;
use std::io::Write;

/// Listens to a measurement. Only rank 0's hears of progress; any rank's may hear last words.
pub trait Progress: Sync {
    /// `done` of `total` bytes of a phase of an experiment have been moved.
    fn moved(&self, _what: &str, _done: u64, _total: u64) {}

    /// This rank is about to end its whole group because of `failure`: the last chance to say so.
    fn last_words(&self, failure: &Failure) {
        // Nobody may be left to hear it.
        let _ = writeln!(std::io::stderr(), "h5lab: {failure}");
    }
}

/// Listens to nothing.
pub struct Silent;

impl Progress for Silent {}
