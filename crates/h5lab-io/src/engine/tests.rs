//! The HDF5 engines under threads: every element type, one axis to five, ragged chunks, filters, ranks without data.

use super::*;
use crate::buffer::Buffer;
use crate::comm::{Solo, agree, threads};
use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::experiment::{CacheWanted, Direction};
use h5lab_core::failure::{Failure, FailureKind};
use h5lab_core::filter::Filter;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::layout::Layout;
use h5lab_core::plan::Plan;
use h5lab_core::split::Split;
use h5lab_core::tunables::{AllocationTime, FillTime, MpiIo, Tunables};
use std::path::PathBuf;

/// Chunks that divide no axis; the last shape leaves ranks without data.
const SHAPES: &[(&[u64], &[u64])] = &[
    (&[11], &[4]),
    (&[5, 9], &[2, 4]),
    (&[4, 6, 5], &[1, 4, 3]),
    (&[7, 2, 5, 4], &[3, 2, 2, 3]),
    (&[2, 3, 1, 3, 5], &[1, 2, 1, 2, 4]),
];

const METHODS: [Method; 3] = [Method::Independent, Method::Gather, Method::PerProcess];

fn experiment(method: Method, shape: &[u64], layout: Layout, np: usize) -> Experiment {
    let data = Data { kind: DataKind::Ramp, seed: 3, stamp_ranks: None };
    let dtype = Dtype::ALL[(shape.len() + np) % Dtype::ALL.len()];
    Experiment {
        direction: Direction::Write,
        dataset: Dataset {
            name: "entry/data".into(),
            shape: Shape(shape.to_vec()),
            dtype,
            data: Some(data),
            from: None,
        },
        layout,
        access: Access::Rows,
        split: Split::Axis(0),
        method,
        np,
        cache: CacheWanted::AsFound,
        fsync: false,
        repeat: 1,
        buffer: 7 * dtype.size() as u64,
        tunables: Tunables::default(),
    }
}

fn layouts(chunk: &[u64]) -> Vec<Layout> {
    let chunked = |filters: &[Filter]| Layout::Chunked { chunk: chunk.to_vec(), filters: filters.to_vec() };
    vec![Layout::Contiguous, chunked(&[]), chunked(&[Filter::Shuffle, Filter::Gzip(1)])]
}

/// Does all that an experiment asks for, as the runner does, without its clocks.
fn perform(experiment: &Experiment, path: &Path, comm: &dyn Comm) -> Result<(Closed, Settings)> {
    let engine = engine(experiment.method, comm)?;
    let opening = Opening { experiment, path, comm };
    engine.prepare(&opening);
    let mut session = agree(comm, engine.open(&opening), &|_| ())?;
    let (plan, dataset) = (Plan::new(experiment), &experiment.dataset);
    let mut steps = plan.steps(comm.rank());
    let nothing = Region::empty(dataset.shape.0.len());
    for _ in 0..plan.rounds() {
        let step = steps.next();
        let region = step.as_ref().unwrap_or(&nothing);
        let size = region.elements() as usize * dataset.dtype.size();
        let mut buffer = Buffer::touched(size);
        let bytes = buffer.bytes_mut(size);
        let done = match (step.is_some() || engine.collective(), experiment.direction) {
            (false, _) => Ok(()),
            (true, Direction::Write) => {
                dataset.data.unwrap().fill(&dataset.shape.0, dataset.dtype, region, bytes);
                session.write(region, bytes)
            }
            (true, Direction::Read) => session.before_read(region).and_then(|()| session.read(region, bytes)),
        };
        agree(comm, done, &|_| ())?;
        if experiment.direction == Direction::Read {
            assert_eq!(dataset.data.unwrap().verify(&dataset.shape.0, dataset.dtype, region, bytes), Ok(()));
        }
    }
    let in_force = agree(comm, session.in_force(), &|_| ())?;
    agree(comm, session.sync(), &|_| ())?;
    let closed = agree(comm, session.close(), &|_| ())?;
    Ok((closed, in_force))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(".").unwrap()
}

