//! Goldens of the text, and the warnings of the hosts behind them.

use super::*;
use crate::host::{LauncherKind, SchedulerKind};

pub(in crate::host) fn workstation() -> Host {
    Host {
        hdf5: Hdf5 {
            version: "1.10.8".into(),
            compiled_version: "1.10.8".into(),
            parallel: Some(true),
            thread_safe: Some(false),
            linkage: Some(Linkage::Shared { file: "/usr/lib/libhdf5_openmpi.so.103".into() }),
            subfiling: Some(false),
            drivers: vec!["sec2".into(), "core".into(), "mpio".into()],
            file_locking_default: None,
            filters: vec![
                support(1, "deflate", true, true),
                support(4, "szip", false, true),
                support(32001, "blosc", false, false),
            ],
            environment: [("HDF5_DRIVER".to_string(), "core".to_string())].into(),
        },
        mpi: Mpi {
            library: Some(MpiLibrary {
                name: Some("Open MPI".into()),
                version: Some("4.1.4".into()),
                description: "Open MPI v4.1.4, package: Debian OpenMPI".into(),
                standard: "3.1".into(),
                thread_level: None,
                start_failure: None,
                io: MpiIo { component: Some("ompio".into()), source: MpiIoSource::Default },
            }),
            absent: None,
            mpirun: Mpirun::Found { path: "/usr/bin/mpirun".into(), version: Some("mpirun (Open MPI) 4.1.4".into()) },
        },
        machine: Machine {
            hostname: "ws1".into(),
            os: Some("Debian GNU/Linux 12 (bookworm)".into()),
            kernel: "Linux 6.1.0".into(),
            architecture: "x86_64".into(),
            cpu_model: Some("AMD EPYC 7543".into()),
            sockets: Some(2),
            cores: Some(64),
            cpu_quota_cores: Some(Limit::Unlimited),
            memory_total_bytes: Some(256 << 30),
            memory_available_bytes: Some(200 << 30),
            memory_limit_bytes: Some(Limit::Unlimited),
            container: None,
            container_image: None,
            superuser: false,
        },
        launcher: Launcher::default(),
        file_system: Some(FileSystem {
            path: ".".into(),
            missing: false,
            real_path: "/data".into(),
            kind: Some("ext4".into()),
            magic: Some("ext4".into()),
            source: Some("/dev/sda1".into()),
            mount_point: Some("/data".into()),
            mount_root: Some("/".into()),
            mount_options: vec!["rw".into(), "noatime".into()],
            read_only: false,
            total_bytes: 1 << 40,
            free_bytes: 1 << 39,
            free_inodes: Some(1_000_000),
            block_bytes: 4096,
            optimal_io_bytes: 4096,
            rotational: Some(false),
            stripe: None,
        }),
    }
}

fn support(id: i32, name: &str, encodes: bool, available: bool) -> FilterSupport {
    FilterSupport { id, name: name.into(), available, encodes, decodes: available }
}

/// A rank in a container on a cluster, as root, on NFS, of which little is known.
fn cluster() -> Host {
    let mut host = workstation();
    host.hdf5.parallel = None;
    host.hdf5.linkage = Some(Linkage::CompiledIn);
    host.hdf5.version = "1.14.6".into();
    host.mpi = Mpi { library: None, absent: Some("not in this build".into()), mpirun: Mpirun::NotSearched };
    host.machine.cpu_model = None;
    host.machine.cpu_quota_cores = Some(Limit::At(1.5));
    host.machine.memory_limit_bytes = Some(Limit::At(8 << 30));
    host.machine.container = Some(Container::Apptainer);
    host.machine.container_image = Some("/images/h5lab.sif".into());
    host.machine.superuser = true;
    host.launcher = cluster_launcher();
    let fs = host.file_system.as_mut().expect("the workstation has one");
    fs.kind = Some("nfs4".into());
    fs.magic = Some("nfs".into());
    fs.source = Some("nas:/export/data".into());
    fs.mount_options = vec!["rw".into(), "sync".into(), "vers=4.2".into()];
    fs.free_inodes = None;
    fs.free_bytes = 1000;
    fs.rotational = None;
    host
}

fn cluster_launcher() -> Launcher {
    let node = |name: &str, slots| NodeSlots { name: name.into(), slots };
    let job = Scheduler {
        slots: Some(64),
        per_node: vec![node("n1", Some(32)), node("n2", None)],
        queue: Some("fast".into()),
        ..Scheduler::new(SchedulerKind::Slurm, Some("42".into()))
    };
    Launcher { kind: LauncherKind::Srun, ranks: Some(64), rank: Some(3), scheduler: Some(job), ..Launcher::default() }
}

/// The codes of what the host warns of, with its file system changed.
fn codes(change: impl Fn(&mut FileSystem)) -> Vec<&'static str> {
    let mut host = workstation();
    change(host.file_system.as_mut().expect("the workstation has one"));
    host.warnings().iter().map(HostWarning::code).collect()
}

