//! Why a chunk could not be coded, and how that becomes a failure that names the chunk.

use h5lab_core::failure::{Failure, FailureKind};
use h5lab_core::filter::title;
use h5lab_core::report::printable;
use std::path::Path;

/// Why a chunk could not be coded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// What is stored is nothing that the filter writes.
    #[error("{filter}: {why}")]
    Corrupt {
        /// The filter that noticed.
        filter: &'static str,
        /// What is wrong with the bytes.
        why: String,
    },
    /// What is stored decodes to more than a chunk has.
    #[error("{filter}: holds more than the {most} bytes that it can have")]
    Overflow {
        /// The filter that noticed.
        filter: &'static str,
        /// Most bytes that there can be.
        most: usize,
    },
    /// h5lab has no codec for a filter; HDF5 may have one.
    #[error("h5lab has no codec for {}", title(*.id, .name))]
    Unknown {
        /// HDF5's number of the filter.
        id: u32,
        /// The name that the file gives it; may be empty.
        name: String,
    },
    /// A filter's parameters are not what it stores.
    #[error("{filter}: {why}")]
    Parameters {
        /// The filter.
        filter: &'static str,
        /// What is wrong with them.
        why: String,
    },
    /// The chunk is none that the filter can take.
    #[error("{filter}: {why}")]
    Unfit {
        /// The filter.
        filter: &'static str,
        /// What does not fit.
        why: String,
    },
}

/// Where a chunk is.
#[derive(Clone, Copy, Debug)]
pub struct ChunkPlace<'a> {
    /// The file.
    pub path: &'a Path,
    /// The dataset in it.
    pub dataset: &'a str,
    /// The index of the chunk's first element along each axis.
    pub offset: &'a [u64],
    /// Where its bytes are in the file, if that is known.
    pub address: Option<u64>,
}

impl FilterError {
    /// Refuses a chunk whose header says more bytes than so many stored ones can decode to.
    pub(super) fn check_announced(
        filter: &'static str,
        bytes: u64,
        stored: usize,
        most: u64,
    ) -> Result<(), FilterError> {
        match bytes <= most {
            true => Ok(()),
            false => Err(FilterError::corrupt(filter, format!("says {bytes} bytes, but has only {stored}"))),
        }
    }

    pub(super) fn corrupt(filter: &'static str, why: impl Into<String>) -> Self {
        FilterError::Corrupt { filter, why: why.into() }
    }

    pub(super) fn overflow(filter: &'static str, most: usize) -> Self {
        FilterError::Overflow { filter, most }
    }

    /// The failure to read or write the chunk at `place`: names file, dataset, chunk and file offset.
    pub fn at(&self, place: ChunkPlace<'_>) -> Failure {
        let address = place.address.map_or(String::new(), |address| format!(", file offset {address}"));
        let chunk = format!(
            "dataset '{}', chunk at {:?}{address}",
            printable(place.dataset.trim_start_matches('/')),
            place.offset
        );
        let (kind, mend) = match self {
            FilterError::Corrupt { .. } | FilterError::Overflow { .. } => {
                (FailureKind::Input, "copy or write the file again: the chunk is damaged")
            }
            FilterError::Unknown { .. } => (FailureKind::Input, "use a method that leaves filters to HDF5: gather"),
            FilterError::Parameters { .. } => {
                (FailureKind::Input, "write the dataset again with sound filter parameters")
            }
            FilterError::Unfit { .. } => (FailureKind::Usage, "choose another filter"),
        };
        Failure::new(kind, format!("{chunk}: {self}")).at(place.path).mend(mend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_chunk_is_named() {
        let place =
            ChunkPlace { path: Path::new("scan.h5"), dataset: "entry/data", offset: &[3, 0, 0], address: Some(4096) };
        let failure = FilterError::corrupt("gzip", "not a zlib stream").at(place);
        assert_eq!(failure.kind, FailureKind::Input);
        let text = failure.to_string();
        let told = "scan.h5: dataset 'entry/data', chunk at [3, 0, 0], file offset 4096: gzip: not a zlib stream";
        assert!(text.contains(told), "{text}");
        let text = FilterError::Unknown { id: 32001, name: String::new() }.at(place).to_string();
        assert!(text.contains("no codec for blosc (filter 32001)"), "{text}");
    }
}
