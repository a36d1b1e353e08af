"""Stacks of images that compress: one image a chunk; and one that is as good as it gets."""

import h5py
import numpy as np

counts = np.random.default_rng(1).poisson(3, (96, 128, 160)).astype("u2")

with h5py.File("stack.h5", "w") as f:
    f.create_dataset("entry/data", data=counts, chunks=(1, 128, 160), compression="gzip", compression_opts=1, shuffle=True)
    f["entry/name"] = "a string beside it"

with h5py.File("fine.h5", "w") as f:
    f.create_dataset("data", data=counts, chunks=(1, 128, 160))
