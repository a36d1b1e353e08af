"""The counts of detector.rs made anew with NumPy and SciPy: its independent check, and the source of its test vectors.

    python detector.py SEED IMAGES HEIGHT WIDTH    prints a few counts
"""

import sys

import numpy as np
from scipy.stats import poisson


def words(key, first, count):
    """Words of 64 bits from block `first` (of 4 words) on."""
    generator = np.random.Philox(key=key)
    generator.advance(first)
    return generator.random_raw(count)


def scene(seed, height, width):
    """The mean count of every pixel, and the C-order indices of the dead ones."""
    drawn = words([seed, 1], 0, 4 * 13).reshape(13, 4)
    fraction = (drawn >> np.uint64(11)) * 2.0**-53
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    dy = (y - (0.4 + 0.2 * fraction[0, 0]) * height) * (3 / height)
    dx = (x // 32 * 32 + 16 - (0.4 + 0.2 * fraction[0, 1]) * width) * (3 / width)
    peaks = np.zeros((height, width))
    for (row, column, *_), (*_, brightness, breadth) in zip(drawn[1:].tolist(), fraction[1:]):
        dpy, dpx = abs(y - (row * height >> 64)), abs(x - (column * width >> 64))
        spread = 1 + (dpy**2 + dpx**2) * (1 / (1 + 2 * breadth) ** 2)
        peaks += np.where(np.maximum(dpy, dpx) <= 10, (200 + 3600 * brightness**2) / spread**3, 0)
    groups = -(-height * width // 1024)
    dead = np.arange(groups) * 1024 + (words([seed, 1], 64, 4 * groups)[::4] % 1024).astype(int)
    return 1 + 19 / (1 + (dy**2 + dx**2)) ** 3 + peaks, dead[dead < height * width]


def counts(seed, images, height, width):
    """The counts of a stack of images, as integers that no type's largest value clamps."""
    elements = images * height * width
    uniforms = words([seed, 0], 0, -(-elements // 2)).astype("<u8").view("<u4")[:elements]
    mean, dead = scene(seed, height, width)
    level = np.minimum((8 * np.sqrt(mean) + 0.5).astype(int), 511)
    drawn = poisson.ppf((uniforms + 0.5) / 2**32, np.tile((level.ravel() / 8) ** 2, images)).astype(int)
    drawn.reshape(images, -1)[:, dead] = 0
    return drawn.reshape(images, height, width)


if __name__ == "__main__":
    stack = counts(*map(int, sys.argv[1:]))
    mean, dead = scene(int(sys.argv[1]), *stack.shape[1:])
    for pixel in [*dead[:2], *np.argsort(-mean.ravel())[[0, 40, 400]], mean.size // 2]:
        y, x = divmod(int(pixel), stack.shape[2])
        print(f"({y}, {x}): {stack[:, y, x].tolist()}")
