"""Writing files so that a reader, or a crash, sees the old file or the new one and never a part."""

import contextlib
import os
import tempfile


def write_atomically(path, data):
    """Writes `data` (bytes) to `path`: to a temporary file beside it, synced, then renamed over it.

    On any failure the old file stays and the temporary is gone. A symbolic link is followed: its target is replaced.
    Raises `FileNotFoundError` for a folder that is not there.
    """
    files = AtomicFiles()
    files.add(path, data)
    files.commit()


class AtomicFiles:
    """Several files written as `write_atomically` writes one: none is renamed before all are complete and synced."""

    def __init__(self):
        self._ready = []  # (temporary, target)

    def add(self, path, data):
        """Writes the temporary file for `path`. On failure all temporaries are gone."""
        target = os.path.realpath(os.fspath(path))
        folder = os.path.dirname(target)
        try:
            if not os.path.isdir(folder):
                raise FileNotFoundError(
                    f"[save] the folder {folder!r} of {os.fspath(path)!r} is not there; make it first"
                )
            handle, temporary = tempfile.mkstemp(prefix=".ckeras-", suffix=".tmp", dir=folder)
            self._ready.append((temporary, target))
            with os.fdopen(handle, "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            os.chmod(temporary, _mode(target))
        except BaseException:
            self.discard()
            raise

    def commit(self):
        """Renames the files in the order they were added in; the last one, then, tells of the others."""
        folders = {os.path.dirname(target) for _, target in self._ready}
        try:
            for temporary, target in self._ready:
                os.replace(temporary, target)
        except BaseException:
            self.discard()
            raise
        for folder in folders:
            with contextlib.suppress(OSError):
                parent = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(parent)
                finally:
                    os.close(parent)

    def discard(self):
        """Removes what is not renamed yet."""
        for temporary, _ in self._ready:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _mode(target):
    """The permissions of the file that is replaced, or those of a new one."""
    try:
        return os.stat(target).st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
