//! What can be measured at all: said before any file is opened.

use super::{direct, per_process, shared, subfiling};
use crate::comm::{self, check_hints};
use crate::h5;
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::tunables::{AllocationTime, Tunables};

/// Refuses an experiment that its method, or these ranks, can't carry out as asked: nothing is ignored.
///
/// # Errors
/// `Environment` if MPI is missing; `Usage` if two settings exclude each other, or one means nothing to the method.
pub fn supports(experiment: &Experiment, ranks_have_mpi: bool) -> Result<()> {
    let method = experiment.method;
    method_has_what_it_needs(method, ranks_have_mpi)?;
    let writes_filtered = experiment.direction == Direction::Write && !experiment.layout.filters().is_empty();
    let independent = matches!(method, Method::Independent | Method::Subfiling);
    if independent && writes_filtered && ranks_have_mpi && experiment.np > 1 {
        let why = format!("{method} + filter: HDF5 cannot write filtered chunks from several ranks independently");
        return Err(usage(why).mend("use the method collective, or no filter"));
    }
    if method == Method::PerProcess || (method == Method::Direct && direct::writes_parts(experiment, ranks_have_mpi)) {
        per_process::check(experiment)?;
    }
    tunables_mean_something(experiment)?;
    if method == Method::Subfiling {
        allocates_when_asked(experiment)?;
    }
    if method == Method::Direct {
        direct::check(experiment)?;
    }
    let one_file = matches!(method, Method::Independent | Method::Collective);
    match ranks_have_mpi && one_file && !shared::passes_mpi_io_by(experiment) {
        true => check_hints(&experiment.tunables.hints).and_then(|()| allocates_when_asked(experiment)),
        false => mpi_io_not_asked(method, &experiment.tunables),
    }
}

/// Refuses a method that needs MPI for ranks that have none, and subfiling without its driver.
pub(super) fn method_has_what_it_needs(method: Method, ranks_have_mpi: bool) -> Result<()> {
    let no_mpi = if comm::mpi::AVAILABLE { "these ranks have no MPI" } else { "MPI is not in this build" };
    let refuse = |why: String, mend: &str| Err(Failure::new(FailureKind::Environment, why).mend(mend));
    match method {
        Method::Collective if !ranks_have_mpi => refuse(
            format!("collective transfers need MPI, but {no_mpi}"),
            "leave out --collective, or build with the default features",
        ),
        Method::Subfiling if !ranks_have_mpi => refuse(
            format!("subfiling needs MPI, but {no_mpi}"),
            "leave out subfiling, or build with the default features",
        ),
        Method::Subfiling => subfiling::check(),
        _ => Ok(()),
    }
}

fn usage(why: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Usage, why)
}

/// Names that are set, as plans write them.
fn names(tunables: &Tunables) -> Vec<&'static str> {
    let Tunables { alignment, chunk_cache_bytes, chunk_cache_slots, collective_metadata, .. } = tunables;
    let set = [
        ("alignment", alignment.is_some()),
        ("chunk-cache-bytes", chunk_cache_bytes.is_some()),
        ("chunk-cache-slots", chunk_cache_slots.is_some()),
        ("collective-metadata", collective_metadata.is_some()),
        ("allocation-time", tunables.allocation_time.is_some()),
        ("fill-time", tunables.fill_time.is_some()),
        ("mpi-io", tunables.mpi_io.is_some()),
        ("subfiles", tunables.subfiles.is_some()),
        ("subfile-stripe", tunables.subfile_stripe.is_some()),
        ("threads", tunables.threads.is_some()),
        ("direct-io", tunables.direct_io.is_some()),
        ("hints", !tunables.hints.is_empty()),
    ];
    set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
}

/// Settings that mean nothing to the method or the layout.
fn tunables_mean_something(experiment: &Experiment) -> Result<()> {
    let Experiment { method, layout, tunables, .. } = experiment;
    if let (false, Some(name)) = (method.is_hdf5(), names(tunables).first()) {
        return Err(usage(format!("{method} + {name}: this is a setting of HDF5, which {method} does not use"))
            .mend(format!("leave {name} out for {method}")));
    }
    let subfiles = names(tunables).into_iter().find(|name| name.starts_with("subfile"));
    if let (true, Some(name)) = (*method != Method::Subfiling, subfiles) {
        return Err(usage(format!("{method} + {name}: only subfiling has subfiles"))
            .mend(format!("leave {name} out for {method}")));
    }
    let of_direct = names(tunables).into_iter().find(|name| ["threads", "direct-io"].contains(name));
    if let (true, Some(name)) = (*method != Method::Direct, of_direct) {
        return Err(usage(format!("{method} + {name}: only direct moves data with threads of its own"))
            .mend(format!("leave {name} out for {method}")));
    }
    if tunables.subfiles == Some(0) || tunables.subfile_stripe == Some(0) {
        return Err(usage("subfiles or subfile-stripe = 0: values have to go somewhere").mend("count from 1"));
    }
    if tunables.alignment == Some(0) {
        return Err(usage("alignment = 0: objects can't begin at multiples of nothing").mend("1 means unaligned"));
    }
    let cache = names(tunables).into_iter().find(|name| name.starts_with("chunk-cache"));
    if let (Layout::Contiguous, Some(name)) = (layout, cache) {
        return Err(usage(format!("contiguous + {name}: only chunked datasets have a chunk cache"))
            .mend(format!("leave {name} out, or choose a chunk")));
    }
    if (layout, tunables.allocation_time) == (&Layout::Contiguous, Some(AllocationTime::Incremental)) {
        return Err(usage("contiguous + allocation-time = incremental: a contiguous dataset is one piece")
            .mend("use early or late, or choose a chunk"));
    }
    Ok(())
}

/// Settings of the MPI-IO driver, for methods that do not use it.
fn mpi_io_not_asked(method: Method, tunables: &Tunables) -> Result<()> {
    let of_mpi_io = |name: &&str| ["collective-metadata", "mpi-io", "hints"].contains(name);
    match names(tunables).into_iter().find(of_mpi_io) {
        None => Ok(()),
        Some(name) => Err(usage(format!("{method} + {name}: these ranks do not use MPI-IO"))
            .mend(format!("leave {name} out, or use independent or collective with MPI ranks"))),
    }
}

/// Refuses to allocate later than drivers for MPI do.
fn allocates_when_asked(experiment: &Experiment) -> Result<()> {
    let later = experiment.tunables.allocation_time.filter(|&time| time != AllocationTime::Early);
    match later.filter(|_| experiment.direction == Direction::Write) {
        Some(time) if !allocates_later(experiment) => {
            let why = format!("{} + allocation-time = {}: parallel HDF5", experiment.method, time.name());
            let why = format!("{why} allocates when the dataset is made (before 1.14, and where there is no filter)");
            Err(usage(why).mend("use early, or leave it out"))
        }
        _ => Ok(()),
    }
}

/// From 1.13.1 on, filtered datasets are left alone (H5Dint.c, "dataset is going into a parallel file").
fn allocates_later(experiment: &Experiment) -> bool {
    !experiment.layout.filters().is_empty() && h5::library_version() >= (1, 14, 0)
}
