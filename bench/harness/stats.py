"""Medians, spreads, and ratios pair by pair."""

from dataclasses import dataclass
from math import comb
from statistics import median, quantiles


def quantile(ordered, q):
    """The quantile `q` in 0..1 of ordered numbers, linear between neighbours, as NumPy's."""
    at = q * (len(ordered) - 1)
    below, above = ordered[int(at)], ordered[min(int(at) + 1, len(ordered) - 1)]
    return below + (above - below) * (at - int(at))


def median_interval(samples, confidence):
    """The interval of the median of at least three samples, as h5lab prints it: order statistics, interpolated
    (Hettmansperger and Sheather 1986)."""
    x, n = sorted(samples), len(samples)
    # How often the d-th smallest and the d-th largest sample have the median between them.
    holds = {d: 1 - 2 * sum(comb(n, k) for k in range(d)) / 2**n for d in range(1, n // 2 + 1)}
    d = max([d for d in holds if holds[d] >= confidence], default=1)
    here, deeper = holds[d], holds.get(d + 1, 0)
    share = min(max((here - confidence) / (here - deeper), 0), 1)
    weight = min((n - d) * share / (d + (n - 2 * d) * share), 0.5 if 2 * d >= n else 1)
    blend = lambda outer, inner: outer + weight * (inner - outer)
    return blend(x[d - 1], x[min(d, n - 1)]), blend(x[n - d], x[max(n - 1 - d, 0)])


@dataclass
class Spread:
    """Where a list of numbers lies."""

    median: float
    least: float
    low: float
    high: float
    most: float

    @classmethod
    def of(cls, values):
        low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        return cls(median(values), min(values), low, high, max(values))


@dataclass
class Line:
    """One line of a bench's table: a number of h5lab's, maybe beside a peer's, maybe with a target.

    With a peer, what is judged is h5lab / peer, pair by pair: the two that ran side by side in one round.
    """

    what: str
    unit: str
    ours: list
    peer: str = ""
    theirs: list | None = None
    # What the judged number may be at most or must be at least.
    at_most: float | None = None
    at_least: float | None = None

    def judged(self):
        values = [a / b for a, b in zip(self.ours, self.theirs, strict=True)] if self.theirs else self.ours
        return Spread.of(values)

    def verdict(self):
        """`met` or `NOT MET`, by the median; with a `?` where the middle half of the samples says both."""
        if self.at_most is None and self.at_least is None:
            return ""
        within = lambda value: (self.at_least or 0) <= value <= (self.at_most or float("inf"))
        spread = self.judged()
        unsure = within(spread.low) != within(spread.high) or within(spread.low) != within(spread.median)
        return ("met" if within(spread.median) else "NOT MET") + ("?" if unsure else "")

    def record(self):
        """For the results: the line as data."""
        keys = {"what": self.what, "unit": self.unit, "ours": self.ours}
        if self.theirs:
            keys |= {"peer": self.peer, "theirs": self.theirs, "ratio": vars(self.judged())}
        if self.verdict():
            keys |= {"at_most": self.at_most, "at_least": self.at_least, "verdict": self.verdict()}
        return keys