/// Each method writes and reads each layout of each shape with 1 to 4 ranks; returns how many files there were.
fn all_cases(mut each: impl FnMut(&Experiment, &Path)) -> usize {
    let folder = folder();
    let mut cases = 0;
    for method in METHODS.into_iter().chain([Method::Direct]) {
        for (shape, chunk) in SHAPES {
            for layout in layouts(chunk) {
                for np in 1..=4 {
                    let path = folder.path().join(format!("{cases}.h5"));
                    each(&experiment(method, shape, layout.clone(), np), &path);
                    cases += 1;
                }
            }
        }
    }
    cases
}

fn reading(write: &Experiment, access: Access, method: Method, np: usize) -> Experiment {
    Experiment { direction: Direction::Read, access, method, np, ..write.clone() }
}

#[test]
fn what_a_method_writes_every_access_reads() {
    let cases = all_cases(|write, path| {
        let closed = threads::run(write.np, |comm| perform(write, path, comm)).unwrap().0;
        let stored = closed.stored_bytes.expect("HDF5 tells the storage size");
        if write.layout == Layout::Contiguous {
            assert_eq!(stored, write.dataset.bytes(), "{write:?}");
        }
        let accesses = [Access::Full, Access::PROJECTION, Access::Sinogram { limit: None }];
        for access in accesses.into_iter().filter(|access| access.fits(&write.dataset.shape.0)) {
            let read = reading(write, access, write.method, write.np);
            let (closed, _) = threads::run(write.np, |comm| perform(&read, path, comm)).unwrap();
            assert_eq!(closed.stored_bytes, Some(stored), "{read:?}");
        }
    });
    assert_eq!(cases, (METHODS.len() + 1) * SHAPES.len() * 3 * 4);
}

#[test]
fn any_group_and_any_method_reads_what_another_wrote() {
    let folder = folder();
    let path = folder.path().join("a.h5");
    let write = experiment(Method::PerProcess, &[7, 10], layouts(&[3, 4])[2].clone(), 4);
    threads::run(4, |comm| perform(&write, &path, comm)).unwrap();
    for method in METHODS {
        for np in 1..=5 {
            let read = reading(&write, Access::PROJECTION, method, np);
            threads::run(np, |comm| perform(&read, &path, comm)).unwrap();
        }
    }
}

#[test]
fn parts_follow_the_split_and_may_be_moved_together() {
    let folder = folder();
    for split in [Split::Axis(1), Split::Axis(2), Split::Blocks] {
        let mut write = experiment(Method::PerProcess, &[5, 6, 7], layouts(&[5, 6, 7])[1].clone(), 3);
        (write.split, write.access) = (split, Access::Full);
        let (before, after) = (folder.path().join(format!("{split}-a")), folder.path().join(format!("{split}-b")));
        std::fs::create_dir(&before).unwrap();
        // A name in which HDF5 could see a pattern.
        let name = "50%b.h5";
        threads::run(3, |comm| perform(&write, &before.join(name), comm)).unwrap();
        std::fs::rename(&before, &after).unwrap();
        let read = reading(&write, Access::Rows, Method::PerProcess, 1);
        perform(&read, &after.join(name), &Solo).unwrap();
        let mut there: Vec<PathBuf> = std::fs::read_dir(&after).unwrap().map(|f| f.unwrap().path()).collect();
        let mut known = files_of(Method::PerProcess, &after.join(name), 3);
        assert_eq!(files_behind(&after.join(name), "entry/data").unwrap(), known[..3]);
        there.sort();
        known.sort();
        assert_eq!(there, known);
    }
}

#[test]
fn a_dataset_that_lacks_a_part_is_not_read_as_zeros() {
    let folder = folder();
    let path = folder.path().join("a.h5");
    let write = experiment(Method::PerProcess, &[8, 3], Layout::Contiguous, 2);
    threads::run(2, |comm| perform(&write, &path, comm)).unwrap();
    let part = &files_of(Method::PerProcess, &path, 2)[1];
    std::fs::remove_file(part).unwrap();
    let read = reading(&write, Access::Rows, Method::PerProcess, 2);
    let failure = threads::run(2, |comm| perform(&read, &path, comm)).unwrap_err();
    assert_eq!((failure.kind, failure.path.as_ref()), (FailureKind::Input, Some(part)), "{failure}");
}

