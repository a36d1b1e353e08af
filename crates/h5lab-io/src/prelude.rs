//! What a small program needs to write and read HDF5 files with its ranks: see the folder `examples`.
//!
//! A file is there for the length of a closure, as h5py's is for the length of a `with` block:
//!
//! ```no_run
//! use h5lab_io::prelude::*;
//!
//! fn main() -> ExitCode {
//!     ranks(4, |comm| {
//!         let dataset = Dataset { name: "test".into(), shape: Shape(vec![4]), dtype: Dtype::U32, data: None, from: None };
//!         let mine = rows_of(&dataset.shape.0, comm);
//!         create(comm, "simple.h5", &dataset, &Layout::Contiguous, |file| file.write(&mine, &[7u32]))
//!     })
//! }
//! ```

pub use crate::comm::{Comm, Solo, all_gather};
pub use h5lab_core::dataset::{Dataset, Dtype, Shape};
pub use h5lab_core::failure::{Failure, Result};
pub use h5lab_core::filter::{Filter, Packing};
pub use h5lab_core::generate::{Data, DataKind};
pub use h5lab_core::layout::Layout;
pub use h5lab_core::method::Method;
pub use h5lab_core::region::Region;
pub use std::process::ExitCode;

use crate::comm::{agree, from_rank_0, mpi, threads};
use crate::engine::{self, Opening, Session};
use crate::h5;
use crate::progress::{Progress, Silent};
use crate::run::{self, Team};
use h5lab_core::access::Access;
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::FailureKind;
use h5lab_core::split::Split;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Runs `body` on every rank, and returns what `main` returns: success, or the exit code of the first failing rank's
/// failure, which is printed.
///
/// In a build with MPI the ranks are those that `mpirun` or `srun` started; in one without they are local `threads`.
pub fn ranks(threads: usize, body: impl Fn(&dyn Comm) -> Result<()> + Sync) -> ExitCode {
    let outcome = if mpi::AVAILABLE { on_mpi(&body) } else { threads::run(threads, |comm| together(comm, body(comm))) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                Silent.last_words(&failure);
            }
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

/// Ranks that may wait for a rank that panicked would wait for ever: a panic ends them all.
fn on_mpi(body: &dyn Fn(&dyn Comm) -> Result<()>) -> Result<()> {
    let world = mpi::World::init()?;
    let comm = world.comm();
    let done = catch_unwind(AssertUnwindSafe(|| together(comm, body(comm))));
    let done = done.unwrap_or_else(|_| mpi::abort(FailureKind::Internal.exit_code()));
    // All ranks fail alike; rank 0 says why.
    done.map_err(|failure| if comm.rank() == 0 { failure } else { Failure { message: String::new(), ..failure } })
}

/// The first failing rank's failure on all ranks. It may have been agreed on before, so nothing is added to it.
fn together(comm: &dyn Comm, mine: Result<()>) -> Result<()> {
    let give_up = || {
        let Err(failure) = &mine else { return FailureKind::RankLost.exit_code() };
        Silent.last_words(failure);
        failure.kind.exit_code()
    };
    if !comm.any(mine.is_err(), &give_up)? {
        return Ok(());
    }
    let heard = all_gather(comm, &mine.err())?;
    Err(heard.into_iter().flatten().next().expect("a rank said that it failed"))
}

/// This rank's block of rows: `[r*n/p, (r+1)*n/p)` along axis 0, everything along the others. May be empty.
pub fn rows_of(shape: &[u64], comm: &dyn Comm) -> Region {
    Split::Axis(0).part(&Region::whole(shape), comm.rank(), comm.size())
}

/// Prints every rank's line, in rank order: ranks that print for themselves print in any order. Collective.
///
/// # Errors
/// `RankLost` if a rank can't come any more.
pub fn print_in_order(comm: &dyn Comm, line: &str) -> Result<()> {
    let lines = all_gather(comm, &line.to_owned())?;
    if comm.rank() == 0 {
        lines.iter().for_each(|line| println!("{line}"));
    }
    Ok(())
}

/// A dataset in a file that is open on this rank.
pub struct File<'a> {
    dataset: &'a Dataset,
    session: &'a mut dyn Session,
}

