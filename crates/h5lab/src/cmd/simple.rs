//! `h5lab simple`: the smallest parallel program. Rank r writes r + 1.

use crate::cli::{Output, Simple};
use crate::output;
use crate::task::{Done, SimpleDone, SimpleTask, Task};
use crate::usage;
use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::Result;
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::region::Region;
use h5lab_core::report::Table;
use h5lab_core::split::Split;
use h5lab_io::comm::{Solo, agree, all_gather, from_rank_0};
use h5lab_io::fault::VARIABLE;
use h5lab_io::run::Team;
use h5lab_io::{engine, run};
use std::path::Path;

/// Elements of the dataset, and most ranks that make sense.
const ELEMENTS: usize = 4;

/// Writes with each rank count.
pub fn run(args: Simple, flags: &Output) -> Result<()> {
    let task = Task::Simple(SimpleTask { file: args.file, force: args.force });
    let mut all = Vec::new();
    let outcome = crate::launch::run(&task, &args.ranks, flags, &mut |done| {
        if let Done::Simple(done) = done {
            if flags.json {
                output::json(&done)?;
            }
            all.push(done);
        }
        Ok(())
    });
    if !flags.json && !flags.quiet && !all.is_empty() { outcome.and(output::print(table(&all))) } else { outcome }
}

fn table(all: &[SimpleDone]) -> String {
    let join = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let mut table = Table::new().number("np").word("rank r writes r+1").word("dataset 'test', read back").word("file");
    for done in all {
        let file = h5lab_core::report::printable(&done.file.display().to_string());
        table.row([done.np.to_string(), join(&done.written), join(&done.data), file]);
    }
    table.render()
}

/// What the ranks do together.
pub fn perform(task: &SimpleTask, team: Team<'_>) -> Result<Option<Done>> {
    let (comm, np) = (team.comm, team.comm.size());
    if team.fault.is_some() {
        return Err(usage(format!("simple has no phases in which {VARIABLE} could happen")).mend("use write or read"));
    }
    from_rank_0(comm, || {
        if np > ELEMENTS {
            return Err(usage(format!("{np} ranks, but the dataset has {ELEMENTS} elements, one a rank"))
                .mend(format!("use at most --np {ELEMENTS}")));
        }
        run::claim_target(&task.file, task.force)
    })?;
    let experiment = experiment(np);
    let data = run::replace(&experiment, &task.file, team, |target, last_words| {
        let mine = Region::new(vec![comm.rank() as u64], vec![1]);
        let engine = engine::engine(experiment.method, comm)?;
        let opening = engine::Opening { experiment: &experiment, path: target, comm };
        let mut session = agree(comm, engine.open(&opening), last_words)?;
        let written = session.write(&mine, &(comm.rank() as u32 + 1).to_ne_bytes());
        agree(comm, written, last_words)?;
        agree(comm, session.close(), last_words)?;
        from_rank_0(comm, || read_back(target))
    })?;
    let written = all_gather(comm, &(comm.rank() as u32 + 1))?;
    Ok((comm.rank() == 0).then(|| Done::Simple(SimpleDone { np, file: task.file.clone(), written, data })))
}

fn experiment(np: usize) -> Experiment {
    let shape = Shape(vec![ELEMENTS as u64]);
    Experiment {
        direction: Direction::Write,
        dataset: Dataset { name: "test".into(), shape, dtype: Dtype::U32, data: None, from: None },
        layout: Layout::Contiguous,
        access: Access::Rows,
        split: Split::Axis(0),
        method: Method::Independent,
        np,
        cache: CacheWanted::AsFound,
        fsync: false,
        repeat: 1,
        buffer: 1 << 10,
        tunables: Default::default(),
    }
}

fn read_back(file: &Path) -> Result<Vec<u32>> {
    let mut experiment = experiment(1);
    experiment.direction = Direction::Read;
    let engine = engine::engine(experiment.method, &Solo)?;
    let mut session = engine.open(&engine::Opening { experiment: &experiment, path: file, comm: &Solo })?;
    let mut bytes = [0; ELEMENTS * 4];
    session.read(&Region::whole(&[ELEMENTS as u64]), &mut bytes)?;
    session.close()?;
    Ok(bytes.chunks_exact(4).map(|b| u32::from_ne_bytes(b.try_into().expect("four bytes"))).collect())
}
