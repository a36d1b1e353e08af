"""HDF5 files with one damaged chunk each: prints their names, where that chunk is, and what must be said of it."""

import h5py
import hdf5plugin
import numpy as np

DAMAGED = {
    "gzip": ({"compression": "gzip"}, "gzip: "),
    "checksum": ({"fletcher32": True}, "fletcher32: the checksum is"),
    "lzf": ({"compression": "lzf"}, "lzf: "),
    "lz4": (hdf5plugin.LZ4(), "lz4: "),
    "zstd": (hdf5plugin.Zstd(), "zstd: "),
    "bitshuffle-lz4": (hdf5plugin.Bitshuffle(cname="lz4"), "bitshuffle: block 0"),
    "bitshuffle-zstd": (hdf5plugin.Bitshuffle(cname="zstd"), "bitshuffle: block 0"),
}


def damage(name, options):
    data = np.random.default_rng(1).poisson(3, (8, 40, 50)).astype("u2")
    with h5py.File(name, "w") as file:
        made = file.create_dataset("entry/data", data=data, chunks=(2, 40, 50), **options)
        chunk = made.id.get_chunk_info_by_coord((4, 0, 0))
    with open(name, "r+b") as file:
        # Behind the headers that some formats have.
        file.seek(chunk.byte_offset + 16)
        file.write(b"\xff" * 40)
    return chunk.byte_offset


for filters, (options, said) in DAMAGED.items():
    file = f"{filters}.h5"
    print(file, damage(file, options), said)
