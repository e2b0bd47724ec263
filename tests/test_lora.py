"""Low-rank adaptation: what a layer with it computes, trains, stores and refuses."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers, ops

# Layer, its arguments, the shape of an input without the batch, the adapted weight, whether inputs are integers.
CASES = {
    "Dense": (layers.Dense, (3,), (4,), "kernel"),
    "EinsumDense": (
        lambda *a, **k: layers.EinsumDense(*a, bias_axes="de", **k),
        ("abc,cde->abde", (None, 3, 2)),
        (5, 4),
        "kernel",
    ),
    "Embedding": (layers.Embedding, (7, 3), (5,), "embeddings"),
    "ReversibleEmbedding": (layers.ReversibleEmbedding, (7, 3), (5,), "embeddings"),
    "Conv1D": (layers.Conv1D, (4, 3), (6, 2), "kernel"),
    "Conv2D": (lambda *a, **k: layers.Conv2D(*a, groups=2, **k), (4, 3), (5, 5, 4), "kernel"),
    "Conv3D": (layers.Conv3D, (2, 2), (3, 3, 3, 2), "kernel"),
}
NAMES = sorted(CASES)


def model_of(name, **more):
    make, args, shape, _ = CASES[name]
    return keras.Sequential([keras.Input(shape), make(*args, name="q", **more)])


def batch(name, n=8):
    rng = np.random.default_rng(3)
    shape = (n, *CASES[name][2])
    return rng.integers(0, 7, shape) if "Embedding" in name else rng.normal(size=shape).astype("float32")


def factors(layer, name):
    return getattr(layer, f"lora_{CASES[name][3]}_a"), getattr(layer, f"lora_{CASES[name][3]}_b")


def give_b_values(layer, name):
    b = factors(layer, name)[1]
    b.assign(np.random.default_rng(5).normal(size=b.shape))


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_numbers(name):
    model, x = model_of(name), batch(name)
    layer, plain = model.layers[0], np.asarray(model(x))
    own = [w.path for w in model.weights]
    weight = getattr(layer, CASES[name][3])
    layer.enable_lora(2, lora_alpha=3)
    a, b = factors(layer, name)
    assert [w.path for w in model.weights] == own + [f"{model.name}/q/lora_{CASES[name][3]}_{f}" for f in "ab"]
    assert a.shape == (*weight.shape[:-1], 2) and b.shape == (2, weight.shape[-1])
    assert a.dtype == b.dtype == "float32" and np.ptp(a) > 0 and not np.any(b)
    assert not weight.trainable and a.trainable and b.trainable
    np.testing.assert_array_equal(model(x), plain)

    give_b_values(layer, name)
    merged = weight.numpy() + 1.5 * np.matmul(a.numpy(), b.numpy())
    np.testing.assert_allclose(getattr(layer, CASES[name][3]), merged, rtol=1e-6, atol=1e-6)
    adapted, direct = np.asarray(model(x)), model_of(name)
    direct.layers[0].set_weights([merged] + [np.asarray(w) for w in layer.weights[1:-2]])
    np.testing.assert_allclose(adapted, direct(x), rtol=1e-5, atol=1e-6)
    assert np.abs(adapted - plain).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_training_leaves_the_weight_alone(name):
    model, x = model_of(name, lora_rank=2), batch(name)
    before = {w.name: w.numpy() for w in model.weights}
    model.compile(keras.optimizers.SGD(0.5), "mse")
    y = np.ones(model.output_shape[1:])[None].repeat(len(x), 0)
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    changed = {w.name for w in model.weights if not np.array_equal(w, before[w.name])}
    assert changed == {w.name for w in model.trainable_weights}
    assert CASES[name][3] not in changed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending", ["keras", "weights.h5", "h5"])
def test_files(name, ending, tmp_path):
    model, x = model_of(name, lora_rank=2, lora_alpha=5), batch(name)
    give_b_values(model.layers[0], name)
    expected, path = model.predict(x, verbose=0), str(tmp_path / f"m.{ending}")
    if ending == "weights.h5":
        model.save_weights(path)
        again = keras.models.clone_model(model)
        again.load_weights(path)
        plain = model_of(name)  # files hold nothing of LoRA
        plain.load_weights(path)
        np.testing.assert_allclose(plain.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)
    else:
        model.save(path)
        again = keras.saving.load_model(path)
    layer = again.layers[0]
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 5)
    a, b = factors(layer, name)
    assert np.any(a)
    if ending == "h5":
        return  # the old layout holds every weight as it is
    assert not np.any(b)
    again.compile(keras.optimizers.SGD(0.5), "mse")
    again.fit(x, np.zeros_like(expected), verbose=0)
    assert np.any(b), "what was loaded can be trained further"


def test_the_stored_weight_keeps_its_dtype(tmp_path):
    layer = layers.Dense(3, dtype="mixed_bfloat16", lora_rank=2)
    layer.build((None, 4))
    layer.lora_kernel_b.assign(np.full((2, 3), 0.1))
    store = {}
    layer.save_own_variables(store)
    assert sorted(store) == ["0", "1"] and store["0"].dtype == np.float32
    exact = layer.weights[0].numpy() + np.matmul(layer.lora_kernel_a.numpy(), layer.lora_kernel_b.numpy())
    np.testing.assert_allclose(store["0"], exact, rtol=1e-6)
    assert layer.kernel.dtype == "bfloat16" and layer(np.ones((2, 4))).dtype == "bfloat16"
    with pytest.raises(ValueError, match="expected 2 variables, the file has 4"):
        layer.load_own_variables({str(i): w.numpy() for i, w in enumerate(layer.weights)})


def test_configs():
    for name in NAMES:
        layer = model_of(name, lora_rank=2, lora_alpha=3).layers[0]
        config = layer.get_config()
        assert (config["lora_rank"], config["lora_alpha"]) == (2, 3)
        again = type(layer).from_config(config)
        assert again.get_config() == config and not again.lora_enabled
        again.build((None, *CASES[name][2]))
        assert again.lora_enabled and again.lora_alpha == 3
        for off in ({}, {"lora_rank": 0}, {"lora_rank": None, "lora_alpha": 4}):
            layer = model_of(name, **off).layers[0]
            assert not layer.lora_enabled and "lora_rank" not in layer.get_config()
    layer = layers.Dense(3)
    layer.build((None, 4))
    layer.enable_lora(2)
    assert (layer.get_config()["lora_rank"], layer.get_config()["lora_alpha"]) == (2, 2)


def test_regularizers_move_to_what_is_trained():
    layer = layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.5))
    layer.build((None, 4))
    layer.enable_lora(2, a_initializer="ones", b_initializer="ones")
    assert [float(loss) for loss in layer.losses] == [4.0, 3.0]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused(name):
    what = CASES[name][3]
    make, args = CASES[name][:2]
    with pytest.raises(ValueError, match=rf"\[q.enable_lora\] the layer has no {what} yet"):
        make(*args, name="q").enable_lora(2)
    with pytest.raises(AttributeError, match=f"'q' has no {what} before it is built"):
        getattr(make(*args, name="q"), what)
    layer = model_of(name).layers[0]
    for rank in (0, -1, 2.5, True, "a"):
        with pytest.raises(ValueError, match=r"\[q.enable_lora\] rank must be a positive integer"):
            layer.enable_lora(rank)
    with pytest.raises(ValueError, match="lora_alpha must be a number, got 'x'"):
        layer.enable_lora(2, lora_alpha="x")
    assert not layer.lora_enabled and getattr(layer, what).trainable
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="enabled already, with rank 2"):
        layer.enable_lora(2)
    with pytest.raises(ValueError, match=f"would break the {what}_constraint"):
        model_of(name, lora_rank=2, **{f"{what}_constraint": "non_neg"})
    with pytest.raises(ValueError, match="lora_rank must be a positive integer, got -2"):
        make(*args, lora_rank=-2)


def test_a_compiled_model_notices():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x, y = np.ones((8, 4), "float32"), np.zeros((8, 3), "float32")
    model.fit(x, y, verbose=0)
    first = model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)
    model.layers[0].enable_lora(2, b_initializer="ones")
    assert np.abs(model.predict(x, verbose=0) - first[0]).max() > 0.1
    assert model.evaluate(x, y, verbose=0) != first[1]
    with pytest.raises(ValueError, match=r"unknown variable .*lora_kernel_a"):
        model.fit(x, y, verbose=0)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    frozen = model.weights[0].numpy()
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(model.weights[0], frozen)


def test_reversed_embeddings_have_the_update_too():
    layer = layers.ReversibleEmbedding(7, 3, tie_weights=False, lora_rank=2)
    layer.build()
    stored = {}
    layer.save_own_variables(stored)
    np.testing.assert_array_equal(stored["1"], layer.reverse_embeddings)
    layer = layers.ReversibleEmbedding(7, 3, lora_rank=2)
    layer.build()
    layer.lora_embeddings_b.assign(np.ones((2, 3)))
    vectors = ops.ones((2, 3))
    np.testing.assert_allclose(layer(vectors, reverse=True), np.asarray(layer.embeddings).sum(1)[None].repeat(2, 0))


def test_attention_and_layers_around_it():
    attention = layers.MultiHeadAttention(2, 4)
    attention.build((None, 5, 6), (None, 5, 6))
    for dense in (attention.query_dense, attention.value_dense):
        dense.enable_lora(2)
    assert len(attention.weights) == 12 and len(attention.trainable_weights) == 10
    normalised = layers.SpectralNormalization(layers.Dense(3, lora_rank=2))
    with pytest.raises(ValueError, match="LoRA"):
        normalised(np.ones((2, 4)))
