//! What a dataset holds: its name, shape, element type, and the rule that makes every value.

use crate::failure::{Failure, FailureKind, Result};
use crate::generate::Data;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The type of an element, as the file stores it (little-endian).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer: most detectors' counts.
    U16,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer: NumPy's own choice for whole numbers.
    I64,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
}

impl Dtype {
    /// Every element type.
    pub const ALL: [Dtype; 10] = [
        Dtype::U8,
        Dtype::U16,
        Dtype::U32,
        Dtype::U64,
        Dtype::I8,
        Dtype::I16,
        Dtype::I32,
        Dtype::I64,
        Dtype::F32,
        Dtype::F64,
    ];

    /// Size of an element in bytes.
    pub const fn size(self) -> usize {
        match self {
            Dtype::U8 | Dtype::I8 => 1,
            Dtype::U16 | Dtype::I16 => 2,
            Dtype::U32 | Dtype::I32 | Dtype::F32 => 4,
            Dtype::U64 | Dtype::I64 | Dtype::F64 => 8,
        }
    }

    /// NumPy's name of the type: `float32`, `uint16`, ...
    pub const fn numpy(self) -> &'static str {
        match self {
            Dtype::U8 => "uint8",
            Dtype::U16 => "uint16",
            Dtype::U32 => "uint32",
            Dtype::U64 => "uint64",
            Dtype::I8 => "int8",
            Dtype::I16 => "int16",
            Dtype::I32 => "int32",
            Dtype::I64 => "int64",
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
        }
    }

    /// The short name that flags, plans and records use: `f32`, `u16`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::U8 => "u8",
            Dtype::U16 => "u16",
            Dtype::U32 => "u32",
            Dtype::U64 => "u64",
            Dtype::I8 => "i8",
            Dtype::I16 => "i16",
            Dtype::I32 => "i32",
            Dtype::I64 => "i64",
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dtype {
    type Err = Failure;

    /// Takes the short name (`f32`) or NumPy's (`float32`).
    fn from_str(text: &str) -> Result<Self> {
        Dtype::ALL.into_iter().find(|d| d.name() == text || d.numpy() == text).ok_or_else(|| {
            let known: Vec<_> = Dtype::ALL.iter().map(|d| d.name()).collect();
            Failure::new(FailureKind::Usage, format!("unknown element type '{text}'"))
                .mend(format!("use one of {}", known.join(", ")))
        })
    }
}

/// Number of elements along each axis, slowest axis first (C order).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape(pub Vec<u64>);

impl Shape {
    /// Most axes that HDF5 allows (H5S_MAX_RANK).
    pub const MAX_AXES: usize = 32;

    /// A shape for a dataset that is to be made: every axis at least 1, the whole below 2^63 bytes.
    ///
    /// # Errors
    /// A usage failure that says which of these does not hold.
    pub fn to_create(axes: Vec<u64>, dtype: Dtype) -> Result<Self> {
        let shape = Shape(axes);
        if shape.0.is_empty() || shape.0.len() > Self::MAX_AXES {
            return Err(Failure::new(FailureKind::Usage, format!("{} axes: a dataset has 1 to 32", shape.0.len())));
        }
        if shape.0.contains(&0) {
            return Err(Failure::new(FailureKind::Usage, format!("shape {shape}: every size must be at least 1")));
        }
        match shape.bytes(dtype) {
            Some(bytes) if bytes <= i64::MAX as u64 => Ok(shape),
            _ => Err(Failure::new(
                FailureKind::Usage,
                format!("shape {shape} of {dtype} is more than 2^63 bytes, the most that HDF5 can address"),
            )
            .mend("make it smaller")),
        }
    }

    /// Number of elements; `None` where it overflows.
    pub fn elements(&self) -> Option<u64> {
        self.0.iter().try_fold(1u64, |product, &n| product.checked_mul(n))
    }

    /// Logical size in bytes; `None` where it overflows.
    pub fn bytes(&self, dtype: Dtype) -> Option<u64> {
        self.elements()?.checked_mul(dtype.size() as u64)
    }
}

/// `1801x540x640`; a scalar is `scalar`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.pad("scalar");
        }
        f.pad(&self.0.iter().map(u64::to_string).collect::<Vec<_>>().join("x"))
    }
}

impl FromStr for Shape {
    type Err = Failure;

    /// Takes `1801x540x640`. Zeros are let through: see [`Shape::to_create`].
    fn from_str(text: &str) -> Result<Self> {
        let axes: Option<Vec<u64>> = text.split('x').map(|n| n.trim().parse().ok()).collect();
        axes.map(Shape).ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("'{text}' is not a shape"))
                .mend("write whole numbers joined by x, slowest axis first: 500x768x1366")
        })
    }
}

/// A dataset of another file whose values are taken: `FILE:DATASET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceFile {
    /// The HDF5 file.
    pub file: PathBuf,
    /// Path of the dataset in it, without the leading slash.
    pub dataset: String,
}

