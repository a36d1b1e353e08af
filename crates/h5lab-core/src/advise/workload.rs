//! What is read from a dataset, and how often: the accesses and their shares.

use crate::access::Access;
use crate::dataset::Shape;
use crate::failure::{Failure, FailureKind, Result};
use crate::region::Region;
use crate::report::printable;
use crate::split::Split;
use serde::{Deserialize, Serialize};

/// One access, and its share of all reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// As it was asked for: `projection`, `roi:200x200`.
    pub name: String,
    /// How many of all reads are of this kind, 0 to 1.
    pub share: f64,
}

/// What is done with a dataset once it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// The reads; their shares sum to 1.
    pub reads: Vec<Read>,
    /// How it is written: `rows`, `projection` or `full`.
    pub writes: Access,
    /// What was understood otherwise than it was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A workload with a name.
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What it stands for.
    pub about: &'static str,
    reads: &'static str,
}

/// Every profile. `roi` alone is a tile of a quarter of the image's sides.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "tomography",
        about: "projections for checks, sinograms for reconstruction, some tiles",
        reads: "projection=0.45,sinogram=0.45,roi=0.1",
    },
    Profile {
        name: "ptychography",
        about: "whole diffraction patterns, and their centres",
        reads: "projection=0.7,roi=0.3",
    },
    Profile {
        name: "spectroscopy-map",
        about: "spectra of single pixels, and maps at one energy",
        reads: "spectrum=0.6,projection=0.4",
    },
    Profile { name: "mx-diffraction", about: "whole images, and tiles around spots", reads: "projection=0.8,roi=0.2" },
    Profile {
        name: "time-series",
        about: "tiles and single pixels through time, and whole frames",
        reads: "roi-series=0.4,spectrum=0.3,projection=0.3",
    },
];

/// Reads of one kind that a pass makes, at places spread over the dataset.
const READS_OF_A_PASS: u64 = 8;

