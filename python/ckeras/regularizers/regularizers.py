"""Penalties on weights and activations, added to the loss."""

from ckeras import ops


class Regularizer:
    """Base: a callable from a tensor to a scalar loss. Subclasses define `__call__` and `get_config`."""

    def __call__(self, x):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x)")

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} must define get_config(self) to be saved")


def _factor(value, cls, name):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(f"[{cls}] {name} must be a finite number that is not negative, got {value!r}")
    return value


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x^2)`.

    >>> float(ckeras.regularizers.L1L2(l1=0.5, l2=1.0)([1.0, -2.0]))
    6.5
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _factor(0.0 if l1 is None else l1, "L1L2", "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "L1L2", "l2")

    def __call__(self, x):
        x = ops.convert_to_tensor(x)
        loss = None
        if self.l1:
            loss = ops.multiply(ops.sum(ops.absolute(x)), self.l1)
        if self.l2:
            squares = ops.multiply(ops.sum(ops.square(x)), self.l2)
            loss = squares if loss is None else ops.add(loss, squares)
        return ops.zeros((), x.dtype) if loss is None else loss

    def get_config(self):
        return {"l1": float(self.l1), "l2": float(self.l2)}


class L1(Regularizer):
    """`l1 * sum(|x|)`."""

    def __init__(self, l1=0.01):
        self.l1 = _factor(0.01 if l1 is None else l1, "L1", "l1")

    def __call__(self, x):
        return ops.multiply(ops.sum(ops.absolute(x)), self.l1)

    def get_config(self):
        return {"l1": float(self.l1)}


class L2(Regularizer):
    """`l2 * sum(x^2)`."""

    def __init__(self, l2=0.01):
        self.l2 = _factor(0.01 if l2 is None else l2, "L2", "l2")

    def __call__(self, x):
        return ops.multiply(ops.sum(ops.square(x)), self.l2)

    def get_config(self):
        return {"l2": float(self.l2)}


class OrthogonalRegularizer(Regularizer):
    """Pushes the rows (or columns) of a matrix towards being orthogonal: `factor` times the mean |cosine| of all pairs.

    Takes rank 2 only; raises `ValueError` for another rank or mode.
    """

    def __init__(self, factor=0.01, mode="rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f"[OrthogonalRegularizer] mode must be 'rows' or 'columns', got {mode!r}")
        self.factor = _factor(factor, "OrthogonalRegularizer", "factor")
        self.mode = mode

    def __call__(self, inputs):
        if len(inputs.shape) != 2:
            raise ValueError(f"[OrthogonalRegularizer] expected a matrix, got shape {inputs.shape}")
        x = inputs if self.mode == "rows" else ops.transpose(inputs)
        n = x.shape[0]
        norms = ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True))
        x = ops.divide(x, ops.maximum(norms, 1e-12))
        cosines = ops.absolute(ops.matmul(x, ops.transpose(x)))
        off_diagonal = ops.multiply(cosines, 1.0 - ops.eye(n, dtype=cosines.dtype))
        pairs = max(n * (n - 1) / 2.0, 1.0)
        return ops.multiply(ops.sum(off_diagonal), self.factor * 0.5 / pairs)

    def get_config(self):
        return {"factor": float(self.factor), "mode": self.mode}
