"""Files from the network, kept in a folder, checked by hash."""

import hashlib
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import warnings

from ckeras.utils.archives import extract
from ckeras.utils.progbar import Progbar, log_line

_BLOCK = 1 << 20
_PATIENCE = 60  # seconds without a byte


def cache_folder():
    """`KERAS_HOME`, or `.keras` in the user's home."""
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


def _hash_of(path, algorithm):
    """The hexadecimal digest of a file."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, algorithm).hexdigest()


def _matches(path, expected, algorithm):
    if expected is None:
        return True
    if algorithm == "auto":
        algorithm = "sha256" if len(expected) == 64 else "md5"
    if algorithm not in ("md5", "sha256"):
        raise ValueError(f"[get_file] hash_algorithm must be 'auto', 'md5' or 'sha256', got {algorithm!r}")
    return _hash_of(path, algorithm) == expected.lower()


def _download(origin, path):
    """Writes what is at `origin` to `path`, whole or not at all."""
    partial = None
    try:
        with urllib.request.urlopen(origin, timeout=_PATIENCE) as source:
            size = source.headers.get("Content-Length")
            log_line(f"Downloading data from {origin}")
            bar = Progbar(int(size) if size else None)
            handle, partial = tempfile.mkstemp(prefix=".download-", dir=os.path.dirname(path))
            got = 0
            with os.fdopen(handle, "wb") as out:
                while block := source.read(_BLOCK):
                    out.write(block)
                    got += len(block)
                    bar.update(got, finalize=False)
            if size and got != int(size):
                raise OSError(f"the connection ended after {got} of {size} bytes")
            bar.update(got, finalize=True)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
        partial = None
    except (OSError, ValueError) as e:
        raise OSError(
            f"[get_file] cannot download {origin}: {e}. Without a network, put the file at {path} yourself"
        ) from e
    finally:
        if partial is not None:
            os.unlink(partial)


def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """The path of the file at the URL `origin`, downloaded unless it is there; of the folder with `extract=True`.

    It lies in `cache_dir` (`KERAS_HOME`, or `~/.keras`) under `cache_subdir` as `fname`, by default the URL's last
    part. `file_hash` (MD5 or SHA-256, hexadecimal; `md5_hash` is its older name) is checked after the download, and a
    cached file of another hash is fetched anew. `extract=True` (older: `untar`) unpacks a tar or zip archive
    (`archive_format`: "auto", "tar", "zip") into a folder: `fname`, or `{fname}_extracted` where it has an extension.
    Raises `ValueError` for wrong arguments, a wrong hash and an unsafe archive, `OSError` where the download fails.

    >>> path = ckeras.utils.get_file(origin="https://example.org/data.csv")  # doctest: +SKIP
    """
    if origin is None:
        raise ValueError("[get_file] origin, the URL of the file, is missing")
    fname = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if not fname or fname in (".", "..") or any(c in fname for c in "/\\\0"):
        raise ValueError(
            f"[get_file] fname must be a file name without folders, got {fname!r}; give the folder as cache_subdir"
        )
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = _writable(cache_folder() if cache_dir is None else os.path.expanduser(cache_dir), cache_subdir)
    path = target = os.path.join(folder, fname)
    if extract or untar:
        stem, dot, _ = fname.partition(".")
        named = "." in fname and dot
        path = target if named else f"{target}_archive"
        target = os.path.join(folder, f"{stem}_extracted") if named else target
    cached = os.path.exists(path) and not force_download
    if cached and not _matches(path, file_hash, hash_algorithm):
        warnings.warn(f"[get_file] {path} does not have the hash {file_hash}: downloading it again", stacklevel=2)
        cached = False
    if not cached:
        _download(origin, path)
        if not _matches(path, file_hash, hash_algorithm):
            os.unlink(path)
            raise ValueError(f"[get_file] what came from {origin} does not have the hash {file_hash}; it was removed")
    if (extract or untar) and not (cached and os.path.isdir(target)):
        _unpack(path, target, "tar" if untar else archive_format)
    return target


def _writable(base, below):
    """The folder `base/below`, made where it is missing; in the temporary folder where `base` cannot be written."""
    for root in (base, os.path.join(tempfile.gettempdir(), ".keras")):
        folder = os.path.join(root, below)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise OSError(f"[get_file] cannot write to {base}; give another folder as cache_dir")


def _unpack(path, target, formats):
    if not extract(path, target, formats):
        raise ValueError(f"[get_file] {path} is not an archive of the format {formats!r}")
