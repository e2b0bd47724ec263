"""Layers of attention and normalisation: dropout, seeds, masks that travel, state, messages. Values: tests/parity."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 6)).astype("float32")
V = RNG.normal(size=(2, 7, 6)).astype("float32")


@pytest.fixture(autouse=True)
def _fresh():
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    yield
    keras.config.disable_flash_attention()
    from ckeras._core import settings

    settings._flash_attention = None
    keras.backend.clear_session()


DROPPED = {
    "attention": lambda rate, seed: (layers.Attention(dropout=rate, seed=seed), ([X, V],)),
    "additive": lambda rate, seed: (layers.AdditiveAttention(dropout=rate, seed=seed), ([X, V],)),
    "heads": lambda rate, seed: (layers.MultiHeadAttention(2, 3, dropout=rate, seed=seed), (X, V)),
    "groups": lambda rate, seed: (layers.GroupQueryAttention(3, 4, 2, dropout=rate, seed=seed), (X, V)),
}


@pytest.mark.parametrize("name", DROPPED)
def test_dropout_only_in_training_and_as_the_seed_says(name):
    def run(seed):
        keras.utils.set_random_seed(1)
        layer, args = DROPPED[name](0.5, seed)
        still = layer(*args).numpy()
        return still, layer(*args, training=True).numpy(), layer(*args, training=True).numpy()

    still, once, twice = run(7)
    assert not np.allclose(still, once) and not np.allclose(once, twice)
    np.testing.assert_array_equal(run(7)[1], once)
    assert not np.allclose(run(8)[1], once)
    none, args = DROPPED[name](0.0, None)
    np.testing.assert_array_equal(none(*args).numpy(), none(*args, training=True).numpy())


def test_dropout_keeps_the_mean():
    ones = np.ones((4, 64, 8), "float32")
    layer = layers.MultiHeadAttention(2, 4, dropout=0.25, use_bias=False)
    still = layer(ones, ones).numpy()
    kept = np.mean([layer(ones, ones, training=True).numpy() for _ in range(20)], axis=0)
    np.testing.assert_allclose(kept.mean((0, 1)), still.mean((0, 1)), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("scores", [False, True])
def test_masks_of_embeddings_hide_padding_and_travel(scores):
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 1, 2, 0]])
    embedding = layers.Embedding(9, 6, mask_zero=True)
    layer = layers.MultiHeadAttention(2, 3)
    x = embedding(ids)
    y = layer(x, x, return_attention_scores=scores)
    y, weights = y if scores else (y, None)
    shorter = embedding(ids[:1, :3])
    np.testing.assert_allclose(y[0, :3].numpy(), layer(shorter, shorter)[0].numpy(), rtol=1e-4, atol=1e-5)
    if scores:
        assert np.all(weights.numpy()[0, :, :3, 3:] == 0)
    seen = []

    class Reads(layers.Layer):
        supports_masking = True

        def call(self, x, mask=None):
            seen.append(mask)
            return x

    Reads()(layers.LayerNormalization()(y))
    np.testing.assert_array_equal(seen[0].numpy(), ids != 0)


def test_explicit_masks_are_used():
    layer = layers.MultiHeadAttention(2, 3)
    plain = layer(X, V).numpy()
    seen = np.arange(7) < 4
    for mask in (
        {"value_mask": np.tile(seen, (2, 1))},
        {"key_mask": np.tile(seen, (2, 1))},
        {"attention_mask": np.tile(seen, (2, 5, 1))},
    ):
        got = layer(X, V, **mask).numpy()
        np.testing.assert_allclose(got, layer(X, V[:, :4]).numpy(), rtol=1e-4, atol=1e-5)
        assert not np.allclose(got, plain)
    rows = np.tile(np.arange(5) < 3, (2, 1))
    got = layer(X, V, query_mask=rows).numpy()
    np.testing.assert_allclose(got[:, :3], plain[:, :3], rtol=1e-4, atol=1e-5)
    assert not np.allclose(got[:, 3:], plain[:, 3:])  # hidden queries attend to all alike


def test_mixed_precision_and_key_of_its_own():
    layer = layers.MultiHeadAttention(2, 3, dtype="mixed_bfloat16")
    key = RNG.normal(size=(2, 7, 4)).astype("float32")
    y = layer(X, V, key)
    assert y.dtype == "bfloat16" and layer.query_dense.kernel.dtype == "float32"
    wide = layers.MultiHeadAttention(2, 3)
    wide(X, V, key)
    wide.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.array(y, "float32"), wide(X, V, key).numpy(), atol=0.05)
    assert not np.allclose(wide(X, V, key).numpy(), wide(X, V, key * 2).numpy())


def test_spectral_normalization_brings_the_largest_singular_value_to_one():
    layer = layers.SpectralNormalization(layers.Dense(4), power_iterations=30)
    y = layer(X[0])
    np.testing.assert_allclose(y.numpy(), layer.layer(X[0]).numpy())
    layer(X[0], training=True)
    np.testing.assert_allclose(np.linalg.norm(layer.layer.kernel.numpy(), 2), 1, rtol=1e-3)
    zeros = layers.SpectralNormalization(layers.Dense(4, kernel_initializer="zeros"))
    zeros(X[0], training=True)
    np.testing.assert_array_equal(zeros.layer.kernel.numpy(), np.zeros((6, 4)))
    table = layers.SpectralNormalization(layers.Embedding(5, 3), power_iterations=30)
    table(np.array([[1, 2]]), training=True)
    np.testing.assert_allclose(np.linalg.norm(table.layer.embeddings.numpy(), 2), 1, rtol=1e-3)


def test_normalized_weights_changes_nothing():
    layer = layers.SpectralNormalization(layers.Dense(4), power_iterations=30)
    layer(X[0])
    before = [w.numpy() for w in layer.weights]
    u, kernel = layer.normalized_weights()
    np.testing.assert_allclose(np.linalg.norm(kernel.numpy(), 2), 1, rtol=1e-3)
    for w, b in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)
    layer(X[0], training=True)
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), kernel.numpy())
    np.testing.assert_array_equal(layer.vector_u.numpy(), u.numpy())


def test_initializers_of_projections_count_the_einsum_s_fans():
    limit = np.sqrt(6 / (100 + 4 * 25))
    kernel = layers.EinsumDense("abc,cde->abde", (None, 4, 25))
    kernel.build((None, 3, 100))
    assert 0.95 * limit < np.abs(kernel.kernel.numpy()).max() <= limit
    two = layers.MultiHeadAttention(2, 3, kernel_initializer=keras.initializers.RandomNormal(seed=1))
    two(X, X)
    assert two.query_dense.kernel.shape == two.key_dense.kernel.shape


@pytest.mark.parametrize(
    "make", [lambda **k: layers.MultiHeadAttention(2, 3, **k), lambda **k: layers.GroupQueryAttention(3, 4, 2, **k)]
)
def test_flash_attention_changes_the_way_not_the_values(make):
    wide = RNG.normal(size=(2, 300, 6)).astype("float32")
    mask = np.arange(300) % 3 > 0
    outs = []
    for flash in (True, False, None):
        layer = make(flash_attention=flash)
        layer.build((2, 300, 6), (2, 300, 6))
        layer.set_weights([np.full(w.shape, 0.1 * (i + 1), "float32") for i, w in enumerate(layer.weights)])
        outs.append(layer(wide, wide, value_mask=np.tile(mask, (2, 1))).numpy())
    np.testing.assert_allclose(outs[0], outs[1], rtol=1e-4, atol=1e-5)
    assert not np.array_equal(outs[0], outs[1])
    np.testing.assert_array_equal(outs[0], outs[2])


OPTIONS = {
    "kernel_initializer": "ones",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "bias_constraint": "max_norm",
}


@pytest.mark.parametrize(
    "make", [lambda **k: layers.MultiHeadAttention(2, 3, **k), lambda **k: layers.GroupQueryAttention(3, 4, 2, **k)]
)
def test_options_reach_every_projection(make):
    layer = make(**OPTIONS)
    layer(X, X)
    parts = [p for p in layer._flatten_layers() if isinstance(p, layers.EinsumDense)]
    assert len(parts) == 4
    for part in parts:
        assert part.kernel.numpy().min() == part.bias.numpy().min() == 1
        assert part.kernel.constraint is not None and part.bias.constraint is not None
        assert part.activity_regularizer is not None
    assert len(layer.losses) >= 12
    again = layers.deserialize(layers.serialize(layer))
    assert layers.serialize(again)["config"] == layers.serialize(layer)["config"]


def test_norms_keep_their_options():
    options = {
        "beta_initializer": "ones",
        "gamma_initializer": "zeros",
        "beta_regularizer": "l2",
        "gamma_constraint": "non_neg",
    }
    for layer in (
        layers.LayerNormalization(**options),
        layers.GroupNormalization(3, **options),
        layers.BatchNormalization(**options),
    ):
        np.testing.assert_array_equal(layer(X).numpy(), np.ones_like(X))
        assert layer.gamma.constraint is not None and len(layer.losses) == 1
    moving = layers.BatchNormalization(
        moving_mean_initializer="ones", moving_variance_initializer="zeros", epsilon=0.25
    )
    np.testing.assert_allclose(moving(X).numpy(), (X - 1) * 2, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.LayerNormalization(axis="a"), ["axis", "integer"]),
        (lambda: layers.LayerNormalization(epsilon=-1), ["epsilon", "-1"]),
        (lambda: layers.LayerNormalization(axis=4)(X), ["axis=4", "out of range"]),
        (lambda: layers.RMSNormalization(axis=-4)(X), ["axis=-4", "out of range"]),
        (lambda: layers.UnitNormalization(axis=3)(X), ["axis=3", "out of range"]),
        (lambda: layers.GroupNormalization(4)(X), ["groups=4", "6 channels"]),
        (lambda: layers.GroupNormalization(0), ["groups", "positive"]),
        (lambda: layers.BatchNormalization(renorm=True), ["renorm"]),
        (lambda: layers.BatchNormalization(synchronized=True), ["synchronized"]),
        (lambda: layers.BatchNormalization()(X, mask=np.ones((2, 4), bool)), ["mask", "(2, 4)", "(2, 5)"]),
        (lambda: layers.SpectralNormalization(layers.Dense(2), power_iterations=0), ["power_iterations"]),
        (lambda: layers.SpectralNormalization(layers.ReLU())(X), ["ReLU", "kernel"]),
        (lambda: layers.Attention(score_mode="cat"), ["score_mode", "'cat'"]),
        (lambda: layers.Attention()(X), ["[query, value]"]),
        (lambda: layers.Attention(dropout=2), ["dropout", "2"]),
        (lambda: layers.MultiHeadAttention(0, 3), ["num_heads"]),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), ["sliding_window"]),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes=3)(X, X), ["attention_axes"]),
        (lambda: layers.MultiHeadAttention(2, 3)(X, V, X), ["value and key", "agree"]),
        (lambda: layers.MultiHeadAttention(2, 3)(X, V, value_mask=np.ones((2, 3), bool)), ["value_mask", "(2, 3)"]),
        (
            lambda: layers.MultiHeadAttention(2, 3, flash_attention=True)(X, X, return_attention_scores=True),
            ["flash_attention", "scores"],
        ),
        (lambda: layers.GroupQueryAttention(3, 4, 3), ["num_query_heads=4", "multiple"]),
        (lambda: layers.EinsumDense("ab,bc", 3), ["equation", "'ab,bc'"]),
        (lambda: layers.EinsumDense("abc,cd->abd", 3)(X), ["output_shape", "2 dimensions"]),
        (lambda: layers.EinsumDense("abc,cd->abd", (4, 3))(X), ["label 'b'", "5", "4"]),
        (lambda: layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="e")(X), ["bias_axes", "'e'"]),
        (lambda: layers.EinsumDense("ab,bc->ac", 3, lora_rank=-2), ["lora_rank", "-2"]),
    ],
)
def test_messages(make, words):
    with pytest.raises((ValueError, TypeError, NotImplementedError)) as e:
        make()
    for word in words:
        assert word in str(e.value)


def test_scores_shapes_of_symbolic_calls():
    q, v = keras.Input((None, 6)), keras.Input((7, 6))
    out, scores = layers.MultiHeadAttention(2, 3)(q, v, return_attention_scores=True)
    assert out.shape == (None, None, 6) and scores.shape == (None, 2, None, 7)
    out, scores = layers.GroupQueryAttention(3, 4, 2)(q, v, return_attention_scores=True)
    assert out.shape == (None, None, 6) and scores.shape == (None, 4, None, 7)
    model = keras.Model([q, v], [out, scores])
    assert model.predict([X, V], verbose=0)[1].shape == (2, 4, 5, 7)
    np.testing.assert_allclose(ops.sum(model([X, V])[1], -1).numpy(), np.ones((2, 4, 5)), rtol=1e-5)


@pytest.mark.parametrize("layer", [layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, 2, 1)])
def test_a_query_that_sees_no_key_has_scores_of_zero(layer):
    seen = np.ones((2, 5, 7), bool)
    seen[0, 1] = False
    _, scores = layer(X, V, attention_mask=seen, return_attention_scores=True)
    total = scores.numpy().sum(-1)
    assert not total[0, :, 1].any()
    np.testing.assert_allclose(total[1], 1, rtol=1e-6)


def test_a_softmax_gives_masked_entries_nothing():
    x = np.float32([[1, 2, 3], [1, 2, 3]])
    mask = np.array([[True, False, True], [False, False, False]])
    for given in (mask, mask.astype("float32"), mask * 0.7):
        for axis in (-1, (1,), (0, 1)):
            out = layers.Softmax(axis)(x, mask=given).numpy()
            assert not out[1].any() and out[0, 1] == 0
            np.testing.assert_allclose(out[0, 2] / out[0, 0], np.exp(2), rtol=1e-5)
