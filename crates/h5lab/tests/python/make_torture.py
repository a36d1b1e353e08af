"""Files with everything that HDF5 and h5py can put into one: torture.h5 (old format) and torture-latest.h5."""

import h5py
import numpy as np


def make(name, libver):
    with h5py.File(name, "w", userblock_size=1024, libver=libver, track_order=True) as f:
        types(f)
        links(f)
        attributes(f)
        references(f)
        layouts(f)
        storage(f)
        scales(f)
        nexus(f)
    with open(name, "r+b") as f:
        f.write(b"#!/bin/sh\necho a user block\n")


def types(f):
    g = f.create_group("types", track_order=True)
    rng = np.random.default_rng(1)
    for code in ("i1", "u1", "<i2", ">i2", "<u4", ">u4", "<i8", ">f4", "<f8", ">f8", "<f2", "<c8", ">c16", "?"):
        g[code] = rng.integers(0, 100, (7, 5)).astype(code)
    g["opaque"] = np.array([b"abc", b"d\0f"], dtype="V3")
    g["fixed"] = np.array([b"one", b"three"], dtype="S5")
    utf8 = h5py.string_dtype("utf-8", 12)
    g.create_dataset("utf8", data=np.array(["größe".encode(), b"x"], dtype=utf8), dtype=utf8)
    g.create_dataset("strings", data=["a", "", "ü" * 300, "z"], dtype=h5py.string_dtype())
    g.create_dataset("ascii", data=[b"a", b"bc"], dtype=h5py.string_dtype("ascii"))
    g.create_dataset("enum", data=[0, 2, 1], dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 2}, "<u2"))
    vlen = g.create_dataset("vlen", (20,), dtype=h5py.vlen_dtype(">i4"), chunks=(6,), maxshape=(None,), compression="gzip")
    for i in range(15):
        vlen[i] = np.arange(i)
    inner = np.dtype([("x", "<f4"), ("y", ">f8")])
    compound = np.dtype([("id", "<u4"), ("point", inner), ("name", "S7"), ("matrix", "<i2", (2, 3))])
    data = np.zeros(30, compound)
    data["id"] = np.arange(30)
    data["point"]["y"] = np.linspace(0, 1, 30)
    data["matrix"] = np.arange(6).reshape(2, 3)
    g.create_dataset("compound", data=data, chunks=(7,), compression="gzip", shuffle=True)
    mixed = np.dtype([("n", "<i4"), ("text", h5py.string_dtype()), ("more", h5py.vlen_dtype("<f8"))])
    d = g.create_dataset("mixed", (4,), mixed, chunks=(3,))
    d[0] = (1, "eins", np.arange(3.0))
    d[2] = (3, "drei", np.arange(0.0))
    array = g.create_dataset("array", (3, 2), dtype=np.dtype(("<u2", (4,))))
    array[...] = np.arange(24, dtype="<u2").reshape(3, 2, 4)
    g["empty"] = h5py.Empty("<f4")
    g["scalar"] = np.float64(3.5)
    g["text"] = "one string"
    for order, code in enumerate((">i2", "<f4")):
        f[f"committed/{order}"] = np.dtype(code)
    g.create_dataset("of committed", (6, 4), dtype=f["committed/0"], data=np.arange(24).reshape(6, 4), chunks=(4, 3))
    g.create_dataset("of committed too", (3,), dtype=f["committed/0"])
    # A committed type that only a dataset knows.
    f["gone"] = np.dtype("<u8")
    g.create_dataset("of a type without a link", (2,), dtype=f["gone"], data=[1, 2])
    g.create_dataset("once more", (2,), dtype=f["gone"], data=[3, 4])
    del f["gone"]


def links(f):
    g = f.create_group("links", track_order=True)
    g["z first"] = np.arange(4)
    g["another name"] = g["z first"]
    f["third name"] = g["z first"]
    g["soft"] = h5py.SoftLink("/links/z first")
    g["dangling"] = h5py.SoftLink("/nowhere/at all")
    g["external"] = h5py.ExternalLink("other.h5", "/entry/data")
    g["circle"] = f["/"]
    g["größe"] = h5py.SoftLink("/größe")
    g["sub"] = f.create_group("links/a/b/c")
    many = f.create_group("many")
    for i in range(300):
        many[f"n{i}"] = h5py.SoftLink("/links")
    old = f.create_group("unordered", track_order=False)
    for name in "cab":
        old.create_group(name)


def attributes(f):
    g = f.create_group("attributes", track_order=True)
    for i in reversed(range(60)):
        g.attrs[f"a{i}"] = i
    g.attrs["text"] = "variable"
    g.attrs["texts"] = ["a", "bc", "ü"]
    g.attrs["fixed"] = np.bytes_(b"fixed")
    g.attrs["empty"] = h5py.Empty("i4")
    g.attrs["matrix"] = np.arange(12.0).reshape(3, 4)
    g.attrs.create("committed", 3, dtype=f["committed/1"])
    g.attrs["compound"] = np.array([(1, 2.5)], dtype=[("a", ">i2"), ("b", "<f8")])
    g.attrs.create("vlen", np.array([np.arange(3), np.arange(2)], dtype=object), dtype=h5py.vlen_dtype("i4"))
    g.attrs["größe"] = 1
    f["committed/0"].attrs["unit"] = "mm"
    f.attrs["root"] = True


