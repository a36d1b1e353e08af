"""A file with one of everything that HDF5 has, and things that are wrong with it."""

import h5py
import numpy as np

rng = np.random.default_rng(1)
counts = rng.poisson(3, (16, 64, 96)).astype("u2")

with h5py.File("source-0.h5", "w") as f:
    f["data"] = counts[0]

with h5py.File("zoo.h5", "w") as f:
    f.attrs["creator"] = "a beamline"
    entry = f.create_group("entry")
    entry.attrs["NX_class"] = np.bytes_("NXentry")
    entry.attrs["axes"] = ["angle", "y", "x"]
    data = entry.create_dataset("data", data=counts, chunks=(4, 32, 96), compression="gzip", shuffle=True)
    data.attrs["units"] = "counts"
    data.attrs["offset"] = 1.5
    data.attrs["history"] = np.arange(20)
    data.attrs["good"] = True
    data.attrs["of"] = entry.ref

    kinds = f.create_group("kinds")
    kinds["scalar"] = 4.25
    kinds["text"] = "a text"
    kinds["fixed"] = np.bytes_("ten bytes!")
    kinds["texts"] = ["a", "bc", "def"]
    kinds["null"] = h5py.Empty("f4")
    kinds["none"] = np.zeros((0, 5), "f4")
    kinds["compound"] = np.zeros(3, [("a", "f8"), ("b", "i4"), ("c", "S4")])
    kinds["array"] = np.zeros(2, [("m", "f4", (3, 3))])
    kinds["enum"] = np.array([0, 1], h5py.enum_dtype({"off": 0, "on": 1}, "u1"))
    kinds["bool"] = np.array([True, False])
    kinds["opaque"] = np.void(b"\x00\x01\x02")
    kinds["big-endian"] = np.arange(6, dtype=">i4").reshape(2, 3)
    kinds["half"] = np.zeros(4, "f2")
    kinds["complex"] = np.zeros(4, "c8")
    kinds["reference"] = np.array([entry.ref, data.ref], h5py.ref_dtype)
    kinds["region"] = np.array([data.regionref[0, 0:2, 0:2]], h5py.regionref_dtype)
    ragged = kinds.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
    ragged[0], ragged[1] = [1, 2, 3], [4]
    kinds["type"] = np.dtype([("x", "f4"), ("y", "f4")])
    kinds.create_dataset("growing", (3, 4), "i2", maxshape=(None, 8), chunks=(1, 4))
    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((5,))
    h5py.h5d.create(kinds.id, b"compact", h5py.h5t.NATIVE_INT32, space, compact)
    kinds.create_dataset("external", (4, 4), "u2", external=[("outside.raw", 0, 32)])

    links = f.create_group("links")
    links["hard"] = data
    links["up"] = f["/"]
    links["soft"] = h5py.SoftLink("/entry/data")
    links["broken"] = h5py.SoftLink("/nowhere")
    links["external"] = h5py.ExternalLink("source-0.h5", "/data")
    links["lost"] = h5py.ExternalLink("gone.h5", "/data")

    wrong = f.create_group("wrong")
    layout = h5py.VirtualLayout((2, 64, 96), "u2")
    layout[0] = h5py.VirtualSource("source-0.h5", "data", (64, 96))
    layout[1] = h5py.VirtualSource("source-1.h5", "data", (64, 96))
    wrong.create_virtual_dataset("virtual", layout)
    wrong.create_dataset("tiny", data=np.zeros((2048, 4), "u1"), chunks=(1, 4))
    wrong.create_dataset("noise", data=rng.integers(0, 256, (4, 512, 512), "u1"), chunks=(1, 512, 512), compression="gzip")
    sparse = wrong.create_dataset("sparse", (10, 100, 100), "f4", chunks=(1, 100, 100))
    sparse[3] = 1
    half = wrong.create_dataset("skipped", (8, 100), "u1", chunks=(1, 100), compression="gzip")
    for i in range(8):
        half.id.write_direct_chunk((i, 0), bytes(100), filter_mask=1)
    large = wrong.create_dataset("large", (2, 1024, 1200), "u2", chunks=(1, 1024, 1200), compression="gzip")
    large[...] = 7
    wrong.create_dataset("stack", (16, 1024, 600), "u2")[...] = 1

with h5py.File("unknown-filter.h5", "w") as f:
    # A filter that nobody has registered, optional so that it may be missing when it is written.
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_chunk((1, 64, 96))
    create.set_filter(65000, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    space = h5py.h5s.create_simple(counts.shape)
    h5py.h5d.create(f.id, b"data", h5py.h5t.NATIVE_UINT16, space, create)

with h5py.File("deleted.h5", "w") as f:
    f["gone"] = np.zeros((1024, 2048), "u2")
    f["stays"] = np.ones((1024, 512), "u2")
with h5py.File("deleted.h5", "a") as f:
    del f["gone"]
