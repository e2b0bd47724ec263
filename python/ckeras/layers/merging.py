"""Layers that join several inputs: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate, Dot."""

from ckeras import ops
from ckeras._core.primitive import broadcast_shapes
from ckeras._core.symbolic import KerasTensor
from ckeras._masks import get_mask
from ckeras.layers.layer import Layer


def _common_shape(name, shapes):
    """The shape that inputs broadcast to; unknown dimensions stay unknown."""
    known = [tuple(1 if d is None else d for d in s) for s in shapes]
    try:
        out = known[0]
        for s in known[1:]:
            out = broadcast_shapes(out, s)
    except ValueError:
        raise ValueError(
            f"Layer '{name}': inputs of shapes {list(shapes)} cannot be joined element by element"
        ) from None
    rank = len(out)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    return tuple(None if d == 1 and any(s[i] is None for s in padded) else d for i, d in enumerate(out))


class Merge(Layer):
    """Base of layers over a list of inputs of shapes that broadcast, the batch aside."""

    least = 1  # inputs
    leaves_out = False  # what a mask hides, so that the other inputs alone count there

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        shapes = self._check(input_shape)
        _common_shape(self.name, [s[1:] for s in shapes])

    def _check(self, shapes):
        if not isinstance(shapes, (list, tuple)) or not shapes or not isinstance(shapes[0], (list, tuple)):
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) takes a list of inputs, got one of {shapes}")
        if len(shapes) < self.least:
            raise ValueError(f"Layer '{self.name}' needs at least {self.least} inputs, got {len(shapes)}")
        batches = {s[0] for s in shapes if s and s[0] not in (None, 1)}
        if len(batches) > 1:
            raise ValueError(f"Layer '{self.name}': inputs have different batch sizes, their shapes are {list(shapes)}")
        return shapes

    def merge(self, a, b):
        """Joins two tensors."""
        raise NotImplementedError

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) takes a list of inputs, got one tensor")
        inputs = list(inputs)
        rank = max(len(x.shape) for x in inputs)
        masks = [get_mask(x) if self.leaves_out else None for x in inputs]
        out = seen = None
        for i, (x, mask) in enumerate(zip(inputs, masks)):
            if mask is not None:
                mask = ops.reshape(mask, (*mask.shape, *(1,) * (len(x.shape) - len(mask.shape))))
            if len(x.shape) < rank:  # samples of a lower rank broadcast over the dimensions after the batch
                x = ops.reshape(x, (x.shape[0], *(1,) * (rank - len(x.shape)), *x.shape[1:]))
            if i == 0:
                out, seen = x, mask
                continue
            both = self.merge(out, x)
            both = both if seen is None else ops.where(seen, both, x)
            out = both if mask is None else ops.where(mask, both, out)
            seen = None if seen is None or mask is None else ops.logical_or(seen, mask)
        return out if seen is None else self.hide(out, seen)

    def hide(self, x, seen):
        """The result where no input shows anything."""
        return x

    def compute_output_shape(self, input_shape):
        rest = _common_shape(self.name, [tuple(s[1:]) for s in input_shape])
        batches = {s[0] for s in input_shape if s and s[0] is not None}
        return (batches.pop() if len(batches) == 1 else None, *rest)

    def compute_output_spec(self, inputs):
        dtype = self.compute_dtype if self.compute_dtype else inputs[0].dtype
        return KerasTensor(self.compute_output_shape([x.shape for x in inputs]), dtype)

    def compute_mask(self, inputs, mask=None):
        """As Keras: what any of the inputs shows; nothing is hidden where one of them has no mask."""
        if not mask or any(m is None for m in mask):
            return None
        out = mask[0]
        for m in mask[1:]:
            out = ops.logical_or(out, m)
        return out


class Add(Merge):
    """The sum of the inputs.

    >>> ckeras.layers.Add()([ckeras.ops.ones((1, 2)), ckeras.ops.ones((1, 2))]).numpy()
    array([[2., 2.]], dtype=float32)
    """

    def merge(self, a, b):
        return ops.add(a, b)


class Subtract(Merge):
    """The first of two inputs minus the second."""

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(f"Layer '{self.name}' (Subtract) takes exactly two inputs, got {len(input_shape)}")
        super().build(input_shape)

    def merge(self, a, b):
        return ops.subtract(a, b)


class Multiply(Merge):
    """The product of the inputs, element by element; of those that their masks show."""

    leaves_out = True

    def merge(self, a, b):
        return ops.multiply(a, b)

    def hide(self, x, seen):
        return ops.where(seen, x, ops.zeros_like(x))


class Average(Merge):
    """The mean of the inputs, element by element."""

    def merge(self, a, b):
        return ops.add(a, b)

    def call(self, inputs):
        return ops.multiply(super().call(inputs), 1.0 / len(inputs))


