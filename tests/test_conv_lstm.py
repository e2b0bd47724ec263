"""ConvLSTM1D, 2D, 3D: against an LSTM where the two agree, layouts, states, masks, dropout. Values: tests/parity."""

import numpy as np
import pytest

import ckeras
from ckeras import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 5, 6, 3)).astype("float32")
LAYERS = {1: layers.ConvLSTM1D, 2: layers.ConvLSTM2D, 3: layers.ConvLSTM3D}


@pytest.mark.parametrize("rank", LAYERS)
def test_one_place_is_an_lstm(rank):
    ckeras.utils.set_random_seed(0)
    x = RNG.normal(size=(2, 4, 3)).astype("float32")
    layer, plain = LAYERS[rank](5, 1, return_sequences=True), layers.LSTM(5, return_sequences=True)
    y = layer(x.reshape(2, 4, *[1] * rank, 3))
    plain.build(x.shape)
    plain.set_weights([w.reshape(-1, 20) if w.ndim > 1 else w for w in layer.get_weights()])
    np.testing.assert_allclose(y.numpy().reshape(2, 4, 5), plain(x).numpy(), rtol=1e-5, atol=1e-6)
    assert layer.get_weights()[2].tolist() == [0] * 5 + [1] * 5 + [0] * 10


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"padding": "same", "dilation_rate": (1, 2)}], ids=str)
def test_channels_first_is_channels_last_turned(options):
    last = layers.ConvLSTM2D(2, 3, return_sequences=True, return_state=True, bias_initializer="normal", **options)
    first = layers.ConvLSTM2D(2, 3, return_sequences=True, return_state=True, data_format="channels_first", **options)
    turned = X.transpose(0, 1, 4, 2, 3)
    first.build(turned.shape)
    want = last(X)
    first.set_weights(last.get_weights())
    for got, one, shape in zip(first(turned), want, first.compute_output_shape(turned.shape), strict=True):
        np.testing.assert_allclose(np.moveaxis(got.numpy(), -3, -1), one.numpy(), rtol=1e-4, atol=1e-5)
        assert got.shape == shape
    assert [o.shape for o in want] == list(last.compute_output_shape(X.shape))


def test_states_masks_and_directions():
    layer = layers.ConvLSTM2D(2, 3, return_state=True)
    whole, *_ = layer(X)
    _, h, c = layer(X[:, :2])
    np.testing.assert_allclose(layer(X[:, 2:], initial_state=[h, c])[0].numpy(), whole.numpy(), rtol=1e-5, atol=1e-6)
    mask = np.array([[True, True, False, False]] * 2)
    np.testing.assert_allclose(layer(X, mask=mask)[0].numpy(), h.numpy(), rtol=1e-6)
    back = layers.ConvLSTM2D(2, 3, go_backwards=True)
    back.build(X.shape)
    back.set_weights(layer.get_weights())
    np.testing.assert_allclose(back(X[:, ::-1]).numpy(), whole.numpy(), rtol=1e-6)
    kept = layers.ConvLSTM2D(2, 3, stateful=True)
    kept.build(X[:, :2].shape)
    kept.set_weights(layer.get_weights())
    kept(X[:, :2])
    np.testing.assert_allclose(kept(X[:, 2:]).numpy(), whole.numpy(), rtol=1e-5, atol=1e-6)
    kept.reset_state()
    np.testing.assert_allclose(kept(X[:, :2]).numpy(), h.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["dropout", "recurrent_dropout"])
def test_dropout_in_training_alone(kind):
    def make(seed):
        ckeras.utils.set_random_seed(0)
        return layers.ConvLSTM2D(2, 3, seed=seed, **{kind: 0.5})

    layer = make(1)
    still, moved = layer(X).numpy(), layer(X, training=True).numpy()
    assert not np.allclose(still, moved)
    again = make(1)
    again(X)
    np.testing.assert_array_equal(again(X, training=True).numpy(), moved)
    other = make(2)
    other(X)
    assert not np.allclose(other(X, training=True).numpy(), moved)


def test_options_reach_the_weights():
    layer = layers.ConvLSTM1D(
        2,
        3,
        kernel_initializer="ones",
        recurrent_initializer="zeros",
        kernel_regularizer="l2",
        recurrent_regularizer="l1",
        bias_regularizer="l2",
        activity_regularizer="l2",
        kernel_constraint="non_neg",
        recurrent_constraint="max_norm",
        bias_constraint="unit_norm",
        unit_forget_bias=False,
        bias_initializer="ones",
    )
    layer(X[:, :, 0])
    assert [w.numpy().min() for w in layer.weights] == [1, 0, 1]
    assert all(w.constraint is not None for w in layer.weights) and len(layer.losses) == 4
    assert layer.filters == 2 and layer.kernel.shape == (3, 3, 8)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert len(layers.ConvLSTM1D(2, 3, use_bias=False)(X[:, :, 0]).shape) == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.ConvLSTM2D(0, 3), ["filters", "0"]),
        (lambda: layers.ConvLSTM2D(2, (3,)), ["kernel_size", "2 of them"]),
        (lambda: layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2), ["strides", "dilation_rate"]),
        (lambda: layers.ConvLSTM2D(2, 3, padding="sam"), ["padding", "'sam'"]),
        (lambda: layers.ConvLSTM2D(2, 3, filter=2), ["unexpected", "filter"]),
        (lambda: layers.ConvLSTM2D(2, 3)(X[0]), ["ndim=5", "4"]),
        (lambda: layers.ConvLSTM2D(2, 7)(X), ["does not fit", "(7, 7)"]),
        (lambda: layers.ConvLSTM2D(2, 3)(ckeras.Input((4, None, 6, 3))), ["known spatial dimensions"]),
    ],
)
def test_messages(make, words):
    with pytest.raises((ValueError, TypeError)) as e:
        make()
    for word in words:
        assert word in str(e.value)
