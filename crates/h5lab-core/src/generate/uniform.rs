//! Uniform values: random bits as they come.

use super::element::Element;
use super::threefry::Threefry;
use pulp::{Arch, NullaryFnOnce};

/// The uniform values of a seed.
pub(super) struct Uniform {
    random: Threefry,
    /// What vector instructions this processor has.
    arch: Arch,
}

impl Uniform {
    pub(super) fn new(seed: u64) -> Self {
        Uniform { random: Threefry::new([seed, 0]), arch: Arch::new() }
    }

    /// The values of the elements from `first` on.
    pub(super) fn fill<T: Element>(&self, first: u64, out: &mut [T]) {
        self.arch.dispatch(Fill { random: self.random, first, out });
    }
}

/// What [`Uniform::fill`] does. A type of its own, for a closure would not be compiled for each set of instructions.
struct Fill<'a, T> {
    random: Threefry,
    first: u64,
    out: &'a mut [T],
}

impl<T: Element> NullaryFnOnce for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.random.bytes(self.first * size_of::<T>() as u64, bytemuck::cast_slice_mut(self.out));
        T::uniform_from_stream(self.out);
    }
}