/// The element types of a [`Dtype`].
pub trait Number: bytemuck::Pod {
    /// The type's name.
    const DTYPE: Dtype;
}

macro_rules! numbers {
    ($($t:ty: $dtype:ident),*) => {$(impl Number for $t { const DTYPE: Dtype = Dtype::$dtype; })*};
}
numbers!(u8: U8, u16: U16, u32: U32, i16: I16, i32: I32, f32: F32, f64: F64);

impl File<'_> {
    /// The dataset: its name, shape, element type, and the rule that made its values if h5lab knows it.
    pub fn dataset(&self) -> &Dataset {
        self.dataset
    }

    /// Writes a region's elements, in C order.
    ///
    /// # Errors
    /// `Usage` if the type or the number of elements is not the region's; else what HDF5 says.
    pub fn write<T: Number>(&mut self, region: &Region, data: &[T]) -> Result<()> {
        self.check(region, data)?;
        if region.is_empty() { Ok(()) } else { self.session.write(region, bytemuck::cast_slice(data)) }
    }

    /// Reads a region's elements, in C order, into memory of this rank's own.
    ///
    /// # Errors
    /// As [`File::write`].
    pub fn read<T: Number>(&mut self, region: &Region) -> Result<Vec<T>> {
        let mut data = vec![T::zeroed(); region.elements() as usize];
        self.read_into(region, &mut data)?;
        Ok(data)
    }

    /// Reads a region's elements, in C order, into memory that is there.
    ///
    /// # Errors
    /// As [`File::write`].
    pub fn read_into<T: Number>(&mut self, region: &Region, data: &mut [T]) -> Result<()> {
        self.check(region, data)?;
        if region.is_empty() { Ok(()) } else { self.session.read(region, bytemuck::cast_slice_mut(data)) }
    }

    /// Whether these are the values that the dataset's rule makes for a region; `None` if it has no rule.
    ///
    /// # Errors
    /// As [`File::write`].
    pub fn verify<T: Number>(&self, region: &Region, data: &[T]) -> Result<Option<bool>> {
        self.check(region, data)?;
        let Dataset { shape, dtype, data: rule, .. } = self.dataset;
        Ok(rule.map(|rule| rule.verify(&shape.0, *dtype, region, bytemuck::cast_slice(data)).is_ok()))
    }

    fn check<T: Number>(&self, region: &Region, data: &[T]) -> Result<()> {
        let Dataset { name, shape, dtype, .. } = self.dataset;
        let why = if T::DTYPE != *dtype {
            format!("dataset '{name}' holds {dtype}, not {}", T::DTYPE)
        } else if !region.fits(&shape.0) {
            format!(
                "start {:?}, count {:?} is outside of dataset '{name}' of shape {shape}",
                region.start, region.count
            )
        } else if data.len() as u64 != region.elements() {
            format!("{} elements for a region of {}", data.len(), region.elements())
        } else {
            return Ok(());
        };
        Err(Failure::new(FailureKind::Usage, why))
    }
}

