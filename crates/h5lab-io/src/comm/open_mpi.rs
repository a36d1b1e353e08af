//! What is known of Open MPI in particular: how its ranks start and end quickly, which component does its MPI-IO.

use crate::host::mpi::may_have_fabric;
use h5lab_core::tunables::MpiIo;
use rustix::net::{SocketAddrAny, getpeername, sockopt::set_tcp_nodelay};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// Tells Open MPI not to look for fabrics that this machine does not have: without one, its transports for them are never
/// chosen, but wait 0.2 s at every start before they give up. What the user has chosen stands.
pub(super) fn skip_absent_fabrics() {
    let chosen = ["OMPI_MCA_mtl", "OMPI_MCA_pml"].iter().any(|name| std::env::var_os(name).is_some());
    if chosen || may_have_fabric() {
        return;
    }
    // SAFETY: starting MPI is the first thing that a rank does, before there is another thread.
    unsafe { std::env::set_var("OMPI_MCA_mtl", "^ofi,psm,psm2") };
}

/// Where there is no ssh: tells Open MPI that a process which no launcher started will start no others. Without that it
/// starts a daemon for them, which wants ssh. Elsewhere the daemon is better: processes that are alone share a folder under
/// /tmp, and two at a time may take it from each other (Open MPI 4.1).
pub(super) fn stay_alone() {
    const NAME: &str = "OMPI_MCA_ess_singleton_isolated";
    let path = std::env::var("PATH").unwrap_or_default();
    let is_there = |name: &str| crate::host::mpi::on_path(&path, name).is_some();
    let launched = crate::host::launcher::of_this_process().kind.started_rank();
    if !launched && !is_there("ssh") && !is_there("rsh") && std::env::var_os(NAME).is_none() {
        // SAFETY: as in `skip_absent_fabrics`.
        unsafe { std::env::set_var(NAME, "1") };
    }
}

/// Sends what ranks tell their launcher without delay: PMIx says goodbye in several small messages, and TCP holds the
/// second until the first is acknowledged, 40 ms later. To be called when MPI has started.
pub(super) fn answer_the_launcher_at_once() {
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let uris = variables.filter(|(name, _)| name.starts_with("PMIX_SERVER_URI"));
    let servers: Vec<SocketAddr> = uris.filter_map(|(_, uri)| address(uri.to_str()?)).collect();
    if servers.is_empty() {
        return;
    }
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return };
    for number in descriptors.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        // SAFETY: it was open a moment ago; if PMIx has closed it since, the calls below fail or find another peer.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let peer = getpeername(descriptor).ok().flatten().and_then(|peer: SocketAddrAny| peer.try_into().ok());
        if peer.is_some_and(|peer: SocketAddr| servers.contains(&peer)) {
            let _delayed_at_worst = set_tcp_nodelay(descriptor, true);
        }
    }
}

/// The address in a PMIx server's URI, as in `167510016.0;tcp4://127.0.0.1:41491`.
fn address(uri: &str) -> Option<SocketAddr> {
    uri.split_once("://")?.1.parse().ok()
}

/// The component that does MPI-IO in this process: the only one that is loaded. `None` if there are several, of which Open
/// MPI takes one for each file and does not say which, or if they are part of the library.
pub fn mpi_io_component() -> Option<MpiIo> {
    only_component(&std::fs::read_to_string("/proc/self/maps").ok()?)
}

/// The only component among the files that are mapped into a process, if it is one that h5lab has a name for.
fn only_component(maps: &str) -> Option<MpiIo> {
    let components = maps.lines().filter_map(|line| line.rsplit_once("/mca_io_")?.1.strip_suffix(".so"));
    let components: BTreeSet<&str> = components.collect();
    let [only] = components.into_iter().collect::<Vec<_>>()[..] else { return None };
    [MpiIo::Ompio, MpiIo::Romio].into_iter().find(|component| only.starts_with(component.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found_in_their_uris() {
        assert_eq!(address("167510016.0;tcp4://127.0.0.1:41491"), Some(([127, 0, 0, 1], 41491).into()));
        assert_eq!(address("pmix.7;tcp6://[::1]:80"), Some("[::1]:80".parse().unwrap()));
        assert!(["", "167510016.0", "usock:///tmp/pmix-1"].into_iter().all(|uri| address(uri).is_none()));
    }

    #[test]
    fn a_component_is_known_where_it_is_the_only_one() {
        let line = |name: &str| format!("7f95-7f96 r-xp 00002000 fe:00 42  /usr/lib/openmpi/mca_io_{name}.so\n");
        let found = |names: &[&str]| only_component(&names.iter().map(|name| line(name).repeat(2)).collect::<String>());
        assert_eq!(found(&["romio321"]), Some(MpiIo::Romio));
        assert_eq!(found(&["ompio"]), Some(MpiIo::Ompio));
        assert_eq!([found(&["ompio", "romio321"]), found(&[]), found(&["other"])], [None; 3]);
    }
}
