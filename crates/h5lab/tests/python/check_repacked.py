"""check_repacked.py OLD NEW: two files with the same content; only how datasets are stored may differ. --layouts prints that.

--materialized: virtual datasets of OLD are none in NEW. --split: datasets of OLD are virtual in NEW."""

import sys
import h5py
import numpy as np


def name_of(file, address):
    return None if not address else file[address].name


def plain(file, value):
    """Values without what differs from file to file: references become names."""
    if isinstance(value, h5py.RegionReference):
        if not value:
            return None
        d = file[value]
        return "region", d.name, d.regionref.selection(value), d.regionref.shape(value), repr(d[value])
    if isinstance(value, h5py.Reference):
        return "object", name_of(file, value)
    if isinstance(value, h5py.Empty):
        return "empty", str(value.dtype)
    if isinstance(value, np.ndarray) and (value.dtype.hasobject or value.dtype.names):
        return value.shape, str(value.dtype), [plain(file, v) for v in value.reshape(-1)]
    if isinstance(value, np.void) and value.dtype.names:
        return [plain(file, value[n]) for n in value.dtype.names]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.shape, value.dtype.str, value.tobytes()
    return value


def attributes(file, obj):
    found = []
    for n in range(h5py.h5a.get_num_attrs(obj.id)):
        order = h5py.h5.INDEX_CRT_ORDER if tracks(obj) else h5py.h5.INDEX_NAME
        a = h5py.h5a.open(obj.id, index=n, index_type=order)
        committed = a.get_type().committed() if hasattr(a.get_type(), "committed") else False
        name = a.name.decode()
        found.append((name, bool(committed), str(a.dtype), a.shape, a.get_space().get_simple_extent_type(),
                      plain(file, obj.attrs[name])))
    return found


def tracks(obj):
    plist = obj.id.get_create_plist()
    return bool(plist.get_attr_creation_order() & h5py.h5p.CRT_ORDER_TRACKED)


def links(group):
    found = []
    for name in group:
        link = group.get(name, getlink=True)
        kind = type(link).__name__
        found.append((name, kind, getattr(link, "path", None), getattr(link, "filename", None)))
    return found


def values(file, d):
    if d.shape is None:
        return "null"
    if d.is_virtual and not SPLIT and any(v.file_name not in (".", "source.h5") for v in d.virtual_sources()):
        return "elsewhere"
    return plain(file, d[()])


def describe(file, obj):
    out = {"attributes": attributes(file, obj)}
    if isinstance(obj, h5py.Group):
        plist = obj.id.get_create_plist()
        out["links"] = links(obj)
        out["order"] = plist.get_link_creation_order() if hasattr(plist, "get_link_creation_order") else None
    elif isinstance(obj, h5py.Dataset):
        t = obj.id.get_type()
        plist = obj.id.get_create_plist()
        out |= {"dtype": str(obj.dtype), "shape": obj.shape, "maxshape": obj.maxshape, "committed": bool(t.committed()),
                "fill": plain(file, np.asarray(obj.fillvalue)) if not obj.dtype.hasobject else None,
                "virtual": [tuple(map(str, v[1:3])) for v in obj.virtual_sources()] if obj.is_virtual else None,
                "external": obj.external, "times": plist.get_obj_track_times(), "values": values(file, obj)}
        out["type"] = t.get_class(), t.get_size()
    else:
        out["dtype"] = str(obj.dtype)
    return out


def walk(file):
    """Every object once, by the name that comes first, and all hard-linked names of it."""
    names, order, todo = {}, [], ["/"]
    while todo:
        path = todo.pop(0)
        obj = file[path]
        key = h5py.h5o.get_info(obj.id).addr
        if key in names:
            names[key].append(path)
            continue
        names[key] = [path]
        order.append((path, key))
        if isinstance(obj, h5py.Group):
            todo += [f"{path.rstrip('/')}/{n}" for n in obj if isinstance(obj.get(n, getlink=True), h5py.HardLink)]
    return [(path, names[key]) for path, key in order]


def main(old, new):
    with h5py.File(old) as a, h5py.File(new) as b:
        there, here = walk(a), walk(b)
        assert there == here, f"objects differ: {set(map(str, there)) ^ set(map(str, here))}"
        assert a.userblock_size == b.userblock_size
        for path, _ in there:
            one, other = describe(a, a[path]), describe(b, b[path])
            if MATERIALIZED and "virtual" in one:
                one["virtual"] = one["external"] = None
            if SPLIT and "virtual" in one:
                one["virtual"] = other["virtual"]
            for key in one:
                assert str(one[key]) == str(other[key]), f"{path}: {key}: {one[key]!s:.300} != {other[key]!s:.300}"
        print(len(there), "objects are the same")
    size = 1024
    assert open(old, "rb").read(size)[: a_block(old)] == open(new, "rb").read(size)[: a_block(old)]


def a_block(name):
    with h5py.File(name) as f:
        return f.userblock_size


def layouts(name):
    """One line a dataset: path, chunk, filters with their parameters, allocated chunks."""
    with h5py.File(name) as f:
        for path, _ in walk(f):
            d = f[path]
            if isinstance(d, h5py.Dataset):
                plist = d.id.get_create_plist()
                filters = [(plist.get_filter(i)[0], plist.get_filter(i)[2]) for i in range(plist.get_nfilters())]
                count = d.id.get_num_chunks() if d.chunks else None
                print(path, d.chunks, filters, plist.get_layout(), count, sep=" | ")


MATERIALIZED, SPLIT = "--materialized" in sys.argv, "--split" in sys.argv
words = [w for w in sys.argv[1:] if not w.startswith("--")]
if "--layouts" in sys.argv:
    layouts(words[0])
else:
    main(*words)
