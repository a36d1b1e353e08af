//! The method `posix`: the same bytes by plain pwrite(2) and pread(2), no HDF5. The ceiling of all other methods.
//!
//! The file holds nothing but the dataset's values in C order, in this machine's byte order.

use super::{Closed, Engine, Opening, Session};
use crate::comm::agree;
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, Result};
use h5lab_core::plan::Plan;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where the bytes of a request lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placement {
    /// At the elements' place in C order.
    AtTheirPlace,
    /// One request after the other, rank after rank: the best arrangement there can be. Reads start again at the file's
    /// beginning when they reach its end.
    Packed,
}

/// Plain positional reads and writes.
pub struct Posix {
    placement: Placement,
    /// What is read instead of the session's file, one after the other, if any.
    sources: Vec<PathBuf>,
}

impl Posix {
    /// Every element at its place in C order.
    pub fn at_their_place() -> Self {
        Posix { placement: Placement::AtTheirPlace, sources: Vec::new() }
    }

    /// Requests packed one after the other: what a ceiling is measured with. A read may name any file; what it reads are
    /// `sources`, one after the other, if there are any.
    pub fn packed(sources: Vec<PathBuf>) -> Self {
        Posix { placement: Placement::Packed, sources }
    }
}

struct PosixSession<'a> {
    files: Vec<Part>,
    path: &'a Path,
    experiment: &'a Experiment,
    placement: Placement,
    /// Next offset, for packed requests.
    next: u64,
    /// Where packed reads start again at 0.
    end: u64,
}

/// A file that holds the bytes from one offset up to another.
struct Part {
    file: File,
    from: u64,
    to: u64,
}

impl Engine for Posix {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        let Opening { experiment, path, comm } = *opening;
        let fail = |e: std::io::Error| Failure::io("open", path, &e);
        let writes = experiment.direction == Direction::Write;
        if writes {
            let made = if comm.rank() == 0 { File::create(path).map(|_| ()).map_err(fail) } else { Ok(()) };
            agree(comm, made, &|_| ())?;
        }
        let sources = if writes || self.sources.is_empty() { &[path.to_owned()][..] } else { &self.sources };
        let files = parts(sources, writes)?;
        let end = files.last().map_or(1, |part| part.to.max(1));
        let before = (0..comm.rank()).map(|rank| Plan::new(experiment).demand(rank).bytes_asked).sum::<u64>();
        Ok(Box::new(PosixSession { files, path, experiment, placement: self.placement, next: before % end, end }))
    }
}

/// The files, one after the other; the end of one that is written is open.
fn parts(files: &[PathBuf], writes: bool) -> Result<Vec<Part>> {
    let mut from = 0;
    let part = |path: &PathBuf| {
        let fail = |e: std::io::Error| Failure::io("open", path, &e);
        let file = OpenOptions::new().read(true).write(writes).open(path).map_err(fail)?;
        let to = if writes { u64::MAX } else { from + file.metadata().map_err(fail)?.len() };
        let part = Part { file, from, to };
        from = to;
        Ok(part)
    };
    files.iter().map(part).collect()
}

impl PosixSession<'_> {
    /// Calls `transfer` with each piece's range in the buffer and its offset in the file.
    fn pieces(
        &mut self,
        region: &Region,
        mut transfer: impl FnMut(&File, usize, usize, u64) -> std::io::Result<()>,
    ) -> Result<()> {
        let dataset = &self.experiment.dataset;
        let size = dataset.dtype.size() as u64;
        let mut at = 0;
        let files = &self.files;
        let part_at = |offset: u64| files.iter().rfind(|part| part.from <= offset).expect("the first begins at 0");
        let mut one = |offset: u64, length: u64| {
            let part = part_at(offset);
            let (from, to) = (at as usize, (at + length) as usize);
            at += length;
            transfer(&part.file, from, to, offset - part.from).map_err(|e| Failure::io("transfer", self.path, &e))
        };
        match self.placement {
            Placement::AtTheirPlace => {
                region.runs(&dataset.shape.0).try_for_each(|(first, count)| one(first * size, count * size))
            }
            Placement::Packed => {
                let mut left = region.elements() * size;
                while left > 0 {
                    let length = left.min(part_at(self.next).to.max(1) - self.next);
                    one(self.next, length)?;
                    left -= length;
                    self.next = if self.next + length == self.end { 0 } else { self.next + length };
                }
                Ok(())
            }
        }
    }
}

impl Session for PosixSession<'_> {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        self.pieces(region, |file, from, to, offset| file.write_all_at(&data[from..to], offset))
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        self.pieces(region, |file, from, to, offset| file.read_exact_at(&mut data[from..to], offset))
    }

    fn sync(&mut self) -> Result<()> {
        self.files.iter().try_for_each(|part| part.file.sync_all()).map_err(|e| Failure::io("flush", self.path, &e))
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        let stored_bytes = self.files.iter().map(|part| part.file.metadata().ok().map(|m| m.len())).sum();
        Ok(Closed { actual: Actual { driver: "posix".into(), ..Actual::default() }, stored_bytes })
    }
}
