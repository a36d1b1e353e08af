"""How fast h5py filters images on one core: GB/s and ratios, one JSON object, by h5lab's name of the filters.

    python3 codecs.py IMAGES COUNT HEIGHT WIDTH

IMAGES holds COUNT images of u16. They are written to and read from a file in memory, a chunk an image: what is timed is
the filters, and what h5py and HDF5 do around them.
"""

import json
import sys
from time import perf_counter

import numpy as np

import h5py

PASSES = 3
FILTERS = {
    "shuffle": {"shuffle": True},
    "fletcher32": {"fletcher32": True},
    "shuffle+gzip=1": {"shuffle": True, "compression": "gzip", "compression_opts": 1},
    "shuffle+gzip=4": {"shuffle": True, "compression": "gzip", "compression_opts": 4},
    "shuffle+gzip=9": {"shuffle": True, "compression": "gzip", "compression_opts": 9},
    "shuffle+lzf": {"shuffle": True, "compression": "lzf"},
}


def main(name, *shape):
    shape = tuple(map(int, shape))
    images = np.fromfile(name, "<u2").reshape(shape)
    print(json.dumps({filters: speed(images, options) for filters, options in FILTERS.items()}))


def speed(images, options):
    back = np.ones_like(images)
    samples = [once(images, back, options) for _ in range(PASSES)]
    encode, decode, stored = map(lambda each: sorted(each)[PASSES // 2], zip(*samples))
    size = images.nbytes
    return {"encode": size / encode / 1e9, "decode": size / decode / 1e9, "ratio": size / stored}


def once(images, back, options):
    """Seconds to write, seconds to read, bytes stored."""
    # No chunk stays in the cache: all are filtered when they are written, and when they are read.
    with h5py.File("memory", "w", driver="core", backing_store=False, rdcc_nbytes=0) as file:
        dataset = file.create_dataset("images", images.shape, images.dtype, chunks=(1, *images.shape[1:]), **options)
        begun = perf_counter()
        for at, image in enumerate(images):
            dataset.write_direct(image, dest_sel=np.s_[at])
        file.flush()
        written = perf_counter()
        for at in range(len(back)):
            dataset.read_direct(back, source_sel=np.s_[at], dest_sel=np.s_[at])
        read = perf_counter()
        assert (back == images).all()
        return written - begun, read - written, dataset.id.get_storage_size()


if __name__ == "__main__":
    main(*sys.argv[1:])
