//! Memory that transfers move: page-aligned, and touched before anything is timed.

use crate::sys;

/// Bytes of a huge page on x86-64, and of a page: what larger and smaller buffers are aligned to.
const HUGE: usize = 2 << 20;
const PAGE: usize = 4096;

/// A page-aligned buffer of a fixed number of bytes.
pub struct Buffer {
    words: Vec<u64>,
    skip: usize,
    bytes: usize,
}

impl Buffer {
    /// A buffer whose every page was written once: on a virtual machine the first touch of a page can cost ten times
    /// what the next ones do. Large buffers ask for huge pages, as NumPy's arrays do.
    pub fn touched(bytes: usize) -> Self {
        let alignment = if bytes >= 2 * HUGE { HUGE } else { PAGE };
        let length = (bytes + alignment).div_ceil(8);
        let mut words: Vec<u64> = Vec::with_capacity(length);
        if alignment == HUGE {
            sys::prefer_huge_pages(words.spare_capacity_mut());
        }
        words.resize(length, 0x5ab5_5ab5_5ab5_5ab5);
        let skip = words.as_ptr().align_offset(alignment).min(alignment / 8);
        Buffer { words, skip, bytes }
    }

    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// True if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The first `bytes` bytes.
    ///
    /// # Panics
    /// If the buffer is smaller.
    pub fn bytes_mut(&mut self, bytes: usize) -> &mut [u8] {
        assert!(bytes <= self.bytes, "{bytes} bytes of a buffer of {}", self.bytes);
        &mut bytemuck::cast_slice_mut(&mut self.words[self.skip..])[..bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_page_aligned() {
        for bytes in [0, 1, 7, 4096, 5000, 9 << 20] {
            let mut buffer = Buffer::touched(bytes);
            let slice = buffer.bytes_mut(bytes);
            assert_eq!((slice.len(), slice.as_ptr().align_offset(4096)), (bytes, 0));
        }
    }
}
