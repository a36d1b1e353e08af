//! A host as aligned text: what `h5lab env` prints.

use std::fmt::Display;

use crate::report::{bytes, printable};

use super::{
    Container, FileSystem, FilterSupport, Hdf5, Host, HostWarning, Launcher, LauncherMpi, Limit, Linkage, Machine, Mpi,
    MpiIo, MpiIoSource, MpiLibrary, Mpirun, NodeSlots, Scheduler, StorageClass, ThreadLevel,
};

/// Variables of HDF5 that are shown even when they are not set.
const SHOWN_VARIABLES: [&str; 2] = ["HDF5_PLUGIN_PATH", "HDF5_USE_FILE_LOCKING"];

/// The whole host: one section a topic, one `label  value` line a fact, warnings last.
pub fn text(host: &Host) -> String {
    let mut page = Page::default();
    hdf5(&mut page, &host.hdf5);
    mpi(&mut page, &host.mpi);
    machine(&mut page, &host.machine);
    launcher(&mut page, &host.launcher);
    if let Some(fs) = &host.file_system {
        file_system(&mut page, fs);
    }
    warnings(&mut page, &host.warnings());
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn section(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0 += &format!("{title}\n");
    }

    fn line(&mut self, label: &str, value: impl Display) {
        self.0 += printable(&format!("  {label:<22} {value}")).trim_end();
        self.0.push('\n');
    }

    fn known(&mut self, label: &str, value: Option<impl Display>) {
        self.line(label, value.map_or_else(|| "unknown".to_string(), |value| value.to_string()));
    }
}

fn hdf5(page: &mut Page, hdf5: &Hdf5) {
    page.section("HDF5");
    page.line("version", format!("{} (compiled against {})", hdf5.version, hdf5.compiled_version));
    page.known("parallel", hdf5.parallel.map(yes_no));
    page.known("thread-safe", hdf5.thread_safe.map(yes_no));
    page.known("linked", hdf5.linkage.as_ref().map(linkage));
    page.known("subfiling", hdf5.subfiling.map(yes_no));
    page.line("file drivers", hdf5.drivers.join(", "));
    filters(page, &hdf5.filters);
    page.known("file locking, default", hdf5.file_locking_default.as_ref());
    variables(page, hdf5);
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn linkage(linkage: &Linkage) -> String {
    match linkage {
        Linkage::Shared { file } => format!("shared, {file}"),
        Linkage::CompiledIn => "compiled in".into(),
    }
}

fn filters(page: &mut Page, filters: &[FilterSupport]) {
    let named = |wanted: bool| {
        let names: Vec<_> = filters.iter().filter(|f| f.available == wanted).map(filter).collect();
        if names.is_empty() { "none".into() } else { names.join(", ") }
    };
    page.line("filters", named(true));
    page.line("filters not found", named(false));
}

fn filter(filter: &FilterSupport) -> String {
    match (filter.available, filter.encodes, filter.decodes) {
        (false, ..) => format!("{} ({})", filter.name, filter.id),
        (true, false, true) => format!("{} (reads only)", filter.name),
        (true, true, false) => format!("{} (writes only)", filter.name),
        _ => filter.name.clone(),
    }
}

fn variables(page: &mut Page, hdf5: &Hdf5) {
    for name in SHOWN_VARIABLES {
        page.line(name, hdf5.variable(name).unwrap_or("not set"));
    }
    for (name, value) in hdf5.environment.iter().filter(|(name, _)| !SHOWN_VARIABLES.contains(&name.as_str())) {
        page.line(name, value);
    }
}

fn mpi(page: &mut Page, mpi: &Mpi) {
    page.section("MPI");
    match &mpi.library {
        Some(library) => mpi_library(page, library),
        None => page.known("library", mpi.absent.as_ref().map(|reason| format!("none: {reason}"))),
    }
    match &mpi.mpirun {
        Mpirun::NotSearched => page.known("mpirun", None::<&str>),
        Mpirun::NotFound => page.line("mpirun", "not found"),
        Mpirun::Found { path, version } => {
            page.line("mpirun", path);
            page.known("mpirun version", version.as_ref());
        }
    }
}

fn mpi_library(page: &mut Page, library: &MpiLibrary) {
    let name = library.name.as_ref().zip(library.version.as_ref()).map(|(name, version)| format!("{name} {version}"));
    page.line("library", name.as_ref().unwrap_or(&library.description));
    page.line("standard", format!("MPI {}", library.standard));
    match (library.thread_level, &library.start_failure) {
        (Some(level), _) => page.line("thread level", thread_level(level)),
        (None, Some(why)) => page.line("thread level", format!("unknown: MPI does not start here: {why}")),
        (None, None) => page.line("thread level", "unknown (MPI is not initialised)"),
    }
    page.line("MPI-IO", mpi_io(&library.io));
}

fn thread_level(level: ThreadLevel) -> &'static str {
    match level {
        ThreadLevel::Single => "single",
        ThreadLevel::Funneled => "funneled",
        ThreadLevel::Serialized => "serialized",
        ThreadLevel::Multiple => "multiple",
    }
}

