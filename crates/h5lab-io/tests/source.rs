//! Experiments whose values come from another file.

use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape, SourceFile};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind};
use h5lab_core::filter::Filter;
use h5lab_core::generate::Mismatch;
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::Verification;
use h5lab_core::region::Region;
use h5lab_core::split::Split;
use h5lab_io::buffer::Buffer;
use h5lab_io::comm::{Comm, Solo, threads};
use h5lab_io::h5::{self, transfer::Transfer};
use h5lab_io::progress::Silent;
use h5lab_io::run::{self, Options, Outcome, Team};
use h5lab_io::values;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::path::{Path, PathBuf};

const SHAPE: [u64; 3] = [6, 5, 7];

fn value(index: u64) -> u16 {
    (index * index + 300) as u16
}

/// A file in `folder` with `plain` (contiguous), `scan/packed` (big-endian, chunked, shuffled, gzipped) and `text`.
fn source_file(folder: &Path) -> PathBuf {
    let path = folder.join("scan 12:30.h5");
    let file = hdf5::File::create(&path).unwrap();
    let plain = file.new_dataset::<u16>().shape(SHAPE.map(|n| n as usize)).create("plain").unwrap();
    let packed = create_big_endian(&file.create_group("scan").unwrap(), "packed");
    let values: Vec<u8> = (0..210).flat_map(|i| value(i).to_ne_bytes()).collect();
    let transfer = Transfer::new(h5::transfer::Mode::Independent).unwrap();
    for dataset in [plain, packed] {
        transfer.write(&dataset, Dtype::U16, &Region::whole(&SHAPE), &values).unwrap();
    }
    file.new_dataset::<hdf5::types::FixedAscii<4>>().shape([2]).create("text").unwrap();
    path
}

fn create_big_endian(group: &hdf5::Group, name: &str) -> hdf5::Dataset {
    let (c_name, chunk) = (std::ffi::CString::new(name).unwrap(), [4, 3, 2]);
    hdf5::sync::sync(|| {
        // SAFETY: all identifiers are HDF5's own, made here or kept alive by `group`; arrays have as many entries as the
        // dataspace has axes.
        unsafe {
            let list = sys::h5p::H5Pcreate(*hdf5::globals::H5P_DATASET_CREATE);
            assert!(sys::h5p::H5Pset_chunk(list, 3, chunk.as_ptr()) >= 0);
            assert!(sys::h5p::H5Pset_shuffle(list) >= 0 && sys::h5p::H5Pset_deflate(list, 4) >= 0);
            let space = sys::h5s::H5Screate_simple(3, SHAPE.as_ptr(), std::ptr::null());
            let kind = *hdf5::globals::H5T_STD_U16BE;
            let made = sys::h5d::H5Dcreate2(group.id(), c_name.as_ptr(), kind, space, 0, list, 0);
            assert!(made >= 0);
            sys::h5d::H5Dclose(made);
            sys::h5s::H5Sclose(space);
            sys::h5p::H5Pclose(list);
        }
    });
    group.dataset(name).unwrap()
}

fn source(path: &Path, dataset: &str) -> SourceFile {
    format!("{}:{dataset}", path.display()).parse().unwrap()
}

fn taken(source: SourceFile, shape: &[u64], dtype: Dtype) -> Dataset {
    Dataset { name: "data".into(), shape: Shape(shape.to_vec()), dtype, data: None, from: Some(source) }
}

fn experiment(direction: Direction, dataset: Dataset, np: usize) -> Experiment {
    let layout = match direction {
        Direction::Write if np == 1 => {
            Layout::Chunked { chunk: vec![2, 4, 3], filters: vec![Filter::Shuffle, Filter::Gzip(1)] }
        }
        _ => Layout::Contiguous,
    };
    Experiment {
        direction,
        dataset,
        layout,
        access: Access::Rows,
        split: Split::Axis(0),
        method: Method::Independent,
        np,
        cache: CacheWanted::AsFound,
        fsync: false,
        repeat: 2,
        buffer: 30,
        tunables: Default::default(),
    }
}

fn run(experiment: &Experiment, path: &Path) -> Result<Outcome, Failure> {
    let go = |comm: &dyn Comm| {
        let options = Options { ceiling: true, ..Options::default() };
        run::run(experiment, path, options, Team { comm, progress: &Silent, fault: None })
    };
    if experiment.np == 1 { go(&Solo) } else { threads::run(experiment.np, |comm| go(comm)) }
}

/// What `h5lab read` makes of a file.
fn described(path: &Path) -> Dataset {
    h5::dataset::describe(&h5::open_existing(path).unwrap(), None, path).unwrap().0
}

