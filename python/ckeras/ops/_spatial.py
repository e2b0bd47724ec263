"""Windows along one to three spatial dimensions: what convolution and pooling share. Kernels take channels last."""

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import standardize_data_format
from ckeras.ops.shape import permute


def out_size(size, window, stride, dilation, low, high):
    return (size + low + high - (window - 1) * dilation - 1) // stride + 1


def per_dim(op, name, value, n):
    """An integer, or one a spatial dimension, as a tuple of positive integers."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) == 1:
        values = values * n
    if len(values) != n or not all(isinstance(v, int) and v > 0 for v in values):
        raise ArgumentError(f"[{op}] {name} must be a positive integer or {n} of them, got {value!r}")
    if any(v >= 2**31 for v in values):
        raise ArgumentError(f"[{op}] {name} must be below 2**31, got {value!r}")
    return values


def padding_of(op, padding, sizes, windows, strides, names=("valid", "same")):
    """(low, high) a dimension. "same" puts the odd one at the end, "causal" all before the start."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in names:
        raise ArgumentError(f"[{op}] padding must be one of {names}, got {padding!r}")
    if name == "causal":
        return tuple([p for k in windows for p in (k - 1, 0)])
    if name == "valid":
        for size, k in zip(sizes, windows):
            if size < k:
                raise ShapeError(
                    f"[{op}] a window of {tuple(windows)} does not fit into an input of spatial shape {tuple(sizes)}; "
                    "use padding='same' or a smaller window"
                )
        return (0, 0) * len(sizes)
    out = []
    for size, k, s in zip(sizes, windows, strides):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        out += [total // 2, total - total // 2]
    return tuple(out)


def layout_of(op, x, data_format):
    """The number of spatial dimensions, and whether channels come first."""
    n = x.ndim - 2
    if not 1 <= n <= 3:
        raise ShapeError(
            f"[{op}] inputs must have a batch, one to three spatial, and a channel dimension, got shape {x.shape}"
        )
    return n, standardize_data_format(data_format) == "channels_first"


def last(x):
    """`x`, whose channels come first, with channels last."""
    return permute(x, (0, *range(2, x.ndim), 1))


def channels_last(op, x, data_format):
    """`x` with channels last; also the number of spatial dimensions and whether channels came first."""
    n, first = layout_of(op, x, data_format)
    return (last(x) if first else x), n, first


def as_given(y, first):
    """`y` with its channels where those of the input came."""
    return permute(y, (0, y.ndim - 1, *range(1, y.ndim - 1))) if first else y
