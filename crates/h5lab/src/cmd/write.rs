//! `h5lab write`: the demo that writes.

use crate::cli::{Output, Write};
use crate::task::{Settings, Task, WriteTask};
use h5lab_core::failure::Result;

/// Writes with each rank count.
pub fn run(args: Write, output: &Output) -> Result<()> {
    let task = Task::Write(WriteTask {
        file: args.file,
        shape: vec![args.rows, args.columns],
        seed: args.seed,
        fsync: args.fsync,
        force: args.force,
        ignore_free_space: args.ignore_free_space,
        settings: Settings::from(&args.measuring),
    });
    super::measure(&task, &args.ranks, &args.measuring, output)?.finish()
}
