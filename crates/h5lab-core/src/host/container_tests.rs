//! Launchers of one MPI, and libraries of another.

use super::super::text::tests::workstation;
use super::*;

/// The warning's code where `launcher` started `ranks`, MPI sees `seen`, and the library is this.
fn check(launcher: Launcher, library: Option<(&str, &str)>, want: Option<&str>) {
    let mut host = workstation();
    host.mpi.library = library.map(|(name, version)| MpiLibrary {
        name: Some(name.into()),
        version: Some(version.into()),
        ..host.mpi.library.clone().expect("the workstation has one")
    });
    host.launcher = launcher.clone();
    let codes: Vec<_> = host.warnings().iter().map(HostWarning::code).collect();
    assert_eq!(codes, want.into_iter().collect::<Vec<_>>(), "{launcher:?} {library:?}");
}

fn started(kind: LauncherKind, mpi: LauncherMpi) -> Launcher {
    Launcher { kind, ranks: Some(2), rank: Some(0), mpi: Some(mpi), mpi_ranks: Some(2), scheduler: None }
}

fn open_mpi(runtime: MpiRuntime, version: Option<&str>) -> LauncherMpi {
    LauncherMpi { runtime: Some(runtime), version: version.map(str::to_string), pmix: Some("4.2.2".into()) }
}

#[test]
fn generations_of_open_mpi_must_be_the_same() {
    let orte = started(LauncherKind::OpenMpi, open_mpi(MpiRuntime::Orte, None));
    let prrte = started(LauncherKind::OpenMpi, open_mpi(MpiRuntime::Prrte, None));
    let six = started(LauncherKind::OpenMpi, open_mpi(MpiRuntime::Prrte, Some("6.0.1")));
    let silent = started(LauncherKind::OpenMpi, LauncherMpi::default());
    let (four, five) = (Some(("Open MPI", "4.1.4")), Some(("Open MPI", "5.0.7")));
    for (launcher, library, want) in [
        (&orte, four, None),
        (&orte, five, Some("mpi-differs")),
        (&prrte, five, None),
        (&prrte, four, Some("mpi-differs")),
        (&six, five, Some("mpi-differs")),
        (&silent, four, None),
        (&silent, five, None),
        (&orte, Some(("MPICH", "4.0.2")), Some("mpi-differs")),
        (&orte, Some(("IBM Spectrum MPI", "10.4")), None),
        (&orte, None, Some("no-mpi-inside")),
    ] {
        check(launcher.clone(), library, want);
    }
}

#[test]
fn each_family_has_its_launcher() {
    for (kind, library, want) in [
        (LauncherKind::Hydra, ("Intel MPI", "2021.9"), None),
        (LauncherKind::Hydra, ("Open MPI", "4.1.4"), Some("mpi-differs")),
        (LauncherKind::Mvapich, ("Open MPI", "4.1.4"), Some("mpi-differs")),
        (LauncherKind::Srun, ("Open MPI", "4.1.4"), None),
        (LauncherKind::Srun, ("MPICH", "4.0.2"), None),
        (LauncherKind::Pmix, ("Open MPI", "5.0.7"), None),
    ] {
        check(started(kind, LauncherMpi::default()), Some(library), want);
    }
}

#[test]
fn ranks_that_are_alone_count_more_than_versions() {
    let seen = |mpi_ranks| Launcher { mpi_ranks, ..started(LauncherKind::Srun, LauncherMpi::default()) };
    let library = Some(("Open MPI", "4.1.4"));
    check(seen(Some(1)), library, Some("ranks-apart"));
    check(seen(None), library, None);
    check(Launcher { ranks: Some(1), ..seen(Some(1)) }, library, None);
}

#[test]
fn without_a_launcher_nothing_differs() {
    check(Launcher::default(), Some(("Open MPI", "5.0.7")), None);
    check(Launcher::default(), None, None);
}

#[test]
fn a_launcher_is_described_by_what_it_says() {
    let said = |mpi: LauncherMpi| mpi.describe();
    assert_eq!(said(open_mpi(MpiRuntime::Orte, None)).as_deref(), Some("Open MPI 4 or older, PMIx 4.2.2"));
    assert_eq!(said(open_mpi(MpiRuntime::Prrte, Some("5.0.7"))).as_deref(), Some("Open MPI 5.0.7, PMIx 4.2.2"));
    assert_eq!(
        said(LauncherMpi { pmix: Some("3.2.1".into()), ..LauncherMpi::default() }).as_deref(),
        Some("PMIx 3.2.1")
    );
    assert_eq!(said(LauncherMpi::default()), None);
}
