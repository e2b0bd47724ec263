"""Tracebacks without the frames of ckeras: what the user wrote stays."""

import functools
import os
import types

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_enabled = True


def enable_traceback_filtering():
    """Leaves the frames of ckeras out of the tracebacks of exceptions that models and layers raise. The default."""
    global _enabled
    _enabled = True


def disable_traceback_filtering():
    """Shows whole tracebacks: to see where inside ckeras an exception came from."""
    global _enabled
    _enabled = False


def is_traceback_filtering_enabled():
    """Whether tracebacks are without the frames of ckeras."""
    return _enabled


def filtered(error):
    """The exception, its traceback without frames of ckeras. The frame that raises it next comes on top."""
    if not _enabled:
        return error
    kept, frame = [], error.__traceback__
    while frame is not None:
        if not frame.tb_frame.f_code.co_filename.startswith(_ROOT):
            kept.append(frame)
        frame = frame.tb_next
    rest = None
    for frame in reversed(kept):
        rest = types.TracebackType(rest, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return error.with_traceback(rest)


def filters_traceback(method):
    """Decorator: exceptions leave the method `filtered`."""

    @functools.wraps(method)
    def call(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except Exception as e:
            raise filtered(e)

    return call
