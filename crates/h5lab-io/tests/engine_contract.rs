//! What every engine promises, checked with threads and with MPI ranks, for every element type and number of axes.
//!
//! The MPI half starts this very test under mpirun: each rank is one process of it.

use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::{FailureKind, Result};
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::Verification;
use h5lab_core::region::{Region, block};
use h5lab_core::split::Split;
use h5lab_io::buffer::Buffer;
use h5lab_io::comm::{Comm, Solo, all_gather, threads};
use h5lab_io::engine::{self, Opening, Session};
use h5lab_io::h5::subfiling;
use h5lab_io::progress::Silent;
use h5lab_io::run::{self, Options, Team};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// Rows that no rank count divides, fewer rows than ranks, a single element; one axis to five.
const SHAPES: &[&[u64]] = &[&[1], &[11], &[5, 9], &[3, 6, 5], &[7, 2, 5, 4], &[2, 3, 1, 3, 5]];

/// A dataset that one method writes and reads.
#[derive(Clone, Copy, Debug)]
struct Case {
    method: Method,
    dtype: Dtype,
    shape: &'static [u64],
}

/// Each method with every element type in two shapes, and with every shape.
fn cases(methods: &[Method]) -> Vec<Case> {
    let pairs = Dtype::ALL.into_iter().enumerate().flat_map(|(k, dtype)| [k, k + 3].map(|k| (dtype, k)));
    let pairs: Vec<_> = pairs.map(|(dtype, k)| (dtype, SHAPES[k % SHAPES.len()])).collect();
    let of_method = |&method: &Method| pairs.iter().map(move |&(dtype, shape)| Case { method, dtype, shape });
    methods.iter().flat_map(of_method).collect()
}

impl Case {
    /// The file that a group of `writers` ranks writes.
    fn file(&self, folder: &Path, writers: usize) -> PathBuf {
        let Case { method, dtype, shape } = self;
        folder.join(format!("{method}-{dtype}-{}-np{writers}", Shape(shape.to_vec())))
    }

    /// Values stamped by `writers` ranks, moved by `np` ranks through a buffer that fits no row.
    fn experiment(&self, direction: Direction, access: Access, writers: usize, np: usize) -> Experiment {
        let data = Data { kind: DataKind::Uniform, seed: 5, stamp_ranks: Some(writers) };
        let shape = Shape(self.shape.to_vec());
        Experiment {
            direction,
            dataset: Dataset { name: "test".into(), shape, dtype: self.dtype, data: Some(data), from: None },
            layout: Layout::Contiguous,
            access,
            method: self.method,
            np,
            cache: CacheWanted::AsFound,
            fsync: false,
            repeat: 1,
            buffer: 7 * self.dtype.size() as u64,
            split: Split::Axis(0),
            tunables: Default::default(),
        }
    }

    /// Every access that fits.
    fn accesses(&self) -> Vec<Access> {
        let all = [Access::Rows, Access::PROJECTION, Access::Roi { offset: [1, 2], size: [3, 3] }];
        all.into_iter().filter(|access| access.fits(self.shape)).collect()
    }
}

/// All that a group of ranks checks together; `before` is the size of a group whose files are there. Returns the number
/// of cases.
fn keeps_the_contract(comm: &dyn Comm, methods: &[Method], folder: &Path, before: Option<usize>) -> Result<usize> {
    let cases = cases(methods);
    for case in &cases {
        what_is_written_is_read(comm, case, folder)?;
        one_reads_what_many_wrote(comm, case, folder)?;
        if let Some(writers) = before {
            reads(comm, case, folder, writers)?;
        }
        sessions_move_any_region(comm, case, folder)?;
    }
    for &method in methods {
        a_missing_file_is_everybodys_failure(comm, method, folder)?;
    }
    Ok(cases.len())
}

fn run(comm: &dyn Comm, experiment: &Experiment, file: &Path) -> Result<run::Outcome> {
    let team = Team { comm, progress: &Silent, fault: None };
    run::run(experiment, file, Options { in_place: true, ..Options::default() }, team)
}

fn what_is_written_is_read(comm: &dyn Comm, case: &Case, folder: &Path) -> Result<()> {
    let np = comm.size();
    let file = case.file(folder, np);
    let written = run(comm, &case.experiment(Direction::Write, Access::Rows, np, np), &file)?;
    assert_eq!(written.verification, Verification::NotRead, "{case:?}");
    assert_eq!(written.samples[0].ranks.len(), np, "{case:?}");
    assert_eq!(file.exists(), case.method != Method::Null, "{case:?}");
    reads(comm, case, folder, np)
}