#[test]
fn any_region_is_filled_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let path = source_file(folder.path());
    let regions = [
        Region::whole(&[5, 4, 7]),
        Region::new(vec![1, 2, 3], vec![3, 2, 4]),
        Region::new(vec![4, 3, 6], vec![1, 1, 1]),
        Region::empty(3),
    ];
    for (name, region) in ["plain", "scan/packed"].iter().flat_map(|n| regions.iter().map(move |r| (n, r))) {
        let dataset = taken(source(&path, name), &[5, 4, 7], Dtype::U16);
        let mut values = values::of(&dataset).unwrap().unwrap();
        let indices = region.runs(&SHAPE).flat_map(|(first, length)| first..first + length);
        let wanted: Vec<u8> = indices.flat_map(|index| value(index).to_ne_bytes()).collect();
        let mut buffer = Buffer::touched(wanted.len());
        let found = buffer.bytes_mut(wanted.len());
        values.fill(region, found).unwrap();
        assert_eq!(found, wanted, "{name} {region:?}");
        assert_eq!(values.verify(region, found).unwrap(), None);
        if let Some((last, _)) = found.as_chunks_mut::<2>().0.split_last_mut() {
            let expected = f64::from(u16::from_ne_bytes(*last));
            *last = 1u16.to_ne_bytes();
            let index = region.start.iter().zip(&region.count).map(|(s, n)| s + n - 1).collect();
            let mismatch = values.verify(region, found).unwrap();
            assert_eq!(mismatch, Some(Mismatch { index, expected, found: 1.0, count: 1 }), "{name} {region:?}");
        }
    }
}

#[test]
fn the_whole_of_a_source_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(&source_file(folder.path()), "/scan/packed");
    let whole = values::whole(&source).unwrap();
    assert_eq!((whole.shape, whole.dtype, whole.from), (Shape(SHAPE.to_vec()), Dtype::U16, Some(source)));
}

#[test]
fn what_is_written_from_a_source_is_verified_against_it_while_it_is_as_it_was() {
    for np in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (source_file(folder.path()), folder.path().join("out.h5"));
        let dataset = taken(source(&path, "scan/packed"), &[6, 4, 7], Dtype::U16);
        let written = run(&experiment(Direction::Write, dataset, np), &target).unwrap();
        assert_eq!(written.verification, Verification::NotRead);
        assert!(written.samples.iter().all(|s| s.generate > 0.0));

        let found = described(&target);
        assert_eq!(found.from, Some(source(&path, "scan/packed")));
        let read = experiment(Direction::Read, found.clone(), np);
        assert_eq!(run(&read, &target).unwrap().verification, Verification::Passed);

        corrupt(&target);
        let Verification::Failed { first } = run(&read, &target).unwrap().verification else { panic!("np {np}") };
        assert_eq!((first.index, first.found, first.expected), (vec![3, 2, 1], 7.0, f64::from(value(3 * 35 + 15))));

        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(!described(&target).has_known_values(), "the source has changed");
        std::fs::remove_file(&path).unwrap();
        let found = described(&target);
        assert!(!found.has_known_values(), "the source is gone");
        let read = experiment(Direction::Read, found, np);
        assert_eq!(run(&read, &target).unwrap().verification, Verification::NothingToCompare);
    }
}

/// Sets one element to 7.
fn corrupt(path: &Path) {
    let file = h5::open(path, h5::Mode::ReadWrite, None).unwrap();
    let transfer = Transfer::new(h5::transfer::Mode::Independent).unwrap();
    let one = Region::new(vec![3, 2, 1], vec![1, 1, 1]);
    transfer.write(&file.dataset("data").unwrap(), Dtype::U16, &one, &7u16.to_ne_bytes()).unwrap();
}

#[test]
fn a_source_that_does_not_fit_ends_all_ranks_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = source_file(folder.path());
    let missing = folder.path().join("missing.h5");
    let cases = [
        (source(&missing, "x"), SHAPE.to_vec(), Dtype::U16, "no such file"),
        (source(&path, "nothing"), SHAPE.to_vec(), Dtype::U16, "no dataset 'nothing'"),
        (source(&path, "text"), SHAPE.to_vec(), Dtype::U16, "of a type that h5lab does not read"),
        (source(&path, "plain"), SHAPE.to_vec(), Dtype::I16, "is of u16, not i16"),
        (source(&path, "plain"), vec![6, 5, 8], Dtype::U16, "is of shape 6x5x7, which does not hold 6x5x8"),
        (source(&path, "plain"), vec![6, 5], Dtype::U16, "which does not hold 6x5"),
    ];
    for (source, shape, dtype, told) in cases {
        for np in [1, 2] {
            let mut write = experiment(Direction::Write, taken(source.clone(), &shape, dtype), np);
            write.layout = Layout::Contiguous;
            let failure = run(&write, &folder.path().join("out.h5")).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Input, "{failure}");
            assert_eq!(failure.path.as_deref(), Some(source.file.as_path()), "{failure}");
            assert!(failure.to_string().contains("read the source") && failure.message.contains(told), "{failure}");
            assert!(failure.mend.as_ref().is_some_and(|mend| !mend.contains("--dataset")), "{failure}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the source is left");
        }
    }
}

#[test]
fn a_source_that_breaks_in_the_middle_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = source_file(folder.path());
    let place = {
        let file = hdf5::File::open(&path).unwrap();
        file.dataset("scan/packed").unwrap().chunk_info(3).unwrap()
    };
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[place.addr as usize..][..place.size as usize].fill(0xFF);
    std::fs::write(&path, bytes).unwrap();
    for np in [1, 2] {
        let dataset = taken(source(&path, "scan/packed"), &SHAPE, Dtype::U16);
        let failure = run(&experiment(Direction::Write, dataset, np), &folder.path().join("out.h5")).unwrap_err();
        assert_eq!(failure.path.as_deref(), Some(path.as_path()), "{failure}");
        assert_eq!(failure.operation.as_deref(), Some("read the source"), "{failure}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the source is left");
    }
}
