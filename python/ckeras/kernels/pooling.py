"""Maxima and means of windows, and their gradients. Arrays have their channels last."""

import functools

from ckeras.kernels._call import check_rank, check_shape, operands, run_kernel, run_primitive
from ckeras.kernels.convolution import _SPATIAL, _dims, _documented, _hashable, _shape_argument
from ckeras.ops import pooling as pooling_ops
from ckeras.ops._spatial import out_size, padding_of, per_dim


@functools.lru_cache(1024)
def _geometry(op, x, pool_size, strides, padding):
    """(the kernels' ints, shape of the result) of pooling an array of shape `x`."""
    n = len(x) - 2
    op = f"kernels.{op}"
    size = per_dim(op, "pool_size", pool_size, n)
    strides = size if strides is None else per_dim(op, "strides", strides, n)
    pads = padding_of(op, padding, x[1:-1], size, strides)
    y = [out_size(m, k, s, 1, low, high) for m, k, s, low, high in zip(x[1:-1], size, strides, pads[::2], pads[1::2])]
    return (*size, *strides, *pads), (x[0], *y, x[-1])


def _make_pool(kind, n):
    op, gradient_op = f"{kind}_pool{n}d", f"{kind}_pool{n}d_gradient"
    kernel = f"{kind}_pool"

    def pool(x, pool_size, strides=None, padding="valid", out=None):
        (x,) = operands(op, x=x)
        check_rank(op, "x", x, _dims(n, "batch", "channels"))
        ints, shape = _geometry(op, x.shape, _hashable(pool_size), _hashable(strides), padding)
        return run_kernel(op, kernel, (x,), shape, ints, out=out)

    def max_gradient(x, dy, pool_size, strides=None, padding="valid", out=None):
        x, dy = operands(gradient_op, x=x, dy=dy)
        check_rank(gradient_op, "x", x, _dims(n, "batch", "channels"))
        ints, shape = _geometry(gradient_op, x.shape, _hashable(pool_size), _hashable(strides), padding)
        check_shape(gradient_op, "dy", dy, shape)
        primitive = pooling_ops.max_pool_places_p
        places = run_primitive(primitive, (x,), size=ints[:n], strides=ints[n : 2 * n], pads=ints[2 * n :])[1]
        return run_kernel(gradient_op, "max_pool_grad", (dy, places), x.shape, ints, out=out)

    def mean_gradient(dy, x_shape, pool_size, strides=None, padding="valid", out=None):
        (dy,) = operands(gradient_op, dy=dy)
        x_shape = _shape_argument(gradient_op, "x_shape", x_shape, n)
        ints, shape = _geometry(gradient_op, x_shape, _hashable(pool_size), _hashable(strides), padding)
        check_shape(gradient_op, "dy", dy, shape)
        return run_kernel(gradient_op, "avg_pool_grad", (dy,), x_shape, ints, out=out)

    sizes = ", ".join(_SPATIAL[n].split())
    what = "maximum" if kind == "max" else "mean"
    detail = "NaN counts as the maximum" if kind == "max" else "padding does not count"
    _documented(
        pool,
        op,
        f"""The {what} of each window of `pool_size`, `strides` apart (`pool_size` by default); {detail}.

    `x` [batch, {sizes}, channels] of float16, bfloat16, float32 or float64; `pool_size` and `strides` are integers or
    one a dimension; `padding` is "valid" or "same". The result is written to `out` where given. Raises `ValueError` or
    `TypeError` for arguments that do not fit.

    >>> kernels.{op}(np.ones((1, {"8, " * n}3)), 2).shape
    (1, {"4, " * n}3)
    """,
    )
    target = (
        "each `dy` goes to the first maximum of its window of `x`"
        if kind == "max"
        else "each `dy` is shared out evenly among its window's places in the array of `x_shape`"
    )
    gradient = _documented(
        max_gradient if kind == "max" else mean_gradient,
        gradient_op,
        f"""The gradient of `sum(dy * {op}(x, ...))` with respect to `x`: {target}.

    `dy` has the shape of the result. The other arguments are those of `{op}`.
    """,
    )
    return pool, gradient


max_pool1d, max_pool1d_gradient = _make_pool("max", 1)
max_pool2d, max_pool2d_gradient = _make_pool("max", 2)
max_pool3d, max_pool3d_gradient = _make_pool("max", 3)
avg_pool1d, avg_pool1d_gradient = _make_pool("avg", 1)
avg_pool2d, avg_pool2d_gradient = _make_pool("avg", 2)
avg_pool3d, avg_pool3d_gradient = _make_pool("avg", 3)

__all__ = [name for name in list(globals()) if name.startswith(("max_pool", "avg_pool"))]
