//! One experiment: which dataset, in which layout, is written or read how, by how many ranks.

use crate::access::Access;
use crate::dataset::Dataset;
use crate::failure::{Failure, FailureKind, Result};
use crate::layout::Layout;
use crate::method::Method;
use crate::split::Split;
use crate::tunables::Tunables;
use serde::{Deserialize, Serialize};

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From memory to the file.
    Write,
    /// From the file to memory.
    Read,
}

/// What is done about the page cache before a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheWanted {
    /// Nothing; what is found is measured and recorded.
    AsFound,
    /// One unmeasured pass over the same requests first.
    Warm,
    /// Written back, dropped, and the drop checked.
    Cold,
}

impl CacheWanted {
    /// Its name in plans and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            CacheWanted::AsFound => "as-found",
            CacheWanted::Warm => "warm",
            CacheWanted::Cold => "cold",
        }
    }
}

/// Everything that defines a measurement, apart from the machine and the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Write or read.
    pub direction: Direction,
    /// What is written or read.
    pub dataset: Dataset,
    /// How it lies in the file.
    pub layout: Layout,
    /// In which pieces it is asked for.
    pub access: Access,
    /// How ranks share the dataset, where they do not deal out requests.
    #[serde(default = "rows")]
    pub split: Split,
    /// How its bytes move.
    pub method: Method,
    /// How many ranks share the work.
    pub np: usize,
    /// What is done about the page cache before a read.
    pub cache: CacheWanted,
    /// Whether a write is flushed to the device (fsync) within the measurement.
    pub fsync: bool,
    /// How often it is measured.
    pub repeat: usize,
    /// Most bytes that one rank holds and moves at once.
    pub buffer: u64,
    /// What else is set; absent means: left to the libraries.
    #[serde(default)]
    pub tunables: Tunables,
}

/// The split of records that do not name one.
fn rows() -> Split {
    Split::Axis(0)
}

impl Experiment {
    /// One rank that reads everything once, cold, through HDF5, with each request in one call: what predictions and advice
    /// start from.
    pub fn one_reader(dataset: Dataset, layout: Layout) -> Self {
        Experiment {
            direction: Direction::Read,
            dataset,
            layout,
            access: Access::Full,
            split: rows(),
            method: Method::Independent,
            np: 1,
            cache: CacheWanted::Cold,
            fsync: false,
            repeat: 1,
            buffer: u64::MAX >> 1,
            tunables: Tunables::default(),
        }
    }

    /// What it is, in a few words: `read projection by posix, contiguous, np 2, warm`.
    pub fn in_words(&self) -> String {
        let (word, cache) = match (self.direction, self.cache) {
            (Direction::Write, _) => ("write", ""),
            (Direction::Read, CacheWanted::AsFound) => ("read", ""),
            (Direction::Read, CacheWanted::Warm) => ("read", ", warm"),
            (Direction::Read, CacheWanted::Cold) => ("read", ", cold"),
        };
        format!("{word} {} by {}, {}, np {}{cache}", self.access, self.method, self.layout, self.np)
    }

    /// Refuses what cannot work, whatever the method does, with the reason, before any file is opened. What a method can't
    /// do with these settings is the engines' to say.
    ///
    /// # Errors
    /// A usage failure that names the two settings that exclude each other.
    pub fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Failure::new(FailureKind::Usage, why));
        self.layout.check(&self.dataset.shape, self.dataset.dtype)?;
        if !self.access.fits(&self.dataset.shape.0) {
            let why = format!("access {} does not fit a dataset of shape {}", self.access, self.dataset.shape);
            return refuse(why).map_err(|f| f.mend("choose another access, or a shape with enough axes and rows"));
        }
        if let Split::Axis(axis) = self.split
            && axis >= self.dataset.shape.0.len()
        {
            let why = format!("processes {} does not fit a dataset of shape {}", self.split, self.dataset.shape);
            return refuse(why).map_err(|f| f.mend("axes are counted from 0; or share it out as blocks"));
        }
        if self.dataset.data.is_some() && self.dataset.from.is_some() {
            return refuse("a rule + a source file: the values can come from one of them alone".into());
        }
        if self.np == 0 || self.repeat == 0 {
            return refuse("ranks and repeats are counted from 1".into());
        }
        if self.buffer < self.dataset.dtype.size() as u64 {
            return refuse(format!("a buffer of {} bytes does not hold one element", self.buffer))
                .map_err(|f| f.mend("give a larger --buffer (64MiB) or --transfer-size (8MiB)"));
        }
        Ok(())
    }
}
