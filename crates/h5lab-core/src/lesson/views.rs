//! Lesson 3: what each rank sees in the process view and in the global view, and what is left when the file is closed.

use super::claim::{Claim, join};
use crate::experiment::Direction;
use crate::record::{RankView, Record};
use crate::report::bytes;

/// What either view shows, and what stays.
pub fn answer(records: &[&Record]) -> Vec<Claim> {
    let views = || records.iter().copied().filter(is_view);
    let np = views().map(|r| r.experiment.np).filter(|&np| np > 1).min();
    if np.is_none() && views().next().is_some() {
        let text =
            "With one rank both views show the whole dataset. What sets them apart takes two ranks or more: --np 4.";
        return vec![Claim::new("one-rank", text)];
    }
    let reads: Vec<&Record> = views().filter(|r| Some(r.experiment.np) == np).collect();
    let global = reads.iter().copied().find(|r| r.views.iter().all(|v| v.shape == r.experiment.dataset.shape.0));
    let process = reads.iter().copied().find(|r| Some(*r) != global);
    let (Some(process), Some(global)) = (process, global) else { return Vec::new() };
    vec![own(process), whole(global), corner(process, global), after(process)]
}

fn is_view(record: &&Record) -> bool {
    record.experiment.direction == Direction::Read && !record.views.is_empty()
}

/// Who wrote an element: `h5lab write` adds 1000 * (rank + 1).
fn writer(view: &RankView) -> Option<usize> {
    let first: f64 = view.first.as_ref()?.parse().ok()?;
    ((first / 1000.0) as usize).checked_sub(1)
}

fn own(process: &Record) -> Claim {
    let mut claim = Claim::new("process-view", "").with("np", process.experiment.np as f64);
    let mut parts = Vec::new();
    for view in &process.views {
        let first = view.first.clone().unwrap_or("nothing".into());
        parts.push(format!("rank {} holds {} rows that begin with {first}", view.rank, view.shape[0]));
        claim = claim.with(format!("rows_{}", view.rank), view.shape[0] as f64);
        if let Some(Ok(first)) = view.first.as_ref().map(|first| first.parse()) {
            claim = claim.with(format!("first_{}", view.rank), first);
        }
    }
    let rows: u64 = process.views.iter().map(|view| view.shape[0]).sum();
    let written = process.views.iter().filter(|view| writer(view) == Some(view.rank)).count();
    claim.text = format!(
        "Process view: {}; together {rows} rows. {written} of {} ranks see a value that they wrote themselves: h5lab added \
         1000 * (rank + 1) to it.",
        join(&parts),
        process.views.len()
    );
    claim.with("rows", rows as f64).with("own_value", written as f64)
}

fn whole(global: &Record) -> Claim {
    let same = global.views.iter().filter(|v| v.first == global.views[0].first).count();
    let first = global.views[0].first.clone().unwrap_or("nothing".into());
    let text = format!(
        "Global view: {same} of {} ranks see the same, {} rows that begin with {first}: the dataset in the file, whoever \
         looks.",
        global.views.len(),
        global.views[0].shape[0]
    );
    Claim::new("global-view", text).with("same", same as f64).with("rows", global.views[0].shape[0] as f64)
}

fn corner(process: &Record, global: &Record) -> Claim {
    let alike: Vec<usize> = process
        .views
        .iter()
        .zip(&global.views)
        .filter(|(own, all)| own.first.is_some() && own.first == all.first)
        .map(|(own, _)| own.rank)
        .collect();
    let ranks: Vec<String> = alike.iter().map(usize::to_string).collect();
    let text = match &ranks[..] {
        [] => "On no rank do [0,0] of the two views agree.".to_owned(),
        [one] => format!("Only on rank {one} is [0,0] of the process view [0,0] of the dataset: its rows come first."),
        _ => format!("On ranks {} [0,0] of the two views agree.", join(&ranks)),
    };
    Claim::new("corner", text).with("alike", alike.len() as f64)
}

fn after(process: &Record) -> Claim {
    let size = process.experiment.dataset.dtype.size() as u64;
    let each = |view: &RankView| view.shape.iter().product::<u64>() * size;
    let (held, most) = (process.views.iter().map(each).sum::<u64>(), process.views.iter().map(each).max().unwrap_or(0));
    let text = format!(
        "When the file is closed the process views are still there: they are {} of memory, at most {} a rank. Of the \
         global view nothing is left: it holds no values, every look at it is a read from the file. h5py lets you look, \
         and raises an exception; Rust does not compile a program that would.",
        bytes(held),
        bytes(most)
    );
    Claim::new("after-the-close", text).with("bytes_held", held as f64).with("bytes_most", most as f64)
}
