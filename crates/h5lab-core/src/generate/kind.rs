//! What data looks like: the kinds, their names in flags and plans, and their identifiers in records.

use crate::failure::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What the values look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// Uniform noise in [0, 1) (integers: over their whole range). Hardly compresses.
    Uniform,
    /// Detector counts: Poisson noise on a smooth background, a few bright peaks, dead pixels. As `u16`, shuffle and
    /// gzip shrink it 4-5 times.
    Detector,
    /// Projections of a phantom that turns about an axis: axis 0 is the angle, the last two axes are the detector's.
    Tomography,
    /// The element's own global index, wrapped to the type's range.
    Ramp,
}

impl DataKind {
    /// Every kind.
    pub const ALL: [DataKind; 4] = [DataKind::Uniform, DataKind::Detector, DataKind::Tomography, DataKind::Ramp];

    /// The name that flags and plans use.
    pub const fn name(self) -> &'static str {
        match self {
            DataKind::Uniform => "uniform",
            DataKind::Detector => "detector",
            DataKind::Tomography => "tomography",
            DataKind::Ramp => "ramp",
        }
    }

    /// The identifier that records and files keep. It changes whenever the same seed makes other values.
    pub const fn generator_id(self) -> &'static str {
        match self {
            DataKind::Uniform => "threefry2x64-20 uniform v1",
            DataKind::Detector => "philox4x64-10 detector v1",
            DataKind::Tomography => "philox4x64-10 tomography v1",
            DataKind::Ramp => "index ramp v1",
        }
    }

    /// The kind that has this identifier; `None` if this version of h5lab can't make its values.
    pub fn from_generator_id(id: &str) -> Option<Self> {
        DataKind::ALL.into_iter().find(|kind| kind.generator_id() == id)
    }
}

impl fmt::Display for DataKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataKind {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        DataKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("unknown kind of data '{text}'"))
                .mend(format!("use one of {}", DataKind::ALL.map(DataKind::name).join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_name_by_identifier_and_in_records() {
        for kind in DataKind::ALL {
            assert_eq!(kind.to_string().parse::<DataKind>().unwrap(), kind);
            assert_eq!(DataKind::from_generator_id(kind.generator_id()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!(DataKind::from_generator_id("philox4x64-10 uniform v1"), None);
    }

    #[test]
    fn an_unknown_kind_is_told_the_known_ones() {
        let failure = "noise".parse::<DataKind>().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage);
        assert_eq!(failure.mend.as_deref(), Some("use one of uniform, detector, tomography, ramp"));
    }
}
