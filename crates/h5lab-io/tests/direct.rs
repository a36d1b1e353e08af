//! The method `direct`: files of others as HDF5 reads them, chunks of many sizes, and settings of its own.

use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::{FailureKind, Result};
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::Verification;
use h5lab_core::region::Region;
use h5lab_core::split::Split;
use h5lab_core::tunables::Tunables;
use h5lab_io::buffer::Buffer;
use h5lab_io::comm::{Comm, Solo, threads};
use h5lab_io::engine::{self, Opening, Session};
use h5lab_io::h5;
use h5lab_io::h5::chunk_index::ChunkIndex;
use h5lab_io::progress::Silent;
use h5lab_io::run::{self, Options, Team};
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written")
}

fn experiment(direction: Direction, dataset: Dataset, layout: Layout, method: Method, np: usize) -> Experiment {
    Experiment {
        direction,
        dataset,
        layout,
        access: Access::Rows,
        split: Split::Axis(0),
        method,
        np,
        cache: CacheWanted::AsFound,
        fsync: false,
        repeat: 1,
        buffer: 1 << 20,
        tunables: Tunables::default(),
    }
}

/// Opens a file's dataset with a method.
fn with_session<T>(path: &Path, method: Method, body: impl FnOnce(&Experiment, &mut dyn Session) -> T) -> Result<T> {
    let (dataset, layout) = h5::dataset::describe(&h5::open_existing(path)?, Some("data"), path)?;
    let threads = (method == Method::Direct).then_some(2);
    let reading = experiment(Direction::Read, dataset, layout, method, 1);
    let reading = Experiment { tunables: Tunables { threads, ..Tunables::default() }, ..reading };
    let engine = engine::engine(method, &Solo)?;
    let mut session = engine.open(&Opening { experiment: &reading, path, comm: &Solo })?;
    let done = body(&reading, session.as_mut());
    session.close()?;
    Ok(done)
}

fn read(session: &mut dyn Session, dataset: &Dataset, region: &Region) -> Result<Vec<u8>> {
    // Bytes that a read must overwrite.
    let mut data = vec![0xa5; region.elements() as usize * dataset.dtype.size()];
    session.read(region, &mut data)?;
    Ok(data)
}

/// The whole, single elements and rows, parts of chunks and parts that cross them.
fn regions(shape: &[u64]) -> Vec<Region> {
    let whole = Region::whole(shape);
    let mut all = vec![whole.clone(), Region::empty(shape.len())];
    for (axis, &n) in shape.iter().enumerate() {
        all.push(whole.slab(axis, n / 2, n / 2 + 1));
        all.push(whole.slab(axis, n / 3, n - n / 4));
        all.push(whole.slab(axis, n - 1, n));
    }
    let inner = |at: fn(u64) -> (u64, u64)| {
        let (start, count) = shape.iter().map(|&n| at(n)).unzip();
        Region::new(start, count)
    };
    all.extend([inner(|n| (n / 3, n.div_ceil(2))), inner(|n| (n - 1, 1)), inner(|n| (0, n.div_ceil(3)))]);
    all
}

/// Files that h5py writes: each with who is to move its values.
fn foreign_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let venv = std::env::var_os("H5LAB_TEST_VENV").map(PathBuf::from);
    let python =
        venv.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/venv")).join("bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/foreign_files.py");
    let made = Command::new(&python).arg(script).current_dir(folder).output();
    let made = made.unwrap_or_else(|e| panic!("{}: {e}: run scripts/setup --test", python.display()));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let by_hdf5 = |name: &str| match name {
        "compact.h5" => "HDF5: a compact dataset",
        "external.h5" => "HDF5: its values are in external files",
        "virtual-strided.h5" => "HDF5: a virtual dataset that is not put together from boxes",
        "scale-offset.h5" => "HDF5: h5lab has no codec for scaleoffset",
        "twelve-bits.h5" => "HDF5: elements that HDF5 converts",
        "many-chunks-fixed-array.h5" if h5::library_version() < (1, 14, 0) => "HDF5: chunks that can't be listed",
        _ => "h5lab",
    };
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "h5"));
    files.map(|path| (path.clone(), by_hdf5(path.file_name().unwrap().to_str().unwrap()).to_owned())).collect()
}

