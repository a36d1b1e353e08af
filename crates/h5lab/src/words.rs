//! From the words of the command line to what is asked for; help, and what is wrong with the words.

use crate::cli::Cli;
use crate::{launch, output};
use clap::error::{ContextKind, ErrorKind};
use clap::{ColorChoice, CommandFactory, Error, FromArgMatches};
use h5lab_core::failure::FailureKind;
use std::process::ExitCode;

/// Parses the words. Help and errors are told here, by the first rank alone.
///
/// # Errors
/// How this process ends: there is nothing to do.
pub fn parse() -> Result<Cli, ExitCode> {
    let rank = launch::rank();
    // A launcher may give its ranks a terminal, and send what comes out of it into a pipe.
    let colour = if rank.is_some() { ColorChoice::Never } else { ColorChoice::Auto };
    let mut command = Cli::command().color(colour);
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut command)));
    cli.map_err(|error| match rank {
        // Success: a launcher ends all ranks when one fails, and the first may not have spoken yet.
        Some(1..) => ExitCode::SUCCESS,
        _ => tell(error),
    })
}

fn tell(mut error: Error) -> ExitCode {
    if error.kind() == ErrorKind::MissingSubcommand {
        // The list would name hidden commands, too.
        error.remove(ContextKind::ValidSubcommand);
    }
    match error.print() {
        Err(why) if !error.use_stderr() => {
            let failure = output::unprinted(&why);
            output::report(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
        _ if error.use_stderr() => ExitCode::from(FailureKind::Usage.exit_code()),
        _ => ExitCode::SUCCESS,
    }
}
