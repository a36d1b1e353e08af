//! The keys of a plan: one table for TOML and for flags, so that both take the same words.

use super::{ChunkChoice, DataChoice, Interleave, OnError, Sweep};
use crate::access::Access;
use crate::dataset::Shape;
use crate::experiment::CacheWanted;
use crate::failure::{Failure, FailureKind, Result};
use crate::filter::Filter;
use crate::tunables::{AllocationTime, FillTime, MpiIo};
use std::str::FromStr;

/// A key of a plan.
pub struct Key {
    /// Its name: in TOML as it is, as a flag behind `--`.
    pub name: &'static str,
    /// What it is, with its values.
    pub help: &'static str,
    /// True if it takes a list.
    pub list: bool,
    set: fn(&mut Sweep, &[String]) -> Result<()>,
}

/// Every key.
pub const KEYS: &[Key] = &[
    Key {
        name: "shape",
        help: "elements along each axis: 1801x540x640",
        list: true,
        set: |s, v| list(&mut s.shape, v),
    },
    Key {
        name: "dtype",
        help: "u8, u16, u32, u64, i8, i16, i32, i64, f32, f64",
        list: true,
        set: |s, v| list(&mut s.dtype, v),
    },
    Key {
        name: "data",
        help: "uniform, detector, tomography, ramp, or 'from FILE:DATASET'",
        list: true,
        set: |s, v| list(&mut s.data, v),
    },
    Key {
        name: "seed",
        help: "seed of the values: a whole number, 0 or more",
        list: false,
        set: |s, v| one(&mut s.seed, v),
    },
    Key {
        name: "method",
        help: "independent, collective, gather, per-process, subfiling, direct, posix, null",
        list: true,
        set: |s, v| list(&mut s.method, v),
    },
    Key {
        name: "chunk",
        help: "contiguous, auto (as h5py), or a shape",
        list: true,
        set: |s, v| list(&mut s.chunk, v),
    },
    Key {
        name: "filter",
        help: "none, or filters joined by +: shuffle, gzip=4, lzf, lz4, zstd=3, bitshuffle, bitshuffle-lz4, bitshuffle-zstd=3, fletcher32",
        list: true,
        set: |s, v| filters(&mut s.filter, v),
    },
    Key {
        name: "write",
        help: "how files are written: rows, projection, full",
        list: false,
        set: |s, v| written(s, v),
    },
    Key {
        name: "access",
        help: "how they are read: projection, sinogram:16, roi:200x200, roi-series:200x200, spectrum, random:100, rows, full",
        list: true,
        set: |s, v| list(&mut s.access, v),
    },
    Key {
        name: "processes",
        help: "how ranks share a dataset: axis0, axis1, ..., blocks",
        list: true,
        set: |s, v| list(&mut s.split, v),
    },
    Key {
        name: "np",
        help: "rank counts, whole numbers of at least 1: 1,2,4",
        list: true,
        set: |s, v| counts(&mut s.np, v),
    },
    Key { name: "cache", help: "cold, warm, as-found", list: true, set: |s, v| list(&mut s.cache, v) },
    Key {
        name: "fsync",
        help: "true or false: whether writes are flushed to the device",
        list: true,
        set: |s, v| list(&mut s.fsync, v),
    },
    Key { name: "path", help: "folders to measure in", list: true, set: |s, v| list(&mut s.path, v) },
    Key {
        name: "buffer",
        help: "most memory that a rank moves at once: 64MiB",
        list: true,
        set: |s, v| sizes(&mut s.buffer, v),
    },
    Key {
        name: "alignment",
        help: "objects begin at multiples of this: 4KiB, or default",
        list: true,
        set: |s, v| optional(&mut s.alignment, v, size),
    },
    Key {
        name: "chunk-cache-bytes",
        help: "chunk cache of the dataset: 16MiB, or default",
        list: true,
        set: |s, v| optional(&mut s.chunk_cache_bytes, v, size),
    },
    Key {
        name: "chunk-cache-slots",
        help: "slots of the chunk cache: a whole number, or default",
        list: true,
        set: |s, v| optional(&mut s.chunk_cache_slots, v, parse),
    },
    Key {
        name: "collective-metadata",
        help: "true, false or default",
        list: true,
        set: |s, v| optional(&mut s.collective_metadata, v, parse),
    },
    Key {
        name: "allocation-time",
        help: "early, late, incremental or default",
        list: true,
        set: |s, v| optional(&mut s.allocation_time, v, parse),
    },
    Key {
        name: "fill-time",
        help: "never, if-set, alloc or default",
        list: true,
        set: |s, v| optional(&mut s.fill_time, v, parse),
    },
    Key { name: "mpi-io", help: "ompio, romio or default", list: true, set: |s, v| optional(&mut s.mpi_io, v, parse) },
    Key {
        name: "subfiles",
        help: "files that subfiling stripes over: 4, or default (one a node)",
        list: true,
        set: |s, v| optional(&mut s.subfiles, v, parse),
    },
    Key {
        name: "subfile-stripe",
        help: "stripe of subfiling: 1MiB, or default (32MiB)",
        list: true,
        set: |s, v| optional(&mut s.subfile_stripe, v, size),
    },
    Key {
        name: "threads",
        help: "threads of a rank that move data, of direct: 4, or default (its share of the cores)",
        list: true,
        set: |s, v| optional(&mut s.threads, v, parse),
    },
    Key {
        name: "direct-io",
        help: "true: direct passes by the page cache (O_DIRECT); false or default",
        list: true,
        set: |s, v| optional(&mut s.direct_io, v, parse),
    },
    Key { name: "hint", help: "hints for MPI-IO: KEY=VALUE", list: true, set: |s, v| hints(s, v) },
    Key {
        name: "repeat",
        help: "how often each cell is measured: a whole number of at least 1",
        list: false,
        set: |s, v| repeat(s, v),
    },
    Key {
        name: "ceiling",
        help: "true or false: whether the posix ceiling is measured beside each cell",
        list: false,
        set: |s, v| one(&mut s.ceiling, v),
    },
    Key {
        name: "interleave",
        help: "what is measured in turns: layout (the cells of one, then of the next) or plan (all of them)",
        list: false,
        set: |s, v| one(&mut s.interleave, v),
    },
    Key { name: "on-error", help: "continue or stop", list: false, set: |s, v| one(&mut s.on_error, v) },
];

