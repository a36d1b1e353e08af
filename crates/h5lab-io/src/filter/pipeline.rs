//! The filters of a dataset, in order: whole chunks through all of them, and back.

use super::scratch::room;
use super::{Codec, FilterError, Scratch, codec};
use h5lab_core::filter::{FLETCHER32, Filter, Stage};
use std::fmt;

/// HDF5's limit (H5Z_MAX_NFILTERS): a filter mask has a bit for each.
const MOST_FILTERS: usize = 32;

/// What the chunks of a dataset pass through.
///
/// Chunks at the edges of a dataset are stored whole, so all have the same size. (A dataset may have been made to store
/// those unfiltered, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS: that a caller must know; they have no mask.)
pub struct Pipeline {
    steps: Vec<Step>,
    chunk: usize,
    if_it_pays: bool,
}

struct Step {
    codec: Box<dyn Codec>,
    checksum: bool,
}

/// A chunk as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Its bytes in the file.
    pub bytes: &'a [u8],
    /// A bit for each filter that was left out, the first filter's lowest: H5Dwrite_chunk's `filters`.
    pub mask: u32,
}

impl Pipeline {
    /// The pipeline that a dataset made with `filters` has: elements of `element` bytes, in chunks of `chunk` bytes.
    ///
    /// # Errors
    /// `Unknown` if h5lab has no codec for one of them.
    pub fn new(filters: &[Filter], element: usize, chunk: usize) -> Result<Self, FilterError> {
        let stages: Vec<Stage> = filters.iter().map(|filter| filter.stage(element, chunk)).collect();
        Pipeline::of(&stages, chunk)
    }

    /// The pipeline of a file's dataset, from its creation property list: `h5::filters::stages`. Chunks have `chunk` bytes.
    ///
    /// # Errors
    /// `Unknown` if h5lab has no codec for one of them (HDF5 may), `Parameters` if one's are not what it stores.
    pub fn of(stages: &[Stage], chunk: usize) -> Result<Self, FilterError> {
        if stages.len() > MOST_FILTERS {
            let why = format!("{} filters, but HDF5 has at most {MOST_FILTERS} on a dataset", stages.len());
            return Err(FilterError::Parameters { filter: "pipeline", why });
        }
        let step = |stage: &Stage| Ok(Step { codec: codec(stage)?, checksum: stage.id == FLETCHER32 });
        let steps = stages.iter().map(step).collect::<Result<_, FilterError>>()?;
        Ok(Pipeline { steps, chunk, if_it_pays: false })
    }

    /// Lets chunks that would not become smaller be stored as they are (but for checksums), which their masks say.
    pub fn if_it_pays(self) -> Self {
        Pipeline { if_it_pays: true, ..self }
    }

    /// Bytes of a chunk that is not filtered.
    pub fn chunk_bytes(&self) -> usize {
        self.chunk
    }

    /// True if chunks are stored as they are.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Most bytes that a stored chunk has.
    pub fn bound(&self) -> usize {
        self.bound_after(self.steps.len())
    }

    /// Most bytes that come out of the first `steps` filters.
    fn bound_after(&self, steps: usize) -> usize {
        self.steps[..steps].iter().fold(self.chunk, |bytes, step| step.codec.bound(bytes).max(bytes))
    }

    /// Encodes a whole chunk.
    ///
    /// # Errors
    /// `Unfit` if `raw` is not [`Pipeline::chunk_bytes`], or is nothing that a filter can take.
    pub fn encode<'a>(&self, raw: &'a [u8], scratch: &'a mut Scratch) -> Result<Stored<'a>, FilterError> {
        if raw.len() != self.chunk {
            let why = format!("a chunk of {} bytes, but this dataset's have {}", raw.len(), self.chunk);
            return Err(FilterError::Unfit { filter: "pipeline", why });
        }
        let (mut length, mut mask) = self.pass(raw, 0, scratch)?;
        if self.if_it_pays && length.is_some_and(|bytes| bytes >= raw.len()) {
            (length, mask) = self.pass(raw, self.all_but_checksums(), scratch)?;
        }
        let bytes = length.map_or(raw, |bytes| &scratch.front[..bytes]);
        Ok(Stored { bytes, mask })
    }

    fn all_but_checksums(&self) -> u32 {
        let left_out = |(bit, step): (usize, &Step)| u32::from(!step.checksum) << bit;
        self.steps.iter().enumerate().map(left_out).sum()
    }

    /// Encodes with the filters that `mask` does not leave out. The result is in `scratch.front`, so many bytes of it;
    /// `None`: it is `raw`, as all filters were left out. The mask has those that left themselves out, too.
    fn pass(&self, raw: &[u8], mut mask: u32, scratch: &mut Scratch) -> Result<(Option<usize>, u32), FilterError> {
        let mut held = None;
        for (bit, step) in self.steps.iter().enumerate() {
            if mask & 1 << bit != 0 {
                continue;
            }
            let Scratch { front, back, tools } = &mut *scratch;
            let input = held.map_or(raw, |bytes| &front[..bytes]);
            let stored = room(back, step.codec.bound(input.len()));
            match step.codec.encode(input, stored, tools)? {
                Some(bytes) => {
                    held = Some(bytes);
                    std::mem::swap(front, back);
                }
                None => mask |= 1 << bit,
            }
        }
        Ok((held, mask))
    }

