"""Recurrent layers against a plain NumPy implementation: values, gradients, masks, directions, states, files."""

import numpy as np
import pytest

import ckeras
import opref_rnn
from ckeras import layers, ops
from ckeras._core.tensor import convert
from ckeras.ops.rnn import recurrence

CELLS = [("lstm", False), ("gru", True), ("gru", False), ("simple_rnn", False)]
IDS = ["lstm", "gru_after", "gru_before", "simple_rnn"]


def problem(name, after, *shape, seed=0):
    return opref_rnn.problem(np.random.default_rng(seed), name, after, *shape)


def run(name, after, p, mask, reverse, dtype, sequences=True):
    t = {key: convert(p[key].astype(dtype)) for key in ("x", "k", "r", "b")}
    states = [convert(s.astype(dtype)) for s in p["states"]]
    m = convert(p["mask"]) if mask else None
    return recurrence(name, t["x"], states, t["k"], t["r"], t["b"], m, reverse, after, sequences)


@pytest.mark.parametrize(("name", "after"), CELLS, ids=IDS)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (2, 5, 3, 4), (9, 7, 16, 17), (33, 3, 5, 67), (0, 3, 2, 2), (3, 4, 0, 5)]
)
def test_values(name, after, shape):
    p = problem(name, after, *shape)
    for mask in (False, True):
        for reverse in (False, True):
            args = [p[key] for key in ("x", "states", "k", "r", "b")]
            want, last, _, _ = opref_rnn.run(name, after, *args, p["mask"] if mask else None, reverse)
            for dtype, tolerance in (("float64", 1e-12), ("float32", 2e-5)):
                y, states = run(name, after, p, mask, reverse, dtype)
                assert y.dtype == dtype
                np.testing.assert_allclose(y.numpy(), want, rtol=tolerance, atol=tolerance)
                for got, expected in zip(states, last, strict=True):
                    np.testing.assert_allclose(got.numpy(), expected, rtol=tolerance, atol=tolerance)


def test_halves_compute_in_float32():
    p = problem("lstm", False, 3, 4, 5, 6)
    y, states = run("lstm", False, p, True, False, "float16")
    assert y.dtype == states[0].dtype == states[1].dtype == "float16"
    rounded = {key: p[key].astype("float16").astype("float32") for key in ("x", "k", "r", "b")}
    rounded["states"] = [s.astype("float16").astype("float32") for s in p["states"]]
    want, _ = run("lstm", False, {**rounded, "mask": p["mask"]}, True, False, "float32")
    np.testing.assert_array_equal(y.numpy(), want.numpy().astype("float16"))


@pytest.mark.parametrize(("name", "after"), CELLS, ids=IDS)
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_gradients_against_finite_differences(name, after, sequences, mask, reverse):
    p = problem(name, after, 9, 5, 3, 7, seed=1)
    keys = ["x", "k", "r", "b", *range(len(p["states"]))]
    rng = np.random.default_rng(2)
    wy, ws = rng.normal(size=(9, 5, 7)), [rng.normal(size=s.shape) for s in p["states"]]

    def loss(*values):
        v = dict(zip(keys, values))
        states = [v[i] for i in range(len(ws))]
        m = convert(p["mask"]) if mask else None
        y, states = recurrence(name, v["x"], states, v["k"], v["r"], v["b"], m, reverse, after, sequences)
        total = sum(ops.sum(s * convert(w)) for s, w in zip(states, ws))
        return total + ops.sum(y * convert(wy)) if sequences else total

    point = [p[k] if isinstance(k, str) else p["states"][k] for k in keys]
    grads = ckeras.grad(loss, argnums=tuple(range(len(keys))))(*[convert(v) for v in point])
    for i, (value, g) in enumerate(zip(point, grads)):
        d, h = rng.normal(size=value.shape), 1e-6
        ends = [float(loss(*[convert(v + s * h * d if i == j else v) for j, v in enumerate(point)])) for s in (1, -1)]
        np.testing.assert_allclose(np.sum(g.numpy() * d), (ends[0] - ends[1]) / (2 * h), rtol=2e-6, atol=1e-6)


