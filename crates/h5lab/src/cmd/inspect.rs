//! `h5lab inspect`: what is in a file, how it is stored, what is wrong with it.

use crate::cli::{Inspect, Output};
use crate::output::{json, print};
use h5lab_core::failure::Result;
use h5lab_core::inspect::text;

/// Looks at the files, one after the other.
pub fn run(args: Inspect, output: &Output) -> Result<()> {
    for (number, file) in args.files.iter().enumerate() {
        let found = h5lab_io::inspect::inspect(file, args.attrs)?;
        if output.json {
            json(&found)?;
        } else if !output.quiet {
            let between = if number > 0 { "\n" } else { "" };
            print(format_args!("{between}{}", text(&found)))?;
        }
    }
    Ok(())
}
