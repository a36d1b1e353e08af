"""How fast one thread of NumPy makes uniform random numbers: GB/s of the numbers made, as JSON.

`uniform` is the Python demos' way (float64, counted as the float32 that is written of it), `lean` is float32
from the start; both make 16 MiB of float32 at a time.
"""

import json
from time import perf_counter

import numpy as np

ELEMENTS = 4 << 20
PASSES = 9


def speed(body):
    """GB/s of float32: the median of several passes, after one that is not measured."""
    seconds = []
    for _ in range(PASSES + 1):
        begun = perf_counter()
        body()
        seconds.append(perf_counter() - begun)
    return 4e-9 * ELEMENTS / sorted(seconds[1:])[PASSES // 2]


def main():
    random, out = np.random.default_rng(1), np.zeros(ELEMENTS, "f4")
    philox = np.random.Generator(np.random.Philox(1))
    print(json.dumps({
        "uniform": speed(lambda: np.random.uniform(size=ELEMENTS)),
        "lean": speed(lambda: random.random(dtype="f4", out=out)),
        "philox": speed(lambda: philox.random(dtype="f4", out=out)),
    }))


if __name__ == "__main__":
    main()