#[test]
fn files_of_others_are_read_as_hdf5_reads_them() {
    let folder = folder();
    let files = foreign_files(folder.path());
    assert!(files.len() >= 36, "{files:?}");
    for (path, moved_by) in &files {
        let expected = with_session(path, Method::Independent, |reading, session| -> Result<Vec<Vec<u8>>> {
            let regions = regions(&reading.dataset.shape.0).into_iter().filter(|region| !region.is_empty());
            regions.map(|region| read(session, &reading.dataset, &region)).collect()
        });
        let expected = expected.unwrap().unwrap();
        with_session(path, Method::Direct, |reading, session| {
            let told = session.in_force().unwrap();
            assert!(told["moved-by"].starts_with(moved_by.as_str()), "{}: {told:?}", path.display());
            assert_eq!(told["threads"], "2");
            let regions = regions(&reading.dataset.shape.0);
            let found = regions.iter().map(|region| read(session, &reading.dataset, region).unwrap());
            let found: Vec<Vec<u8>> = found.filter(|bytes| !bytes.is_empty()).collect();
            assert_eq!(found.len(), expected.len());
            for ((found, expected), region) in found.iter().zip(&expected).zip(regions.iter().filter(|r| !r.is_empty()))
            {
                assert!(found == expected, "{}: {region:?}", path.display());
            }
        })
        .unwrap();
    }
}

fn ramp(shape: &[u64], dtype: Dtype) -> Dataset {
    let data = Some(Data { kind: DataKind::Ramp, seed: 1, stamp_ranks: None });
    Dataset { name: "data".into(), shape: Shape(shape.to_vec()), dtype, data, from: None }
}

fn chunked(chunk: &[u64]) -> Layout {
    filtered(chunk, "")
}

fn filtered(chunk: &[u64], filters: &str) -> Layout {
    let filters = filters.split('+').filter(|name| !name.is_empty()).map(|name| name.parse().unwrap());
    Layout::Chunked { chunk: chunk.to_vec(), filters: filters.collect() }
}

/// Every rank writes what the plan gives it; any number of ranks read it, with direct and with HDF5.
fn written_and_read(
    layout: &Layout,
    shape: &[u64],
    access: &Access,
    tunables: &Tunables,
    (writers, readers): (usize, usize),
) {
    let folder = folder();
    let path = folder.path().join("a.h5");
    let write = experiment(Direction::Write, ramp(shape, Dtype::U16), layout.clone(), Method::Direct, writers);
    let write = Experiment { access: access.clone(), tunables: tunables.clone(), buffer: 5000, ..write };
    let options = Options { in_place: true, ..Options::default() };
    let run = |experiment: &Experiment, comm: &dyn Comm| {
        run::run(experiment, &path, options, Team { comm, progress: &Silent, fault: None })
    };
    let written = threads::run(writers, |comm| run(&write, comm)).unwrap();
    let logical = write.dataset.bytes();
    let plain = layout.filters().is_empty();
    assert!(written.stored_bytes.is_some_and(|bytes| bytes >= logical || !plain), "{layout}: {written:?}");
    for method in [Method::Direct, Method::Independent] {
        let tunables = if method == Method::Direct { tunables.clone() } else { Tunables::default() };
        let read = Experiment { direction: Direction::Read, method, np: readers, tunables, ..write.clone() };
        let read = Experiment { access: Access::Rows, ..read };
        let outcome = threads::run(readers, |comm| run(&read, comm)).unwrap();
        assert_eq!(outcome.verification, Verification::Passed, "{layout} by {method}");
    }
}

#[test]
fn ranks_and_threads_write_parts_of_the_same_chunks() {
    // Images of which a chunk holds several; ragged edges; rows that ranks share chunks of.
    let shape = [11, 30, 41];
    for layout in [Layout::Contiguous, chunked(&[1, 30, 41]), chunked(&[4, 16, 9]), chunked(&[11, 7, 41])] {
        for access in [Access::Rows, Access::PROJECTION] {
            for (ranks, threads) in [(1, 1), (1, 3), (3, 1), (3, 2)] {
                let tunables = Tunables { threads: Some(threads), ..Tunables::default() };
                written_and_read(&layout, &shape, &access, &tunables, (ranks, 4 - ranks));
            }
        }
    }
}

/// Chunks that one call, several calls and several ranks complete, in every order, through every kind of filter.
#[test]
fn ranks_and_threads_filter_parts_of_the_same_chunks() {
    let shape = [11, 30, 41];
    let filters = ["gzip=1", "shuffle+gzip=4+fletcher32", "lzf", "bitshuffle-lz4", "shuffle+zstd=1"];
    for (n, filters) in filters.into_iter().enumerate() {
        for chunk in [[1, 30, 41], [4, 16, 9], [11, 7, 41]] {
            let access = if n % 2 == 0 { Access::PROJECTION } else { Access::Rows };
            for (ranks, threads) in [(1, 3), (3, 2)] {
                let tunables = Tunables { threads: Some(threads), ..Tunables::default() };
                written_and_read(&filtered(&chunk, filters), &shape, &access, &tunables, (ranks, 4 - ranks));
            }
        }
    }
}

