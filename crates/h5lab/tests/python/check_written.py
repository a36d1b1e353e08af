"""Recomputes with NumPy what h5lab wrote, and compares every row as h5py reads it.

usage: check_written.py FILE:ROWS:COLUMNS:NP:SEED ...

Beside each FILE it leaves FILE.raw: the values that must be in it, for other readers to be compared with.
"""

import sys

import h5py
import numpy as np


def uniform(seed, count):
    """`count` floats in [0, 1), the high bits of NumPy's Philox stream."""
    words = np.random.Philox(key=seed).random_raw((count + 1) // 2)
    bits = np.asarray(words).astype("<u8").view("<u4")[:count]
    return (bits >> 8).astype("f4") * np.float32(2**-24)


def owner(row, rows, ranks):
    """The rank that wrote a row: rank r of p has the rows r*n/p up to (r+1)*n/p."""
    return next(r for r in range(ranks) if r * rows // ranks <= row < (r + 1) * rows // ranks)


def check(file, rows, columns, ranks, seed):
    expected = uniform(seed, rows * columns).reshape(rows, columns)
    for row in range(rows):
        expected[row] += np.float32(1000 * (owner(row, rows, ranks) + 1))
    expected.astype("<f4").tofile(file + ".raw")
    with h5py.File(file, "r") as f:
        assert list(f) == ["test"], f"{file} has {list(f)}"
        test = f["test"]
        assert test.shape == (rows, columns) and test.dtype == np.dtype("<f4"), f"{file}: {test}"
        attributes = {name: test.attrs[name] for name in ("seed", "np")}
        assert attributes == {"seed": seed, "np": ranks}, f"{file}: {attributes}"
        assert b"philox4x64-10 uniform" in test.attrs["generator"] and test.attrs["h5lab_version"], dict(test.attrs)
        for row in range(rows):
            assert np.array_equal(test[row], expected[row]), f"{file}, row {row}: {test[row]}, not {expected[row]}"
    print(file, rows, "rows")


for case in sys.argv[1:]:
    file, *numbers = case.split(":")
    check(file, *map(int, numbers))
