//! Shuffles of bytes and bits with the vector instructions of x86-64: SSE2, which all have, and AVX2, asked for at run
//! time. Each function does the bulk and says how much that was; the rest, and all of it elsewhere, is the caller's.

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{bits_to_rows, fetch, rows_to_bits, shuffle, unshuffle};

#[cfg(not(target_arch = "x86_64"))]
pub(super) use without::{bits_to_rows, fetch, rows_to_bits, shuffle, unshuffle};

#[cfg(not(target_arch = "x86_64"))]
mod without {
    pub fn shuffle(_elements: &[u8], _planes: &mut [u8], _element: usize) -> usize {
        0
    }

    pub fn unshuffle(_planes: &[u8], _elements: &mut [u8], _element: usize) -> usize {
        0
    }

    pub fn bits_to_rows(_bytes: &[u8], _rows: &mut [u8]) -> usize {
        0
    }

    pub fn rows_to_bits(_rows: &[u8], _bytes: &mut [u8]) -> usize {
        0
    }

    pub fn fetch(_bytes: &[u8]) {}
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// As [`super::super::shuffle::shuffle`], for whole elements of 2, 4 or 8 bytes; returns how many elements it did.
    pub fn shuffle(elements: &[u8], planes: &mut [u8], element: usize) -> usize {
        // SAFETY: every x86-64 has SSE2.
        unsafe {
            match element {
                2 => to_planes::<2>(elements, planes),
                4 => to_planes::<4>(elements, planes),
                8 => to_planes::<8>(elements, planes),
                _ => 0,
            }
        }
    }

    /// The way back; returns how many elements it did.
    pub fn unshuffle(planes: &[u8], elements: &mut [u8], element: usize) -> usize {
        // SAFETY: every x86-64 has SSE2.
        unsafe {
            match element {
                2 => to_elements::<2>(planes, elements),
                4 => to_elements::<4>(planes, elements),
                8 => to_elements::<8>(planes, elements),
                _ => 0,
            }
        }
    }

