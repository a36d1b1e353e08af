//! Memory for the page cache of a virtual machine: found before a write is timed, not within it.

use crate::host::cgroup;
use crate::sys;
use h5lab_core::host::Limit;
use procfs::{CpuInfo, Current, Meminfo};
use std::sync::OnceLock;

/// Of the memory that is free, and of a control group's limit, what all ranks together touch at most.
const OF_FREE: u64 = 2;
const OF_LIMIT: u64 = 8;

/// Touches as much memory as `bytes` bytes of page cache will need, and frees it; on a virtual machine, for one of `ranks`
/// ranks.
///
/// The host of a virtual machine takes free memory away, and giving it back takes many times longer than writing to it:
/// whoever writes first after a pause would pay for it, h5lab or its ceiling, and no storage would have been measured. Only
/// free memory is touched: nothing leaves the page cache for it.
pub fn find(bytes: u64, ranks: usize) {
    let bytes = bytes.min(most() / ranks.max(1) as u64);
    if bytes > 0 && is_virtual() {
        sys::touch_and_free(bytes);
    }
}

/// The most that may be touched on this node.
fn most() -> u64 {
    let free = Meminfo::current().map_or(0, |memory| memory.mem_free) / OF_FREE;
    match cgroup::limits().memory_bytes {
        Some(Limit::At(limit)) => free.min(limit / OF_LIMIT),
        Some(Limit::Unlimited) | None => free,
    }
}

/// Whether the processor says that it is a virtual machine's.
fn is_virtual() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let flags = CpuInfo::current().ok().and_then(|cpu| Some(cpu.flags(0)?.contains(&"hypervisor")));
        flags.unwrap_or(false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_is_found_and_given_back() {
        for (bytes, ranks) in [(0, 1), (1, 1), (5 << 20, 2), (u64::MAX, usize::MAX)] {
            find(bytes, ranks);
        }
        sys::touch_and_free(3 << 20);
        sys::touch_and_free(u64::MAX); // more than there can be: refused by the kernel, and nobody minds
    }
}
