//! What the generators need to know of an element type: how random bits, counts and indices become its values.

use bytemuck::Pod;

/// An element type of [`Dtype`](crate::dataset::Dtype).
pub(super) trait Element: Pod {
    /// Turns elements that hold the stream's little-endian bytes into uniform values, in place.
    fn uniform_from_stream(raw: &mut [Self]);
    /// The element's own index, wrapped (floats: rounded).
    fn from_index(index: u64) -> Self;
    /// A detector's count, clamped at the type's largest value.
    fn from_count(count: u32) -> Self;
    /// Adds a whole number in the type's own arithmetic: integers wrap, floats round once.
    fn add_whole(self, whole: u64) -> Self;
    /// The value, for reports: of 64-bit integers the nearest.
    fn to_f64(self) -> f64;
}

macro_rules! integer {
    ($($t:ty),*) => {$(
        impl Element for $t {
            #[inline(always)]
            fn uniform_from_stream(raw: &mut [Self]) {
                for x in raw {
                    *x = <$t>::from_le(*x);
                }
            }
            #[inline(always)]
            fn from_index(index: u64) -> Self {
                index as $t
            }
            #[inline(always)]
            fn from_count(count: u32) -> Self {
                count.min(<$t>::MAX as u32) as $t
            }
            #[inline(always)]
            fn add_whole(self, whole: u64) -> Self {
                self.wrapping_add(whole as $t)
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

integer!(u8, u16, u32, u64, i8, i16, i32, i64);

/// Floats take as many of the stream's high bits as their significand holds, so every step is exact.
macro_rules! float {
    ($t:ty, $bits:ty, $shift:expr, $step:expr) => {
        impl Element for $t {
            #[inline(always)]
            fn uniform_from_stream(raw: &mut [Self]) {
                for x in raw {
                    *x = (<$bits>::from_le(x.to_bits()) >> $shift) as $t * $step;
                }
            }
            #[inline(always)]
            fn from_index(index: u64) -> Self {
                // Indices stay below 2^63, and a signed conversion is one instruction.
                index as i64 as $t
            }
            #[inline(always)]
            fn from_count(count: u32) -> Self {
                count as $t
            }
            #[inline(always)]
            fn add_whole(self, whole: u64) -> Self {
                self + whole as $t
            }
            fn to_f64(self) -> f64 {
                self.into()
            }
        }
    };
}

float!(f32, u32, 8, 1.0 / (1u32 << 24) as f32);
float!(f64, u64, 11, 1.0 / (1u64 << 53) as f64);