#[test]
fn when_rank_0_can_t_write_every_rank_hears_why() {
    let folder = folder();
    let path = folder.path().join("a.h5");
    let write = experiment(Method::Gather, &[8], Layout::Contiguous, 3);
    threads::run(3, |comm| {
        let engine = engine(Method::Gather, comm)?;
        let mut session = engine.open(&Opening { experiment: &write, path: &path, comm })?;
        let outside = Region::new(vec![9], vec![1]);
        let size = write.dataset.dtype.size();
        let failure = agree(comm, session.write(&outside, &vec![0; size]), &|_| ()).unwrap_err();
        assert_eq!((failure.rank, failure.kind), (Some(0), FailureKind::Storage), "{failure}");
        let failure = agree(comm, session.read(&outside, &mut vec![0; size]), &|_| ()).unwrap_err();
        assert_eq!((failure.rank, failure.kind), (Some(0), FailureKind::Storage), "{failure}");
        session.close().map(|_| ())
    })
    .unwrap();
}

#[test]
fn a_rank_that_does_not_come_to_a_gather_is_missed_at_once() {
    for missing in [0, 1, 2] {
        let failure = threads::run(3, |comm| {
            let mine = match comm.rank() == missing {
                true => Err(Failure::new(FailureKind::Storage, "no")),
                false => comm.collect(&[1, 2, 3], &mut |_, _| Ok(())),
            };
            agree(comm, mine, &|_| ())
        });
        let failure = failure.unwrap_err();
        assert_eq!((failure.kind, failure.rank), (FailureKind::Storage, Some(missing)));
    }
}

#[test]
fn the_tunables_are_in_force() {
    let folder = folder();
    for method in METHODS {
        let path = folder.path().join(format!("{method}.h5"));
        let mut write = experiment(method, &[40, 50], layouts(&[8, 50])[2].clone(), 2);
        write.tunables = Tunables {
            alignment: Some(4096),
            chunk_cache_bytes: Some(3 << 20),
            chunk_cache_slots: Some(101),
            allocation_time: Some(AllocationTime::Incremental),
            fill_time: Some(FillTime::IfSet),
            ..Tunables::default()
        };
        let (_, written) = threads::run(2, |comm| perform(&write, &path, comm)).unwrap();
        let read = reading(&write, Access::Rows, method, 2);
        let (_, read) = threads::run(2, |comm| perform(&read, &path, comm)).unwrap();
        for found in [written, read] {
            for (name, value) in [
                ("alignment", "4096"),
                ("alignment-threshold", "4096"),
                ("chunk-cache-bytes", "3145728"),
                ("chunk-cache-slots", "101"),
                ("allocation-time", "incremental"),
                ("fill-time", "if-set"),
            ] {
                assert_eq!(found.get(name).map(String::as_str), Some(value), "{method}: {name}");
            }
            assert!(found.contains_key("file-locking"), "{method}: {found:?}");
        }
    }
}

#[test]
fn what_is_left_to_the_library_is_recorded_too() {
    let folder = folder();
    for method in METHODS {
        let path = folder.path().join(format!("{method}.h5"));
        let write = experiment(method, &[4, 5], layouts(&[2, 5])[1].clone(), 2);
        let (_, found) = threads::run(2, |comm| perform(&write, &path, comm)).unwrap();
        assert_eq!(found["fill-time"], "never");
        assert!(found["chunk-cache-bytes"].parse::<u64>().unwrap() >= 1 << 20);
        assert!(found["chunk-cache-slots"].parse::<u64>().unwrap() >= 521);
        assert_eq!(found["alignment"], "1");
    }
}

