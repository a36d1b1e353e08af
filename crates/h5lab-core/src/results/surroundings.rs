//! What a record's numbers depend on besides the experiment: machine, libraries, file system, as names and values.

use crate::host::{Limit, Stripe};
use crate::record::Record;
use crate::report::bytes;

/// Names and values, in the order in which they are shown. What changes from minute to minute is left out, and the file
/// driver, which follows from the method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Surroundings(Vec<(&'static str, String)>);

impl Surroundings {
    /// The names of all facts there may be, in order.
    pub const NAMES: [&'static str; 19] = [
        "path",
        "file system",
        "mounted from",
        "mount options",
        "block size",
        "stripe",
        "host",
        "operating system",
        "kernel",
        "processor",
        "cores for a rank",
        "memory",
        "container",
        "started by",
        "HDF5",
        "HDF5 variables",
        "MPI",
        "MPI-IO",
        "h5lab",
    ];

    /// Those of a record.
    pub fn of(record: &Record) -> Self {
        let host = &record.host;
        let (machine, file_system) = (&host.machine, host.file_system.as_ref());
        let mut facts = Surroundings(Vec::with_capacity(Self::NAMES.len()));
        facts.add("path", super::cell::folder(record).display());
        facts.may("file system", file_system.and_then(|fs| fs.type_name()));
        facts.may("mounted from", file_system.and_then(|fs| fs.source.as_ref()));
        facts.may("mount options", file_system.map(|fs| fs.mount_options.join(",")).filter(|o| !o.is_empty()));
        let blocks = file_system.map(|fs| fs.block_bytes).filter(|&bytes| bytes > 0);
        facts.may("block size", blocks.map(bytes));
        facts.may("stripe", file_system.and_then(|fs| fs.stripe.as_ref()).map(stripe));
        facts.add("host", &machine.hostname);
        facts.may("operating system", machine.os.as_ref());
        facts.add("kernel", format!("{} {}", machine.kernel, machine.architecture));
        facts.may("processor", machine.cpu_model.as_ref());
        facts.may("cores for a rank", machine.cores);
        facts.may("memory", memory(record));
        facts.may("container", machine.container.map(|c| format!("{c:?}")));
        facts.add("started by", host.launcher.kind.name());
        facts.add("HDF5", &host.hdf5.version);
        let variables = host.hdf5.environment.iter().map(|(name, value)| format!("{name}={value}"));
        facts.may("HDF5 variables", Some(variables.collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty()));
        facts.add("MPI", mpi(record));
        let in_force = record.actual.in_force.get("mpi-io");
        let library = host.mpi.library.as_ref();
        facts.may("MPI-IO", in_force.or_else(|| library.and_then(|l| l.io.component.as_ref())));
        facts.add("h5lab", &record.h5lab);
        facts
    }

    /// The value of a fact; `unknown` if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("unknown", |(_, value)| value)
    }

    /// All facts that are known.
    pub fn facts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    fn add(&mut self, name: &'static str, value: impl ToString) {
        debug_assert!(Self::NAMES.contains(&name), "{name}");
        self.0.push((name, value.to_string()));
    }

    fn may(&mut self, name: &'static str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

/// `1.00 MiB over 4`: what one server holds before the next one, and how many they are.
fn stripe(stripe: &Stripe) -> String {
    let over = stripe.count.map_or(String::new(), |count| format!(" over {count}"));
    format!("{}{over}", bytes(stripe.bytes))
}

/// What the process may use: the machine's, or the control group's limit on it.
fn memory(record: &Record) -> Option<String> {
    let machine = &record.host.machine;
    let limit = match machine.memory_limit_bytes {
        Some(Limit::At(limit)) => Some(limit),
        _ => None,
    };
    [machine.memory_total_bytes, limit].into_iter().flatten().min().map(bytes)
}

fn mpi(record: &Record) -> String {
    match &record.host.mpi.library {
        None => "none".into(),
        Some(library) => match (&library.name, &library.version) {
            (Some(name), Some(version)) => format!("{name} {version}"),
            _ => library.description.clone(),
        },
    }
}
