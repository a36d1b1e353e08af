//! The flags of `h5lab repack`: h5lab's own, and h5repack's `-l`, `-f` and `-m`.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use h5lab_core::failure::Failure;
use h5lab_core::repack_plan::rules::{NewFilters, NewLayout, Rule, parse_filter, parse_layout};
use h5lab_core::report::parse_bytes;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  h5lab repack scan.h5 new.h5 --chunk 20x64x1366 --filter shuffle+gzip=4
      all datasets with three axes
  h5lab repack scan.h5 new.h5 --dataset entry/data --chunk 20x64x1366 \\
          --dataset 'entry/*/flat' --chunk contiguous
  h5lab repack scan.h5 --in-place --dataset entry/data --chunk auto
      compared, then renamed
  h5lab repack scan.h5 new.h5 -l entry/data:CHUNK=20x64x1366 \\
          -f entry/data:SHUF -f entry/data:GZIP=4
  mpirun -np 8 h5lab repack scan.h5 new.h5 --chunk auto --filter gzip
      ranks of several nodes share the work
  mpirun -np 8 h5lab repack scan.h5 new.h5 --chunk auto --filter gzip --split
      each rank writes new-rank-0000.h5, ...; new.h5 shows them as one
  h5lab repack scan.h5 new.h5 --chunk auto --dry-run
      groups, bytes, memory; nothing is written

A --dataset begins a rule: the --chunk and --filter behind it are for it. Rules without --dataset are for all datasets \
that they fit. What no rule names is carried over as it is: docs/repack.md says what that means.")]
pub struct Repack {
    /// The file to read
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT", required_unless_present = "in_place", conflicts_with = "in_place")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub rules: RuleFlags,
    /// Apply --filter to no dataset with fewer bytes of values than this
    #[arg(long, short = 'm', value_name = "SIZE", value_parser = parse_bytes)]
    pub minimum: Option<u64>,
    /// Give virtual datasets, and those in external files, values of their own
    #[arg(long)]
    pub materialize: bool,
    /// Replace IN: written beside it, compared, renamed
    #[arg(long)]
    pub in_place: bool,
    /// Let each rank write a file of its own, beside OUT, with its part of each dataset that is rewritten; OUT shows them as
    /// one (virtual datasets)
    #[arg(long, conflicts_with = "in_place")]
    pub split: bool,
    /// Replace OUT if it is there
    #[arg(long)]
    pub force: bool,
    /// Compare every value, attribute and link of the two files before OUT gets its name (--in-place always does)
    #[arg(long)]
    pub verify: bool,
    /// Most memory for data, of each rank
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = parse_bytes)]
    pub memory: u64,
    /// Ranks that share the work; h5lab starts mpirun itself (threads, in a build without MPI)
    #[arg(long, value_name = "N", value_parser = super::count, allow_negative_numbers = true)]
    pub np: Option<u64>,
    /// Threads of each rank that work; all cores, if it is not said
    #[arg(long, value_name = "N", value_parser = super::count, allow_negative_numbers = true)]
    pub threads: Option<u64>,
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The rules, in the order of the words.
#[derive(Debug, Default)]
pub struct RuleFlags {
    /// What is asked for which datasets.
    pub rules: Vec<Rule>,
}

const DATASET: &str = "dataset";
const CHUNK: &str = "chunk";
const FILTER: &str = "filter";
const LAYOUT: &str = "layout";

impl Args for RuleFlags {
    fn augment_args(command: Command) -> Command {
        let arg = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
        };
        command
            .arg(arg(
                DATASET,
                "PATH",
                "The dataset that the next --chunk and --filter are for; * stands for any name, ** for any groups",
            ))
            .arg(arg(CHUNK, "NxN...", "Chunks of this shape; or contiguous, compact, auto (h5py's choice), keep"))
            .arg(
                arg(
                    FILTER,
                    "FILTERS",
                    "Filters, joined by +: shuffle+gzip=4; or none, keep; or as h5repack has them: [PATH,PATH:]GZIP=4",
                )
                .short('f'),
            )
            .arg(
                arg(LAYOUT, "LAYOUT", "The layout as h5repack has it: [PATH,PATH:]CHUNK=NxN, CONTI or COMPA")
                    .short('l'),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RuleFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let words = |name: &'static str| {
            let indices = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<String>(name).into_iter().flatten();
            indices.zip(values).map(move |(index, value)| (index, name, value.as_str()))
        };
        let mut all: Vec<_> = [DATASET, CHUNK, FILTER, LAYOUT].into_iter().flat_map(words).collect();
        all.sort_unstable();
        let words: Vec<(&str, &str)> = all.into_iter().map(|(_, name, value)| (name, value)).collect();
        rules(&words).map(|rules| RuleFlags { rules }).map_err(|failure| {
            let mend = failure.mend.map_or(String::new(), |mend| format!("\n  what to do: {mend}"));
            Error::raw(clap::error::ErrorKind::ValueValidation, format!("{}{mend}\n", failure.message))
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The rules that these flags and values make, in their order.
fn rules(words: &[(&str, &str)]) -> Result<Vec<Rule>, Failure> {
    let mut rules = Vec::new();
    let fresh = || Rule { datasets: Vec::new(), layout: None, filters: None };
    let mut rule = fresh();
    for (name, value) in words {
        match *name {
            DATASET => {
                if rule.layout.is_some() || rule.filters.is_some() {
                    rules.push(std::mem::replace(&mut rule, fresh()));
                }
                rule.datasets.push((*value).to_owned());
            }
            CHUNK => rule.layout = Some(value.parse::<NewLayout>()?),
            LAYOUT => rules.push(parse_layout(value)?),
            _ if h5repack_s(value) => rules.push(parse_filter(value)?),
            _ => rule.filters = Some(value.parse::<NewFilters>()?),
        }
    }
    match (rule.layout.is_some() || rule.filters.is_some(), rule.datasets.first()) {
        (true, _) => rules.push(rule),
        (false, Some(name)) => {
            let why = format!("--dataset {name}: it is not said what becomes of it");
            return Err(crate::usage(why).mend("write --chunk or --filter behind it"));
        }
        (false, None) => {}
    }
    Ok(rules)
}

/// h5repack's filters are in capitals; h5lab's never are.
fn h5repack_s(value: &str) -> bool {
    let what = value.rsplit(':').next().unwrap_or(value);
    what.starts_with(|first: char| first.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &[(&str, &str)]) -> Vec<String> {
        let told = |rule: &Rule| format!("{:?} {:?} {:?}", rule.datasets, rule.layout, rule.filters);
        rules(words).unwrap().iter().map(told).collect()
    }

    #[test]
    fn a_dataset_begins_a_rule() {
        let found = all(&[
            (FILTER, "none"),
            (DATASET, "a"),
            (DATASET, "b"),
            (CHUNK, "3x4"),
            (FILTER, "keep"),
            (DATASET, "c"),
            (CHUNK, "contiguous"),
            (LAYOUT, "d:CONTI"),
            (FILTER, "d:NONE"),
        ]);
        let expected = [
            r#"[] None Some(Set([]))"#,
            r#"["a", "b"] Some(Chunk([3, 4])) Some(Keep)"#,
            r#"["d"] Some(Contiguous) None"#,
            r#"["d"] None Some(Set([]))"#,
            r#"["c"] Some(Contiguous) None"#,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_dataset_without_a_wish_is_refused() {
        assert!(rules(&[(DATASET, "a")]).is_err());
        assert!(rules(&[(CHUNK, "0x3")]).is_err());
        assert!(rules(&[]).unwrap().is_empty());
    }
}
