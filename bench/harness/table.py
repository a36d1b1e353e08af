"""Prints lines of results as one aligned table."""

HEADS = ("what", "h5lab", "peer", "", "", "ratio", "middle half", "min..max", "target", "")
NUMBERS = {1, 2, 5}


def render(lines):
    rows = [HEADS, *map(cells, lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    return "\n".join(
        "  ".join(c.rjust(w) if i in NUMBERS else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip()
        for row in rows
    )


def cells(line):
    spread = line.judged()
    ours = number(sorted(line.ours)[len(line.ours) // 2])
    theirs = number(sorted(line.theirs)[len(line.theirs) // 2]) if line.theirs else ""
    ratio = number(spread.median) if line.theirs else ""
    return (
        line.what, ours, theirs, line.unit, line.peer, ratio,
        f"{number(spread.low)}..{number(spread.high)}", f"{number(spread.least)}..{number(spread.most)}",
        target(line), line.verdict(),
    )


def target(line):
    if line.at_most is not None and line.at_least is not None:
        return f"{number(line.at_least)}..{number(line.at_most)}"
    if line.at_most is not None:
        return f"<= {number(line.at_most)}"
    return f">= {number(line.at_least)}" if line.at_least is not None else ""


def number(value):
    """Three significant digits; what is small keeps its zeros."""
    if value == 0:
        return "0"
    digits = max(0, 3 - len(str(int(abs(value))))) if abs(value) >= 1 else 3
    return f"{value:.{digits}f}" if abs(value) >= 0.01 else f"{value:.2g}"
