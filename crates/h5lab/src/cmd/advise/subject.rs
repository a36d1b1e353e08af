//! What advice is asked about: a dataset of a file, or one that is described by shape, type and kind of data.

use crate::cli::Advise;
use crate::usage;
use h5lab_core::dataset::{Dataset, Dtype, Shape, SourceFile};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::generate::Data;
use h5lab_core::inspect::{DatasetFacts, Inspection, Kind, Stored};
use h5lab_core::layout::Layout;
use h5lab_core::report::printable;
use std::path::PathBuf;

/// A dataset that a layout is to be found for.
pub struct Subject {
    /// How it is called: `scan.h5:entry/data`.
    pub label: String,
    /// Its file, if there is one.
    pub file: Option<PathBuf>,
    /// The dataset, with where its values come from.
    pub dataset: Dataset,
    /// Its layout; `None` if there is no file, or the layout is no candidate (virtual, external).
    pub today: Option<Layout>,
    /// True if its values are in other files: it is virtual, or external.
    pub elsewhere: bool,
    /// Bytes that it takes in its file.
    pub stored: Option<u64>,
    /// What was chosen for the user.
    pub note: Option<String>,
}

impl Subject {
    /// The subject that the flags name.
    ///
    /// # Errors
    /// `Usage` if they name none; `Input` if it is no dataset that a layout can be chosen for.
    pub fn of(args: &Advise) -> Result<Self> {
        match (&args.subject, &args.shape) {
            (Some(name), None) => Self::of_file(name),
            (None, Some(shape)) => described(args, shape),
            (Some(_), Some(_)) => Err(usage("a file + --shape: one of them says what the data is").mend("leave one out")),
            (None, None) => Err(usage("no file and no --shape").mend(
                "name a file (h5lab advise scan.h5), or describe the data: --shape 1801x2160x2560 --dtype u16 --data tomography",
            )),
        }
    }

    /// A dataset of a file: `FILE`, or `FILE:DATASET`.
    ///
    /// # Errors
    /// `Input` if it is no dataset that a layout can be chosen for.
    pub fn of_file(name: &str) -> Result<Self> {
        let (file, wanted) = crate::cmd::file_and_dataset(name);
        let found = h5lab_io::inspect::inspect(&file, false)?;
        let (path, facts, note) = choose(&found, wanted.as_deref()).map_err(|failure| failure.at(&file))?;
        check(&path, facts).map_err(|failure| failure.at(&file))?;
        let dataset = path.trim_start_matches('/').to_owned();
        let source = SourceFile { file: file.clone(), dataset: dataset.clone() };
        let whole = h5lab_io::values::whole(&source)?;
        let label = format!("{}:{dataset}", file.display());
        let (today, stored) = (facts.measured_layout(), Some(facts.stored_bytes));
        let elsewhere = matches!(facts.layout, Stored::Virtual { .. } | Stored::External { .. });
        Ok(Subject { label, file: Some(file), dataset: whole, today, elsewhere, stored, note })
    }
}

fn described(args: &Advise, shape: &Shape) -> Result<Subject> {
    let shape = Shape::to_create(shape.0.clone(), args.dtype)?;
    two_axes(&shape.0, "a dataset of this shape")?;
    let data = Data { kind: args.data, seed: args.seed, stamp_ranks: None };
    let dataset = Dataset { name: "data".into(), shape, dtype: args.dtype, data: Some(data), from: None };
    let label = format!("{} data", args.data);
    Ok(Subject { label, file: None, dataset, today: None, elsewhere: false, stored: None, note: None })
}

/// The dataset that is wanted; or the largest one that a layout can be chosen for.
fn choose<'a>(found: &'a Inspection, wanted: Option<&str>) -> Result<(String, &'a DatasetFacts, Option<String>)> {
    let datasets = || {
        found.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Dataset(facts) => Some((node.path.clone(), &**facts)),
            _ => None,
        })
    };
    let names = || datasets().take(20).map(|(path, _)| printable(&path)).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        let path = found.met_at(wanted);
        let (path, facts) = datasets().find(|(other, _)| *other == path).ok_or_else(|| {
            Failure::new(FailureKind::Input, format!("no dataset '{}'", printable(wanted)))
                .mend(format!("choose one after the colon of FILE:DATASET; it has: {}", names()))
        })?;
        return Ok((path, facts, None));
    }
    let fitting = datasets().filter(|(path, facts)| check(path, facts).is_ok());
    let largest = fitting.max_by_key(|(_, facts)| facts.logical_bytes);
    match largest {
        Some((path, facts)) => {
            let note =
                (datasets().count() > 1).then(|| format!("{}: the largest dataset of numbers", printable(&path)));
            Ok((path, facts, note))
        }
        // The reason for the only one is worth more than that there is none.
        None => match datasets().next() {
            Some((path, facts)) if datasets().count() == 1 => Ok((path, facts, None)),
            Some(_) => {
                Err(Failure::new(FailureKind::Input, "none of its datasets is one that a layout can be chosen for")
                    .mend(format!("h5lab inspect shows what it has: {}", names())))
            }
            None => Err(Failure::new(FailureKind::Input, "there is no dataset in this file").mend("name another file")),
        },
    }
}

/// Explains why a layout can't be chosen for a dataset.
fn check(path: &str, facts: &DatasetFacts) -> Result<()> {
    let refuse = |why: String, mend: &str| {
        Err(Failure::new(FailureKind::Input, format!("dataset '{}' {why}", printable(path))).mend(mend))
    };
    let Some(shape) = facts.space.shape() else {
        return refuse("is null: it has a type, but no elements".into(), "choose another dataset");
    };
    if let Some(missing) = facts.filters.iter().find(|filter| !filter.available) {
        let what = h5lab_core::filter::title(missing.filter.id(), &missing.name);
        let why = format!("needs {what}, which is not available here: no sample can be read");
        return refuse(why, "point HDF5_PLUGIN_PATH at the filter plugins (hdf5plugin's, for example)");
    }
    if facts.dtype.is_none() {
        let why = format!("is of type {}: h5lab measures numbers of its own types only", printable(&facts.element));
        return refuse(why, &format!("choose a dataset of {}", Dtype::ALL.map(Dtype::name).join(", ")));
    }
    if shape.is_empty() {
        return refuse("is a scalar: one element needs no layout".into(), "choose another dataset");
    }
    if shape.contains(&0) {
        return refuse(
            "holds no elements: nothing can be measured".into(),
            "choose another dataset, or describe it with --shape",
        );
    }
    two_axes(shape, &format!("dataset '{}'", printable(path)))
}

fn two_axes(shape: &[u64], what: &str) -> Result<()> {
    if shape.len() >= 2 {
        return Ok(());
    }
    let why = format!("{what} has one axis, along which every read is a run of bytes: layouts hardly differ");
    Err(Failure::new(FailureKind::Input, why)
        .mend("leave it contiguous, or use chunks of 64 KiB to 1 MiB where it has to grow or to be compressed"))
}
