"""What goes wrong with files."""


class FileError(ValueError):
    """A file that is damaged, hostile, or not what it says; the message names the member and the reason."""
