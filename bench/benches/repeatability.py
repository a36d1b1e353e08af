"""Whether h5lab says the same twice: a preset of every method, layout and access, run two times."""

from statistics import median

from harness.bench import Report, json_lines
from harness.stats import Line, median_interval

PRESET = "projection-stack"
# A cell agrees if each run's median lies in the other's interval, or if the two are not further apart than this.
NEAR = 0.1
AGREE_AT_LEAST = 0.95
MINUTES_AT_MOST = 5
CONFIDENCE = 0.95


def run(bench):
    bench.need(disk=2 << 30, memory=1 << 30)
    runs = [measure(bench) for _ in range(2)]
    first, second = (run["cells"] for run in runs)
    agreeing = [agree(first[cell], second[cell]) for cell in first if cell in second]
    verified = [cell["verified"] for run in runs for cell in run["cells"].values()]
    share = lambda answers: sum(answers) / max(1, len(answers))
    minutes = [run["wall"] / 60 for run in runs]
    return Report(
        title=f"repeatability: `h5lab run --preset {PRESET}`, twice",
        lines=[
            Line("cells that agree", "", [share(agreeing)], at_least=AGREE_AT_LEAST),
            Line("reads whose every value is right", "", [share(verified)], at_least=1),
            Line("one run", "min", minutes, at_most=MINUTES_AT_MOST),
        ],
        samples={"runs": runs},
        notes=[
            f"{len(agreeing)} cells. A cell agrees if each run's median bandwidth lies in the other's 95 % interval, or the",
            f"two medians are within {NEAR:.0%} of each other.",
            *(f"    differs: {cell}" for cell, same in zip(first, agreeing) if not same),
        ],
    )


def measure(bench):
    """One run: seconds, and each cell's transfer times, by what the cell measures."""
    results = bench.file("results.jsonl")
    ran = bench.run([bench.h5lab, "run", "--preset", PRESET, "--path", bench.work, "--quiet", "--save", results])
    cells = {}
    for record in json_lines(results.read_text()):
        e = record["experiment"]
        layout = "x".join(map(str, e["layout"].get("chunk", ["contiguous"])))
        name = " ".join([e["direction"], e["method"], layout, e["access"]["kind"], e["cache"]])
        seconds = [sample["together"]["transfer"] for sample in record["samples"]]
        right = e["direction"] == "write" or record["verification"]["result"] == "passed"
        cells[name] = {"seconds": seconds, "verified": right}
    return ran.sample() | {"cells": cells}


def agree(a, b):
    (ours, theirs) = (median(rates(cell)) for cell in (a, b))
    near = max(ours, theirs) <= (1 + NEAR) * min(ours, theirs)
    return near or (within(ours, interval(b)) and within(theirs, interval(a)))


def rates(cell):
    """What bandwidths are proportional to: every cell of a pair moves the same bytes."""
    return [1 / seconds for seconds in cell["seconds"]]


def interval(cell):
    return median_interval(rates(cell), CONFIDENCE)


def within(value, bounds):
    return bounds[0] <= value <= bounds[1]
