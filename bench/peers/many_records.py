"""Makes many records of a few: `many_records.py FEW.jsonl COUNT > MANY.jsonl`.

Each copy has its own times. Each time that all were copied 250 times a sweep of a larger dataset begins, so that there are
many cells, and many records of each.
"""

import json
import random
import sys


def main(few, count):
    records = [json.loads(line) for line in open(few)]
    rng = random.Random(1)
    for number in range(int(count)):
        record = records[number % len(records)]
        sweep = number // (250 * len(records))
        print(json.dumps(varied(json.loads(json.dumps(record)), sweep, rng), separators=(",", ":")))


def varied(record, sweep, rng):
    record["experiment"]["dataset"]["shape"][0] += 8 * sweep
    for sample in record["samples"]:
        jitter(sample, rng)
    return record


def jitter(tree, rng):
    """Scales all fractions in a tree: they are seconds."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, float):
            tree[key] = value * rng.uniform(0.9, 1.1)
        elif isinstance(value, (dict, list)):
            jitter(value, rng)


if __name__ == "__main__":
    main(*sys.argv[1:])
