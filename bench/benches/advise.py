"""`h5lab advise` beside exhaustive measurement with h5py; its model beside its own proofs; its layouts beside the usual ones."""

import itertools
import json
import random
from statistics import median, quantiles

from harness.bench import Report, json_lines
from harness.stats import Line

# Shapes of 2 to 4 axes of u16, 40 to 64 MiB each.
SHAPES = ("8192x4096", "128x480x512", "512x192x320", "12x16x400x400")
READS = {
    2: ("projection=0.5,sinogram=0.5", "projection=1"),
    3: ("projection=0.5,sinogram=0.4,roi:100x100=0.1", "spectrum=0.6,projection=0.4", "roi-series=0.5,projection=0.5"),
    4: ("projection=0.7,roi=0.3",),
}
LAYOUTS = 64


def cases():
    """24: every shape, workloads in turn, compressible and not, warm and cold; the 3-D ones with every workload."""
    found = []
    for shape, kind, cache in itertools.product(SHAPES, ("detector", "uniform"), ("warm", "cold")):
        axes = shape.count("x") + 1
        reads = READS[axes]
        found.append((shape, kind, cache, reads[len(found) % len(reads)]))
    for kind, cache in itertools.product(("detector", "uniform"), ("warm", "cold")):
        for reads in ("projection=0.5,sinogram=0.5", "spectrum=0.5,roi:64x64=0.5"):
            found.append((SHAPES[1], kind, cache, reads))
    return found


def run(bench):
    bench.need(disk=8 << 30, memory=3 << 30)
    chosen = cases()[5:7] if bench.quick else cases()
    samples = [one_case(bench, *case) for case in chosen]
    stack = against_the_usual(bench)
    losses = [s["loss"] for s in samples]
    errors = [abs(e) for s in samples for e in s["errors"]]
    tail = lambda values: quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else values[0]
    within = sum(loss <= 1.1 for loss in losses) / len(losses)
    target = lambda value: None if bench.quick else value
    lines = [
        Line("share of cases within 10 % of the best measured", "", [within], at_least=target(22 / 24)),
        Line("worst case: over the best measured", "x", [max(losses)], at_most=target(1.25)),
        Line("an advice takes", "s", [max(s["seconds"] for s in samples)], at_most=target(65)),
        Line("model error, median", "", [median(errors)], at_most=target(0.2)),
        Line("model error, 90th percentile", "", [tail(errors)], at_most=target(0.5)),
        Line("worse of projection and sinogram, beside h5py's chunks", "s", stack["ours"], "auto", stack["auto"], at_most=target(1 / 3)),
        Line("worse of projection and sinogram, beside an image a chunk", "s", stack["ours"], "image", stack["image"], at_most=target(1 / 3)),
    ]
    return Report(
        title=f"advise: {len(samples)} cases, each beside {LAYOUTS} layouts written and read with h5py",
        lines=lines,
        samples={"cases": samples, "stack": stack},
        notes=[f"{s['case']}: {s['recommended']} takes {s['loss']:.2f} of the best, {s['best']}" for s in samples],
    )


def one_case(bench, shape, kind, cache, reads):
    bench.say(f"{shape} {kind} {cache} {reads}")
    file = bench.file("data.h5")
    bench.run([bench.python, bench.peer("layouts.py"), "make", file, shape, "uint16", kind])
    ran = bench.run([bench.h5lab, "--json", "advise", file, "--reads", reads, "--cache", cache,
                     "--time", "20s" if bench.quick else "60s"])
    advice = json_lines(ran.stdout)[0]["advice"]
    recommended = layout_of(advice["rows"][0]["layout"])
    others = exhaustive(tuple(map(int, shape.split("x"))), bench.size(LAYOUTS, 12))
    layouts = [recommended] + [layout for layout in others if layout != recommended]
    shares = [[r["name"], r["share"]] for r in advice["workload"]["reads"]]
    found = measured(bench, file, layouts, shares, cache == "cold", bench.size(5, 2))
    file.unlink()
    score = lambda one: sum(share * median(rounds) for (_, share), rounds in zip(shares, one["reads"]))
    scores = [score(one) for one in found]
    best = min(range(len(scores)), key=scores.__getitem__)
    return {
        "case": f"{shape} {kind} {cache} {reads}", "recommended": text(recommended), "best": text(layouts[best]),
        "loss": scores[0] / scores[best], "seconds": ran.wall, "others": ran.others,
        "errors": [e for row in advice["rows"] for e in errors_of(row)],
        "layouts": [{"layout": text(l), **one} for l, one in zip(layouts, found)],
    }


