"""Tensor: an immutable array of the engine, and the base class that gives every tensor-like object its behaviour."""

import numpy as np

from ckeras import _engine
from ckeras._core import dtypes, hooks, nest
from ckeras._core.errors import ConcreteValueError, DTypeError, ShapeError, user_line

_Array = _engine.Array
_SMALL = 4096  # bytes; a constant that the library keeps and may give again has no more
make_array = _Array.from_numpy  # `_core.device` puts its own here when a GPU is first used


class TensorBase:
    """What tensors, variables, traced and symbolic values share: shape, dtype, operators (installed by `ops`)."""

    __slots__ = ()
    __array_priority__ = 1000  # np.ndarray + Tensor goes to the tensor

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        n = 1
        for d in self.shape:
            n *= d
        return n

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a tensor of rank 0")
        return self.shape[0]

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a tensor of rank 0")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, key):
        return hooks.getitem(self, key)

    def __contains__(self, value):
        return bool((self == value).numpy().any())

    __hash__ = object.__hash__

    def _as_operand(self):
        return self

    def _no_value(self, asked):
        raise ConcreteValueError(
            f"{user_line()}: {asked} asks for the value of {self!r}, which has none yet: it stands for any value while "
            "the function is traced or the model is built. Write `ops.where(condition, a, b)` for a choice of values, "
            "`ops.cond(pred, true_fn, false_fn)` for a choice of computations, or run without tracing: "
            "`model.compile(..., run_eagerly=True)`, or no `ckeras.function` around it."
        )

    def __array__(self, dtype=None, copy=None):
        self._no_value("np.asarray(x)")

    def numpy(self):
        self._no_value("x.numpy()")

    def item(self):
        self._no_value("x.item()")

    def tolist(self):
        return self.numpy().tolist()

    def __bool__(self):
        self._no_value("bool(x) (or `if x:`)")

    def __int__(self):
        self._no_value("int(x)")

    def __float__(self):
        self._no_value("float(x)")

    def __index__(self):
        self._no_value("an integer index")

    def __format__(self, spec):
        return format(str(self) if not spec or self.shape else self.item(), spec)


def numpy_function(self, func, types, args, kwargs):
    """`__array_function__` of what has values: NumPy's functions take them and give NumPy's results.

    Without it `np.squeeze` and its like would call our methods, and pass a tensor on to code that wants an array.
    """
    args, kwargs = nest.map_leaves(lambda x: np.asarray(x) if isinstance(x, TensorBase) else x, (args, kwargs))
    return func(*args, **kwargs)


class Tensor(TensorBase):
    """An immutable, contiguous array: `shape` (tuple), `dtype` (name), and NumPy's protocol without a copy.

    Made by `ops.convert_to_tensor` and by every operation. `==` compares elementwise; the hash is the identity's.

    >>> t = ckeras.ops.convert_to_tensor([1.0, 2.0])
    >>> t.shape, t.dtype, float(t[1])
    ((2,), 'float32', 2.0)
    """

    __slots__ = ("__weakref__", "_array", "_repeats", "dtype", "shape")

    def __init__(self, array, shape, dtype):
        self._array = array
        self._repeats = None  # of a constant made of one number: that number, as a tensor of rank 0
        self.shape = shape
        self.dtype = dtype

    def numpy(self):
        """The values as a read-only NumPy array that shares this tensor's memory."""
        a = self._array.numpy()
        return a.view(dtypes.numpy_dtype("bfloat16")) if self.dtype == "bfloat16" else a

    def __array__(self, dtype=None, copy=None):
        a = self.numpy()
        if dtype is not None and dtype != a.dtype:
            if copy is False:
                raise ValueError(f"a tensor of {self.dtype} has no view as {dtype}")
            return a.astype(dtype)
        return a.copy() if copy else a

    __array_function__ = numpy_function

    def item(self):
        """The single value as a Python scalar; `ShapeError` when there is not exactly one."""
        array = self._array
        value = array.item() if array.__class__ is _Array else None
        if value is not None:
            return value
        if self.size != 1:
            raise ShapeError(f"[item] expected a tensor of one element, got shape {self.shape}")
        return self._array.numpy().item() if self.dtype != "bfloat16" else float(self.numpy().reshape(()))

    def __bool__(self):
        array = self._array
        value = array.item() if array.__class__ is _Array else None
        if value is None:
            if self.size != 1:
                raise ValueError(
                    f"the truth value of a tensor of shape {self.shape} is ambiguous; use ops.any(x) or ops.all(x)"
                )
            value = self.item()
        return bool(value)

    def __int__(self):
        return int(self.item())

    def __float__(self):
        return float(self.item())

    def __index__(self):
        if self.shape or self.dtype not in dtypes.INTS:
            raise TypeError(f"only an integer tensor of rank 0 is an index, got {self.dtype} of shape {self.shape}")
        return self.item()

    @property
    def device(self):
        """The name of the device that it lives on, as "cpu:0" or "gpu:0"."""
        return "cpu:0" if self._array.__class__ is _Array else self._array.device.name

    def __dlpack__(self, **kwargs):
        """The memory itself, marked read only. Small tensors are copied: consumers exist that write all the same."""
        if kwargs.get("copy") is None and self.size * dtypes.SIZES[self.dtype] <= _SMALL:
            kwargs["copy"] = True
        if self._array.__class__ is not _Array:
            return self._array.__dlpack__(**kwargs)
        if kwargs.pop("copy", None):
            return self.numpy().copy().__dlpack__(**kwargs)
        try:
            return self.numpy().__dlpack__(**kwargs)
        except BufferError:  # the consumer cannot be told that the memory is read-only
            return self.numpy().copy().__dlpack__(**kwargs)

    def __dlpack_device__(self):
        if self._array.__class__ is not _Array:
            return self._array.__dlpack_device__()
        return self.numpy().__dlpack_device__()

    def __repr__(self):
        if self.size > 1000:
            return (
                f"Tensor(shape={self.shape}, dtype={self.dtype}, values={np.array2string(self.numpy(), threshold=20)})"
            )
        return f"Tensor({np.array2string(self.numpy(), separator=', ', prefix='Tensor(')}, dtype={self.dtype})"

    def __reduce__(self):
        return convert, (self.numpy().copy(),)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


