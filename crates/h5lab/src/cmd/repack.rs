//! `h5lab repack`: a file written anew with other layouts.

use crate::cli::{Output, Ranks, Repack};
use crate::launch;
use crate::output::{Bar, json, note, print};
use crate::task::{Done, RepackTask, Task};
use h5lab_core::failure::Result;
use h5lab_core::repack_plan::receipt::Receipt;
use h5lab_io::comm::agree;
use h5lab_io::repack::{self, Order};
use h5lab_io::run::Team;

/// Writes the file anew, or says what would be done.
pub fn run(args: Repack, output: &Output) -> Result<()> {
    let ranks = Ranks { np: args.np.into_iter().collect() };
    let (dry_run, order) = (args.dry_run, order(args));
    if output.worker.is_some() || !ranks.np.is_empty() || launch::ranks().unwrap_or(1) > 1 {
        let task = Task::Repack(Box::new(RepackTask { order, dry_run }));
        return launch::run(&task, &ranks, output, &mut |done| {
            let Done::Repack(receipt) = done else { return Ok(()) };
            show(&receipt, output)
        });
    }
    let receipt = if dry_run {
        repack::predict(&order, 1)?
    } else {
        let bar = Bar::new(output);
        let receipt = repack::repack(&order, &bar);
        bar.clear();
        receipt?
    };
    show(&receipt, output)
}

/// What the ranks do together; the receipt is rank 0's.
pub fn perform(task: &RepackTask, team: Team<'_>) -> Result<Option<Done>> {
    let receipt = if task.dry_run {
        let ranks = team.comm.size();
        let planned = (team.comm.rank() == 0).then(|| repack::predict(&task.order, ranks)).transpose();
        agree(team.comm, planned, &|failure| team.progress.last_words(failure))?
    } else {
        repack::repack_together(&task.order, team)?
    };
    Ok(receipt.map(|receipt| Done::Repack(Box::new(receipt))))
}

fn show(receipt: &Receipt, output: &Output) -> Result<()> {
    if output.json {
        return json(receipt);
    }
    if !output.quiet {
        print(receipt.text())?;
        receipt.notes.iter().for_each(|text| note(text));
    }
    Ok(())
}

fn order(args: Repack) -> Order {
    Order {
        output: args.output.unwrap_or_else(|| args.input.clone()),
        input: args.input,
        in_place: args.in_place,
        force: args.force,
        rules: args.rules.rules,
        minimum: args.minimum.unwrap_or(0),
        materialize: args.materialize,
        split: args.split,
        memory: args.memory,
        threads: args.threads.map(|threads| threads as usize),
        verify: args.verify || args.in_place,
    }
}
