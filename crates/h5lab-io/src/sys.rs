//! System calls that no safe crate wraps: how much of a file is in the page cache, huge pages, memory found in advance.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Bytes of a page.
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// How many of the file's first `bytes` bytes' pages are in this node's page cache.
///
/// cachestat(2) where the kernel has it (6.5), else mincore(2) over a mapping.
///
/// # Errors
/// The system call's. Of a file that this user neither owns nor may write, the kernel tells nobody.
pub fn resident_pages(file: &File, bytes: u64) -> std::io::Result<u64> {
    if bytes == 0 {
        return Ok(0);
    }
    match cachestat(file, bytes) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EOPNOTSUPP)) => {
            // mincore would say that all of it is there.
            if may_know(file)? { mincore(file, bytes) } else { Err(std::io::ErrorKind::PermissionDenied.into()) }
        }
        answer => answer,
    }
}

/// Asks for huge pages behind this memory (madvise(2), MADV_HUGEPAGE), before it is touched. A refusal costs nothing.
pub fn prefer_huge_pages<T>(memory: &mut [std::mem::MaybeUninit<T>]) {
    let start = memory.as_mut_ptr().cast::<u8>();
    let (skip, bytes) = (start.align_offset(page_size() as usize), std::mem::size_of_val(memory));
    if skip < bytes {
        // SAFETY: the range lies within `memory`, which nobody else uses; the advice does not change its content.
        unsafe { libc::madvise(start.add(skip).cast(), bytes - skip, libc::MADV_HUGEPAGE) };
    }
}

/// Has the kernel find this much memory, and gives it back at once. A refusal costs nothing.
///
/// It is a file's in memory (memfd_create(2), fallocate(2)), like the page cache that will take its place, not the process's
/// own: that stays as small as it is.
pub fn touch_and_free(bytes: u64) {
    use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create};
    if let Ok(file) = memfd_create("h5lab", MemfdFlags::CLOEXEC) {
        let _ = fallocate(&file, FallocateFlags::empty(), 0, bytes);
    }
}

/// A part of a file, mapped to be looked at, not read: who reads it may find that the file has become shorter.
struct Mapping {
    start: *mut libc::c_void,
    length: usize,
}

impl Mapping {
    fn of(file: &File, offset: u64, length: usize, flags: libc::c_int) -> std::io::Result<Self> {
        let (flags, offset) = (libc::MAP_SHARED | flags, offset as libc::off_t);
        // SAFETY: a fresh mapping, at an address that the kernel chooses.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, flags, file.as_raw_fd(), offset) };
        if start == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(Mapping { start, length }) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped, and nothing refers to it any more.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

/// Bytes of a file that are mapped at a time.
const WINDOW: u64 = 64 << 20;

/// Sends the file's first `bytes` bytes, as far as they are in the page cache, out of the processors' caches: who reads
/// them next gets them from memory. On processors other than x86-64 nothing is done.
///
/// # Errors
/// The system call's, if the file can't be mapped.
pub fn leave_processor_caches(file: &File, bytes: u64) -> std::io::Result<()> {
    if cfg!(not(target_arch = "x86_64")) {
        return Ok(());
    }
    for offset in (0..bytes).step_by(WINDOW as usize) {
        let length = WINDOW.min(bytes - offset) as usize;
        let mapping = Mapping::of(file, offset, length, libc::MAP_POPULATE)?;
        // SAFETY: the whole range is mapped.
        unsafe { flush_lines(mapping.start.cast(), length) };
    }
    Ok(())
}

/// Flushes the cache lines of a range (CLFLUSHOPT where the processor has it, else CLFLUSH).
///
/// # Safety
/// The range is mapped.
#[cfg(target_arch = "x86_64")]
unsafe fn flush_lines(start: *const u8, bytes: usize) {
    use std::arch::x86_64::{__cpuid_count, _mm_clflush, _mm_mfence};
    const LINE: usize = 64;
    // Leaf 7, EBX bit 23 (Intel's Software Developer's Manual, CPUID).
    let has_clflushopt = __cpuid_count(7, 0).ebx & 1 << 23 != 0;
    for at in (0..bytes).step_by(LINE) {
        // SAFETY: within the range; to flush a line changes nothing in it, and every x86-64 has CLFLUSH.
        unsafe {
            let line = start.add(at);
            if has_clflushopt {
                std::arch::asm!("clflushopt [{}]", in(reg) line, options(nostack, preserves_flags));
            } else {
                _mm_clflush(line);
            }
        }
    }
    // SAFETY: every x86-64 has MFENCE.
    unsafe { _mm_mfence() };
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn flush_lines(_start: *const u8, _bytes: usize) {}

/// `struct cachestat` of linux/mman.h.
#[repr(C)]
#[derive(Default)]
struct CacheStat {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

fn cachestat(file: &File, bytes: u64) -> std::io::Result<u64> {
    const SYS_CACHESTAT: libc::c_long = 451;
    let range = [0u64, bytes];
    let mut stat = CacheStat::default();
    // SAFETY: the kernel reads two u64 (offset, length) and writes one `struct cachestat`; both outlive the call.
    let answer = unsafe { libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), range.as_ptr(), &raw mut stat, 0u32) };
    if answer == 0 { Ok(stat.cached) } else { Err(std::io::Error::last_os_error()) }
}

/// Whether mincore(2) tells this user the truth.
fn may_know(file: &File) -> std::io::Result<bool> {
    use rustix::fs::{Access, access};
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid();
    let owner = file.metadata()?.uid() == user.as_raw() || user.is_root();
    Ok(owner || access(format!("/proc/self/fd/{}", file.as_raw_fd()), Access::WRITE_OK).is_ok())
}

fn mincore(file: &File, bytes: u64) -> std::io::Result<u64> {
    let mapping = Mapping::of(file, 0, bytes as usize, 0)?;
    let mut pages = vec![0u8; bytes.div_ceil(page_size()) as usize];
    // SAFETY: the whole range is mapped; `pages` has a byte for each of its pages.
    if unsafe { libc::mincore(mapping.start, mapping.length, pages.as_mut_ptr()) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(pages.iter().filter(|&&page| page & 1 == 1).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn bytes_that_leave_the_processor_stay_in_the_page_cache_as_they_are() {
        let mut file = tempfile::tempfile_in(".").unwrap();
        let written: Vec<u8> = (0..3 * page_size() + 5).map(|i| (i % 251) as u8).collect();
        file.write_all(&written).unwrap();
        let bytes = written.len() as u64;
        leave_processor_caches(&file, bytes).unwrap();
        assert_eq!(resident_pages(&file, bytes).unwrap(), 4);
        let mut again = vec![0; written.len()];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut again, 0).unwrap();
        assert_eq!(again, written);
        leave_processor_caches(&file, 0).unwrap();
    }

    #[test]
    fn both_calls_count_what_was_just_written() {
        let mut file = tempfile::tempfile_in(".").unwrap();
        file.write_all(&vec![1u8; 10 * page_size() as usize + 1]).unwrap();
        let bytes = file.metadata().unwrap().len();
        assert_eq!(resident_pages(&file, bytes).unwrap(), 11);
        assert_eq!(mincore(&file, bytes).unwrap(), 11);
        assert_eq!(resident_pages(&file, 0).unwrap(), 0);
    }
}
