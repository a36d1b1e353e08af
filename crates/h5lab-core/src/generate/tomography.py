"""The counts of tomography.rs made anew with NumPy and SciPy: its independent check, and the source of its test vectors.

    python tomography.py SEED ANGLES HEIGHT WIDTH    prints a few counts
"""

import sys

import numpy as np
from detector import noise, words

# Attenuation, half axes, centre, turn in degrees.
HEAD = [
    (3.0, (0.69, 0.92, 0.9), (0, 0, 0), 0),
    (-2.4, (0.6624, 0.874, 0.88), (0, 0, 0), 0),
    (-0.6, (0.41, 0.16, 0.21), (-0.22, 0, -0.1), 108),
    (-0.6, (0.31, 0.11, 0.22), (0.22, 0, -0.1), 72),
    (0.6, (0.21, 0.25, 0.5), (0, 0.35, -0.1), 0),
    (0.6, (0.046, 0.046, 0.046), (0, 0.1, 0), 0),
    (0.3, (0.046, 0.023, 0.02), (-0.08, -0.65, 0), 0),
    (0.3, (0.046, 0.023, 0.02), (0.06, -0.65, 0), 90),
    (0.6, (0.056, 0.04, 0.1), (0.06, -0.105, 0.625), 90),
    (-0.6, (0.056, 0.056, 0.1), (0, 0.1, 0.625), 0),
]


def grains(seed):
    """Twelve dense grains, as in `HEAD`."""
    fraction = (words([seed, 1], 0, 4 * 24) >> np.uint64(11)).reshape(12, 8) * 2.0**-53
    for x, y, z, size, broad, high, turn, dense in fraction:
        size = 0.01 + 0.04 * size**2
        axes = (size, size * (0.5 + 0.5 * broad), size * (0.5 + 0.5 * high))
        centre = (0.38 * (2 * x - 1), 0.5 * (2 * y - 1), 0.42 * (2 * z - 1))
        yield 3 + 5 * dense, axes, centre, np.degrees(2 * np.arctan(turn))


def counts(seed, angles, height, width, flat=2500):
    """The counts of all projections; `flat` is 196 for types of one byte."""
    angle = np.pi * np.arange(angles)[:, None, None] / angles
    z = ((2 * np.arange(height) + 1) / height - 1)[None, :, None]
    u = ((2 * np.arange(width) + 1) / width - 1)[None, None, :]
    loss = np.zeros((angles, height, width))
    for attenuation, (a, b, c), (x0, y0, z0), turn in [*HEAD, *grains(seed)]:
        own = angle - np.radians(turn)
        square = (a * np.cos(own)) ** 2 + (b * np.sin(own)) ** 2
        distance = u - (x0 * np.cos(angle) + y0 * np.sin(angle))
        root = np.sqrt(np.maximum(square * (1 - ((z - z0) / c) ** 2) - distance**2, 0))
        loss += attenuation * 2 * a * b / square * root
    return noise(seed, flat * np.exp(-loss))


if __name__ == "__main__":
    stack = counts(*map(int, sys.argv[1:]))
    for y, x in (np.array([[0, 0], [4, 4], [3, 5], [5, 3], [5, 6], [7, 2]]) * stack.shape[1:] // 8).tolist():
        print(f"({y}, {x}): {stack[:, y, x].tolist()}")
