//! Sessions whose values all ranks read, and write without filters, at their places in one file.

use super::crew::{Crew, Desk, Hand, sized};
use super::grid;
use super::memory::Shared;
use super::runs::{self, At};
use super::source::{Piece, Source, Target};
use crate::engine::{Closed, Session};
use crate::h5::settings::Settings;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::record::Actual;
use h5lab_core::region::Region;
use h5lab_core::spans::Spans;
use std::sync::Arc;

/// An open dataset, and the threads that move its values.
pub(super) struct Mover {
    pub(super) source: Source,
    pub(super) crew: Arc<Crew>,
    /// What was found when the dataset was opened; empty on ranks that do not tell.
    pub(super) in_force: Settings,
}

/// What a region's elements are written from.
struct Given<'a> {
    region: &'a Region,
    data: &'a [u8],
}

impl Mover {
    fn write_piece(&self, hand: &mut Hand, piece: &Piece, given: &Given<'_>) -> Result<()> {
        let Some(address) = piece.address else {
            let why = format!("no space in the file for the elements at {:?}", piece.region.start);
            return Err(Failure::new(FailureKind::Internal, why).at(self.source.file.path()));
        };
        if piece.all {
            return self.write_array(hand, address, piece, given);
        }
        let (start, there) = (grid::from(&piece.origin, &piece.region), grid::from(&given.region.start, &piece.region));
        let in_file = At { start: &start, shape: self.source.array() };
        let in_memory = At { start: &there, shape: &given.region.count };
        let mut spans = Spans::to_write();
        hand.runs.clear();
        runs::for_each(&piece.region.count, in_file, in_memory, self.source.element, |to, at, bytes| {
            if let Some(span) = spans.add(address + to, bytes) {
                self.write_span(hand, span, given.data)?;
            }
            hand.runs.push((address + to, at, bytes));
            Ok(())
        })?;
        spans.finish().map_or(Ok(()), |span| self.write_span(hand, span, given.data))
    }

    /// Writes the runs that a thread has at hand, which lie one behind the other in the file.
    fn write_span(&self, hand: &mut Hand, (begin, end): (u64, u64), data: &[u8]) -> Result<()> {
        let Hand { desk: Desk { raw, .. }, aligned, runs, .. } = hand;
        let run = |at: u64, bytes: u64| &data[at as usize..(at + bytes) as usize];
        if let [(_, at, bytes)] = runs[..] {
            self.source.file.write(aligned, run(at, bytes), begin)?;
        } else {
            let span = sized(raw, (end - begin) as usize);
            for &(offset, at, bytes) in runs.iter() {
                span[(offset - begin) as usize..][..bytes as usize].copy_from_slice(run(at, bytes));
            }
            self.source.file.write(aligned, span, begin)?;
        }
        runs.clear();
        Ok(())
    }

    /// Writes a whole chunk in one call, with zeros where it sticks out of the dataset: nobody else has bytes there.
    fn write_array(&self, hand: &mut Hand, address: u64, piece: &Piece, given: &Given<'_>) -> Result<()> {
        let (chunk, element) = (self.source.array(), self.source.element);
        let (start, there) = (grid::from(&piece.origin, &piece.region), grid::from(&given.region.start, &piece.region));
        let bytes = chunk.iter().product::<u64>() as usize * element;
        let raw = sized(&mut hand.desk.raw, bytes);
        if piece.region.count != chunk {
            raw.fill(0);
        }
        let in_memory = At { start: &there, shape: &given.region.count };
        runs::copy(&piece.region.count, (given.data, in_memory), (raw, At { start: &start, shape: chunk }), element);
        self.source.file.write(&mut hand.aligned, raw, address)
    }
}

impl Session for Mover {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        let pieces = self.source.pieces(region);
        let given = Given { region, data };
        self.crew.each(pieces.len() as u64, |hand, nth| self.write_piece(hand, &pieces[nth as usize], &given))
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        let origin = vec![0; region.axes()];
        let at = At { start: &origin, shape: &region.count };
        self.source.read(&self.crew, Target { asked: region, memory: Shared::new(data), at })
    }

    fn helpers(&self) -> &[i32] {
        self.crew.identifiers()
    }

    fn in_force(&mut self) -> Result<Settings> {
        Ok(self.in_force.clone())
    }

    fn sync(&mut self) -> Result<()> {
        self.source.file.sync()
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        let actual = Actual { driver: super::DRIVER.into(), ..Actual::default() };
        Ok(Closed { actual, stored_bytes: self.source.stored_bytes() })
    }
}
