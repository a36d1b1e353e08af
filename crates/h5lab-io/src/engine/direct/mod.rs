//! The method `direct`: HDF5 makes and reads the metadata, and threads of h5lab's own move the values: to and from the
//! dataset's place in the file if it is contiguous or has chunks without filters; else whole chunks, which each thread takes
//! through h5lab's own filters. What is written is an HDF5 file like any other.
//!
//! HDF5 gives space to a dataset when it is made (H5Pset_alloc_time, early), and tells where (H5Dget_offset, H5Dchunk_iter).
//! From then on ranks and threads need no lock and no message: all know which bytes are theirs.
//!
//! A dataset whose values HDF5 alone can find or convert is read by HDF5: the record's `moved-by` says so, and why.

mod ahead;
mod crew;
mod filtered;
mod grid;
mod memory;
mod mover;
mod raw_file;
mod runs;
mod source;

use super::hdf5_file::{Hdf5File, Place};
use super::per_process::Writer;
use super::{Closed, Engine, Opening, Session};
use crate::comm::{Comm, agree, all_gather};
use crate::h5::settings::Settings;
use crate::h5::{Mode, transfer};
use crew::Crew;
use filtered::{ChunkWriter, Filtered};
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::region::Region;
use h5lab_core::tunables::{AllocationTime, Tunables};
use mover::Mover;
use raw_file::{BLOCK, For};
use source::{Reason, Source};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The driver's name in records: the values do not pass through one of HDF5's.
const DRIVER: &str = "direct";

/// Who moved the values, among the settings in force.
const MOVED_BY: &str = "moved-by";

/// Threads at the values' places.
pub(super) struct Direct {
    /// Threads of this rank, unless an experiment says otherwise.
    share: usize,
    crew: OnceLock<Arc<Crew>>,
}

impl Direct {
    /// Collective: ranks share the cores of their node.
    ///
    /// # Errors
    /// `RankLost` if a rank can't come any more.
    pub(super) fn new(comm: &dyn Comm) -> Result<Self> {
        Ok(Direct { share: share_of_cores(comm)?, crew: OnceLock::new() })
    }

    /// The threads: the same ones for all sessions.
    fn crew(&self, tunables: &Tunables) -> Result<Arc<Crew>> {
        if let Some(crew) = self.crew.get() {
            return Ok(crew.clone());
        }
        let made = Arc::new(Crew::new(tunables.threads.map_or(self.share, |n| n as usize))?);
        Ok(self.crew.get_or_init(|| made).clone())
    }
}

/// Cores for each rank of a node: those that it may run on, shared with the ranks that may run on them as well. Collective.
///
/// # Errors
/// `RankLost` if a rank can't come any more.
pub fn share_of_cores(comm: &dyn Comm) -> Result<usize> {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mine = (node, crate::host::machine::allowed_cpus().unwrap_or_default());
    let all = all_gather(comm, &mine)?;
    let shares = |(node, cpus): &&(String, Vec<usize>)| *node == mine.0 && cpus.iter().any(|cpu| mine.1.contains(cpu));
    Ok((mine.1.len() / all.iter().filter(shares).count().max(1)).max(1))
}

impl Engine for Direct {
    fn prepare(&self, opening: &Opening<'_>) {
        // A failure comes again, and is told, when a session is opened.
        let _ = self.crew(&opening.experiment.tunables);
    }

    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        let crew = self.crew(&opening.experiment.tunables)?;
        match opening.experiment.direction {
            Direction::Write if opening.experiment.layout.filters().is_empty() => write_in_place(opening, crew),
            Direction::Write if writes_parts(opening.experiment, opening.comm.mpi().is_some()) => {
                let writer = Writer::open(*opening, DRIVER, |place, dataset, layout| {
                    let writer = ChunkWriter::create(place, dataset, layout)?;
                    filtered(writer, crew, &opening.experiment.tunables)
                })?;
                Ok(Box::new(writer))
            }
            Direction::Write => write_chunks(opening, crew),
            Direction::Read => read(opening, crew),
        }
    }
}

/// What is in force, with what this method adds; ranks that were not told tell nothing.
fn told(found: Settings, crew: &Crew, tunables: &Tunables, moved_by: &str) -> Settings {
    if found.is_empty() {
        return found;
    }
    // Values do not pass through HDF5's chunk cache.
    let mut found: Settings = found.into_iter().filter(|(name, _)| !name.starts_with("chunk-cache")).collect();
    found.insert(MOVED_BY.into(), moved_by.into());
    found.insert("threads".into(), crew.size().to_string());
    found.insert("direct-io".into(), tunables.direct_io.unwrap_or(false).to_string());
    found
}

