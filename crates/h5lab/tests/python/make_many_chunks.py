"""A file with a million chunks; each is written as it is, which takes seconds."""

import h5py

with h5py.File("many.h5", "w", libver="latest") as f:
    data = f.create_dataset("data", (1000, 1000, 8), "u1", chunks=(1, 1, 8), maxshape=(None, 1000, 8))
    for i in range(1000):
        data[i] = i % 251
