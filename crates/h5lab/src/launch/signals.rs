//! Signals: what each of them means, and a clean end on all of them.

use super::mpirun;
use crate::output::note;
use h5lab_core::failure::FailureKind;
use h5lab_io::host::{launcher, process_env};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal has come that ends this process.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on the user's signals and a scheduler's end the ranks, remove what a run has made so far, and end the process.
pub fn watch() {
    // Where no handler can be set, a signal ends this process as it ends any other.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            stop(signal);
        }
    });
}

/// Once a signal has come, its handler alone says how the process ends: nobody else goes on from here.
pub fn wait_if_stopped() {
    while STOPPED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

fn stop(signal: i32) {
    STOPPED.store(true, Ordering::SeqCst);
    h5lab_io::journal::hold();
    mpirun::end_ranks();
    h5lab_io::run::remove_all_scratch();
    let launcher = launcher::detect(&process_env);
    let kind = meaning(signal, launcher.scheduler.is_some());
    let worker = std::env::args_os().any(|word| word == "--worker");
    if kind == FailureKind::TimeUp && !worker && launcher.rank.unwrap_or(0) == 0 {
        let name = signal_name(signal).unwrap_or("a signal");
        note(&format!(
            "{name}: the job is to end. What was measured before is saved; with --resume the next job goes on"
        ));
    }
    // At once: HDF5 would close its files on the way out, beside threads that still write to them.
    signal_hook::low_level::exit(i32::from(kind.exit_code()));
}

/// Slurm sends SIGUSR1 if a job script asks for it, and SIGTERM at the end; Grid Engine sends SIGUSR1 at a soft time limit,
/// SIGXCPU at a soft limit of CPU time and SIGUSR2 before it kills.
fn meaning(signal: i32, in_job: bool) -> FailureKind {
    match signal {
        SIGUSR1 | SIGUSR2 | SIGXCPU => FailureKind::TimeUp,
        SIGTERM if in_job => FailureKind::TimeUp,
        _ => FailureKind::Interrupted,
    }
}
