//! Whether MPI starts here, and what it grants: found out by a process of its own, since MPI ends the one in which it
//! can't start.

use crate::output;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::host::ThreadLevel;
use h5lab_io::comm::mpi::World;
use h5lab_io::host::mpi::thread_level;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The hidden command by which [`probe`] starts this program.
pub const COMMAND: &str = "start-mpi";

/// Longest that MPI may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts MPI in a process of its own: the support for threads that it grants, or why it does not start.
///
/// # Errors
/// The reason, in a line.
pub fn probe() -> Result<ThreadLevel, String> {
    let this = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut child = Command::new(this)
        .arg(COMMAND)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let begun = Instant::now();
    while child.try_wait().is_ok_and(|status| status.is_none()) {
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it takes more than {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let said = child.wait_with_output().map_err(|e| e.to_string())?;
    serde_json::from_slice(&said.stdout).map_err(|_| reason(&String::from_utf8_lossy(&said.stderr)))
}

/// What the first process that [`probe`] starts does.
///
/// # Errors
/// Those of starting MPI, if it comes back at all.
pub fn start() -> Result<()> {
    let _world = World::init()?;
    let level = thread_level().ok_or_else(|| Failure::new(FailureKind::Environment, "MPI was not started"))?;
    output::json(&level)
}

/// The first sentence of what MPI said, without its rulers.
pub fn reason(said: &str) -> String {
    /// Lines of a sentence.
    const LINES: usize = 3;
    let lines = said.lines().map(str::trim).skip_while(|line| line.is_empty() || line.starts_with("---"));
    let first: Vec<&str> = lines.take_while(|line| !line.is_empty() && !line.starts_with("---")).take(LINES).collect();
    if first.is_empty() { "it says nothing".into() } else { first.join(" ") }
}
