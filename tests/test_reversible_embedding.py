"""ReversibleEmbedding: there, back, and what its arguments say."""

import numpy as np
import pytest

import ckeras
from ckeras import layers

IDS = np.array([[1, 0, 4]])
V = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")


def test_there_and_back_share_the_weights():
    layer = layers.ReversibleEmbedding(6, 3)
    table = layer(IDS)
    weights = layer.embeddings.numpy()
    np.testing.assert_array_equal(table.numpy(), weights[IDS])
    np.testing.assert_allclose(layer(V, reverse=True).numpy(), V @ weights.T, rtol=1e-5, atol=1e-6)
    assert len(layer.weights) == 1


def test_weights_of_its_own():
    layer = layers.ReversibleEmbedding(
        6,
        3,
        tie_weights=False,
        embeddings_initializer="normal",
        embeddings_regularizer="l2",
        embeddings_constraint="non_neg",
    )
    got = layer(V, reverse=True).numpy()
    assert [w.path.split("/")[-1] for w in layer.weights] == ["embeddings", "reverse_embeddings"]
    np.testing.assert_allclose(got, V @ layer.reverse_embeddings.numpy(), rtol=1e-5, atol=1e-6)
    assert len(layer.losses) == 2 and all(w.constraint is not None for w in layer.weights)


def test_cap_dtypes_and_mask():
    layer = layers.ReversibleEmbedding(6, 3, logit_soft_cap=2.0, embeddings_initializer="ones")
    np.testing.assert_allclose(layer(V, reverse=True).numpy()[..., 0], 2 * np.tanh(V.sum(-1) / 2), rtol=1e-5, atol=1e-6)
    half = layers.ReversibleEmbedding(6, 3, dtype="mixed_bfloat16", reverse_dtype="float32", mask_zero=True)
    there = half(IDS)
    assert there.dtype == "bfloat16" and half(there, reverse=True).dtype == "float32"
    assert layers.ReversibleEmbedding(6, 3, dtype="mixed_bfloat16")(V, reverse=True).dtype == "bfloat16"
    np.testing.assert_array_equal(half.compute_mask(IDS).numpy(), IDS != 0)


def test_in_a_model_that_is_saved(tmp_path):
    layer = layers.ReversibleEmbedding(6, 3, tie_weights=False, logit_soft_cap=3.0)
    i = ckeras.Input((None,), dtype="int32")
    out = layer(layer(i), reverse=True)
    assert out.shape == (None, None, 6)
    model = ckeras.Model(i, out)
    model.save(tmp_path / "m.keras")
    again = ckeras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), model.predict(IDS, verbose=0))
    assert again.layers[1].get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.ReversibleEmbedding(6, 3, logit_soft_cap=-1), ["logit_soft_cap", "-1"]),
        (lambda: layers.ReversibleEmbedding(6, 3, reverse_dtype="float33"), ["float33"]),
        (lambda: layers.ReversibleEmbedding(6, 3)(V[..., :2], reverse=True), ["last dimension", "(2, 5, 2)"]),
    ],
)
def test_messages(make, words):
    with pytest.raises((ValueError, TypeError)) as e:
        make()
    for word in words:
        assert word in str(e.value)
