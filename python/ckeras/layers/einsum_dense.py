"""EinsumDense: a dense layer whose product is an einsum."""

import re

from ckeras import activations, constraints, initializers, ops, regularizers
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer
from ckeras.layers.lora import LowRank, adapted

_FORMS = "'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'"


class EinsumDense(LowRank, Layer):
    """`activation(einsum(equation, inputs, kernel) + bias)`.

    `equation` has two operands; an ellipsis stands first or last in the inputs' and the result's labels. `output_shape`
    is the result's shape without the batch (and without what an ellipsis stands for); `None` where it follows the
    inputs. `bias_axes` are the labels of the result that the bias has, `None` for no bias. With `lora_rank` the kernel
    is frozen, and two weights of that rank learn what is added to it: see `enable_lora`. `gptq_unpacked_column_size`
    and `quantization_config` are not supported and raise `NotImplementedError`; a wrong equation or a shape that does
    not fit it raises `ValueError`.

    >>> layer = ckeras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")
    >>> layer(ckeras.ops.ones((2, 3, 4))).shape
    (2, 3, 8)
    """

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        for name, given in (
            ("gptq_unpacked_column_size", gptq_unpacked_column_size),
            ("quantization_config", quantization_config),
        ):
            if given is not None:
                raise NotImplementedError(f"[EinsumDense] {name} is not supported; leave it None")
        super().__init__(**kwargs)
        self.equation = equation
        self._terms = _parse(equation)
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._keep_lora(lora_rank, lora_alpha)
        self.bias = None
        self._kernel = None

    kernel = adapted("kernel")

    def build(self, input_shape):
        sizes, _ = self._sizes(input_shape)
        _, weights, result = (t.replace("...", "") for t in self._terms)
        shape = tuple([sizes[c] for c in weights])
        self._kernel = self.add_weight(
            shape=shape,
            initializer=self._fitted_initializer(weights, result),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.bias_axes:
            self.bias = self.add_weight(
                shape=self._bias_shape(sizes, input_shape),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(ndim=len(input_shape))
        self._build_lora()

    def _fitted_initializer(self, weights, result):
        """The initializer, counting fans by which of the kernel's labels are summed over and which stay."""
        given = self.kernel_initializer
        if getattr(given, "input_axes", 0) is None or getattr(given, "output_axes", 0) is None:
            axes = {
                "input_axes": [i for i, c in enumerate(weights) if c not in result],
                "output_axes": [i for i, c in enumerate(weights) if c in result],
            }
            return type(given).from_config({**given.get_config(), **axes})
        return given

    def _bias_shape(self, sizes, input_shape):
        result = self._terms[2]
        odd = [c for c in self.bias_axes if c not in result.replace("...", "")]
        if odd:
            raise ValueError(
                f"Layer '{self.name}' (EinsumDense): bias_axes '{self.bias_axes}' has '{odd[0]}', which is no label of "
                f"the result '{result}' of '{self.equation}'"
            )
        labels = result.replace("...", "")
        first = min(labels.index(c) for c in self.bias_axes)
        elided = len(input_shape) - len(self._terms[0].replace("...", "")) if result.endswith("...") else 0
        return tuple([sizes[c] if c in self.bias_axes else 1 for c in labels[first:]]) + (1,) * elided

    def _sizes(self, input_shape):
        """The size of every label, and the full shape of the result."""
        inputs, weights, result = self._terms
        shape = tuple(input_shape)
        own, out = inputs.replace("...", ""), result.replace("...", "")
        elided = len(shape) - len(own)
        where = f"Layer '{self.name}' (EinsumDense)"
        if elided < 0 or (elided and "..." not in inputs):
            raise ValueError(f"{where}: inputs of shape {shape} do not fit '{inputs}' of '{self.equation}'")
        left = inputs.startswith("...")
        sizes = dict(zip(own, shape[elided:] if left else shape[: len(own)]))
        rest = shape[:elided] if left else shape[len(own) :]
        given = list(self.partial_output_shape)
        # An ellipsis on the left stands for the batch too; otherwise the first label of the result is the batch.
        labels = list(out) if left and elided else list(out[1:])
        if len(given) != len(labels):
            raise ValueError(
                f"{where}: output_shape {self.partial_output_shape} must have {len(labels)} dimensions, one for each "
                f"label of '{result}' but the batch"
            )
        for c, n in zip(labels, given):
            if c in sizes and n is not None and n != sizes[c]:
                raise ValueError(
                    f"{where}: label '{c}' of '{self.equation}' has size {sizes[c]} in inputs of shape {shape} and {n} "
                    "in output_shape"
                )
            if n is None and c not in sizes:
                raise ValueError(f"{where}: output_shape must give the size of label '{c}' of '{self.equation}'")
            sizes.setdefault(c, n)
        unknown = [c for c in weights if sizes.get(c) is None]
        if unknown:
            raise ValueError(
                f"{where}: the size of label '{unknown[0]}' of the kernel is not known from inputs of shape {shape} "
                f"and output_shape {self.partial_output_shape}"
            )
        full = tuple([sizes.get(c) for c in out])
        return sizes, (*rest, *full) if left else (*full, *rest)

    def call(self, inputs, training=None):
        x = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation in (None, activations.linear) else self.activation(x)

    def compute_output_shape(self, input_shape):
        return self._sizes(input_shape)[1]

    def get_config(self):
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }


def _parse(equation):
    """The labels of inputs, kernel and result. Raises `ValueError` for another form."""
    plain = equation.replace(" ", "") if isinstance(equation, str) else ""
    found = re.fullmatch(
        r"(?P<i>[a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)|"
        r"(\.\.\.[a-zA-Z]+),([a-zA-Z]+)->(\.\.\.[a-zA-Z]+)|([a-zA-Z]{2,}\.\.\.),([a-zA-Z]+)->([a-zA-Z]+\.\.\.)",
        plain,
    )
    if found is None:
        raise ValueError(f"[EinsumDense] equation must have the form {_FORMS}, got {equation!r}")
    inputs, weights, result = (g for g in found.groups() if g is not None)
    for c in result.replace("...", ""):
        if c not in inputs and c not in weights:
            raise ValueError(f"[EinsumDense] label '{c}' of the result of {equation!r} is in neither operand")
    return inputs, weights, result
