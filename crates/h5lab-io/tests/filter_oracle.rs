//! Every filter x element type x odd chunk shapes: h5py with hdf5plugin reads what h5lab writes, through libhdf5 and with
//! its own codecs alone; and h5lab reads, both ways, what h5py with hdf5plugin writes.

use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::filter::Filter;
use h5lab_core::layout::Layout;
use h5lab_core::region::Region;
use h5lab_core::tunables::Tunables;
use h5lab_io::filter::{Pipeline, Scratch};
use h5lab_io::h5::{self, Mode, chunk_io, transfer};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::path::{Path, PathBuf};
use std::process::Command;

const PIPELINES: &[&str] = &[
    "shuffle",
    "gzip=4",
    "shuffle+gzip=9",
    "fletcher32",
    "shuffle+gzip=1+fletcher32",
    "lzf",
    "shuffle+lzf",
    "lz4",
    "shuffle+lz4",
    "zstd=3",
    "shuffle+zstd=9",
    "bitshuffle",
    "bitshuffle+lz4",
    "bitshuffle-lz4",
    "bitshuffle-zstd=2",
    "bitshuffle-lz4+fletcher32",
];

/// Shapes, with chunks that do not fit them; the last have more than one block of bitshuffle, and a remainder.
const SHAPES: &[(&[u64], &[u64])] = &[(&[13, 37], &[5, 11]), (&[100], &[7]), (&[2, 71, 91], &[1, 70, 91])];

struct Case {
    dataset: Dataset,
    layout: Layout,
    noise: bool,
    values: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for text in PIPELINES {
        let filters: Vec<Filter> = text.split('+').map(|name| name.parse().unwrap()).collect();
        for dtype in Dtype::ALL {
            for (shape, chunk) in SHAPES {
                for noise in [false, true] {
                    let name = format!("{text} {dtype} {shape:?} {noise}");
                    let shape = Shape(shape.to_vec());
                    let dataset = Dataset { name, shape, dtype, data: None, from: None };
                    let layout = Layout::Chunked { chunk: chunk.to_vec(), filters: filters.clone() };
                    all.push(Case { values: values(&dataset, noise), dataset, layout, noise });
                }
            }
        }
    }
    all
}

/// The lowest bytes of a small square, or of noise; `values` in filter_oracle.py.
fn values(dataset: &Dataset, noise: bool) -> Vec<u8> {
    let value = |i: u64| match noise {
        false => i * i / 50 % 97,
        true => {
            let x = i.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            x ^ (x >> 33)
        }
    };
    let elements = dataset.shape.elements().unwrap();
    (0..elements).flat_map(|i| value(i).to_le_bytes().into_iter().take(dataset.dtype.size())).collect()
}

impl Case {
    fn chunk(&self) -> &[u64] {
        let Layout::Chunked { chunk, .. } = &self.layout else { panic!("all have chunks") };
        chunk
    }

    /// Index of the first element of each chunk.
    fn offsets(&self) -> Vec<Vec<u64>> {
        let mut all = vec![vec![]];
        for (n, c) in self.dataset.shape.0.iter().zip(self.chunk()) {
            let longer =
                |offset: &Vec<u64>| (0..*n).step_by(*c as usize).map(|at| [&offset[..], &[at]].concat()).collect();
            all = all.iter().flat_map(|offset| -> Vec<Vec<u64>> { longer(offset) }).collect();
        }
        all
    }

    /// Where the rows of the chunk at `offset` are: first element in the dataset, first in the chunk, how many elements.
    fn rows(&self, offset: &[u64]) -> Vec<(usize, usize, usize)> {
        let (shape, chunk) = (&self.dataset.shape.0, self.chunk());
        let last = chunk.len() - 1;
        let length = chunk[last].min(shape[last] - offset[last]);
        let of_chunk = (0..chunk[..last].iter().product::<u64>()).filter_map(|row| {
            let (mut rest, mut there, mut stride) = (row, offset[last], shape[last]);
            for axis in (0..last).rev() {
                let at = offset[axis] + rest % chunk[axis];
                if at >= shape[axis] {
                    return None;
                }
                (there, stride, rest) = (there + at * stride, stride * shape[axis], rest / chunk[axis]);
            }
            Some((there as usize, (row * chunk[last]) as usize, length as usize))
        });
        of_chunk.collect()
    }

    fn pipeline(&self, dataset: &hdf5::Dataset) -> Pipeline {
        let bytes = self.chunk().iter().product::<u64>() as usize * self.dataset.dtype.size();
        Pipeline::of(&h5::filters::stages(dataset).unwrap(), bytes).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        let filters = self.layout.filters().iter().map(|filter| {
            let flags = u32::from(*filter != Filter::Fletcher32);
            serde_json::json!({"id": filter.id(), "flags": flags, "parameters": filter.parameters()})
        });
        serde_json::json!({
            "name": self.dataset.name, "dtype": self.dataset.dtype.numpy(), "shape": self.dataset.shape.0,
            "chunk": self.chunk(), "noise": self.noise, "filters": filters.collect::<Vec<_>>(),
        })
    }
}

/// Makes a file of all cases; `write` fills each dataset.
fn make(path: &Path, cases: &[Case], mut write: impl FnMut(&Case, &hdf5::Dataset)) {
    let file = h5::open(path, Mode::Create, None).unwrap();
    for case in cases {
        let dataset = h5::dataset::create(&file, &case.dataset, &case.layout, &Tunables::default(), path);
        write(case, &dataset.unwrap_or_else(|failure| panic!("{}: {failure}", case.dataset.name)));
    }
}