def references(f):
    g = f.create_group("references")
    target = f["types/compound"]
    objects = g.create_dataset("objects", (5,), dtype=h5py.ref_dtype)
    objects[0], objects[1], objects[3] = target.ref, f["links"].ref, f["committed/0"].ref
    d = g.create_dataset("chunked", (9,), dtype=h5py.ref_dtype, chunks=(4,), compression="gzip")
    d[2] = target.ref
    regions = g.create_dataset("regions", (3,), dtype=h5py.regionref_dtype)
    regions[0] = f["types/>i2"].regionref[2:5, 1:3]
    regions[2] = f["types/u1"].regionref[[0, 3], :]
    compound = np.dtype([("ref", h5py.ref_dtype), ("n", "<i4"), ("text", h5py.string_dtype())])
    c = g.create_dataset("compound", (2,), dtype=compound)
    c[1] = (target.ref, 7, "seven")
    g.attrs["object"] = target.ref
    g.attrs["region"] = f["types/u1"].regionref[1:2, 2:3]
    v = g.create_dataset("vlen", (2,), dtype=h5py.vlen_dtype(h5py.ref_dtype))
    v[0] = np.array([target.ref, g.ref], dtype=h5py.ref_dtype)
    # Through a reference to it alone.
    lost = g.create_dataset("lost", data=1)
    objects[4] = lost.ref
    del g["lost"]


def layouts(f):
    g = f.create_group("layouts")
    data = np.random.default_rng(2).poisson(3, (40, 33, 21)).astype("u2")
    g["contiguous"] = data
    for name, keys in {
        "plain": {}, "gzip": {"compression": "gzip", "shuffle": True}, "lzf": {"compression": "lzf"},
        "checksum": {"fletcher32": True}, "offset": {"scaleoffset": 0}, "all": {"compression": 9, "shuffle": True, "fletcher32": True},
    }.items():
        g.create_dataset(name, data=data, chunks=(7, 16, 21), **keys)
    g.create_dataset("grows", data=data[:5], chunks=(2, 33, 21), maxshape=(None, 33, 50))
    g.create_dataset("no rows", (0, 5), maxshape=(None, 5), chunks=(3, 5), dtype="f4")
    sparse = g.create_dataset("sparse", (100, 100), "f4", chunks=(10, 10), fillvalue=-1.5, compression="gzip")
    sparse[3, 3], sparse[55, 99] = 1, 2
    g.create_dataset("never written", (50, 50), "i4", fillvalue=7)
    g.create_dataset("never written in chunks", (50, 50), "i4", chunks=(9, 9), fillvalue=7)
    g.create_dataset("fill", (30,), "f8", fillvalue=np.nan)[3:9] = 1
    g.create_dataset("wide", (3, 100000), "u1", chunks=(1, 70000))[1] = 5


def storage(f):
    g = f.create_group("storage")
    def low(name, shape, dtype, layout, value):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(layout)
        space = h5py.h5s.create_simple(shape)
        d = h5py.h5d.create(g.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, plist)
        h5py.Dataset(d)[...] = value
    low("compact", (10, 3), ">i4", h5py.h5d.COMPACT, np.arange(30).reshape(10, 3))
    g.create_dataset("external", (4, 4), "<i4", external=[("external.bin", 0, h5py.h5f.UNLIMITED)], data=np.arange(16).reshape(4, 4))
    layout = h5py.VirtualLayout((2, 40, 33, 21), "u2", maxshape=(2, 40, 33, 21))
    layout[0] = h5py.VirtualSource(".", "layouts/gzip", shape=(40, 33, 21))
    layout[1] = h5py.VirtualSource("source.h5", "data", shape=(40, 33, 21))
    g.create_virtual_dataset("virtual", layout, fillvalue=9)
    g.create_dataset("timed", data=np.arange(5), track_times=True)


def scales(f):
    g = f.create_group("scales")
    d = g.create_dataset("data", data=np.arange(12.0).reshape(3, 4), chunks=(2, 2))
    for axis, name in enumerate("yx"):
        g[name] = np.arange(3 + axis)
        g[name].make_scale(f"the {name} axis")
        d.dims[axis].attach_scale(g[name])
        d.dims[axis].label = name


def nexus(f):
    entry = f.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry.attrs["default"] = "data"
    data = entry.create_group("data")
    data.attrs["NX_class"], data.attrs["signal"] = "NXdata", "counts"
    data.create_dataset("counts", data=np.arange(60, dtype="u4").reshape(3, 4, 5), chunks=(1, 4, 5)).attrs["units"] = "counts"
    data["link"] = h5py.SoftLink("/entry/data/counts")


with h5py.File("source.h5", "w") as source:
    source["data"] = np.arange(40 * 33 * 21, dtype="u2").reshape(40, 33, 21)
make("torture.h5", "earliest")
make("torture-latest.h5", ("v110", "v110"))
