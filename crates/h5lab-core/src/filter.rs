//! The filters that a chunk passes through on its way to the file: names, HDF5's numbers, parameters.
//!
//! `docs/filters.md` is the table for users. How each one codes bytes is in `h5lab-io`, `filter`.

use crate::failure::{Failure, FailureKind, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Deflate.
pub const DEFLATE: u32 = 1;
/// Byte shuffle.
pub const SHUFFLE: u32 = 2;
/// Checksum.
pub const FLETCHER32: u32 = 3;
/// h5py's LZF.
pub const LZF: u32 = 32000;
/// LZ4 in blocks.
pub const LZ4: u32 = 32004;
/// Bit shuffle, alone or with a compressor.
pub const BITSHUFFLE: u32 = 32008;
/// Zstandard.
pub const ZSTD: u32 = 32015;

/// The filters of the library itself, then those of the
/// [registry](https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md) that imaging files
/// use: number and name.
pub const KNOWN: [(u32, &str); 17] = [
    (DEFLATE, "deflate"),
    (SHUFFLE, "shuffle"),
    (FLETCHER32, "fletcher32"),
    (4, "szip"),
    (5, "nbit"),
    (6, "scaleoffset"),
    (307, "bzip2"),
    (LZF, "lzf"),
    (32001, "blosc"),
    (LZ4, "lz4"),
    (BITSHUFFLE, "bitshuffle"),
    (32013, "zfp"),
    (ZSTD, "zstd"),
    (32017, "sz"),
    (32018, "fcidecomp"),
    (32024, "sz3"),
    (32026, "blosc2"),
];

/// Levels where none is written: those of h5py and of the zstd program.
const GZIP_LEVEL: u8 = 4;
const ZSTD_LEVEL: u8 = 3;

/// A filter that a chunk passes through on its way to the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Byte shuffle: HDF5 filter 2.
    Shuffle,
    /// Deflate at this level, 0 to 9: HDF5 filter 1, h5py's `gzip`.
    Gzip(u8),
    /// A checksum of each chunk: HDF5 filter 3.
    Fletcher32,
    /// h5py's LZF: filter 32000.
    Lzf,
    /// LZ4: filter 32004.
    Lz4,
    /// Zstandard at this level, 1 to 22: filter 32015.
    Zstd(u8),
    /// Bit shuffle, and the compressor that belongs to it: filter 32008.
    Bitshuffle(Packing),
    /// A filter of somebody else's file that h5lab has no word for. HDF5 applies it, if it has it.
    Unknown {
        /// HDF5's number.
        id: u32,
        /// The name that the file gives it; may be empty.
        name: String,
        /// Its parameters, as the file has them.
        parameters: Vec<u32>,
    },
}

/// The compressor within the filter bitshuffle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// None: the bits are only put in order, for another filter.
    None,
    /// LZ4: what Eiger detectors write.
    Lz4,
    /// Zstandard at this level, 1 to 22.
    Zstd(u8),
}

/// A filter as the creation property list of a dataset has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// HDF5's number of the filter.
    pub id: u32,
    /// Its name in the file; may be empty.
    pub name: String,
    /// Whether a chunk that the filter fails on is stored without it.
    pub optional: bool,
    /// Its parameters (`cd_values`).
    pub parameters: Vec<u32>,
}

/// Filters in their order, as commands and plans take them: `shuffle+gzip=4`; nothing if there are none.
pub fn joined(filters: &[Filter]) -> String {
    filters.iter().map(Filter::to_string).collect::<Vec<_>>().join("+")
}

impl Filter {
    /// HDF5's number of the filter.
    pub fn id(&self) -> u32 {
        match self {
            Filter::Shuffle => SHUFFLE,
            Filter::Gzip(_) => DEFLATE,
            Filter::Fletcher32 => FLETCHER32,
            Filter::Lzf => LZF,
            Filter::Lz4 => LZ4,
            Filter::Zstd(_) => ZSTD,
            Filter::Bitshuffle(_) => BITSHUFFLE,
            Filter::Unknown { id, .. } => *id,
        }
    }