/// Rank 0 makes the file, with space for all values; then all ranks write to their places.
fn write_in_place<'a>(opening: &Opening<'a>, crew: Arc<Crew>) -> Result<Box<dyn Session + 'a>> {
    let Opening { experiment, path, comm } = *opening;
    let Experiment { dataset, layout, tunables, .. } = experiment;
    let past_cache = tunables.direct_io.unwrap_or(false);
    let make = || {
        let tunables = Tunables {
            allocation_time: Some(AllocationTime::Early),
            // Memory then lies as the file does, and needs no copy.
            alignment: tunables.alignment.or(past_cache.then_some(BLOCK)),
            ..tunables.clone()
        };
        let mut made = Box::new(place(path, &tunables).create(dataset, layout)?);
        let in_force = made.in_force()?;
        made.close().map(|_| in_force)
    };
    let made = if comm.rank() == 0 { make() } else { Ok(Settings::new()) };
    let in_force = told(agree(comm, made, &|_| ())?, &crew, tunables, "h5lab");
    let source = Source::open(dataset, path, (For::Writing, past_cache))?;
    Ok(Box::new(Mover { source, crew, in_force }))
}

/// Whether each rank writes a file of its own: processes can't share one in which HDF5 has to find a place for every chunk.
pub(super) fn writes_parts(experiment: &Experiment, ranks_have_mpi: bool) -> bool {
    let filtered = !experiment.layout.filters().is_empty();
    experiment.direction == Direction::Write && filtered && ranks_have_mpi && experiment.np > 1
}

/// Rank 0 makes the file; the others, if there are any, are threads of the same process, and write to it as well.
fn write_chunks<'a>(opening: &Opening<'a>, crew: Arc<Crew>) -> Result<Box<dyn Session + 'a>> {
    let Opening { experiment, path, comm } = *opening;
    let Experiment { dataset, layout, tunables, .. } = experiment;
    let made = match comm.rank() {
        0 => ChunkWriter::create(&place(path, tunables), dataset, layout).map(Some),
        _ => Ok(None),
    };
    let writer = agree(comm, made, &|_| ())?.map_or_else(|| ChunkWriter::shared(path), Ok);
    // Until all have it, the one who made it keeps it.
    filtered(agree(comm, writer, &|_| ())?, crew, tunables)
}

fn filtered<'a>(writer: Arc<ChunkWriter>, crew: Arc<Crew>, tunables: &Tunables) -> Result<Box<dyn Session + 'a>> {
    let in_force = told(writer.in_force()?, &crew, tunables, "h5lab");
    Ok(Box::new(Filtered { writer, crew, in_force }))
}

/// Each rank looks at the dataset, and reads for itself.
fn read<'a>(opening: &Opening<'a>, crew: Arc<Crew>) -> Result<Box<dyn Session + 'a>> {
    let Opening { experiment, path, .. } = *opening;
    let Experiment { dataset, tunables, .. } = experiment;
    let mut file = Box::new(place(path, tunables).join(dataset, Mode::Read)?);
    let how = (For::Reading, tunables.direct_io.unwrap_or(false));
    match Source::of(file.dataset(), dataset.dtype, path, how)? {
        Ok(source) => {
            let in_force = told(file.in_force()?, &crew, tunables, "h5lab");
            file.close()?;
            Ok(Box::new(Mover { source, crew, in_force }))
        }
        Err(Reason(why)) => {
            let in_force = told(file.in_force()?, &crew, tunables, &format!("HDF5: {why}"));
            Ok(Box::new(ByHdf5 { file, in_force }))
        }
    }
}

fn place<'a>(path: &'a Path, tunables: &'a Tunables) -> Place<'a> {
    Place { path, ranks: None, subfiling: false, transfer: transfer::Mode::Independent, tunables }
}

/// A dataset that HDF5 reads.
struct ByHdf5 {
    file: Box<Hdf5File>,
    in_force: Settings,
}

impl Session for ByHdf5 {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        self.file.write(region, data)
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        if region.is_empty() { Ok(()) } else { self.file.read(region, data) }
    }

    fn in_force(&mut self) -> Result<Settings> {
        Ok(self.in_force.clone())
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync()
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        self.file.close()
    }
}

/// Refuses settings that mean nothing to this method.
///
/// # Errors
/// `Usage`, naming them.
pub(super) fn check(experiment: &Experiment) -> Result<()> {
    let Experiment { layout, tunables, direction, .. } = experiment;
    let refuse = |why: &str, mend: &str| Err(Failure::new(FailureKind::Usage, why).mend(mend));
    if tunables.threads == Some(0) {
        return refuse("direct + threads = 0: nobody would move the data", "count from 1");
    }
    if tunables.chunk_cache_bytes.is_some() || tunables.chunk_cache_slots.is_some() {
        return refuse(
            "direct + chunk-cache: values do not pass through HDF5's chunk cache",
            "leave the chunk cache out for direct",
        );
    }
    let time = tunables.allocation_time.filter(|_| *direction == Direction::Write);
    match (time, layout.filters().is_empty()) {
        (Some(AllocationTime::Late | AllocationTime::Incremental), true) => refuse(
            "direct + allocation-time: space that values are written to must be there before them",
            "use early, or leave it out",
        ),
        (Some(AllocationTime::Early), false) => refuse(
            "direct + filter + allocation-time = early: how much space a chunk takes is known when it is filtered",
            "leave allocation-time out, or use no filter",
        ),
        _ if *direction == Direction::Write && !layout.filters().is_empty() && tunables.direct_io == Some(true) => {
            refuse(
                "direct + filter + direct-io: HDF5 writes chunks that are filtered, through the page cache",
                "leave direct-io out, or use no filter",
            )
        }
        _ => Ok(()),
    }
}