def test_gradient_of_weights_alone():
    p = problem("lstm", False, 4, 3, 2, 5)
    x, states = convert(p["x"]), [convert(s) for s in p["states"]]

    def loss(k):
        return ops.sum(recurrence("lstm", x, states, k, convert(p["r"]), convert(p["b"]))[0])

    assert ckeras.grad(loss)(convert(p["k"])).shape == p["k"].shape


@pytest.mark.parametrize("name, after", CELLS, ids=IDS)
@pytest.mark.parametrize("mask, reverse, sequences", [(False, False, True), (True, True, True), (True, False, False)])
def test_second_derivatives_against_finite_differences(name, after, mask, reverse, sequences):
    p = problem(name, after, 4, 3, 2, 5, seed=3)
    n = len(p["states"])
    rng = np.random.default_rng(4)
    m = convert(p["mask"]) if mask else None

    def loss(x, k, r, b, *states):
        y, last = recurrence(name, x, list(states), k, r, b, m, reverse, after, sequences)
        total = sum(ops.sum(s * s * s) for s in last)
        return total + ops.sum(ops.sin(y)) if sequences else total

    first = ckeras.grad(loss, argnums=tuple(range(4 + n)))

    def slopes(*values):
        return sum(ops.sum(g * convert(w)) for g, w in zip(first(*values), weights))

    point = [p["x"], p["k"], p["r"], p["b"], *p["states"]]
    weights = [rng.normal(size=v.shape) for v in point]
    second = ckeras.grad(slopes, argnums=tuple(range(4 + n)))
    found = second(*[convert(v) for v in point])
    for i, (value, g) in enumerate(zip(point, found)):
        d, h = rng.normal(size=value.shape), 1e-6
        ends = [float(slopes(*[convert(v + s * h * d if i == j else v) for j, v in enumerate(point)])) for s in (1, -1)]
        np.testing.assert_allclose(np.sum(g.numpy() * d), (ends[0] - ends[1]) / (2 * h), rtol=2e-5, atol=1e-6)
    for a, b in zip(found, ckeras.function(second)(*[convert(v) for v in point])):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_second_derivatives_of_a_layer():
    layer = layers.LSTM(3)
    x = ops.array(np.random.default_rng(0).normal(size=(2, 4, 5)))
    layer(x)

    def slope(x):
        return ops.sum(ckeras.grad(lambda v: ops.sum(layer(v)))(x) ** 2)

    whole = ckeras.grad(slope)(x)
    layer.unroll = True
    np.testing.assert_allclose(whole, ckeras.grad(slope)(x), rtol=1e-4, atol=1e-6)


# ---- layers

LAYERS = [layers.LSTM, layers.GRU, layers.SimpleRNN]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")