/// These ranks read what `writers` ranks wrote, in every way.
fn reads(comm: &dyn Comm, case: &Case, folder: &Path, writers: usize) -> Result<()> {
    for access in case.accesses() {
        let experiment = case.experiment(Direction::Read, access, writers, comm.size());
        let read = run(comm, &experiment, &case.file(folder, writers))?;
        let by = comm.size();
        assert_eq!(
            read.verification,
            Verification::Passed,
            "{case:?} of {writers} ranks by {by}: {access:?}",
            access = experiment.access
        );
    }
    Ok(())
}

fn one_reads_what_many_wrote(comm: &dyn Comm, case: &Case, folder: &Path) -> Result<()> {
    comm.barrier()?;
    // Subfiles can't be read without MPI.
    if comm.rank() == 0 && case.method != Method::Subfiling {
        // Alone there is nobody to be collective with; the file is the same.
        let method = if case.method == Method::Collective { Method::Independent } else { case.method };
        let mut experiment = case.experiment(Direction::Read, Access::Rows, comm.size(), 1);
        experiment.method = method;
        let read = run(&Solo, &experiment, &case.file(folder, comm.size()))?;
        assert_eq!(read.verification, Verification::Passed, "{case:?}");
    }
    comm.barrier()
}

/// Rows written last first, read in whole, in part and not at all.
fn sessions_move_any_region(comm: &dyn Comm, case: &Case, folder: &Path) -> Result<()> {
    let (np, rank) = (comm.size(), comm.rank());
    let file = folder.join("session");
    let engine = engine::engine(case.method, comm)?;
    let whole = Region::whole(case.shape);

    let experiment = case.experiment(Direction::Write, Access::Rows, np, np);
    let mut session = engine.open(&Opening { experiment: &experiment, path: &file, comm })?;
    let (from, to) = block(case.shape[0], rank, np);
    let calls = (0..np).map(|r| block(case.shape[0], r, np)).map(|(from, to)| to - from).max().unwrap();
    let mine = (from..to).rev().map(|row| whole.slab(0, row, row + 1)).map(Some);
    for row in mine.chain(std::iter::repeat(None)).take(calls as usize) {
        match row {
            Some(row) => write(session.as_mut(), &experiment, &row)?,
            None if engine.collective() => session.write(&Region::empty(case.shape.len()), &[])?,
            None => {}
        }
    }
    session.sync()?;
    let closed = session.close()?;
    assert_eq!(closed.actual.driver, driver(case.method, comm), "{case:?}");
    comm.barrier()?;

    let experiment = case.experiment(Direction::Read, Access::Rows, np, np);
    let mut session = engine.open(&Opening { experiment: &experiment, path: &file, comm })?;
    let last_row = whole.slab(0, case.shape[0] - 1, case.shape[0]);
    let corner = Region::new(vec![0; case.shape.len()], case.shape.iter().map(|&n| n.min(2)).collect());
    for region in [whole, last_row, corner, Region::empty(case.shape.len())] {
        read(session.as_mut(), &experiment, &region)?;
    }
    session.close()?;
    comm.barrier()
}

fn write(session: &mut dyn Session, experiment: &Experiment, region: &Region) -> Result<()> {
    let Dataset { shape, dtype, data, .. } = &experiment.dataset;
    let size = region.elements() as usize * dtype.size();
    let mut buffer = Buffer::touched(size);
    let values = buffer.bytes_mut(size);
    data.expect("a rule").fill(&shape.0, *dtype, region, values);
    session.write(region, values)
}

fn read(session: &mut dyn Session, experiment: &Experiment, region: &Region) -> Result<()> {
    let Dataset { shape, dtype, data, .. } = &experiment.dataset;
    let size = region.elements() as usize * dtype.size();
    let mut buffer = Buffer::touched(size);
    let values = buffer.bytes_mut(size);
    session.before_read(region)?;
    session.read(region, values)?;
    let verified = data.expect("a rule").verify(&shape.0, *dtype, region, values);
    assert_eq!(verified, Ok(()), "{} {dtype} {shape}: {region:?}", experiment.method);
    Ok(())
}

