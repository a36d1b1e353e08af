//! `FILE:DATASET[120,:,:]`: which slice of which dataset, as NumPy writes it.

use crate::failure::{Failure, FailureKind, Result};
use crate::region::Region;
use crate::report::printable;
use std::path::PathBuf;
use std::str::FromStr;

/// A dataset of a file, and perhaps an index into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The HDF5 file.
    pub file: PathBuf,
    /// Path of the dataset in it; `None`: the file's only one.
    pub dataset: Option<String>,
    /// The index, one part an axis; `None`: the middle of all axes but the last two.
    pub index: Option<Vec<Part>>,
}

/// The index along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One place; negative ones count from the end.
    At(i64),
    /// From (0 if absent) up to, but not including (the end if absent).
    Range(Option<i64>, Option<i64>),
    /// As many whole axes as are missing.
    Rest,
}

/// A slice, resolved against a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What is read.
    pub region: Region,
    /// The two axes that are shown, rows first.
    pub axes: [usize; 2],
}

fn usage(why: String) -> Failure {
    Failure::new(FailureKind::Usage, why)
        .mend("write the file, a colon, the dataset, and an index as in NumPy: scan.h5:entry/data[120,:,:]")
}

impl FromStr for Target {
    type Err = Failure;

    /// Takes `FILE`, `FILE:DATASET`, `FILE:DATASET[120,:,:]`, with `a:b` for a part of an axis and `...` for the others.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = || usage(format!("'{}' is not FILE:DATASET[INDEX]", printable(text)));
        let (name, index) = match text.strip_suffix(']') {
            Some(text) => {
                let (name, index) = text.rsplit_once('[').ok_or_else(refuse)?;
                (name, Some(parse_index(index)?))
            }
            None => (text, None),
        };
        let (file, dataset) = match name.rsplit_once(':') {
            Some((file, dataset)) => (file, Some(dataset.trim_matches('/').to_owned()).filter(|d| !d.is_empty())),
            None => (name, None),
        };
        if file.is_empty() {
            return Err(refuse());
        }
        Ok(Target { file: file.into(), dataset, index })
    }
}

fn parse_index(text: &str) -> Result<Vec<Part>> {
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let bound = |text: &str| if text.trim().is_empty() { Some(None) } else { number(text).map(Some) };
    let part = |text: &str| {
        let text = text.trim();
        if text == "..." {
            return Some(Part::Rest);
        }
        match text.split_once(':') {
            Some((from, to)) => Some(Part::Range(bound(from)?, bound(to)?)),
            None => number(text).map(Part::At),
        }
    };
    let parts: Option<Vec<Part>> = text.split(',').map(part).collect();
    let parts = parts.ok_or_else(|| usage(format!("'[{}]' is not an index", printable(text))))?;
    if parts.iter().filter(|part| **part == Part::Rest).count() > 1 {
        return Err(usage("an index has one '...' at most".into()));
    }
    Ok(parts)
}

impl View {
    /// The slice that `index` takes of a dataset of this shape.
    ///
    /// # Errors
    /// A usage failure: too many parts, a place outside of the dataset, or not two axes that are left.
    pub fn resolve(index: Option<&[Part]>, shape: &[u64]) -> Result<Self> {
        let name = crate::dataset::Shape(shape.to_vec());
        let parts = match index {
            Some(index) => complete(index, shape.len())
                .ok_or_else(|| usage(format!("the index has more parts than the dataset of shape {name} has axes")))?,
            None => (0..shape.len())
                .map(|axis| if axis + 2 < shape.len() { Part::At(shape[axis] as i64 / 2) } else { WHOLE })
                .collect(),
        };
        let mut region = Region::whole(shape);
        let mut shown = Vec::new();
        for (axis, (part, &n)) in parts.iter().zip(shape).enumerate() {
            let (from, to) = extent(*part, n).ok_or_else(|| {
                usage(format!(
                    "axis {axis} of the dataset of shape {name} has {n} places: the index takes none of them"
                ))
            })?;
            region = region.slab(axis, from, to);
            if !matches!(part, Part::At(_)) {
                shown.push(axis);
            }
        }
        match shown[..] {
            [rows, columns] => Ok(View { region, axes: [rows, columns] }),
            _ => Err(usage(format!(
                "the index leaves {} axes of the dataset of shape {name}, but a picture has 2",
                shown.len()
            ))),
        }
    }
}

const WHOLE: Part = Part::Range(None, None);

/// The index with all axes.
fn complete(index: &[Part], axes: usize) -> Option<Vec<Part>> {
    let given = index.iter().filter(|part| **part != Part::Rest).count();
    let missing = axes.checked_sub(given)?;
    let mut parts = Vec::new();
    for part in index {
        match part {
            Part::Rest => parts.extend(std::iter::repeat_n(WHOLE, missing)),
            other => parts.push(*other),
        }
    }
    parts.resize(axes, WHOLE);
    Some(parts)
}

/// First place and the one after the last; `None` if there is none.
fn extent(part: Part, n: u64) -> Option<(u64, u64)> {
    let n = n as i64;
    let from_end = |at: i64| if at < 0 { at + n } else { at };
    let (from, to) = match part {
        Part::At(at) => (from_end(at), from_end(at) + 1),
        Part::Range(from, to) => (from.map_or(0, from_end).max(0), to.map_or(n, from_end).min(n)),
        Part::Rest => (0, n),
    };
    (from >= 0 && from < to && to <= n).then_some((from as u64, to as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(text: &str, shape: &[u64]) -> Result<View> {
        let target: Target = text.parse()?;
        View::resolve(target.index.as_deref(), shape)
    }

    #[test]
    fn slices_are_those_of_numpy() {
        let shape = [180, 540, 640];
        for (index, start, count, axes) in [
            ("", [90, 0, 0], [1, 540, 640], [1, 2]),
            ("[120,:,:]", [120, 0, 0], [1, 540, 640], [1, 2]),
            ("[-1]", [179, 0, 0], [1, 540, 640], [1, 2]),
            ("[:,7]", [0, 7, 0], [180, 1, 640], [0, 2]),
            ("[...,7]", [0, 0, 7], [180, 540, 1], [0, 1]),
            ("[5, 10:20, -40:]", [5, 10, 600], [1, 10, 40], [1, 2]),
            ("[5,10:9999,:]", [5, 10, 0], [1, 530, 640], [1, 2]),
        ] {
            let view = view(&format!("a.h5:d{index}"), &shape).unwrap();
            assert_eq!((view.region, view.axes), (Region::new(start.to_vec(), count.to_vec()), axes), "{index}");
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for index in
            ["[180,:,:]", "[-181]", "[:,:,:]", "[1,2,:]", "[1,2,3,4]", "[5,7:7,:]", "[a]", "[...,...]", "[0,0:2:2]"]
        {
            let failure = view(&format!("a.h5:d{index}"), &[180, 540, 640]).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Usage, "{index}");
            assert!(failure.mend.is_some());
        }
        assert!(View::resolve(None, &[7]).is_err());
        assert!(View::resolve(None, &[3, 0]).is_err());
    }

    #[test]
    fn targets_are_cut_at_the_last_colon_before_the_index() {
        let target: Target = "/d/12:30.h5:/entry/data[1,:,:]".parse().unwrap();
        assert_eq!((target.file, target.dataset.as_deref()), ("/d/12:30.h5".into(), Some("entry/data")));
        let target: Target = "a.h5".parse().unwrap();
        assert_eq!((target.file, target.dataset, target.index), ("a.h5".into(), None, None));
        for text in ["", ":d", "a.h5:d]", "[1]"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
