"""Writes or reads chunks through filters with h5py, as a program would: one call for all of the data.

    python3 filters.py write SOURCE:DATASET FILE CHUNK FILTER     FILTER: none, gzip=4, shuffle+gzip=4, bitshuffle-lz4
    python3 filters.py read FILE
    python3 filters.py tiles FILE ROWS COLUMNS                    the corner tile of every image, one call each

Prints seconds of open, transfer and close as JSON. What is read goes into an array whose pages were touched before;
what is written is in memory before the clock starts.
"""

import json
import os
import sys
from time import perf_counter

import h5py
import numpy as np


def options(name):
    if name == "none":
        return {}
    if name == "bitshuffle-lz4":
        import hdf5plugin

        return dict(hdf5plugin.Bitshuffle())
    found = {}
    for part in name.split("+"):
        if part == "shuffle":
            found["shuffle"] = True
        else:
            found |= {"compression": "gzip", "compression_opts": int(part.removeprefix("gzip="))}
    return found


def timed(open_file, transfer):
    """Seconds of each phase; `transfer` is given the dataset."""
    begun = perf_counter()
    file, data = open_file()
    opened = perf_counter()
    transfer(data)
    moved = perf_counter()
    stored = data.id.get_storage_size()
    file.close()
    print(json.dumps({
        "open": opened - begun, "transfer": moved - opened, "close": perf_counter() - moved, "stored_bytes": stored,
    }))


def write(source, name, chunk, filters):
    path, dataset = source.rsplit(":", 1)
    with h5py.File(path, "r") as file:
        values = file[dataset][...]

    def create():
        file = h5py.File(name, "w")
        chunks = tuple(int(n) for n in chunk.split("x"))
        return file, file.create_dataset("data", values.shape, values.dtype, chunks=chunks, **options(filters))

    def transfer(data):
        data[...] = values
        # Chunks that are in the cache are part of the work.
        data.flush()

    timed(create, transfer)


def existing(name):
    # Registers its filters.
    if os.environ.get("WITH_PLUGINS"):
        import hdf5plugin  # noqa: F401
    file = h5py.File(name, "r")
    return file, file["data"]


def read(name):
    with h5py.File(name, "r") as file:
        values = np.full(file["data"].shape, 1, file["data"].dtype)
    timed(lambda: existing(name), lambda data: data.read_direct(values))


def tiles(name, rows, columns):
    def transfer(data):
        for image in range(data.shape[0]):
            data[image, 0:rows, 0:columns]

    timed(lambda: existing(name), transfer)


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "write":
        write(*arguments)
    elif what == "read":
        read(*arguments)
    else:
        tiles(arguments[0], int(arguments[1]), int(arguments[2]))
