"""What the image functions share: ranks, data formats, sizes, and weighted sums along an axis."""

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import standardize_data_format
from ckeras.ops._common import as_dtype, operand
from ckeras.ops.elementwise import clip, floor, where
from ckeras.ops.shape import cut, pad_p, permute, to_shape, zero

# The integers whose ends float32 cannot hold are left to `cast`.
_ENDS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}


class Layout:
    """Images as a batch with channels last, and the way back to the caller's rank and data format."""

    def __init__(self, op, images, data_format, spatial=2, name="images"):
        x = operand(images)
        if x.ndim not in (spatial + 1, spatial + 2):
            raise ShapeError(
                f"[{op}] {name} must be of rank {spatial + 1} (one) or {spatial + 2} (a batch), got shape {x.shape}"
            )
        self.single = x.ndim == spatial + 1
        self.first = standardize_data_format(data_format) == "channels_first"
        self.spatial = spatial
        x = to_shape(x, (1, *x.shape)) if self.single else x
        self.images = permute(x, (0, *range(2, spatial + 2), 1)) if self.first else x

    def restore(self, x):
        """A batch with channels last in the layout of the images that were given."""
        if self.first:
            n = self.spatial
            x = permute(x, (0, n + 1, *range(1, n + 1), *range(n + 2, x.ndim)))
        return to_shape(x, x.shape[1:]) if self.single else x


def integers(op, name, value, count, least=0):
    """`count` integers of at least `least`: one for all, or a tuple."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    whole = all(hasattr(v, "__index__") and not isinstance(v, bool) for v in values)
    if len(values) != count or not whole or any(v < least for v in values):
        raise ArgumentError(f"[{op}] {name} must be {count} integers of at least {least}, or one, got {value!r}")
    return tuple([v.__index__() for v in values])


def one_of(op, name, value, known):
    """`value`, or `ArgumentError` that lists the known ones."""
    if value not in known:
        raise ArgumentError(f"[{op}] {name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def working(x):
    """`x` in the float dtype in which its values are mixed: its own, or the default one for integers."""
    return x if x.dtype in dtypes.FLOATS else as_dtype(x, dtypes.floatx())


def back(x, dtype):
    """Floats in `dtype`: rounded half away from zero and held within its range when it is an integer one."""
    if dtype in dtypes.FLOATS or x.dtype == dtype:
        return as_dtype(x, dtype)
    x = where(x < 0, -floor(0.5 - x), floor(x + 0.5))
    return as_dtype(clip(x, *_ENDS[dtype]) if dtype in _ENDS else x, dtype)


def stencil(x, axis, weights, padded=True):
    """`sum(weights[k] * x[i + k])` along an axis, weights from first to last. `padded`: zeros around, so that the size
    stays (one more after than before where they are of even number); otherwise whole windows only."""
    count = len(weights)
    if padded:
        lows = tuple([(count - 1) // 2 if i == axis else 0 for i in range(x.ndim)])
        highs = tuple([count // 2 if i == axis else 0 for i in range(x.ndim)])
        x = pad_p.bind(x, zero(x.dtype), lows=lows, highs=highs, interiors=(0,) * x.ndim)
    n = x.shape[axis] - count + 1
    out = None
    for k, w in enumerate(weights):
        if isinstance(w, int) and w == 0:
            continue
        part = cut(x, axis, k, k + n)
        part = part if isinstance(w, int) and w == 1 else part * w
        out = part if out is None else out + part
    return out