@pytest.mark.parametrize("cls", LAYERS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"go_backwards": True}, {"zero_output_for_mask": True}, {"use_bias": False}], ids=str
)
def test_kernel_and_steps_agree(cls, masked, options, x):
    fused = cls(5, return_sequences=True, return_state=True, **options)
    mask = np.array([[0, 1, 1, 0, 1, 0], [1] * 6, [0] * 6], bool) if masked else None
    start = [ops.ones((3, 5)) * 0.3] * len(fused.state_size)
    out = fused(x, mask=mask, initial_state=start)
    steps = cls(5, return_sequences=True, return_state=True, unroll=True, **options)
    steps.build(x.shape)
    steps.set_weights(fused.get_weights())
    for a, b in zip(out, steps(x, mask=mask, initial_state=start), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    fused.return_sequences = steps.return_sequences = False
    a, b = fused(x, mask=mask)[0], steps(x, mask=mask)[0]
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_weights_shapes_and_names(cls, x):
    layer = cls(5)
    assert layer(x).shape == (3, 5)
    names = [w.path.split("/")[-1] for w in layer.weights]
    assert names == ["kernel", "recurrent_kernel", "bias"]
    assert layer.weights[0].path == f"{layer.name}/{layer.cell.name}/kernel"
    n = opref_rnn.GATES[layer._kernel_name]
    bias = (2, 15) if cls is layers.GRU else (5 * n,)
    assert [w.shape for w in layer.weights] == [(4, 5 * n), (5, 5 * n), bias]
    assert layer.units == 5 and layer.kernel_initializer is layer.cell.kernel_initializer
    with pytest.raises(AttributeError):
        layer.no_such_name  # noqa: B018


def test_forget_bias_starts_at_one():
    layer = layers.LSTM(3)
    layer.build((None, None, 2))
    np.testing.assert_array_equal(layer.cell.bias.numpy(), [0] * 3 + [1] * 3 + [0] * 6)
    plain = layers.LSTM(3, unit_forget_bias=False)
    plain.build((None, None, 2))
    assert not plain.cell.bias.numpy().any()


@pytest.mark.parametrize("cls", LAYERS)
def test_other_activations_take_single_steps(cls, x):
    layer = cls(5, activation="relu", return_sequences=True)
    y = layer(x).numpy()
    assert y.shape == (3, 6, 5) and (y >= 0).all() and (y > 0).any()


def test_dropout_draws_one_mask_a_call(x):
    ckeras.utils.set_random_seed(3)
    layer = layers.LSTM(5, dropout=0.5, recurrent_dropout=0.5, seed=1)
    a, b = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert (a != b).any()
    np.testing.assert_array_equal(layer(x).numpy(), layer(x).numpy())
    inputs_only = layers.GRU(5, dropout=0.5, seed=1)
    assert (inputs_only(x, training=True).numpy() != inputs_only(x).numpy()).any()


def test_stateful_layers_go_on(x):
    layer = layers.GRU(5, stateful=True)
    whole = layers.GRU(5)
    whole(x)
    layer.build((3, None, 4))
    layer.set_weights(whole.get_weights())
    layer(x[:, :2])
    np.testing.assert_allclose(layer(x[:, 2:]).numpy(), whole(x).numpy(), rtol=1e-6, atol=1e-7)
    layer.reset_state()
    np.testing.assert_array_equal(layer(x).numpy(), whole(x).numpy())
    with pytest.raises(ValueError, match="batch size"):
        layers.LSTM(5, stateful=True).build((None, 6, 4))


def test_masks_come_from_embedding_and_masking():
    ids = np.array([[1, 2, 0, 0], [3, 1, 2, 1]])
    emb = layers.Embedding(5, 3, mask_zero=True)
    lstm = layers.LSTM(4)
    short = lstm(emb(ids[:1, :2])).numpy()
    np.testing.assert_allclose(lstm(emb(ids)).numpy()[:1], short, rtol=1e-6, atol=1e-7)
    v = np.random.default_rng(0).normal(size=(1, 4, 3)).astype("float32")
    v[:, 2:] = 0
    masked = layers.Masking()(v)
    np.testing.assert_allclose(lstm(masked).numpy(), lstm(v[:, :2]).numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul", None])
def test_bidirectional(mode, x):
    layer = layers.Bidirectional(layers.GRU(5, return_sequences=True, return_state=True), merge_mode=mode)
    out = layer(x)
    forward, h = layer.forward_layer(x)
    backward, back_h = layer.backward_layer(x)
    f, b = forward.numpy(), backward.numpy()[:, ::-1]
    want = {
        "concat": lambda: np.concatenate([f, b], -1),
        "sum": lambda: f + b,
        "ave": lambda: (f + b) / 2,
        "mul": lambda: f * b,
    }
    outputs, states = (out[:2], out[2:]) if mode is None else (out[:1], out[1:])
    for got, expected in zip(outputs, [f, b] if mode is None else [want[mode]()], strict=True):
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)
    for got, expected in zip(states, [h, back_h], strict=True):
        np.testing.assert_array_equal(got.numpy(), expected.numpy())
    symbolic = layer(ckeras.Input((None, 4)))
    assert [s.shape[1:] for s in symbolic] == [t.shape[1:] if t.ndim == 2 else (None, t.shape[2]) for t in out]


def test_bidirectional_sequences_are_zero_where_the_mask_is(x):
    layer = layers.Bidirectional(layers.GRU(5, return_sequences=True), merge_mode="sum")
    mask = np.ones(x.shape[:2], bool)
    mask[:, -2:] = False
    out = layer(x, mask=mask).numpy()
    assert not out[:, -2:].any() and out[:, :-2].all()
    assert not layers.Bidirectional(layers.GRU(5)).forward_layer.zero_output_for_mask


def test_bidirectional_refuses_layers_that_do_not_fit():
    with pytest.raises(ValueError, match="merge_mode"):
        layers.Bidirectional(layers.LSTM(2), merge_mode="max")
    with pytest.raises(ValueError, match="go_backwards"):
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2))
    with pytest.raises(ValueError, match="return_sequences"):
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2, go_backwards=True, return_sequences=True))
    with pytest.raises(ValueError, match="recurrent layer"):
        layers.Bidirectional(3)