fn driver(method: Method, comm: &dyn Comm) -> &'static str {
    match method {
        Method::Subfiling => "subfiling",
        Method::Direct => "direct",
        Method::Posix => "posix",
        Method::Null => "none",
        Method::Independent | Method::Collective if comm.mpi().is_some() => "mpio",
        _ => "sec2",
    }
}

fn a_missing_file_is_everybodys_failure(comm: &dyn Comm, method: Method, folder: &Path) -> Result<()> {
    let case = Case { method, dtype: Dtype::F32, shape: SHAPES[1] };
    let experiment = case.experiment(Direction::Read, Access::Rows, 1, comm.size());
    let engine = engine::engine(method, comm)?;
    let file = folder.join("nowhere");
    let opened = engine.open(&Opening { experiment: &experiment, path: &file, comm });
    let failure = opened.err();
    assert_eq!(failure.is_none(), method == Method::Null, "{method} opened a file that is not there");
    if let Some(failure) = failure {
        assert_eq!(failure.path, Some(file), "{method}: the failure names the file: {failure}");
    }
    // Nobody is left behind in a call that the others have given up.
    let all = all_gather(comm, &comm.rank())?;
    assert_eq!(all, (0..comm.size()).collect::<Vec<_>>());
    Ok(())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written")
}

/// As many cases as methods and element types, twice.
fn expected(methods: usize) -> usize {
    methods * Dtype::ALL.len() * 2
}

/// A process that is started while a file is open inherits it, with HDF5's lock on it: so no test starts one while
/// another has files open.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner())
}

#[test]
fn with_threads() {
    let _alone = alone();
    let with_mpi_alone = [Method::Collective, Method::Subfiling];
    let methods: Vec<Method> = Method::ALL.into_iter().filter(|method| !with_mpi_alone.contains(method)).collect();
    let folder = folder();
    for np in 1..=4 {
        let checked = threads::run(np, |comm| keeps_the_contract(comm, &methods, folder.path(), before(np)));
        assert_eq!(checked.unwrap(), expected(methods.len()), "np {np}");
    }
}

/// Groups come in the order of their size, and read what the one before wrote.
fn before(np: usize) -> Option<usize> {
    np.checked_sub(1).filter(|&before| before > 0)
}

/// What is not written in place takes its name when it is done, and so do the parts of a virtual dataset.
#[test]
fn all_files_take_their_names() {
    let _alone = alone();
    for method in [Method::Gather, Method::PerProcess, Method::Direct, Method::Posix] {
        let case = Case { method, dtype: Dtype::U16, shape: SHAPES[2] };
        let (folder, options) = (folder(), Options::default());
        let file = folder.path().join("a.h5");
        let written = threads::run(2, |comm| {
            let team = Team { comm, progress: &Silent, fault: None };
            run::run(&case.experiment(Direction::Write, Access::Rows, 2, 2), &file, options, team)?;
            run::run(&case.experiment(Direction::Read, Access::Rows, 2, 2), &file, options, team)
        });
        assert_eq!(written.unwrap().verification, Verification::Passed, "{method}");
        let mut names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let parts = if method == Method::PerProcess { &["a-rank-0000.h5", "a-rank-0001.h5"][..] } else { &[] };
        assert_eq!(names, [parts, &["a.h5"]].concat(), "{method}");
    }
}

