"""The method `direct`: chunks through filters beside h5py, contiguous data beside the posix ceiling, codecs beside themselves."""

import os
import statistics

from harness.bench import Report, json_lines
from harness.command import Failed
from harness.stats import Line

from . import codecs
from .generator import build

IMAGE = (768, 1366)
IMAGES, QUICK_IMAGES = 200, 30
TILES, QUICK_TILES = 500, 60
CONTIGUOUS, QUICK_CONTIGUOUS = 500, 50
TILE = "200x200"
# How much longer h5py takes, at least.
TIMES = {"shuffle+gzip=4": 7, "bitshuffle-lz4": 2}
TILE_TIMES = 6
OF_CEILING = 0.95
OF_CODEC = 0.9
CORES = len(os.sched_getaffinity(0))


def run(bench):
    images, tiles = bench.size(IMAGES, QUICK_IMAGES), bench.size(TILES, QUICK_TILES)
    contiguous = bench.size(CONTIGUOUS, QUICK_CONTIGUOUS)
    most = max(images, tiles, contiguous) * 2 * IMAGE[0] * IMAGE[1]
    bench.need(disk=3 * most, memory=2 * most + (1 << 29))
    lines, samples = [], {}
    for name, part in (
        ("shuffle+gzip=4", lambda: filters(bench, images, "shuffle+gzip=4")),
        ("bitshuffle-lz4", lambda: filters(bench, images, "bitshuffle-lz4")),
        ("shared", lambda: shared(bench, images)),
        ("tiles", lambda: tiles_of(bench, tiles)),
        ("contiguous", lambda: places(bench, contiguous)),
    ):
        found, samples[name] = part()
        lines += found
    return Report(
        title=f"direct: {images} images of {IMAGE[0]} x {IMAGE[1]} u16 detector counts, {CORES} cores",
        lines=lines,
        samples=samples,
        notes=[
            "h5lab: --method direct, np 1 and as many threads as cores, unless a line says otherwise; through filters all images in",
            "one call, as h5py has it. Seconds from open to close, once; MB/s of transfers: the median of 5, as codec's is of 7;",
            "the same values, chunks and filters on both sides; files end in the page cache and are read from there. h5py: for",
            "bitshuffle-lz4 with hdf5plugin (PyPI); else the one of the parallel HDF5 that h5lab uses. Its ratio of bytes stored is",
            "in the samples. codec: the filters alone on one core, of the same images, from memory to memory, no file, times the",
            "cores. codec in cache: of eight images, which the processor's cache holds.",
        ],
    )


def python(bench, filters):
    """The Python that has this filter."""
    if filters != "bitshuffle-lz4":
        return [bench.python]
    python = bench.root / ".tools" / "venv" / "bin" / "python"
    venv = os.environ.get("H5LAB_TEST_VENV")
    python = os.path.join(venv, "bin", "python") if venv else str(python)
    if not os.path.exists(python):
        raise Failed(f"{python} is not there: scripts/setup --bench makes it")
    return ["env", "WITH_PLUGINS=1", python]


def filters(bench, images, filters):
    """Whole chunks, written and read: h5lab, h5py, and the codec alone."""
    shape = f"{images}x{IMAGE[0]}x{IMAGE[1]}"
    chunk = f"1x{IMAGE[0]}x{IMAGE[1]}"
    source, example = values(bench, shape), build(bench, "h5lab-io", codecs.EXAMPLE)
    size = images * IMAGE[0] * IMAGE[1] * 2

    def peer():
        file = bench.file("peer.h5")
        try:
            wrote = bench.run([*python(bench, filters), bench.peer("filters.py"), "write", source, file, chunk, filters])
            read = bench.run([*python(bench, filters), bench.peer("filters.py"), "read", file])
            return phases(wrote, "write") | phases(read, "read") | {"others": max(wrote.others, read.others)}
        finally:
            file.unlink(missing_ok=True)

    try:
        ran = bench.interleave(bench.rounds_or(7), {
            # One call for all images, as h5py makes it.
            "h5lab": lambda: ours(bench, shape, chunk, filters, "rows", np=1, threads=CORES, buffer=size, repeat=5),
            "h5py": peer,
            "codec": lambda: codec(bench, example, filters, images),
            "codec in cache": lambda: codec(bench, example, filters),
        })
    finally:
        remove_values(bench)
    of = lambda name, pick: [pick(s) for s in ran[name]]
    lines = []
    for direction in ("write", "read"):
        theirs = of("h5py", lambda s: sum(s[direction].values()))
        mine = of("h5lab", lambda s: sum(s[direction].values()))
        lines.append(Line(f"{filters}: {direction}", "s", mine, "h5py", theirs, at_most=1 / TIMES[filters]))
        speed = of("h5lab", lambda s: size / 1e6 / s["transfer"][direction])
        alone = of("codec", lambda s: CORES * s[direction])
        lines.append(Line(f"{filters}: {direction}, transfer", "MB/s", speed, "codec", alone, at_least=OF_CODEC))
        in_cache = of("codec in cache", lambda s: CORES * s[direction])
        lines.append(Line(f"{filters}: {direction}, transfer", "MB/s", speed, "codec in cache", in_cache))
    stored = lambda name: of(name, lambda s: s["stored_bytes"] / 2**20)
    lines.append(Line(f"{filters}: stored", "MiB", stored("h5lab"), "h5py", stored("h5py"), at_most=1.001))
    return lines, ran


