//! In which pieces a dataset is written or read, named as the field names them.
//!
//! Axis 0 counts the images of a stack (angles, frames, scan points), the last two are an image's rows and columns.

use crate::dataset::Shape;
use crate::failure::{Failure, FailureKind, Result};
use crate::region::{Region, block};
use crate::split::Split;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An access pattern: which regions are asked for, one request after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Access {
    /// Each rank asks for its own part (by the experiment's split: contiguous rows, unless said otherwise) at once.
    Rows,
    /// `[i, :, :]`: whole images, one by one.
    Projection {
        /// How many, evenly spaced; all if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    },
    /// `[:, j, :]`: one row of every image. Needs 2 axes.
    Sinogram {
        /// How many, evenly spaced; all if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    },
    /// `[i, y0:y0+ny, x0:x0+nx]` for every i: the same tile of every image. Needs 3 axes.
    Roi {
        /// First row and first column of the tile.
        offset: [u64; 2],
        /// Rows and columns of the tile.
        size: [u64; 2],
    },
    /// `[:, y0:y0+ny, x0:x0+nx]`: the tile through the whole stack at once; ranks share its images. Needs 3 axes.
    RoiSeries {
        /// First row and first column of the tile.
        offset: [u64; 2],
        /// Rows and columns of the tile.
        size: [u64; 2],
    },
    /// `[:, y, x]`: one pixel through the stack. Needs 2 axes; with 2 it is `[:, x]`.
    Spectrum {
        /// How many pixels, spread over the image.
        pixels: u64,
    },
    /// Boxes at random places.
    Random {
        /// How many.
        boxes: u64,
        /// Elements of a box along each axis, cut to the dataset; one number stands for all axes.
        size: Vec<u64>,
        /// Seed of the places.
        seed: u64,
    },
    /// Everything in one request a rank, by the experiment's split.
    Full,
}

impl Access {
    /// All images.
    pub const PROJECTION: Access = Access::Projection { limit: None };

    /// The requests of one rank, in order. Requests of one access are dealt out in contiguous [`block`]s; where there
    /// is a single one, the ranks share its elements.
    pub fn requests<'a>(
        &'a self,
        shape: &'a [u64],
        split: Split,
        rank: usize,
        ranks: usize,
    ) -> Box<dyn Iterator<Item = Region> + 'a> {
        let whole = Region::whole(shape);
        match self {
            Access::Rows | Access::Full => single(split.part(&whole, rank, ranks)),
            Access::RoiSeries { offset, size } => {
                single(Split::Axis(0).part(&tile(shape, *offset, *size), rank, ranks))
            }
            _ => {
                let count = self.count(shape);
                let (from, to) = block(count, rank, ranks);
                Box::new((from..to).map(move |k| self.request(shape, k, count)))
            }
        }
    }

    /// How many requests there are in all.
    fn count(&self, shape: &[u64]) -> u64 {
        let along = |axis: usize, limit: &Option<u64>| {
            let all = shape.get(axis).copied().unwrap_or(1);
            limit.map_or(all, |limit| limit.min(all))
        };
        match self {
            Access::Rows | Access::Full | Access::RoiSeries { .. } => 1,
            Access::Projection { limit } => along(0, limit),
            Access::Sinogram { limit } => along(1, limit),
            Access::Roi { .. } => along(0, &None),
            Access::Spectrum { pixels } => *pixels,
            Access::Random { boxes, .. } => *boxes,
        }
    }

    /// Request `k` of `count`.
    fn request(&self, shape: &[u64], k: u64, count: u64) -> Region {
        let whole = Region::whole(shape);
        let spread = |n: u64| (u128::from(k) * u128::from(n) / u128::from(count.max(1))) as u64;
        match self {
            Access::Rows | Access::Full => whole,
            Access::Projection { .. } if shape.is_empty() => whole,
            Access::Projection { .. } => one(whole, 0, spread(shape[0])),
            Access::Sinogram { .. } => one(whole, 1, spread(shape[1])),
            Access::Roi { offset, size } => one(tile(shape, *offset, *size), 0, k),
            Access::RoiSeries { offset, size } => tile(shape, *offset, *size),
            Access::Spectrum { .. } => pixel(whole, shape, k),
            Access::Random { size, seed, .. } => random_box(shape, size, *seed, k),
        }
    }

    /// True if the access can be made on a dataset of this shape.
    pub fn fits(&self, shape: &[u64]) -> bool {
        match self {
            Access::Rows | Access::Full | Access::Projection { .. } => true,
            Access::Sinogram { .. } | Access::Spectrum { .. } => shape.len() >= 2,
            Access::Random { size, .. } => {
                !size.is_empty() && !size.contains(&0) && [1, shape.len()].contains(&size.len())
            }
            Access::Roi { offset, size } | Access::RoiSeries { offset, size } => {
                let image = shape.len().checked_sub(2).filter(|&first| first > 0);
                image.is_some_and(|first| {
                    (0..2).all(|d| {
                        let end = offset[d].checked_add(size[d]);
                        size[d] > 0 && end.is_some_and(|end| end <= shape[first + d])
                    })
                })
            }
        }
    }

    /// The name without its settings.
    pub const fn name(&self) -> &'static str {
        match self {
            Access::Rows => "rows",
            Access::Projection { .. } => "projection",
            Access::Sinogram { .. } => "sinogram",
            Access::Roi { .. } => "roi",
            Access::RoiSeries { .. } => "roi-series",
            Access::Spectrum { .. } => "spectrum",
            Access::Random { .. } => "random",
            Access::Full => "full",
        }
    }
}

