"""HDF5 files that are made to crash the library that reads them, or to lead it out of the file."""

import io
import struct

import h5py
import numpy as np
import pytest
from hostile import global_state, make_model, pack, refuses


def edited(data, edit):
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as f:
        edit(f)
    return buffer.getvalue()


# ---- S07 (j), S09: what the library itself would fall over


def trees(data, kind):
    """Where the index nodes of a kind (0 groups, 1 chunks) are."""
    at, found = -1, []
    while (at := data.find(b"TREE" + bytes([kind]), at + 1)) >= 0:
        found.append(at)
    return found


def circle(data, kind, level=1):
    """The file with an index node that is its own child."""
    data = bytearray(data)
    node = trees(data, kind)[-1]
    data[node + 5] = level
    struct.pack_into("<Q", data, node + 24 + (8 if kind == 0 else 8 + 8 * 3), node)
    return bytes(data)


def two_parents(data):
    """The file with a node of two entries that are the same leaf."""
    data = bytearray(data)
    leaf = trees(data, 0)[-1]
    node = len(data)
    data += b"TREE" + struct.pack("<BBHQQ", 0, 1, 2, 2**64 - 1, 2**64 - 1) + struct.pack("<QQQQQ", 0, leaf, 0, leaf, 0)
    assert data[node : node + 4] == b"TREE"
    return bytes(data)


def chunked(data):
    def edit(f):
        name = next(n for n in ("layers/dense/vars/0", "model_weights/dense/dense/kernel") if n in f)
        values = f[name][()]
        del f[name]
        f.create_dataset(name, data=values, chunks=(4, 3), compression="gzip")

    return edited(data, edit)


@pytest.mark.parametrize("level", [1, 200])
@pytest.mark.parametrize(
    "attack", [lambda d, n: circle(d, 0, n), lambda d, n: circle(chunked(d), 1, n), lambda d, n: two_parents(d)]
)
def test_indexes_that_run_in_a_circle_are_refused(tmp_path, good, attack, level):
    members = {**good, "model.weights.h5": attack(good["model.weights.h5"], level)}
    refuses(pack(tmp_path / "a.keras", members), "circle|chunks")


def test_chunks_as_other_programs_write_them_load(tmp_path, good):
    members = {**good, "model.weights.h5": chunked(good["model.weights.h5"])}
    m = make_model()
    (tmp_path / "a.weights.h5").write_bytes(members["model.weights.h5"])
    m.load_weights(tmp_path / "a.weights.h5")


def checksum(data):
    """The lookup3 hash of HDF5's metadata."""
    mask = 0xFFFFFFFF

    def rot(x, k):
        return ((x << k) | (x >> (32 - k))) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    while len(data) > 12:
        x, y, z = struct.unpack("<III", data[:12])
        a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
        for k in (4, 6, 8, 16, 19, 4):  # the three words change places after each step
            a = ((a - c) & mask) ^ rot(c, k)
            c = (c + b) & mask
            a, b, c = b, c, a
        data = data[12:]
    x, y, z = struct.unpack("<III", data.ljust(12, b"\0"))
    a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
    if data:
        for k in (14, 11, 25, 16, 4, 14, 24):
            c = ((c ^ b) - rot(b, k)) & mask
            a, b, c = b, c, a
        a, b, c = c, a, b
    return c


def test_a_user_defined_link_is_refused(tmp_path):
    """h5py makes none, so the type of an external link is changed, and the checksum around it."""
    path = tmp_path / "a.weights.h5"
    model = make_model()
    model.save_weights(path)
    secret = tmp_path / "other.h5"
    with h5py.File(secret, "w") as f:
        f["data"] = np.full((4, 3), 1234.5, "f4")

    def edit(f):
        values = f["layers/dense/vars/1"][()]
        del f["layers/dense/vars"]
        group = f["layers/dense"].create_group("vars", track_order=True)
        group["0"] = h5py.ExternalLink(str(secret), "/data")
        group["1"] = values

    data = bytearray(edited(path.read_bytes(), edit))
    link = data.index(b"\x01\x0c\x40")  # version, flags, type 64: external
    header = data.rindex(b"OHDR", 0, link)
    flags = data[header + 5]
    at = header + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    end = at + width + int.from_bytes(data[at : at + width], "little")
    assert checksum(bytes(data[header:end])) == int.from_bytes(data[end : end + 4], "little")  # the control
    data[link + 2] = 200
    data[end : end + 4] = checksum(bytes(data[header:end])).to_bytes(4, "little")
    path.write_bytes(data)
    before, state = model.get_weights(), global_state()
    with pytest.raises(ValueError, match="link"):
        model.load_weights(path)
    assert global_state() == state
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
