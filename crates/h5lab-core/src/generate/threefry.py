"""The random bits of threefry.rs made anew with NumPy: its independent check, and the source of its test vectors.

    python threefry.py SEED    prints the first uniform values of some types

In a program of your own: `random_raw(seed, n)`, as numpy.random's generators have it.
"""

import sys

import numpy as np


def random_raw(seed, count):
    """The first `count` words of 64 bits."""
    key = np.array([seed, 0, seed ^ 0x1BD11BDAA9FC1A22], "u8")
    a = np.arange((count + 1) // 2, dtype="u8") + key[0]
    b = np.full_like(a, key[1])
    for number in range(1, 6):
        for rotation in ((16, 32, 24, 21), (16, 42, 12, 31))[number % 2]:
            a += b
            b = (b << np.uint64(rotation) | b >> np.uint64(64 - rotation)) ^ a
        a += key[number % 3]
        b += key[(number + 1) % 3]
        b += np.uint64(number)
    return np.stack([a, b], axis=1).ravel()[:count]


def uniform(seed, count, dtype):
    """`count` uniform values: floats in [0, 1), integers over their whole range."""
    dtype = np.dtype(dtype)
    words = random_raw(seed, -(-count * dtype.itemsize // 8)).astype("<u8")
    bits = words.view(f"<u{dtype.itemsize}" if dtype.kind == "f" else dtype)[:count]
    if dtype.kind != "f":
        return bits
    unused, digits = {4: (8, 24), 8: (11, 53)}[dtype.itemsize]
    return (bits >> bits.dtype.type(unused)).astype(dtype) * dtype.type(2.0**-digits)


if __name__ == "__main__":
    for dtype in ("u1", "u2", "i2", "u4", "i4", "u8", "i8", "i1", "f4", "f8"):
        print(dtype, uniform(int(sys.argv[1]), 11, dtype).tolist())
