"""JSON of files: parsed with limits, into plain values."""

import json

from ckeras.saving.errors import FileError

MAX_BYTES = 64 << 20
MAX_DEPTH = 200


def loads(text, where):
    """The object of a JSON text (bytes or str), a dict.

    Raises `FileError` for text that is too long or nested too deep, keys that occur twice, NaN and Infinity, lone
    surrogates, and anything but a dict.
    """
    if len(text) > MAX_BYTES:
        raise FileError(f"[{where}] {len(text)} bytes of JSON; the limit is {MAX_BYTES}")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if _depth(text) > MAX_DEPTH:
            raise FileError(f"[{where}] JSON nested deeper than {MAX_DEPTH} levels")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except FileError as e:
        raise FileError(f"[{where}] {e}") from e
    except (ValueError, RecursionError) as e:
        raise FileError(f"[{where}] not valid JSON: {str(e)[:200]}") from e
    if not isinstance(value, dict):
        raise FileError(f"[{where}] expected a JSON object, got {type(value).__name__}")
    return value


def _depth(text):
    """The deepest nesting of brackets outside strings; stops counting past the limit."""
    depth = deepest = 0
    inside = escaped = False
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    for c in text:
        if inside:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                inside = False
        elif c == '"':
            inside = True
        elif c in "[{":
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > MAX_DEPTH:
                    return deepest
        elif c in "]}":
            depth -= 1
    return deepest


def _unique(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [k for k, _ in pairs]
        raise FileError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} occurs twice in one object")
    return found


def _constant(name):
    raise FileError(f"{name} is not allowed")
