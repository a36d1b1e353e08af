"""Runs one command to its end, and measures it: wall clock, CPU, memory, and who else used the machine."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

TIMEOUT_SECONDS = 1800
TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A command that did not do what it was to do."""


@dataclass
class Ran:
    """What a command left."""

    stdout: str
    # Seconds from start to end; of CPU in user and kernel mode, all its processes together.
    wall: float
    user: float
    system: float
    # Resident bytes of its largest process, a launcher's ranks included.
    peak_bytes: int
    # Share of the machine's cores that was busy with something else meanwhile.
    others: float

    def sample(self):
        """The measurements alone, for the record."""
        return {k: v for k, v in vars(self).items() if k != "stdout"}


def run(command, *, cwd, env=None, memory=0):
    """Runs `command` (a list) and returns what it `Ran`.

    All commands find the machine alike: everything is synced, so that the disk is idle, and `memory` bytes were
    in use a moment ago.
    """
    os.sync()
    warm(memory)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy, begun = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, start_new_session=True,
        )
        status, usage, wall = wait(process, begun)
        used = usage.ru_utime + usage.ru_stime
        others = max(0.0, busy_seconds() - busy - used) / (wall * os.cpu_count())
        if status != 0:
            raise Failed(f"{' '.join(map(str, command))}\nended with status {status}:\n{text(err)[-2000:]}")
        return Ran(text(out), wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024, others)


def warm(memory):
    """Touches this much memory, and frees it.

    The host of a virtual machine may take free memory away, and takes many times longer to give it back than the
    machine takes to touch memory that it has: who runs first would pay for all.
    """
    if memory:
        # In a process of its own, as a child's peak memory starts with its parent's.
        populate = "mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)"
        subprocess.run([sys.executable, "-c", f"import mmap, sys; {populate}", str(memory)], check=True)


def wait(process, begun):
    """Waits for the command; what it started is gone too, whatever happens."""
    timer = threading.Timer(TIMEOUT_SECONDS, os.killpg, (process.pid, signal.SIGTERM))
    timer.start()
    try:
        # Unlike RUSAGE_CHILDREN this is of one command alone: itself, and all that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, usage, time.perf_counter() - begun
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    finally:
        timer.cancel()


def text(file):
    file.seek(0)
    return file.read().decode(errors="replace")


def busy_seconds():
    """Seconds that all cores together were busy, or taken away by the host, since the machine started."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + irq + softirq + steal) / TICK
