//! What the operating system counts for this thread: bytes and calls of reads and writes, and CPU time.

use h5lab_core::record::Counters;
use procfs::FromRead;
use rustix::time::{ClockId, clock_gettime};
use std::sync::LazyLock;

/// The counters at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    counters: Counters,
    /// Bytes that reading the counters themselves took: counted from the next moment on.
    own_bytes: u64,
}

/// The counters now; `None` where the system does not keep them.
pub fn now() -> Option<Moment> {
    let text = std::fs::read("/proc/thread-self/io").ok()?;
    let io = procfs::process::Io::from_read(&text[..]).ok()?;
    let cpu = clock_gettime(ClockId::ThreadCPUTime);
    let counters = Counters {
        read_bytes: io.rchar,
        written_bytes: io.wchar,
        read_calls: io.syscr,
        write_calls: io.syscw,
        device_read_bytes: io.read_bytes,
        cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 * 1e-9,
    };
    Some(Moment { counters, own_bytes: text.len() as u64 })
}

/// Read calls that [`now`] makes itself.
static OWN_CALLS: LazyLock<u64> = LazyLock::new(|| match (now(), now()) {
    (Some(before), Some(after)) => after.counters.read_calls - before.counters.read_calls,
    _ => 0,
});

/// `sum` and what was counted between two moments; `None` where that can't be told.
pub fn add(sum: Option<Counters>, before: Option<Moment>, after: Option<Moment>) -> Option<Counters> {
    let (before, after, sum) = (before?, after?, sum.unwrap_or_default());
    let step = difference(&before.counters, &after.counters);
    Some(Counters {
        read_bytes: sum.read_bytes + step.read_bytes.saturating_sub(before.own_bytes),
        written_bytes: sum.written_bytes + step.written_bytes,
        read_calls: sum.read_calls + step.read_calls.saturating_sub(*OWN_CALLS),
        write_calls: sum.write_calls + step.write_calls,
        device_read_bytes: sum.device_read_bytes + step.device_read_bytes,
        cpu_seconds: sum.cpu_seconds + step.cpu_seconds,
    })
}

fn difference(before: &Counters, after: &Counters) -> Counters {
    Counters {
        read_bytes: after.read_bytes.saturating_sub(before.read_bytes),
        written_bytes: after.written_bytes.saturating_sub(before.written_bytes),
        read_calls: after.read_calls.saturating_sub(before.read_calls),
        write_calls: after.write_calls.saturating_sub(before.write_calls),
        device_read_bytes: after.device_read_bytes.saturating_sub(before.device_read_bytes),
        cpu_seconds: (after.cpu_seconds - before.cpu_seconds).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_a_thread_moves_is_counted_to_the_byte() {
        let mut file = tempfile::tempfile().unwrap();
        let (mut buffer, mut sum) = (vec![0u8; 5000], None);
        for _ in 0..3 {
            let before = now();
            file.write_all(&buffer).unwrap();
            file.read_exact_at(&mut buffer[..1000], 0).unwrap();
            sum = add(sum, before, now());
        }
        let Some(sum) = sum else { return assert!(now().is_none(), "counters come and go") };
        assert_eq!((sum.written_bytes, sum.write_calls), (15_000, 3));
        assert_eq!((sum.read_bytes, sum.read_calls), (3000, 3));
    }
}
