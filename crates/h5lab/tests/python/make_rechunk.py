"""rechunk.h5: one small dataset for each pair of a shape and a chunk, of several types and filters."""

import itertools

import h5py
import numpy as np

SHAPES = {"1d": (1000,), "2d": (57, 83), "3d": (20, 31, 17), "4d": (5, 6, 7, 8)}
CHUNKS = {
    "1d": [None, (1,), (64,), (999,)],
    "2d": [None, (1, 83), (57, 1), (10, 11)],
    "3d": [None, (1, 31, 17), (3, 4, 5), (20, 1, 17)],
    "4d": [None, (1, 1, 7, 8), (2, 3, 4, 3)],
}
TYPES = ("u1", "<u2", ">f4", "<f8", np.dtype([("a", "<i4"), ("b", "S3")]))
FILTERS = ({}, {"compression": "gzip", "compression_opts": 1, "shuffle": True}, {"compression": "gzip", "fletcher32": True}, {"fletcher32": True})

rng = np.random.default_rng(3)
turn = itertools.cycle(itertools.product(TYPES, FILTERS))
with h5py.File("rechunk.h5", "w") as f:
    for name, shape in SHAPES.items():
        for number, chunk in enumerate(CHUNKS[name]):
            for _ in range(3):
                dtype, filters = next(turn)
                dtype = np.dtype(dtype)
                raw = rng.integers(0, 9, int(np.prod(shape)) * dtype.itemsize, dtype="u1").tobytes()
                data = np.frombuffer(raw, dtype).reshape(shape)
                keys = filters if chunk else {}
                f.create_dataset(f"{name}/{number}-{_}", data=data, chunks=chunk, **keys)