    /// Decodes a whole chunk into `raw`. `mask` has a bit for each filter that was left out when it was written.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are nothing that the filters write, or decode to another size than `raw`'s, which is
    /// [`Pipeline::chunk_bytes`]. What is in `raw` then has no meaning.
    pub fn decode(&self, stored: &[u8], mask: u32, raw: &mut [u8], scratch: &mut Scratch) -> Result<(), FilterError> {
        let Some(Active { first, last }) = self.active(mask) else {
            return copy(stored, raw);
        };
        let codec = &self.steps[last].codec;
        if first == last {
            let bytes = codec.decode(stored, raw, &mut scratch.tools)?;
            return right_size(codec.name(), bytes, raw.len());
        }
        let bytes = codec.decode(stored, room(&mut scratch.back, self.bound_after(last)), &mut scratch.tools)?;
        self.decode_rest(bytes, mask | u32::MAX << last, raw, scratch)
    }

    /// Decodes two whole chunks, which some filters ([`Pipeline::gains_by_twos`]) do faster than one after the other.
    ///
    /// # Errors
    /// As [`Pipeline::decode`], for each chunk. What is wrong with one does the other no harm.
    pub fn decode_two(
        &self,
        stored: [(&[u8], u32); 2],
        raw: [&mut [u8]; 2],
        scratch: [&mut Scratch; 2],
    ) -> [Result<(), FilterError>; 2] {
        let ([(a, mask), (b, mask_b)], [raw_a, raw_b], [scratch_a, scratch_b]) = (stored, raw, scratch);
        let Some(Active { first, last }) = self.active(mask).filter(|_| mask == mask_b) else {
            return [self.decode(a, mask, raw_a, scratch_a), self.decode(b, mask_b, raw_b, scratch_b)];
        };
        let codec = &self.steps[last].codec;
        if first == last {
            let sizes = [raw_a.len(), raw_b.len()];
            let [made_a, made_b] = codec.decode_two([a, b], [raw_a, raw_b], &mut scratch_a.tools);
            let right = |made: Result<usize, _>, size| made.and_then(|bytes| right_size(codec.name(), bytes, size));
            return [right(made_a, sizes[0]), right(made_b, sizes[1])];
        }
        let bound = self.bound_after(last);
        let rooms = [room(&mut scratch_a.back, bound), room(&mut scratch_b.back, bound)];
        let [made_a, made_b] = codec.decode_two([a, b], rooms, &mut scratch_a.tools);
        let rest = |made: Result<usize, _>, raw, scratch| {
            made.and_then(|bytes| self.decode_rest(bytes, mask | u32::MAX << last, raw, scratch))
        };
        [rest(made_a, raw_a, scratch_a), rest(made_b, raw_b, scratch_b)]
    }

    /// Whether [`Pipeline::decode_two`] may be faster than to decode one chunk after the other.
    pub fn gains_by_twos(&self) -> bool {
        self.steps.last().is_some_and(|step| step.codec.gains_by_twos())
    }

    /// The filters that a mask does not leave out.
    fn active(&self, mask: u32) -> Option<Active> {
        let mut active = (0..self.steps.len()).filter(|bit| mask & 1 << bit == 0);
        let first = active.next()?;
        Some(Active { first, last: active.next_back().unwrap_or(first) })
    }

    /// Takes `bytes` that the last filter has left in `scratch.back` through those that `mask` does not leave out.
    fn decode_rest(
        &self,
        mut bytes: usize,
        mut mask: u32,
        raw: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<(), FilterError> {
        loop {
            let Active { first, last } = self.active(mask).expect("the first filter makes the chunk");
            let Scratch { front, back, tools } = &mut *scratch;
            std::mem::swap(front, back);
            let codec = &self.steps[last].codec;
            if first == last {
                bytes = codec.decode(&front[..bytes], raw, tools)?;
                return right_size(codec.name(), bytes, raw.len());
            }
            bytes = codec.decode(&front[..bytes], room(back, self.bound_after(last)), tools)?;
            mask |= u32::MAX << last;
        }
    }
}

/// The first and the last of the filters that a chunk has passed through.
struct Active {
    first: usize,
    last: usize,
}

/// A chunk without filters.
fn copy(stored: &[u8], raw: &mut [u8]) -> Result<(), FilterError> {
    right_size("unfiltered", stored.len(), raw.len())?;
    raw.copy_from_slice(stored);
    Ok(())
}

fn right_size(filter: &'static str, bytes: usize, expected: usize) -> Result<(), FilterError> {
    match bytes == expected {
        true => Ok(()),
        false => Err(FilterError::corrupt(filter, format!("holds {bytes} bytes, but a chunk has {expected}"))),
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.steps.iter().map(|step| step.codec.name()).collect();
        write!(f, "Pipeline({}, {} bytes)", names.join("+"), self.chunk)
    }
}
