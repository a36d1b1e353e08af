//! The commands that give a dataset a layout: h5lab's, h5repack's, and the line for h5py.

use crate::dataset::{Dtype, Shape};
use crate::layout::Layout;
use serde::{Deserialize, Serialize};

/// How to get a layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    /// With h5lab; `None` where there is no file.
    pub repack: Option<String>,
    /// With HDF5's own tool; `None` where there is no file, or its values are elsewhere.
    pub h5repack: Option<String>,
    /// In Python.
    pub h5py: String,
}

/// The file that a dataset is in.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    /// Its name.
    pub file: &'a str,
    /// True if the dataset's values are in other files: it is virtual, or external.
    pub elsewhere: bool,
}

/// The commands for a dataset of a file (or one that is to be made), by its path without the leading slash.
pub fn commands(of: Option<Original<'_>>, dataset: &str, shape: &Shape, dtype: Dtype, layout: &Layout) -> Commands {
    let filters: Vec<String> = layout.filters().iter().map(ToString::to_string).collect();
    let chunk = match layout {
        Layout::Contiguous => "contiguous".to_owned(),
        Layout::Chunked { chunk, .. } => Shape(chunk.clone()).to_string(),
    };
    let repack = of.map(|Original { file, elsewhere }| {
        let filter = if filters.is_empty() { "none".to_owned() } else { filters.join("+") };
        let (from, to, path) = (quoted(file), quoted(&beside(file)), quoted(dataset));
        let own = if elsewhere { " --materialize" } else { "" };
        format!("h5lab repack {from} {to} --dataset {path} --chunk {chunk} --filter {filter}{own}")
    });
    let here = of.filter(|of| !of.elsewhere);
    let h5repack = here.and_then(|of| h5repack(of.file, dataset, &chunk, &filters));
    Commands { repack, h5repack, h5py: h5py(dataset, shape, dtype, layout, &filters) }
}

/// The name of the file that a repack writes: `scan.h5` becomes `scan.repacked.h5`.
pub fn beside(file: &str) -> String {
    match file.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && !ending.contains('/') => format!("{stem}.repacked.{ending}"),
        _ => format!("{file}.repacked"),
    }
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What h5repack of 1.10 and later takes (h5repack --help). `None` of a filter that it can't be told.
fn h5repack(file: &str, dataset: &str, chunk: &str, filters: &[String]) -> Option<String> {
    let path = format!("/{dataset}");
    let mut words = vec!["h5repack".to_owned()];
    if filters.is_empty() {
        words.extend(["-f".into(), quoted(&format!("{path}:NONE"))]);
    }
    for filter in filters {
        let (name, level) = filter.split_once('=').map_or((filter.as_str(), None), |(name, level)| (name, Some(level)));
        let told = match name {
            "shuffle" => "SHUF".to_owned(),
            "fletcher32" => "FLET".into(),
            "gzip" => format!("GZIP={}", level.unwrap_or("4")),
            "lzf" => "UD=32000,0,0".into(),
            "lz4" => "UD=32004,0,0".into(),
            "zstd" => format!("UD=32015,0,1,{}", level.unwrap_or("3")),
            "bitshuffle" => "UD=32008,0,0".into(),
            "bitshuffle-lz4" => "UD=32008,0,2,0,2".into(),
            "bitshuffle-zstd" => format!("UD=32008,0,3,0,3,{}", level.unwrap_or("3")),
            _ => return None,
        };
        words.extend(["-f".into(), quoted(&format!("{path}:{told}"))]);
    }
    let layout = if chunk == "contiguous" { "CONTI".to_owned() } else { format!("CHUNK={chunk}") };
    words.extend(["-l".into(), quoted(&format!("{path}:{layout}")), quoted(file), quoted(&beside(file))]);
    Some(words.join(" "))
}

/// `f.create_dataset("entry/data", (180, 540, 640), "uint16", chunks=(8, 24, 640), shuffle=True, compression="gzip",
/// compression_opts=1)`
fn h5py(dataset: &str, shape: &Shape, dtype: Dtype, layout: &Layout, filters: &[String]) -> String {
    let mut words = vec![format!("{dataset:?}"), tuple(&shape.0), format!("{:?}", dtype.numpy())];
    if let Layout::Chunked { chunk, .. } = layout {
        words.push(format!("chunks={}", tuple(chunk)));
    }
    for filter in filters {
        let (name, level) = filter.split_once('=').map_or((filter.as_str(), "3"), |(name, level)| (name, level));
        words.push(match name {
            "shuffle" => "shuffle=True".into(),
            "fletcher32" => "fletcher32=True".into(),
            "gzip" => format!("compression=\"gzip\", compression_opts={level}"),
            "lzf" => "compression=\"lzf\"".into(),
            "lz4" => "**hdf5plugin.LZ4()".into(),
            "zstd" => format!("**hdf5plugin.Zstd(clevel={level})"),
            "bitshuffle" => "**hdf5plugin.Bitshuffle(cname=\"none\")".into(),
            "bitshuffle-lz4" => "**hdf5plugin.Bitshuffle(cname=\"lz4\")".into(),
            "bitshuffle-zstd" => format!("**hdf5plugin.Bitshuffle(cname=\"zstd\", clevel={level})"),
            other => format!("compression={other:?}"),
        });
    }
    format!("f.create_dataset({})", words.join(", "))
}

fn tuple(sizes: &[u64]) -> String {
    let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
    format!("({}{})", sizes.join(", "), if sizes.len() == 1 { "," } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn commands_are_what_the_tools_take() {
        let shape = Shape(vec![180, 540, 640]);
        let layout = Layout::Chunked { chunk: vec![8, 24, 640], filters: vec![Filter::Shuffle, Filter::Gzip(1)] };
        let all =
            commands(Some(Original { file: "scan 1.h5", elsewhere: false }), "entry/data", &shape, Dtype::U16, &layout);
        assert_eq!(
            all.repack.unwrap(),
            "h5lab repack 'scan 1.h5' 'scan 1.repacked.h5' --dataset entry/data --chunk 8x24x640 --filter shuffle+gzip=1"
        );
        assert_eq!(
            all.h5repack.unwrap(),
            "h5repack -f /entry/data:SHUF -f /entry/data:GZIP=1 -l /entry/data:CHUNK=8x24x640 'scan 1.h5' 'scan 1.repacked.h5'"
        );
        assert_eq!(
            all.h5py,
            "f.create_dataset(\"entry/data\", (180, 540, 640), \"uint16\", chunks=(8, 24, 640), shuffle=True, \
             compression=\"gzip\", compression_opts=1)"
        );
        let of = Some(Original { file: "master.h5", elsewhere: true });
        let shown = commands(of, "data", &shape, Dtype::F32, &Layout::Contiguous);
        assert!(shown.repack.unwrap().ends_with("--filter none --materialize") && shown.h5repack.is_none());
        let plain = commands(None, "data", &shape, Dtype::F32, &Layout::Contiguous);
        assert_eq!(
            (plain.repack, plain.h5py.as_str()),
            (None, "f.create_dataset(\"data\", (180, 540, 640), \"float32\")")
        );
    }

    #[test]
    fn the_new_file_lies_beside_the_old_one() {
        for (file, new) in [
            ("a.h5", "a.repacked.h5"),
            ("/d.1/a", "/d.1/a.repacked"),
            ("a.b.nxs", "a.b.repacked.nxs"),
            (".h5", ".h5.repacked"),
        ] {
            assert_eq!(beside(file), new);
        }
    }
}
