"""`h5lab advise` beside exhaustive measurement with h5py; its model beside its own proofs; its layouts beside the usual ones."""

import itertools
import json
import random
from statistics import median, quantiles

from harness.bench import Report, json_lines
from harness.stats import Line

# Shapes of 2 to 4 axes of u16, 23 or 24 MiB each; for each the reads and the state of the cache of three cases.
GROUPS = {
    "4096x3072": (("projection=0.5,sinogram=0.5", "cold"), ("projection=0.5,sinogram=0.5", "warm"), ("projection=1", "cold")),
    "96x320x400": (("projection=0.5,sinogram=0.4,roi:100x100=0.1", "warm"),
                   ("projection=0.5,sinogram=0.4,roi:100x100=0.1", "cold"), ("spectrum=0.6,projection=0.4", "warm")),
    "256x192x256": (("roi-series=0.5,projection=0.5", "cold"), ("roi-series=0.5,projection=0.5", "warm"),
                    ("spectrum=0.5,roi:64x64=0.5", "cold")),
    "8x12x320x400": (("projection=0.7,roi=0.3", "warm"), ("projection=0.7,roi=0.3", "cold"),
                     ("projection=0.5,sinogram=0.5", "warm")),
}
LAYOUTS = 64
# Seconds that an advice may take: less than the 60 that it takes when nothing is said.
TIME = 20
STACK = "the usual layouts"


def units():
    """What can be measured by itself: each shape with each kind of data, all layouts written once for its cases; the stack."""
    return [f"{shape} {kind}" for shape, kind in itertools.product(GROUPS, ("detector", "uniform"))] + [STACK]


def run(bench):
    bench.need(disk=4 << 30, memory=3 << 30)
    found = bench.kept("advise")
    for unit in ["4096x3072 detector", STACK] if bench.quick else bench.share(units()):
        bench.say(unit)
        found[unit] = against_the_usual(bench) if unit == STACK else group(bench, *unit.split())
    return Report(
        title=f"advise: {len(cases_of(found))} of 24 cases, each beside {LAYOUTS} layouts written and read with h5py",
        lines=lines(bench, found),
        samples=found,
        notes=[f"{s['case']}: {s['recommended']} takes {s['loss']:.2f} of the best, {s['best']}" for s in cases_of(found)],
    )


def cases_of(found):
    return [case for unit in units() if unit != STACK for case in found.get(unit, [])]


def lines(bench, found):
    """The lines that there are samples for; without targets until there are all."""
    tail = lambda values: quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else values[0]
    target = lambda value: value if len(found) == len(units()) else None
    cases, made = cases_of(found), []
    if cases:
        losses = [s["loss"] for s in cases]
        errors = [abs(e) for s in cases for e in s["errors"]]
        within = sum(loss <= 1.1 for loss in losses) / len(losses)
        made += [
            Line("share of cases within 10 % of the best measured", "", [within], at_least=target(22 / 24)),
            Line("worst case: over the best measured", "x", [max(losses)], at_most=target(1.25)),
            Line(f"longest advice with --time {TIME}s", "s", [max(s["seconds"] for s in cases)], at_most=target(TIME * 1.1)),
            Line("model error, median", "", [median(errors)], at_most=target(0.2)),
            Line("model error, 90th percentile", "", [tail(errors)], at_most=target(0.5)),
        ]
    if stack := found.get(STACK):
        beside = lambda key, what: Line(f"worse of projection and sinogram, beside {what}", "s", stack["ours"], key,
                                        stack[key], at_most=target(1 / 3))
        made += [beside("auto", "h5py's chunks"), beside("image", "an image a chunk")]
    return made


