//! The command `h5lab`: parse, dispatch, say what came out.

mod cli;
mod cmd;
mod launch;
mod output;
mod task;

use clap::Parser;
use cli::{Cli, Command};
use h5lab_core::failure::{Failure, FailureKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    launch::watch_signals();
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(cli)));
    launch::wait_if_stopped();
    match outcome.unwrap_or_else(|panic| Err(launch::panic_failure(panic.as_ref()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What all ranks find out alike, the first one says.
            if launch::rank().unwrap_or(0) == 0 {
                output::report(&failure);
            }
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Write(args) => cmd::write::run(args, &cli.output),
        Command::Read(args) => cmd::read::run(args, &cli.output),
        Command::Chunking(args) => cmd::chunking::run(args, &cli.output),
        Command::Simple(args) => cmd::simple::run(args, &cli.output),
        Command::Run(args) => cmd::run::run(args, &cli.output),
        Command::Rerun(args) => cmd::run::rerun(args, &cli.output),
        Command::Batch(args) => cmd::batch::run(args, &cli.output),
        Command::Env(args) => cmd::env::run(args, &cli.output),
    }
}

/// A failure of this command's own words or settings.
fn usage(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Usage, message)
}
