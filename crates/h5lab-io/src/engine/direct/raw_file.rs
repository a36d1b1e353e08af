//! A file by positional reads and writes, through the page cache or past it.
//!
//! Past it (open(2), O_DIRECT) memory, offsets and lengths have to be multiples of a block. What lies before the first and
//! after the last whole block is moved through the page cache. Memory that does not lie as the file does is copied by way
//! of memory that does.

use crate::buffer::Buffer;
use h5lab_core::failure::{Failure, FailureKind, Result};
use rustix::fs::{Advice, OFlags, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What O_DIRECT wants multiples of: no block of a file system in use, and no page of x86, is larger.
pub(super) const BLOCK: u64 = 4096;

/// Bytes that are copied at once where memory lies otherwise than the file.
const BY_WAY_OF: usize = 1 << 20;

/// An open file.
pub(super) struct RawFile {
    file: File,
    /// The same file, past the page cache.
    past_cache: Option<File>,
    path: PathBuf,
    /// Bytes that it had when it was opened.
    bytes: u64,
}

/// Whether a file is read or written as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Reading,
    Writing,
}

/// A range of a file that is moved in one go: what lies in whole blocks, and what does not.
struct Cut {
    /// Offset of the first whole block, and of the first byte behind the last one.
    first: u64,
    last: u64,
}

impl Cut {
    /// `None` if there is no whole block.
    fn of(offset: u64, bytes: usize) -> Option<Cut> {
        let (first, last) = (offset.next_multiple_of(BLOCK), (offset + bytes as u64) / BLOCK * BLOCK);
        (first < last).then_some(Cut { first, last })
    }
}

impl RawFile {
    /// Opens a file that is there.
    ///
    /// # Errors
    /// The file system's; `Environment` if it does not let the page cache be passed by.
    pub(super) fn open(path: &Path, what_for: For, past_cache: bool) -> Result<RawFile> {
        let writes = what_for == For::Writing;
        let options = || OpenOptions::new().read(true).write(writes).clone();
        let file = options().open(path).map_err(|e| Failure::io("open", path, &e))?;
        let past = || {
            options().custom_flags(OFlags::DIRECT.bits() as i32).open(path).map_err(|e| {
                Failure::new(FailureKind::Environment, format!("direct-io: this file system has no O_DIRECT ({e})"))
                    .at(path)
                    .mend("leave out direct-io here")
            })
        };
        let past_cache = if past_cache { Some(past()?) } else { None };
        let bytes = file.metadata().map_err(|e| Failure::io("look at", path, &e))?.len();
        Ok(RawFile { file, past_cache, path: path.to_owned(), bytes })
    }

