//! Values that a list has twice: they are measured once.

use super::{Skipped, Sweep};
use std::fmt::Display;
use std::path::{Path, PathBuf};

impl Sweep {
    /// The sweep with each value of a list once, and what was left out. `same_folder` says whether two paths lead to one
    /// folder. (Layouts that are alike are told later: a chunk may be written in several ways.)
    pub fn without_repeats(&self, same_folder: &dyn Fn(&Path, &Path) -> bool) -> (Sweep, Vec<Skipped>) {
        let (mut sweep, mut left_out) = (self.clone(), Vec::new());
        once(&mut sweep.np, "np", &mut left_out);
        once(&mut sweep.shape, "shape", &mut left_out);
        once(&mut sweep.dtype, "dtype", &mut left_out);
        once(&mut sweep.method, "method", &mut left_out);
        once(&mut sweep.access, "access", &mut left_out);
        once(&mut sweep.split, "processes", &mut left_out);
        once(&mut sweep.fsync, "fsync", &mut left_out);
        once(&mut sweep.buffer, "buffer", &mut left_out);
        unlike(&mut sweep.cache, |a, b| a == b, |cache| format!("cache {}", cache.name()), &mut left_out);
        let told = |path: &PathBuf| format!("path {}", crate::report::printable(&path.to_string_lossy()));
        unlike(&mut sweep.path, |a, b| a == b || same_folder(a, b), told, &mut left_out);
        (sweep, left_out)
    }
}

fn once<T: PartialEq + Display>(values: &mut Vec<T>, key: &str, left_out: &mut Vec<Skipped>) {
    unlike(values, |a, b| a == b, |value| format!("{key} {value}"), left_out);
}

fn unlike<T>(
    values: &mut Vec<T>,
    same: impl Fn(&T, &T) -> bool,
    told: impl Fn(&T) -> String,
    left_out: &mut Vec<Skipped>,
) {
    let mut kept: Vec<T> = Vec::new();
    for value in values.drain(..) {
        if kept.iter().any(|other| same(other, &value)) {
            left_out.push(Skipped { what: told(&value), why: "the list has it already: it is measured once".into() });
        } else {
            kept.push(value);
        }
    }
    *values = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_measured_once() {
        let plan = "np = [2, 1, 2]\nshape = ['4x5', '4x5']\npath = ['a', 'b', 'c']\ncache = ['cold', 'cold', 'warm']";
        let sweep = crate::sweep::from_toml(plan, Sweep::default()).unwrap();
        let (once, left_out) = sweep.without_repeats(&|a, b| a == Path::new("a") && b == Path::new("c"));
        assert_eq!((once.np.len(), once.shape.len(), once.path.len(), once.cache.len()), (2, 1, 2, 2));
        let told: Vec<&str> = left_out.iter().map(|skipped| skipped.what.as_str()).collect();
        assert_eq!(told, ["np 2", "shape 4x5", "cache cold", "path c"]);
        let (again, nothing) = once.without_repeats(&|a, b| a == b);
        assert_eq!((again, nothing), (once, vec![]));
    }
}