/// What a virtual dataset was put together from goes with it, and nothing else does.
#[test]
fn parts_of_a_replaced_master_are_removed() {
    let _alone = alone();
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, method, np| {
        let case = Case { method, dtype: Dtype::U16, shape: SHAPES[2] };
        let file = at(name);
        let written = threads::run(np, |comm| {
            let team = Team { comm, progress: &Silent, fault: None };
            run::run(&case.experiment(Direction::Write, Access::Rows, np, np), &file, Options::default(), team)
        });
        written.unwrap();
    };
    let names = || {
        let entries = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    // Of 7 ranks and 5 rows, those without a row make no part.
    write("a.h5", Method::PerProcess, 7);
    write("b.h5", Method::PerProcess, 2);
    assert_eq!(names().len(), 1 + 5 + 1 + 2, "{:?}", names());
    std::fs::write(at("a-rank-0000.h5"), "somebody else's").unwrap();
    write("a.h5", Method::PerProcess, 2);
    let two = ["a-rank-0000.h5", "a-rank-0001.h5", "a.h5", "b-rank-0000.h5", "b-rank-0001.h5", "b.h5"];
    assert_eq!(names(), two.map(String::from).into());
    std::fs::write(at("a-rank-0001.h5"), "somebody else's").unwrap();
    write("a.h5", Method::Gather, 2);
    assert_eq!(
        names(),
        ["a-rank-0001.h5", "a.h5", "b-rank-0000.h5", "b-rank-0001.h5", "b.h5"].map(String::from).into()
    );
    // A master by another name: who knows who else names its parts.
    std::fs::rename(at("b.h5"), at("c.h5")).unwrap();
    write("c.h5", Method::Gather, 2);
    assert_eq!(
        names(),
        ["a-rank-0001.h5", "a.h5", "b-rank-0000.h5", "b-rank-0001.h5", "c.h5"].map(String::from).into()
    );
}

#[test]
fn threads_have_no_collective_transfers_and_no_subfiling() {
    for method in [Method::Collective, Method::Subfiling] {
        let refused = threads::run(2, |comm| engine::engine(method, comm).map(|_| ()));
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Environment);
        assert!(refused.message.contains("MPI") && refused.mend.is_some(), "{refused}");
    }
}

/// `make test-hdf5-2` sets this: there the contract must not pass without subfiling.
#[test]
fn subfiling_is_here_where_it_must_be() {
    assert!(subfiling::available() || std::env::var_os("H5LAB_TEST_SUBFILING").is_none());
}

#[cfg(feature = "mpi")]
mod with_mpi {
    use super::*;
    use h5lab_core::host::Linkage;
    use h5lab_core::tunables::Tunables;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::process::{Command, Output, Stdio};

    /// Every method; subfiling where HDF5 has it.
    fn methods() -> Vec<Method> {
        Method::ALL.into_iter().filter(|&method| method != Method::Subfiling || subfiling::available()).collect()
    }

    /// Tells a process of this test that it is a rank, and where the files are.
    const FOLDER: &str = "H5LAB_CONTRACT_FOLDER";

