"""How fast one core makes test data."""

import os
import subprocess

from harness.bench import Report, json_lines
from harness.command import Failed
from harness.stats import Line

AT_LEAST = 1.5
EXAMPLE = "generator_speed"
# What `h5lab write` makes: rows of float32, each stamped with its rank.
KIND, DTYPE, REGION = "uniform", "f32", "stamped images"


def run(bench):
    bench.need(disk=1 << 20, memory=1 << 28)
    example = build(bench, "h5lab-core", EXAMPLE)
    samples = bench.interleave(bench.rounds_or(5), {
        "h5lab": lambda: parse(bench.run([example]).stdout),
        "numpy": lambda: json_lines(bench.run([bench.python, bench.peer("generator.py")]).stdout)[0],
    })
    speed = lambda case, key: [s[case][key] for s in samples["h5lab"]]
    stamped, plain = f"{KIND} {DTYPE} {REGION}", f"{KIND} {DTYPE} whole images"
    numpy = lambda key: [s[key] for s in samples["numpy"]]
    return Report(
        title="generator: uniform float32, one core",
        lines=[
            Line("make", "GB/s", speed(plain, "fill"), at_least=AT_LEAST),
            Line("make, stamped with the rank", "GB/s", speed(stamped, "fill"), at_least=AT_LEAST),
            Line("verify", "GB/s", speed(plain, "verify")),
            Line("make", "GB/s", speed(plain, "fill"), "numpy.random.uniform", numpy("uniform")),
            Line("make", "GB/s", speed(plain, "fill"), "Generator.random f4", numpy("lean")),
            Line("make", "GB/s", speed(plain, "fill"), "Philox (counter-based)", numpy("philox")),
        ],
        samples=samples,
        notes=["GB/s of float32; more is better. numpy.random.uniform makes float64, twice the bytes that count here."],
    )


def build(bench, package, example):
    """Builds an example that measures; returns its path."""
    command = ["cargo", "build", "--release", "--quiet", "-p", package, "--example", example]
    done = subprocess.run(command, cwd=bench.root, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return bench.root / target / "release" / "examples" / example


def parse(text):
    """`kind dtype region fill verify ...` a line, under a line of headings: GB/s by kind, dtype and region."""
    found = {}
    for line in text.splitlines()[1:]:
        *case, fill, verify, _elements = line.split()
        found[" ".join(case)] = {"fill": float(fill), "verify": float(verify)}
    return found
