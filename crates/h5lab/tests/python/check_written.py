"""Recomputes with NumPy what h5lab wrote, and compares every row as h5py reads it.

usage: check_written.py FILE:ROWS:COLUMNS:NP:SEED ...

Beside each FILE it leaves FILE.raw: the values that must be in it, for other readers to be compared with.
"""

import pathlib
import sys

import h5py
import numpy as np

sys.path.append(str(pathlib.Path(__file__).parents[3] / "h5lab-core/src/generate"))
from threefry import uniform  # noqa: E402


def owner(row, rows, ranks):
    """The rank that wrote a row: rank r of p has the rows r*n/p up to (r+1)*n/p."""
    return next(r for r in range(ranks) if r * rows // ranks <= row < (r + 1) * rows // ranks)


def check(file, rows, columns, ranks, seed):
    expected = uniform(seed, rows * columns, "f4").reshape(rows, columns)
    for row in range(rows):
        expected[row] += np.float32(1000 * (owner(row, rows, ranks) + 1))
    expected.astype("<f4").tofile(file + ".raw")
    with h5py.File(file, "r") as f:
        assert list(f) == ["test"], f"{file} has {list(f)}"
        test = f["test"]
        assert test.shape == (rows, columns) and test.dtype == np.dtype("<f4"), f"{file}: {test}"
        attributes = {name: test.attrs[name] for name in ("seed", "np")}
        assert attributes == {"seed": seed, "np": ranks}, f"{file}: {attributes}"
        assert b"threefry2x64-20 uniform" in test.attrs["generator"] and test.attrs["h5lab_version"], dict(test.attrs)
        for row in range(rows):
            assert np.array_equal(test[row], expected[row]), f"{file}, row {row}: {test[row]}, not {expected[row]}"
    print(file, rows, "rows")


for case in sys.argv[1:]:
    file, *numbers = case.split(":")
    check(file, *map(int, numbers))
