//! The command that a job runs: checked here and now, not when the job at last begins.

use crate::cli::{Cli, Command};
use crate::usage;
use clap::{CommandFactory, FromArgMatches};
use h5lab_core::experiment::Experiment;
use h5lab_core::failure::Result;
use h5lab_core::report::printable;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// A command that ranks can run.
pub struct Checked {
    /// The command and its options, `--resume` among them where it has that.
    pub words: Vec<OsString>,
    /// The result file.
    pub save: Option<PathBuf>,
    /// What it will measure, where that is known beforehand.
    pub cells: Vec<Experiment>,
    /// How many records it will leave.
    pub records: usize,
}

/// Checks the words after `--`. Within a container other methods and filters may be at hand: `anywhere`.
///
/// # Errors
/// `Usage` if they are no command of h5lab, or one that a job can't run; what is wrong with a plan.
pub fn check(words: &[OsString], np: &[u64], anywhere: bool) -> Result<Checked> {
    let known = Cli::command();
    let name = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let takes_np =
        |command: &&clap::Command| !command.is_hide_set() && takes(command, "np") && command.get_name() != "job";
    let Some(command) = known.get_subcommands().filter(takes_np).find(|command| command.get_name() == name) else {
        let can: Vec<&str> = known.get_subcommands().filter(takes_np).map(clap::Command::get_name).collect();
        return Err(usage(format!("a job can't run '{}': it is no h5lab command that takes --np", printable(&name)))
            .mend(format!("after -- write one of: {}", can.join(", "))));
    };
    let given = |flag: &str| words.iter().any(|word| word == flag || starts_with(word, &format!("{flag}=")));
    if given("--np") || given("--worker") || words.iter().any(|word| word == "--") {
        return Err(usage("the command after -- has --np, or another --").mend("write --np before the --"));
    }
    let mut words = words.to_vec();
    let np = np.iter().map(u64::to_string).collect::<Vec<_>>();
    let cli = ["h5lab".into()].into_iter().chain(words.iter().cloned()).chain(["--np".into(), np.join(",").into()]);
    let matches = known.clone().try_get_matches_from(cli).map_err(|error| refused(&error))?;
    let save = matches.subcommand().and_then(|(_, m)| m.try_get_one::<PathBuf>("save").ok().flatten().cloned());
    if takes(command, "resume") {
        if save.is_none() {
            return Err(usage(format!("{name} without --save: what is done before the time limit would be lost"))
                .mend("add --save results.jsonl"));
        }
        if !given("--resume") {
            words.push("--resume".into());
        }
    }
    let cells = match Cli::from_arg_matches(&matches).map_err(|error| refused(&error))?.command {
        Command::Run(args) => crate::cmd::run::cells(&args, anywhere)?,
        _ => Vec::new(),
    };
    let records = if cells.is_empty() { np.len() } else { cells.len() };
    Ok(Checked { words, save, cells, records })
}

fn takes(command: &clap::Command, flag: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(flag))
}

fn starts_with(word: &OsStr, begin: &str) -> bool {
    word.as_encoded_bytes().starts_with(begin.as_bytes())
}

/// What is wrong with the words, in a line.
fn refused(error: &clap::Error) -> h5lab_core::failure::Failure {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    usage(format!("the command after --: {}", first.trim_start_matches("error: "))).mend("see h5lab COMMAND --help")
}
