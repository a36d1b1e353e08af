//! Looks at any HDF5 file in one pass: every object and link, how datasets are stored, what is wrong.

mod dataset;
mod slice;

pub use slice::slice;

use crate::h5::{self, attribute, datatype, object};
use h5lab_core::failure::Result;
use h5lab_core::inspect::{Inspection, Kind, Node, flags_of_dataset, flags_of_file};
use hdf5::{LinkType, LocationInfo, LocationType};
use hdf5_metno as hdf5;
use std::collections::BTreeMap;
use std::path::Path;

/// Looks at a file; with `attributes`, at the values of attributes, too.
///
/// # Errors
/// `Input` or `Storage` if it can't be opened as HDF5. What can't be opened in it is told as such.
pub fn inspect(path: &Path, attributes: bool) -> Result<Inspection> {
    let file = h5::open_existing(path)?;
    let root = file.as_group().map_err(|e| h5::failure(&e, "open the root group", path))?;
    let beside = path.parent().unwrap_or(Path::new("."));
    let mut walk = Walk { beside, attributes, nodes: Vec::new(), met: BTreeMap::new() };
    walk.root(&root);
    let head = object::head(&file);
    let mut found = Inspection {
        file: path.to_owned(),
        bytes: std::fs::metadata(path).map_or(0, |m| m.len()),
        superblock: head.superblock,
        user_block: head.user_block,
        free_bytes: head.free_bytes,
        nodes: walk.nodes,
        flags: Vec::new(),
    };
    found.flags = flags_of_file(&found);
    Ok(found)
}

/// Deeper than this nobody nests.
const MOST_DEPTH: usize = 64;

struct Walk<'a> {
    beside: &'a Path,
    attributes: bool,
    nodes: Vec<Node>,
    /// Where each object was met first, by its file number and token.
    met: BTreeMap<(u64, String), String>,
}

impl Walk<'_> {
    fn root(&mut self, root: &hdf5::Group) {
        if let Ok(info) = root.loc_info() {
            self.met.insert(key(&info), "/".into());
        }
        self.group(root, "/".into(), 0);
    }

    /// A group and what is in it: links in the order of their names.
    fn group(&mut self, group: &hdf5::Group, path: String, depth: usize) {
        let mut members = Vec::new();
        let listed = group.iter_visit_default(|name, link| {
            members.push((name.to_owned(), link.link_type));
            Ok(())
        });
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let kind = match listed {
            Ok(()) => Kind::Group { members: members.len() as u64 },
            Err(why) => Kind::Unreadable { why: why.to_string() },
        };
        self.push(path.clone(), depth, kind, Some(group));
        for (name, link) in members {
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            match link {
                LinkType::Hard => self.object(group, &name, path, depth + 1),
                LinkType::Soft => {
                    let to = object::soft_target(group, &name).unwrap_or_else(|| "?".into());
                    let broken = group.loc_type_by_name(&name).is_err();
                    self.push(path, depth + 1, Kind::SoftLink { to, broken }, None);
                }
                LinkType::External => {
                    let (file, to) = object::external_target(group, &name).unwrap_or_else(|| ("?".into(), "?".into()));
                    let broken = group.loc_type_by_name(&name).is_err();
                    self.push(path, depth + 1, Kind::ExternalLink { file, to, broken }, None);
                }
            }
        }
    }

    /// What a hard link leads to.
    fn object(&mut self, group: &hdf5::Group, name: &str, path: String, depth: usize) {
        let unreadable = |why: &dyn std::fmt::Display| Kind::Unreadable { why: why.to_string() };
        let info = match group.loc_info_by_name(name) {
            Ok(info) => info,
            Err(why) => return self.push(path, depth, unreadable(&why), None),
        };
        if let Some(first) = self.met.get(&key(&info)) {
            return self.push(path, depth, Kind::SameAs { first: first.clone() }, None);
        }
        self.met.insert(key(&info), path.clone());
        match info.loc_type {
            LocationType::Group if depth >= MOST_DEPTH => {
                self.push(path, depth, unreadable(&"nested too deep to be shown"), None);
            }
            LocationType::Group => match group.group(name) {
                Ok(child) => self.group(&child, path, depth),
                Err(why) => self.push(path, depth, unreadable(&why), None),
            },
            LocationType::Dataset => match group.dataset(name) {
                Err(why) => self.push(path, depth, unreadable(&why), None),
                Ok(dataset) => match dataset::facts(&dataset, self.beside) {
                    Ok(facts) => self.push(path, depth, Kind::Dataset(Box::new(facts)), Some(&dataset)),
                    Err(why) => self.push(path, depth, unreadable(&why), Some(&dataset)),
                },
            },
            _ => self.named_type(group, name, path, depth),
        }
    }

    /// A committed type, or an object of a kind that only newer HDF5 knows.
    fn named_type(&mut self, group: &hdf5::Group, name: &str, path: String, depth: usize) {
        let described =
            group.committed_datatype(name).and_then(|kind| Ok((datatype::describe(kind.as_datatype())?, kind)));
        match described {
            Ok((element, kind)) => self.push(path, depth, Kind::NamedType { element: element.words }, Some(&kind)),
            Err(why) => self.push(path, depth, Kind::Unreadable { why: why.to_string() }, None),
        }
    }

    fn push(&mut self, path: String, depth: usize, kind: Kind, at: Option<&hdf5::Location>) {
        let attribute_count = at.and_then(|at| at.loc_info().ok()).map_or(0, |info| info.num_attrs as u64);
        let attributes = match at {
            Some(at) if self.attributes && attribute_count > 0 => attribute::all(at),
            _ => Vec::new(),
        };
        let flags = if let Kind::Dataset(facts) = &kind { flags_of_dataset(facts) } else { Vec::new() };
        self.nodes.push(Node { path, depth, kind, attribute_count, attributes, flags });
    }
}

fn key(info: &LocationInfo) -> (u64, String) {
    (info.fileno, format!("{:?}", info.token))
}
