"""`h5lab chunking` beside the Python chunking demo."""

from harness.bench import Report, json_lines
from harness.stats import Line

SHAPE, QUICK_SHAPE = (500, 768, 1366), (20, 768, 1366)
LAYOUTS = ("contiguous", "chunked", "compressed")
WHOLE_AT_MOST = 1 / 5
MEMORY_AT_MOST = 1 / 15


def run(bench):
    shape = bench.size(SHAPE, QUICK_SHAPE)
    stack = 8 * shape[0] * shape[1] * shape[2]
    bench.need(disk=stack * 21 // 20, memory=stack * 21 // 10 + (1 << 29))
    text = "x".join(map(str, shape))

    def ours():
        ran = bench.run([bench.h5lab, "--json", "--quiet", "chunking", "--data", "uniform", "--shape", text])
        return ran.sample() | {"layouts": layouts(json_lines(ran.stdout))}

    def demo():
        ran = bench.run([bench.python, bench.peer("chunking_demo.py"), text, "."])
        return ran.sample() | {"layouts": json_lines(ran.stdout)[0]}

    # It takes minutes: the rounds warm each other up.
    samples = bench.interleave(bench.rounds or 1, {"h5lab": ours, "demo": demo}, warm_up=False)
    of = lambda name, pick: [pick(s) for s in samples[name]]
    def line(what, unit, pick, at_most=None):
        return Line(what, unit, of("h5lab", pick), "demo", of("demo", pick), at_most=at_most)
    lines = [
        line("whole command", "s", lambda s: s["wall"], None if bench.quick else WHOLE_AT_MOST),
        line("peak memory", "MiB", lambda s: s["peak_bytes"] / 2**20, None if bench.quick else MEMORY_AT_MOST),
        line("generate, all layouts", "s", generate),
    ]
    for layout in LAYOUTS:
        lines += [
            line(f"{layout}: write", "s", lambda s: s["layouts"][layout]["write"]),
            line(f"{layout}: read tiles, warm", "s", lambda s: s["layouts"][layout]["read"]),
        ]
    return Report(
        title=f"chunking: a stack of {text} float64, uniform noise, contiguous, chunked, chunked + gzip",
        lines=lines,
        samples=samples,
        notes=[
            "h5lab makes the data once a layout, image by image, where the demo holds all of it in memory; it reads the",
            "tiles twice more (cold, and the posix ceiling), and verifies them: the whole command holds all that.",
        ],
    )


def generate(sample):
    found = sample["layouts"]
    return found.get("generate", 0) or sum(found[layout]["generate"] for layout in LAYOUTS)


def layouts(records):
    """The seconds from open to close of h5lab's records, which come by threes: written, read warm, read cold."""
    found = {}
    for i, layout in enumerate(LAYOUTS):
        written, warm, cold = records[3 * i : 3 * i + 3]
        found[layout] = {"write": seconds(written), "read": seconds(warm), "read_cold": seconds(cold),
                         "generate": written["samples"][0]["generate"]}
    return found


def seconds(record):
    return sum(record["samples"][0]["ranks"][0].values())
