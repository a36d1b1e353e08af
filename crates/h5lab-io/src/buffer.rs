//! Memory that transfers move: page-aligned, and touched before anything is timed.

/// Words of 8 bytes in a page.
const PAGE_WORDS: usize = 4096 / 8;

/// A page-aligned buffer of a fixed number of bytes.
pub struct Buffer {
    words: Vec<u64>,
    skip: usize,
    bytes: usize,
}

impl Buffer {
    /// A buffer whose every page was written once: on a virtual machine the first touch of a page can cost ten times
    /// what the next ones do.
    pub fn touched(bytes: usize) -> Self {
        let words = vec![0x5ab5_5ab5_5ab5_5ab5u64; bytes.div_ceil(8) + PAGE_WORDS];
        let skip = (words.as_ptr().align_offset(4096)).min(PAGE_WORDS);
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
        for bytes in [0, 1, 7, 4096, 5000] {
            let mut buffer = Buffer::touched(bytes);
            let slice = buffer.bytes_mut(bytes);
            assert_eq!((slice.len(), slice.as_ptr().align_offset(4096)), (bytes, 0));
        }
    }
}
