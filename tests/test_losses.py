"""Losses against formulas in NumPy, reductions, weights and messages."""

import numpy as np
import pytest

import ckeras as keras
import loss_table as table
from ckeras import losses

RNG = np.random.default_rng(0)
P = RNG.uniform(0.05, 0.95, (4, 3)).astype("float32")
PROBS = P / P.sum(1, keepdims=True)
T = RNG.normal(size=(4, 3)).astype("float32")
BITS = (T > 0).astype("float32")
LABELS = np.array([0, 2, 1, 2])
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
LOG_SOFTMAX = T - np.log(np.exp(T).sum(1, keepdims=True))
ERROR = np.abs(T - P)

CASES = {
    "mean_squared_error": (losses.MeanSquaredError(), T, P, ((T - P) ** 2).mean(1)),
    "mean_absolute_error": (losses.MeanAbsoluteError(), T, P, ERROR.mean(1)),
    "mean_absolute_percentage_error": (
        losses.MeanAbsolutePercentageError(),
        T,
        P,
        100 * (ERROR / np.abs(T)).mean(1),
    ),
    "mean_squared_logarithmic_error": (
        losses.MeanSquaredLogarithmicError(),
        P,
        PROBS,
        ((np.log1p(P) - np.log1p(PROBS)) ** 2).mean(1),
    ),
    "huber": (losses.Huber(0.5), T, P, np.where(ERROR <= 0.5, ERROR**2 / 2, 0.5 * ERROR - 0.125).mean(1)),
    "log_cosh": (losses.LogCosh(), T, P, np.log(np.cosh(T - P)).mean(1)),
    "poisson": (losses.Poisson(), P, PROBS, (PROBS - P * np.log(PROBS + 1e-7)).mean(1)),
    "kl_divergence": (losses.KLDivergence(), P, PROBS, (P * np.log(P / PROBS)).sum(1)),
    "hinge": (losses.Hinge(), BITS, T, np.maximum(1 - (2 * BITS - 1) * T, 0).mean(1)),
    "squared_hinge": (losses.SquaredHinge(), BITS, T, (np.maximum(1 - (2 * BITS - 1) * T, 0) ** 2).mean(1)),
    "categorical_hinge": (
        losses.CategoricalHinge(),
        ONE_HOT,
        P,
        np.maximum(((1 - ONE_HOT) * P).max(1) - (ONE_HOT * P).sum(1) + 1, 0),
    ),
    "cosine_similarity": (
        losses.CosineSimilarity(),
        T,
        P,
        -(T * P).sum(1) / np.linalg.norm(T, axis=1) / np.linalg.norm(P, axis=1),
    ),
    "binary_crossentropy": (
        losses.BinaryCrossentropy(label_smoothing=0.2),
        BITS,
        P,
        -((0.8 * BITS + 0.1) * np.log(P) + (0.9 - 0.8 * BITS) * np.log(1 - P)).mean(1),
    ),
    "binary_crossentropy_logits": (
        losses.BinaryCrossentropy(from_logits=True),
        BITS,
        T,
        (np.log1p(np.exp(T)) - BITS * T).mean(1),
    ),
    "categorical_crossentropy": (losses.CategoricalCrossentropy(), ONE_HOT, PROBS, -(ONE_HOT * np.log(PROBS)).sum(1)),
    "categorical_crossentropy_logits": (
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3),
        ONE_HOT,
        T,
        -((0.7 * ONE_HOT + 0.1) * LOG_SOFTMAX).sum(1),
    ),
    "sparse_categorical_crossentropy": (
        losses.SparseCategoricalCrossentropy(),
        LABELS,
        PROBS,
        -np.log(PROBS[np.arange(4), LABELS]),
    ),
    "sparse_categorical_crossentropy_logits": (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        LABELS[:, None],
        T,
        -LOG_SOFTMAX[np.arange(4), LABELS],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_value_per_sample_and_reductions(name):
    loss, y_true, y_pred, expected = CASES[name]
    config = losses.serialize(loss)
    np.testing.assert_allclose(float(loss(y_true, y_pred)), expected.mean(), rtol=2e-5, atol=1e-6)
    again = losses.deserialize(config)
    again.reduction = None
    np.testing.assert_allclose(again(y_true, y_pred).numpy(), expected, rtol=2e-5, atol=1e-6)
    again.reduction = "sum"
    weights = np.array([1, 0, 2, 0.5], "float32")
    got = float(again(y_true, y_pred, sample_weight=weights))
    np.testing.assert_allclose(got, (expected * weights).sum(), rtol=2e-5, atol=1e-6)
    again.reduction = "mean_with_sample_weight"
    got = float(again(y_true, y_pred, sample_weight=weights))
    np.testing.assert_allclose(got, (expected * weights).sum() / 3.5, rtol=2e-5, atol=1e-6)


def test_ignored_class_counts_nothing():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, from_logits=True)
    labels = np.array([0, -1, 1, -1])
    expected = -(LOG_SOFTMAX[0, 0] + LOG_SOFTMAX[2, 1]) / 2
    np.testing.assert_allclose(float(loss(labels, T)), expected, rtol=1e-5)


