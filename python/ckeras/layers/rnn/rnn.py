"""RNN: a cell run over the time steps of sequences."""

from ckeras import ops
from ckeras._core import nest, scope
from ckeras._core.variable import Variable
from ckeras.layers.layer import Layer
from ckeras.layers.rnn.stacked_cells import StackedRNNCells
from ckeras.layers.tracking import no_tracking
from ckeras.saving import registry


class RNN(Layer):
    """Runs `cell` over the steps of sequences (batch, time, ...).

    A cell has `state_size` (an integer, or a list of them), a `call(inputs, states)` that gives `(output, new states)`,
    and may have `output_size` and `get_initial_state(batch_size)`; a list of cells becomes `StackedRNNCells`. Gives the
    last output, with `return_sequences` all of them, with `return_state` the last states too. `go_backwards` reads from
    the last time to the first, and gives outputs in that order. `stateful` starts where the last batch ended; the batch
    size must be fixed. A masked step keeps states and repeats the output before it, or gives zeros with
    `zero_output_for_mask`. Steps are written out one by one, so the number of them must be known when the layer runs.
    Raises `ValueError` for a cell without `call` or `state_size`.

    >>> ckeras.layers.RNN(ckeras.layers.GRUCell(4))(ckeras.ops.ones((2, 7, 3))).shape
    (2, 4)
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        for name in ("call", "state_size"):
            if not hasattr(cell, name):
                raise ValueError(f"[{type(self).__name__}] a cell needs `{name}`, got {cell!r}")
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        sizes = cell.state_size
        self.single_state = not isinstance(sizes, (list, tuple))
        self.state_size = [sizes] if self.single_state else list(sizes)
        self.states = None

    # ---- shapes and building

    def build(self, sequences_shape, initial_state_shape=None):
        step_shape = (sequences_shape[0], *sequences_shape[2:])
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build(step_shape)
            self.cell.built = True
        if self.stateful:
            self._make_states(sequences_shape[0])

    def _make_states(self, batch):
        if batch is None:
            raise ValueError(
                f"Layer '{self.name}' is stateful and needs a fixed batch size; give Input(batch_shape=(...)) or "
                "batch_size=..."
            )

        def variable(x):
            return Variable(x, trainable=False, dtype=self.variable_dtype, name="rnn_state")

        with scope.concrete(), no_tracking():
            self.states = nest.map_leaves(variable, self.get_initial_state(batch))

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, time = sequences_shape[0], sequences_shape[1]
        size = getattr(self.cell, "output_size", None)
        if size is None:
            size = self.state_size[0] if isinstance(self.state_size[0], int) else nest.leaves(self.state_size)[-1]
        size = (size,) if isinstance(size, int) else tuple(size)
        output = (batch, time, *size) if self.return_sequences else (batch, *size)
        if not self.return_state:
            return output
        return output, *self._state_shapes(batch)

    def _state_shapes(self, batch):
        def shape(size):
            if isinstance(size, int):
                return (batch, size)
            return [shape(s) for s in size]

        return [shape(s) for s in self.state_size]

    def compute_mask(self, inputs, mask=None):
        mask = next(iter(nest.leaves(mask)), None) if mask is not None else None
        output = mask if self.return_sequences else None
        return [output, *[None for _ in nest.leaves(self.state_size)]] if self.return_state else output

    # ---- states

    def get_initial_state(self, batch_size):
        """The states that a sequence starts from when none are given: the cell's, or zeros."""
        own = getattr(self.cell, "get_initial_state", None)
        if own is not None:
            states = own(batch_size=batch_size)
            return list(states) if nest.is_nested(states) else [states]
        return nest.map_leaves(lambda size: ops.zeros((batch_size, size), dtype=self.compute_dtype), self.state_size)

    def reset_state(self):
        """Sets the states of a stateful layer to zeros."""
        for v in nest.leaves(self.states) if self.states is not None else ():
            v.assign(ops.zeros_like(v))

    reset_states = reset_state

    def _starting_state(self, sequences, given):
        if given is not None:
            states = list(given) if nest.is_nested(given) else [given]
        elif self.stateful:
            states = nest.map_leaves(lambda v: v.value, self.states)
        else:
            states = self.get_initial_state(sequences.shape[0])
        states = nest.map_leaves(lambda s: ops.cast(ops.convert_to_tensor(s), self.compute_dtype), states)
        return list(states)

    # ---- running

    def call(self, sequences, initial_state=None, mask=None, training=False):
        """`sequences` (batch, time, ...), `mask` bool (batch, time); `initial_state` one tensor a state."""
        if sequences.shape[1] == 0:
            raise ValueError(f"Layer '{self.name}' got sequences without a step, shape {tuple(sequences.shape)}")
        mask = next(iter(nest.leaves(mask)), None) if mask is not None else None
        states = self._starting_state(sequences, initial_state)
        self._reset_dropout()
        last, outputs, states = self._loop(sequences, states, mask, training)
        self._reset_dropout()
        if self.stateful:
            for v, value in zip(nest.leaves(self.states), nest.leaves(states)):
                v.assign(ops.cast(value, v.dtype))
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def _reset_dropout(self):
        cells = self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]
        for cell in cells:
            for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
                reset = getattr(cell, name, None)
                if reset is not None:
                    reset()

    def _loop(self, sequences, states, mask, training):
        """`(last output, outputs, last states)`, the steps written out."""
        steps = ops.unstack(sequences, axis=1)
        masks = ops.unstack(ops.cast(mask, "bool"), axis=1) if mask is not None else [None] * len(steps)
        if self.go_backwards:
            steps, masks = steps[::-1], masks[::-1]
        outputs, kept = [], None
        for x, m in zip(steps, masks):
            output, new = self._step(x, states, training)
            if m is None:
                states = new
            else:
                before = kept if kept is not None else _state_like(states, output)
                kept = _keep(m, output, before)
                states = nest.pack(
                    states, [_keep(m, a, b) for a, b in zip(nest.leaves(new), nest.leaves(states), strict=True)]
                )
                output = _keep(m, output, ops.zeros_like(output)) if self.zero_output_for_mask else kept
            outputs.append(output)
        return outputs[-1], ops.stack(outputs, axis=1) if self.return_sequences else None, states

    def _step(self, x, states, training):
        kwargs = {"training": training} if getattr(self.cell, "_call_has_training_arg", False) else {}
        given = states[0] if self.single_state and not isinstance(self.cell, Layer) else states
        output, new = self.cell(x, given, **kwargs)
        return output, list(new) if nest.is_nested(new) else [new]

    # ---- config

    def _base_config(self):
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def get_config(self):
        return {**self._base_config(), "cell": registry.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("cell"), dict):
            config["cell"] = registry.deserialize_keras_object(config["cell"], custom_objects=custom_objects)
        return super().from_config(config)


def _keep(mask, new, old):
    """`new` where the mask (batch,) is true, else `old`."""
    return ops.where(ops.reshape(mask, (*mask.shape, *[1] * (new.ndim - 1))), new, old)


def _state_like(states, output):
    """What stands for the output before the first step: the state it would be, zeros when no state has its shape."""
    last = states[-1]
    first = last[0] if nest.is_nested(last) else states[0]
    return first if first.shape == output.shape else ops.zeros_like(output)