impl SourceFile {
    /// All ways to cut `FILE:DATASET` at a colon, the last colon first: either name may have colons of its own.
    pub fn cuts(&self) -> Vec<SourceFile> {
        let Some(file) = self.file.to_str() else { return vec![self.clone()] };
        let text = format!("{file}:{}", self.dataset);
        let cut = |(at, _): (usize, &str)| {
            let (file, dataset) = (&text[..at], text[at + 1..].trim_start_matches('/'));
            let whole = !file.is_empty() && !dataset.is_empty();
            whole.then(|| SourceFile { file: file.into(), dataset: dataset.to_owned() })
        };
        text.rmatch_indices(':').filter_map(cut).collect()
    }
}

impl fmt::Display for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.dataset)
    }
}

impl FromStr for SourceFile {
    type Err = Failure;

    /// Takes `FILE:DATASET`, cut at the last colon; [`SourceFile::cuts`] has the other ways.
    fn from_str(text: &str) -> Result<Self> {
        match text.rsplit_once(':').map(|(file, dataset)| (file, dataset.trim_start_matches('/'))) {
            Some((file, dataset)) if !file.is_empty() && !dataset.is_empty() => {
                Ok(SourceFile { file: file.into(), dataset: dataset.to_owned() })
            }
            _ => Err(Failure::new(
                FailureKind::Usage,
                format!("'{}' is not FILE:DATASET", crate::report::printable(text)),
            )
            .mend("write the file, a colon, and the path of the dataset in it: scan.h5:entry/data")),
        }
    }
}

/// A dataset: what it is called, how large it is, and what stands in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Path of the dataset in the file, without the leading slash.
    pub name: String,
    /// Elements along each axis.
    pub shape: Shape,
    /// Type of an element.
    pub dtype: Dtype,
    /// The rule that makes every value; `None` where the values are somebody else's and can't be verified.
    pub data: Option<Data>,
    /// The dataset whose leading part holds the values instead of a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SourceFile>,
}

impl Dataset {
    /// The same, with values that nothing is known of.
    pub fn of_unknown_values(&self) -> Dataset {
        Dataset { data: None, from: None, ..self.clone() }
    }

    /// True if it is known what every value must be.
    pub fn has_known_values(&self) -> bool {
        self.data.is_some() || self.from.is_some()
    }

    /// Logical size in bytes (elements times the size of one).
    ///
    /// # Panics
    /// If it overflows; a [`Shape::to_create`] does not, nor does the shape of a dataset in a file.
    pub fn bytes(&self) -> u64 {
        self.shape.bytes(self.dtype).expect("the shape was checked when it was made")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_written_alike() {
        for text in ["4", "128x10000000", "500x768x1366"] {
            assert_eq!(text.parse::<Shape>().unwrap().to_string(), text);
        }
        for text in ["", "x", "3x", "-1x4", "3x4.5", "99999999999999999999"] {
            assert_eq!(text.parse::<Shape>().unwrap_err().kind, FailureKind::Usage, "{text}");
        }
    }

    #[test]
    fn a_shape_to_create_is_neither_empty_nor_too_large() {
        assert!(Shape::to_create(vec![4, 5], Dtype::F64).is_ok());
        for axes in [vec![], vec![0], vec![3, 0], vec![u64::MAX, 2], vec![1 << 61, 1], vec![1; 33]] {
            assert!(Shape::to_create(axes.clone(), Dtype::F32).is_err(), "{axes:?}");
        }
    }

    #[test]
    fn a_source_is_cut_at_the_last_colon() {
        let cases = [
            ("scan.h5:entry/data", "scan.h5", "entry/data"),
            ("/data/12:30.h5:/x", "/data/12:30.h5", "x"),
            ("a:b", "a", "b"),
        ];
        for (text, file, dataset) in cases {
            let source: SourceFile = text.parse().unwrap();
            assert_eq!(source, SourceFile { file: file.into(), dataset: dataset.into() });
            assert_eq!(source.to_string().parse::<SourceFile>().unwrap(), source);
        }
        let cuts = "a:1.h5:entry/x:y".parse::<SourceFile>().unwrap().cuts();
        let cuts: Vec<_> = cuts.iter().map(|cut| (cut.file.to_str().unwrap(), cut.dataset.as_str())).collect();
        assert_eq!(cuts, [("a:1.h5:entry/x", "y"), ("a:1.h5", "entry/x:y"), ("a", "1.h5:entry/x:y")]);
        for text in ["", ":", "scan.h5", "scan.h5:", "scan.h5:/", ":x"] {
            assert_eq!(text.parse::<SourceFile>().unwrap_err().kind, FailureKind::Usage, "{text}");
        }
    }

    #[test]
    fn a_dataset_without_a_source_does_not_mention_one() {
        let mut dataset = Dataset { name: "x".into(), shape: Shape(vec![2]), dtype: Dtype::U8, data: None, from: None };
        let text = serde_json::to_string(&dataset).unwrap();
        assert!(!text.contains("from"));
        assert_eq!(serde_json::from_str::<Dataset>(&text).unwrap(), dataset);
        dataset.from = Some("a.h5:b".parse().unwrap());
        let text = serde_json::to_string(&dataset).unwrap();
        assert_eq!(serde_json::from_str::<Dataset>(&text).unwrap(), dataset);
    }

    #[test]
    fn element_types_are_known_by_both_names() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.name().parse::<Dtype>().unwrap(), dtype);
            assert_eq!(dtype.numpy().parse::<Dtype>().unwrap(), dtype);
        }
        assert!("complex64".parse::<Dtype>().is_err());
    }
}
