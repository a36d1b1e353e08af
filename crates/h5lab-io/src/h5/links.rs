//! Which datasets a file leads to: through groups, and through soft and external links.

use super::failure;
use h5lab_core::failure::Result;
use hdf5::{LinkType, LocationType};
use hdf5_metno as hdf5;
use std::collections::BTreeSet;
use std::path::Path;

/// What a walk through a file's groups finds. All are paths from the root, without the leading slash.
#[derive(Debug, Default)]
pub struct Found {
    /// The datasets, each once: under the first path that leads to it.
    pub datasets: Vec<String>,
    /// Links to what is not there.
    pub broken: Vec<String>,
}

/// Walks through all groups of a file: in each first its datasets, then its groups, in the order of their names, soft
/// and external links last. Groups that can't be opened are passed over.
///
/// # Errors
/// HDF5's, if the root group can't be listed.
pub fn walk(file: &hdf5::File, path: &Path) -> Result<Found> {
    let mut walk = Walk::default();
    // The root is known from the start: a link may lead back to it.
    walk.is_new(file, "/");
    walk.group(file, "", 0).map_err(|e| failure(&e, "list the datasets", path))?;
    Ok(walk.found)
}

/// True if there is such a link, and what it leads to is not there.
pub fn is_broken(file: &hdf5::File, name: &str) -> bool {
    file.link_exists(name) && file.loc_type_by_name(name).is_err()
}

/// Deeper than this nobody nests, but external links could go on for ever.
const MOST_DEPTH: usize = 64;

#[derive(Default)]
struct Walk {
    found: Found,
    /// File number and token of every object that was met.
    met: BTreeSet<(u64, String)>,
}

impl Walk {
    fn group(&mut self, group: &hdf5::Group, prefix: &str, depth: usize) -> hdf5::Result<()> {
        let mut members = Vec::new();
        group.iter_visit_default(|name, link| {
            members.push((name.to_owned(), link.link_type));
            Ok(())
        })?;
        // An object's own name comes before those that links give it.
        members.sort_by_key(|(_, link)| *link != LinkType::Hard);
        let mut groups = Vec::new();
        for (name, link) in members {
            let path = format!("{prefix}{name}");
            match group.loc_type_by_name(&name) {
                Ok(LocationType::Dataset) if self.is_new(group, &name) => self.found.datasets.push(path),
                Ok(LocationType::Group) if depth < MOST_DEPTH && self.is_new(group, &name) => {
                    groups.push(name);
                }
                Err(_) if link != LinkType::Hard => self.found.broken.push(path),
                _ => {}
            }
        }
        for name in groups {
            if let Ok(child) = group.group(&name) {
                // One group that can't be listed does not hide the others.
                let _ = self.group(&child, &format!("{prefix}{name}/"), depth + 1);
            }
        }
        Ok(())
    }

    /// True if nothing has led to this object before.
    fn is_new(&mut self, group: &hdf5::Group, name: &str) -> bool {
        group.loc_info_by_name(name).is_ok_and(|info| self.met.insert((info.fileno, format!("{:?}", info.token))))
    }
}
