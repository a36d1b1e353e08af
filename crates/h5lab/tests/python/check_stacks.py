"""Checks the stacks that `h5lab chunking --keep` left here: every layout holds the same values, and noise is NumPy's.

usage: check_stacks.py f64|u16 SEED
"""

import sys

import h5py
import numpy as np

SHAPE, CHUNK = (4, 64, 64), (1, 20, 20)
COUNT = int(np.prod(SHAPE))
LAYOUTS = {"contiguous": (None, None), "chunked": (CHUNK, None), "compressed": (CHUNK, "gzip")}


def noise(dtype, seed):
    """Uniform noise: floats in [0, 1), integers over their whole range."""
    words = np.asarray(np.random.Philox(key=seed).random_raw(COUNT)).astype("<u8")
    if dtype == "f64":
        return (words >> 11) * 2.0**-53
    return words.view("<u2")[:COUNT]


dtype, seed = sys.argv[1], int(sys.argv[2])
for kind in ("uniform", "detector"):
    values = {}
    for layout, (chunk, compression) in LAYOUTS.items():
        with h5py.File(f"chunking-{kind}-{layout}.h5", "r") as f:
            stack = f["stack"]
            assert (stack.shape, stack.chunks, stack.compression) == (SHAPE, chunk, compression), stack
            assert stack.dtype == np.dtype({"f64": "<f8", "u16": "<u2"}[dtype]), stack.dtype
            values[layout] = stack[:]
        print(kind, layout)
    expected = noise(dtype, seed).reshape(SHAPE) if kind == "uniform" else values["contiguous"]
    for layout, found in values.items():
        assert np.array_equal(found, expected), f"{kind} {layout}"
    if kind == "detector":
        assert expected.min() >= 0 and len(np.unique(expected)) > 10, "counts, and not all alike"
        assert (expected == np.floor(expected)).all(), "counts are whole"