fn kind(name: &'static str) -> impl Fn(&mut FileSystem) {
    move |fs| (fs.kind, fs.magic) = (Some(name.into()), None)
}

#[test]
fn the_text_of_a_workstation() {
    insta::assert_snapshot!(text(&workstation()));
}

#[test]
fn the_text_of_a_cluster_with_warnings() {
    insta::assert_snapshot!(text(&cluster()));
}

#[test]
fn a_host_survives_json() {
    for host in [workstation(), cluster()] {
        let json = serde_json::to_string(&host).expect("plain data");
        assert_eq!(serde_json::from_str::<Host>(&json).expect("its own JSON"), host);
    }
}

#[test]
fn a_plain_local_disk_warns_of_nothing() {
    assert!(codes(|_| ()).is_empty());
}

#[test]
fn each_kind_of_storage_has_its_warning() {
    assert_eq!(codes(kind("tmpfs")), ["memory-file-system"]);
    assert_eq!(codes(kind("proc")), ["not-storage"]);
    assert_eq!(codes(kind("overlay")), ["container-layer"]);
    assert_eq!(codes(kind("virtiofs")), ["host-share"]);
    assert_eq!(codes(kind("gpfs")), ["file-locking"]);
    assert_eq!(codes(kind("fuse.unheard-of")), ["user-space-file-system"]);
}

#[test]
fn locks_that_stay_on_this_machine_are_told_as_such() {
    for (name, option) in
        [("nfs", "local_lock=all"), ("nfs", "nolock"), ("nfs4", "local_lock=all"), ("lustre", "localflock")]
    {
        let local = codes(|fs| {
            kind(name)(fs);
            fs.mount_options.push(option.into());
        });
        assert_eq!(local, ["local-locks"], "{name} {option}");
    }
    assert_eq!(codes(|fs| fs.mount_options.push("nolock".into())), [""; 0], "a local disk has no such option");
}

#[test]
fn stripes_are_shown_where_there_are_any() {
    let mut host = workstation();
    assert!(!text(&host).contains("stripes"));
    let fs = host.file_system.as_mut().expect("the workstation has one");
    fs.stripe = Some(crate::host::Stripe { bytes: 4 << 20, count: Some(8) });
    assert_eq!(
        fs.in_words(),
        "ext4 on /dev/sda1, rw,noatime, blocks of 4.00 KiB, asks for 4.00 KiB, stripes of 4.00 MiB over 8 targets"
    );
    assert!(text(&host).contains("stripes                4.00 MiB over 8 targets"), "{}", text(&host));
    host.file_system.as_mut().expect("it still has").stripe = Some(crate::host::Stripe { bytes: 1 << 20, count: None });
    assert!(text(&host).contains("1.00 MiB over all targets"), "{}", text(&host));
}

#[test]
fn lustre_with_flock_may_lock() {
    assert_eq!(codes(kind("lustre")), ["file-locking"]);
    let with_flock = |fs: &mut FileSystem| {
        kind("lustre")(fs);
        fs.mount_options.push("flock".into());
    };
    assert!(codes(with_flock).is_empty());
}

#[test]
fn locking_switched_off_is_not_warned_of() {
    let mut host = cluster();
    host.hdf5.environment.insert("HDF5_USE_FILE_LOCKING".into(), "FALSE".into());
    assert!(!host.warnings().iter().any(|warning| warning.code() == "file-locking"));
}

#[test]
fn the_state_of_a_mount_has_its_warnings() {
    assert_eq!(codes(|fs| fs.read_only = true), ["read-only"]);
    assert_eq!(codes(|fs| fs.free_bytes = 1 << 20), ["space-low"]);
    assert!(codes(|fs| (fs.free_bytes, fs.total_bytes) = (340 << 20, 365 << 20)).is_empty(), "small, and nearly empty");
    assert_eq!(codes(|fs| fs.free_inodes = Some(3)), ["inodes-low"]);
    assert_eq!(codes(|fs| fs.mount_options.push("sync".into())), ["synchronous-mount"]);
    assert_eq!(codes(|fs| fs.magic = Some("xfs".into())), ["types-disagree"]);
}

#[test]
fn the_code_is_the_one_in_the_record() {
    for warning in cluster().warnings() {
        let json = serde_json::to_value(&warning).expect("plain data");
        assert_eq!(json["code"], warning.code());
    }
}

#[test]
fn a_hostile_path_cannot_drive_the_terminal() {
    let mut host = workstation();
    host.file_system.as_mut().expect("the workstation has one").path = "a\u{1b}[2J\nb".into();
    let shown = text(&host);
    assert!(shown.contains(r"a\u{1b}[2J\nb") && !shown.contains('\u{1b}'));
}