_scalars = {}


def scalar(value, dtype):
    """A rank-0 constant; small ones are kept, so that equal constants are one object."""
    key = (value, dtype) if value else (repr(value), dtype)  # 0.0 and -0.0 are equal, their signs are not
    t = _scalars.get(key)
    if t is None:
        a = np.array(value, dtypes.numpy_dtype(dtype))
        t = Tensor(_Array.from_numpy(a, True), a.shape, dtype)
        if len(_scalars) > 4096:
            _scalars.clear()
        _scalars[key] = t
    return t


def from_numpy(a, copy=True):
    """A tensor of a NumPy array of a known dtype; `copy=False` shares memory that nobody will write."""
    name = dtypes.name_of(a.dtype)
    if name not in dtypes.CODES:
        raise ValueError(
            f"[convert_to_tensor] expected numbers of {', '.join(dtypes.NAMES)}; got a NumPy array of dtype {a.dtype}"
        )
    flags = a.flags
    if not flags.c_contiguous or not flags.aligned or not a.dtype.isnative:
        a = np.array(a, a.dtype.newbyteorder("="), order="C").reshape(a.shape)
        copy = False
    return Tensor(make_array(a, copy), a.shape, name)


def convert(x, dtype=None):
    """A tensor of a tensor, variable, array, scalar or nested list; `dtype` (a name) casts.

    NumPy memory is shared only when it is read-only. Python floats become the default float, ints int32; NumPy keeps
    its dtype. Values without a number for each element raise `ValueError`.
    """
    if isinstance(x, TensorBase):
        t = x if x.__class__ is Tensor else x._as_operand()
        return t if dtype is None or t.dtype == dtype else hooks.cast(t, dtype)
    kind = x.__class__
    if kind is float or kind is int or kind is bool:
        name = dtype or ("bool" if kind is bool else dtypes.floatx() if kind is float else "int32")
        try:
            return scalar(x, name)
        except OverflowError:
            raise ValueError(f"[convert_to_tensor] {x} is out of the range of {name}; pass a wider dtype") from None
    if not isinstance(x, (np.ndarray, np.generic)):
        if str(getattr(x, "dtype", "")).startswith("complex"):
            raise DTypeError(
                "[convert_to_tensor] there are no complex tensors: take ops.real, ops.imag or ops.absolute of it first"
            )
        if isinstance(x, (list, tuple)) and any(_holds_tensor(item) for item in x):
            t = hooks.stack([convert(item) for item in x])
            return t if dtype is None or t.dtype == dtype else hooks.cast(t, dtype)
        foreign = hasattr(x, "__array__")
        if hooks.from_dlpack is not None and hasattr(x, "__dlpack_device__"):
            t = hooks.from_dlpack(x)
            if t is not None:
                return t if dtype is None or t.dtype == dtype else hooks.cast(t, dtype)
        try:
            x = np.asarray(x)
        except ValueError as e:
            raise ValueError(f"[convert_to_tensor] {kind.__name__} is no rectangular array of numbers: {e}") from None
        if not foreign and dtype is None:
            if x.dtype == np.float64:
                dtype = dtypes.floatx()
            elif x.dtype == np.int64:
                dtype = "int32" if _fits_int32(x) else "int64"
    if x.dtype == object:
        raise ValueError(
            f"[convert_to_tensor] expected numbers, got {kind.__name__} holding Python objects such as "
            f"{next(iter(np.ravel(x)), None)!r}; rows of unequal length? pad them first"
        )
    if dtype is not None and dtypes.name_of(x.dtype) != dtype:
        if x.dtype.kind in "USMmOV" and x.dtype.name not in dtypes.CODES:
            raise ValueError(f"[convert_to_tensor] expected numbers, got a NumPy array of dtype {x.dtype}")
        with np.errstate(all="ignore"):  # NaN to an integer is the caller's business
            return from_numpy(np.ascontiguousarray(x).astype(dtypes.numpy_dtype(dtype)).reshape(x.shape), copy=False)
    a = np.asarray(x)
    return from_numpy(a, copy=_writable(a))


def _writable(a):
    """Whether somebody may still write the memory of `a`: any array it is a view of counts."""
    while isinstance(a, np.ndarray):
        if a.flags.writeable:
            return True
        a = a.base
    return a is not None and not isinstance(a, (bytes, _Array))


def _holds_tensor(x):
    return isinstance(x, TensorBase) or (isinstance(x, (list, tuple)) and any(map(_holds_tensor, x)))


def _fits_int32(a):
    return a.size == 0 or (a.min() >= -(2**31) and a.max() < 2**31)
