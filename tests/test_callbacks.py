"""Callbacks, and the progress bar."""

import io
import re
import sys

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(rate=0.01):
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    m.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return m


class Scripted(keras.callbacks.Callback):
    """Puts given values into the logs, so that others see them."""

    def __init__(self, name, values):
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def run(callback, values, name="val_loss"):
    m = model()
    m.fit(X, Y, epochs=len(values), callbacks=[Scripted(name, values), callback], verbose=0)
    return m


@pytest.mark.parametrize(
    ("values", "args", "stopped"),
    [
        ([5, 4, 3, 3, 3, 3], {"patience": 2}, 4),
        ([5, 4, 3, 2, 1, 0], {"patience": 1}, 0),
        ([5, 4.95, 4.9, 4.85, 4.8], {"patience": 2, "min_delta": 1}, 2),
        ([9, 9, 9, 9, 9], {"patience": 1, "start_from_epoch": 3}, 4),
        ([1, 2, 3, 4], {"patience": 1, "mode": "max"}, 0),
        ([5, 4, 3, 2, 1], {"patience": 2, "baseline": 0.5}, 0),
    ],
)
def test_early_stopping_stops_at_the_right_epoch(values, args, stopped):
    stop = keras.callbacks.EarlyStopping(**args)
    run(stop, values)
    assert stop.stopped_epoch == stopped


def test_early_stopping_restores_the_best_weights():
    best = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: best.append(m.get_weights()))
    m = model()
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    m.fit(X, Y, epochs=9, callbacks=[Scripted("val_loss", [3, 1, 2, 2, 2, 2, 2, 2, 2]), keep, stop], verbose=0)
    assert stop.stopped_epoch == 3 and stop.best_epoch == 1
    for a, b in zip(m.get_weights(), best[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_missing_metric_warns_with_the_names_there_are():
    with pytest.warns(UserWarning, match="nope.*loss"):
        model().fit(X, Y, callbacks=[keras.callbacks.EarlyStopping("nope")], verbose=0)


def test_checkpoints_by_epoch_by_best_and_by_batch(tmp_path):
    each = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}-{loss:.2f}.keras")
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", save_best_only=True, save_weights_only=True)
    batch = keras.callbacks.ModelCheckpoint(
        tmp_path / "b{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=3
    )
    m = model()
    saved = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: saved.append(m.get_weights()))
    script = Scripted("val_loss", [3, 1, 2])
    m.fit(X, Y, batch_size=16, epochs=3, callbacks=[script, each, best, batch, keep], verbose=0)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert [n[:2] for n in names if n.endswith(".keras")] == ["01", "02", "03"]
    assert [n for n in names if n.startswith("b") and "-" in n] == [
        "b1-3.weights.h5",
        "b2-2.weights.h5",
        "b3-1.weights.h5",
        "b3-4.weights.h5",
    ]
    m.load_weights(tmp_path / "best.weights.h5")
    np.testing.assert_array_equal(m.get_weights()[0], saved[1][0])
    with pytest.raises(ValueError, match=r"weights\.h5"):
        keras.callbacks.ModelCheckpoint("a.keras", save_weights_only=True)
    with pytest.raises(ValueError, match=r"\.keras' or '\.h5' when"):
        keras.callbacks.ModelCheckpoint("a.weights.h5")
    model().fit(X, Y, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "old.h5")], verbose=0)
    assert keras.models.load_model(tmp_path / "old.h5").predict(X, verbose=0).shape[0] == len(X)
    with pytest.raises(KeyError, match="val_nope"):
        model().fit(X, Y, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "{val_nope}.keras")], verbose=0)


def test_learning_rates_follow_their_schedules():
    m = model(0.1)
    h = m.fit(X, Y, epochs=3, callbacks=[keras.callbacks.LearningRateScheduler(lambda e, lr: lr / 2)], verbose=0)
    np.testing.assert_allclose(h.history["learning_rate"], [0.05, 0.025, 0.0125], rtol=1e-6)
    m = model(0.1)
    plateau = keras.callbacks.ReduceLROnPlateau(patience=2, factor=0.5, min_lr=0.03)
    m.fit(X, Y, epochs=7, callbacks=[Scripted("val_loss", [1] * 7), plateau], verbose=0)
    np.testing.assert_allclose(float(m.optimizer.learning_rate), 0.03, rtol=1e-6)


