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
    dx = (x - (0.4 + 0.2 * fraction[0, 1]) * width) * (3 / width)
    mean = 1 + 19 / (1 + (dy**2 + dx**2)) ** 3
    for row, column, brightness, breadth in fraction[1:]:
        squared = (y + 0.5 - row * height) ** 2 + (x + 0.5 - column * width) ** 2
        spread = 1 + squared / (1 + 2 * breadth) ** 2
        mean += (200 + 3600 * brightness**2) / spread**3 * np.maximum(1 - squared / 16**2, 0) ** 2
    groups = -(-height * width // 1024)
    dead = np.arange(groups) * 1024 + (words([seed, 1], 64, 4 * groups)[::4] % 1024).astype(int)
    return mean, dead[dead < height * width]


def noise(seed, mean):
    """Counts around the means, as integers that no type's largest value clamps."""
    uniforms = words([seed, 0], 0, -(-mean.size // 2)).astype("<u8").view("<u4")[: mean.size].reshape(mean.shape)
    level = np.minimum(((8 * np.sqrt(mean) * 256).astype(int) + (uniforms & 255)) >> 8, 511)
    return poisson.ppf((uniforms + 0.5) / 2**32, (level / 8) ** 2).astype(int)


def counts(seed, images, height, width):
    """The counts of a stack of images."""
    mean, dead = scene(seed, height, width)
    drawn = noise(seed, np.broadcast_to(mean, (images, height, width)))
    drawn.reshape(images, -1)[:, dead] = 0
    return drawn


if __name__ == "__main__":
    stack = counts(*map(int, sys.argv[1:]))
    mean, dead = scene(int(sys.argv[1]), *stack.shape[1:])
    for pixel in [*dead[:2], *np.argsort(-mean.ravel())[[0, 40, 400]], mean.size // 2]:
        y, x = divmod(int(pixel), stack.shape[2])
        print(f"({y}, {x}): {stack[:, y, x].tolist()}")