def shared(bench, images):
    """A compressed dataset written by many ranks: a file a rank (direct), and one shared file (collective)."""
    shape, chunk = f"{images}x{IMAGE[0]}x{IMAGE[1]}", f"1x{IMAGE[0]}x{IMAGE[1]}"
    ran = bench.interleave(bench.rounds_or(5), {
        f"{method} {filters}": lambda method=method, filters=filters: ours(
            bench, shape, chunk, filters, "rows", np=CORES, threads=1 if method == "direct" else None, method=method,
        )
        for filters in TIMES
        for method in ("direct", "collective")
    })
    total = lambda name: [sum(s["write"].values()) for s in ran[name]]
    lines = [
        Line(f"{filters}: write, np {CORES}, a file a rank", "s", total(f"direct {filters}"), "one shared",
             total(f"collective {filters}"))
        for filters in TIMES
    ]
    return lines, ran


def tiles_of(bench, images):
    """The corner tile of every image, which is one chunk: a call for each."""
    shape = f"{images}x{IMAGE[0]}x{IMAGE[1]}"
    source = values(bench, shape)
    file = bench.file("tiles.h5")
    access, (rows, columns) = f"roi:{TILE}", TILE.split("x")

    def peer():
        ran = bench.run([*python(bench, "gzip=4"), bench.peer("filters.py"), "tiles", file, rows, columns])
        return phases(ran, "read") | {"others": ran.others}

    def mine(np):
        return lambda: ours(bench, shape, f"1x{TILE}", "gzip=4", access, np=np, threads=1)

    try:
        bench.run([*python(bench, "gzip=4"), bench.peer("filters.py"), "write", source, file, f"1x{TILE}", "gzip=4"])
        ran = bench.interleave(bench.rounds_or(7), {"np 1": mine(1), f"np {CORES}": mine(CORES), "h5py": peer})
    finally:
        file.unlink(missing_ok=True)
        remove_values(bench)
    lines = []
    for np in sorted({1, CORES}):
        pick = lambda s: s["read"]["transfer"]
        lines.append(Line(
            f"tiles of {images} images, np {np} threads 1", "s", [pick(s) for s in ran[f"np {np}"]], "h5py",
            [pick(s) for s in ran["h5py"]], at_most=1 / TILE_TIMES if np == CORES else None,
        ))
    return lines, ran


def places(bench, images):
    """Contiguous data, beside the posix ceiling that h5lab measures in the same run."""
    shape = f"{images}x{IMAGE[0]}x{IMAGE[1]}"
    ways = {"np 2 threads 1": (2, 1), "np 1 threads 2": (1, 2), "np 2 threads 2": (2, 2)}
    ran = bench.interleave(bench.rounds_or(5), {
        name: lambda np=np, threads=threads: ours(
            bench, shape, "contiguous", "none", "rows", np=np, threads=threads, ceiling=True, repeat=5,
        )
        for name, (np, threads) in ways.items()
    })
    lines = [
        Line(f"contiguous: {direction}, {name}", "of ceiling", [s["of_ceiling"][direction] for s in ran[name]],
             at_least=OF_CEILING)
        for name in ways
        for direction in ("write", "read")
    ]
    return lines, ran


def ours(bench, shape, chunk, filters, access, *, np, threads, method="direct", ceiling=False, repeat=1, buffer=None):
    """Seconds of each phase of the first write and read, and of the transfer in the middle one of all repeats."""
    options = [] if threads is None else ["--threads", threads]
    options += [] if buffer is None else ["--buffer", buffer]
    ran = bench.run([
        bench.h5lab, "run", "--json", "--quiet", "--method", method, *options, "--np", np, "--shape", shape,
        "--dtype", "u16", "--data", "detector", "--chunk", chunk, "--filter", filters, "--write", "rows", "--access", access,
        "--cache", "warm", "--repeat", repeat, "--ceiling", str(ceiling).lower(), "--path", bench.work,
    ])
    write, read = json_lines(ran.stdout)
    found = {"others": ran.others, "stored_bytes": write["stored_bytes"], "of_ceiling": {}, "transfer": {}}
    for direction, record in (("write", write), ("read", read)):
        found[direction] = slowest(record["samples"][0])
        found["transfer"][direction] = statistics.median(slowest(sample)["transfer"] for sample in record["samples"])
        if ceiling:
            found["of_ceiling"][direction] = of_ceiling(record)
    return found


def slowest(sample):
    return {phase: max(rank[phase] for rank in sample["ranks"]) for phase in ("open", "transfer", "close")}


def of_ceiling(record):
    """The transfer bandwidth over the ceiling's: medians over the repeats, as h5lab shows it."""
    middle = lambda samples: sorted(slowest(s)["transfer"] for s in samples)[len(samples) // 2]
    return middle(record["ceiling"]["samples"]) / middle(record["samples"])


def phases(ran, direction):
    found = json_lines(ran.stdout)[-1]
    return {direction: {phase: found[phase] for phase in ("open", "transfer", "close")}, "stored_bytes": found["stored_bytes"]}


def codec(bench, example, filters, images=codecs.IMAGES[0]):
    """MB/s of the bare filters on one core, chunks of one image."""
    found = codecs.parse(bench.run([example, "--count", images, filters]).stdout)[filters]
    return {"write": 1000 * found["encode"], "read": 1000 * found["decode"], "ratio": found["ratio"]}


def values(bench, shape):
    """A file with the very values that h5lab writes, for peers that can't make them."""
    bench.run([
        bench.h5lab, "chunking", "--quiet", "--keep", "--force", "--shape", shape, "--dtype", "u16", "--data", "detector",
        "--chunk", f"1x{IMAGE[0]}x{IMAGE[1]}", "--gzip", 1, "--path", bench.work,
    ])
    for layout in ("chunked", "compressed"):
        (bench.work / f"chunking-detector-{layout}.h5").unlink()
    return f"{bench.work / 'chunking-detector-contiguous.h5'}:stack"


def remove_values(bench):
    (bench.work / "chunking-detector-contiguous.h5").unlink(missing_ok=True)
