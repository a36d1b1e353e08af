"""What every bench is given: where to work, how to start ranks, how often to measure; and what it gives back."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import command, host
from .command import Failed

GIB = 1 << 30


@dataclass
class Report:
    """What a bench found: one table, what to know about it, and every sample."""

    title: str
    lines: list
    samples: dict
    notes: list = field(default_factory=list)


@dataclass
class Bench:
    """A bench's surroundings."""

    root: Path
    work: Path
    h5lab: str
    python: str
    rounds: int | None
    quick: bool
    say: callable
    # Bytes of memory that a command may need, the page cache for its files included.
    memory: int = 0
    # Which share of a long bench is measured, of how many: (1, 3) is the first third.
    part: tuple = (1, 1)

    def share(self, units):
        """The units of a long bench that are measured now."""
        number, of = self.part
        return units[number - 1::of]

    def kept(self, name):
        """Samples of earlier parts of a bench, if the same commit was measured."""
        path = self.root / "bench" / "results" / f"{name}.json"
        if self.quick or self.part[1] == 1 or not path.exists():
            return {}
        before = json.loads(path.read_text())
        return before["samples"] if before["commit"] == host.commit(self.root) else {}

    def peer(self, name):
        return str(self.root / "bench" / "peers" / name)

    def size(self, full, quick):
        return quick if self.quick else full

    def rounds_or(self, usual):
        return self.rounds or (2 if self.quick else usual)

    def mpirun(self, np):
        """The launcher's command line: the same for h5lab and for its peers."""
        crowded = ["--oversubscribe"] if np > len(os.sched_getaffinity(0)) else []
        return ["mpirun", *crowded, "-np", str(np)]

    def run(self, args):
        """Runs a command in the working directory."""
        root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}
        return command.run([str(a) for a in args], cwd=self.work, env=root, memory=self.memory)

    def json_of(self, args):
        """The first JSON object that a command prints on a line of its own."""
        return json_lines(self.run(args).stdout)[0]

    def file(self, name):
        """A path in the working directory, with nothing there."""
        path = self.work / name
        path.unlink(missing_ok=True)
        return path

    def need(self, *, disk, memory):
        """Says what the hungriest command needs, the page cache for its files included in `memory`.

        Refuses to run where that would fill the disk, or measure the swapping.
        """
        free = shutil.disk_usage(self.work).free
        if free < disk + 2 * GIB:
            raise Failed(f"no room: {disk / GIB:.1f} GiB of disk and 2 to spare needed, {free / GIB:.1f} free")
        available = next(int(l.split()[1]) * 1024 for l in open("/proc/meminfo") if l.startswith("MemAvailable"))
        # Half as much to spare: what is touched before each command must not push files out of the page cache.
        if available < memory * 3 // 2:
            raise Failed(f"no room: {memory * 3 / 2 / GIB:.1f} GiB of memory needed, {available / GIB:.1f} available")
        self.memory = memory

    def interleave(self, rounds, contenders, *, warm_up=True):
        """Runs the contenders (name: function) in turn: once unmeasured, then `rounds` times, in changing order.

        Returns each one's samples, in the order of the rounds: those of one round ran side by side.
        """
        names, samples = list(contenders), {name: [] for name in contenders}
        for name in names if warm_up else []:
            self.say(f"warm-up: {name}")
            contenders[name]()
        for round in range(rounds):
            turn = names[round // 2 % len(names):] + names[:round // 2 % len(names)]
            for name in turn if round % 2 == 0 else reversed(turn):
                self.say(f"round {round + 1} of {rounds}: {name}")
                samples[name].append(contenders[name]())
        return samples


def json_lines(text):
    """The JSON objects that stand on lines of their own."""
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    if not found:
        raise Failed(f"no JSON in what was printed:\n{text[-2000:]}")
    return found
