//! What is in an HDF5 file and how it is stored, as data: what `h5lab inspect` finds, and says about it.

mod access;
mod flag;
mod text;

pub use access::{AccessCost, costs};
pub use flag::{Flag, flags_of_dataset, flags_of_file};
pub use text::text;

use crate::dataset::Dtype;
use crate::filter::Filter;
use crate::layout::Layout;
use serde::Serialize;
use std::path::PathBuf;

/// A file, seen in one pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// The file.
    #[serde(serialize_with = "crate::lossy::path")]
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Version of its superblock: 0 and 1 are the formats of HDF5 1.6 and before, which h5py still writes.
    pub superblock: Option<u32>,
    /// Bytes before the superblock, which are not HDF5's.
    pub user_block: u64,
    /// Bytes that the file's own free-space list has (H5Fget_freespace); most files forget theirs when they are closed.
    pub free_bytes: u64,
    /// Every object and link, depth first.
    pub nodes: Vec<Node>,
    /// What is wrong with the file as a whole.
    pub flags: Vec<Flag>,
}

/// An object, or a link that leads to one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Path from the root, with the leading slash.
    pub path: String,
    /// Groups above it.
    pub depth: usize,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Number of its attributes.
    pub attribute_count: u64,
    /// Its attributes, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
}

impl Inspection {
    /// The path under which an object was met first that this path leads to, by further hard links and soft links too; the
    /// path itself if nothing is there.
    pub fn met_at(&self, path: &str) -> String {
        /// As many soft links as HDF5 follows (H5P_LINK_ACCESS's nlinks).
        const MOST_LINKS: usize = 16;
        let (mut at, mut left) = (String::new(), MOST_LINKS);
        let mut names: Vec<String> = names_of(path);
        while let Some(name) = names.pop() {
            let here = format!("{at}/{name}");
            at = match self.nodes.iter().find(|node| node.path == here).map(|node| &node.kind) {
                Some(Kind::SameAs { first }) => first.trim_end_matches('/').to_owned(),
                Some(Kind::SoftLink { to, .. }) if left > 0 => {
                    left -= 1;
                    names.extend(names_of(to));
                    if to.starts_with('/') { String::new() } else { at }
                }
                _ => here,
            };
        }
        at
    }
}

/// The names of a path, the last one first.
fn names_of(path: &str) -> Vec<String> {
    path.split('/').rev().filter(|name| !matches!(*name, "" | ".")).map(str::to_owned).collect()
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Kind {
    /// A group.
    Group {
        /// Links in it.
        members: u64,
    },
    /// A dataset.
    Dataset(Box<DatasetFacts>),
    /// A committed (named) type.
    NamedType {
        /// The type.
        element: String,
    },
    /// A soft link.
    SoftLink {
        /// The path it leads to.
        to: String,
        /// Whether there is nothing.
        broken: bool,
    },
    /// A link into another file.
    ExternalLink {
        /// The other file, as the link names it.
        file: String,
        /// The path in it.
        to: String,
        /// Whether there is nothing.
        broken: bool,
    },
    /// A further hard link to an object that was met before.
    SameAs {
        /// Where it was met.
        first: String,
    },
    /// An object that HDF5 can't open, or of a kind that h5lab does not know.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its type.
    pub element: String,
    /// Its shape.
    pub space: Space,
    /// Its first values as text; `None` of a type that is not shown.
    pub value: Option<String>,
}

/// The shape of a dataset or an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "space", content = "shape")]
pub enum Space {
    /// A type, but no elements.
    Null,
    /// One element.
    Scalar,
    /// Elements along each axis.
    Simple(Vec<u64>),
}

impl Space {
    /// Elements along each axis; none of a scalar. `None` if it is null.
    pub fn shape(&self) -> Option<&[u64]> {
        match self {
            Space::Null => None,
            Space::Scalar => Some(&[]),
            Space::Simple(shape) => Some(shape),
        }
    }
}

/// How a dataset is stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetFacts {
    /// Its shape.
    #[serde(flatten)]
    pub space: Space,
    /// Most elements along each axis; `None` is no limit. Empty if the shape is fixed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub most: Vec<Option<u64>>,
    /// The element type in words.
    pub element: String,
    /// Bytes of an element in the file.
    pub element_bytes: u64,
    /// The element type, if it is one that h5lab measures with.
    pub dtype: Option<Dtype>,
    /// Whether values lie in heaps besides the dataset (variable length, references to regions).
    pub in_heap: bool,
    /// Where its bytes are.
    pub layout: Stored,
    /// The filters that a write applies, in order.
    pub filters: Vec<FilterFact>,
    /// Bytes that its values take in the file.
    pub stored_bytes: u64,
    /// Elements times the size of one; `None` where it overflows.
    pub logical_bytes: Option<u64>,
    /// Of chunked datasets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<ChunkFacts>,
    /// What reading one piece of it costs, for datasets of numbers with two axes or more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accesses: Vec<AccessCost>,
}

