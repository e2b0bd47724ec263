"""TimeDistributed: one layer on every time step."""

from ckeras import ops
from ckeras._core import nest
from ckeras.layers.wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Applies `layer` to each step of (batch, time, ...): the steps are part of the batch for it.

    A mask (batch, time, ...) reaches the layer as (batch * time, ...) when it takes one. Raises `ValueError` for inputs
    of rank below 3.

    >>> ckeras.layers.TimeDistributed(ckeras.layers.Dense(4))(ckeras.ops.ones((2, 7, 3))).shape
    (2, 7, 4)
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, shape):
        if not isinstance(shape, (tuple, list)) or len(shape) < 3:
            raise ValueError(
                f"Layer '{self.name}' (TimeDistributed) needs inputs (batch, time, ...) of rank 3 or more, got {shape}"
            )
        return (shape[0], *shape[2:])

    def build(self, input_shape):
        super().build(self._step_shape(input_shape))

    def compute_output_shape(self, input_shape):
        def with_time(shape):
            return (shape[0], input_shape[1], *shape[1:])

        inner = self.layer.compute_output_shape(self._step_shape(input_shape))
        if all(d is None or isinstance(d, int) for d in inner):
            return with_time(inner)
        return type(inner)(with_time(s) for s in inner)

    def call(self, inputs, training=None, mask=None):
        batch, time = inputs.shape[:2]
        kwargs = {}
        if self.layer._call_has_training_arg:
            kwargs["training"] = training
        if mask is not None and self.layer._find_call_spec().has_mask:
            kwargs["mask"] = ops.reshape(mask, (batch * time, *mask.shape[2:]))
        outputs = self.layer(ops.reshape(inputs, (batch * time, *inputs.shape[2:])), **kwargs)
        return nest.map_leaves(lambda y: ops.reshape(y, (batch, time, *y.shape[1:])), outputs)
