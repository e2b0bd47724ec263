"""Layer.input_spec, as an attribute and as a property of a subclass."""

import numpy as np
import pytest

import ckeras
from ckeras import layers


class Passes(layers.Layer):
    def call(self, x):
        return x


def test_input_spec_of_a_subclass_may_be_a_property():
    class Flat(Passes):
        @property
        def input_spec(self):
            return ckeras.InputSpec(ndim=2)

    assert Flat()(np.ones((2, 3))).shape == (2, 3)
    with pytest.raises(ValueError, match="expected ndim=2, found ndim=1"):
        Flat()(np.ones(2))


def test_input_spec_is_set_and_checked():
    layer = Passes()
    assert layer.input_spec is None and Passes.input_spec.fset is not None
    spec = layer.input_spec = [ckeras.InputSpec(ndim=2), ckeras.InputSpec(ndim=3)]
    assert list(layer.input_spec) == spec
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        layer([np.ones((2, 2)), np.ones((2, 2))])
    layer.input_spec = None
    layer(np.ones(2))
    with pytest.raises(TypeError, match=r"\[Passes.input_spec\] expected an InputSpec .* got 3"):
        layer.input_spec = 3
