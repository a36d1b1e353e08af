//! Reads the limits that the control group sets on processor time and memory, in versions 1 and 2.
//!
//! A limit of any parent holds too, so all of them are looked at, and the lowest counts. See the kernel's
//! [cgroup-v2](https://docs.kernel.org/admin-guide/cgroup-v2.html).

use std::path::{Path, PathBuf};

use h5lab_core::host::Limit;

/// From this many bytes up, version 1's limit means that there is none: it is the largest page count.
const V1_UNLIMITED_BYTES: u64 = 1 << 60;

/// The limits on this process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Cores' worth of processor time.
    pub cpu_cores: Option<Limit<f64>>,
    /// Memory, bytes.
    pub memory_bytes: Option<Limit<u64>>,
}

/// The limits on this process.
pub fn limits() -> Limits {
    let table = super::read("/proc/self/cgroup").unwrap_or_default();
    limits_in(&table, Path::new("/sys/fs/cgroup"))
}

/// The limits by the text of `/proc/self/cgroup` and the control group file system under `root`.
pub fn limits_in(table: &str, root: &Path) -> Limits {
    Limits {
        cpu_cores: lowest(folders(table, root, "cpu").iter().flat_map(|folder| cpu(folder))),
        memory_bytes: lowest(folders(table, root, "memory").iter().flat_map(|folder| memory(folder))),
    }
}

/// The folders, innermost first, that can limit one controller; version 1's and version 2's.
fn folders(table: &str, root: &Path, controller: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in table.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(names), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        if let Some(top) = hierarchy(root, names, controller) {
            folders.extend(Path::new(path.trim_start_matches('/')).ancestors().map(|below| top.join(below)));
        }
    }
    folders
}

/// Where the hierarchy of a line of the table is mounted, if it can have the controller.
fn hierarchy(root: &Path, names: &str, controller: &str) -> Option<PathBuf> {
    if names.is_empty() {
        return Some(root.to_path_buf());
    }
    let here = names.split(',').any(|name| name == controller);
    let mounted = [names, controller].map(|name| root.join(name));
    mounted.into_iter().find(|folder| here && folder.is_dir())
}

fn cpu(folder: &Path) -> Option<Limit<f64>> {
    let v2 = super::read(folder.join("cpu.max")).and_then(|text| {
        let (quota, period) = text.trim().split_once(' ')?;
        share(quota, period)
    });
    v2.or_else(|| {
        let quota = super::read(folder.join("cpu.cfs_quota_us"))?;
        share(quota.trim(), super::read(folder.join("cpu.cfs_period_us"))?.trim())
    })
}

fn share(quota: &str, period: &str) -> Option<Limit<f64>> {
    if quota == "max" || quota == "-1" {
        return Some(Limit::Unlimited);
    }
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then_some(Limit::At(quota / period))
}

fn memory(folder: &Path) -> Option<Limit<u64>> {
    let text = ["memory.max", "memory.limit_in_bytes"].iter().find_map(|file| super::read(folder.join(file)))?;
    match text.trim() {
        "max" => Some(Limit::Unlimited),
        number => number.parse().ok().map(|bytes: u64| match bytes {
            V1_UNLIMITED_BYTES.. => Limit::Unlimited,
            _ => Limit::At(bytes),
        }),
    }
}

/// The lowest of some limits; `None` when there is none to go by.
fn lowest<T: PartialOrd>(limits: impl Iterator<Item = Limit<T>>) -> Option<Limit<T>> {
    limits.reduce(|a, b| match (a, b) {
        (Limit::At(a), Limit::At(b)) => Limit::At(if b < a { b } else { a }),
        (Limit::Unlimited, other) | (other, Limit::Unlimited) => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(table: &str, files: &[(&str, &str)], cpu: Option<Limit<f64>>, memory: Option<Limit<u64>>) {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in files {
            let file = root.path().join(name);
            std::fs::create_dir_all(file.parent().expect("below the root")).expect("a folder");
            std::fs::write(file, text).expect("a file");
        }
        assert_eq!(limits_in(table, root.path()), Limits { cpu_cores: cpu, memory_bytes: memory });
    }

    #[test]
    fn version_2_takes_the_lowest_of_all_parents() {
        let files = [
            ("job/cpu.max", "150000 100000\n"),
            ("job/step/cpu.max", "max 100000\n"),
            ("job/memory.max", "max\n"),
            ("job/step/memory.max", "1073741824\n"),
        ];
        check("0::/job/step\n", &files, Some(Limit::At(1.5)), Some(Limit::At(1 << 30)));
    }

    #[test]
    fn version_1_has_a_hierarchy_a_controller() {
        let files = [
            ("cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n"),
            ("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
            ("memory/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/memory.limit_in_bytes", "4096\n"),
        ];
        let table = "4:memory:/b\n3:cpu,cpuacct:/a\n1:name=systemd:/\n";
        check(table, &files, Some(Limit::Unlimited), Some(Limit::At(4096)));
    }

    #[test]
    fn a_container_that_sees_only_its_own_group_finds_its_limit() {
        let files = [("memory/memory.limit_in_bytes", "4096")];
        check("4:memory:/docker/0123\n", &files, None, Some(Limit::At(4096)));
    }

    #[test]
    fn without_files_nothing_is_known() {
        check("0::/\n", &[], None, None);
        check("", &[], None, None);
    }
}
