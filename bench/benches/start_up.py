"""What it costs to start many ranks that have next to nothing to do."""

from harness.bench import Report
from harness.stats import Line

RANKS = 16
SHAPE = (16, 16)
AT_MOST = 1 / 2


def run(bench):
    bench.need(disk=1 << 20, memory=1 << 30)

    def once(*command):
        def run_it():
            file = bench.file("start-up.h5")
            try:
                return bench.run([*bench.mpirun(RANKS), *command, file]).sample()
            finally:
                file.unlink(missing_ok=True)
        return run_it

    samples = bench.interleave(bench.rounds_or(7), {
        "h5lab": once(bench.h5lab, "--quiet", "write", "--no-ceiling", *SHAPE),
        "lean": once(bench.python, bench.peer("lean.py"), "write", *SHAPE),
        "true": once("true"),
    })
    of = lambda name, key: [s[key] for s in samples[name]]
    cpu = lambda name: [s["user"] + s["system"] for s in samples[name]]
    return Report(
        title=f"start-up: {RANKS} ranks write {SHAPE[0]} x {SHAPE[1]} float32",
        lines=[
            Line("whole command", "s", of("h5lab", "wall"), "lean", of("lean", "wall"), at_most=AT_MOST),
            Line("whole command", "s", of("h5lab", "wall"), "true", of("true", "wall")),
            Line("CPU of all ranks", "s", cpu("h5lab"), "lean", cpu("lean")),
            Line("CPU of all ranks", "s", cpu("h5lab"), "true", cpu("true")),
        ],
        samples=samples,
        notes=["true: the launcher alone, with ranks that do nothing and don't use MPI: nothing can be faster."],
    )
