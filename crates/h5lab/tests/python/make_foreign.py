"""Files as other people write them: every element is its own index in C order."""

import h5py
import numpy as np


def ramp(shape, dtype):
    """Of NumPy's own type, if there is none."""
    values = np.arange(np.prod(shape)).reshape(shape)
    return values if dtype is None else values.astype(dtype)


def make(file, dataset, shape, dtype, **layout):
    with h5py.File(file, "w") as f:
        f.create_dataset(dataset, data=ramp(shape, dtype), **layout)


make("big-endian.h5", "data", (7, 3), ">f4")
make("detector.h5", "entry/instrument/detector/data", (5, 4, 3), "u2")
make("chunked.h5", "data", (12, 5), "i4", chunks=(5, 2))
make("gzip.h5", "data", (12, 5), "f8", chunks=(5, 2), compression="gzip", shuffle=True, fletcher32=True)
make("five.h5", "data", (3, 2, 2, 1, 2), "f8")
make("line.h5", "data", (10,), "i2")
make("numpy-default.h5", "data", (6, 5), None)
make("big-endian-long.h5", "data", (6, 5), ">i8", chunks=(4, 2), compression="gzip")
make("unsigned-long.h5", "data", (3, 4), "u8")
make("signed-bytes.h5", "data", (3, 4), "i1")
make("colons.h5", "a:b", (4, 6), "u2")
make("bytes.h5", "data", (1, 9), "u1")
make("no-rows.h5", "data", (0, 5), "f4")
make("no-columns.h5", "data", (5, 0), "u4")
make("growing.h5", "data", (6, 4), "f4", chunks=(1, 4), maxshape=(None, 4))
make("one-of-two.h5", "entry/data", (4, 4), "u2")
layout = h5py.VirtualLayout((8, 10), "f4")
for part in range(2):
    with h5py.File(f"part-{part}.h5", "w") as f:
        f["rows"] = ramp((8, 10), "f4")[4 * part : 4 * part + 4]
    layout[4 * part : 4 * part + 4] = h5py.VirtualSource(f"part-{part}.h5", "rows", (4, 10))
with h5py.File("virtual.h5", "w") as f:
    f.create_virtual_dataset("data", layout)
with h5py.File("one-of-two.h5", "a") as f:
    f["name"] = "a string, which is not to be read"
