//! Everything of h5lab that touches HDF5, MPI and files.

pub mod advise;
pub mod beside;
pub mod buffer;
pub mod cache;
pub mod comm;
mod counters;
pub mod engine;
pub mod fault;
pub mod filter;
pub mod h5;
pub mod host;
pub mod identity;
pub mod inspect;
pub mod journal;
mod memory;
pub mod panic;
pub mod prelude;
pub mod progress;
pub mod repack;
pub mod run;
pub mod sys;
pub mod values;

pub use h5lab_core as core;

/// The time now, RFC 3339 in UTC, to the millisecond.
pub fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
