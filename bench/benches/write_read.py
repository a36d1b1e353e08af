"""`h5lab write` and `h5lab read` beside Python programs that write and read the same bytes."""

from harness.bench import Report, json_lines
from harness.stats import Line

ROWS = 128
COLUMNS, QUICK_COLUMNS = 2_500_000, 100_000
RANKS = (1, 2, 4)
PEERS = {"demo": "demo_way.py", "lean": "lean.py"}
PHASES = ("open", "transfer", "close")
# The whole of write + read is judged at this rank count.
JUDGED_RANKS = 2
WHOLE_AT_MOST = {"demo": 1 / 3, "lean": 2 / 3}


def run(bench):
    columns = bench.size(COLUMNS, QUICK_COLUMNS)
    size = 4 * ROWS * columns
    # The file, and the demo's float64.
    bench.need(disk=size, memory=3 * size + (1 << 29))
    rounds = bench.rounds_or(5)
    lines, samples = [], {}
    for np in RANKS:
        ran = bench.interleave(rounds, contenders(bench, np, columns))
        samples[f"np {np}"] = ran
        lines += lines_of(np, ran)
    return Report(
        title=f"write-read: {ROWS} x {columns} float32, np {', '.join(map(str, RANKS))}",
        lines=lines,
        samples=samples,
        notes=[
            "demo: the Python demos' own way; lean: float32 from the start, one buffer used again.",
            "Whole commands are timed from mpirun's start to its end. h5lab measures no ceiling (--no-ceiling), as the",
            "peers don't; its read verifies every value, which theirs don't: 'whole read' holds that too.",
            "Reads find the file in the page cache; writes end there (no fsync), for all alike.",
        ],
    )


def contenders(bench, np, columns):
    def both(write, read):
        def once():
            file = bench.file("write-read.h5")
            try:
                return {"write": sample(bench.run([*bench.mpirun(np), *write, file])),
                        "read": sample(bench.run([*bench.mpirun(np), *read, file]))}
            finally:
                file.unlink(missing_ok=True)
        return once

    ours = [bench.h5lab, "--json", "--quiet"]
    shape = [ROWS, columns]
    found = {"h5lab": both([*ours, "write", "--no-ceiling", *shape], [*ours, "read", "--no-ceiling"])}
    for name, script in PEERS.items():
        peer = [bench.python, bench.peer(script)]
        found[name] = both([*peer, "write", *shape], [*peer, "read"])
    return found


def sample(ran):
    """A command's measurements, with the phases that it printed; h5lab's record and the peers' look alike in this."""
    printed = json_lines(ran.stdout)[-1]
    own = printed["samples"][0] if "samples" in printed else printed
    ranks = [{phase: rank[phase] for phase in PHASES} for rank in own["ranks"]]
    return ran.sample() | {"ranks": ranks, "generate": own["generate"], "verify": own.get("verify")}


def lines_of(np, ran):
    whole = lambda s: s["write"]["wall"] + s["read"]["wall"]
    memory = lambda s: max(s["write"]["peak_bytes"], s["read"]["peak_bytes"]) / 2**20
    measures = [
        ("whole write + read", "s", whole, WHOLE_AT_MOST if np == JUDGED_RANKS else {}),
        ("whole write", "s", lambda s: s["write"]["wall"], {}),
        ("whole read", "s", lambda s: s["read"]["wall"], {}),
        ("CPU, write + read", "s", lambda s: sum(s[d][k] for d in ("write", "read") for k in ("user", "system")), {}),
        ("generate", "s", lambda s: s["write"]["generate"], {}),
        ("write: transfer", "s", lambda s: slowest(s["write"], "transfer"), {"demo": 1, "lean": 1}),
        ("write: open to close", "s", lambda s: slowest(s["write"], *PHASES), {"demo": 1, "lean": 1}),
        ("read: transfer", "s", lambda s: slowest(s["read"], "transfer"), {"demo": 1, "lean": 1}),
        ("read: open to close", "s", lambda s: slowest(s["read"], *PHASES), {"demo": 1, "lean": 1}),
        ("peak memory of a rank", "MiB", memory, {}),
    ]
    return [
        Line(f"np {np}  {what}", unit, [of(s) for s in ran["h5lab"]], peer, [of(s) for s in ran[peer]],
             at_most=targets.get(peer))
        for what, unit, of, targets in measures
        for peer in PEERS
    ]


def slowest(sample, *phases):
    """Seconds of these phases, each as long as its slowest rank took."""
    return sum(max(rank[phase] for rank in sample["ranks"]) for phase in phases)
