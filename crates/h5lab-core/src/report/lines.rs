//! The lines that the four demos print, as their users know them.

use crate::experiment::Direction;
use crate::record::{RankView, Record};

/// The demos' own two lines: the dataset's size (1 MB is 10^6 bytes) and the transfer time of the slowest rank.
pub fn demo_lines(record: &Record) -> [String; 2] {
    let word = match record.experiment.direction {
        Direction::Write => "write",
        Direction::Read => "read",
    };
    [
        format!("Dataset size: {:.2} MB", record.experiment.dataset.bytes() as f64 / 1e6),
        format!("Collective {word} time: {:.4} seconds", record.duration().transfer),
    ]
}

/// What each rank sees, in rank order: ` iproc = 0, shape = (32, 10000000), data[0,0] = 1000.3745`.
pub fn view_lines(views: &[RankView]) -> Vec<String> {
    views.iter().map(view_line).collect()
}

fn view_line(view: &RankView) -> String {
    let sizes: Vec<String> = view.shape.iter().map(u64::to_string).collect();
    // Python's way to write a tuple of one.
    let shape = if let [one] = &sizes[..] { format!("{one},") } else { sizes.join(", ") };
    let zeros = vec!["0"; view.shape.len()].join(",");
    let first = view.first.as_deref().unwrap_or("(no element)");
    format!(" iproc = {}, shape = ({shape}), data[{zeros}] = {first}", view.rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_look_as_in_the_demo() {
        let view = |shape: &[u64], first: Option<&str>| RankView {
            rank: 2,
            shape: shape.to_vec(),
            first: first.map(str::to_owned),
        };
        assert_eq!(
            view_lines(&[view(&[32, 10_000_000], Some("1000.3745")), view(&[4], Some("3")), view(&[0, 5], None)]),
            [
                " iproc = 2, shape = (32, 10000000), data[0,0] = 1000.3745",
                " iproc = 2, shape = (4,), data[0] = 3",
                " iproc = 2, shape = (0, 5), data[0,0] = (no element)",
            ]
        );
    }
}