/// Makes a file with one dataset, and lets `body` write to it. Collective; the file is there when all ranks are done.
///
/// # Errors
/// The first failing rank's failure, on all ranks: `Refused` if `path` is a file that h5lab did not make.
pub fn create<T>(
    comm: &dyn Comm,
    path: impl AsRef<Path>,
    dataset: &Dataset,
    layout: &Layout,
    body: impl FnOnce(&mut File<'_>) -> Result<T>,
) -> Result<T> {
    create_by(Method::Independent, comm, path, dataset, layout, body)
}

/// As [`create`], by another method: [`Method::Direct`] writes past HDF5, and filters with all cores.
///
/// # Errors
/// As [`create`]; `Usage` or `Environment` if the method can't do it with this layout, or with these ranks.
pub fn create_by<T>(
    method: Method,
    comm: &dyn Comm,
    path: impl AsRef<Path>,
    dataset: &Dataset,
    layout: &Layout,
    body: impl FnOnce(&mut File<'_>) -> Result<T>,
) -> Result<T> {
    let path = path.as_ref();
    let experiment = experiment(Direction::Write, dataset, layout, (comm, method));
    experiment.check()?;
    engine::supports(&experiment, comm.mpi().is_some())?;
    from_rank_0(comm, || run::claim_target(path, false))?;
    let team = Team { comm, progress: &Silent, fault: None };
    run::replace(&experiment, path, team, |target, last_words| while_open(comm, target, &experiment, body, last_words))
}

/// Opens a file that has one dataset, and lets `body` read it. Collective.
///
/// What was read is memory, and stays when the file is closed:
///
/// ```no_run
/// # use h5lab_io::prelude::*;
/// # fn main() -> Result<()> {
/// # let corner = Region::new(vec![0, 0], vec![1, 1]);
/// let mut kept: Option<Vec<f32>> = None;
/// open(&Solo, "test.h5", |file| {
///     kept = Some(file.read(&corner)?);
///     Ok(())
/// })?;
/// println!("{}", kept.unwrap()[0]); // the process view
/// # Ok(())
/// # }
/// ```
///
/// The dataset in the file does not. Where h5py raises an exception when a closed dataset is looked at, this does not
/// compile: "borrowed data escapes outside of closure".
///
/// ```compile_fail,E0521
/// # use h5lab_io::prelude::*;
/// # fn main() -> Result<()> {
/// # let corner = Region::new(vec![0, 0], vec![1, 1]);
/// let mut kept = None;
/// open(&Solo, "test.h5", |file| {
///     kept = Some(file);
///     Ok(())
/// })?;
/// println!("{}", kept.unwrap().read::<f32>(&corner)?[0]); // the global view, of a file that is closed
/// # Ok(())
/// # }
/// ```
///
/// Nor may it be returned, or outlive the closure in any other way:
///
/// ```compile_fail
/// # use h5lab_io::prelude::*;
/// let file = open(&Solo, "test.h5", |file| Ok(file));
/// ```
///
/// # Errors
/// The first failing rank's failure, on all ranks: `Input` if it is not a file that can be read.
pub fn open<T>(comm: &dyn Comm, path: impl AsRef<Path>, body: impl FnOnce(&mut File<'_>) -> Result<T>) -> Result<T> {
    open_by(Method::Independent, comm, path, None, body)
}

/// As [`open`], by another method: [`Method::Direct`] reads past HDF5, and decodes with all cores. `dataset` is its path in
/// the file; needed if there are several.
///
/// # Errors
/// As [`open`]; `Usage` or `Environment` if the method can't do it with these ranks.
pub fn open_by<T>(
    method: Method,
    comm: &dyn Comm,
    path: impl AsRef<Path>,
    dataset: Option<&str>,
    body: impl FnOnce(&mut File<'_>) -> Result<T>,
) -> Result<T> {
    let path = path.as_ref();
    let (dataset, layout) = from_rank_0(comm, || h5::dataset::describe(&h5::open_existing(path)?, dataset, path))?;
    let experiment = experiment(Direction::Read, &dataset, &layout, (comm, method));
    engine::supports(&experiment, comm.mpi().is_some())?;
    while_open(comm, path, &experiment, body, &|failure| Silent.last_words(failure))
}

fn while_open<T>(
    comm: &dyn Comm,
    path: &Path,
    experiment: &Experiment,
    body: impl FnOnce(&mut File<'_>) -> Result<T>,
    last_words: &dyn Fn(&Failure),
) -> Result<T> {
    let engine = engine::engine(experiment.method, comm)?;
    let mut session = agree(comm, engine.open(&Opening { experiment, path, comm }), last_words)?;
    let done = body(&mut File { dataset: &experiment.dataset, session: session.as_mut() });
    let value = agree(comm, done, last_words)?;
    agree(comm, session.close(), last_words)?;
    Ok(value)
}

fn experiment(
    direction: Direction,
    dataset: &Dataset,
    layout: &Layout,
    (comm, method): (&dyn Comm, Method),
) -> Experiment {
    Experiment {
        direction,
        dataset: dataset.clone(),
        layout: layout.clone(),
        access: Access::Rows,
        split: Split::Axis(0),
        method,
        np: comm.size(),
        cache: CacheWanted::AsFound,
        fsync: false,
        repeat: 1,
        buffer: u64::MAX,
        tunables: Default::default(),
    }
}
