"""Input and InputLayer: where a functional model begins."""

from ckeras._core import dtypes
from ckeras._core.symbolic import KerasTensor, Node
from ckeras.layers.layer import Layer


class InputLayer(Layer):
    """The layer that holds a symbolic input of `shape` without the batch, or `batch_shape` with it."""

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        if "input_shape" in kwargs:
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        super().__init__(name=name, **kwargs)
        if sparse or ragged:
            raise ValueError(f"[{self.name}] sparse and ragged inputs are not supported; pass dense ones with a mask")
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(f"[{self.name}] tensor must be a KerasTensor, got {input_tensor!r}")
            if dtype is not None and dtypes.standardize(dtype) != input_tensor.dtype:
                raise ValueError(f"[{self.name}] dtype={dtype!r} is not that of the tensor, {input_tensor.dtype}")
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif shape is not None and batch_shape is not None:
            raise ValueError(f"[{self.name}] give shape or batch_shape, not both: got {shape!r} and {batch_shape!r}")
        elif shape is None and batch_shape is None:
            raise ValueError(f"[{self.name}] an Input needs a shape: Input(shape=(...)), without the batch dimension")
        if batch_shape is None:
            batch_shape = (batch_size, *_shape(self.name, shape))
        else:
            batch_shape = _shape(self.name, batch_shape)
        self._batch_shape = batch_shape
        self._input_dtype = dtypes.standardize(dtype)
        self.optional = optional
        self.sparse = False
        self.ragged = False
        self.built = True
        output = input_tensor
        if output is None:
            output = KerasTensor(batch_shape, self._input_dtype, name=self.name)
        Node(self, (), {}, output)

    @property
    def batch_shape(self):
        return self._batch_shape

    @property
    def dtype(self):
        return self._input_dtype

    def call(self):
        raise NotImplementedError(f"InputLayer '{self.name}' holds an input and is not called")

    def get_config(self):
        return {
            "batch_shape": self._batch_shape,
            "dtype": self._input_dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }

    def get_build_config(self):
        return None


def _shape(name, shape):
    if isinstance(shape, int) or not hasattr(shape, "__iter__"):
        raise ValueError(f"[{name}] shape must be a tuple, got {shape!r}; write shape=({shape},)")
    dims = tuple(shape)
    for d in dims:
        if d is not None and (isinstance(d, bool) or not hasattr(d, "__index__") or d.__index__() < 0):
            raise ValueError(f"[{name}] a shape holds integers that are not negative and None, got {shape!r}")
    if any(d is not None and d.__index__() > 2**40 for d in dims):
        raise ValueError(f"[{name}] a dimension of the shape {shape!r} is too large")
    return tuple(d if d is None else d.__index__() for d in dims)


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """A symbolic tensor to build a functional model from: `shape` without the batch dimension; `None` where unknown.

    >>> x = ckeras.Input(shape=(32,))
    >>> ckeras.Model(x, ckeras.layers.Dense(1)(x)).output_shape
    (None, 1)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name,
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output
