//! h5lab's pure logic: datasets, regions, layouts, plans, records, reports. Builds and tests with no HDF5 and no MPI.
#![forbid(unsafe_code)]

pub mod access;
pub mod advise;
pub mod amplification;
pub mod chunk_cache;
pub mod compare;
pub mod dataset;
pub mod experiment;
pub mod explain;
pub mod failure;
pub mod filter;
pub mod generate;
pub mod host;
pub mod inspect;
pub mod job;
pub mod layout;
pub mod lesson;
pub mod lossy;
pub mod method;
pub mod model;
pub mod mpi_sieve;
pub mod plan;
pub mod prediction;
pub mod record;
pub mod region;
pub mod repack_plan;
pub mod report;
pub mod results;
pub mod show;
pub mod sieve;
pub mod spans;
pub mod split;
pub mod stats;
pub mod sweep;
pub mod tunables;
pub mod warning;
