"""The posix ceiling, which every result is set against, beside fio doing the same transfers."""

import json

from harness.bench import Report, json_lines
from harness.stats import Line

ROWS, COLUMNS, QUICK_COLUMNS = 128, 1 << 19, 1 << 16
RANKS = (1, 2)
PIECE = 64 << 20
TRANSFERS = ("write", "read warm", "read cold")
# How far the two may lie apart.
WITHIN = 0.1
# Of linux/mman.h.
MADV_HUGEPAGE, MADV_POPULATE_WRITE = 14, 23


def run(bench):
    columns = bench.size(COLUMNS, QUICK_COLUMNS)
    size = 4 * ROWS * columns
    bench.need(disk=2 * size, memory=size + (1 << 29))
    lines, samples = [], {}
    for np in RANKS:
        ran = bench.interleave(bench.rounds_or(15), {
            "h5lab": lambda np=np: h5lab(bench, np, columns),
            "fio": lambda np=np: fio(bench, np, size),
        })
        samples[f"np {np}"] = ran
        bandwidth = lambda name, transfer: [size / 2**20 / s["seconds"][transfer] for s in ran[name]]
        lines += [
            Line(f"np {np}  {t}", "MiB/s", bandwidth("h5lab", t), "fio", bandwidth("fio", t),
                 at_least=1 - WITHIN, at_most=1 + WITHIN)
            for t in TRANSFERS
        ]
    return Report(
        title=f"ceiling: {size >> 20} MiB in pieces of 64 MiB, each rank its own part of one file, without HDF5",
        lines=lines,
        samples=samples,
        notes=[
            "h5lab: its method posix, the one that ceilings are measured with. fio: ioengine psync, one job a rank.",
            "Bandwidths: all bytes over the time that the slowest rank or job spent in its calls. A ratio above 1 says that",
            "h5lab found the file system faster. Writes end in the page cache; cold reads come after fsync and fadvise.",
        ],
    )


def h5lab(bench, np, columns):
    """Seconds of each transfer, as h5lab measures it."""
    ran = bench.run([
        bench.h5lab, "run", "--json", "--quiet", "--method", "posix", "--shape", f"{ROWS}x{columns}", "--dtype", "f32",
        "--write", "rows", "--access", "rows", "--cache", "warm,cold", "--np", np, "--repeat", 1, "--ceiling", "false",
        "--path", bench.work,
    ])
    seconds = {}
    for record in json_lines(ran.stdout):
        experiment = record["experiment"]
        direction, cache = experiment["direction"], experiment["cache"]
        ranks = record["samples"][0]["ranks"]
        seconds["write" if direction == "write" else f"read {cache}"] = max(rank["transfer"] for rank in ranks)
    return ran.sample() | {"seconds": seconds}


def fio(bench, np, size):
    """The same by fio, on a file of its own."""
    file = bench.file("fio")
    try:
        wrote = job(bench, np, size, file, "write", cold=False)
        warm = job(bench, np, size, file, "read", cold=False)
        bench.run(["sync", file])
        cold = job(bench, np, size, file, "read", cold=True)
    finally:
        file.unlink(missing_ok=True)
    return cold[1].sample() | {"seconds": dict(zip(TRANSFERS, (wrote[0], warm[0], cold[0])))}


def job(bench, np, size, file, direction, *, cold):
    """Seconds that the slowest job spent in its calls, and the command."""
    part = size // np
    # As h5lab does: memory for the page cache (and some for fio's own buffers) is found just before; huge pages.
    populate = f"import mmap; m = mmap.mmap(-1, {part * 3 // 2}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)"
    populate += f"; m.madvise({MADV_HUGEPAGE}); m.madvise({MADV_POPULATE_WRITE})"
    ran = bench.run([
        # glibc then asks for huge pages for what fio allocates, and writes to it: h5lab's buffers are made so, too.
        "env", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1", "MALLOC_PERTURB_=165",
        "fio", "--name=ceiling", f"--filename={file}", "--ioengine=psync", f"--rw={direction}", f"--bs={min(PIECE, part)}",
        f"--size={part}", f"--offset_increment={part}", f"--numjobs={np}", f"--invalidate={int(cold)}",
        "--fallocate=none", "--end_fsync=0", "--fadvise_hint=0",  # the kernel is told nothing of what comes
        f"--exec_prerun={bench.python} -c '{populate}'",
        "--output-format=json",
    ])
    jobs = json.loads(ran.stdout[ran.stdout.index("{"):])["jobs"]
    calls = [j[direction]["clat_ns"] for j in jobs]
    return max(c["mean"] * c["N"] for c in calls) / 1e9, ran
