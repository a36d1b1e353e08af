//! The MPI library that is linked: its name, versions, threads, and what does its MPI-IO.

use std::path::Path;

use h5lab_core::host::{MpiIo, MpiIoSource, MpiLibrary, ThreadLevel};
use mpi::environment::{self, Threading};

use super::Env;

/// How libraries name themselves, and the name they go by. The more special stand first.
const NAMES: [(&str, &str); 7] = [
    ("IBM Spectrum MPI", "IBM Spectrum MPI"),
    ("Open MPI", "Open MPI"),
    ("Intel(R) MPI", "Intel MPI"),
    ("CRAY MPICH", "Cray MPICH"),
    ("MVAPICH2", "MVAPICH2"),
    ("MVAPICH", "MVAPICH"),
    ("MPICH", "MPICH"),
];

/// The parameter of Open MPI that selects its MPI-IO component, and those that change which one wins.
const SELECTION: &str = "io";
const PRIORITIES: [&str; 4] =
    ["io_ompio_priority", "io_romio314_priority", "io_romio321_priority", "io_romio341_priority"];

/// Describes the library; `file_system` is the type of file system that files will be on, if known.
pub(super) fn describe(env: Env, file_system: Option<&str>) -> Option<MpiLibrary> {
    let description = environment::library_version().ok()?.trim_end_matches('\0').to_owned();
    let (name, version) = name_and_version(&description).unzip();
    let (standard, sub) = environment::version();
    let files = parameter_files(env);
    Some(MpiLibrary {
        io: io(name.as_deref(), env, &files, file_system),
        name,
        version,
        description: description.lines().next().unwrap_or_default().trim().to_string(),
        standard: format!("{standard}.{sub}"),
        thread_level: thread_level(),
        start_failure: None,
    })
}

fn name_and_version(description: &str) -> Option<(String, String)> {
    let (pattern, name) = NAMES.iter().find(|(pattern, _)| description.contains(pattern))?;
    let rest = description.split_once(pattern)?.1;
    let words = rest.split(|c: char| c.is_whitespace() || c == ',');
    let version = words.map(|word| word.trim_start_matches('v')).find(|word| is_version(word))?;
    Some((name.to_string(), version.to_string()))
}

fn is_version(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.')
}

/// The thread level may be asked only between `MPI_Init` and `MPI_Finalize`.
pub(super) fn thread_level() -> Option<ThreadLevel> {
    let running = environment::is_initialized() && !environment::is_finalized();
    running.then(|| match environment::threading_support() {
        Threading::Single => ThreadLevel::Single,
        Threading::Funneled => ThreadLevel::Funneled,
        Threading::Serialized => ThreadLevel::Serialized,
        Threading::Multiple => ThreadLevel::Multiple,
    })
}

/// What does MPI-IO. Open MPI chooses by its parameters; MPICH and its kin have ROMIO alone.
fn io(name: Option<&str>, env: Env, files: &[(String, String)], file_system: Option<&str>) -> MpiIo {
    match name {
        Some("Open MPI") => open_mpi_io(env, files, file_system),
        Some("MPICH" | "Intel MPI" | "Cray MPICH" | "MVAPICH2" | "MVAPICH") => by_default(Some("romio")),
        _ => by_default(None),
    }
}

/// Open MPI's variables come before its files, the first file before the next, and both before the default.
fn open_mpi_io(env: Env, files: &[(String, String)], file_system: Option<&str>) -> MpiIo {
    let parameters = || std::iter::once(SELECTION).chain(PRIORITIES);
    parameters()
        .find_map(|parameter| by_variable(env, parameter))
        .or_else(|| parameters().find_map(|parameter| by_file(files, parameter)))
        .unwrap_or_else(|| by_default(open_mpi_default(file_system)))
}

/// [Open MPI's documentation](https://www.open-mpi.org/faq/?category=ompio): OMPIO, but on Lustre ROMIO,
/// which is decided when a file is opened.
fn open_mpi_default(file_system: Option<&str>) -> Option<&'static str> {
    (file_system != Some("lustre")).then_some("ompio")
}

fn by_default(component: Option<&str>) -> MpiIo {
    let source = if component.is_some() { MpiIoSource::Default } else { MpiIoSource::Unknown };
    MpiIo { component: component.map(str::to_string), source }
}

fn by_variable(env: Env, parameter: &str) -> Option<MpiIo> {
    let name = format!("OMPI_MCA_{parameter}");
    let value = env(&name)?;
    Some(MpiIo { component: only_component(parameter, &value), source: MpiIoSource::Variable { name, value } })
}

fn by_file(files: &[(String, String)], parameter: &str) -> Option<MpiIo> {
    files.iter().find_map(|(path, text)| {
        let value = parameter_value(text, parameter)?;
        let source = MpiIoSource::File { path: path.clone(), setting: format!("{parameter} = {value}") };
        Some(MpiIo { component: only_component(parameter, value), source })
    })
}

/// The component that a setting leaves no choice about; a list, an exclusion (`^ompio`) or a priority does.
fn only_component(parameter: &str, value: &str) -> Option<String> {
    let single = parameter == SELECTION && !value.is_empty() && !value.contains(['^', ',']);
    single.then(|| value.to_string())
}

/// The value of a parameter in the text of a parameter file: lines `name = value`, comments after `#`.
fn parameter_value<'a>(text: &'a str, parameter: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split('#').next()?.split_once('='));
    lines.filter(|(name, _)| name.trim() == parameter).map(|(_, value)| value.trim()).next_back()
}

/// Open MPI's parameter files that exist: the user's, then those of the installation, path and text.
fn parameter_files(env: Env) -> Vec<(String, String)> {
    let user = env("HOME").map(|home| format!("{home}/.openmpi/mca-params.conf"));
    let prefix = env("OPAL_PREFIX").or_else(library_prefix);
    let system = prefix.map(|prefix| format!("{prefix}/etc/openmpi-mca-params.conf"));
    let debian = Some("/etc/openmpi/openmpi-mca-params.conf".to_string());
    let paths = [user, system, debian].into_iter().flatten();
    paths.filter_map(|path| super::super::read(&path).map(|text| (path, text))).collect()
}

/// The folder that Open MPI is installed in, by where its library was loaded from.
fn library_prefix() -> Option<String> {
    let maps = super::super::read("/proc/self/maps")?;
    let files = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let mut libraries = files.filter(|file| file.file_name().is_some_and(|name| is_libmpi(&name.to_string_lossy())));
    let prefix = libraries.next()?.parent()?.parent()?;
    Some(prefix.display().to_string())
}

fn is_libmpi(name: &str) -> bool {
    name.starts_with("libmpi.so")
}

#[cfg(test)]
#[path = "mpi_library_tests.rs"]
mod tests;