    /// As [`super::super::bitshuffle`] needs it: bit k of byte i becomes bit i of row k. Both have the same length, a
    /// multiple of 8; each row is an eighth of `rows`. Returns how many bytes of each row it did.
    pub fn bits_to_rows(bytes: &[u8], rows: &mut [u8]) -> usize {
        match is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            true => unsafe { bits_to_rows_avx2(bytes, rows) },
            false => 0,
        }
    }

    /// The way back; returns how many bytes of each row it did.
    pub fn rows_to_bits(rows: &[u8], bytes: &mut [u8]) -> usize {
        match is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            true => unsafe { rows_to_bits_avx2(rows, bytes) },
            false => 0,
        }
    }

    /// Bytes of a line of the cache.
    const LINE: usize = 64;
    /// How far ahead of what it works on a pass over a chunk asks for memory: what comes meanwhile it does not wait for.
    const AHEAD: usize = 2048;

    /// Asks for memory that is going to be read or written soon, without waiting for it.
    pub fn fetch(bytes: &[u8]) {
        // SAFETY: every x86-64 has SSE2.
        bytes.chunks(LINE).for_each(|line| unsafe { fetch_line(line.as_ptr()) });
    }

    /// The line that is at this address, if any: to ask for what is not there does no harm.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn fetch_line(at: *const u8) {
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }

    fn load<V: bytemuck::AnyBitPattern>(bytes: &[u8]) -> V {
        bytemuck::pod_read_unaligned(&bytes[..size_of::<V>()])
    }

    fn store<V: bytemuck::NoUninit>(to: &mut [u8], vector: V) {
        to[..size_of::<V>()].copy_from_slice(bytemuck::bytes_of(&vector));
    }

    /// Sixteen elements of SIZE bytes at a time. Their bytes have indices of 4 + log2(SIZE) bits: which element, which
    /// byte of it. To interleave the first half of them with the second turns these bits round by one; after four times
    /// the byte comes first.
    #[target_feature(enable = "sse2")]
    fn to_planes<const SIZE: usize>(elements: &[u8], planes: &mut [u8]) -> usize {
        let count = elements.len() / SIZE;
        for (tile, elements) in elements.chunks_exact(16 * SIZE).enumerate() {
            fetch_line(elements.as_ptr().wrapping_add(AHEAD));
            let mut vectors = [_mm_setzero_si128(); SIZE];
            for (vector, bytes) in vectors.iter_mut().zip(elements.chunks_exact(16)) {
                *vector = load(bytes);
            }
            for _ in 0..4 {
                vectors = interleave(vectors);
            }
            for (byte, vector) in vectors.into_iter().enumerate() {
                store(&mut planes[byte * count + 16 * tile..], vector);
            }
        }
        count / 16 * 16
    }

    /// The same, turned on until the element comes first again.
    #[target_feature(enable = "sse2")]
    fn to_elements<const SIZE: usize>(planes: &[u8], elements: &mut [u8]) -> usize {
        let count = elements.len() / SIZE;
        for (tile, elements) in elements.chunks_exact_mut(16 * SIZE).enumerate() {
            fetch_line(elements.as_ptr().wrapping_add(AHEAD));
            let mut vectors = [_mm_setzero_si128(); SIZE];
            for (byte, vector) in vectors.iter_mut().enumerate() {
                *vector = load(&planes[byte * count + 16 * tile..]);
            }
            for _ in 0..SIZE.ilog2() {
                vectors = interleave(vectors);
            }
            for (bytes, vector) in elements.chunks_exact_mut(16).zip(vectors) {
                store(bytes, vector);
            }
        }
        count / 16 * 16
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn interleave<const SIZE: usize>(from: [__m128i; SIZE]) -> [__m128i; SIZE] {
        let mut to = from;
        for half in 0..SIZE / 2 {
            to[2 * half] = _mm_unpacklo_epi8(from[half], from[half + SIZE / 2]);
            to[2 * half + 1] = _mm_unpackhi_epi8(from[half], from[half + SIZE / 2]);
        }
        to
    }

    /// The highest bits of 32 bytes at a time; to add a vector to itself brings the next bits up.
    #[target_feature(enable = "avx2")]
    fn bits_to_rows_avx2(bytes: &[u8], rows: &mut [u8]) -> usize {
        let row = bytes.len() / 8;
        for (tile, bytes) in bytes.chunks_exact(32).enumerate() {
            let mut vector: __m256i = load(bytes);
            for bit in (0..8).rev() {
                store(&mut rows[bit * row + 4 * tile..], _mm256_movemask_epi8(vector));
                vector = _mm256_add_epi8(vector, vector);
            }
        }
        row / 4 * 4
    }

    /// 32 bytes of each row at a time: unpacked until the eight bytes that hold the bits of eight bytes stand together;
    /// then each eight are a square of bits that is turned over.
    #[target_feature(enable = "avx2")]
    fn rows_to_bits_avx2(rows: &[u8], bytes: &mut [u8]) -> usize {
        let row = rows.len() / 8;
        for (tile, bytes) in bytes.chunks_exact_mut(256).enumerate() {
            let mut r = [_mm256_setzero_si256(); 8];
            for (bit, vector) in r.iter_mut().enumerate() {
                *vector = load(&rows[bit * row + 32 * tile..]);
            }
            let mut pairs = r;
            for k in 0..4 {
                pairs[k] = _mm256_unpacklo_epi8(r[2 * k], r[2 * k + 1]);
                pairs[k + 4] = _mm256_unpackhi_epi8(r[2 * k], r[2 * k + 1]);
            }
            // Per half of the pairs: rows 0 to 3 and rows 4 to 7, each as two vectors of fours.
            for half in 0..2 {
                let p = &pairs[4 * half..];
                let (low, high) = ([p[0], p[2]], [p[1], p[3]]);
                for quarter in 0..2 {
                    let fours = |k: usize| match quarter {
                        0 => _mm256_unpacklo_epi16(low[k], high[k]),
                        _ => _mm256_unpackhi_epi16(low[k], high[k]),
                    };
                    let (first, second) = (fours(0), fours(1));
                    let at = 64 * half + 32 * quarter;
                    put(bytes, at, turn_over(_mm256_unpacklo_epi32(first, second)));
                    put(bytes, at + 16, turn_over(_mm256_unpackhi_epi32(first, second)));
                }
            }
        }
        row / 32 * 32
    }

    /// Unpacking works on the halves of a vector each for itself: they belong 128 bytes apart.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn put(bytes: &mut [u8], at: usize, vector: __m256i) {
        store(&mut bytes[at..], _mm256_castsi256_si128(vector));
        store(&mut bytes[at + 128..], _mm256_extracti128_si256::<1>(vector));
    }

    /// [`super::super::bitshuffle::turn_over`] of each 64 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn turn_over(x: __m256i) -> __m256i {
        let x = swap::<7>(x, 0x00AA_00AA_00AA_00AA);
        let x = swap::<14>(x, 0x0000_CCCC_0000_CCCC);
        swap::<28>(x, 0x0000_0000_F0F0_F0F0)
    }

    /// Swaps the bits of `mask` with those `SHIFT` above.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn swap<const SHIFT: i32>(x: __m256i, mask: i64) -> __m256i {
        let differ = _mm256_xor_si256(x, _mm256_srli_epi64::<SHIFT>(x));
        let differ = _mm256_and_si256(differ, _mm256_set1_epi64x(mask));
        _mm256_xor_si256(_mm256_xor_si256(x, differ), _mm256_slli_epi64::<SHIFT>(differ))
    }
}
