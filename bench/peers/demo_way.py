"""The Python demos' own way: the whole part at once, in float64, cast to float32 as HDF5 writes it.

    mpirun -np 2 python3 demo_way.py write 128 2500000 test.h5
    mpirun -np 2 python3 demo_way.py read test.h5

Unlike the demos it writes every row, and it adds 1000 * (rank + 1) in place, which spares it a second
array of the part's size.
"""

import numpy as np
import phases


def write(clock, nrows, ncols, name):
    first, end = phases.my_rows(nrows)

    def create():
        file = phases.open_file(name, "w")
        return file, file.create_dataset("test", (nrows, ncols), dtype="f")

    def generate():
        part = np.random.uniform(size=(end - first, ncols))
        part += 1000 * (phases.RANK + 1)
        return part

    def transfer():
        dataset[first:end, :] = part

    file, dataset = clock.time("open", create)
    part = clock.time("generate", generate)
    clock.time("transfer", transfer)
    clock.time("close", file.close)


def read(clock, name):
    def join():
        file = phases.open_file(name, "r")
        return file, file["test"]

    def transfer():
        return dataset[first:end, :]

    file, dataset = clock.time("open", join)
    first, end = phases.my_rows(dataset.shape[0])
    part = clock.time("transfer", transfer)
    clock.time("close", file.close)
    assert len(part) == end - first


if __name__ == "__main__":
    phases.main(write, read)