impl Key {
    /// What it takes, in words.
    pub fn takes(&self) -> String {
        format!("{} takes {}: {}", self.name, if self.list { "one value or a list" } else { "one value" }, self.help)
    }

    /// Another name that it goes by: records have the processes' share of a dataset as `split`.
    pub fn alias(&self) -> Option<&'static str> {
        (self.name == "processes").then_some("split")
    }
}

impl Sweep {
    /// Sets a key to these values.
    ///
    /// # Errors
    /// A usage failure: an unknown key (with the nearest known one), no value, several where one is taken, or a value
    /// that cannot be read.
    pub fn set(&mut self, name: &str, values: &[String]) -> Result<()> {
        let key = find(name)?;
        if values.is_empty() {
            return Err(
                usage(format!("{name}: the list is empty")).mend(format!("give at least one value: {}", key.takes()))
            );
        }
        if !key.list && values.len() > 1 {
            return Err(usage(format!("{name}: {} values, but it takes one", values.len())).mend(key.takes()));
        }
        (key.set)(self, values).map_err(|mut failure| {
            failure.message = format!("{name}: {}", failure.message);
            failure.mend.get_or_insert_with(|| key.takes());
            failure
        })
    }
}

/// The key of this name.
///
/// # Errors
/// A usage failure that names the nearest one.
pub fn find(name: &str) -> Result<&'static Key> {
    KEYS.iter().find(|key| key.name == name || key.alias() == Some(name)).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Failure {
    let nearest = KEYS.iter().map(|key| (strsim::damerau_levenshtein(name, key.name), key.name)).min();
    let known = || KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
    let failure = usage(format!("unknown key '{}'", crate::report::printable(name)));
    match nearest {
        Some((distance, key)) if distance * 2 <= name.len() => failure.mend(format!("did you mean '{key}'?")),
        _ => failure.mend(format!("the keys are {}", known())),
    }
}

fn usage(message: String) -> Failure {
    Failure::new(FailureKind::Usage, message)
}

fn parse<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| usage(format!("'{}' is not a value of this key", crate::report::printable(text))))
}

/// As [`parse`], but keeps a failure that says more.
fn parse_well<T: FromStr>(text: &str) -> Result<T>
where
    T::Err: Into<Box<dyn std::error::Error>>,
{
    text.parse().map_err(|e: T::Err| match e.into().downcast::<Failure>() {
        Ok(failure) => *failure,
        Err(_) => usage(format!("'{}' is not a value of this key", crate::report::printable(text))),
    })
}