fn single<'a>(region: Region) -> Box<dyn Iterator<Item = Region> + 'a> {
    Box::new((!region.is_empty()).then_some(region).into_iter())
}

/// One index of an axis.
fn one(region: Region, axis: usize, at: u64) -> Region {
    region.slab(axis, at, at + 1)
}

/// A tile of the last two axes, through all others.
fn tile(shape: &[u64], offset: [u64; 2], size: [u64; 2]) -> Region {
    let first = shape.len() - 2;
    let mut tile = Region::whole(shape);
    tile.start[first..].copy_from_slice(&offset);
    tile.count[first..].copy_from_slice(&size);
    tile
}

/// Pixel `k` through the stack: the golden ratio spreads pixels evenly over an image, however many there are.
fn pixel(whole: Region, shape: &[u64], k: u64) -> Region {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let first = shape.len().saturating_sub(2).max(1);
    let inside: u64 = shape[first..].iter().product();
    let mut at = ((u128::from((k + 1).wrapping_mul(GOLDEN)) * u128::from(inside)) >> 64) as u64;
    let mut pixel = whole;
    for axis in (first..shape.len()).rev() {
        pixel = one(pixel, axis, at % shape[axis]);
        at /= shape[axis];
    }
    pixel
}

/// Box `k`: its place along each axis comes from a hash of seed, box and axis (splitmix64).
fn random_box(shape: &[u64], size: &[u64], seed: u64, k: u64) -> Region {
    let mut region = Region::whole(shape);
    for (axis, &all) in shape.iter().enumerate() {
        let length = size.get(axis).or(size.first()).copied().unwrap_or(1).min(all);
        let room = all - length + 1;
        let hash = splitmix64(splitmix64(seed ^ splitmix64(k)) ^ axis as u64);
        region.start[axis] = ((u128::from(hash) * u128::from(room)) >> 64) as u64;
        region.count[axis] = length;
    }
    region
}

/// Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
fn splitmix64(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `rows`, `projection`, `projection:32`, `roi:200x200@0x0`, `spectrum:16`, `random:100:8x64x64`: as plans write them.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        f.pad(&match self {
            Access::Projection { limit: Some(n) } | Access::Sinogram { limit: Some(n) } => format!("{name}:{n}"),
            Access::Roi { offset: [y, x], size: [ny, nx] } | Access::RoiSeries { offset: [y, x], size: [ny, nx] } => {
                format!("{name}:{ny}x{nx}@{y}x{x}")
            }
            Access::Spectrum { pixels } => format!("{name}:{pixels}"),
            Access::Random { boxes, size, .. } => format!("{name}:{boxes}:{}", Shape(size.clone())),
            _ => name.to_owned(),
        })
    }
}

impl FromStr for Access {
    type Err = Failure;

    /// Takes what [`Display`](fmt::Display) writes; `spectrum` is `spectrum:16`, `random:N` has boxes of 64 along each
    /// axis, `roi:NYxNX` begins at the image's corner.
    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("unknown access '{text}'")).mend(
                "use rows, projection[:COUNT], sinogram[:COUNT], roi:ROWSxCOLUMNS[@ROWxCOLUMN], \
                 roi-series:ROWSxCOLUMNS[@ROWxCOLUMN], spectrum[:PIXELS], random:BOXES[:NxNxN] or full",
            )
        })
    }
}

