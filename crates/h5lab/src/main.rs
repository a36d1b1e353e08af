//! The command `h5lab`: parse, dispatch, say what came out.
#![deny(clippy::print_stdout, clippy::print_stderr)] // they panic if nobody listens: `output` does not

mod cli;
mod cmd;
mod launch;
mod output;
mod task;
mod words;

use cli::{Cli, Command};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_io::comm::mpi;
use h5lab_io::panic;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    h5lab_io::panic::print_nothing();
    let cli = match words::parse() {
        Ok(cli) => cli,
        Err(end) => return end,
    };
    launch::signals::watch();
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(cli)));
    launch::signals::wait_if_stopped();
    match outcome.unwrap_or_else(|panic| Err(panic::failure(panic.as_ref()))) {
        Ok(code) => code,
        Err(failure) => end(&failure),
    }
}

/// Says what went wrong. What all ranks find out alike, the first one says.
fn end(failure: &Failure) -> ExitCode {
    if launch::rank().unwrap_or(0) == 0 {
        output::report(failure);
    } else if mpi::AVAILABLE && !mpi::was_started() && failure.kind != FailureKind::Internal {
        // A launcher ends all ranks when one fails, and the first may not have spoken yet.
        return ExitCode::SUCCESS;
    }
    ExitCode::from(failure.kind.exit_code())
}

/// Does what was asked for. The exit code is that of success, but for a job that was followed: then it is the job's.
fn dispatch(cli: Cli) -> Result<ExitCode> {
    let done = match cli.command {
        Command::Job(args) => return cmd::job::run(*args, &cli.output),
        Command::Write(args) => cmd::write::run(args, &cli.output),
        Command::Read(args) => cmd::read::run(args, &cli.output),
        Command::Chunking(args) => cmd::chunking::run(args, &cli.output),
        Command::Simple(args) => cmd::simple::run(args, &cli.output),
        Command::Run(args) => cmd::run::run(args, &cli.output),
        Command::Rerun(args) => cmd::run::rerun(args, &cli.output),
        Command::Lesson(args) => cmd::lesson::run(args, &cli.output),
        Command::Compare(args) => cmd::compare::run(args, &cli.output),
        Command::Report(args) => cmd::report::run(args, &cli.output),
        Command::Batch(args) => cmd::batch::run(args, &cli.output),
        Command::StartMpi => launch::probe::start(),
        Command::Repack(args) => cmd::repack::run(args, &cli.output),
        Command::Env(args) => cmd::env::run(args, &cli.output),
        Command::Inspect(args) => cmd::inspect::run(args, &cli.output),
        Command::Show(args) => cmd::show::run(args, &cli.output),
        Command::Advise(args) => cmd::advise::run(args, &cli.output),
        Command::Tune(args) => cmd::tune::run(args, &cli.output),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// A failure of this command's own words or settings.
fn usage(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Usage, message)
}
