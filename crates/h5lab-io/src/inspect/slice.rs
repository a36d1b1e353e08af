//! Reads one slice of a dataset of numbers, to be looked at.

use crate::h5::{self, attribute, datatype, transfer};
use h5lab_core::dataset::Dtype;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::report::{bytes, printable};
use h5lab_core::show::{Slice, Target, View};
use hdf5_metno as hdf5;

/// More than this nobody needs to see a picture.
const MOST_BYTES: u64 = 2 << 30;

/// Reads the slice that is asked for.
///
/// # Errors
/// `Input` if there is no such dataset, or it is not of numbers; `Usage` if the index is not a slice of it.
pub fn slice(target: &Target) -> Result<Slice> {
    let file = h5::open_existing(&target.file)?;
    let name = h5::dataset::choose(&file, target.dataset.as_deref(), &target.file).map_err(|mut failure| {
        failure.mend = failure.mend.map(|mend| mend.replace("with --dataset", "after the colon of FILE:DATASET"));
        failure
    })?;
    let input =
        |why: &str| Failure::new(FailureKind::Input, format!("dataset '{}' {why}", printable(&name))).at(&target.file);
    let fail = |e: hdf5::Error| h5::failure(&e, "read the slice", &target.file);
    let dataset = file.dataset(&name).map_err(fail)?;
    let kind = dataset.dtype().and_then(|kind| datatype::describe(&kind)).map_err(fail)?;
    if !matches!(kind.class, datatype::Class::Integer { .. } | datatype::Class::Float) {
        let why = format!("is of type {}, not of numbers", kind.words);
        return Err(input(&why).mend("choose a dataset of numbers: h5lab ls lists what there is"));
    }
    let shape: Vec<u64> = dataset.shape().into_iter().map(|n| n as u64).collect();
    if shape.len() < 2 || shape.contains(&0) || dataset.space().is_ok_and(|space| space.is_null()) {
        return Err(input("has no two axes with elements to make a picture of").mend("choose another dataset"));
    }
    let view = View::resolve(target.index.as_deref(), &shape).map_err(|f| f.at(&target.file))?;
    let size = view.region.elements().saturating_mul(8);
    if size > MOST_BYTES {
        let why = format!("the slice takes {} of memory", bytes(size));
        return Err(Failure::new(FailureKind::Usage, why).mend("take a part of it: [120, 0:2000, 0:2000]"));
    }
    let mut raw = vec![0u8; size as usize];
    let transfer = transfer::Transfer::new(transfer::Mode::Independent).map_err(fail)?;
    transfer.read(&dataset, Dtype::F64, &view.region, &mut raw).map_err(fail)?;
    let values = raw.chunks_exact(8).map(|b| f64::from_ne_bytes(b.try_into().expect("eight bytes"))).collect();
    let [rows, columns] = view.axes;
    let of = |axis: usize| view.region.count[axis] as usize;
    Ok(Slice {
        size: [of(rows), of(columns)],
        values,
        title: title(target, &name, &view, &shape),
        labels: labels(&file, &dataset, &name, shape.len()).map_or_else(
            || [format!("axis {rows}"), format!("axis {columns}")],
            |names| [names[rows].clone(), names[columns].clone()],
        ),
        origin: [view.region.start[rows], view.region.start[columns]],
    })
}

/// `scan.h5:entry/data[120, :, :]`
fn title(target: &Target, name: &str, view: &View, shape: &[u64]) -> String {
    let part = |axis: usize| {
        let (from, count) = (view.region.start[axis], view.region.count[axis]);
        match view.axes.contains(&axis) {
            false => from.to_string(),
            true if count == shape[axis] => ":".into(),
            true => format!("{from}:{}", from + count),
        }
    };
    let index: Vec<String> = (0..shape.len()).map(part).collect();
    let file = target.file.file_name().unwrap_or(target.file.as_os_str()).to_string_lossy();
    format!("{}:{}[{}]", printable(&file), printable(name), index.join(", "))
}

/// The names of the axes: the dataset's own (HDF5's dimension scales), or those that NeXus has on its group.
fn labels(file: &hdf5::File, dataset: &hdf5::Dataset, name: &str, axes: usize) -> Option<Vec<String>> {
    let usable =
        |names: Vec<String>| (names.len() == axes && names.iter().all(|n| !n.is_empty() && n != ".")).then_some(names);
    let own = attribute::texts(dataset, "DIMENSION_LABELS").and_then(usable);
    own.or_else(|| {
        let group = name.rsplit_once('/').map_or("/", |(group, _)| group);
        attribute::texts(&*file.group(group).ok()?, "axes").and_then(usable)
    })
}
