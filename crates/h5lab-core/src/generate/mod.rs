//! The values of test data: pure functions of a seed and of an element's place, so that any rank can make or verify any region.
//!
//! An element's place is its global index `i` in C order. The random bits of uniform data are a stream of Threefry2x64-20
//! with the key (seed, 0), seen as a little-endian array of the element's type: element `i` takes the stream's bytes
//! `i * size .. (i + 1) * size`. Integers are these bytes; floats in [0, 1) are their high bits, `(u32 >> 8) * 2^-24` and
//! `(u64 >> 11) * 2^-53`. `threefry.py` beside this file makes the same data.
//!
//! Counts (of the kinds detector and tomography), whatever their type, are made from the 32-bit half `i` of the stream of
//! NumPy's `Philox(key=seed)` (Philox4x64-10), the uniform that is turned into a Poisson count; `detector.py` and
//! `tomography.py` beside this file do it with NumPy and SciPy. With [`Data::stamp_ranks`],
//! `1000 * (rank + 1)` is added in the element type's arithmetic.

mod detector;
mod element;
mod frame;
mod kind;
mod philox;
mod pieces;
mod poisson;
mod stream;
mod threefry;
mod tomography;
mod uniform;

pub use kind::DataKind;

use crate::dataset::Dtype;
use crate::region::{Region, strides};
use detector::Detector;
use element::Element;
use pieces::{PIECE, Piece, pieces};
use serde::{Deserialize, Serialize};
use tomography::Tomography;
use uniform::Uniform;

/// The rule that makes every value of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Data {
    /// What the values look like.
    pub kind: DataKind,
    /// The seed: other seeds give other values.
    pub seed: u64,
    /// If set, `1000 * (rank + 1)` is added to every value, where rank is the owner of the element's row
    /// (axis 0) among this many ranks: so one sees who wrote what.
    pub stamp_ranks: Option<usize>,
}

/// The first value of a region that is not what it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Index of the element along each axis.
    pub index: Vec<u64>,
    /// What the rule makes, rounded if it is an integer beyond 2^53.
    pub expected: f64,
    /// What was read.
    pub found: f64,
    /// How many elements of the region differ.
    pub count: u64,
}

/// Evaluates an expression with `T` standing for the Rust type of a [`Dtype`].
macro_rules! with_type {
    ($dtype:expr, $T:ident => $call:expr) => {
        with_type!($dtype, $T => $call; U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64)
    };
    ($dtype:expr, $T:ident => $call:expr; $($name:ident $type:ty),*) => {
        match $dtype {
            $(Dtype::$name => {
                type $T = $type;
                $call
            })*
        }
    };
}

impl Data {
    /// Writes the values of `region` of a dataset of `shape` into `out`, in C order, in this machine's byte order.
    ///
    /// # Panics
    /// If `out` is not exactly the region's size in bytes, or is not aligned for `dtype`; if the region is outside of
    /// the dataset; if values are to be stamped with the rank among 0 ranks.
    pub fn fill(&self, shape: &[u64], dtype: Dtype, region: &Region, out: &mut [u8]) {
        self.check(shape, dtype, region, out.len());
        if out.is_empty() {
            return; // an empty slice may lie anywhere
        }
        with_type!(dtype, T => self.fill_as::<T>(shape, region, bytemuck::cast_slice_mut(out)));
    }

    /// Compares `found` (C order, this machine's byte order) with what [`Data::fill`] makes for `region`; values
    /// are compared bit by bit.
    ///
    /// # Errors
    /// The first element that differs.
    ///
    /// # Panics
    /// As [`Data::fill`].
    pub fn verify(&self, shape: &[u64], dtype: Dtype, region: &Region, found: &[u8]) -> Result<(), Mismatch> {
        self.check(shape, dtype, region, found.len());
        if found.is_empty() {
            return Ok(());
        }
        with_type!(dtype, T => self.verify_as::<T>(shape, region, bytemuck::cast_slice(found)))
    }