    /// True if it makes chunks smaller: it costs time for space. Shuffles and checksums do not.
    pub fn compresses(&self) -> bool {
        !matches!(self, Filter::Shuffle | Filter::Fletcher32 | Filter::Bitshuffle(Packing::None))
    }

    /// The parameters that are handed to HDF5 when a dataset is made; a filter adds what depends on the dataset.
    pub fn parameters(&self) -> Vec<u32> {
        match self {
            Filter::Shuffle | Filter::Fletcher32 | Filter::Lzf | Filter::Lz4 => Vec::new(),
            Filter::Gzip(level) | Filter::Zstd(level) => vec![(*level).into()],
            Filter::Bitshuffle(Packing::None) => vec![0, 0],
            Filter::Bitshuffle(Packing::Lz4) => vec![0, 2],
            Filter::Bitshuffle(Packing::Zstd(level)) => vec![0, 3, (*level).into()],
            Filter::Unknown { parameters, .. } => parameters.clone(),
        }
    }

    /// The filter as a file of elements of `element` bytes, in chunks of `chunk` bytes, has it.
    pub fn stage(&self, element: usize, chunk: usize) -> Stage {
        let (element, chunk) = (element as u32, u32::try_from(chunk).unwrap_or(0));
        let parameters = match self {
            Filter::Shuffle => vec![element],
            Filter::Lzf => lzf_parameters(chunk),
            Filter::Bitshuffle(_) => bitshuffle_parameters(&self.parameters(), element),
            _ => self.parameters(),
        };
        let name = name_of(self.id()).unwrap_or_default().to_owned();
        Stage { id: self.id(), name, optional: *self != Filter::Fletcher32, parameters }
    }

    /// The filter that a file has; `Unknown` if h5lab has no word for it.
    pub fn of(stage: &Stage) -> Self {
        let value = |index: usize| stage.parameters.get(index).copied();
        let level = |index, default: u8| value(index).map_or(default, |level| level.min(99) as u8);
        match (stage.id, value(4)) {
            (SHUFFLE, _) => Filter::Shuffle,
            (DEFLATE, _) => Filter::Gzip(level(0, GZIP_LEVEL)),
            (FLETCHER32, _) => Filter::Fletcher32,
            (LZF, _) => Filter::Lzf,
            (LZ4, _) => Filter::Lz4,
            (ZSTD, _) => Filter::Zstd(level(0, ZSTD_LEVEL)),
            (BITSHUFFLE, None | Some(0)) => Filter::Bitshuffle(Packing::None),
            (BITSHUFFLE, Some(2)) => Filter::Bitshuffle(Packing::Lz4),
            (BITSHUFFLE, Some(3)) => Filter::Bitshuffle(Packing::Zstd(level(5, ZSTD_LEVEL))),
            (id, _) => Filter::Unknown { id, name: stage.name.clone(), parameters: stage.parameters.clone() },
        }
    }
}

/// What LZF stores: the revisions of filter and library (as h5py 1.3 and later), and the bytes of a chunk.
pub fn lzf_parameters(chunk: u32) -> Vec<u32> {
    vec![4, 0x0105, chunk]
}

/// The version of the filter bitshuffle whose parameters these are: 0.4.
const BITSHUFFLE_VERSION: [u32; 2] = [0, 4];

/// What bitshuffle stores: its version, the bytes of an element, and what was `asked` for: the elements of a block (0:
/// its own choice), the compressor, its level. Parameters of a file that are `asked` for again are taken as they are.
pub fn bitshuffle_parameters(asked: &[u32], element: u32) -> Vec<u32> {
    // What is asked for has at most three values; the second is a compressor, of which there are 0, 2 and 3.
    let from_a_file = asked.len() > 3 || (asked.len() == 3 && asked[..2] == BITSHUFFLE_VERSION);
    let asked = if from_a_file { &asked[3..] } else { asked };
    [&BITSHUFFLE_VERSION, &[element][..], asked].concat()
}

