"""A stack of images of so many bytes, made quickly: one image is compressed once, and stored again and again.

    python3 big_stack.py BYTES FILE
"""

import sys
import zlib

import h5py
import numpy as np

ROWS, COLUMNS = 768, 1366
SHAPE = (1, ROWS, COLUMNS)


def main(size, name):
    rng = np.random.default_rng(1)
    image = (rng.poisson(2, ROWS * COLUMNS) + rng.poisson(100, ROWS * COLUMNS) * (rng.random(ROWS * COLUMNS) < 0.01)).astype("<u2")
    stored = zlib.compress(image.view("u1").reshape(-1, 2).T.tobytes(), 4)
    images = -(-size // image.nbytes)
    with h5py.File(name, "w") as file:
        stack = file.create_dataset("stack", (images, ROWS, COLUMNS), "<u2", chunks=SHAPE, compression="gzip", shuffle=True)
        for n in range(images):
            stack.id.write_direct_chunk((n, 0, 0), stored)


main(int(sys.argv[1]), sys.argv[2])