/// libhdf5 filters, with h5lab's codecs as its filters.
fn through_the_library(case: &Case, dataset: &hdf5::Dataset) {
    let transfer = transfer::Transfer::new(transfer::Mode::Independent).unwrap();
    transfer.write(dataset, case.dataset.dtype, &Region::whole(&case.dataset.shape.0), &case.values).unwrap();
}

/// Whole chunks, filtered beforehand; in every second dataset only where it pays.
fn by_our_codecs(case: &Case, dataset: &hdf5::Dataset, scratch: &mut Scratch) {
    let pipeline = if case.noise { case.pipeline(dataset).if_it_pays() } else { case.pipeline(dataset) };
    let (size, values) = (case.dataset.dtype.size(), &case.values);
    for offset in case.offsets() {
        let mut raw = vec![0; pipeline.chunk_bytes()];
        for (there, here, count) in case.rows(&offset) {
            raw[here * size..][..count * size].copy_from_slice(&values[there * size..][..count * size]);
        }
        let stored = pipeline.encode(&raw, scratch).unwrap();
        let (bytes, length) = (stored.bytes.as_ptr(), stored.bytes.len());
        // SAFETY: the dataset is open; offset and bytes are as long as they have to be.
        let done = hdf5::sync::sync(|| unsafe {
            sys::h5d::H5Dwrite_chunk(dataset.id(), 0, stored.mask, offset.as_ptr(), length, bytes.cast())
        });
        assert!(done >= 0, "{}", case.dataset.name);
    }
}

fn read_through_the_library(case: &Case, dataset: &hdf5::Dataset) -> Vec<u8> {
    let mut found = vec![0; case.values.len()];
    let transfer = transfer::Transfer::new(transfer::Mode::Independent).unwrap();
    let region = Region::whole(&case.dataset.shape.0);
    let done = transfer.read(dataset, case.dataset.dtype, &region, &mut found);
    done.unwrap_or_else(|error| panic!("{}: {error}", case.dataset.name));
    found
}

fn read_by_our_codecs(case: &Case, dataset: &hdf5::Dataset, scratch: &mut Scratch) -> Vec<u8> {
    let pipeline = case.pipeline(dataset);
    let size = case.dataset.dtype.size();
    let (mut found, mut raw) = (vec![0; case.values.len()], vec![0; pipeline.chunk_bytes()]);
    for offset in case.offsets() {
        let (mut length, mut mask, mut address) = (0, 0, 0);
        let mut stored = vec![0u8; 2 * pipeline.bound()];
        // SAFETY: the dataset is open; the chunk is at most as long as the buffer, which is checked before it is read.
        hdf5::sync::sync(|| unsafe {
            assert!(
                sys::h5d::H5Dget_chunk_info_by_coord(
                    dataset.id(),
                    offset.as_ptr(),
                    &mut mask,
                    &mut address,
                    &mut length
                ) >= 0
            );
            assert!(length as usize <= stored.len(), "{}", case.dataset.name);
        });
        let mask = chunk_io::read(dataset, &offset, &mut stored).unwrap();
        let done = pipeline.decode(&stored[..length as usize], mask, &mut raw, scratch);
        done.unwrap_or_else(|error| panic!("{}: {error}", case.dataset.name));
        for (there, here, count) in case.rows(&offset) {
            found[there * size..][..count * size].copy_from_slice(&raw[here * size..][..count * size]);
        }
    }
    found
}

#[test]
fn h5py_with_hdf5plugin_reads_what_we_write_and_we_read_what_it_writes() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| folder.path().join(name);
    let (cases, mut scratch) = (cases(), Scratch::default());
    make(&at("library.h5"), &cases, through_the_library);
    make(&at("codecs.h5"), &cases, |case, dataset| by_our_codecs(case, dataset, &mut scratch));
    let json: Vec<_> = cases.iter().map(Case::json).collect();
    std::fs::write(at("cases.json"), serde_json::to_string(&json).unwrap()).unwrap();

    let told = python(folder.path(), &["cases.json", "library.h5", "codecs.h5", "made.h5"]);
    let count = PIPELINES.len() * Dtype::ALL.len() * SHAPES.len() * 2;
    assert_eq!(told.trim(), format!("{} checked, {count} made", 2 * count));

    for name in ["made.h5", "library.h5", "codecs.h5"] {
        let file = h5::open(&at(name), Mode::Read, None).unwrap();
        for case in &cases {
            let dataset = file.dataset(&case.dataset.name).unwrap();
            assert!(read_through_the_library(case, &dataset) == case.values, "{name}: {}", case.dataset.name);
            assert!(read_by_our_codecs(case, &dataset, &mut scratch) == case.values, "{name}: {}", case.dataset.name);
            let (_, layout) = h5::dataset::describe(&file, Some(&case.dataset.name), &at(name)).unwrap();
            assert_eq!(layout, case.layout, "{name}: {}", case.dataset.name);
        }
    }
}

fn python(folder: &Path, arguments: &[&str]) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("H5LAB_TEST_VENV").map_or_else(|| here.join("../../.tools/venv"), PathBuf::from);
    let python = venv.join("bin/python");
    assert!(python.exists(), "{} is not there: run scripts/setup --test", python.display());
    let script = here.join("tests/python/filter_oracle.py");
    let done = Command::new(python).arg(script).args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
