"""The versions of what the Python peers run on, as JSON."""

import json
import platform

import mpi4py
import numpy
from phases import MPI, h5py

if __name__ == "__main__":
    print(json.dumps({
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "h5py": h5py.__version__,
        "h5py_parallel": h5py.get_config().mpi,
        "mpi4py": mpi4py.__version__,
        "hdf5": h5py.version.hdf5_version,
        "mpi": MPI.Get_library_version().strip("\0").split(",")[0],
    }))
