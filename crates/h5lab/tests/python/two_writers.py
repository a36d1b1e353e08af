"""Holds a file open for writing, and says whether another process may write it, or h5lab's way of reading open it."""

import subprocess
import sys

import h5py

OTHER = """
import sys, h5py
try:
    h5py.File(sys.argv[1], sys.argv[2]).close()
    print("admitted")
except BlockingIOError:
    print("refused")
"""


def other(mode):
    told = subprocess.run([sys.executable, "-c", OTHER, sys.argv[1], mode], capture_output=True, text=True, check=True)
    return told.stdout.strip()


with h5py.File(sys.argv[1], "w") as file:
    file["data"] = 1
    file.flush()
    print("second writer:", other("r+"))
    print("reader:", other("r"))