def test_rnn_runs_stacked_and_custom_cells(x):
    layer = layers.RNN([layers.LSTMCell(5), layers.GRUCell(2)], return_sequences=True, return_state=True)
    y, first, second = layer(x)
    assert y.shape == (3, 6, 2) and [s.shape for s in first] == [(3, 5), (3, 5)] and second[0].shape == (3, 2)

    class Sum(layers.Layer):
        state_size = 4

        def call(self, inputs, states):
            return states[0] + inputs, [states[0] + inputs]

    np.testing.assert_allclose(layers.RNN(Sum())(x).numpy(), x.sum(1), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="state_size"):
        layers.RNN(layers.Dense(2))


def test_time_distributed(x):
    layer = layers.TimeDistributed(layers.Dense(2))
    dense = layer.layer
    y = layer(x)
    np.testing.assert_allclose(y.numpy(), dense(x).numpy(), rtol=1e-6, atol=1e-6)
    assert layer(ckeras.Input((None, 4))).shape == (None, None, 2)
    with pytest.raises(ValueError, match="rank 3"):
        layers.TimeDistributed(layers.Dense(2))(ops.ones((2, 3)))


def test_wrong_inputs_name_the_layer():
    with pytest.raises(ValueError, match="units"):
        layers.LSTM(0)
    with pytest.raises(ValueError, match="ndim=3"):
        layers.GRU(2)(ops.ones((2, 3)))
    with pytest.raises(ValueError, match="without a step"):
        layers.GRU(2)(ops.ones((2, 0, 3)))


def build_model():
    i = ckeras.Input((6, 4))
    h = layers.Bidirectional(layers.LSTM(3, return_sequences=True, dropout=0.1))(layers.Masking()(i))
    h = layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)], return_sequences=True)(h)
    h = layers.TimeDistributed(layers.Dense(3))(layers.GRU(3, return_sequences=True)(h))
    return ckeras.Model(i, layers.SimpleRNN(2)(h))


def test_a_model_of_all_is_saved_and_trained(tmp_path, x):
    model = build_model()
    model.compile("adam", "mse")
    y = np.zeros((3, 2), "float32")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=20, batch_size=3, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before
    model.save(tmp_path / "m.keras")
    loaded = ckeras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    clone = ckeras.models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]


@pytest.mark.parametrize("cls", [layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell, *LAYERS])
def test_config_round_trip(cls):
    layer = cls(3, dropout=0.2, kernel_regularizer="l2", activation="relu")
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_states_and_masks_of_other_shapes_are_refused(kind):
    layer, x = getattr(layers, kind)(3), np.ones((2, 5, 4), "float32")
    right = [np.zeros((2, 3), "float32")] * (2 if kind == "LSTM" else 1)
    assert layer(x, initial_state=right).shape == (2, 3)
    for shape in ((2, 2), (1, 3), (3,), (2, 5, 3)):
        with pytest.raises(ValueError, match=r"initial state 0 must be \[batch, units\], here \(2, 3\)"):
            layer(x, initial_state=[np.zeros(shape, "float32"), *right[1:]])
    with pytest.raises(ValueError, match="initial state"):
        layer(x, initial_state=[*right, right[0]])
    with pytest.raises(ValueError, match=r"mask must be \[batch, time\], here \(2, 5\)"):
        layer(x, mask=np.ones((2, 4), "bool"))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8", "float16", "float64"])
def test_inputs_of_other_dtypes_are_converted(kind, dtype):
    layer, x = getattr(layers, kind)(3), np.arange(40).reshape(2, 5, 4) % 3
    expected = layer(x.astype(dtype).astype("float32")).numpy()
    np.testing.assert_array_equal(layer(x.astype(dtype)).numpy(), expected)


def test_states_of_stacked_cells_have_symbolic_shapes():
    cells = [layers.LSTMCell(3), layers.GRUCell(2)]
    out, lstm, gru = layers.RNN(cells, return_sequences=True, return_state=True)(ckeras.Input((5, 4)))
    assert [t.shape for t in (out, *lstm, gru)] == [(None, 5, 2), (None, 3), (None, 3), (None, 2)]
