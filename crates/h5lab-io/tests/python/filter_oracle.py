"""What h5py and hdf5plugin say of filtered datasets: checks those that h5lab wrote, and writes the same for it to read.

usage: filter_oracle.py CASES.json WRITTEN.h5 ... MADE.h5

A case has a name (that of its dataset), a dtype, shape, chunk, whether its data are noise, and filters: number, flags and
parameters, as they are handed to HDF5 when a dataset is made."""

import json
import sys

import h5py
import hdf5plugin  # noqa: F401: registers its filters
import numpy as np


def main(cases, *written, made):
    cases = json.load(open(cases))
    for name in written:
        with h5py.File(name) as file:
            assert len(file) == len(cases), f"{name} has {len(file)} datasets"
            for case in cases:
                check(file, name, case)
    with h5py.File(made, "w") as file:
        for case in cases:
            make(file, case)
    print(len(cases) * len(written), "checked,", len(cases), "made")


def check(file, name, case):
    found = file[case["name"]]
    assert found.dtype == case["dtype"] and found.chunks == tuple(case["chunk"]), f"{name}: {case}: {found}"
    pipeline = found.id.get_create_plist()
    ids = [pipeline.get_filter(i)[0] for i in range(pipeline.get_nfilters())]
    assert ids == [f["id"] for f in case["filters"]], f"{name}: {case}: {ids}"
    same = found[...].tobytes() == values(case).tobytes()
    assert same, f"{name}: {case}: other values"


def make(file, case):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(tuple(case["chunk"]))
    for f in case["filters"]:
        plist.set_filter(f["id"], f["flags"], tuple(f["parameters"]))
    space = h5py.h5s.create_simple(tuple(case["shape"]))
    kind = h5py.h5t.py_create(np.dtype(case["dtype"]), logical=True)
    made = h5py.h5d.create(file.id, case["name"].encode(), kind, space, plist)
    h5py.Dataset(made)[...] = values(case)


def values(case):
    """As `values` in filter_oracle.rs."""
    count = int(np.prod(case["shape"]))
    x = np.arange(count, dtype="<u8")
    if case["noise"]:
        x = x * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        x ^= x >> np.uint64(33)
    else:
        x = x * x // np.uint64(50) % np.uint64(97)
    size = np.dtype(case["dtype"]).itemsize
    data = x.view("u1").reshape(count, 8)[:, :size]
    return np.ascontiguousarray(data).view(case["dtype"]).reshape(case["shape"])


if __name__ == "__main__":
    main(*sys.argv[1:-1], made=sys.argv[-1])
