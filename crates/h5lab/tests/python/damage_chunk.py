"""damage_chunk.py FILE DATASET OFFSET...: overwrites the middle of a stored chunk; prints where the chunk lies."""

import sys

import h5py

file, dataset, *offset = sys.argv[1:]
with h5py.File(file) as f:
    block = f.userblock_size
    found = f[dataset].id.get_chunk_info_by_coord(tuple(map(int, offset)))
    address = found.byte_offset
# Libraries before 1.14.4 do not count the user block in: the deflate stream tells which this one is.
with open(file, "r+b") as raw:
    raw.seek(address)
    place = address if raw.read(1) == b"x" else address + block
    raw.seek(place + found.size // 2)
    raw.write(b"\xff" * 16)
print(place)
