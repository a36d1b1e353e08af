//! The search for the best group: along each axis few sizes are worth a look, and all axes together are tried.

use super::Tilings;

/// Sizes tried along an axis at most. An axis with more takes those that are evenly spread over the number of groups;
/// the sizes at which tiles of both kinds end together are always among them.
const MOST_SIZES: u64 = 64;

/// A size of groups along an axis, and how many source tiles all groups touch along it.
#[derive(Clone, Copy, Debug)]
struct Size {
    elements: u64,
    touched: u64,
}

/// How many source tiles groups of size `group` touch along an axis of `n` elements: each counted once for each group.
pub(super) fn touched(n: u64, source: u64, group: u64) -> u64 {
    let tiles = n.div_ceil(source);
    // Every edge between two groups that is no edge between two source tiles cuts one of these in two.
    let edges = n.div_ceil(group) - 1;
    tiles + edges - shared_edges(n, source, group)
}

/// Multiples of both sizes strictly inside `n` elements.
fn shared_edges(n: u64, source: u64, group: u64) -> u64 {
    let common = u128::from(source) / u128::from(gcd(source, group)) * u128::from(group);
    ((u128::from(n) - 1) / common) as u64
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A group as large as the dataset takes no more than the dataset's own tiles.
pub(super) fn clamped(group: &[u64], tilings: &Tilings) -> Vec<u64> {
    let axes = tilings.shape.iter().zip(&tilings.target);
    group.iter().zip(axes).map(|(g, (n, t))| (*g).min(n.div_ceil(*t) * t)).collect()
}

/// The group with the fewest decodes within `limit` elements, and of those the smallest; `None` if none fits.
pub(super) fn best(tilings: &Tilings, limit: u64) -> Option<Vec<u64>> {
    let axes: Vec<Vec<Size>> = (0..tilings.shape.len()).map(|d| sizes(tilings, d, limit)).collect();
    let mut search = Search { axes: &axes, least: least_ahead(&axes), limit, best: None };
    search.axis(0, 1, 1, &mut Vec::new());
    search.best.map(|(_, _, group)| group)
}

/// The sizes along an axis that are worth a look: none is larger than another that touches no more tiles.
fn sizes(tilings: &Tilings, axis: usize, limit: u64) -> Vec<Size> {
    let (n, source, target) = (tilings.shape[axis], tilings.source[axis], tilings.target[axis]);
    let most = n.div_ceil(target);
    let mut multiples: Vec<u64> = if most <= MOST_SIZES * 16 {
        (1..=most).collect()
    } else {
        // Groups of one size differ in nothing that matters if their number is the same.
        let spread = (0..MOST_SIZES).map(|k| (most as f64).powf(k as f64 / (MOST_SIZES - 1) as f64) as u64);
        let common = source / gcd(source, target);
        spread.flat_map(|k| [k, k / common * common]).chain([common, most]).filter(|k| (1..=most).contains(k)).collect()
    };
    multiples.sort_unstable();
    multiples.dedup();
    let mut kept: Vec<Size> = Vec::new();
    for elements in multiples.into_iter().map(|k| k * target).take_while(|&elements| elements <= limit) {
        let touched = touched(n, source, elements);
        if kept.last().is_none_or(|last| touched < last.touched) {
            kept.push(Size { elements, touched });
        }
    }
    kept
}

/// The fewest tiles that the axes from `d` on can touch.
fn least_ahead(axes: &[Vec<Size>]) -> Vec<u128> {
    let mut least = vec![1u128; axes.len() + 1];
    for d in (0..axes.len()).rev() {
        let fewest = axes[d].iter().map(|size| size.touched).min().unwrap_or(u64::MAX);
        least[d] = least[d + 1].saturating_mul(u128::from(fewest));
    }
    least
}

struct Search<'a> {
    axes: &'a [Vec<Size>],
    least: Vec<u128>,
    limit: u64,
    /// Decodes, elements, group.
    best: Option<(u128, u64, Vec<u64>)>,
}

impl Search<'_> {
    /// Tries all sizes of axis `d` behind a choice for the axes before it, which has these elements and decodes.
    fn axis(&mut self, d: usize, elements: u64, decodes: u128, chosen: &mut Vec<u64>) {
        if self.best.as_ref().is_some_and(|(least, small, _)| {
            let bound = decodes.saturating_mul(self.least[d]);
            bound > *least || (bound == *least && elements >= *small)
        }) {
            return;
        }
        let Some(sizes) = self.axes.get(d) else {
            self.best = Some((decodes, elements, chosen.clone()));
            return;
        };
        // The largest first: it touches the fewest, and what it finds cuts off most of the rest.
        for size in sizes.iter().rev() {
            let Some(grown) = elements.checked_mul(size.elements).filter(|&grown| grown <= self.limit) else {
                continue;
            };
            chosen.push(size.elements);
            self.axis(d + 1, grown, decodes.saturating_mul(u128::from(size.touched)), chosen);
            chosen.pop();
        }
    }
}
