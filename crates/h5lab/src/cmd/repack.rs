//! `h5lab repack`: a file written anew with other layouts.

use crate::cli::{Output, Repack};
use crate::output::{Bar, json, note, print};
use crate::{launch, usage};
use h5lab_core::failure::Result;
use h5lab_io::repack::{self, Order};

/// Writes the file anew, or says what would be done.
pub fn run(args: Repack, output: &Output) -> Result<()> {
    if launch::ranks().unwrap_or(1) > 1 {
        return Err(usage("repack runs as one process, with threads").mend("start it without mpirun: h5lab repack"));
    }
    let (dry_run, order) = (args.dry_run, order(args));
    let receipt = if dry_run {
        repack::predict(&order)?
    } else {
        let bar = Bar::new(output);
        let receipt = repack::repack(&order, &bar);
        bar.clear();
        receipt?
    };
    if output.json {
        return json(&receipt);
    }
    if !output.quiet {
        print(receipt.text())?;
        receipt.notes.iter().for_each(|text| note(text));
    }
    Ok(())
}

fn order(args: Repack) -> Order {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Order {
        output: args.output.unwrap_or_else(|| args.input.clone()),
        input: args.input,
        in_place: args.in_place,
        force: args.force,
        rules: args.rules.rules,
        minimum: args.minimum.unwrap_or(0),
        materialize: args.materialize,
        memory: args.memory,
        threads: args.threads.map_or(cores, |threads| threads as usize),
        verify: args.verify || args.in_place,
    }
}
