"""`h5lab report` of a hundred thousand records: how long, and how much memory."""

from harness.bench import Report
from harness.stats import Line

RECORDS = 100_000
MIB = 1 << 20


def run(bench):
    bench.need(disk=2 << 30, memory=2 << 30)
    records = bench.size(RECORDS, 2000)
    few, many = bench.file("few.jsonl"), bench.file("many.jsonl")
    bench.run([bench.h5lab, "run", "--shape", "12x40x50", "--dtype", "u16", "--data", "detector", "--np", "1,2", "--quiet",
               "--access", "projection,sinogram", "--chunk", "contiguous,1x40x50,12x4x50", "--method", "independent,gather",
               "--repeat", "5", "--save", few])
    # Not through this process: the peak memory of what it starts begins with its own.
    bench.run(["sh", "-c", f"exec {bench.python} {bench.peer('many_records.py')} {few} {records} > {many}"])
    size = many.stat().st_size
    outputs = {"page": ["--format", "html"], "CSV": ["--format", "csv"], "Parquet": ["--format", "parquet"]}

    def report(words, name):
        return lambda: bench.run([bench.h5lab, "report", many, "-o", bench.file(name), *words]).sample()

    samples = bench.interleave(bench.rounds_or(5), {name: report(words, f"all.{name}") for name, words in outputs.items()})
    page = (bench.work / "all.page").stat().st_size
    for name in outputs:
        bench.file(f"all.{name}")
    many.unlink()
    few.unlink()
    target = lambda value: None if bench.quick else value
    took = lambda name, key, unit=1: [one[key] / unit for one in samples[name]]
    lines = [
        *(Line(f"report as {name}", "s", took(name, "wall"), at_most=target(5 if name == "page" else None)) for name in outputs),
        *(Line(f"report as {name}: memory", "MiB", took(name, "peak_bytes", MIB), at_most=target(500 if name == "page" else None))
          for name in outputs),
        Line("size of the page", "MiB", [page / MIB], at_most=6),
    ]
    return Report(f"report: {records} records of {size / MIB:.0f} MiB", lines, samples)
