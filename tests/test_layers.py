"""Layers: numbers against NumPy, weights, names, masks, configs and messages."""

import contextlib

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers, ops


@pytest.fixture(autouse=True)
def _fresh():
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    yield
    keras.backend.clear_session()


def rand(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_dense_is_a_product_plus_bias():
    x = rand(5, 3)
    layer = layers.Dense(4, activation="relu", bias_initializer="ones")
    y = layer(x)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(y.numpy(), np.maximum(x @ kernel + bias, 0), rtol=1e-5, atol=1e-6)
    assert [v.path for v in layer.weights] == ["dense/kernel", "dense/bias"]
    assert layer.count_params() == 16 and layer.built


def test_dense_over_the_last_axis_of_rank_three():
    x = rand(2, 5, 3)
    layer = layers.Dense(4, use_bias=False)
    np.testing.assert_allclose(layer(x).numpy(), x @ layer.kernel.numpy(), rtol=1e-5, atol=1e-6)


def conv_by_hand(x, w, b, stride, same):
    kh, kw, _, filters = w.shape
    if same:
        th = max((-(-x.shape[1] // stride) - 1) * stride + kh - x.shape[1], 0)
        tw = max((-(-x.shape[2] // stride) - 1) * stride + kw - x.shape[2], 0)
        x = np.pad(x, ((0, 0), (th // 2, th - th // 2), (tw // 2, tw - tw // 2), (0, 0)))
    rows, cols = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    out = np.zeros((len(x), rows, cols, filters))
    for i in range(rows):
        for j in range(cols):
            window = x[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            out[:, i, j] = np.tensordot(window, w, 3) + b
    return out


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv2d_against_loops(padding, stride):
    x = rand(2, 7, 6, 3)
    layer = layers.Conv2D(4, (3, 2), strides=stride, padding=padding, bias_initializer="ones")
    y = layer(x)
    w, b = layer.get_weights()
    expected = conv_by_hand(x, w, b, stride, padding == "same")
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape((2, 7, 6, 3)) == expected.shape


def test_conv2d_channels_first_and_groups():
    x = rand(2, 5, 5, 4)
    last = layers.Conv2D(6, 3, groups=2)
    first = layers.Conv2D(6, 3, groups=2, data_format="channels_first")
    y = last(x)
    first.build((2, 4, 5, 5))
    first.set_weights(last.get_weights())
    got = first(x.transpose(0, 3, 1, 2)).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, y.numpy(), rtol=1e-5, atol=1e-6)
    half = conv_by_hand(x[..., :2], last.get_weights()[0][..., :3], 0, 1, False)
    np.testing.assert_allclose(y.numpy()[..., :3], half, rtol=1e-4, atol=1e-5)


def test_max_pooling():
    x = rand(2, 4, 4, 3)
    y = layers.MaxPooling2D()(x)
    np.testing.assert_array_equal(y.numpy(), x.reshape(2, 2, 2, 2, 2, 3).max((2, 4)))
    assert layers.MaxPool2D is layers.MaxPooling2D


def test_merging_layers():
    a, b = rand(2, 3), rand(2, 3) + 1
    cases = {
        layers.Add: a + b,
        layers.Subtract: a - b,
        layers.Multiply: a * b,
        layers.Average: (a + b) / 2,
        layers.Maximum: np.maximum(a, b),
        layers.Minimum: np.minimum(a, b),
        layers.Concatenate: np.concatenate([a, b], -1),
    }
    for cls, expected in cases.items():
        np.testing.assert_allclose(cls()([a, b]).numpy(), expected, rtol=1e-6)
    dot = layers.Dot(axes=1)([a, b])
    np.testing.assert_allclose(dot.numpy(), (a * b).sum(1, keepdims=True), rtol=1e-5)
    normal = layers.Dot(axes=1, normalize=True)([a, a])
    np.testing.assert_allclose(normal.numpy(), np.ones((2, 1)), rtol=1e-5)


def test_flatten_reshape_rescaling_softmax_relu():
    x = rand(2, 3, 4)
    assert layers.Flatten()(x).shape == (2, 12)
    assert layers.Reshape((4, -1))(x).shape == (2, 4, 3)
    np.testing.assert_allclose(layers.Rescaling(2.0, 1.0)(x).numpy(), x * 2 + 1, rtol=1e-6)
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(layers.Softmax(axis=1)(x).numpy(), e / e.sum(1, keepdims=True), rtol=1e-5)
    got = layers.ReLU(max_value=1.0, negative_slope=0.5)(x).numpy()
    np.testing.assert_allclose(got, np.where(x < 0, x / 2, np.minimum(x, 1)), rtol=1e-6)


def test_dropout_keeps_the_mean_and_only_drops_in_training():
    x = np.ones((200, 50), "float32")
    layer = layers.Dropout(0.4, seed=1)
    assert layer(x).numpy().min() == 1
    y = layer(x, training=True).numpy()
    assert set(np.unique(y.round(4))) == {np.float32(0), np.float32(1 / 0.6).round(4)}
    assert abs(y.mean() - 1) < 0.05
    assert not np.array_equal(y, layer(x, training=True).numpy())


def test_batch_normalization():
    x = rand(64, 5) * 3 + 2
    layer = layers.BatchNormalization(momentum=0.5)
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.5 * x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.5 + 0.5 * x.var(0), rtol=1e-4)
    assert len(layer.trainable_weights) == 2 and len(layer.non_trainable_weights) == 2


def test_embedding_and_mask():
    layer = layers.Embedding(6, 3, mask_zero=True)
    ids = np.array([[1, 5, 0], [2, 0, 0]])
    y = layer(ids)
    np.testing.assert_array_equal(y.numpy(), layer.embeddings.numpy()[ids])
    seen = []

    class Reads(layers.Layer):
        def call(self, x, mask=None):
            seen.append(mask)
            return 2 * x

    with pytest.warns(UserWarning, match=r"'reads' \(Reads\) got an input with a mask and does not support masking"):
        assert Reads()(layers.Dense(2)(y))._keras_mask is None
    np.testing.assert_array_equal(seen[0].numpy(), ids != 0)
    with pytest.raises(ValueError, match="out of range"):
        layer(np.array([[6]])).numpy()


def test_masks_of_merged_inputs_are_those_of_keras():
    a, b = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
    x = np.ones((1, 4, 2), "float32")

    def masked(mask):
        t = ops.convert_to_tensor(x)
        t._keras_mask = None if mask is None else ops.convert_to_tensor(mask)
        return t

    every = np.ones((1, 4), bool)
    for layer, one, both in (
        *[(cls(), None, a | b) for cls in (layers.Add, layers.Multiply, layers.Average, layers.Maximum)],
        (layers.Concatenate(), every, a | b),
        (layers.Concatenate(axis=1), np.concatenate([a, every], 1), np.concatenate([a, b], 1)),
    ):
        for second, wanted in ((None, one), (b, both)):
            found = layer([masked(a), masked(second)])._keras_mask
            assert (found is None) == (wanted is None), layer
            if wanted is not None:
                np.testing.assert_array_equal(found, wanted)
    p, q = x * np.array([2.0, -3.0], "float32"), x * np.array([5.0, 7.0], "float32")
    for cls, merge, nothing in (
        (layers.Multiply, np.multiply, 0 * p),
        (layers.Maximum, np.maximum, p),
        (layers.Minimum, np.minimum, p),
    ):
        t, u = masked(a), masked(b)
        t, u = t * p, u * q
        t._keras_mask, u._keras_mask = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
        found = cls()([t, u]).numpy()
        wanted = np.where(a[..., None], np.where(b[..., None], merge(p, q), p), np.where(b[..., None], q, nothing))
        np.testing.assert_array_equal(found, wanted)
        u._keras_mask = None
        np.testing.assert_array_equal(cls()([t, u]).numpy(), np.where(a[..., None], merge(p, q), q))
    e = layers.Embedding(5, 2, mask_zero=True)
    i, j, k = keras.Input((4,), dtype="int32"), keras.Input((4,), dtype="int32"), keras.Input((4, 2))
    last = layers.LSTM(3)
    for second, given, shown in ((e(j), np.array([[1, 0, 3, 0]]), 3), (k, x, 4)):
        joined = layers.Concatenate()([e(i), second])
        model = keras.Model([i, j if shown == 3 else k], [joined, last(joined)])
        whole, end = model([np.array([[1, 2, 0, 0]]), given])
        np.testing.assert_array_equal(end, last(whole[:, :shown]))
    for layer, kept in (
        (layers.LayerNormalization(), True),
        (layers.RMSNormalization(), False),
        (layers.EinsumDense("abc,cd->abd", (None, 3)), False),
    ):
        with contextlib.nullcontext() if kept else pytest.warns(UserWarning, match="does not support masking"):
            assert (layer(masked(a))._keras_mask is not None) is kept is layer.supports_masking


def test_training_by_position_reaches_the_layers_inside():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dropout = layers.Dropout(1.0)

        def call(self, x, training=None):
            return self.dropout(x)

    x = np.ones((2, 3), "float32")
    for training in (True, False):
        np.testing.assert_array_equal(Outer()(x, training), Outer()(x, training=training))
    assert not np.any(Outer()(x, True)) and np.all(Outer()(x, np.bool_(False)) == x)


def test_supports_masking_may_be_an_attribute_of_the_class():
    class Keeps(layers.Layer):
        supports_masking = True

        def call(self, x):
            return 2 * x

    x = ops.ones((1, 2, 3))
    x._keras_mask = ops.convert_to_tensor([[True, False]])
    np.testing.assert_array_equal(Keeps()(x)._keras_mask, [[True, False]])


@pytest.mark.parametrize("make", [layers.Attention, layers.AdditiveAttention])
def test_the_mask_of_attention_is_that_of_its_queries_and_of_no_weights(make):
    q = ops.ones((2, 3, 4))
    seen = np.array([[True, False, True], [True, True, True]])
    layer = make()
    np.testing.assert_array_equal(layer.compute_mask([q, q], [seen, None]), seen)
    assert layer.compute_mask([q, q], [None, seen]) is None is layer.compute_mask([q, q])
    q._keras_mask = ops.convert_to_tensor(seen)
    out, weights = layer([q, q], return_attention_scores=True)
    np.testing.assert_array_equal(out._keras_mask, seen)
    assert weights._keras_mask is None


class Twice(layers.Layer):
    def __init__(self, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.inner = [layers.Dense(2), {"deep": layers.Dense(3)}]

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x):
        return self.inner[1]["deep"](self.inner[0](x)) * self.scale * self.factor


def test_masks_are_read_and_set_by_keras_name():
    x = layers.Embedding(5, 2, mask_zero=True)(np.array([[1, 0], [2, 3]]))
    np.testing.assert_array_equal(x._keras_mask, [[True, False], [True, True]])
    symbolic = layers.Masking()(keras.Input((4, 3)))
    assert symbolic._keras_mask.shape == (None, 4)
    assert ops.ones(2)._keras_mask is None
    last = layers.LSTM(2)
    x._keras_mask = ops.convert_to_tensor([[True, False], [True, False]])
    np.testing.assert_array_equal(last(x), last(x[:, :1]))
    x._keras_mask = None
    assert x._keras_mask is None
    assert not np.array_equal(last(x), last(x[:, :1]))


def test_layer_tracks_what_it_holds():
    layer = Twice()
    layer(rand(2, 4))
    paths = [v.path for v in layer.weights]
    assert paths == [
        "twice/scale",
        "twice/count",
        "twice/dense/kernel",
        "twice/dense/bias",
        "twice/dense_1/kernel",
        "twice/dense_1/bias",
    ]
    assert len(layer.trainable_variables) == 5
    layer.trainable = False
    assert layer.trainable_variables == [] and len(layer.non_trainable_variables) == 6
    assert not layer.inner[0].trainable


def test_config_of_a_class_without_get_config():
    config = Twice(factor=5, name="five").get_config()
    assert config["factor"] == 5 and config["name"] == "five"
    assert Twice.from_config(config).factor == 5


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3, activation="tanh", kernel_regularizer="l2", kernel_initializer=keras.initializers.HeNormal(4)),
        layers.Conv2D(3, 2, padding="same", dilation_rate=2),
        layers.MaxPooling2D(3, strides=1),
        layers.Reshape((2, -1)),
        layers.Dropout(0.3, seed=5),
        layers.Concatenate(axis=1),
        layers.Embedding(4, 2, mask_zero=True),
        layers.BatchNormalization(center=False),
        layers.ReLU(6.0),
        layers.Add(name="joined"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_config_round_trip(layer):
    config = layers.serialize(layer)
    again = layers.deserialize(config)
    assert type(again) is type(layer) and layers.serialize(again) == config


def test_old_input_shape_and_mixed_precision():
    assert layers.Dense(2, input_dim=5)._input_shape_arg == (None, 5)
    layer = layers.Dense(2, dtype="mixed_bfloat16")
    y = layer(rand(3, 4))
    assert y.dtype == "bfloat16" and layer.kernel.dtype == "float32" and layer.compute_dtype == "bfloat16"


def test_losses_of_weights_activity_and_calls():
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x))
            return x

    layer = Adds()
    x = rand(2, 3)
    layer(x)
    layer(x)
    assert len(layer.losses) == 1
    np.testing.assert_allclose(float(layer.losses[0]), x.sum(), rtol=1e-5)
    dense = layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    dense(x)
    np.testing.assert_allclose(float(dense.losses[0]), 0.5 * (dense.get_weights()[0] ** 2).sum(), rtol=1e-5)


def test_stateless_call_leaves_the_layer_alone():
    layer = layers.Dense(2)
    x = rand(3, 4)
    layer(x)
    before = layer.get_weights()
    ones = [np.ones_like(w) for w in before]
    y, rest = layer.stateless_call(ones, [], x)
    np.testing.assert_allclose(y.numpy(), x.sum(1, keepdims=True) + np.ones((3, 2)), rtol=1e-5, atol=1e-6)
    assert rest == []
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda v: v[0] + v[1], None),
        (lambda v: v[0] + v[1], (3,)),
        (lambda v: v[0] + v[1], lambda shapes: shapes[0]),
        (lambda v: [v[0], ops.sum(v[1], -1)], [(3,), ()]),
        (lambda v: {"a": v[0], "b": ops.sum(v[1], -1)}, {"a": (3,), "b": ()}),
    ],
)
def test_lambda_takes_and_gives_several(function, shape):
    a, b = keras.Input((3,)), keras.Input((3,))
    x = np.ones((2, 3), "float32"), np.full((2, 3), 2, "float32")
    layer = layers.Lambda(function, output_shape=shape)
    out = layer([a, b])
    found = keras.Model([a, b], out).predict(x, verbose=0)
    keras.tree.map_structure(np.testing.assert_array_equal, found, function(x))
    assert keras.tree.map_structure(lambda t: (None, *t.shape[1:]), found) == keras.tree.map_structure(
        lambda t: t.shape, out
    )
    assert layer.compute_output_shape([(2, 3), (2, 3)]) == keras.tree.map_structure(lambda t: t.shape, found)


def test_lambda_needs_trust():
    layer = layers.Lambda(lambda x: x + 1)
    np.testing.assert_array_equal(layer(np.zeros(2, "float32")).numpy(), [1, 1])
    config = layers.serialize(layer)
    with pytest.raises(ValueError, match="safe"):
        layers.deserialize(config)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Dense("x"), ["Dense", "units", "positive integer", "'x'"]),
        (lambda: layers.Dense(True), ["units"]),
        (lambda: layers.Dense(2, activation="relux"), ["relux", "'relu'"]),
        (lambda: layers.Dense(2, foo=1), ["Dense", "foo"]),
        (lambda: layers.Dense(2, name="head")(rand(3)), ["head", "min_ndim=2", "ndim=1"]),
        (lambda: layers.Conv2D(2, 9)(rand(1, 4, 4, 1)), ["conv2d", "does not fit", "same"]),
        (lambda: layers.Conv2D(3, 2, groups=2), ["groups", "filters"]),
        (lambda: layers.Reshape((5,))(rand(2, 4)), ["reshape", "4 elements"]),
        (lambda: layers.Dropout(1.5), ["rate", "1.5"]),
        (lambda: layers.Add()(rand(2, 3)), ["list of inputs"]),
        (lambda: layers.Concatenate()([rand(2, 3), rand(3, 3)]), ["concatenate"]),
        (lambda: layers.Dense(10**12)(rand(1, 4)), ["bytes", "limit"]),
    ],
)
def test_messages_name_layer_and_argument(make, words):
    with pytest.raises(ValueError) as e:
        make()
    for word in words:
        assert word in str(e.value)


def test_wrong_width_after_building():
    layer = layers.Dense(2, name="head")
    layer(rand(2, 3))
    with pytest.raises(ValueError, match=r"'head'.*axis -1 to have size 3, found 7"):
        layer(rand(2, 7))
    with pytest.raises(TypeError, match="head2"):
        layers.Dense(2, name="head2")()


class TwoInputs(layers.Layer):
    def build(self, query_shape, value_shape):
        self.w = self.add_weight((query_shape[-1], value_shape[-1]), "ones", name="w")

    def call(self, query, value, factor=1.0):
        return ops.matmul(query, self.w) * value * factor

    def compute_output_shape(self, query_shape, value_shape):
        return list(value_shape)


class Several(layers.Layer):
    def call(self, x):
        return x, {"a": x, "b": [x, x]}

    def compute_output_shape(self, input_shape):
        return input_shape, {"a": input_shape, "b": [input_shape, list(input_shape)]}


def test_output_shapes_of_several_inputs_and_in_structures():
    q, v = keras.Input((2,)), keras.Input((3,))
    for call in (lambda f: f(q, v), lambda f: f(q, value=v, factor=2.0), lambda f: f(value=v, query=q)):
        assert call(TwoInputs()).shape == (None, 3)
    model = keras.Model([q, v], TwoInputs()(q, value=v))
    np.testing.assert_array_equal(model([np.ones((1, 2)), np.full((1, 3), 4.0)]).numpy(), np.full((1, 3), 8.0))
    x, nested = Several()(q)
    assert x.shape == (None, 2) and [t.shape for t in (nested["a"], *nested["b"])] == [(None, 2)] * 3

    class Strange(TwoInputs):
        def compute_output_shape(self, first_shape, second_shape):
            return first_shape

    with pytest.raises(ValueError, match=r"compute_output_shape.*_shape appended"):
        Strange()(q, v)

    class Nothing(Several):
        def compute_output_shape(self, input_shape):
            return None

    with pytest.raises(ValueError, match="must give a shape, got None"):
        Nothing()(q)


def test_weights_by_position():
    layer = layers.Layer()
    w = layer.add_weight((2, 3), "ones", "float16", name="w")
    assert (w.shape, w.dtype, w.name, float(ops.sum(w))) == ((2, 3), "float16", "w", 6.0)
    assert layer.add_weight("old", (2,)).name == "old"
    for args, kwargs, words in (
        (((2,), "ones"), {"initializer": "zeros"}, "initializer twice"),
        (((2,), "ones", "float32", True), {}, "got 4 values"),
    ):
        with pytest.raises(ValueError, match=words):
            layer.add_weight(*args, **kwargs)