def test_names_and_aliases():
    assert losses.get("mse") is losses.mean_squared_error
    assert losses.get("mean_squared_error") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get(None) is None
    assert losses.deserialize(losses.serialize(losses.huber)) is losses.huber
    assert keras.Loss is losses.Loss


def test_vector_targets_against_a_column():
    np.testing.assert_allclose(float(losses.MeanSquaredError()([1.0, 2.0], [[1.0], [4.0]])), 2.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.get("msee"), ["msee", "'mse'"]),
        (lambda: losses.MeanSquaredError(reduction="avg"), ["reduction", "avg"]),
        (lambda: losses.mean_squared_error(np.ones((2, 3)), np.ones((2, 4))), ["(2, 3)", "(2, 4)"]),
        (lambda: losses.CategoricalCrossentropy()(np.ones((4, 1)), PROBS), ["sparse_categorical_crossentropy"]),
        (lambda: losses.SparseCategoricalCrossentropy()([0, 1, 2, 3], PROBS), ["label 3", "3 classes"]),
        (lambda: losses.MeanSquaredError()(T, P, sample_weight=np.ones(3)), ["sample_weight", "(3,)"]),
        (lambda: losses.CategoricalFocalCrossentropy()(LABELS, PROBS), ["sparse_categorical_crossentropy"]),
        (lambda: losses.CategoricalCrossentropy()(ONE_HOT[:, :2], PROBS), ["(4, 2)", "(4, 3)"]),
        (lambda: losses.SparseCategoricalCrossentropy()(ONE_HOT, PROBS), ["categorical_crossentropy"]),
        (lambda: losses.CategoricalGeneralizedCrossEntropy()(ONE_HOT, PROBS), ["argmax"]),
        (lambda: losses.CategoricalGeneralizedCrossEntropy()([0, 1, 2, 3], PROBS), ["out of range"]),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.5), ["q must be", "1.5"]),
        (lambda: losses.Dice()(BITS[:, :2], P), ["dice", "(4, 2)", "(4, 3)"]),
        (lambda: losses.Circle()([0, 1], P), ["(2,)", "(4, 3)"]),
        (lambda: losses.CTC()(LABELS, PROBS), ["[batch, steps, classes]"]),
        (lambda: losses.BinaryFocalCrossentropy(label_smoothing=2), ["label_smoothing"]),
        (lambda: losses.get("tverski"), ["'tversky'"]),
    ],
)
def test_messages(make, words):
    with pytest.raises(ValueError) as e:
        make()
    for word in words:
        assert word in str(e.value)


@pytest.mark.parametrize("row", table.ROWS, ids=table.ids())
def test_traced_calls_gradients_and_configs(row):
    name, options, y, p = row
    loss = getattr(losses, name)(**options)
    weight = None if table.of_all(options, name) else table.WEIGHTS
    expected = loss(y, p, weight)
    again = losses.deserialize(losses.serialize(loss))
    assert again.get_config() == {k: list(v) if isinstance(v, tuple) else v for k, v in loss.get_config().items()}
    np.testing.assert_array_equal(keras.function(lambda y, p: again(y, p, weight))(y, p).numpy(), expected.numpy())
    x, v = keras.ops.convert_to_tensor(p.astype("float64")), RNG.normal(size=p.shape)
    exact = getattr(losses, name)(dtype="float64", **options)
    with keras.GradientTape() as tape:
        tape.watch(x)
        value = exact(y, x)
    h = 1e-6
    slope = (float(exact(y, x + h * v)) - float(exact(y, x - h * v))) / (2 * h)
    np.testing.assert_allclose((tape.gradient(value, x).numpy() * v).sum(), slope, rtol=1e-4, atol=1e-7)


def test_embeddings_without_a_partner_count_nothing():
    alone = losses.Circle()([0, 0, 1], table.UNIT[:3])
    values = losses.circle([0, 0, 1], table.UNIT[:3]).numpy()
    assert values[2] == 0 and float(alone) == pytest.approx(values[:2].mean(), rel=1e-6)
    others = losses.circle([0, 1], table.UNIT[:2], [0, 1, 0], table.UNIT[2:5], remove_diagonal=False)
    assert others.shape == (2,) and (others.numpy() > 0).all()
