"""Metrics: means over batches, weights, state and configs."""

import numpy as np
import pytest

import ckeras as keras
import metric_table as table
from ckeras import metrics, ops

RNG = np.random.default_rng(1)
SCORES = RNG.normal(size=(6, 4)).astype("float32")
LABELS = np.array([0, 1, 2, 3, 0, 1])


def test_mean_and_sum_over_batches():
    mean, total = metrics.Mean(), metrics.Sum()
    for batch in ([1.0, 2.0], [6.0]):
        mean.update_state(batch)
        total.update_state(batch)
    assert float(mean.result()) == 3 and float(total.result()) == 9
    mean.reset_state()
    assert float(mean.result()) == 0
    mean.update_state([[1.0, 3.0], [5.0, 7.0]], sample_weight=[1.0, 3.0])
    assert float(mean.result()) == (2 + 3 * 6) / 4


def test_accuracies():
    right = SCORES.argmax(1) == LABELS
    sparse = metrics.SparseCategoricalAccuracy()
    sparse.update_state(LABELS[:4], SCORES[:4])
    sparse.update_state(LABELS[4:, None], SCORES[4:])
    np.testing.assert_allclose(float(sparse.result()), right.mean(), rtol=1e-6)
    weights = np.arange(6, dtype="float32")
    sparse = metrics.SparseCategoricalAccuracy()
    sparse.update_state(LABELS, SCORES, sample_weight=weights)
    np.testing.assert_allclose(float(sparse.result()), (right * weights).sum() / weights.sum(), rtol=1e-6)
    dense = metrics.CategoricalAccuracy()
    dense.update_state(np.eye(4)[LABELS], SCORES)
    np.testing.assert_allclose(float(dense.result()), right.mean(), rtol=1e-6)
    binary = metrics.BinaryAccuracy(threshold=0.4)
    assert float(binary([[1], [0], [1]], [[0.45], [0.2], [0.1]])) == pytest.approx(2 / 3)
    assert float(metrics.Accuracy()([1, 2, 3], [1, 5, 3])) == pytest.approx(2 / 3)


def test_losses_as_metrics():
    y, p = SCORES, SCORES[::-1]
    assert float(metrics.MeanSquaredError()(y, p)) == pytest.approx(((y - p) ** 2).mean(), rel=1e-5)
    assert float(metrics.MeanAbsoluteError()(y, p)) == pytest.approx(np.abs(y - p).mean(), rel=1e-5)
    log_p = SCORES - np.log(np.exp(SCORES).sum(1, keepdims=True))
    expected = -log_p[np.arange(6), LABELS].mean()
    got = metrics.SparseCategoricalCrossentropy(from_logits=True)(LABELS, SCORES)
    assert float(got) == pytest.approx(expected, rel=1e-5)


def test_cosine_similarity_along_the_batch():
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    along = (x * y).sum(0) / np.sqrt((x * x).sum(0) * (y * y).sum(0))
    np.testing.assert_allclose(metrics.CosineSimilarity(axis=0)(x, y), along.mean(), rtol=1e-5)


def test_state_is_named_and_stateless_updates_leave_it():
    m = metrics.Mean(name="loss")
    assert [v.path for v in m.variables] == ["loss/total", "loss/count"]
    state = m.stateless_update_state([ops.zeros(()), ops.zeros(())], [2.0, 4.0])
    assert float(m.stateless_result(state)) == 3 and float(m.result()) == 0


def test_configs_and_names():
    m = metrics.BinaryAccuracy(threshold=0.3, name="hits")
    again = metrics.deserialize(metrics.serialize(m))
    assert again.get_config() == m.get_config() and again.name == "hits"
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    wrapped = metrics.MeanMetricWrapper(fn=metrics.mean_squared_error, name="w")
    assert float(metrics.deserialize(metrics.serialize(wrapped))([[1.0]], [[3.0]])) == 4
    with pytest.raises(ValueError, match="'mean_squared_error'"):
        metrics.get("mean_squared_eror")


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(3,\).*\(2, 4\)"):
        metrics.SparseCategoricalAccuracy().update_state([0, 1, 2], np.zeros((2, 4)))


@pytest.mark.parametrize("row", table.ROWS, ids=table.ids())
def test_traced_updates_and_configs_give_the_same(row):
    _, _, (y, p) = row
    weighted = row[1].get("axis") not in (0, -2)
    expected, metric = table.run(keras, row, weighted)
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.get_config() == metric.get_config()
    if not metric.variables or len(again.variables) != len(metric.variables):
        again.update_state(y[:1], p[:1])  # makes the state of metrics that look at the shapes
        again.reset_state()
    assert not any(v.numpy().any() for v in again.variables)

    @keras.function
    def update(y, p, w):
        again.update_state(y, p, sample_weight=w if weighted else None)
        return again.result()

    half = len(y) // 2
    for part in (slice(0, half), slice(half, None)):
        got = update(y[part], p[part], table.WEIGHTS[: len(y)][part])
    np.testing.assert_array_equal(got.numpy(), expected)


