//! The method `gather`: every rank's data goes to rank 0, which writes it alone with the sec2 driver; reads go the other
//! way round. The naive baseline: no MPI-IO, one writer, and rank 0's memory holds one other rank's buffer at a time.

use super::hdf5_file::{Hdf5File, Place};
use super::{Closed, Engine, Opening, Session};
use crate::comm::{Comm, agree};
use crate::h5::{Mode, settings::Settings, transfer};
use h5lab_core::experiment::Direction;
use h5lab_core::failure::Result;
use h5lab_core::plan::Plan;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;

/// One file, which rank 0 alone opens.
pub(super) struct Gather;

struct GatherSession<'a> {
    /// On rank 0.
    file: Option<Box<Hdf5File>>,
    comm: &'a dyn Comm,
}

impl Engine for Gather {
    fn prepare(&self, opening: &Opening<'_>) {
        let plan = Plan::new(opening.experiment);
        if opening.comm.rank() == 0 {
            let largest = (1..opening.comm.size()).map(|rank| plan.largest_step(rank)).max();
            opening.comm.reserve(largest.unwrap_or(0) as usize);
        }
    }

    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        let Opening { experiment, path, comm } = *opening;
        let dataset = &experiment.dataset;
        let transfer = transfer::Mode::Independent;
        let place = Place { path, ranks: None, subfiling: false, transfer, tunables: &experiment.tunables };
        let opened = match experiment.direction {
            _ if comm.rank() != 0 => Ok(None),
            Direction::Write => place.create(dataset, &experiment.layout).map(Some),
            Direction::Read => place.join(dataset, Mode::Read).map(Some),
        };
        let file = agree(comm, opened, &|_| ())?.map(Box::new);
        Ok(Box::new(GatherSession { file, comm }))
    }

    fn collective(&self) -> bool {
        true
    }
}

impl GatherSession<'_> {
    /// Rank 0 hears every rank's region.
    fn regions(&mut self, mine: &Region) -> Result<Vec<Region>> {
        let mut regions = Vec::new();
        self.comm.collect(&encode(mine), &mut |_, bytes| {
            regions.push(decode(bytes));
            Ok(())
        })?;
        Ok(regions)
    }
}

impl Session for GatherSession<'_> {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        let regions = self.regions(region)?;
        let (comm, file) = (self.comm, &mut self.file);
        comm.collect(data, &mut |rank, bytes| match file {
            Some(file) if !regions[rank].is_empty() => file.write(&regions[rank], bytes),
            _ => Ok(()),
        })
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        let regions = self.regions(region)?;
        let (comm, file) = (self.comm, &mut self.file);
        comm.deal(data, &mut |rank, bytes| match file {
            Some(file) if !regions[rank].is_empty() => file.read(&regions[rank], bytes),
            _ => Ok(()),
        })
    }

    fn in_force(&mut self) -> Result<Settings> {
        self.file.as_mut().map_or_else(|| Ok(Settings::new()), |file| file.in_force())
    }

    fn sync(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.sync())
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        match self.file {
            Some(file) => file.close(),
            None => {
                let actual = Actual { driver: "sec2".into(), ..Actual::default() };
                Ok(Closed { actual, stored_bytes: None })
            }
        }
    }
}

/// Start and count of a region, as little-endian 64-bit numbers.
fn encode(region: &Region) -> Vec<u8> {
    region.start.iter().chain(&region.count).flat_map(|n| n.to_le_bytes()).collect()
}

fn decode(bytes: &[u8]) -> Region {
    let numbers: Vec<u64> = bytes.chunks_exact(8).map(|n| u64::from_le_bytes(n.try_into().expect("8 bytes"))).collect();
    let (start, count) = numbers.split_at(numbers.len() / 2);
    Region::new(start.to_vec(), count.to_vec())
}
