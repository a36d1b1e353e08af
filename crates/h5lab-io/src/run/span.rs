//! How long all ranks together took: from the first one's beginning to the last one's end.
//!
//! Where there are more ranks than cores, a rank may begin when another has ended. Then no rank's own time tells how long
//! the group took. All processes of a node share one monotonic clock, so there it can be known.

use crate::comm::Comm;
use h5lab_core::failure::Result;
use rustix::time::{ClockId, clock_gettime};

/// When a rank began and ended something, in nanoseconds of its node's monotonic clock.
pub(super) type Stamps = [u64; 2];

/// What a rank that had nothing to do tells.
const IDLE: Stamps = [u64::MAX, 0];

/// Now, in nanoseconds of this node's monotonic clock.
pub(super) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Seconds between two stamps.
pub(super) fn seconds([begun, ended]: Stamps) -> f64 {
    ended.saturating_sub(begun) as f64 / 1e9
}

/// What the clock belongs to: the same for processes that share it; unknown is `None` (random(4), `boot_id`).
pub(super) fn clock() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

/// True if all these clocks are the same one.
pub(super) fn is_one<'a>(mut clocks: impl Iterator<Item = Option<&'a String>>) -> bool {
    let first = clocks.next().flatten();
    first.is_some() && clocks.all(|clock| clock == first)
}

/// Seconds from the first beginning to the last end.
pub(super) fn together(all: impl Iterator<Item = Stamps>) -> f64 {
    seconds(all.fold(IDLE, |[from, to], [begun, ended]| [from.min(begun), to.max(ended)]))
}

/// The sum over many steps of how long all ranks together took for each.
pub(super) struct Steps<'a> {
    comm: &'a dyn Comm,
    waiting: Vec<Stamps>,
    seconds: f64,
}

impl<'a> Steps<'a> {
    /// No steps yet.
    pub(super) fn new(comm: &'a dyn Comm) -> Self {
        Steps { comm, waiting: Vec::new(), seconds: 0.0 }
    }

    /// Adds this rank's part in a step, if it has one. Every rank adds every step.
    pub(super) fn add(&mut self, stamps: Option<Stamps>) {
        self.waiting.push(stamps.unwrap_or(IDLE));
    }

    /// Tells the others about the steps so far, if there are so many that memory would not stay small. Collective.
    pub(super) fn settle_many(&mut self) -> Result<()> {
        /// Stamps of all ranks together: 4 MiB.
        const MOST: usize = 1 << 18;
        if self.waiting.len() < (MOST / self.comm.size()).max(1) { Ok(()) } else { self.settle() }
    }

    /// The seconds of all steps. Collective.
    pub(super) fn finish(mut self) -> Result<f64> {
        self.settle()?;
        Ok(self.seconds)
    }

    fn settle(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(()); // on every rank; Open MPI 4.1 refuses to gather nothing
        }
        let all = self.comm.all_gather(bytemuck::cast_slice(&self.waiting))?;
        // What was received need not be aligned.
        let stamps_of = |rank: &[u8], step: usize| bytemuck::pod_read_unaligned::<Stamps>(&rank[step * 16..][..16]);
        for step in 0..self.waiting.len() {
            self.seconds += together(all.iter().map(|rank| stamps_of(rank, step)));
        }
        self.waiting.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::threads;

    #[test]
    fn ranks_that_take_turns_take_as_long_as_all_together() {
        let all = threads::run(3, |comm| {
            let mut steps = Steps::new(comm);
            let begun = 1_000_000_000 * (comm.rank() as u64 + 1);
            // In turns, then one rank alone, then nobody.
            steps.add(Some([begun, begun + 500_000_000]));
            steps.add((comm.rank() == 1).then_some([5, 1_000_000_005]));
            steps.add(None);
            steps.finish()
        });
        assert_eq!(all.unwrap(), 2.5 + 1.0);
    }

    #[test]
    fn only_known_and_equal_clocks_are_one() {
        let (a, b) = ("a".to_owned(), "b".to_owned());
        assert!(is_one([Some(&a), Some(&a)].into_iter()));
        assert!(!is_one([Some(&a), Some(&b)].into_iter()) && !is_one([None, None].into_iter()));
    }

    #[test]
    fn the_clock_goes_forward() {
        let begun = now();
        assert!(seconds([begun, now()]) >= 0.0 && together(std::iter::empty()) == 0.0);
    }
}