/// Regions that overlap, rewrite and come piece by piece: what came last stands.
#[test]
fn what_is_written_last_stands() {
    let folder = folder();
    for layout in [filtered(&[3, 8], "shuffle+gzip=1"), chunked(&[3, 8]), Layout::Contiguous] {
        let path = folder.path().join("a.h5");
        let write = experiment(Direction::Write, ramp(&[7, 20], Dtype::U16), layout, Method::Direct, 1);
        let engine = engine::engine(Method::Direct, &Solo).unwrap();
        let mut session = engine.open(&Opening { experiment: &write, path: &path, comm: &Solo }).unwrap();
        let mut expected = vec![0u16; 140];
        let mut put = |start: [u64; 2], count: [u64; 2], value: u16| {
            let region = Region::new(start.to_vec(), count.to_vec());
            let bytes: Vec<u8> = (0..region.elements()).flat_map(|_| value.to_ne_bytes()).collect();
            session.write(&region, &bytes).unwrap();
            for (first, n) in region.runs(&[7, 20]) {
                expected[first as usize..(first + n) as usize].fill(value);
            }
        };
        put([0, 0], [7, 20], 1);
        put([2, 3], [3, 9], 2);
        put([2, 3], [1, 1], 3);
        // All elements of a chunk, counted, but not all of them.
        (0..24).for_each(|n| put([0, 0], [1, 1], 10 + n));
        put([0, 8], [3, 8], 4);
        put([6, 16], [1, 4], 5);
        let mut found = vec![0; 280];
        session.read(&Region::whole(&[7, 20]), &mut found).unwrap();
        assert_eq!(found, expected.iter().flat_map(|n| n.to_ne_bytes()).collect::<Vec<u8>>(), "in the session");
        session.close().unwrap();
        let read = |reading: &Experiment, session: &mut dyn Session| {
            read(session, &reading.dataset, &Region::whole(&[7, 20])).unwrap()
        };
        for method in [Method::Direct, Method::Independent] {
            assert_eq!(with_session(&path, method, read).unwrap(), found, "{method}");
        }
    }
}

#[test]
fn past_the_page_cache_the_same_values_are_moved() {
    let folder = folder();
    let probe = folder.path().join("probe");
    std::fs::write(&probe, "").unwrap();
    let direct = std::os::unix::fs::OpenOptionsExt::custom_flags(std::fs::File::options().read(true), libc::O_DIRECT)
        .open(&probe);
    if direct.is_err() {
        return eprintln!("no O_DIRECT on this file system");
    }
    let tunables = Tunables { direct_io: Some(true), threads: Some(2), ..Tunables::default() };
    for layout in [Layout::Contiguous, chunked(&[1, 300, 410]), chunked(&[2, 160, 90])] {
        written_and_read(&layout, &[5, 300, 410], &Access::PROJECTION, &tunables, (2, 1));
    }
}

#[test]
fn settings_that_mean_nothing_to_direct_are_refused() {
    let direct = |tunables: Tunables, layout: Layout| {
        let plain = experiment(Direction::Write, ramp(&[4, 5], Dtype::F32), layout, Method::Direct, 2);
        engine::supports(&Experiment { tunables, ..plain }, false)
    };
    let late = Some(h5lab_core::tunables::AllocationTime::Late);
    let cases = [
        (Tunables { threads: Some(0), ..Tunables::default() }, "threads = 0"),
        (Tunables { chunk_cache_bytes: Some(1), ..Tunables::default() }, "chunk cache"),
        (Tunables { allocation_time: late, ..Tunables::default() }, "allocation-time"),
        (Tunables { subfiles: Some(2), ..Tunables::default() }, "subfiling"),
    ];
    for (tunables, word) in cases {
        let refused = direct(tunables, chunked(&[2, 2])).expect_err(word);
        assert_eq!(refused.kind, FailureKind::Usage);
        assert!(refused.message.contains(word) && refused.mend.is_some(), "{word}: {refused}");
    }
    let others = experiment(Direction::Read, ramp(&[4, 5], Dtype::F32), Layout::Contiguous, Method::Gather, 2);
    for tunables in [
        Tunables { threads: Some(2), ..Tunables::default() },
        Tunables { direct_io: Some(false), ..Tunables::default() },
    ] {
        let refused = engine::supports(&Experiment { tunables, ..others.clone() }, false).unwrap_err();
        assert!(refused.message.contains("only direct"), "{refused}");
    }
}

