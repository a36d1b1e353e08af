"""The same bytes as h5lab writes, by Python at its leanest: float32 from the start, a buffer that is used again.

    mpirun -np 2 python3 lean.py write 128 2500000 test.h5
    mpirun -np 2 python3 lean.py read test.h5

As in h5lab, ranks wait for each other before each transfer, and memory is touched before it is timed (one
store a page, which costs as much as the first transfer into it would).
"""

import os

import numpy as np
import phases

# Bytes of the block of rows that is made and written at once; 0: the whole part.
BLOCK = int(os.environ.get("LEAN_BLOCK", 64 << 20))
FLOAT = np.dtype("f4")
PAGE = 4096 // FLOAT.itemsize


def write(clock, nrows, ncols, name):
    first, end = phases.my_rows(nrows)
    most = -(-nrows // phases.SIZE)
    rows = min(most, max(1, BLOCK // (ncols * FLOAT.itemsize))) if BLOCK else most

    def create():
        file = phases.open_file(name, "w")
        return file, file.create_dataset("test", (nrows, ncols), dtype=FLOAT)

    def generate():
        random.random(dtype=FLOAT, out=part)
        np.add(part, FLOAT.type(1000 * (phases.RANK + 1)), out=part)

    def transfer():
        if len(part):
            dataset.write_direct(part, dest_sel=np.s_[row : row + len(part), :])

    file, dataset = clock.time("open", create)
    random = np.random.default_rng(phases.RANK)
    buffer = touched((rows, ncols))
    for row in range(first, first + most, rows):
        part = buffer[: max(0, min(rows, end - row))]
        clock.time("generate", generate, together=False)
        clock.time("transfer", transfer)
    clock.time("close", file.close)


def read(clock, name):
    def join():
        file = phases.open_file(name, "r")
        return file, file["test"]

    def transfer():
        if len(part):
            dataset.read_direct(part, source_sel=np.s_[first:end, :])

    file, dataset = clock.time("open", join)
    first, end = phases.my_rows(dataset.shape[0])
    part = touched((end - first, dataset.shape[1]))
    clock.time("transfer", transfer)
    clock.time("close", file.close)


def touched(shape):
    """An array, each page of which was written once."""
    array = np.empty(shape, FLOAT)
    array.reshape(-1)[::PAGE] = 0
    return array


if __name__ == "__main__":
    phases.main(write, read)