fn list<T: FromStr>(into: &mut Vec<T>, values: &[String]) -> Result<()>
where
    T::Err: Into<Box<dyn std::error::Error>>,
{
    *into = values.iter().map(|v| parse_well(v)).collect::<Result<_>>()?;
    Ok(())
}

fn one<T: FromStr>(into: &mut T, values: &[String]) -> Result<()> {
    *into = parse(&values[0])?;
    Ok(())
}

fn optional<T>(into: &mut Vec<Option<T>>, values: &[String], parse: fn(&str) -> Result<T>) -> Result<()> {
    *into = values.iter().map(|v| if v == "default" { Ok(None) } else { parse(v).map(Some) }).collect::<Result<_>>()?;
    Ok(())
}

fn sizes(into: &mut Vec<u64>, values: &[String]) -> Result<()> {
    *into = values.iter().map(|v| size(v)).collect::<Result<_>>()?;
    Ok(())
}

fn size(text: &str) -> Result<u64> {
    crate::report::parse_bytes(text).map_err(|why| usage(format!("'{}': {why}", crate::report::printable(text))))
}

fn counts(into: &mut Vec<usize>, values: &[String]) -> Result<()> {
    let count = |v: &String| match v.parse() {
        Ok(0) | Err(_) => Err(usage(format!("'{}' is not a whole number of at least 1", crate::report::printable(v)))),
        Ok(n) => Ok(n),
    };
    *into = values.iter().map(count).collect::<Result<_>>()?;
    Ok(())
}

fn repeat(sweep: &mut Sweep, values: &[String]) -> Result<()> {
    let mut counted = Vec::new();
    counts(&mut counted, values)?;
    sweep.repeat = counted[0];
    Ok(())
}

fn filters(into: &mut Vec<Vec<Filter>>, values: &[String]) -> Result<()> {
    let pipeline = |v: &String| if v == "none" { Ok(vec![]) } else { v.split('+').map(str::parse).collect() };
    *into = values.iter().map(pipeline).collect::<Result<_>>()?;
    Ok(())
}

fn written(sweep: &mut Sweep, values: &[String]) -> Result<()> {
    let access: Access = parse_well(&values[0])?;
    match access {
        Access::Rows | Access::Full | Access::Projection { limit: None } => sweep.write = access,
        other => return Err(usage(format!("'{other}' does not write every element once"))),
    }
    Ok(())
}

fn hints(sweep: &mut Sweep, values: &[String]) -> Result<()> {
    let pair = |v: &String| match v.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(usage(format!("'{}' is not KEY=VALUE", crate::report::printable(v)))),
    };
    sweep.hints = values.iter().map(pair).collect::<Result<_>>()?;
    Ok(())
}

impl FromStr for ChunkChoice {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "contiguous" => ChunkChoice::Contiguous,
            "auto" => ChunkChoice::Auto,
            _ => {
                let shape: Shape = text.parse()?;
                if shape.0.contains(&0) {
                    return Err(usage(format!("chunk {shape}: every size must be at least 1")));
                }
                ChunkChoice::Shape(shape)
            }
        })
    }
}

impl FromStr for DataChoice {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_prefix("from ") {
            Some(source) => source.trim().parse().map(DataChoice::From).map_err(|failure: Failure| {
                failure.mend("write from, the file, a colon, and the dataset in it: 'from scan.h5:entry/data'")
            }),
            None => text.parse().map(DataChoice::Kind),
        }
    }
}

/// Makes a `FromStr` of a list of words.
macro_rules! words {
    ($type:ty, $($word:literal => $value:expr),+) => {
        impl FromStr for $type {
            type Err = Failure;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($word => Ok($value),)+
                    _ => Err(usage(format!("unknown word '{}'", crate::report::printable(text)))
                        .mend(format!("use {}", [$($word),+].join(", ")))),
                }
            }
        }
    };
}

words!(CacheWanted, "cold" => CacheWanted::Cold, "warm" => CacheWanted::Warm, "as-found" => CacheWanted::AsFound);
words!(Interleave, "layout" => Interleave::Layout, "plan" => Interleave::Plan);
words!(OnError, "continue" => OnError::Continue, "stop" => OnError::Stop);
words!(AllocationTime, "early" => AllocationTime::Early, "late" => AllocationTime::Late, "incremental" => AllocationTime::Incremental);
words!(FillTime, "never" => FillTime::Never, "if-set" => FillTime::IfSet, "alloc" => FillTime::Alloc);
words!(MpiIo, "ompio" => MpiIo::Ompio, "romio" => MpiIo::Romio);