    /// The file's name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that the file had when it was opened.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads exactly as many bytes as there is room for.
    ///
    /// # Errors
    /// The file system's; also if the file ends before.
    pub(super) fn read(&self, aligned: &mut Option<Buffer>, to: &mut [u8], offset: u64) -> Result<()> {
        let read = match self.past_cache.as_ref().zip(Cut::of(offset, to.len())) {
            None => self.file.read_exact_at(to, offset),
            Some((file, cut)) => self.read_past_cache(file, aligned, to, offset, &cut),
        };
        read.map_err(|e| self.failure(&e, offset))
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn write(&self, aligned: &mut Option<Buffer>, from: &[u8], offset: u64) -> Result<()> {
        let wrote = match self.past_cache.as_ref().zip(Cut::of(offset, from.len())) {
            None => self.file.write_all_at(from, offset),
            Some((file, cut)) => self.write_past_cache(file, aligned, from, offset, &cut),
        };
        wrote.map_err(|e| self.failure(&e, offset))
    }

    /// Whether a byte can be read without waiting for a device (preadv2(2), RWF_NOWAIT). True where that can't be found out,
    /// and where the page cache is passed by.
    pub(super) fn is_cached(&self, offset: u64) -> bool {
        let mut byte = [0];
        let mut read = || preadv2(&self.file, &mut [IoSliceMut::new(&mut byte)], offset, ReadWriteFlags::NOWAIT);
        self.past_cache.is_some() || !matches!(read(), Ok(0) | Err(Errno::AGAIN))
    }

    /// Has the system read bytes into the page cache, without waiting for them (posix_fadvise(2), POSIX_FADV_WILLNEED). That
    /// it can't is no failure: they will be read in their turn.
    pub(super) fn fetch_ahead(&self, (from, to): (u64, u64)) {
        // A length of zero would mean all of the file.
        if let Some(bytes) = to.checked_sub(from).and_then(NonZeroU64::new) {
            let _ = fadvise(&self.file, from, Some(bytes), Advice::WillNeed);
        }
    }

    fn failure(&self, error: &io::Error, offset: u64) -> Failure {
        let mut failure = Failure::io("transfer", &self.path, error);
        failure.message = format!("{} (at offset {offset} of the file)", failure.message);
        failure
    }

    fn read_past_cache(
        &self,
        file: &File,
        aligned: &mut Option<Buffer>,
        to: &mut [u8],
        offset: u64,
        cut: &Cut,
    ) -> io::Result<()> {
        let (head, rest) = to.split_at_mut((cut.first - offset) as usize);
        let (middle, tail) = rest.split_at_mut((cut.last - cut.first) as usize);
        self.file.read_exact_at(head, offset)?;
        self.file.read_exact_at(tail, cut.last)?;
        if is_aligned(middle) {
            return file.read_exact_at(middle, cut.first);
        }
        let aligned = aligned.get_or_insert_with(|| Buffer::touched(BY_WAY_OF));
        for (part, at) in middle.chunks_mut(BY_WAY_OF).zip((cut.first..).step_by(BY_WAY_OF)) {
            let by_way_of = aligned.bytes_mut(part.len());
            file.read_exact_at(by_way_of, at)?;
            part.copy_from_slice(by_way_of);
        }
        Ok(())
    }

    fn write_past_cache(
        &self,
        file: &File,
        aligned: &mut Option<Buffer>,
        from: &[u8],
        offset: u64,
        cut: &Cut,
    ) -> io::Result<()> {
        let (head, rest) = from.split_at((cut.first - offset) as usize);
        let (middle, tail) = rest.split_at((cut.last - cut.first) as usize);
        self.file.write_all_at(head, offset)?;
        self.file.write_all_at(tail, cut.last)?;
        if is_aligned(middle) {
            return file.write_all_at(middle, cut.first);
        }
        let aligned = aligned.get_or_insert_with(|| Buffer::touched(BY_WAY_OF));
        for (part, at) in middle.chunks(BY_WAY_OF).zip((cut.first..).step_by(BY_WAY_OF)) {
            let by_way_of = aligned.bytes_mut(part.len());
            by_way_of.copy_from_slice(part);
            file.write_all_at(by_way_of, at)?;
        }
        Ok(())
    }

    /// Moves all that was written to the device.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| Failure::io("flush", &self.path, &e))
    }
}

fn is_aligned(memory: &[u8]) -> bool {
    (memory.as_ptr() as usize).is_multiple_of(BLOCK as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Every offset and length around the edges of blocks, memory that lies as the file does and memory that does not.
    #[test]
    fn past_the_cache_the_same_bytes_are_moved() {
        let mut named = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let content: Vec<u8> = (0..5 * BLOCK + 100).map(|i| (i % 253) as u8).collect();
        named.write_all(&content).unwrap();
        let Ok(file) = RawFile::open(named.path(), For::Writing, true) else {
            return eprintln!("no O_DIRECT on this file system");
        };
        let mut aligned = None;
        let mut memory = Buffer::touched(8 * BLOCK as usize);
        for offset in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1] {
            for bytes in [0, 1, 5000, 2 * BLOCK as usize, 3 * BLOCK as usize + 7] {
                for shift in [0, 1, (offset % BLOCK) as usize] {
                    let to = &mut memory.bytes_mut(8 * BLOCK as usize)[shift..shift + bytes];
                    file.read(&mut aligned, to, offset).unwrap();
                    assert_eq!(to, &content[offset as usize..offset as usize + bytes], "{offset} {bytes} {shift}");
                    file.write(&mut aligned, to, offset).unwrap();
                }
            }
        }
        assert_eq!(std::fs::read(named.path()).unwrap(), content);
        let behind = file.read(&mut aligned, memory.bytes_mut(10), content.len() as u64).unwrap_err();
        assert!(behind.message.contains("offset 20580"), "{behind}");
    }
}
