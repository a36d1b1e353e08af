"""`h5lab repack` beside h5repack: other chunks, no chunks, other filters alone; and the memory of a large file."""

from harness.bench import Report
from harness.command import Failed
from harness.stats import Line

IMAGES, QUICK_IMAGES = 200, 20
ROWS, COLUMNS = 768, 1366
BIG, QUICK_BIG = 20 << 30, 1 << 30
MIB = 1 << 20
FILTERS = ["--filter", "shuffle+gzip=4"]
THEIR_FILTERS = ["-f", "SHUF", "-f", "GZIP=4"]

# What is done, h5lab's words, h5repack's, and the most that h5lab may take of h5repack's time.
WORKS = {
    "1x768x1366 -> 20x64x1366, shuffle + gzip-4": (
        ["--chunk", "20x64x1366", *FILTERS], ["-l", "CHUNK=20x64x1366", *THEIR_FILTERS], 1 / 20),
    "1x768x1366, shuffle + gzip-4 -> contiguous": (
        ["--chunk", "contiguous", "--filter", "none"], ["-l", "CONTI", "-f", "NONE"], 1 / 10),
    "nothing asked for": ([], [], 1),
}


def run(bench):
    images = bench.size(IMAGES, QUICK_IMAGES)
    stack, big = 2 * images * ROWS * COLUMNS, bench.size(BIG, QUICK_BIG)
    bench.need(disk=max(3 * stack, big), memory=3 * stack + (1 << 30))
    source = make(bench, images)
    lines, samples = [], {}
    for what, (ours, theirs, at_most) in WORKS.items():
        ran = bench.interleave(bench.rounds_or(5), contenders(bench, source, ours, theirs))
        samples[what] = ran
        of = lambda name, pick: [pick(s) for s in ran[name]]
        wall, cpu = lambda s: s["wall"], lambda s: s["user"] + s["system"]
        memory = lambda s: s["peak_bytes"] / MIB
        lines += [
            Line(f"{what}", "s", of("h5lab", wall), "h5repack", of("h5repack", wall), at_most=at_most),
            Line(f"{what}: CPU", "s", of("h5lab", cpu), "h5repack", of("h5repack", cpu)),
            Line(f"{what}: peak memory", "MiB", of("h5lab", memory), "h5repack", of("h5repack", memory)),
            Line(f"{what}: size", "MiB", of("h5lab", size), "h5repack", of("h5repack", size)),
        ]
    source.unlink()
    lines.append(memory_of_a_large_file(bench, big, samples))
    return Report(
        title=f"repack: {images} x {ROWS} x {COLUMNS} detector counts (u16, {stack / 1e6:.0f} MB)",
        lines=lines,
        samples=samples,
        notes=[
            "h5lab syncs the new file to the device before it takes its name, within the time; h5repack does not.",
            "A large file has one compressed image many times over. Memory is the resident set, libraries and all.",
        ],
    )


def make(bench, images):
    """The stack in chunks of one image, as detectors write it."""
    shape = f"{images}x{ROWS}x{COLUMNS}"
    bench.run([bench.h5lab, "--quiet", "chunking", "--shape", shape, "--dtype", "u16", "--data", "detector",
               "--chunk", f"1x{ROWS}x{COLUMNS}", "--keep", "--path", ".", "--force"])
    source = bench.file("repack-source.h5")
    names = [f"chunking-detector-{layout}.h5" for layout in ("contiguous", "chunked", "compressed")]
    bench.run([bench.h5lab, "--quiet", "repack", names[0], source, "--chunk", f"1x{ROWS}x{COLUMNS}", *FILTERS])
    for name in names:
        (bench.work / name).unlink()
    return source


def contenders(bench, source, ours, theirs):
    def one(command):
        def once():
            target = bench.file("repack-target.h5")
            try:
                ran = bench.run([*command, source, target])
                return ran.sample() | {"bytes": target.stat().st_size}
            finally:
                target.unlink(missing_ok=True)
        return once

    return {"h5lab": one([bench.h5lab, "--quiet", "repack", *ours]), "h5repack": one(["h5repack", *theirs])}


def size(sample):
    return sample["bytes"] / MIB


def memory_of_a_large_file(bench, big, samples):
    """h5lab alone: h5repack would take a quarter of an hour."""
    source, target = bench.file("repack-big.h5"), bench.file("repack-big-target.h5")
    try:
        bench.run([bench.python, bench.peer("big_stack.py"), big, source])
        ran = bench.run([bench.h5lab, "--quiet", "repack", source, target, "--chunk", "20x64x1366", *FILTERS])
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
    samples["large"] = {"h5lab": [ran.sample()]}
    if ran.sample()["peak_bytes"] <= 0:
        raise Failed("the kernel did not say how much memory h5lab took")
    what = f"{big >> 30} GiB, other chunks, 512 MiB allowed: peak memory"
    return Line(what, "MiB", [ran.sample()["peak_bytes"] / MIB], at_most=600)
