//! HDF5's sieve buffer, simulated: how many bytes short runs of a contiguous dataset really read.
//!
//! Through drivers that allow it (sec2, not MPI-IO), a run that is no longer than the buffer is read together with what
//! follows it, up to the buffer's size or the end of the data; runs that lie within what was read last cost nothing.
//! Longer runs are read directly. (HDF5 1.10 to 2.2, `H5Dcontig.c`; reference manual, `H5Pset_sieve_buf_size`.)

/// HDF5's default size of the buffer in bytes.
pub const DEFAULT_SIEVE_BYTES: u64 = 64 << 10;

/// The sieve buffer of one open dataset.
#[derive(Clone, Copy, Debug)]
pub struct Sieve {
    /// Its size; 0 if the driver does without.
    bytes: u64,
    /// Where the data ends.
    end: u64,
    held: (u64, u64),
}

/// Read calls and the bytes that they read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Calls.
    pub calls: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Sieve {
    /// An empty buffer of `bytes` bytes for data of `end` bytes.
    pub fn new(bytes: u64, end: u64) -> Self {
        Sieve { bytes: bytes.min(end), end, held: (0, 0) }
    }

    /// Reads `length` bytes at `offset` of the data.
    pub fn read(&mut self, offset: u64, length: u64) -> Reads {
        let (from, to) = self.held;
        if length == 0 || (offset >= from && offset + length <= to) {
            return Reads::default();
        }
        if length > self.bytes {
            return Reads { calls: 1, bytes: length };
        }
        self.held = (offset, self.end.min(offset + self.bytes));
        Reads { calls: 1, bytes: self.held.1 - offset }
    }

    /// Forgets what it holds, and takes up other data of the same size.
    pub fn clear(&mut self) {
        self.held = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(sieve: &mut Sieve, runs: &[(u64, u64)]) -> (u64, u64) {
        let all = runs.iter().map(|&(offset, length)| sieve.read(offset, length));
        all.fold((0, 0), |sum, reads| (sum.0 + reads.calls, sum.1 + reads.bytes))
    }

    #[test]
    fn short_runs_share_a_read_and_long_ones_pass_by() {
        let mut sieve = Sieve::new(100, 1000);
        assert_eq!(total(&mut sieve, &[(0, 10), (50, 10), (90, 10)]), (1, 100));
        assert_eq!(total(&mut sieve, &[(95, 10)]), (1, 100));
        assert_eq!(total(&mut sieve, &[(200, 101), (100, 10)]), (1, 101));
        assert_eq!(total(&mut sieve, &[(970, 10), (980, 20)]), (1, 30));
    }

    #[test]
    fn without_a_buffer_every_run_is_a_read() {
        assert_eq!(total(&mut Sieve::new(0, 1000), &[(0, 10), (5, 10), (0, 0)]), (2, 20));
    }

    #[test]
    fn a_spectrum_of_10_kib_images_reads_what_strace_saw() {
        // 24 images of 64x80 u16: one pixel of each, under HDF5 1.10.8 and 2.0.0: 3 reads of 65536 and one of 30232.
        let runs: Vec<(u64, u64)> = (0..24).map(|i| (i * 10_240 + (3 * 80 + 4) * 2, 2)).collect();
        assert_eq!(total(&mut Sieve::new(DEFAULT_SIEVE_BYTES, 24 * 10_240), &runs), (4, 3 * 65_536 + 30_232));
    }
}