def against_the_usual(bench):
    """A compressed stack, read as projections and as sinograms: the slower of both in each layout, round by round."""
    shape = bench.size("360x480x512", "60x200x256")
    file = bench.file("data.h5")
    bench.run([bench.python, bench.peer("layouts.py"), "make", file, shape, "uint16", "detector"])
    ran = bench.run([bench.h5lab, "--json", "advise", file, "--reads", "projection=0.5,sinogram=0.5", "--cache", "warm",
                     "--filter", "shuffle+gzip=4", "--time", bench.size("60s", "10s")])
    ours = layout_of(json_lines(ran.stdout)[0]["advice"]["rows"][0]["layout"])
    sizes = [int(n) for n in shape.split("x")]
    filters = ["shuffle", "gzip=4"]
    layouts = [ours, {"chunk": True, "filters": filters}, {"chunk": [1, *sizes[1:]], "filters": filters}]
    layouts[1]["chunk"] = guess(bench, shape)
    found = measured(bench, file, layouts, [["projection", 0.5], ["sinogram", 0.5]], False, bench.rounds_or(5), always=[0, 1, 2])
    file.unlink()
    worse = lambda one: [max(pair) for pair in zip(*one["reads"])]
    return {"layouts": [text(l) for l in layouts], "ours": worse(found[0]), "auto": worse(found[1]), "image": worse(found[2])}


def measured(bench, file, layouts, reads, cold, rounds, always=(0,)):
    task = {"file": str(file), "folder": str(bench.work), "layouts": layouts, "reads": reads, "cold": cold,
            "rounds": rounds, "always": list(always)}
    told = bench.file("task.json")
    told.write_text(json.dumps(task))
    ran = bench.run(["sh", "-c", f"exec {bench.python} {bench.peer('layouts.py')} measure < {told}"])
    return json.loads(ran.stdout)


def guess(bench, shape):
    ran = bench.run([bench.python, "-c", "import h5py, sys, json; from h5py._hl.filters import guess_chunk; "
                     f"print(json.dumps(list(map(int, guess_chunk({tuple(map(int, shape.split('x')))}, None, 2)))))"])
    return json.loads(ran.stdout)


def exhaustive(shape, count):
    """Layouts of all sizes and proportions, made without a look at the reads; always the same ones."""
    steps = lambda n: sorted({1, *(min(n, s) for s in (4, 16, 64, 256)), n})
    chunks = [c for c in itertools.product(*map(steps, shape)) if (8 << 10) <= 2 * product(c) <= (8 << 20)]
    filters = ([], ["shuffle", "gzip=1"], ["shuffle", "gzip=4"])
    all = [{"chunk": list(c), "filters": list(f)} for c in chunks for f in filters]
    random.Random(1).shuffle(all)
    return [{"chunk": None, "filters": []}] + all[:count - 1]


def product(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total


def layout_of(layout):
    named = lambda f: f if isinstance(f, str) else "=".join(str(part) for pair in f.items() for part in pair)
    if layout["kind"] == "contiguous":
        return {"chunk": None, "filters": []}
    return {"chunk": layout["chunk"], "filters": [named(f) for f in layout["filters"]]}


def text(layout):
    chunk = "x".join(map(str, layout["chunk"])) if layout["chunk"] else "contiguous"
    return " ".join([chunk, "+".join(layout["filters"])]).strip()


def errors_of(row):
    """Relative errors of the model on the sample, one a read."""
    found = row["measured"]
    if not found or not all(found["reads"]):
        return []
    return [predicted / median(rounds) - 1 for predicted, rounds in zip(row["on_sample"]["reads"], found["reads"])]
