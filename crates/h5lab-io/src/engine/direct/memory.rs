//! The caller's array, which several threads fill at once: each its own bytes of it.

use std::marker::PhantomData;

/// An array that threads share to write to.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    start: *mut u8,
    bytes: usize,
    array: PhantomData<&'a mut [u8]>,
}

// SAFETY: whoever gets at the bytes promises that nobody else does: see `Shared::part`.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Shares an array for as long as it is borrowed.
    pub(super) fn new(array: &'a mut [u8]) -> Self {
        Shared { start: array.as_mut_ptr(), bytes: array.len(), array: PhantomData }
    }

    /// The bytes from `from` on.
    ///
    /// # Safety
    /// No other thread uses any of these bytes while the part lives.
    ///
    /// # Panics
    /// If the array has no such bytes.
    #[allow(clippy::mut_from_ref, reason = "that nobody else has these bytes is what the caller promises")]
    pub(super) unsafe fn part(&self, from: usize, bytes: usize) -> &mut [u8] {
        assert!(from <= self.bytes && bytes <= self.bytes - from, "{bytes} bytes at {from} of {}", self.bytes);
        // SAFETY: they are within the array, and the caller promises that nobody else has them.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), bytes) }
    }
}
