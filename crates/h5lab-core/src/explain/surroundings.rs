//! Rules about what surrounds a transfer: the page cache, the data itself, the file system's locks.

use super::facts::Facts;
use super::{Code, Explanation};
use crate::experiment::CacheWanted;
use crate::host::{HostWarning, StorageClass};
use crate::method::Method;
use crate::record::CacheState;
use crate::report::{bytes, seconds};

/// With this share of the file in memory, memory sets the pace of a read.
const MOST_RESIDENT: f64 = 0.5;
/// A number that is not what its label says comes before everything else.
const MISLABELLED: f64 = 100.0;
/// Nobody said what was wanted: a reader may take memory for the storage.
const UNLABELLED: f64 = 1.3;
/// What was asked for: good to know.
const AS_ASKED: f64 = 0.6;

pub(super) fn page_cache(facts: &Facts<'_>) -> Option<Explanation> {
    if facts.record.host.file_system.as_ref().and_then(|fs| fs.class()) == Some(StorageClass::Memory) {
        return None;
    }
    if facts.reads() { warm_read(facts) } else { unsynced_write(facts) }
}

fn warm_read(facts: &Facts<'_>) -> Option<Explanation> {
    let share = match facts.record.cache_state() {
        CacheState::Warm(share) | CacheState::Mixed(share) => share,
        CacheState::Cold(_) | CacheState::Unverified => return None,
    };
    let device = facts.counted.map_or(String::new(), |c| {
        format!(
            ", and {} of the {} read came from the device",
            bytes(c.device_read_bytes.min(c.read_bytes)),
            bytes(c.read_bytes)
        )
    });
    let wanted = facts.experiment.cache;
    (share > MOST_RESIDENT).then(|| Explanation {
        code: Code::PageCache,
        text: format!(
            "the page cache, not the storage, was measured: {:.0} % of the file was in memory{device}",
            share * 100.0
        ),
        next: match wanted {
            CacheWanted::Cold => {
                "take it as a warm read: this file could not be dropped (mapped by another process?)".into()
            }
            _ => "use --cache cold to measure the storage".into(),
        },
        weight: match wanted {
            CacheWanted::Cold => MISLABELLED,
            CacheWanted::AsFound => UNLABELLED,
            CacheWanted::Warm => AS_ASKED,
        },
    })
}

fn unsynced_write(facts: &Facts<'_>) -> Option<Explanation> {
    (!facts.experiment.fsync && facts.demand.bytes_asked > 0).then(|| Explanation {
        code: Code::PageCache,
        text: format!(
            "the page cache, not the storage, was measured: {} were written, and nothing waited for the device",
            bytes(facts.demand.bytes_asked)
        ),
        next: "add --fsync to measure the storage".into(),
        weight: UNLABELLED,
    })
}

/// Below this ratio a filter saves less than a tenth of the bytes, and costs more time than that.
const WORTHWHILE: f64 = 1.1;
/// What a filter for nothing costs, where filter-bound does not say it better.
const IN_VAIN: f64 = 2.0;

pub(super) fn incompressible(facts: &Facts<'_>) -> Option<Explanation> {
    let ratio = facts.record.compression_ratio().filter(|&ratio| facts.filtered() && ratio < WORTHWHILE)?;
    let stored = bytes(facts.record.stored_bytes.unwrap_or(0));
    Some(Explanation {
        code: Code::Incompressible,
        text: format!(
            "{} are stored as {stored}: the filters shrink the data {ratio:.2} times only",
            bytes(facts.experiment.dataset.bytes())
        ),
        next: "leave the filters out, or reduce the noise in the data (fewer bits) before they see it".into(),
        weight: IN_VAIN,
    })
}

/// Locks fail or stall on network file systems rather than slow a transfer down.
const LOCKING_COST: f64 = 1.2;

pub(super) fn network_locking(facts: &Facts<'_>) -> Option<Explanation> {
    let record = facts.record;
    let locks =
        record.actual.driver == "sec2" && record.actual.in_force.get("file-locking").is_none_or(|v| v == "true");
    let kind = record.host.warnings().into_iter().find_map(|warning| match warning {
        HostWarning::FileLocking { kind } => Some(kind),
        _ => None,
    })?;
    let ranks = if facts.experiment.method == Method::Gather { 1 } else { facts.experiment.np };
    let open = seconds(facts.slowest.open);
    locks.then(|| Explanation {
        code: Code::NetworkLocking,
        text: format!("HDF5 locks the file on {kind}, a network file system, in {ranks} ranks; open took {open} s"),
        next: "if no one else writes it, export HDF5_USE_FILE_LOCKING=FALSE".into(),
        weight: LOCKING_COST,
    })
}
