"""What the built-in cells share: weights, dropout, config."""

from ckeras import activations, constraints, initializers, ops, random, regularizers
from ckeras._core import nest
from ckeras._core.rng import SeedGenerator
from ckeras.layers._arguments import is_number, positive
from ckeras.layers.layer import Layer

_PARTS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
# Argument: the module that looks it up.
_WEIGHT_ARGUMENTS = {
    f"{kind}_{part}": module for kind in ("kernel", "recurrent", "bias") for part, module in _PARTS.items()
}


class BuiltInCell(Layer):
    """Base of LSTMCell, GRUCell and SimpleRNNCell.

    A subclass says how many states it has and how many times `units` its weights are wide, and defines `step`.
    """

    _gates = 1
    _states = 1
    _activations = ("activation", "recurrent_activation")  # of those that the class has

    def __init__(
        self,
        units,
        *,
        activation,
        recurrent_activation=None,
        use_bias,
        dropout,
        recurrent_dropout,
        seed,
        **kwargs,
    ):
        weights = {name: module.get(kwargs.pop(name)) for name, module in _WEIGHT_ARGUMENTS.items()}
        super().__init__(**kwargs)
        self.units = positive(type(self).__name__, "units", units)
        self.activation = activations.get(activation)
        if recurrent_activation is not None or "recurrent_activation" in self._activations:
            self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        for name, value in weights.items():
            setattr(self, name, value)
        self.dropout = self._share("dropout", dropout)
        self.recurrent_dropout = self._share("recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        self.state_size = self.units if self._states == 1 else [self.units] * self._states
        self.output_size = self.units
        self._masks = {}
        self.kernel = self.recurrent_kernel = self.bias = None

    def _share(self, name, rate):
        if not is_number(rate):
            raise ValueError(f"[{type(self).__name__}] {name} must be a number in [0, 1], got {rate!r}")
        return min(1.0, max(0.0, rate))

    # ---- weights

    def build(self, input_shape):
        width = self._gates * self.units
        self.kernel = self._weight("kernel", (input_shape[-1], width), "kernel")
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, width), "recurrent")
        self.bias = self._weight("bias", self._bias_shape(), "bias") if self.use_bias else None

    def _bias_shape(self):
        return (self._gates * self.units,)

    def _initializer(self, kind):
        return getattr(self, f"{kind}_initializer")

    def _weight(self, name, shape, kind):
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=self._initializer(kind),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    # ---- dropout: one mask for all steps of a sequence, until the reset

    def _dropout_mask(self, which, like, rate):
        mask = self._masks.get(which)
        if mask is None or mask.shape != like.shape:
            mask = self._masks[which] = random.dropout(ops.ones_like(like), rate, seed=self.seed_generator)
        return mask

    def get_dropout_mask(self, step_input):
        """What multiplies the inputs of every step, or `None` without dropout."""
        return self._dropout_mask("inputs", step_input, self.dropout) if self.dropout > 0 else None

    def get_recurrent_dropout_mask(self, step_input):
        """What multiplies the state before every step, or `None` without recurrent dropout."""
        if self.recurrent_dropout == 0:
            return None
        return self._dropout_mask("state", step_input, self.recurrent_dropout)

    def reset_dropout_mask(self):
        """Forgets the mask of the inputs; the next step draws another."""
        self._masks.pop("inputs", None)

    def reset_recurrent_dropout_mask(self):
        """Forgets the mask of the state; the next step draws another."""
        self._masks.pop("state", None)

    # ---- one step

    def call(self, inputs, states, training=False):
        """`(output, new states)` of one step: inputs (batch, d), states as `get_initial_state` gives them."""
        nested = nest.is_nested(states)
        states = list(states) if nested else [states]
        h = states[0]
        if training and self.dropout > 0:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout > 0:
            h = h * self.get_recurrent_dropout_mask(h)
        new = self.step(inputs, h, states)
        return new[0], new if nested else new[0]

    def step(self, inputs, h, states):
        """The new states: `h` is the first state, after dropout, `states` are those before it."""
        raise NotImplementedError(f"{type(self).__name__} does not define `step`")

    def _plus_bias(self, x, bias):
        return x if bias is None else x + bias

    def get_initial_state(self, batch_size=None):
        """Zeros (batch_size, units), one a state."""
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in range(self._states)]

    def get_config(self):
        config = {**super().get_config(), "units": self.units, "use_bias": self.use_bias}
        for name in self._activations:
            config[name] = activations.serialize(getattr(self, name))
        for name, module in _WEIGHT_ARGUMENTS.items():
            config[name] = module.serialize(getattr(self, name))
        return {**config, "dropout": self.dropout, "recurrent_dropout": self.recurrent_dropout, "seed": self.seed}