def test_nan_ends_training_at_its_batch():
    y = Y.copy()
    y[20] = np.nan
    m = model()
    m.fit(X, y, batch_size=16, epochs=5, shuffle=False, callbacks=[keras.callbacks.TerminateOnNaN()], verbose=0)
    assert int(m.optimizer.iterations) == 2
    ended = []
    others = [keras.callbacks.LambdaCallback(on_train_end=ended.append)]
    nan = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="batch 1 is nan"):
        model().fit(X, y, batch_size=16, shuffle=False, verbose=0, callbacks=[nan, *others])
    assert ended == []


def test_evaluate_and_predict_stop_when_told():
    class Stop(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    m = model()
    expected = m.evaluate(X[:16], Y[:16], verbose=0)
    for _ in range(2):
        assert m.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[Stop()]) == pytest.approx(expected)
        assert len(m.predict(X, batch_size=8, verbose=0, callbacks=[Stop()])) == 16
    assert m.stop_evaluating and m.stop_predicting and not m.stop_training
    assert len(m.predict(X, batch_size=8, verbose=0)) == len(X)
    assert m.evaluate(X, Y, batch_size=8, verbose=0) != pytest.approx(expected)


def test_csv_log_has_a_line_per_epoch(tmp_path):
    path = tmp_path / "log.csv"
    m = model()
    m.fit(X, Y, epochs=2, validation_split=0.5, callbacks=[keras.callbacks.CSVLogger(path)], verbose=0)
    m.fit(X, Y, epochs=1, validation_split=0.5, callbacks=[keras.callbacks.CSVLogger(path, append=True)], verbose=0)
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,loss,mae,val_loss,val_mae"
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1", "0"]


def test_what_is_no_callback_is_named():
    with pytest.raises(TypeError, match="instance"):
        model().fit(X, Y, callbacks=[keras.callbacks.EarlyStopping], verbose=0)
    with pytest.raises(ValueError, match="on_nothing"):
        keras.callbacks.LambdaCallback(on_nothing=print)


def test_the_log_looks_as_that_of_keras(capsys):
    model().fit(X, Y, epochs=2, batch_size=16, validation_split=0.5, verbose=2)
    model().fit(X, Y, epochs=1, batch_size=16)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2"
    number = r"\d+\.\d{4}(e-\d+)?"
    metrics = f" - loss: {number} - mae: {number}"
    assert re.fullmatch(rf"2/2 - 0s - \d+[mu]s/step{metrics} - val_loss: {number} - val_mae: {number}", lines[1])
    assert re.fullmatch(rf"4/4 \u2501{{20}} 0s \d+[mu]s/step{metrics}", lines[4])


def test_a_terminal_gets_one_line_that_moves(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    bar = keras.utils.Progbar(2, interval=0)
    bar.update(1, [("loss", 0.5)])
    bar.update(2, [("loss", 0.25)])
    text = out.getvalue()
    assert text.count("\n") == 1 and text.count("\r") == 2
    assert "1/2" in text and "loss: 0.3750" in text


def test_every_hook_is_given_logs():
    heard = []

    class Strict(keras.callbacks.Callback):
        def on_train_begin(self, logs):
            heard.append(logs)

        def on_epoch_begin(self, epoch, logs):
            heard.append(logs)

        def on_test_begin(self, logs):
            heard.append(logs)

        def on_predict_begin(self, logs):
            heard.append(logs)

    m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    m.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    m.fit(x, x[:, :1], validation_data=(x, x[:, :1]), verbose=0, callbacks=[Strict()])
    m.predict(x, verbose=0, callbacks=[Strict()])
    assert heard == [{}, {}, {}, {}]
    keras.callbacks.CallbackList([Strict()]).on_epoch_begin(3)
    assert len(heard) == 5


def test_which_way_a_metric_goes_comes_from_the_metric():
    def closeness(y_true, y_pred):
        return keras.ops.mean(y_pred - y_true, -1)

    named = [keras.metrics.AUC(name="under"), keras.metrics.MeanSquaredError(name="far"), "mae", closeness]
    x, y = np.ones((8, 2), "float32"), np.float32([[0], [1]] * 4)

    def best_of(monitor, mode="auto"):
        m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
        m.compile("sgd", "mse", metrics=named)
        stop = keras.callbacks.EarlyStopping(monitor, mode=mode)
        m.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[stop])
        return stop._upwards

    assert [best_of(name) for name in ("under", "val_under", "far", "val_mae", "loss")] == [True, True] + [False] * 3
    assert best_of("closeness", "max")
    with pytest.raises(ValueError, match="'closeness' should rise or fall"):
        best_of("closeness")
