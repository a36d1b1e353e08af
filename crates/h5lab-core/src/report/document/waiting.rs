//! Who waited for whom: one repeat, a row a rank, from open to close.

use super::{Material, Section, told};
use crate::record::Phases;
use crate::report::figure::{Axis, Bars, Chart, Figure};
use crate::report::grid::Grid;
use crate::report::seconds;
use crate::results::Waiting;

/// So many ranks are drawn.
const MOST: usize = 64;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let waiting = material.results.waiting.as_ref()?;
    let cell = &material.results.cells[waiting.cell];
    let what = material.labels.label(cell);
    let (ranks, all) = (waiting.ranks(), waiting.ranks().len());
    let longest = |phase: usize| ranks.iter().map(|rank| rank.seconds()[phase]).fold(0.0, f64::max);
    let slowest: Vec<f64> = (0..4).map(longest).collect();
    let last = (0..all).max_by(|a, b| ranks[*a].transfer.total_cmp(&ranks[*b].transfer))?;
    let section = Section::new("waiting", "Who waited for whom").say(format!(
        "The repeat in which the ranks together waited longest: repeat {} of {what}. All ranks begin a phase together, and wait (hatched) until \
         the slowest one is done. A transfer in several steps is drawn as one piece. Rank {last} took longest to transfer.",
        waiting.repeat
    ));
    let shown = &ranks[..all.min(MOST)];
    let mut table = Grid::new(&["#rank", "#open s", "#transfer s", "#flush s", "#close s", "#waited s"]);
    for (number, rank) in shown.iter().enumerate() {
        let times = rank.seconds();
        let waited: f64 = times.iter().zip(&slowest).map(|(own, all)| all - own).sum();
        let cells = times.iter().map(|s| seconds(*s)).chain([seconds(waited)]);
        table.row(std::iter::once(number.to_string()).chain(cells));
    }
    Some(section.figures([Figure {
        id: "waiting".into(),
        title: format!("Ranks of one repeat: {what}"),
        alt: format!(
            "Time line of {} ranks in one repeat of {what}; rank {last} took longest to transfer.",
            shown.len()
        ),
        chart: Chart::Bars {
            value: Axis::linear("time since the open began (s)"),
            row: "rank",
            rows: (0..shown.len()).map(|rank| format!("rank {rank}")).collect(),
            series: series(waiting, shown, &slowest),
            stacked: true,
        },
        table,
    }]))
}

/// Of each phase: busy, then idle until the slowest is done.
fn series(waiting: &Waiting, ranks: &[Phases], slowest: &[f64]) -> Vec<Bars> {
    let mut all = Vec::new();
    for (phase, name) in Phases::NAMES.iter().enumerate().filter(|(phase, _)| slowest[*phase] > 0.0) {
        let own: Vec<f64> = ranks.iter().map(|rank| rank.seconds()[phase]).collect();
        let one = |rank: usize, what: &str, time: f64| {
            format!("rank {rank}, repeat {}: {what} {} s", waiting.repeat, seconds(time))
        };
        all.push(Bars {
            name: (*name).into(),
            hover: own
                .iter()
                .enumerate()
                .map(|(rank, s)| {
                    let each = waiting.repeats.iter().filter_map(|ranks| Some(ranks.get(rank)?.seconds()[phase]));
                    format!("{}\nall repeats: {}", one(rank, name, *s), told(&each.collect::<Vec<f64>>(), "s"))
                })
                .collect(),
            values: own.iter().map(|s| Some(*s)).collect(),
            idle: false,
        });
        let idle: Vec<f64> = own.iter().map(|own| (slowest[phase] - own).max(0.0)).collect();
        all.push(Bars {
            name: "waiting".into(),
            hover: idle.iter().enumerate().map(|(rank, s)| one(rank, &format!("waits in {name}"), *s)).collect(),
            values: idle.into_iter().map(Some).collect(),
            idle: true,
        });
    }
    all
}
