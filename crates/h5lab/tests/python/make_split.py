"""old.h5: what a split repack has to cope with. Several datasets, ragged, small, growing, never written, named oddly."""

import h5py
import numpy as np

rng = np.random.default_rng(5)
with h5py.File("old.h5", "w") as f:
    entry = f.create_group("entry")
    images = entry.create_dataset("images", data=rng.integers(0, 900, (37, 40, 50), dtype="u2"), chunks=(1, 40, 50),
                                  compression="gzip", shuffle=True, fillvalue=7)
    images.attrs["units"], images.attrs["home"] = "counts", entry.ref
    x = entry.create_dataset("x", data=np.arange(50.0))
    x.make_scale("x")
    images.dims[2].attach_scale(x)
    entry.create_dataset("flat", data=rng.random((41, 30)), fillvalue=-1)
    grows = entry.create_dataset("grows", data=rng.integers(0, 9, (25, 30)).astype(">i4"), chunks=(4, 30), maxshape=(None, 60))
    grows.attrs["of"] = images.ref
    kind = np.dtype([("a", "<i4"), ("b", "S3")])
    f["kind"] = kind
    table = np.zeros((29, 6), kind)
    table["a"], table["b"] = rng.integers(0, 99, table.shape), b"xyz"
    entry.create_dataset("table", data=table, dtype=f["kind"], chunks=(5, 6))
    entry.create_dataset("never", shape=(20, 11), dtype="f4", chunks=(3, 11), fillvalue=3)
    some = entry.create_dataset("some", shape=(40, 10), dtype="u1", chunks=(2, 10), fillvalue=9)
    some[30:33] = 1
    entry.create_dataset("100% of %b", data=rng.integers(0, 9, (12, 12)))
    entry.create_dataset("one", data=3)
    entry.create_dataset("words", data=["a", "bc"], dtype=h5py.string_dtype())
    entry["link"] = h5py.SoftLink("images")
    f["also"] = images
