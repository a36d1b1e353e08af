//! Byte shuffle: HDF5 filter 2. Parameter: the bytes of an element.
//!
//! The first bytes of all elements, then the second bytes, and so on: bytes that are alike come to stand together. What
//! is left over at the end, if it is no whole element, stays where it is. (HDF5: H5Zshuffle.c.)

use super::scratch::Tools;
use super::simd;
use super::{Codec, FilterError};

const NAME: &str = "shuffle";

pub(super) struct Shuffle {
    element: usize,
}

impl Shuffle {
    pub(super) fn new(parameters: &[u32]) -> Result<Self, FilterError> {
        match parameters {
            [element, ..] if *element > 0 => Ok(Shuffle { element: *element as usize }),
            _ => Err(FilterError::Parameters { filter: NAME, why: "the element's size is missing".into() }),
        }
    }
}

impl Codec for Shuffle {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bound(&self, raw: usize) -> usize {
        raw
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], _: &mut Tools) -> Result<Option<usize>, FilterError> {
        shuffle(raw, &mut stored[..raw.len()], self.element);
        Ok(Some(raw.len()))
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], _: &mut Tools) -> Result<usize, FilterError> {
        let most = raw.len();
        let Some(raw) = raw.get_mut(..stored.len()) else {
            return Err(FilterError::overflow(NAME, most));
        };
        unshuffle(stored, raw, self.element);
        Ok(stored.len())
    }
}

/// From elements to planes of bytes.
///
/// # Panics
/// If the two are not of one length.
pub(super) fn shuffle(elements: &[u8], planes: &mut [u8], element: usize) {
    assert_eq!(elements.len(), planes.len(), "bytes change places");
    let count = elements.len() / element;
    let (whole, rest) = elements.split_at(count * element);
    let (planes, rest_there) = planes.split_at_mut(count * element);
    rest_there.copy_from_slice(rest);
    if element == 1 {
        planes.copy_from_slice(whole);
        return;
    }
    let done = simd::shuffle(whole, planes, element);
    for (byte, plane) in planes.chunks_exact_mut(count.max(1)).enumerate() {
        for (to, from) in plane[done..].iter_mut().zip(whole[done * element..].chunks_exact(element)) {
            *to = from[byte];
        }
    }
}

/// From planes of bytes to elements.
///
/// # Panics
/// If the two are not of one length.
pub(super) fn unshuffle(planes: &[u8], elements: &mut [u8], element: usize) {
    assert_eq!(elements.len(), planes.len(), "bytes change places");
    let count = elements.len() / element;
    let (whole, rest_there) = elements.split_at_mut(count * element);
    let (planes, rest) = planes.split_at(count * element);
    rest_there.copy_from_slice(rest);
    if element == 1 {
        whole.copy_from_slice(planes);
        return;
    }
    let done = simd::unshuffle(planes, whole, element);
    for (byte, plane) in planes.chunks_exact(count.max(1)).enumerate() {
        for (from, to) in plane[done..].iter().zip(whole[done * element..].chunks_exact_mut(element)) {
            to[byte] = *from;
        }
    }
}
