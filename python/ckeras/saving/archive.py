"""The zip of a `.keras` file: written plainly, read with limits before any member is unpacked."""

import io
import itertools
import zipfile
import zlib

from ckeras.saving.errors import FileError

MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
MAX_MEMBERS = 1024
MAX_RATIO = 100  # unpacked size over stored size; small members may do as they like
FREE_BYTES = 1 << 20
MAX_JSON = 64 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def write(members):
    """The bytes of a zip with these `(name, bytes)` members, stored without compression as Keras does."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name, data in members:
            z.writestr(name, data)
    return out.getvalue()


def read(path, where):
    """`{name: bytes}` of a `.keras` file's members.

    Raises `FileError` for a file that is no zip, members that are encrypted, doubled, overlapping, strangely
    compressed, too many or too big for what is stored, unknown names, and checksums that do not fit.
    """
    try:
        with open(path, "rb") as f:
            head = f.read(8)
            if head == b"\x89HDF\r\n\x1a\n":
                raise FileError(f"[{where}] is an HDF5 file, not a zip archive: name it .h5 or .weights.h5")
            if not head:
                raise FileError(f"[{where}] is empty")
            if head[:2] != b"PK":
                raise FileError(f"[{where}] is not a zip archive, so it is no .keras file, or it is damaged")
            f.seek(0)
            with zipfile.ZipFile(f) as z:
                infos = _check(z, where)
                return {info.filename: _unpack(z, info, where) for info in infos}
    except FileError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OverflowError,
    ) as e:
        raise FileError(f"[{where}] the zip archive is damaged: {e}") from e


def _check(z, where):
    infos = z.infolist()
    if len(infos) > MAX_MEMBERS:
        raise FileError(f"[{where}] {len(infos)} members; a .keras file has at most {MAX_MEMBERS}")
    seen, spans = set(), []
    for info in infos:
        name = info.filename
        if name in seen:
            raise FileError(f"[{where}] two members are named {name!r}")
        seen.add(name)
        if info.flag_bits & 0x1:
            raise FileError(f"[{where}] the member {name!r} is encrypted")
        if info.compress_type not in _METHODS:
            raise FileError(f"[{where}] the member {name!r} is compressed in an unknown way ({info.compress_type})")
        if info.file_size > max(FREE_BYTES, MAX_RATIO * info.compress_size):
            raise FileError(
                f"[{where}] the member {name!r} says it unpacks from {info.compress_size} to "
                f"{info.file_size} bytes: refused"
            )
        if name.endswith(".json") and info.file_size > MAX_JSON:
            raise FileError(f"[{where}] the member {name!r} has {info.file_size} bytes; the limit is {MAX_JSON}")
        spans.append((info.header_offset, info.header_offset + info.compress_size, name))
    spans.sort()
    for (_, end, a), (start, _, b) in itertools.pairwise(spans):
        if start < end:
            raise FileError(f"[{where}] the members {a!r} and {b!r} overlap")
    unknown = sorted(n for n in seen if n not in MEMBERS and not n.startswith("assets/"))
    if unknown:
        raise FileError(f"[{where}] unknown members {unknown[:3]}")
    missing = [n for n in MEMBERS if n not in seen]
    if missing:
        raise FileError(f"[{where}] no member {missing[0]!r}: not a .keras file, or cut short")
    return infos


def _unpack(z, info, where):
    """The member's bytes, at most what its directory entry says; the CRC is checked at the end."""
    with z.open(info) as f:
        data = f.read(info.file_size)
        if len(data) != info.file_size or f.read(1):
            raise FileError(f"[{where}] the member {info.filename!r} is not {info.file_size} bytes long as it says")
    return data
