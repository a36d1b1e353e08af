"""A file that h5py and mpi4py write in parallel: each rank its rows, every element its own index in C order.

usage: mpirun -np N python make_parallel.py FILE
"""

import sys

from mpi4py import MPI
import h5py
import numpy as np

ROWS, COLUMNS = 7, 11

comm = MPI.COMM_WORLD
first, end = (comm.rank + i for i in (0, 1))
first, end = (ROWS * rank // comm.size for rank in (first, end))
with h5py.File(sys.argv[1], "w", driver="mpio", comm=comm) as f:
    data = f.create_dataset("entry/data", (ROWS, COLUMNS), "f4")
    with data.collective:
        data[first:end] = np.arange(first * COLUMNS, end * COLUMNS, dtype="f4").reshape(-1, COLUMNS)