/// More chunks than one node of the index holds, some of them not there: as HDF5 tells of each of them.
#[test]
fn the_index_has_every_chunk() {
    let folder = folder();
    let path = folder.path().join("many.h5");
    let shape = [150, 200];
    let write = experiment(Direction::Write, ramp(&shape, Dtype::U8), chunked(&[1, 3]), Method::Direct, 1);
    let options = Options { in_place: true, ..Options::default() };
    run::run(&write, &path, options, Team { comm: &Solo, progress: &Silent, fault: None }).unwrap();
    let file = h5::open_existing(&path).unwrap();
    let dataset = h5::dataset::open(&file, "data", &Tunables::default(), &path).unwrap();
    let index = ChunkIndex::of(&dataset, &path).unwrap();
    assert_eq!((index.grid(), index.stored().len()), (&[150, 67][..], 150 * 67));
    assert_eq!(index.stored_bytes(), 3 * 150 * 67);
    let bytes = std::fs::read(&path).unwrap();
    let mut row = Buffer::touched(200);
    for (at, chunk) in index.stored().iter().enumerate() {
        assert_eq!((chunk.number, chunk.bytes, chunk.mask), (at as u64, 3, 0));
        let place = index.coordinates(chunk.number);
        assert_eq!(index.number(&place), chunk.number);
        assert_eq!(index.get(chunk.number), Some(chunk));
        let expected = row.bytes_mut(200);
        let region = Region::new(vec![place[0], 0], vec![1, 200]);
        write.dataset.data.unwrap().fill(&shape, Dtype::U8, &region, expected);
        let from = place[1] as usize * 3;
        let valid = 3.min(200 - from);
        assert_eq!(bytes[chunk.address as usize..][..valid], expected[from..from + valid], "{place:?}");
    }
    assert_eq!(index.get(150 * 67), None);
}

/// A file that was cut, or whose index leads astray, is an error that names the file, never a crash.
#[test]
fn damaged_files_are_errors() {
    let folder = folder();
    let path = folder.path().join("whole.h5");
    let write = experiment(Direction::Write, ramp(&[64, 50], Dtype::U16), chunked(&[1, 50]), Method::Direct, 1);
    let options = Options { in_place: true, ..Options::default() };
    run::run(&write, &path, options, Team { comm: &Solo, progress: &Silent, fault: None }).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let trees: Vec<usize> = (0..whole.len() - 4).filter(|&at| &whole[at..at + 5] == b"TREE\x01").collect();
    assert!(!trees.is_empty());
    let damaged = folder.path().join("damaged.h5");
    let mut failures = 0;
    for &tree in &trees {
        for at in tree..tree + 400 {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            std::fs::write(&damaged, bytes).unwrap();
            let read = with_session(&damaged, Method::Direct, |reading, session| {
                read(session, &reading.dataset, &Region::whole(&reading.dataset.shape.0)).map(|_| ())
            });
            if let Err(failure) = read.and_then(|read| read) {
                failures += 1;
                assert_eq!(failure.path, Some(damaged.clone()), "{failure}");
            }
        }
    }
    assert!(failures > 10, "{failures}");
}

/// Every byte of a chunk that is wrong: an error with dataset, chunk and place in the file, or right values all the same.
#[test]
fn damaged_chunks_are_named() {
    let folder = folder();
    let path = folder.path().join("a.h5");
    let layout = filtered(&[2, 50], "shuffle+gzip=4+fletcher32");
    let write = experiment(Direction::Write, ramp(&[8, 50], Dtype::U16), layout, Method::Direct, 1);
    let options = Options { in_place: true, ..Options::default() };
    run::run(&write, &path, options, Team { comm: &Solo, progress: &Silent, fault: None }).unwrap();
    let index = {
        let file = h5::open_existing(&path).unwrap();
        let dataset = h5::dataset::open(&file, "data", &Tunables::default(), &path).unwrap();
        ChunkIndex::of(&dataset, &path).unwrap()
    };
    let (whole, chunk) = (std::fs::read(&path).unwrap(), index.stored()[2]);
    for at in chunk.address..chunk.address + chunk.bytes {
        let mut bytes = whole.clone();
        bytes[at as usize] ^= 0x55;
        std::fs::write(&path, bytes).unwrap();
        let failure = with_session(&path, Method::Direct, |reading, session| {
            read(session, &reading.dataset, &Region::whole(&[8, 50])).unwrap_err()
        });
        let failure = failure.unwrap();
        assert_eq!((failure.kind, failure.path.as_deref()), (FailureKind::Input, Some(path.as_path())), "{failure}");
        let place = format!("dataset 'data', chunk at [4, 0], file offset {}", chunk.address);
        assert!(failure.message.contains(&place), "{failure}");
    }
}
