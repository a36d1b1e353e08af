"""How fast one core codes chunks of detector counts: what I/O that is bound by filters is held against."""

from harness.bench import Report, json_lines
from harness.stats import Line

from .generator import build

EXAMPLE = "codec_speed"
IMAGES = (8, 768, 1366)
# Of h5py's speed on one core: 7 times it on two.
AT_LEAST = 3.5


def run(bench):
    bench.need(disk=1 << 26, memory=1 << 28)
    example, images = build(bench, "h5lab-io", EXAMPLE), bench.file("images.raw")
    bench.run([example, "--images", images])
    peer = [bench.python, bench.peer("codecs.py"), images, *IMAGES]
    samples = bench.interleave(bench.rounds_or(5), {
        "h5lab": lambda: parse(bench.run([example]).stdout),
        "h5py": lambda: json_lines(bench.run(peer).stdout)[0],
    })
    return Report(
        title="codecs: detector counts, u16, a chunk an image of 2.1 MB, one core",
        lines=[line for filters in samples["h5lab"][0] for line in lines(filters, samples)],
        samples=samples,
        notes=["GB/s of logical bytes of one core; more is better. Ratio: logical over stored bytes.",
               "h5py filters into a file in memory: its time has what HDF5 does around the filters."],
    )


def lines(filters, samples):
    """Encode, decode and ratio of one pipeline, beside h5py's where that has it."""
    ours = lambda key: [s[filters][key] for s in samples["h5lab"]]
    theirs = lambda key: [s[filters][key] for s in samples["h5py"]] if filters in samples["h5py"][0] else None
    gzip = "gzip=4" in filters
    for key, unit, target in (("encode", "GB/s", AT_LEAST), ("decode", "GB/s", AT_LEAST), ("ratio", "", 1.0)):
        peer = theirs(key)
        judged = {"peer": "h5py", "theirs": peer, "at_least": target if gzip else None} if peer else {}
        yield Line(f"{filters} {key}", unit, ours(key), **judged)


def parse(text):
    """`filters encode decode ratio` a line, under a line of headings."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return {name: {"encode": float(e), "decode": float(d), "ratio": float(r)} for name, e, d, r in rows}
