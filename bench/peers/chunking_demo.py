"""The Python chunking demo: one array in memory, written three ways, the corner tile of every image read back.

    python3 chunking_demo.py 500x768x1366 FOLDER

The data is the demo's: uniform noise in float64. The tiles are read from a warm cache, just after the write.
Prints seconds as JSON. Unlike the demo it reads whole tiles of 200 x 200, and removes each file when it is
done with it.
"""

import json
import os
import sys
from time import perf_counter

import h5py
import numpy as np

CHUNKED = {"chunks": (1, 200, 200)}
LAYOUTS = {"contiguous": {}, "chunked": CHUNKED, "compressed": CHUNKED | {"compression": "gzip"}}


def timed(body):
    begun = perf_counter()
    result = body()
    return perf_counter() - begun, result


def write(name, data, layout):
    with h5py.File(name, "w") as file:
        file.create_dataset("stack", data=data, **layout)


def read_tiles(name):
    with h5py.File(name, "r") as file:
        stack = file["stack"]
        for image in range(stack.shape[0]):
            stack[image, 0:200, 0:200]


def main():
    shape = tuple(int(n) for n in sys.argv[1].split("x"))
    seconds = {}
    seconds["generate"], data = timed(lambda: np.random.uniform(size=shape))
    for layout, options in LAYOUTS.items():
        name = os.path.join(sys.argv[2], f"chunking-demo-{layout}.h5")
        try:
            write_seconds, _ = timed(lambda: write(name, data, options))
            read_seconds, _ = timed(lambda: read_tiles(name))
            seconds[layout] = {"write": write_seconds, "read": read_seconds}
        finally:
            if os.path.exists(name):
                os.remove(name)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