    /// The identifier of this rule's kind, for records and files: see [`DataKind::generator_id`].
    pub const fn generator_id(&self) -> &'static str {
        self.kind.generator_id()
    }

    fn check(&self, shape: &[u64], dtype: Dtype, region: &Region, bytes: usize) {
        assert!(region.fits(shape), "the region {region:?} is outside of a dataset of shape {shape:?}");
        assert_eq!(bytes as u64, region.elements() * dtype.size() as u64, "the buffer holds just the region");
        assert_ne!(self.stamp_ranks, Some(0), "values are stamped with their rank among at least one");
    }

    fn fill_as<T: Element>(&self, shape: &[u64], region: &Region, out: &mut [T]) {
        let mut source = Source::new(self, shape);
        for piece in pieces(shape, region, self.stamp_ranks) {
            source.fill(&piece, &mut out[piece.offset..][..piece.length]);
        }
    }

    fn verify_as<T: Element>(&self, shape: &[u64], region: &Region, found: &[T]) -> Result<(), Mismatch> {
        let mut source = Source::new(self, shape);
        let mut buffer = [0u64; PIECE];
        let mut differences = Differences::default();
        for piece in pieces(shape, region, self.stamp_ranks) {
            let expected: &mut [T] = &mut bytemuck::cast_slice_mut(&mut buffer)[..piece.length];
            let found = &found[piece.offset..][..piece.length];
            source.fill(&piece, expected);
            differences.note(piece.first, expected, found);
        }
        differences.verdict(shape)
    }
}

/// Compares `found` with `expected`, both the values of `region` of a dataset of `shape` in C order and this machine's
/// byte order, bit by bit.
///
/// # Errors
/// The first element that differs.
///
/// # Panics
/// If a buffer is not exactly the region's size in bytes, or is not aligned for `dtype`.
pub fn compare(shape: &[u64], dtype: Dtype, region: &Region, expected: &[u8], found: &[u8]) -> Result<(), Mismatch> {
    fn compare_as<T: Element>(shape: &[u64], region: &Region, expected: &[T], found: &[T]) -> Result<(), Mismatch> {
        let mut differences = Differences::default();
        for piece in pieces(shape, region, None) {
            let place = piece.offset..piece.offset + piece.length;
            differences.note(piece.first, &expected[place.clone()], &found[place]);
        }
        differences.verdict(shape)
    }
    assert_eq!(expected.len(), found.len(), "both buffers hold just the region");
    with_type!(dtype, T => compare_as::<T>(shape, region, bytemuck::cast_slice(expected), bytemuck::cast_slice(found)))
}

/// What a comparison has found so far.
#[derive(Default)]
struct Differences {
    /// Global index, expected and found value of the first.
    first: Option<(u64, f64, f64)>,
    count: u64,
}

impl Differences {
    /// Compares elements that follow the global index `at`.
    fn note<T: Element>(&mut self, at: u64, expected: &[T], found: &[T]) {
        if bytemuck::cast_slice::<T, u8>(expected) == bytemuck::cast_slice::<T, u8>(found) {
            return;
        }
        for (i, (e, f)) in expected.iter().zip(found).enumerate().filter(|(_, (e, f))| differ(*e, *f)) {
            self.first.get_or_insert((at + i as u64, e.to_f64(), f.to_f64()));
            self.count += 1;
        }
    }

    fn verdict(self, shape: &[u64]) -> Result<(), Mismatch> {
        match self.first {
            None => Ok(()),
            Some((at, expected, found)) => {
                Err(Mismatch { index: unravel(at, shape), expected, found, count: self.count })
            }
        }
    }
}

/// A kind of data, with all that its values need made ready.
enum Source {
    Uniform(Uniform),
    Detector(Box<Detector>),
    Tomography(Box<Tomography>),
    Ramp,
}

impl Source {
    fn new(data: &Data, shape: &[u64]) -> Self {
        match data.kind {
            DataKind::Uniform => Source::Uniform(Uniform::new(data.seed)),
            DataKind::Detector => Source::Detector(Box::new(Detector::new(data.seed, shape))),
            DataKind::Tomography => Source::Tomography(Box::new(Tomography::new(data.seed, shape))),
            DataKind::Ramp => Source::Ramp,
        }
    }

    /// The values of a piece.
    fn fill<T: Element>(&mut self, piece: &Piece, out: &mut [T]) {
        match self {
            Source::Uniform(uniform) => uniform.fill(piece.first, out),
            Source::Detector(detector) => detector.fill(piece.first, out),
            Source::Tomography(tomography) => tomography.fill(piece.first, out),
            Source::Ramp => {
                for (i, value) in out.iter_mut().enumerate() {
                    *value = T::from_index(piece.first + i as u64);
                }
            }
        }
        if piece.stamp > 0 {
            for value in out {
                *value = value.add_whole(piece.stamp);
            }
        }
    }
}

/// True if two values differ in any bit.
fn differ<T: Element>(a: &T, b: &T) -> bool {
    bytemuck::bytes_of(a) != bytemuck::bytes_of(b)
}

/// The index along each axis of the element `at` (in C order).
fn unravel(at: u64, shape: &[u64]) -> Vec<u64> {
    strides(shape).iter().zip(shape).map(|(stride, n)| at / stride % n).collect()
}

#[cfg(test)]
mod tests;
