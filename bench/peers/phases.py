"""What the parallel peers share: the split, the clocks, and the account that rank 0 prints.

The phases are those of h5lab's record: open, transfer and close, each on the rank's own clock, begun
together (a barrier), and as long as the slowest rank took. Making data is timed apart.
"""

import json
import os
import sys
from time import perf_counter

# Debian's h5py loads its MPI build only under a launcher that it knows; this names it for all of them.
os.environ.setdefault("OMPI_COMM_WORLD_SIZE", os.environ.get("PMI_SIZE", "1"))

from mpi4py import MPI  # noqa: E402
import h5py  # noqa: E402

COMM = MPI.COMM_WORLD
RANK, SIZE = COMM.rank, COMM.size


def my_rows(nrows):
    """The first row of this rank, and the one after its last: every row exactly once."""
    return RANK * nrows // SIZE, (RANK + 1) * nrows // SIZE


def open_file(name, mode):
    return h5py.File(name, mode, driver="mpio", comm=COMM)


class Clock:
    """Seconds that this rank spent in each phase."""

    def __init__(self):
        self.seconds = {"open": 0.0, "transfer": 0.0, "close": 0.0, "generate": 0.0}

    def time(self, phase, body, *, together=True):
        """Runs `body`; with `together`, all ranks begin at the same time."""
        if together:
            COMM.Barrier()
        begun = perf_counter()
        result = body()
        self.seconds[phase] += perf_counter() - begun
        return result

    def report(self):
        """Prints each rank's phases, and the slowest rank's time for the data, as a line of JSON."""
        all_ranks = COMM.gather(self.seconds)
        if RANK == 0:
            phases = [{p: r[p] for p in ("open", "transfer", "close")} for r in all_ranks]
            print(json.dumps({"ranks": phases, "generate": max(r["generate"] for r in all_ranks)}))


def main(write, read):
    """`peer.py write NROWS NCOLS FILE` or `peer.py read FILE`."""
    clock = Clock()
    match sys.argv[1:]:
        case ["write", nrows, ncols, name]:
            write(clock, int(nrows), int(ncols), name)
        case ["read", name]:
            read(clock, name)
        case _:
            sys.exit(f"usage: {sys.argv[0]} write NROWS NCOLS FILE | read FILE")
    clock.report()
