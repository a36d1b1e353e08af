//! What the operating system counts for this thread and for threads that help it: bytes and calls of reads and writes, and
//! CPU time.

use h5lab_core::record::Counters;
use procfs::FromRead;
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io::Read;

/// The counters at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    counters: Counters,
    /// Bytes and calls that reading the counters themselves took: counted for this thread from the next moment on.
    own_bytes: u64,
    own_calls: u64,
}

/// The counters now, summed over this thread and the `helpers`, which are threads of this process; `None` where the system
/// does not keep them.
pub fn now(helpers: &[i32]) -> Option<Moment> {
    let cpu = clock_gettime(ClockId::ThreadCPUTime);
    let cpu_seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 * 1e-9;
    let nothing = Moment { counters: Counters { cpu_seconds, ..Counters::default() }, own_bytes: 0, own_calls: 0 };
    // This thread first: what the others' counters take is then not in its own yet.
    let mine = nothing.with_io("/proc/thread-self/io")?;
    helpers.iter().try_fold(mine, |sum, thread| {
        let sum = sum.with_io(&format!("/proc/self/task/{thread}/io"))?;
        sum.with_cpu(&format!("/proc/self/task/{thread}/schedstat"))
    })
}

impl Moment {
    /// With what a thread's `io` says (proc(5)).
    fn with_io(self, path: &str) -> Option<Moment> {
        let (text, counted) = self.read(path)?;
        let io = procfs::process::Io::from_read(text.as_bytes()).ok()?;
        let sum = counted.counters;
        let counters = Counters {
            read_bytes: sum.read_bytes + io.rchar,
            written_bytes: sum.written_bytes + io.wchar,
            read_calls: sum.read_calls + io.syscr,
            write_calls: sum.write_calls + io.syscw,
            device_read_bytes: sum.device_read_bytes + io.read_bytes,
            cpu_seconds: sum.cpu_seconds,
        };
        Some(Moment { counters, ..counted })
    }

    /// With the CPU time that a thread's `schedstat` says, in nanoseconds; some kernels have none.
    fn with_cpu(self, path: &str) -> Option<Moment> {
        let Some((text, mut counted)) = self.read(path) else { return Some(self) };
        let spent: u64 = text.split_whitespace().next()?.parse().ok()?;
        counted.counters.cpu_seconds += spent as f64 * 1e-9;
        Some(counted)
    }

    /// A file of the kernel's, in one call.
    fn read(mut self, path: &str) -> Option<(String, Moment)> {
        let mut text = [0u8; 1024];
        let bytes = File::open(path).and_then(|mut file| file.read(&mut text)).ok()?;
        (self.own_bytes, self.own_calls) = (self.own_bytes + bytes as u64, self.own_calls + 1);
        Some((String::from_utf8_lossy(&text[..bytes]).into_owned(), self))
    }
}

/// `sum` and what was counted between two moments; `None` where that can't be told.
pub fn add(sum: Option<Counters>, before: Option<Moment>, after: Option<Moment>) -> Option<Counters> {
    let (before, after, sum) = (before?, after?, sum.unwrap_or_default());
    let step = difference(&before.counters, &after.counters);
    Some(Counters {
        read_bytes: sum.read_bytes + step.read_bytes.saturating_sub(before.own_bytes),
        written_bytes: sum.written_bytes + step.written_bytes,
        read_calls: sum.read_calls + step.read_calls.saturating_sub(before.own_calls),
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
            let before = now(&[]);
            file.write_all(&buffer).unwrap();
            file.read_exact_at(&mut buffer[..1000], 0).unwrap();
            sum = add(sum, before, now(&[]));
        }
        let Some(sum) = sum else { return assert!(now(&[]).is_none(), "counters come and go") };
        assert_eq!((sum.written_bytes, sum.write_calls), (15_000, 3));
        assert_eq!((sum.read_bytes, sum.read_calls), (3000, 3));
    }

    #[test]
    fn what_helpers_move_is_counted_with_it() {
        let file = tempfile::tempfile().unwrap();
        let (ask, asked) = std::sync::mpsc::channel::<usize>();
        let (tell, told) = std::sync::mpsc::channel();
        let writer = file.try_clone().unwrap();
        let helper = std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            for bytes in asked {
                writer.write_all_at(&vec![1u8; bytes], 0).unwrap();
                tell.send(0).unwrap();
            }
        });
        let helpers = [told.recv().unwrap()];
        let before = now(&helpers);
        ask.send(7000).unwrap();
        told.recv().unwrap();
        file.read_exact_at(&mut [0u8; 300], 0).unwrap();
        let sum = add(None, before, now(&helpers));
        drop(ask);
        helper.join().unwrap();
        let Some(sum) = sum else { return assert!(now(&[]).is_none(), "counters come and go") };
        assert_eq!((sum.written_bytes, sum.write_calls), (7000, 1));
        assert_eq!((sum.read_bytes, sum.read_calls), (300, 1));
    }
}