class Maximum(Merge):
    """The largest of the inputs, element by element; of those that their masks show."""

    leaves_out = True

    def merge(self, a, b):
        return ops.maximum(a, b)


class Minimum(Merge):
    """The smallest of the inputs, element by element; of those that their masks show."""

    leaves_out = True

    def merge(self, a, b):
        return ops.minimum(a, b)


class Concatenate(Merge):
    """The inputs joined along `axis`.

    >>> ckeras.layers.Concatenate()([ckeras.ops.ones((1, 2)), ckeras.ops.ones((1, 3))]).shape
    (1, 5)
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        shapes = [tuple(s) for s in self._check(input_shape)]
        rank = len(shapes[0])
        if any(len(s) != rank for s in shapes) or not -rank <= self.axis < rank:
            raise ValueError(f"Layer '{self.name}': axis={self.axis} does not fit inputs of shapes {shapes}")
        for i in set(range(rank)) - {self.axis % rank}:
            if len({s[i] for s in shapes if s[i] is not None}) > 1:
                raise ValueError(
                    f"Layer '{self.name}': inputs must agree in all dimensions but axis "
                    f"{self.axis}, got shapes {shapes}"
                )

    def call(self, inputs):
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape):
        shapes = [tuple(s) for s in input_shape]
        axis = self.axis % len(shapes[0])
        sizes = [s[axis] for s in shapes]
        out = [next((s[i] for s in shapes if s[i] is not None), None) for i in range(len(shapes[0]))]
        out[axis] = None if None in sizes else sum(sizes)
        return tuple(out)

    def compute_mask(self, inputs, mask=None):
        if not mask or all(m is None for m in mask):
            return None
        parts = []
        for x, m in zip(inputs, mask):
            if m is None:
                m = ops.ones_like(x, dtype="bool")
            while len(m.shape) < len(x.shape):
                m = ops.expand_dims(m, -1)
            parts.append(ops.logical_or(m, ops.zeros_like(x, dtype="bool")))
        return ops.any(ops.concatenate(parts, axis=self.axis), axis=-1)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class Dot(Merge):
    """The dot product of two inputs' samples along `axes` (one axis for both, or one each); `normalize` gives the
    cosine.

    >>> ckeras.layers.Dot(axes=1)([ckeras.ops.ones((4, 3)), ckeras.ops.ones((4, 3))]).shape
    (4, 1)
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        pair = tuple(axes) if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(pair) != 2 or not all(isinstance(a, int) for a in pair) or 0 in pair:
            raise ValueError(f"[Dot] axes must be one axis or two, not the batch, got {axes!r}")
        self.axes = axes
        self.normalize = normalize
        self._pair = pair

    def build(self, input_shape):
        a, b = self._shapes(input_shape)
        i, j = self._pair
        if a[i] is not None and b[j] is not None and a[i] != b[j]:
            raise ValueError(f"Layer '{self.name}': axes {self._pair} of shapes {a} and {b} have different sizes")

    def _shapes(self, input_shape):
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) != 2:
            raise ValueError(f"Layer '{self.name}' (Dot) takes two inputs, got {input_shape!r}")
        a, b = (tuple(s) for s in input_shape)
        if not 2 <= len(a) <= 3 or not 2 <= len(b) <= 3:
            raise ValueError(f"Layer '{self.name}' (Dot) takes inputs of rank 2 or 3, got shapes {a} and {b}")
        return a, b

    def call(self, inputs):
        a, b = inputs
        i, j = (axis % len(x.shape) for axis, x in zip(self._pair, inputs))
        if self.normalize:
            a, b = _unit(a, i), _unit(b, j)
        a = ops.moveaxis(a, i, -1) if len(a.shape) == 3 else ops.expand_dims(a, 1)
        b = ops.moveaxis(b, j, 1) if len(b.shape) == 3 else ops.expand_dims(b, -1)
        out = ops.matmul(a, b)
        return ops.reshape(out, self.compute_output_shape([x.shape for x in inputs]))

    def compute_output_shape(self, input_shape):
        a, b = self._shapes(input_shape)
        i, j = (axis % len(s) for axis, s in zip(self._pair, (a, b)))
        rest = [d for n, d in enumerate(a) if n not in (0, i)] + [d for n, d in enumerate(b) if n not in (0, j)]
        return (a[0], *(rest or [1]))

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _unit(x, axis):
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12)))


def add(inputs, **kwargs):
    """The sum of a list of inputs."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """The first of two inputs minus the second."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """The product of a list of inputs."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """The mean of a list of inputs."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """The largest of a list of inputs."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """The smallest of a list of inputs."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """A list of inputs joined along `axis`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """The dot product of two inputs' samples."""
    return Dot(axes=axes, **kwargs)(inputs)
