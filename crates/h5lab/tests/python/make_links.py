"""HDF5 files whose links lead elsewhere: to other names, to other files, to nothing."""

import h5py
import numpy as np


def make(file, **members):
    with h5py.File(file, "w") as f:
        for name, member in members.items():
            f[name.replace("__", "/")] = member


make("part.h5", d=np.arange(6.0), x=np.arange(7.0))
# As a detector's master file, some of whose parts were not copied.
make(
    "master.h5",
    entry__data__part_1=h5py.ExternalLink("part.h5", "/d"),
    entry__data__part_2=h5py.ExternalLink("gone.h5", "/d"),
    entry__a_mask=h5py.SoftLink("/entry/mask"),
    entry__mask=np.arange(8.0),
    entry__nothing=h5py.SoftLink("/nowhere"),
    entry__up=h5py.SoftLink("/"),
)
make("alone.h5", z=h5py.ExternalLink("part.h5", "/d"))
make("both.h5", mine=np.arange(3.0), z=h5py.ExternalLink("part.h5", "/x"))
make("broken.h5", z=h5py.ExternalLink("gone.h5", "/d"))
make("circle.h5", a__data=np.arange(4.0), a__b=h5py.SoftLink("/a"), c=h5py.ExternalLink("circle.h5", "/"))
make("to_ours.h5", test=h5py.ExternalLink("ours.h5", "/test"))
