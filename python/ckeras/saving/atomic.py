"""Writing files so that a reader, or a crash, sees the old file or the new one and never a part."""

import contextlib
import os
import tempfile


def write_atomically(path, data):
    """Writes `data` (bytes) to `path`: to a temporary file beside it, synced, then renamed over it.

    On any failure the old file stays and the temporary is gone. A symbolic link is followed: its target is replaced.
    Raises `FileNotFoundError` for a folder that is not there.
    """
    target = os.path.realpath(os.fspath(path))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"[save] the folder {folder!r} of {os.fspath(path)!r} is not there; make it first")
    handle, temporary = tempfile.mkstemp(prefix=".ckeras-", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        try:
            mode = os.stat(target).st_mode & 0o777
        except FileNotFoundError:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    with contextlib.suppress(OSError):
        parent = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
