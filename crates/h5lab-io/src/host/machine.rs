//! Describes this machine: system, processor, memory, limits, container.

use std::collections::BTreeSet;
use std::path::Path;

use h5lab_core::host::Machine;
use procfs::{CpuInfo, Current, Meminfo};

use super::{Env, cgroup, container, read};

/// Describes the machine this process runs on.
pub fn collect(env: Env) -> Machine {
    let system = rustix::system::uname();
    let limits = cgroup::limits();
    let memory = Meminfo::current().ok();
    let (container, container_image) = container::detect(env).unzip();
    Machine {
        hostname: system.nodename().to_string_lossy().into_owned(),
        os: pretty_name(&os_release()),
        kernel: format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy()),
        architecture: system.machine().to_string_lossy().into_owned(),
        cpu_model: CpuInfo::current().ok().and_then(|cpu| cpu.model_name(0).map(str::to_string)),
        sockets: sockets(Path::new("/sys/devices/system/cpu")),
        cores: cores(),
        cpu_quota_cores: limits.cpu_cores,
        memory_total_bytes: memory.as_ref().map(|memory| memory.mem_total),
        memory_available_bytes: memory.and_then(|memory| memory.mem_available),
        memory_limit_bytes: limits.memory_bytes,
        container,
        container_image: container_image.flatten(),
        superuser: rustix::process::geteuid().is_root(),
    }
}

/// Logical cores in this thread's affinity mask.
fn cores() -> Option<usize> {
    allowed_cpus().map(|cpus| cpus.len())
}

/// The numbers of the logical cores that this thread may run on; unknown is `None`.
pub fn allowed_cpus() -> Option<Vec<usize>> {
    let mask = rustix::thread::sched_getaffinity(None).ok()?;
    Some((0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| mask.is_set(cpu)).collect())
}

fn os_release() -> String {
    read("/etc/os-release").or_else(|| read("/usr/lib/os-release")).unwrap_or_default()
}

fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_string())
}

/// Processor packages, by sysfs; virtual machines may give none.
fn sockets(cpus: &Path) -> Option<usize> {
    let packages: BTreeSet<u32> = std::fs::read_dir(cpus)
        .ok()?
        .filter_map(|cpu| read(cpu.ok()?.path().join("topology/physical_package_id")))
        .filter_map(|package| package.trim().parse().ok())
        .collect();
    (!packages.is_empty()).then_some(packages.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_names_itself() {
        let text = "NAME=\"Rocky Linux\"\nPRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\nID=rocky\n";
        assert_eq!(pretty_name(text).as_deref(), Some("Rocky Linux 9.4 (Blue Onyx)"));
        assert_eq!(pretty_name("NAME=x"), None);
    }

    #[test]
    fn sockets_are_distinct_packages() {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (cpu, package) in [("cpu0", "0"), ("cpu1", "1"), ("cpu2", "0"), ("cpu3", "-1")] {
            let folder = root.path().join(cpu).join("topology");
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("physical_package_id"), package).expect("a file");
        }
        assert_eq!(sockets(root.path()), Some(2));
        assert_eq!(sockets(&root.path().join("cpu0")), None);
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = collect(&super::super::process_env);
        assert!(machine.cores.is_some_and(|cores| cores > 0));
        assert!(machine.memory_available_bytes <= machine.memory_total_bytes);
        assert!(!machine.hostname.is_empty());
    }
}