impl Workload {
    /// Reads `projection=0.5,sinogram=0.4,roi:200x200=0.1`, or the name of a profile, for a dataset of this shape. Accesses
    /// without a share have equal ones.
    ///
    /// # Errors
    /// A usage failure: an access that is not known or does not fit the shape, a share that is none, or nothing left.
    pub fn parse(text: &str, shape: &[u64]) -> Result<Self> {
        let profile = PROFILES.iter().find(|profile| profile.name == text.trim());
        let words = profile.map_or(text, |profile| profile.reads);
        let mut workload = Workload { reads: Vec::new(), writes: Access::Rows, notes: Vec::new() };
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (name, share) = match word.rsplit_once('=') {
                Some((name, share)) => (name.trim(), Some(share_of(share.trim(), word)?)),
                None => (word, None),
            };
            match access(name, shape) {
                Ok(_) => workload.reads.push(Read { name: name.into(), share: share.unwrap_or(f64::NAN) }),
                // A profile is for data of many shapes.
                Err(_) if profile.is_some() => {
                    workload
                        .notes
                        .push(format!("{name} does not fit a dataset of shape {}: left out", Shape(shape.to_vec())));
                }
                Err(failure) => return Err(failure),
            }
        }
        workload.normalise()?;
        Ok(workload)
    }

    /// Makes the shares sum to 1.
    fn normalise(&mut self) -> Result<()> {
        let given: Vec<f64> = self.reads.iter().map(|read| read.share).filter(|share| !share.is_nan()).collect();
        if self.reads.is_empty() || (!given.is_empty() && given.iter().sum::<f64>() <= 0.0) {
            return Err(usage("no reads are left to choose a layout for".into()));
        }
        if given.len() < self.reads.len() && !given.is_empty() {
            return Err(usage("either all reads have a share, or none".into()));
        }
        if given.is_empty() {
            let equal = 1.0 / self.reads.len() as f64;
            self.reads.iter_mut().for_each(|read| read.share = equal);
            return Ok(());
        }
        let sum: f64 = given.iter().sum();
        self.reads.iter_mut().for_each(|read| read.share /= sum);
        if (sum - 1.0).abs() > 1e-6 && self.notes.is_empty() {
            self.notes.push(format!(
                "the shares of the reads sum to {}, not to 1: divided by that",
                crate::report::significant(sum)
            ));
        }
        self.reads.retain(|read| read.share > 0.0);
        Ok(())
    }

    /// The accesses as a pass makes them: a few reads of each kind, spread over a dataset of this shape.
    ///
    /// # Errors
    /// A usage failure, if one does not fit the shape.
    pub fn accesses(&self, shape: &[u64]) -> Result<Vec<Access>> {
        self.reads.iter().map(|read| access(&read.name, shape)).collect()
    }

    /// The requests of each pass.
    ///
    /// # Errors
    /// As [`Workload::accesses`].
    pub fn passes(&self, shape: &[u64]) -> Result<Vec<Vec<Region>>> {
        let requests = |access: Access| access.requests(shape, Split::Axis(0), 0, 1).collect();
        Ok(self.accesses(shape)?.into_iter().map(requests).collect())
    }

    /// The shares, in order.
    pub fn shares(&self) -> Vec<f64> {
        self.reads.iter().map(|read| read.share).collect()
    }

    /// `50 % projection, 40 % sinogram, 10 % roi:200x200`.
    pub fn in_words(&self) -> String {
        let word = |read: &Read| format!("{:.0} % {}", read.share * 100.0, read.name);
        self.reads.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

fn usage(why: String) -> Failure {
    Failure::new(FailureKind::Usage, why).mend(
        "write --reads with accesses and their shares: projection=0.5,sinogram=0.4,roi:200x200=0.1; or the name of a \
         profile: tomography, ptychography, spectroscopy-map, mx-diffraction, time-series",
    )
}

fn share_of(text: &str, word: &str) -> Result<f64> {
    let share = text.parse::<f64>().ok().filter(|share| share.is_finite() && *share >= 0.0);
    share.ok_or_else(|| usage(format!("'{}': the share of a read is a number of at least 0", printable(word))))
}

/// The access of a pass. Tiles are taken at random places, so that they do not begin where chunks do.
fn access(name: &str, shape: &[u64]) -> Result<Access> {
    let (kind, size) = name.split_once(':').map_or((name, None), |(kind, size)| (kind, Some(size)));
    let tile = || -> Option<[u64; 2]> {
        let image =
            shape.len().checked_sub(2).filter(|&first| first > 0).map(|first| [shape[first], shape[first + 1]])?;
        match size {
            None => Some(image.map(|n| n.div_ceil(4))),
            Some(text) => {
                let [rows, columns]: [u64; 2] = text.parse::<Shape>().ok()?.0.try_into().ok()?;
                (rows > 0 && columns > 0).then(|| [rows.min(image[0]), columns.min(image[1])])
            }
        }
    };
    let no_fit = || usage(format!("'{}' does not fit a dataset of shape {}", printable(name), Shape(shape.to_vec())));
    let made = match kind {
        "projection" if size.is_none() => Access::Projection { limit: Some(READS_OF_A_PASS) },
        "sinogram" if size.is_none() => Access::Sinogram { limit: Some(READS_OF_A_PASS) },
        "spectrum" if size.is_none() => Access::Spectrum { pixels: READS_OF_A_PASS },
        "roi" | "roi-series" => {
            let [rows, columns] = tile().ok_or_else(no_fit)?;
            let mut lengths = vec![1; shape.len()];
            if kind == "roi-series" {
                lengths.copy_from_slice(shape);
            }
            let first = shape.len() - 2;
            (lengths[first], lengths[first + 1]) = (rows, columns);
            Access::Random { boxes: READS_OF_A_PASS, size: lengths, seed: 1 }
        }
        "random" => {
            let lengths = size.and_then(|text| text.parse::<Shape>().ok()).ok_or_else(no_fit)?;
            Access::Random { boxes: READS_OF_A_PASS, size: lengths.0, seed: 1 }
        }
        "full" if size.is_none() => Access::Full,
        _ => return Err(usage(format!("'{}' is no read that a layout can be chosen for", printable(name)))),
    };
    if shape.len() >= 2 && made.fits(shape) { Ok(made) } else { Err(no_fit()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: [u64; 3] = [180, 540, 640];

    #[test]
    fn shares_are_made_to_sum_to_one_and_that_is_said() {
        let workload = Workload::parse("projection=0.5,sinogram=0.4,roi:200x200=0.1", &STACK).unwrap();
        assert_eq!((workload.shares(), workload.notes.len()), (vec![0.5, 0.4, 0.1], 0));
        let workload = Workload::parse("projection=2, sinogram=2", &STACK).unwrap();
        assert_eq!(workload.shares(), [0.5, 0.5]);
        assert!(workload.notes[0].contains("sum to 4"), "{:?}", workload.notes);
        assert_eq!(Workload::parse("projection,spectrum", &STACK).unwrap().shares(), [0.5, 0.5]);
        assert_eq!(Workload::parse("projection=1,spectrum=0", &STACK).unwrap().reads.len(), 1);
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_mend() {
        for text in [
            "",
            "projection=-1",
            "projection=x",
            "projection=0",
            "nonsense=1",
            "rows",
            "projection=0.5,sinogram",
            "roi:0x5",
            "roi:5",
        ] {
            let failure = Workload::parse(text, &STACK).unwrap_err();
            assert!(failure.kind == FailureKind::Usage && failure.mend.is_some(), "{text}");
        }
        assert!(Workload::parse("roi:20x20", &[30, 40]).is_err());
    }

    #[test]
    fn profiles_fit_what_they_fit() {
        for profile in PROFILES {
            for shape in [&[100, 200][..], &STACK, &[8, 9, 100, 120]] {
                let workload = Workload::parse(profile.name, shape).unwrap();
                assert!((workload.shares().iter().sum::<f64>() - 1.0).abs() < 1e-9, "{}", profile.name);
                assert!(workload.passes(shape).unwrap().iter().all(|pass| !pass.is_empty()));
                assert_eq!(
                    workload.notes.is_empty(),
                    shape.len() > 2 || !profile.reads.contains("roi"),
                    "{}",
                    profile.name
                );
            }
        }
    }

    #[test]
    fn a_tile_larger_than_the_image_is_the_image() {
        let workload = Workload::parse("roi:9999x10", &STACK).unwrap();
        assert_eq!(workload.passes(&STACK).unwrap()[0][0].count, [1, 540, 10]);
    }
}
