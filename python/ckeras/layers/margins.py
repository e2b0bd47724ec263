"""Layers that add or cut margins: ZeroPadding1D to 3D, Cropping1D to 3D."""

from ckeras import ops
from ckeras._core.settings import standardize_data_format
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.reshaping import Rearranging


def _is_size(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def margins(where, name, value, rank):
    """(before, after) for each of `rank` dimensions, of an integer, an integer a dimension, or a pair a dimension.

    For one dimension a pair of integers is (before, after).
    """
    given = value
    if rank == 1 and isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_size, value)):
        value = (tuple(value),)
    if _is_size(value):
        value = (value,) * rank
    if isinstance(value, (tuple, list)) and len(value) == rank:
        pairs = [(v, v) if _is_size(v) else v for v in value]
        if all(isinstance(p, (tuple, list)) and len(p) == 2 and all(map(_is_size, p)) for p in pairs):
            return tuple(map(tuple, pairs))
    forms = "an integer or (before, after)" if rank == 1 else f"an integer, {rank} of them, or {rank} (before, after)"
    raise ValueError(f"[{where}] {name} must be {forms}, none negative; got {given!r}")


class _Margins(Rearranging):
    """Base of the layers below: `rank` spatial dimensions, and the name of their argument."""

    rank = None
    argument = None

    def __init__(self, value, data_format, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self._pairs = margins(type(self).__name__, self.argument, value, self.rank)
        setattr(self, self.argument, self._pairs[0] if self.rank == 1 else self._pairs)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _over_all(self, nothing, pairs):
        """`pairs` with `nothing` for the batch and the channels."""
        if self.data_format == "channels_last":
            return (nothing, *pairs, nothing)
        return (nothing, nothing, *pairs)

    def get_config(self):
        config = {**super().get_config(), self.argument: getattr(self, self.argument)}
        if self._stores_data_format:
            config["data_format"] = self.data_format
        return config

    _stores_data_format = True


class _ZeroPadding(_Margins):
    argument = "padding"

    def call(self, inputs):
        return ops.pad(inputs, self._over_all((0, 0), self._pairs))

    def compute_output_shape(self, input_shape):
        pairs = self._over_all((0, 0), self._pairs)
        return tuple(None if n is None else n + sum(pair) for n, pair in zip(input_shape, pairs, strict=True))


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence `(batch, steps, channels)`: `padding` at both ends, or (before, after).

    >>> ckeras.layers.ZeroPadding1D((1, 2))(ckeras.ops.ones((1, 4, 2))).shape
    (1, 7, 2)
    """

    rank = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image: `padding` on all sides, (rows, columns), or ((top, bottom), (left, right)).

    >>> ckeras.layers.ZeroPadding2D(1)(ckeras.ops.ones((1, 4, 4, 2))).shape
    (1, 6, 6, 2)
    """

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around a volume: `padding` on all sides, one a dimension, or (before, after) a dimension.

    >>> ckeras.layers.ZeroPadding3D(1)(ckeras.ops.ones((1, 4, 4, 4, 2))).shape
    (1, 6, 6, 6, 2)
    """

    rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class _Cropping(_Margins):
    argument = "cropping"

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)  # refuses what is too small
        pairs = self._over_all((0, 0), self._pairs)
        return inputs[tuple(slice(a, n - b) for n, (a, b) in zip(inputs.shape, pairs, strict=True))]

    def compute_output_shape(self, input_shape):
        pairs = self._over_all((0, 0), self._pairs)
        shape = tuple(None if n is None else n - sum(pair) for n, pair in zip(input_shape, pairs, strict=True))
        if any(n is not None and n < (1 if sum(pair) else 0) for n, pair in zip(shape, pairs, strict=True)):
            raise ValueError(
                f"Layer '{self.name}': cropping {self.cropping} leaves nothing of an input of shape "
                f"{tuple(input_shape)}; crop less, or give a larger input"
            )
        return shape


class Cropping1D(_Cropping):
    """Cuts steps off the ends of a sequence `(batch, steps, channels)`: as many at both, or (before, after).

    >>> ckeras.layers.Cropping1D((1, 2))(ckeras.ops.ones((1, 7, 2))).shape
    (1, 4, 2)
    """

    rank = 1
    _stores_data_format = False

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping2D(_Cropping):
    """Cuts the margin of an image: `cropping` on all sides, (rows, columns), or ((top, bottom), (left, right)).

    >>> ckeras.layers.Cropping2D(1)(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 4, 4, 2)
    """

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Cuts the margin of a volume: `cropping` on all sides, one a dimension, or (before, after) a dimension.

    >>> ckeras.layers.Cropping3D(1)(ckeras.ops.ones((1, 6, 6, 6, 2))).shape
    (1, 4, 4, 4, 2)
    """

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)