def group(bench, shape, kind):
    """The cases of one shape and kind of data: advice for each, then all layouts measured together."""
    file = bench.file("data.h5")
    bench.run([bench.python, bench.peer("layouts.py"), "make", file, shape, "uint16", kind])
    wanted = GROUPS[shape][:1] if bench.quick else GROUPS[shape]
    advices = [advice(bench, file, reads, cache, bench.size(TIME, 10)) for reads, cache in wanted]
    recommended = [layout_of(ran["rows"][0]["layout"]) for ran in advices]
    layouts = []
    for layout in recommended + exhaustive(tuple(map(int, shape.split("x"))), bench.size(LAYOUTS, 12)):
        if layout not in layouts:
            layouts.append(layout)
    cases = [
        {"reads": [[r["name"], r["share"]] for r in ran["workload"]["reads"]], "cold": cache == "cold",
         "always": [layouts.index(layout)]}
        for (_, cache), layout, ran in zip(wanted, recommended, advices)
    ]
    found = measured(bench, file, layouts, cases, bench.size(7, 2))
    file.unlink()
    return [one_case(f"{shape} {kind} {cache} {reads}", ran, case, found["stored"], some, layouts)
            for (reads, cache), ran, case, some in zip(wanted, advices, cases, found["cases"])]


def advice(bench, file, reads, cache, seconds, *more):
    ran = bench.run([bench.h5lab, "--json", "advise", file, "--reads", reads, "--cache", cache, "--time", f"{seconds}s", *more])
    return json_lines(ran.stdout)[0]["advice"] | {"wall": ran.wall, "others": ran.others}


def one_case(name, advice, case, stored, found, layouts):
    # An average read, round by round: rounds drift, so that layouts are compared within each.
    scores = [[sum(share * s for (_, share), s in zip(case["reads"], one)) for one in zip(*rounds)] for rounds in found]
    recommended = case["always"][0]
    ours = scores[recommended]
    # What was left out was far behind the best of its rounds.
    stayed = [i for i, score in enumerate(scores) if len(score) == len(ours)]
    over = {i: median(mine / other for mine, other in zip(ours, scores[i])) for i in stayed}
    best = max(stayed, key=over.__getitem__)
    return {
        "case": name, "recommended": text(layouts[recommended]), "best": text(layouts[best]),
        "loss": over[best], "seconds": advice["wall"], "others": advice["others"],
        "errors": [e for row in advice["rows"] for e in errors_of(row)],
        "proven": [{"layout": text(layout_of(row["layout"])), "origin": row["origin"], "predicted": row["on_sample"]["reads"],
                    "measured": [median(r) for r in (row["measured"] or {"reads": []})["reads"] if r]} for row in advice["rows"]],
        "calibration": advice["calibration"],
        "layouts": [{"layout": text(l), "bytes": size, "reads": one} for l, size, one in zip(layouts, stored, found)],
    }


def against_the_usual(bench):
    """A compressed stack, read as projections and as sinograms: the slower of both in each layout, round by round."""
    shape = bench.size("180x480x512", "60x200x256")
    file = bench.file("data.h5")
    bench.run([bench.python, bench.peer("layouts.py"), "make", file, shape, "uint16", "detector"])
    told = advice(bench, file, "projection=0.5,sinogram=0.5", "warm", bench.size(TIME, 10), "--filter", "shuffle+gzip=4")
    ours = layout_of(told["rows"][0]["layout"])
    sizes = [int(n) for n in shape.split("x")]
    filters = ["shuffle", "gzip=4"]
    layouts = [ours, {"chunk": guess(bench, shape), "filters": filters}, {"chunk": [1, *sizes[1:]], "filters": filters}]
    case = {"reads": [["projection", 0.5], ["sinogram", 0.5]], "cold": False, "always": [0, 1, 2]}
    found = measured(bench, file, layouts, [case], bench.rounds_or(5))["cases"][0]
    file.unlink()
    worse = lambda reads: [max(pair) for pair in zip(*reads)]
    return {"layouts": [text(l) for l in layouts], "ours": worse(found[0]), "auto": worse(found[1]), "image": worse(found[2])}


def measured(bench, file, layouts, cases, rounds):
    task = {"file": str(file), "folder": str(bench.work), "layouts": layouts, "cases": cases, "rounds": rounds}
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
