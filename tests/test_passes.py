"""Passes over a traced function: what they save, and that they change no bit."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import ops
from ckeras._core.program import compile

EDGES = np.array([-np.inf, -1, -0.0, 0, 1e-30, 1, 5.9999995, 6, 7, np.inf, np.nan, 3], "float32")


def slope(f):
    def gradient(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return y, tape.gradient(y, x)

    return gradient


CLIPS = {
    "relu6": ops.relu6,
    "clip": lambda x: ops.clip(x, -1.0, 5.0),
    "from above": lambda x: ops.maximum(ops.minimum(x, 5.0), -1.0),
    "one bound": lambda x: ops.minimum(ops.maximum(x, 3.0), 3.0),
    "crossed": lambda x: ops.minimum(ops.maximum(x, 5.0), -1.0),
    "crossed from above": lambda x: ops.maximum(ops.minimum(x, -1.0), 5.0),
    "NaN above": lambda x: ops.minimum(ops.maximum(x, 0.0), np.float32("nan")),
    "NaN below": lambda x: ops.maximum(ops.minimum(x, 0.0), np.float32("nan")),
    "thrice": lambda x: ops.minimum(ops.maximum(ops.minimum(x, 5.0), -1.0), 4.0),
    "of a tensor": lambda x: ops.minimum(ops.maximum(x, ops.zeros(12)), 6.0),
}


@pytest.mark.parametrize("name", CLIPS)
def test_masks_of_clipped_values(name):
    f = slope(CLIPS[name])
    x = ops.convert_to_tensor(EDGES)
    program = compile(f, (x.shape, x.dtype))
    for got, want in zip(program.run([x]), f(x), strict=True):
        assert got.numpy().tobytes() == want.numpy().tobytes()


@pytest.mark.parametrize("name", ["relu6", "clip", "from above"])
def test_only_the_clipped_value_is_kept(name):
    def f(x):  # the mask comes after the products
        return ops.sum(ops.square(ops.matmul(CLIPS[name](x), ops.ones((12, 12)))))

    listing = str(compile(slope(f), ((12, 12), "float32")))
    forward = listing.split("\n")[1]
    assert forward.count("float32") == 1 and "fused[m" in forward, listing
