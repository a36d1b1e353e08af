//! What can be set about a transfer besides method and layout. Absent means: left to the library.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When a dataset's space in the file is allocated (H5Pset_alloc_time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllocationTime {
    /// When the dataset is made; parallel HDF5 always does so.
    Early,
    /// When first written to.
    Late,
    /// Chunk by chunk, as they are written.
    Incremental,
}

impl AllocationTime {
    /// The name that plans and records use.
    pub const fn name(self) -> &'static str {
        match self {
            AllocationTime::Early => "early",
            AllocationTime::Late => "late",
            AllocationTime::Incremental => "incremental",
        }
    }
}

/// When fill values are written (H5Pset_fill_time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FillTime {
    /// Never: what h5lab does unless told otherwise.
    Never,
    /// When space is allocated, if a fill value was set.
    IfSet,
    /// When space is allocated.
    Alloc,
}

impl FillTime {
    /// The name that plans and records use.
    pub const fn name(self) -> &'static str {
        match self {
            FillTime::Never => "never",
            FillTime::IfSet => "if-set",
            FillTime::Alloc => "alloc",
        }
    }
}

/// The component that does MPI-IO in Open MPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MpiIo {
    /// Open MPI's own.
    Ompio,
    /// ROMIO, as in MPICH.
    Romio,
}

impl MpiIo {
    /// The name that plans and records use.
    pub const fn name(self) -> &'static str {
        match self {
            MpiIo::Ompio => "ompio",
            MpiIo::Romio => "romio",
        }
    }
}

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tunables {
    /// Objects in the file of at least this many bytes begin at multiples of it (H5Pset_alignment, this number being the
    /// threshold as well): chunks and contiguous datasets are aligned, and small metadata does not take a block each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment: Option<u64>,
    /// Chunk cache of a dataset, in bytes (H5Pset_chunk_cache).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk_cache_bytes: Option<u64>,
    /// Slots of the chunk cache's hash table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk_cache_slots: Option<u64>,
    /// Metadata read and written collectively (H5Pset_all_coll_metadata_ops, H5Pset_coll_metadata_write).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collective_metadata: Option<bool>,
    /// When space is allocated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation_time: Option<AllocationTime>,
    /// When fill values are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_time: Option<FillTime>,
    /// The MPI-IO component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mpi_io: Option<MpiIo>,
    /// How many subfiles the method `subfiling` stripes a file over; one a node if left to the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subfiles: Option<u32>,
    /// Bytes of a stripe of the method `subfiling`: so many go to one subfile before the next one has its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subfile_stripe: Option<u64>,
    /// Threads of a rank that move data, of the method `direct`; the rank's share of the cores if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// Whether the method `direct` passes by the page cache (O_DIRECT).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_io: Option<bool>,
    /// Hints for MPI-IO (MPI_Info), such as `cb_nodes` or `romio_cb_write`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hints: BTreeMap<String, String>,
}

/// HDF5's default size of a dataset's chunk cache in bytes (until HDF5 2.0; then 8 MiB).
pub const DEFAULT_CHUNK_CACHE_BYTES: u64 = 1 << 20;

/// HDF5's default number of slots of the chunk cache (until HDF5 2.0; then 8191).
pub const DEFAULT_CHUNK_CACHE_SLOTS: u64 = 521;