fn mpi_io(io: &MpiIo) -> String {
    let component = io.component.as_deref().unwrap_or("unknown");
    match &io.source {
        MpiIoSource::Variable { name, value } => format!("{component} ({name}={value})"),
        MpiIoSource::File { path, setting } => format!("{component} ({setting} in {path})"),
        MpiIoSource::Default => format!("{component} (default)"),
        MpiIoSource::Unknown => component.into(),
    }
}

fn machine(page: &mut Page, machine: &Machine) {
    page.section("Host");
    page.line("hostname", &machine.hostname);
    page.known("operating system", machine.os.as_ref());
    page.line("kernel", format!("{} {}", machine.kernel, machine.architecture));
    page.known("processor", machine.cpu_model.as_ref());
    page.known("sockets", machine.sockets);
    page.known("cores available", machine.cores);
    page.known("CPU quota", machine.cpu_quota_cores.map(|quota| limit(quota, |cores| format!("{cores:.1} cores"))));
    page.known("memory", machine.memory_total_bytes.map(bytes));
    page.known("memory available", machine.memory_available_bytes.map(bytes));
    page.known("memory limit", machine.memory_limit_bytes.map(|at| limit(at, bytes)));
    page.line("container", machine.container.map_or("none seen", Container::name));
    if let Some(image) = &machine.container_image {
        page.line("image", image);
    }
}

fn limit<T>(limit: Limit<T>, show: impl Fn(T) -> String) -> String {
    match limit {
        Limit::Unlimited => "none".into(),
        Limit::At(value) => show(value),
    }
}

fn launcher(page: &mut Page, launcher: &Launcher) {
    page.section("Launcher");
    page.line("started by", launcher.kind.name());
    if launcher.kind.started_rank() {
        page.known("ranks", launcher.ranks);
        page.known("this rank", launcher.rank);
        page.known("its MPI", launcher.mpi.as_ref().and_then(LauncherMpi::describe));
        if let Some(ranks) = launcher.mpi_ranks {
            page.line("ranks MPI sees", ranks);
        }
    }
    match &launcher.scheduler {
        Some(job) => scheduler(page, job),
        None => page.line("scheduler", "none seen"),
    }
}

fn scheduler(page: &mut Page, job: &Scheduler) {
    page.line("scheduler", job.kind.name());
    page.known("job", job.job.as_ref());
    page.known("slots", job.slots);
    page.known("nodes", job.nodes);
    if !job.per_node.is_empty() {
        page.line("slots on each", job.per_node.iter().map(node).collect::<Vec<_>>().join(", "));
    }
    for (label, value) in [("queue", &job.queue), ("parallel environment", &job.parallel_environment)] {
        if let Some(value) = value {
            page.line(label, value);
        }
    }
}

fn node(node: &NodeSlots) -> String {
    let slots = node.slots.map_or_else(|| "unknown".into(), |slots| slots.to_string());
    format!("{} {slots}", node.name)
}

fn file_system(page: &mut Page, fs: &FileSystem) {
    page.section("Path");
    let missing = if fs.missing { " (does not exist: this is about its nearest existing parent)" } else { "" };
    page.line("path", format!("{}{missing}", fs.path));
    page.line("real path", &fs.real_path);
    page.known("file system", fs.type_name());
    page.known("storage", fs.class().map(class));
    mount(page, fs);
    page.line("space", format!("{} free of {}", bytes(fs.free_bytes), bytes(fs.total_bytes)));
    page.known("free inodes", fs.free_inodes);
    page.line("block size", bytes(fs.block_bytes));
    page.line("optimal I/O size", bytes(fs.optimal_io_bytes));
    if let Some(stripe) = fs.stripe {
        page.line("stripes", stripe);
    }
    page.known("rotational", fs.rotational.map(|spins| format!("{}, says the kernel", yes_no(spins))));
}

fn mount(page: &mut Page, fs: &FileSystem) {
    page.known("source", fs.source.as_ref());
    page.known("mount point", fs.mount_point.as_ref());
    let options = (!fs.mount_options.is_empty()).then(|| fs.mount_options.join(","));
    page.known("mount options", options);
}

fn class(class: StorageClass) -> &'static str {
    match class {
        StorageClass::Local => "local",
        StorageClass::Network => "network",
        StorageClass::Memory => "memory",
        StorageClass::Kernel => "none: the kernel makes up what is read here",
        StorageClass::HostShare => "shared by the virtual machine's host",
    }
}

fn warnings(page: &mut Page, warnings: &[HostWarning]) {
    if warnings.is_empty() {
        return;
    }
    page.section("Warnings");
    for warning in warnings {
        page.0 += &format!("  {}: {}\n    {}\n", warning.code(), warning.text(), warning.next_step());
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
pub(super) mod tests;