def test_area_is_the_chance_to_rank_a_pair_right():
    rng = np.random.default_rng(5)
    y, p = rng.integers(0, 2, 300), rng.integers(0, 1000, 300) / 1000
    p = np.where(y == 1, np.sqrt(p), p)
    gap = p[y == 1][:, None] - p[y == 0][None]
    exact = ((gap > 0) + 0.5 * (gap == 0)).mean()
    got = float(metrics.AUC(num_thresholds=4001)(y, p))
    assert got == pytest.approx(exact, abs=2e-4)
    logits = np.log(np.clip(p, 1e-4, 1 - 1e-4)) - np.log1p(-np.clip(p, 1e-4, 1 - 1e-4))
    assert float(metrics.AUC(num_thresholds=4001, from_logits=True)(y, logits)) == pytest.approx(exact, abs=2e-3)


def test_counts_at_the_thresholds_by_hand():
    y, p = table.one
    for limits in ([0.5], list(np.linspace(0, 1, 9)), [0.9, 0.1, 0.33]):
        above = p[None] > np.array(limits, "float32")[:, None]
        m = metrics.Precision(thresholds=limits)
        m.update_state(y, p)
        np.testing.assert_array_equal(m.true_positives.numpy(), (above & (y > 0)).sum(1))
        np.testing.assert_array_equal(m.false_positives.numpy(), (above & (y == 0)).sum(1))


def test_classes_along_another_axis():
    true, seen = table.HOT_MAPS.argmax(1), table.HOT_MAPS.argmax(1)[::-1]
    expected = metrics.MeanIoU(3)(true, seen)
    got = metrics.OneHotMeanIoU(3, axis=1)(table.HOT_MAPS, table.HOT_MAPS[::-1])
    assert float(got) == float(expected)
    assert float(metrics.IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1], sample_weight=[0.3, 0.3, 0.3, 0.1])) == (
        pytest.approx(1 / 3)
    )


def test_metrics_inside_training_are_those_of_eager_steps():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3)).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    logs = []
    for eager in (False, True):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
        made = [
            metrics.AUC(name="auc"),
            "precision",
            metrics.Recall(name="recall"),
            metrics.PrecisionAtRecall(0.8, name="at"),
        ]
        model.compile("sgd", "binary_crossentropy", metrics=made, weighted_metrics=["auc"], run_eagerly=eager)
        logs.append(model.fit(x, y, epochs=2, batch_size=16, verbose=0, class_weight={0: 1.0, 1: 3.0}).history)
    assert list(logs[0]) == ["at", "auc", "loss", "precision", "recall", "weighted_auc"]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metrics.AUC(curve="roc2"), ["curve", "roc2", "PRGAIN"]),
        (lambda: metrics.AUC(summation_method="mid"), ["summation_method", "interpolation"]),
        (lambda: metrics.AUC(num_thresholds=1), ["num_thresholds", "1"]),
        (lambda: metrics.AUC(thresholds=[0.5, 2.0]), ["thresholds", "2.0"]),
        (lambda: metrics.AUC(num_labels=3), ["multi_label"]),
        (lambda: metrics.AUC(label_weights=[1, 2])([[0, 1, 1]], [[0.1, 0.2, 0.3]]), ["label_weights"]),
        (lambda: metrics.AUC(multi_label=True)([1], [0.5]), ["[batch, labels]"]),
        (lambda: metrics.Precision(thresholds="half"), ["thresholds", "half"]),
        (lambda: metrics.Precision(top_k=0), ["top_k"]),
        (lambda: metrics.Precision(class_id=3)([[0, 1]], [[0.1, 0.2]]), ["class_id=3", "(1, 2)"]),
        (lambda: metrics.Recall()([0, 1], [0.1, 0.2, 0.3]), ["(2,)", "(3,)"]),
        (lambda: metrics.Recall()([0, 1], [0.1, 0.2], sample_weight=[1, 2, 3]), ["sample_weight", "(3,)"]),
        (lambda: metrics.RecallAtPrecision(1.5), ["precision", "1.5"]),
        (lambda: metrics.RecallAtPrecision(0.5, num_thresholds=0), ["num_thresholds"]),
        (lambda: metrics.FBetaScore(beta=-1.0), ["beta", "-1.0"]),
        (lambda: metrics.F1Score(average="mean"), ["average", "macro"]),
        (lambda: metrics.F1Score()([1.0], [1.0]), ["[batch, classes]"]),
        (lambda: metrics.IoU(2, [3]), ["target_class_ids", "3"]),
        (lambda: metrics.MeanIoU(2)([0, 2], [0, 1]), ["out of range"]),
        (lambda: metrics.R2Score(class_aggregation="mean"), ["class_aggregation", "uniform_average"]),
        (lambda: metrics.R2Score(num_regressors=-1), ["num_regressors"]),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), ["k must be"]),
        (lambda: metrics.get("f1_scor"), ["'f1_score'"]),
    ],
)
def test_messages(make, words):
    with pytest.raises(ValueError) as e:
        make()
    for word in words:
        assert word in str(e.value)