/// An experiment, whether its ranks have MPI, and a word of the reason.
type Refusal = (Experiment, bool, FailureKind, &'static str);

fn refusals() -> Vec<Refusal> {
    let (chunked, filtered) = (layouts(&[2, 3])[1].clone(), layouts(&[2, 3])[2].clone());
    let plain = |method| experiment(method, &[6, 8], chunked.clone(), 2);
    let tuned = |method, tunables| Experiment { tunables, ..plain(method) };
    let hints = |name: &str| Tunables { hints: [(name.to_owned(), "1".to_owned())].into(), ..Tunables::default() };
    let metadata = Tunables { collective_metadata: Some(false), ..Tunables::default() };
    let late = Tunables { allocation_time: Some(AllocationTime::Late), ..Tunables::default() };
    let cache = Tunables { chunk_cache_bytes: Some(1 << 20), ..Tunables::default() };
    let mut across = plain(Method::PerProcess);
    across.split = Split::Axis(1);
    across.access = Access::PROJECTION;
    let subfiles = Tunables { subfiles: Some(2), ..Tunables::default() };
    let mut no_chunks = tuned(Method::Gather, cache);
    no_chunks.layout = Layout::Contiguous;
    vec![
        (plain(Method::Collective), false, FailureKind::Environment, "MPI"),
        (experiment(Method::Independent, &[6, 8], filtered, 2), true, FailureKind::Usage, "filter"),
        (plain(Method::Subfiling), false, FailureKind::Environment, "MPI"),
        (tuned(Method::Independent, subfiles), true, FailureKind::Usage, "subfiles"),
        (across, false, FailureKind::Usage, "projection"),
        (no_chunks, false, FailureKind::Usage, "chunk-cache-bytes"),
        (tuned(Method::Posix, late.clone()), true, FailureKind::Usage, "allocation-time"),
        (tuned(Method::Independent, late), true, FailureKind::Usage, "late"),
        (tuned(Method::Gather, hints("cb_nodes")), true, FailureKind::Usage, "hints"),
        (tuned(Method::Independent, hints("cb_nodes")), false, FailureKind::Usage, "hints"),
        (tuned(Method::Independent, hints("")), true, FailureKind::Usage, "hint"),
        (tuned(Method::PerProcess, metadata), true, FailureKind::Usage, "collective-metadata"),
        (
            tuned(Method::Gather, Tunables { mpi_io: Some(MpiIo::Romio), ..Tunables::default() }),
            true,
            FailureKind::Usage,
            "mpi-io",
        ),
        (
            tuned(Method::Gather, Tunables { alignment: Some(0), ..Tunables::default() }),
            true,
            FailureKind::Usage,
            "alignment",
        ),
    ]
}

#[test]
fn what_can_t_be_done_is_refused_with_the_reason() {
    for (experiment, mpi, kind, word) in refusals() {
        let refused = supports(&experiment, mpi).expect_err(word);
        assert_eq!(refused.kind, kind, "{refused}");
        assert!(refused.message.contains(word) && refused.mend.is_some(), "{word}: {refused}");
    }
}

/// What is refused where HDF5 has subfiling, and the one reason where it has not.
#[test]
fn subfiling_wants_its_driver_and_independent_writes() {
    let filtered = layouts(&[2, 3])[2].clone();
    let tuned = |tunables| Experiment { tunables, ..experiment(Method::Subfiling, &[6, 8], Layout::Contiguous, 2) };
    let hints = Tunables { hints: [("cb_nodes".to_owned(), "1".to_owned())].into(), ..Tunables::default() };
    let cases = [
        (experiment(Method::Subfiling, &[6, 8], filtered, 2), "filter"),
        (tuned(Tunables { subfiles: Some(0), ..Tunables::default() }), "subfiles"),
        (tuned(Tunables { allocation_time: Some(AllocationTime::Late), ..Tunables::default() }), "late"),
        (tuned(hints), "hints"),
    ];
    for (experiment, word) in cases {
        let refused = supports(&experiment, true).expect_err(word);
        let word = if crate::h5::subfiling::available() { word } else { "scripts/build-hdf5" };
        assert!(refused.message.contains(word) && refused.mend.is_some(), "{word}: {refused}");
    }
    let plain = supports(&tuned(Tunables { subfiles: Some(2), ..Tunables::default() }), true);
    assert_eq!(plain.is_ok(), crate::h5::subfiling::available(), "{plain:?}");
}

#[test]
fn what_can_be_done_is_not_refused() {
    let mut cases = 0;
    all_cases(|experiment, _| {
        supports(experiment, false).unwrap();
        cases += 1;
    });
    assert!(cases > 0);
    let across = experiment(Method::PerProcess, &[6, 8], Layout::Contiguous, 2);
    for access in [Access::PROJECTION, Access::Full] {
        supports(&Experiment { access, ..across.clone() }, true).unwrap();
    }
    supports(&reading(&across, Access::Sinogram { limit: Some(2) }, Method::PerProcess, 2), true).unwrap();
}