/// The name of a known filter.
pub fn name_of(id: u32) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
}

/// A filter's number in words: `blosc (filter 32001)`, `filter 4711`.
pub fn title(id: u32, name: &str) -> String {
    match name_of(id) {
        Some(known) => format!("{known} (filter {id})"),
        None if name.is_empty() => format!("filter {id}"),
        // HDF5 numbers no filter 0: a newer h5lab's, known by its name alone.
        None if id == 0 => crate::report::printable(name),
        None => format!("{} (filter {id})", crate::report::printable(name)),
    }
}

/// As [`Filter::from_str`] reads it; what it can't read is named as [`title`] does.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Shuffle => f.write_str("shuffle"),
            Filter::Gzip(level) => write!(f, "gzip={level}"),
            Filter::Fletcher32 => f.write_str("fletcher32"),
            Filter::Lzf => f.write_str("lzf"),
            Filter::Lz4 => f.write_str("lz4"),
            Filter::Zstd(level) => write!(f, "zstd={level}"),
            Filter::Bitshuffle(Packing::None) => f.write_str("bitshuffle"),
            Filter::Bitshuffle(Packing::Lz4) => f.write_str("bitshuffle-lz4"),
            Filter::Bitshuffle(Packing::Zstd(level)) => write!(f, "bitshuffle-zstd={level}"),
            Filter::Unknown { id, name, .. } => f.write_str(&title(*id, name)),
        }
    }
}

impl FromStr for Filter {
    type Err = Failure;

    /// Takes `shuffle`, `fletcher32`, `lzf`, `lz4`, `bitshuffle`, `bitshuffle-lz4`; with a level or without `gzip` (4, as
    /// h5py), `zstd` (3, as its program) and `bitshuffle-zstd` (3).
    fn from_str(text: &str) -> Result<Self> {
        let (name, level) = text.split_once('=').map_or((text, None), |(name, level)| (name, Some(level)));
        let level = |least: u8, most: u8, usual: u8| match level {
            None => Some(usual),
            Some(digits) => digits.parse().ok().filter(|level| (least..=most).contains(level)),
        };
        let plain = |filter| (name == text).then_some(filter);
        match name {
            "shuffle" => plain(Filter::Shuffle),
            "fletcher32" => plain(Filter::Fletcher32),
            "lzf" => plain(Filter::Lzf),
            "lz4" => plain(Filter::Lz4),
            "bitshuffle" => plain(Filter::Bitshuffle(Packing::None)),
            "bitshuffle-lz4" => plain(Filter::Bitshuffle(Packing::Lz4)),
            "gzip" => level(0, 9, GZIP_LEVEL).map(Filter::Gzip),
            "zstd" => level(1, 22, ZSTD_LEVEL).map(Filter::Zstd),
            "bitshuffle-zstd" => level(1, 22, ZSTD_LEVEL).map(|level| Filter::Bitshuffle(Packing::Zstd(level))),
            _ => None,
        }
        .ok_or_else(|| refuse(text))
    }
}

