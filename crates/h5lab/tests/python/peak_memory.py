"""Runs a command, and prints the most memory (KiB) that one of its processes had: `peak_memory.py COMMAND ...`."""

import resource
import subprocess
import sys

subprocess.run([*sys.argv[1:], "--quiet"], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
