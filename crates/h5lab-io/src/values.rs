//! Where the values of an experiment come from: a rule, or a dataset of another file.

use crate::buffer::Buffer;
use crate::h5::{self, failure, transfer};
use h5lab_core::dataset::{Dataset, Dtype, Shape, SourceFile};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::generate::{Data, Mismatch, compare};
use h5lab_core::layout::Layout;
use h5lab_core::region::Region;
use hdf5_metno as hdf5;

/// What every value of a dataset must be. Each rank has its own, and asks it by itself: nothing here is collective.
///
/// Regions are of the experiment's dataset; buffers hold just the region, in C order and this machine's byte order.
pub trait Values {
    /// Writes the values of a region into `out`.
    ///
    /// # Errors
    /// Those of a file that they are read from.
    fn fill(&mut self, region: &Region, out: &mut [u8]) -> Result<()>;

    /// Compares `found` with the values of a region, bit by bit: the first that differs, and how many do.
    ///
    /// # Errors
    /// As [`Values::fill`].
    fn verify(&mut self, region: &Region, found: &[u8]) -> Result<Option<Mismatch>>;
}

/// The values of a dataset; `None` if nothing is known of them.
///
/// # Errors
/// If they come from a file: what stands in the way of reading it, or that it does not fit the dataset.
pub fn of<'a>(dataset: &'a Dataset) -> Result<Option<Box<dyn Values + 'a>>> {
    Ok(match (&dataset.data, &dataset.from) {
        (_, Some(source)) => Some(Box::new(FromFile::open(dataset, source)?)),
        (Some(rule), None) => Some(Box::new(FromRule { dataset, rule })),
        (None, None) => None,
    })
}

/// The dataset that takes all values of a source: its shape and its element type.
///
/// # Errors
/// `Input` or `Storage`: the file or the dataset is not there, can't be read, or is not numeric.
pub fn whole(source: &SourceFile) -> Result<Dataset> {
    let file = h5::open_existing(&source.file).map_err(|f| f.during("read the source"))?;
    let (theirs, _) = describe(&file, source)?;
    Ok(Dataset { data: None, from: Some(source.clone()), ..theirs })
}

/// The source with its name cut at the colon before which there is a file.
pub fn located(source: &SourceFile) -> SourceFile {
    let there = source.cuts().into_iter().find(|cut| cut.file.is_file());
    there.unwrap_or_else(|| source.clone())
}

fn describe(file: &hdf5::File, source: &SourceFile) -> Result<(Dataset, Layout)> {
    h5::dataset::describe(file, Some(&source.dataset), &source.file).map_err(|mut failure| {
        // There is no flag for the source's dataset: it is part of its name.
        failure.mend = failure.mend.map(|mend| mend.replace("with --dataset", "after the colon of FILE:DATASET"));
        failure.during("read the source")
    })
}

/// The values that a rule makes.
struct FromRule<'a> {
    dataset: &'a Dataset,
    rule: &'a Data,
}

impl Values for FromRule<'_> {
    fn fill(&mut self, region: &Region, out: &mut [u8]) -> Result<()> {
        self.rule.fill(&self.dataset.shape.0, self.dataset.dtype, region, out);
        Ok(())
    }

    fn verify(&mut self, region: &Region, found: &[u8]) -> Result<Option<Mismatch>> {
        Ok(self.rule.verify(&self.dataset.shape.0, self.dataset.dtype, region, found).err())
    }
}

/// The leading part of a dataset of another file.
struct FromFile<'a> {
    dataset: &'a Dataset,
    source: Source<'a>,
    /// What is compared with; as large as it has to be so far.
    expected: Buffer,
}

/// A dataset of another file, which this rank has opened for itself.
struct Source<'a> {
    name: &'a SourceFile,
    theirs: hdf5::Dataset,
    transfer: transfer::Transfer,
}

impl<'a> FromFile<'a> {
    fn open(dataset: &'a Dataset, name: &'a SourceFile) -> Result<Self> {
        let file = h5::open_existing(&name.file).map_err(|f| f.during("read the source"))?;
        let (there, _) = describe(&file, name)?;
        check_fit(dataset, &there, name)?;
        let fail = |e: hdf5::Error| failure(&e, "read the source", &name.file);
        let theirs = file.dataset(&name.dataset).map_err(fail)?;
        let transfer = transfer::Transfer::new(transfer::Mode::Independent).map_err(fail)?;
        Ok(FromFile { dataset, source: Source { name, theirs, transfer }, expected: Buffer::touched(0) })
    }
}

impl Source<'_> {
    fn read(&self, dtype: Dtype, region: &Region, out: &mut [u8]) -> Result<()> {
        let read = self.transfer.read(&self.theirs, dtype, region, out);
        read.map_err(|e| failure(&e, "read the source", &self.name.file))
    }
}

impl Values for FromFile<'_> {
    fn fill(&mut self, region: &Region, out: &mut [u8]) -> Result<()> {
        self.source.read(self.dataset.dtype, region, out)
    }

    fn verify(&mut self, region: &Region, found: &[u8]) -> Result<Option<Mismatch>> {
        if self.expected.len() < found.len() {
            self.expected = Buffer::touched(found.len());
        }
        let expected = self.expected.bytes_mut(found.len());
        self.source.read(self.dataset.dtype, region, expected)?;
        Ok(compare(&self.dataset.shape.0, self.dataset.dtype, region, expected, found).err())
    }
}

/// Makes sure that the source has all the values of the dataset.
fn check_fit(dataset: &Dataset, there: &Dataset, source: &SourceFile) -> Result<()> {
    let refuse = |why: String, mend: String| {
        let why = format!("dataset '{}' {why}", h5lab_core::report::printable(&source.dataset));
        Err(Failure::new(FailureKind::Input, why).during("read the source").at(&source.file).mend(mend))
    };
    if there.dtype != dataset.dtype {
        let why = format!("is of {}, not {}", there.dtype, dataset.dtype);
        return refuse(why, format!("choose the element type {}", there.dtype));
    }
    let holds = |ours: &Shape, theirs: &Shape| {
        ours.0.len() == theirs.0.len() && ours.0.iter().zip(&theirs.0).all(|(ours, theirs)| ours <= theirs)
    };
    if !holds(&dataset.shape, &there.shape) {
        let why = format!("is of shape {}, which does not hold {}", there.shape, dataset.shape);
        return refuse(why, format!("choose a shape of as many axes, none of them longer than {}", there.shape));
    }
    Ok(())
}