fn refuse(text: &str) -> Failure {
    let why = format!("unknown filter '{}'", crate::report::printable(text));
    Failure::new(FailureKind::Usage, why).mend(
        "use shuffle, gzip (gzip=0 to gzip=9), lzf, lz4, zstd (zstd=1 to zstd=22), bitshuffle, bitshuffle-lz4, \
         bitshuffle-zstd=3 or fletcher32, joined by +: shuffle+gzip=4",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What users write, what is shown, what records hold, HDF5's number, and the parameters in a file of u16 in chunks
    /// of 800 bytes.
    const FILTERS: &[(&str, &str, &str, u32, &[u32])] = &[
        ("shuffle", "shuffle", r#""shuffle""#, 2, &[2]),
        ("gzip", "gzip=4", r#"{"gzip":4}"#, 1, &[4]),
        ("gzip=9", "gzip=9", r#"{"gzip":9}"#, 1, &[9]),
        ("gzip=0", "gzip=0", r#"{"gzip":0}"#, 1, &[0]),
        ("fletcher32", "fletcher32", r#""fletcher32""#, 3, &[]),
        ("lzf", "lzf", r#""lzf""#, 32000, &[4, 261, 800]),
        ("lz4", "lz4", r#""lz4""#, 32004, &[]),
        ("zstd", "zstd=3", r#"{"zstd":3}"#, 32015, &[3]),
        ("zstd=22", "zstd=22", r#"{"zstd":22}"#, 32015, &[22]),
        ("bitshuffle", "bitshuffle", r#"{"bitshuffle":"none"}"#, 32008, &[0, 4, 2, 0, 0]),
        ("bitshuffle-lz4", "bitshuffle-lz4", r#"{"bitshuffle":"lz4"}"#, 32008, &[0, 4, 2, 0, 2]),
        ("bitshuffle-zstd", "bitshuffle-zstd=3", r#"{"bitshuffle":{"zstd":3}}"#, 32008, &[0, 4, 2, 0, 3, 3]),
        ("bitshuffle-zstd=7", "bitshuffle-zstd=7", r#"{"bitshuffle":{"zstd":7}}"#, 32008, &[0, 4, 2, 0, 3, 7]),
    ];

    #[test]
    fn filters_are_what_users_records_and_files_call_them() {
        for (text, shown, record, id, parameters) in FILTERS {
            let filter: Filter = text.parse().unwrap();
            assert_eq!((filter.to_string().as_str(), filter.id()), (*shown, *id), "{text}");
            assert_eq!(shown.parse::<Filter>().unwrap(), filter);
            assert_eq!(serde_json::to_string(&filter).unwrap(), *record);
            assert_eq!(serde_json::from_str::<Filter>(record).unwrap(), filter);
            let stage = filter.stage(2, 800);
            assert_eq!(stage.parameters, *parameters, "{text}");
            assert_eq!(Filter::of(&stage), filter);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "gzip=10",
            "gzip=",
            "gzip=-1",
            "snappy",
            "",
            "shuffle=1",
            "lz4=3",
            "zstd=0",
            "zstd=23",
            "bitshuffle=2",
            "bitshuffle-gzip",
            "bitshuffle-zstd=x",
            "none",
        ] {
            let refused = text.parse::<Filter>().unwrap_err();
            assert!(refused.mend.unwrap().contains("bitshuffle-lz4"), "{text}");
        }
    }

    #[test]
    fn filters_of_others_keep_their_number_and_their_name() {
        let stage = |id, name: &str, parameters: &[u32]| Stage {
            id,
            name: name.into(),
            optional: true,
            parameters: parameters.to_vec(),
        };
        let blosc = Filter::of(&stage(32001, "blosc", &[2, 2, 2, 800, 5, 1, 0]));
        assert_eq!((blosc.to_string().as_str(), blosc.parameters().len()), ("blosc (filter 32001)", 7));
        assert_eq!(Filter::of(&stage(4711, "", &[])).to_string(), "filter 4711");
        assert_eq!(Filter::of(&stage(4711, "mine", &[])).to_string(), "mine (filter 4711)");
        // A compressor of a later bitshuffle.
        assert!(matches!(Filter::of(&stage(BITSHUFFLE, "", &[0, 9, 2, 0, 8])), Filter::Unknown { .. }));
        let json = serde_json::to_string(&blosc).unwrap();
        assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), blosc);
    }

    #[test]
    fn the_parameters_of_a_file_serve_for_another() {
        for asked in [&[][..], &[0, 0], &[0, 2], &[0, 3, 2], &[64, 2]] {
            let once = bitshuffle_parameters(asked, 2);
            assert_eq!(bitshuffle_parameters(&once, 2), once, "{asked:?}");
            assert_eq!(bitshuffle_parameters(&once, 4)[2], 4);
        }
    }
}