fn parse(text: &str) -> Option<Access> {
    let (name, settings) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let number =
        |text: Option<&str>| text.map(|t| t.parse::<u64>().ok().filter(|&n| n > 0)).map_or(Some(None), |n| n.map(Some));
    Some(match name {
        "rows" if settings.is_none() => Access::Rows,
        "full" if settings.is_none() => Access::Full,
        "projection" => Access::Projection { limit: number(settings)? },
        "sinogram" => Access::Sinogram { limit: number(settings)? },
        "spectrum" => Access::Spectrum { pixels: number(settings)?.unwrap_or(16) },
        "roi" => {
            let (size, offset) = parse_tile(settings?)?;
            Access::Roi { offset, size }
        }
        "roi-series" => {
            let (size, offset) = parse_tile(settings?)?;
            Access::RoiSeries { offset, size }
        }
        "random" => {
            let (boxes, size) = settings?.split_once(':').map_or((settings?, "64"), |(boxes, size)| (boxes, size));
            Access::Random { boxes: number(Some(boxes))??, size: size.parse::<Shape>().ok()?.0, seed: 1 }
        }
        _ => return None,
    })
}

/// `200x200@0x0`: size and offset.
fn parse_tile(text: &str) -> Option<([u64; 2], [u64; 2])> {
    let (size, offset) = text.split_once('@').unwrap_or((text, "0x0"));
    let pair = |text: &str| {
        let (a, b) = text.split_once('x')?;
        Some([a.parse().ok()?, b.parse().ok()?])
    };
    Some((pair(size)?, pair(offset)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(text: &str, shape: &[u64], ranks: usize) -> Vec<Region> {
        let access: Access = text.parse().unwrap();
        assert!(access.fits(shape), "{text}");
        (0..ranks).flat_map(|r| access.requests(shape, Split::Axis(0), r, ranks).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn accesses_are_read_as_they_are_written() {
        for text in [
            "rows",
            "full",
            "projection",
            "projection:32",
            "sinogram",
            "sinogram:8",
            "roi:200x100@3x4",
            "roi-series:20x10@0x0",
            "spectrum:16",
            "random:100:8x64x64",
            "random:5:64",
        ] {
            assert_eq!(text.parse::<Access>().unwrap().to_string(), text);
        }
        for text in ["", "row", "rows:3", "roi", "roi:3", "roi:3x", "projection:0", "random", "random:x", "spectrum:-1"]
        {
            assert!(text.parse::<Access>().is_err(), "{text}");
        }
    }

    #[test]
    fn requests_are_the_field_s_slices() {
        let shape = [6, 8, 10];
        let region = |start: &[u64], count: &[u64]| Region::new(start.to_vec(), count.to_vec());
        assert_eq!(
            all_of("projection:2", &shape, 1),
            [region(&[0, 0, 0], &[1, 8, 10]), region(&[3, 0, 0], &[1, 8, 10])]
        );
        assert_eq!(all_of("sinogram", &shape, 3)[7], region(&[0, 7, 0], &[6, 1, 10]));
        assert_eq!(all_of("roi:2x3@4x5", &shape, 2)[5], region(&[5, 4, 5], &[1, 2, 3]));
        assert_eq!(
            all_of("roi-series:2x3", &shape, 2),
            [region(&[0, 0, 0], &[3, 2, 3]), region(&[3, 0, 0], &[3, 2, 3])]
        );
        for spectrum in all_of("spectrum:50", &shape, 4) {
            assert_eq!(spectrum.count, [6, 1, 1]);
        }
        assert_eq!(all_of("spectrum:3", &[6, 8], 1)[0].count, [6, 1]);
    }

    #[test]
    fn every_request_lies_within_the_dataset_whatever_the_ranks() {
        for shape in [&[5, 7][..], &[5, 7, 9], &[2, 3, 4, 5], &[2, 2, 3, 4, 5]] {
            for text in
                ["rows", "full", "projection", "sinogram", "spectrum:9", "random:20:3", "roi:2x2@1x1", "roi-series:3x3"]
            {
                let access: Access = text.parse().unwrap();
                if !access.fits(shape) {
                    continue;
                }
                let counts: Vec<u64> =
                    [1, 2, 7].map(|ranks| all_of(text, shape, ranks).iter().map(Region::elements).sum()).into();
                assert!(counts.iter().all(|&n| n == counts[0] && n > 0), "{text} {shape:?} {counts:?}");
                assert!(all_of(text, shape, 3).iter().all(|r| r.fits(shape)), "{text} {shape:?}");
            }
        }
    }
}
