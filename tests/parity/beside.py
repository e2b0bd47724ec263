"""One layer in Keras and in ckeras, side by side: values, gradients, shapes, configs, files. For the tests here."""

import json
import os
import warnings

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    real = pytest.importorskip("keras", reason="Keras 3 is not installed (extra `parity`)")
import ckeras

MARKS = [
    pytest.mark.skipif(not real.__version__.startswith("3"), reason="the oracle is Keras 3"),
    pytest.mark.filterwarnings("ignore"),  # the oracle's own
]


def numbers(shape, dtype="float32", seed=1):
    """Random input: normal, or integers from 0 to 4."""
    rng = np.random.default_rng(seed)
    if "int" in dtype:
        return rng.integers(0, 5, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def pair(name, arguments, shape):
    """The layer in both, built alike with the same weights."""
    both = [getattr(k.layers, name)(**arguments) for k in (real, ckeras)]
    for layer in both:
        if not layer.built:
            layer.build(shape)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape).astype(w.dtype) for w in both[0].get_weights()]
    for layer in both:
        layer.set_weights(weights)
    return both


def check_values(theirs, ours, x, unknown=()):
    """Outputs, gradients to weights and input, losses, and output shapes also where the batch and the dimensions
    `unknown` are not known."""
    import jax

    def values(w, inputs):
        return theirs.stateless_call(w, [v.value for v in theirs.non_trainable_variables], inputs)[0]

    @jax.jit  # one compilation is faster than one an operation
    def value_and_gradients(w, inputs):
        want, back = jax.vjp(values, w, inputs)
        return want, back(v)

    theirs_weights = [w.value for w in theirs.trainable_variables]
    v = np.random.default_rng(2).normal(size=ours.compute_output_shape(x.shape)).astype("float32")
    floats = x.dtype.kind == "f"
    if floats:
        want, (want_w, want_x) = value_and_gradients(theirs_weights, x)
    else:
        want, want_w, want_x = theirs(x), [], None
    t = ckeras.ops.convert_to_tensor(x)
    with ckeras.GradientTape() as tape:
        tape.watch(t)
        y = ours(t)
        total = ckeras.ops.sum(y * v) if floats else None
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-5, atol=2e-5)
    if floats:
        got = tape.gradient(total, [*ours.trainable_variables, t])
        for g, w in zip(got, [*want_w, want_x], strict=True):
            np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=1e-4, atol=1e-4)
    if theirs.activity_regularizer is not None:
        theirs(x)  # the call above keeps no losses
    np.testing.assert_allclose(sum(map(float, ours.losses)), sum(map(float, theirs.losses)), rtol=1e-5)
    partly = tuple(None if i in unknown else n for i, n in enumerate(x.shape))
    for shape in (x.shape, (None, *x.shape[1:]), partly):
        assert tuple(ours.compute_output_shape(shape)) == tuple(theirs.compute_output_shape(shape))
    symbolic = ours(ckeras.Input(x.shape[1:], dtype=str(x.dtype)))
    assert (symbolic.shape, symbolic.dtype) == ((None, *want.shape[1:]), str(y.dtype))


def plain(value):
    """A config without the words in which the two libraries may differ."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("module", "registered_name", "name")}
    return list(value) if isinstance(value, tuple) else value


def check_configs(theirs, ours, x):
    """Equal configs, of which both libraries make the layer again."""
    want = json.loads(json.dumps(real.saving.serialize_keras_object(theirs)))
    got = json.loads(json.dumps(ckeras.saving.serialize_keras_object(ours)))
    assert plain(got["config"]) == plain(want["config"])
    assert (got["module"], got["class_name"]) == (want["module"], want["class_name"])
    for config in (got, want):
        again = ckeras.saving.deserialize_keras_object(config)
        if not again.built:
            again.build(x.shape)
        again.set_weights(ours.get_weights())
        np.testing.assert_array_equal(again(x).numpy(), ours(x).numpy())
    assert type(real.saving.deserialize_keras_object(got)) is type(theirs)


def check_files(layers, x, folder):
    """A model of all these `(name, arguments)` on one input, saved by one library and read by the other, both ways."""

    def model(k):
        i = k.Input(x.shape[1:], dtype=str(x.dtype))
        return k.Model(i, [getattr(k.layers, name)(**arguments)(i) for name, arguments in layers])

    for writer, reader in ((real, ckeras), (ckeras, real)):
        m = model(writer)
        m.save(folder / "m.keras")
        again = reader.models.load_model(folder / "m.keras")
        wants, gots = m.predict(x, verbose=0), again.predict(x, verbose=0)
        if len(layers) == 1:
            wants, gots = [wants], [gots]
        for got, want in zip(gots, wants, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
