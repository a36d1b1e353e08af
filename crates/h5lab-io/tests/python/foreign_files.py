"""Files as others write them, for the method `direct`: each has a dataset `data` (or what its name says)."""

import os

import h5py
import numpy as np

EARLY = h5py.h5d.ALLOC_TIME_EARLY


def values(shape, dtype):
    return (np.arange(np.prod(shape)).reshape(shape) * 37 % 60013).astype(dtype)


def write(name, shape, dtype, *, file={}, attributes=0, part=None, **dataset):
    with h5py.File(name, "w", **file) as f:
        data = f.create_dataset("data", shape, dtype, **dataset)
        for number in range(attributes):
            data.attrs[f"attribute {number}"] = "x" * number
        where = part or tuple(slice(None) for _ in shape)
        data[where] = values(shape, dtype)[where]


def low_level(name, shape, dtype, chunk, prepare):
    """A dataset with settings that h5py has no words for."""
    with h5py.File(name, "w", libver=("v110", "v110")) as f:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk(chunk)
        prepare(create)
        space = h5py.h5s.create_simple(shape)
        kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
        made = h5py.Dataset(h5py.h5d.create(f.id, b"data", kind, space, create))
        made[...] = values(shape, dtype)


def set_chunk_opts(create):
    """H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS, where this h5py has it."""
    getattr(create, "set_chunk_opts", lambda _: None)(2)


STACK, CHUNK = (7, 30, 40), (2, 16, 13)
LATEST = {"libver": ("v110", "v110")}

write("contiguous.h5", STACK, "<u2")
write("big-endian.h5", STACK, ">u2")
write("big-endian-f64.h5", STACK, ">f8", chunks=CHUNK)
write("big-endian-i32.h5", STACK, ">i4")
write("chunks.h5", STACK, "<u2", chunks=CHUNK)
write("bytes.h5", (1000,), "u1", chunks=(64,))
write("five-axes.h5", (2, 3, 4, 5, 6), "<f4", chunks=(1, 2, 3, 2, 5))
write("many-attributes.h5", STACK, "<u2", chunks=CHUNK, attributes=60)
write("many-attributes-latest-groups.h5", STACK, "<u2", chunks=CHUNK, attributes=60, track_order=True)
write("user-block.h5", STACK, "<u2", chunks=CHUNK, file={"userblock_size": 4096})
write("user-block-contiguous.h5", STACK, "<u2", file={"userblock_size": 512})
write("part.h5", STACK, "<i4", chunks=CHUNK, part=(slice(2, 5), slice(0, 20), slice(14, 27)), fillvalue=-7)
write("big-endian-part.h5", STACK, ">i4", chunks=CHUNK, part=(slice(2, 5), slice(0, 20), slice(14, 27)), fillvalue=-7)
write("unlimited.h5", STACK, "<u2", chunks=CHUNK, maxshape=(None, None, None))
write("fixed-array.h5", STACK, "<u2", chunks=CHUNK, file=LATEST)
write("extensible-array.h5", STACK, "<u2", chunks=CHUNK, file=LATEST, maxshape=(None, 30, 40))
write("second-b-tree.h5", STACK, "<u2", chunks=CHUNK, file=LATEST, maxshape=(None, None, 40))
write("single-chunk.h5", STACK, "<u2", chunks=STACK, file=LATEST)
write("many-chunks-fixed-array.h5", (3, 50, 40), "<u2", chunks=(1, 1, 1), file=LATEST)
low_level("implicit.h5", STACK, "<u2", CHUNK, lambda create: create.set_alloc_time(EARLY))

GZIP = {"chunks": CHUNK, "compression": "gzip", "compression_opts": 5}
write("gzip.h5", STACK, "<u2", **GZIP)
write("shuffle-gzip.h5", STACK, ">f4", shuffle=True, **GZIP)
write("checksum.h5", STACK, "<i4", chunks=CHUNK, fletcher32=True)
write("everything.h5", STACK, "<f8", shuffle=True, fletcher32=True, **GZIP)
write("lzf.h5", STACK, "<u2", chunks=CHUNK, shuffle=True, compression="lzf")
write("part-gzip.h5", STACK, ">i4", part=(slice(2, 5), slice(0, 20), slice(14, 27)), fillvalue=-7, **GZIP)
write("whole-images.h5", STACK, "<u2", chunks=(1, 30, 40), compression="gzip")
write("scale-offset.h5", STACK, "<i4", chunks=CHUNK, scaleoffset=0)
low_level("edges-unfiltered.h5", STACK, "<u2", CHUNK, lambda create: (create.set_deflate(4), set_chunk_opts(create)))
with h5py.File("masks.h5", "w") as f:
    data = f.create_dataset("data", (4, 30, 40), "<u2", shuffle=True, **{**GZIP, "chunks": (1, 30, 40)})
    data[...] = values((4, 30, 40), "<u2")
    data.id.write_direct_chunk((2, 0, 0), values((1, 30, 40), "<u2").tobytes(), 0b11)

with h5py.File("nothing-written.h5", "w") as f:
    f.create_dataset("data", STACK, "<u2", fillvalue=513)
with h5py.File("smaller.h5", "w") as f:
    data = f.create_dataset("data", STACK, "<u2", chunks=CHUNK, maxshape=STACK)
    data[...] = values(STACK, "<u2")
    data.resize((5, 17, 40))
with h5py.File("link.h5", "w") as f:
    f["data"] = h5py.ExternalLink("chunks.h5", "/data")

# Two parts, one of them shown from its third image on, and elements that no part has.
layout = h5py.VirtualLayout(shape=(16, 30, 40), dtype="<u2")
layout[0:7] = h5py.VirtualSource("chunks.h5", "data", shape=STACK)
layout[8:13] = h5py.VirtualSource("contiguous.h5", "data", shape=STACK)[2:7]
with h5py.File("virtual.h5", "w") as f:
    f.create_virtual_dataset("data", layout, fillvalue=99)
layout = h5py.VirtualLayout(shape=(7, 15, 40), dtype="<u2")
layout[...] = h5py.VirtualSource("chunks.h5", "data", shape=STACK)[:, ::2]
with h5py.File("virtual-strided.h5", "w") as f:
    f.create_virtual_dataset("data", layout)

# What HDF5 alone finds or converts.
low = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
low.set_layout(h5py.h5d.COMPACT)
with h5py.File("compact.h5", "w") as f:
    made = h5py.h5d.create(f.id, b"data", h5py.h5t.NATIVE_UINT16, h5py.h5s.create_simple((3, 4)), low)
    h5py.Dataset(made)[...] = values((3, 4), "<u2")
with h5py.File("external.h5", "w") as f:
    f.create_dataset("data", STACK, "<u2", external=[(os.path.abspath("external.raw"), 0, 2 * 7 * 30 * 40)])[...] = values(STACK, "<u2")
with h5py.File("twelve-bits.h5", "w") as f:
    kind = h5py.h5t.STD_U16LE.copy()
    kind.set_precision(12)
    made = h5py.h5d.create(f.id, b"data", kind, h5py.h5s.create_simple((3, 4)))
    h5py.Dataset(made)[...] = values((3, 4), "<u2") % 4096
