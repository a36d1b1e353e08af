"""Adds a dataset to a file that is there: `add_dataset.py FILE`."""

import sys

import h5py

with h5py.File(sys.argv[1], "a") as f:
    f["mine"] = [1, 2, 3]
