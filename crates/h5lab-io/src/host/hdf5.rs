//! Describes the HDF5 library of this process: version, abilities, filters, where it came from.
//!
//! Nothing here needs MPI to be initialised. The library's own build summary answers what no function does.

use std::path::Path;

use h5lab_core::filter::KNOWN;
use h5lab_core::host::{FilterSupport, Hdf5, Linkage};
use hdf5_metno::filters::Filter;

use super::Env;
use super::settings::Settings;

/// Drivers that a build may have or not, by their names in the build summary.
const OPTIONAL_DRIVERS: [(&str, &str); 4] = [
    ("direct", "Direct VFD"),
    ("mirror", "Mirror VFD"),
    ("ros3", "(Read-Only) S3 VFD"),
    ("hdfs", "(Read-Only) HDFS VFD"),
];

/// Variables that change what the library does.
const VARIABLES: [&str; 16] = [
    "HDF5_PLUGIN_PATH",
    "HDF5_PLUGIN_PRELOAD",
    "HDF5_USE_FILE_LOCKING",
    "HDF5_DRIVER",
    "HDF5_DRIVER_CONFIG",
    "HDF5_VOL_CONNECTOR",
    "HDF5_PREFIX",
    "HDF5_PARAPREFIX",
    "HDF5_MPI_OPT_TYPES",
    "HDF5_DISABLE_VERSION_CHECK",
    "H5FD_SUBFILING_IOC_PER_NODE",
    "H5FD_SUBFILING_IOC_SELECTION_CRITERIA",
    "H5FD_SUBFILING_STRIPE_SIZE",
    "H5FD_SUBFILING_SUBFILE_PREFIX",
    "H5FD_SUBFILING_CONFIG_FILE_PREFIX",
    "H5FD_IOC_THREAD_POOL_COUNT",
];

/// Describes the HDF5 library that this process runs.
pub fn collect(env: Env) -> Hdf5 {
    // What h5lab adds counts as there.
    let _ = crate::h5::filters::register();
    let linkage = super::read("/proc/self/maps").map(|maps| linkage(&maps));
    let settings = settings(linkage.as_ref());
    let version = hdf5_metno::library_version();
    let parallel = parallel(&settings);
    let subfiling = Some(crate::h5::subfiling::available());
    Hdf5 {
        version: format!("{}.{}.{}", version.0, version.1, version.2),
        compiled_version: compiled_version(),
        parallel,
        thread_safe: Some(hdf5_metno::is_library_threadsafe()),
        linkage,
        subfiling,
        drivers: drivers(&settings, parallel, subfiling),
        file_locking_default: settings.value("Use file locking").map(str::to_string),
        filters: KNOWN.iter().map(|(id, name)| filter(*id as i32, name)).collect(),
        environment: set_variables(env),
    }
}

fn compiled_version() -> String {
    let version = hdf5_metno::HDF5_VERSION;
    format!("{}.{}.{}", version.major, version.minor, version.micro)
}

/// Where the library came from, by the table of mapped files.
fn linkage(maps: &str) -> Linkage {
    let files = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    match files.into_iter().find(|file| is_hdf5(file)) {
        Some(file) => Linkage::Shared { file: file.to_string() },
        None => Linkage::CompiledIn,
    }
}

/// Whether a file is libhdf5 itself: `libhdf5.so.310`, `libhdf5_openmpi.so.103`, `libhdf5-9e18f0c6.so`,
/// and not one of the libraries beside it, such as `libhdf5_hl.so` or `libhdf5_openmpi_cpp.so`.
fn is_hdf5(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    let Some((stem, _)) = name.strip_prefix("libhdf5").and_then(|rest| rest.split_once(".so")) else {
        return false;
    };
    !stem.split(['_', '-']).any(|part| matches!(part, "hl" | "cpp" | "fortran" | "f90cstub" | "tools" | "java"))
}

fn settings(linkage: Option<&Linkage>) -> Settings {
    match linkage {
        Some(Linkage::Shared { file }) => Settings::of_library(Path::new(file)),
        _ => Settings::default(),
    }
}

/// The summary's word; without one, what this build was made with: `mpi` compiles only against a parallel
/// HDF5, `bundled` has none.
fn parallel(settings: &Settings) -> Option<bool> {
    let built = if cfg!(feature = "mpi") { Some(true) } else { cfg!(feature = "bundled").then_some(false) };
    settings.switch("Parallel HDF5").or(built)
}

/// The drivers that every HDF5 has, and those that this one is known to have.
fn drivers(settings: &Settings, parallel: Option<bool>, subfiling: Option<bool>) -> Vec<String> {
    let optional = OPTIONAL_DRIVERS.iter().map(|(name, setting)| (*name, settings.switch(setting)));
    let by_build = [("mpio", parallel), ("subfiling", subfiling)].into_iter().chain(optional);
    let present = by_build.filter(|(_, there)| *there == Some(true)).map(|(name, _)| name);
    ["sec2", "core", "stdio", "log", "family", "multi"].into_iter().chain(present).map(str::to_string).collect()
}

/// Asks the library for a filter; one that is a plugin is loaded by this.
fn filter(id: i32, name: &str) -> FilterSupport {
    let info = Filter::get_info(id);
    FilterSupport {
        id,
        name: name.into(),
        available: info.is_available,
        encodes: info.encode_enabled,
        decodes: info.decode_enabled,
    }
}

fn set_variables(env: Env) -> std::collections::BTreeMap<String, String> {
    VARIABLES.iter().filter_map(|name| Some((name.to_string(), env(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::*;

    #[test]
    fn the_library_is_told_from_those_beside_it() {
        for name in ["libhdf5.so.310.2.0", "libhdf5_openmpi.so.103.3.1", "libhdf5-9e18f0c6.so.320", "libhdf5_serial.so"]
        {
            assert!(is_hdf5(&format!("/usr/lib/{name}")), "{name}");
        }
        for name in
            ["libhdf5_hl.so.310", "libhdf5_openmpi_hl.so.100", "libhdf5_hl-69da.so", "libhdf5_metno.rlib", "libz.so"]
        {
            assert!(!is_hdf5(&format!("/usr/lib/{name}")), "{name}");
        }
    }

    #[test]
    fn the_maps_tell_how_it_is_linked() {
        let maps = "7f00-7f01 r-xp 00000000 fe:01 12   /opt/my libs/libhdf5.so.310\n7f02-7f03 rw-p 00000000 00:00 0\n";
        assert_eq!(linkage(maps), Linkage::Shared { file: "/opt/my libs/libhdf5.so.310".into() });
        assert_eq!(linkage("7f00-7f01 r-xp 00000000 fe:01 12 /bin/h5lab\n"), Linkage::CompiledIn);
    }

    #[test]
    fn only_variables_that_are_set_are_kept() {
        let set = set_variables(&table(&[("HDF5_DRIVER", "core"), ("HOME", "/root")]));
        assert_eq!(set.into_iter().collect::<Vec<_>>(), [("HDF5_DRIVER".to_string(), "core".to_string())]);
    }

    #[test]
    fn this_library_is_described() {
        let hdf5 = collect(&|_| None);
        assert_eq!(hdf5.parallel, Some(cfg!(feature = "mpi")));
        assert_eq!(hdf5.linkage == Some(Linkage::CompiledIn), cfg!(feature = "bundled"));
        assert_eq!(hdf5.version, hdf5.compiled_version);
        let there = |name| hdf5.filters.iter().any(|filter| filter.name == name && filter.available);
        assert!(there("shuffle") && there("deflate") && !there("sz3"));
    }
}
