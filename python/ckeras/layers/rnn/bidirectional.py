"""Bidirectional: a recurrent layer in both directions."""

from ckeras import ops
from ckeras._core import nest
from ckeras.layers.layer import Layer
from ckeras.saving import registry

_MERGES = {
    "concat": lambda y, back: ops.concatenate([y, back], axis=-1),
    "sum": lambda y, back: y + back,
    "ave": lambda y, back: (y + back) / 2,
    "mul": lambda y, back: y * back,
    None: lambda y, back: (y, back),
}

_NEEDED = ("go_backwards", "return_sequences", "return_state", "stateful", "input_spec")  # of a layer that is wrapped


class Bidirectional(Layer):
    """Runs a recurrent layer forwards and backwards over sequences (batch, time, ...) and merges the outputs.

    `merge_mode` is "concat", "sum", "mul", "ave", or `None` for both outputs by themselves. Both layers are made of
    `layer`'s config (weights are not shared); `backward_layer` gives another one, which must go backwards and agree in
    return_sequences, return_state and stateful. Sequences of outputs are zero where the mask is. `weights`: initial
    weights, as `set_weights` takes them. With `return_state` the states of both follow, the forward ones first;
    `initial_state` takes them in that order. Raises `ValueError` for another merge_mode and for layers that do not fit
    together.

    >>> ckeras.layers.Bidirectional(ckeras.layers.LSTM(4))(ckeras.ops.ones((2, 7, 3))).shape
    (2, 8)
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        for what, given in (("layer", layer), ("backward_layer", backward_layer)):
            if not isinstance(given, Layer) and not (what == "backward_layer" and given is None):
                raise ValueError(f"[Bidirectional] {what} must be a recurrent layer, got {given!r}")
            if given is not None and (missing := [name for name in _NEEDED if not hasattr(given, name)]):
                raise ValueError(
                    f"[Bidirectional] {what} must be a recurrent layer: {type(given).__name__} has no {missing[0]}"
                )
        if merge_mode not in _MERGES:
            raise ValueError(f"[Bidirectional] merge_mode must be one of {list(_MERGES)}, got {merge_mode!r}")
        super().__init__(**kwargs)
        name = layer.name.removeprefix("forward_")
        self.forward_layer = _copy(layer, name=f"forward_{name}")
        if backward_layer is None:
            backward_layer = _copy(layer, name=f"backward_{name}", go_backwards=not layer.go_backwards)
        self.backward_layer = backward_layer
        self._check()
        for each in (self.forward_layer, self.backward_layer):  # what a direction repeats would meet the other's steps
            if hasattr(each, "zero_output_for_mask"):
                each.zero_output_for_mask = each.return_sequences
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec
        self._initial = weights

    def _check(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                f"[Bidirectional] one layer must have go_backwards=True and the other False, both have "
                f"{forward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            a, b = getattr(forward, name), getattr(backward, name)
            if a != b:
                raise ValueError(f"[Bidirectional] layer has {name}={a}, backward_layer {name}={b}: they must agree")

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial is not None:
            self.set_weights(self._initial)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        forward = self.forward_layer.compute_output_shape(sequences_shape)
        backward = self.backward_layer.compute_output_shape(sequences_shape)
        states = ()
        if self.return_state:
            (forward, *first), (backward, *second) = forward, backward
            states = (*first, *second)
        if self.merge_mode is None:
            outputs = (forward, backward)
        elif self.merge_mode == "concat":
            outputs = ((*forward[:-1], forward[-1] + backward[-1]),)
        else:
            outputs = (forward,)
        outputs = (*outputs, *states)
        return outputs if len(outputs) > 1 else outputs[0]

    def call(self, sequences, initial_state=None, mask=None, training=None):
        """As the layer's own call; `initial_state` holds the forward states, then the backward ones."""
        first = second = None
        if initial_state is not None:
            states = list(initial_state)
            half = len(states) // 2
            if len(states) % 2 or not half:
                raise ValueError(
                    f"Layer '{self.name}' (Bidirectional) needs initial states of both directions, got {len(states)}"
                )
            first, second = states[:half], states[half:]
        y, *states = _outputs(self.forward_layer, sequences, first, mask, training)
        back, *back_states = _outputs(self.backward_layer, sequences, second, mask, training)
        if self.return_sequences:
            back = ops.flip(back, axis=1)
        merged = _MERGES[self.merge_mode](y, back)
        outputs = (*(merged if self.merge_mode is None else (merged,)), *states, *back_states)
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_mask(self, inputs, mask=None):
        mask = next(iter(nest.leaves(mask)), None) if mask is not None else None
        if not self.return_sequences:
            mask = None
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            outputs += [None] * (len(self.forward_layer.state_size) + len(self.backward_layer.state_size))
        return outputs if len(outputs) > 1 else outputs[0]

    def reset_state(self):
        """Sets the states of stateful layers to zeros."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    @property
    def states(self):
        """The states of a stateful layer: forward, then backward; `None` when it keeps none."""
        first, second = self.forward_layer.states, self.backward_layer.states
        return None if first is None else (*first, *second)

    def get_config(self):
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": registry.serialize_keras_object(self.forward_layer),
            "backward_layer": registry.serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if isinstance(config.get(name), dict):
                config[name] = registry.deserialize_keras_object(config[name], custom_objects=custom_objects)
        return super().from_config(config)


def _copy(layer, **changes):
    """A fresh layer of the same config, some of it changed."""
    config = registry.serialize_keras_object(layer)
    return registry.deserialize_keras_object({**config, "config": {**config["config"], **changes}})


def _outputs(layer, sequences, initial_state, mask, training):
    kwargs = {"initial_state": initial_state} if initial_state is not None else {}
    if mask is not None:
        kwargs["mask"] = mask
    out = layer(sequences, training=training, **kwargs)
    return out if isinstance(out, (tuple, list)) else (out,)
