"""Metrics: means over batches, weights, state and configs."""

import numpy as np
import pytest

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