/// Where a dataset's bytes are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "storage")]
pub enum Stored {
    /// In the object's header.
    Compact,
    /// In one run.
    Contiguous,
    /// In chunks.
    Chunked {
        /// Elements of a chunk along each axis.
        chunk: Vec<u64>,
    },
    /// In plain files beside this one.
    External {
        /// The files.
        files: Vec<Elsewhere>,
    },
    /// In datasets of this and other files.
    Virtual {
        /// The files, each once, that its sources are in.
        sources: Vec<Elsewhere>,
        /// Number of mapped parts.
        mappings: u64,
    },
}

/// Another file that holds values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// Its name, as this file has it.
    pub file: String,
    /// Whether it is not there.
    pub missing: bool,
}

/// A filter of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FilterFact {
    /// What it is.
    pub filter: Filter,
    /// Its name with its settings: `gzip=4`.
    pub name: String,
    /// Whether the HDF5 that h5lab runs with has it.
    pub available: bool,
}

/// The chunks of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChunkFacts {
    /// Bytes of a chunk before filters.
    pub bytes: u64,
    /// Chunks that the shape has room for.
    pub there: u64,
    /// Chunks that have space in the file; `None` if HDF5 does not say.
    pub allocated: Option<u64>,
    /// Chunks whose filter mask was looked at, spread over the dataset.
    pub examined: u64,
    /// How many of those had a filter left out.
    pub unfiltered: u64,
}

impl DatasetFacts {
    /// Bytes of all chunks that are there, before filters, or of all elements, over bytes in the file; `None` if nothing is
    /// stored, or if the values lie in the file's heap and what is stored only points to them.
    pub fn ratio(&self) -> Option<f64> {
        if self.in_heap {
            return None;
        }
        let before = match &self.chunks {
            Some(chunks) => chunks.allocated.map(|n| n.saturating_mul(chunks.bytes))?,
            None if matches!(self.layout, Stored::Contiguous | Stored::Compact) => self.logical_bytes?,
            None => return None,
        };
        (self.stored_bytes > 0).then(|| before as f64 / self.stored_bytes as f64)
    }

    /// The layout in the terms of measurements, where it has such a one; whatever its filters.
    pub fn measured_layout(&self) -> Option<Layout> {
        match &self.layout {
            Stored::Contiguous => Some(Layout::Contiguous),
            Stored::Chunked { chunk } => {
                let filters = self.filters.iter().map(|f| f.filter.clone()).collect();
                Some(Layout::Chunked { chunk: chunk.clone(), filters })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_where_an_object_was_met() {
        let node = |path: &str, kind| Node {
            path: path.into(),
            depth: 0,
            kind,
            attribute_count: 0,
            attributes: Vec::new(),
            flags: Vec::new(),
        };
        let soft = |to: &str| Kind::SoftLink { to: to.into(), broken: false };
        let nodes = vec![
            node("/", Kind::Group { members: 4 }),
            node("/entry", Kind::Group { members: 3 }),
            node("/entry/again", Kind::Unreadable { why: "a dataset would do as well".into() }),
            node("/entry/images", Kind::SameAs { first: "/entry/again".into() }),
            node("/entry/near", soft("images")),
            node("/far", soft("/also/near")),
            node("/also", Kind::SameAs { first: "/entry".into() }),
            node("/circle", soft("circle")),
        ];
        let found = Inspection {
            file: "a.h5".into(),
            bytes: 0,
            superblock: None,
            user_block: 0,
            free_bytes: 0,
            nodes,
            flags: Vec::new(),
        };
        for path in ["/entry/again", "/entry/images", "/entry/near", "/far", "/also/./images"] {
            assert_eq!(found.met_at(path), "/entry/again", "{path}");
        }
        for path in ["/circle", "/nothing/here"] {
            assert_eq!(found.met_at(path), path);
        }
    }
}
