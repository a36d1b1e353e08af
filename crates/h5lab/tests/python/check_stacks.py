"""Checks the stacks that `h5lab chunking --keep` left here: every layout holds the same values, and noise is what NumPy makes of the seed.

usage: check_stacks.py f64|u16 SEED
"""

import pathlib
import sys

import h5py
import numpy as np

sys.path.append(str(pathlib.Path(__file__).parents[3] / "h5lab-core/src/generate"))
from threefry import uniform  # noqa: E402

SHAPE, CHUNK = (4, 64, 64), (1, 20, 20)
COUNT = int(np.prod(SHAPE))
TYPES = {"f64": "<f8", "u16": "<u2"}
LAYOUTS = {"contiguous": (None, None), "chunked": (CHUNK, None), "compressed": (CHUNK, "gzip")}

dtype, seed = sys.argv[1], int(sys.argv[2])
for kind in ("uniform", "detector"):
    values = {}
    for layout, (chunk, compression) in LAYOUTS.items():
        with h5py.File(f"chunking-{kind}-{layout}.h5", "r") as f:
            stack = f["stack"]
            assert (stack.shape, stack.chunks, stack.compression) == (SHAPE, chunk, compression), stack
            assert stack.dtype == np.dtype(TYPES[dtype]), stack.dtype
            values[layout] = stack[:]
        print(kind, layout)
    expected = uniform(seed, COUNT, TYPES[dtype]).reshape(SHAPE) if kind == "uniform" else values["contiguous"]
    for layout, found in values.items():
        assert np.array_equal(found, expected), f"{kind} {layout}"
    if kind == "detector":
        assert expected.min() >= 0 and len(np.unique(expected)) > 10, "counts, and not all alike"
        assert (expected == np.floor(expected)).all(), "counts are whole"
