//! What MPI libraries say of themselves, and settings of Open MPI as sites have them.

use super::super::super::tests::table;
use super::*;

#[test]
fn libraries_are_known_by_what_they_say() {
    let check = |text: &str, name: &str, version: &str| {
        assert_eq!(name_and_version(text), Some((name.to_string(), version.to_string())), "{text}");
    };
    check("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4", "Open MPI", "4.1.4");
    check("MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr 7\n", "MPICH", "4.0.2");
    check("Intel(R) MPI Library 2021.9 for Linux* OS\n", "Intel MPI", "2021.9");
    check("MVAPICH2 Version      :\t2.3.7\n", "MVAPICH2", "2.3.7");
    check("MPI VERSION    : CRAY MPICH version 8.1.25.17 (ANL base 3.4a2)\n", "Cray MPICH", "8.1.25.17");
    assert_eq!(name_and_version("Some other MPI 1.0"), None);
}

fn check_io(env: &[(&str, &str)], file: &str, file_system: &str, component: Option<&str>) -> MpiIoSource {
    let files = [("/etc/params.conf".to_string(), file.to_string())];
    let io = io(Some("Open MPI"), &table(env), &files, Some(file_system));
    assert_eq!(io.component.as_deref(), component, "{env:?} {file:?} {file_system}");
    io.source
}

#[test]
fn a_variable_comes_before_a_file_before_the_default() {
    let source = check_io(&[], "# io = romio321\n", "ext4", Some("ompio"));
    assert_eq!(source, MpiIoSource::Default);
    let source = check_io(&[], "btl = ^uct\nio = romio321 # site\n", "ext4", Some("romio321"));
    let setting = "io = romio321".into();
    assert_eq!(source, MpiIoSource::File { path: "/etc/params.conf".into(), setting });
    let source = check_io(&[("OMPI_MCA_io", "ompio")], "io = romio321\n", "lustre", Some("ompio"));
    assert_eq!(source, MpiIoSource::Variable { name: "OMPI_MCA_io".into(), value: "ompio".into() });
}

#[test]
fn what_leaves_a_choice_is_unknown() {
    check_io(&[("OMPI_MCA_io", "^ompio")], "", "ext4", None);
    check_io(&[("OMPI_MCA_io", "ompio,romio321")], "", "ext4", None);
    check_io(&[("OMPI_MCA_io_romio321_priority", "99")], "", "ext4", None);
    assert_eq!(check_io(&[], "", "lustre", None), MpiIoSource::Unknown);
}

#[test]
fn mpich_has_romio_and_a_stranger_is_unknown() {
    let nothing = table(&[]);
    assert_eq!(io(Some("MPICH"), &nothing, &[], None), by_default(Some("romio")));
    assert_eq!(io(None, &nothing, &[], None), by_default(None));
}

#[test]
fn this_library_is_described_before_it_is_initialised() {
    let library = describe(&|_| None, None).expect("this build has MPI");
    assert!(!library.description.is_empty() && library.standard.contains('.'));
    assert_eq!(library.thread_level, None);
}
