"""Unpacking of archives that strangers made: nothing outside of the folder, no links, no bombs, whole or not at all."""

import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib

# An archive may unpack to this many times its own size, and to _FLOOR bytes in any case.
_RATIO, _FLOOR = 100, 256 << 20
_BLOCK = 1 << 20
# What the two libraries raise for nonsense, and what two members of one name do.
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, FileExistsError, NotADirectoryError)


def _tar_members(archive):
    for member in archive:
        if member.isdir():
            yield member.name, None
        elif member.isreg():
            yield member.name, archive.extractfile(member)
        else:
            raise ValueError(f"[extract] {member.name!r} is a link or a device; only files and folders are unpacked")


def _zip_members(archive):
    for member in archive.infolist():
        if member.external_attr >> 28 == 0xA:
            raise ValueError(f"[extract] {member.filename!r} is a link; only files and folders are unpacked")
        yield member.filename, None if member.is_dir() else archive.open(member)


_FORMATS = {
    "tar": (tarfile.is_tarfile, tarfile.open, _tar_members),
    "zip": (zipfile.is_zipfile, zipfile.ZipFile, _zip_members),
}


def _place(root, name):
    """Where a member goes; `ValueError` where that is not below `root`."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
        raise ValueError(f"[extract] {name!r} would lie outside of the folder that the archive is unpacked to")
    return os.path.join(root, *[p for p in parts if p not in ("", ".")])


def extract(path, target, formats="auto"):
    """Unpacks the archive at `path` into the new folder `target`; False where it is of none of the `formats`.

    `formats`: "auto" (tar, zip), one name, or a list. What was at `target` is replaced once all is there. Raises
    `ValueError` for members that are links or would lie elsewhere, and for more bytes than an honest archive has.
    """
    formats = ("tar", "zip") if formats == "auto" else (formats,) if isinstance(formats, str) else formats or ()
    if unknown := set(formats) - set(_FORMATS):
        raise ValueError(f"[extract] archive_format must be 'auto', 'tar' or 'zip', got {sorted(unknown)}")
    chosen = next((_FORMATS[f] for f in formats if _FORMATS[f][0](path)), None)
    if chosen is None:
        return False
    _, opens, members = chosen
    left = max(_FLOOR, _RATIO * os.path.getsize(path))
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    fresh = tempfile.mkdtemp(prefix=".extract-", dir=os.path.dirname(target) or ".")
    try:
        with opens(path) as archive:
            for name, source in members(archive):
                place = _place(fresh, name)
                os.makedirs(place if source is None else os.path.dirname(place), exist_ok=True)
                if source is None:
                    continue
                with source, open(place, "xb") as out:
                    while block := source.read(_BLOCK):
                        left -= len(block)
                        if left < 0:
                            raise ValueError(f"[extract] {path} unpacks to far more than its size: refused")
                        out.write(block)
        os.chmod(fresh, 0o755)
        if os.path.isdir(target):
            shutil.rmtree(target)
        os.replace(fresh, target)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        FileExistsError,
        IsADirectoryError,
        NotADirectoryError,
    ) as e:
        raise ValueError(f"[extract] {path} is damaged: {e}") from e
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True