    #[test]
    fn ranks() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            return as_a_rank(Path::new(&folder));
        }
        let _alone = alone();
        let folder = folder();
        for np in 1..=4 {
            let output = under_mpirun(np, folder.path());
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "mpirun -np {np}: {}\n{said}", output.status);
            let all = format!("{} cases with {np} ranks", expected(methods().len()));
            assert!(said.contains(&all), "not '{all}': {said}");
            if subfiling::available() {
                fused_files_are_plain_hdf5(folder.path(), np);
            }
        }
    }

    /// A dataset in more subfiles than there are ranks, and in stripes that no row is as long as.
    const STRIPED: Case = Case { method: Method::Subfiling, dtype: Dtype::F64, shape: SHAPES[4] };

    fn striped(comm: &dyn Comm, folder: &Path) -> Result<()> {
        let (np, file) = (comm.size(), folder.join(format!("striped-np{}", comm.size())));
        let cut = Tunables { subfiles: Some(5), subfile_stripe: Some(500), ..Tunables::default() };
        let experiment = |direction, access| {
            let plain = STRIPED.experiment(direction, access, np, np);
            let tunables = if direction == Direction::Write { cut.clone() } else { Tunables::default() };
            Experiment { tunables, ..plain }
        };
        let written = run(comm, &experiment(Direction::Write, Access::Rows), &file)?;
        assert_eq!(written.actual.in_force["subfiles"], "5");
        for access in STRIPED.accesses() {
            let read = run(comm, &experiment(Direction::Read, access), &file)?;
            assert_eq!(read.verification, Verification::Passed);
            assert_eq!(read.actual.in_force["subfile-stripe"], "500", "as it was written");
            assert_eq!(read.file_bytes, written.file_bytes);
        }
        Ok(())
    }

    /// Each rank filters into a file of its own; any rank reads what another wrote, by direct and by HDF5.
    fn filtered_by_direct(comm: &dyn Comm, folder: &Path) -> Result<()> {
        let (np, file) = (comm.size(), folder.join(format!("filtered-np{}.h5", comm.size())));
        let case = Case { method: Method::Direct, dtype: Dtype::U16, shape: SHAPES[4] };
        let filters = vec![h5lab_core::filter::Filter::Shuffle, h5lab_core::filter::Filter::Gzip(4)];
        let layout = Layout::Chunked { chunk: vec![2, 2, 3, 3], filters };
        let plain =
            |direction, access| Experiment { layout: layout.clone(), ..case.experiment(direction, access, np, np) };
        let written = run(comm, &plain(Direction::Write, Access::Rows), &file)?;
        assert_eq!(written.actual.driver, "direct");
        for access in case.accesses() {
            for method in [Method::Direct, Method::PerProcess] {
                let read = run(comm, &Experiment { method, ..plain(Direction::Read, access.clone()) }, &file)?;
                assert_eq!(read.verification, Verification::Passed, "{method} {access}");
                let moved_by = read.actual.in_force.get("moved-by").map(String::as_str);
                assert_eq!(moved_by, (method == Method::Direct).then_some("h5lab"));
            }
        }
        Ok(())
    }

    /// HDF5's own tool makes a plain file of the subfiles that `np` ranks wrote.
    fn fused_files_are_plain_hdf5(folder: &Path, np: usize) {
        let (stub, fused) = (folder.join(format!("striped-np{np}")), folder.join("fused"));
        let files = engine::files_of(Method::Subfiling, &stub, np);
        assert_eq!(files.len(), 5 + 2, "subfiles, configuration and stub: {files:?}");
        let config = files.iter().find(|file| file.extension().is_some_and(|end| end == "config"));
        let told = std::fs::read_to_string(config.expect("a configuration")).unwrap();
        let told = told.replace(&format!("hdf5_file={}\n", stub.display()), "hdf5_file=fused\n");
        std::fs::write(folder.join("fused.config"), told).unwrap();
        std::fs::copy(&stub, &fused).unwrap();
        let output = Command::new(h5fuse()).args(["-q", "-f", "fused.config"]).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let plain = Case { method: Method::Independent, ..STRIPED };
        let read = run(&Solo, &plain.experiment(Direction::Read, Access::Rows, np, 1), &fused).unwrap();
        assert_eq!(read.verification, Verification::Passed);
    }

    /// It stands beside the library.
    fn h5fuse() -> PathBuf {
        match h5lab_io::host::hdf5::collect(&|_| None).linkage {
            Some(Linkage::Shared { file }) => Path::new(&file).parent().unwrap().with_file_name("bin/h5fuse"),
            other => panic!("a library with subfiling is a shared one, not {other:?}"),
        }
    }

    fn under_mpirun(np: usize, folder: &Path) -> Output {
        let mut mpirun = Command::new("mpirun");
        mpirun.args(["--oversubscribe", "--timeout", "120", "-np", &np.to_string()]).stdin(Stdio::null());
        mpirun.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1").env(FOLDER, folder);
        // Ranks that wait give their core to those that work: there may be more ranks than idle cores.
        mpirun.env("OMPI_MCA_mpi_yield_when_idle", "1");
        mpirun.arg(std::env::current_exe().unwrap());
        mpirun.args(["--exact", "with_mpi::ranks", "--nocapture", "--test-threads=1"]);
        mpirun.output().unwrap_or_else(|e| panic!("mpirun: {e}: run scripts/setup --test"))
    }

    fn no_subfiling_without_the_driver(comm: &dyn Comm) {
        let refused = engine::engine(Method::Subfiling, comm).err();
        assert_eq!(refused.is_none(), subfiling::available());
        if let Some(refused) = refused {
            assert!(refused.message.contains("has no subfiling; scripts/build-hdf5"), "{refused}");
        }
    }

    /// A rank that panics must not leave the others waiting.
    fn as_a_rank(folder: &Path) {
        let world = h5lab_io::comm::mpi::World::init().unwrap();
        let comm = world.comm();
        no_subfiling_without_the_driver(comm);
        let checked = catch_unwind(AssertUnwindSafe(|| {
            if subfiling::available() {
                striped(comm, folder)?;
            }
            filtered_by_direct(comm, folder)?;
            keeps_the_contract(comm, &methods(), folder, before(comm.size()))
        }));
        match checked {
            Ok(Ok(cases)) if comm.rank() == 0 => println!("{cases} cases with {} ranks", comm.size()),
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => {
                eprintln!("rank {}: {failure}", comm.rank());
                h5lab_io::comm::mpi::abort(1);
            }
            Err(_) => h5lab_io::comm::mpi::abort(1),
        }
    }
}
