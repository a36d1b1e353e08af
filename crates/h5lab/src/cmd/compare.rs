//! `h5lab compare`: what changed between results, and whether that is too much.

use super::results;
use crate::cli::{Compare, Output};
use crate::output::{json, print};
use h5lab_core::compare::{By, compare, text};
use h5lab_core::failure::Result;

/// Compares result files, or the groups of one.
///
/// # Errors
/// `Input` for files that hold nothing to compare; `Changed` if there is more change than `--fail-on` allows.
pub fn run(args: Compare, output: &Output) -> Result<()> {
    if crate::launch::rank().unwrap_or(0) != 0 {
        return Ok(());
    }
    let results = results::read(&args.results, output)?;
    let by = args.by.unwrap_or(By::Source);
    let comparison = compare(&results, by, args.metric.into())?;
    if output.json {
        json(&comparison)?;
    } else if !output.quiet {
        print(text(&comparison))?;
    }
    args.fail_on.map_or(Ok(()), |rule| rule.check(&comparison, by))
}
