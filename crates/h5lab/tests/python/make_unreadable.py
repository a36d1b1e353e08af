"""HDF5 files with nothing in them that h5lab could read, or with more than one thing."""

import h5py
import numpy as np


def make(file, **datasets):
    with h5py.File(file, "w") as f:
        for name, data in datasets.items():
            f[name.replace("__", "/")] = data


make("two.h5", entry__data=np.arange(6), other=np.zeros((3, 4), "f4"))
make("no-dataset.h5")
make("scalar.h5", data=np.float32(3))
make("nothing.h5", data=h5py.Empty("f4"))
make("string.h5", data=np.array([b"fixed", b"length"]))
make("strings.h5", data=["variable", "length"])
make("compound.h5", data=np.zeros(3, [("energy", "f4"), ("counts", "u4")]))
make("complex.h5", data=np.zeros((3, 4), "c8"))
make("half.h5", data=np.zeros((3, 4), "f2"))
make("flags.h5", data=np.zeros((3, 4), bool))
