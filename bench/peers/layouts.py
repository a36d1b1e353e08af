"""Measures layouts as h5py's users meet them: h5py writes each one, and reads the same requests from each.

    layouts.py make FILE SHAPE DTYPE KIND      a contiguous dataset `data` to choose a layout for
    layouts.py measure                         a task on stdin as JSON, what came out on stdout as JSON

A task: {"file", "folder", "layouts": [{"chunk", "filters"}], "cases": [{"reads": [[access, share], ...], "cold", "always"}],
"rounds"}. What comes out: {"stored": bytes of each layout's file, "cases": for each case and layout the seconds of one read
of each access, a list of rounds}.
"""

import json
import os
import random
import sys
import time

import h5py
import numpy as np

READS = 8


def make(path, shape, dtype, kind):
    """Counts of a detector with a few bright spots (they compress), or noise over the whole range (which does not)."""
    rng = np.random.default_rng(1)
    shape = tuple(map(int, shape.split("x")))
    image = shape[-2:]
    with h5py.File(path, "w") as f:
        data = f.create_dataset("data", shape, dtype)
        smooth = 4 + 3 * np.sin(np.linspace(0, 7, image[0]))[:, None] * np.cos(np.linspace(0, 5, image[1]))
        for index in np.ndindex(shape[:-2]):
            if kind == "uniform":
                data[index] = rng.integers(0, np.iinfo(dtype).max, image, dtype, endpoint=True)
            else:
                data[index] = rng.poisson(smooth)


def requests(access, shape):
    """The same places that h5lab reads: spread evenly, or at random."""
    kind, _, size = access.partition(":")
    whole = [slice(None)] * len(shape)
    places = lambda n: [k * n // min(READS, n) for k in range(min(READS, n))]
    if kind in ("projection", "sinogram"):
        axis = 0 if kind == "projection" else 1
        return [tuple(whole[:axis] + [at] + whole[axis + 1:]) for at in places(shape[axis])]
    rng = np.random.default_rng(2)
    first = max(len(shape) - 2, 1)
    if kind == "spectrum":
        return [tuple(whole[:first] + [int(rng.integers(n)) for n in shape[first:]]) for _ in range(READS)]
    if kind in ("roi", "roi-series"):
        tile = [int(n) for n in size.split("x")] if size else [-(-n // 4) for n in shape[-2:]]
        one = lambda n: int(rng.integers(n))
        box = lambda n, t: (lambda at: slice(at, at + t))(int(rng.integers(n - t + 1)))
        before = lambda: [slice(None) if kind == "roi-series" else one(n) for n in shape[:-2]]
        return [tuple(before() + [box(n, t) for n, t in zip(shape[-2:], tile)]) for _ in range(READS)]
    raise ValueError(access)


def create(f, shape, dtype, layout):
    options = {}
    if layout["chunk"]:
        options["chunks"] = tuple(layout["chunk"])
    for name in layout["filters"]:
        name, _, level = name.partition("=")
        if name == "shuffle":
            options["shuffle"] = True
        elif name == "gzip":
            options |= {"compression": "gzip", "compression_opts": int(level or 4)}
        elif name == "lzf":
            options["compression"] = "lzf"
        else:
            raise ValueError(name)
    return f.create_dataset("data", shape, dtype, **options)


def write(path, values, layout):
    """Chunk row by chunk row, so that each chunk is compressed once."""
    with h5py.File(path, "w") as f:
        data = create(f, values.shape, values.dtype, layout)
        deep = layout["chunk"][0] if layout["chunk"] else 16
        for at in range(0, values.shape[0], deep):
            data[at:at + deep] = values[at:at + deep]
    return os.path.getsize(path)


def drop(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def read(path, access, cold):
    """Seconds of one read, on average over the pass."""
    if cold:
        drop(path)
    with h5py.File(path, "r") as f:
        data = f["data"]
        wanted = requests(access, data.shape)
        begun = time.perf_counter()
        for index in wanted:
            data[index]
        return (time.perf_counter() - begun) / len(wanted)


def measure(task):
    with h5py.File(task["file"], "r") as f:
        values = f["data"][...]
    paths = [os.path.join(task["folder"], f"layout-{i}.h5") for i in range(len(task["layouts"]))]
    stored = [write(path, values, layout) for path, layout in zip(paths, task["layouts"])]
    # Nobody's reads meet the device while it writes.
    os.sync()
    found = {"stored": stored, "cases": [measure_case(case, paths, task["rounds"]) for case in task["cases"]]}
    for path in paths:
        os.remove(path)
    return found


def measure_case(case, paths, rounds):
    """All layouts in turns, in another order each round, so that none always follows the same one or itself; what is far
    behind is not read again."""
    order = random.Random(1)
    found = [[[] for _ in case["reads"]] for _ in paths]
    score = lambda i: sum(share * sorted(r)[len(r) // 2] for (_, share), r in zip(case["reads"], found[i]))
    among = list(range(len(paths)))
    for round in range(rounds):
        for i in order.sample(among, len(among)):
            for (access, _), times in zip(case["reads"], found[i]):
                times.append(read(paths[i], access, case["cold"]))
        best = min(map(score, among))
        behind = 2 if round < 2 else 1.3
        among = [i for i in among if score(i) <= behind * best or i in case["always"]]
    return found


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
    else:
        print(json.dumps(measure(json.load(sys.stdin))))
