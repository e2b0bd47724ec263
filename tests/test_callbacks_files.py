"""Callbacks that write, send or swap: backups, TensorBoard, a server, averages."""

import http.server
import json
import struct
import sys
import threading
import urllib.parse

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(optimizer=None):
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1)])
    m.compile(optimizer or keras.optimizers.Adam(0.01), "mse")
    return m


class Ends(Exception):
    pass


class EndsAt(keras.callbacks.Callback):
    """Interrupts training at a batch of an epoch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise Ends


def fit(m, *callbacks, epochs=4, **kwargs):
    return m.fit(X, Y, batch_size=10, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks), **kwargs)


# ---- BackupAndRestore


@pytest.mark.parametrize("double", [False, True])
def test_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path, double):
    folder = tmp_path / "backup"
    whole = model()
    fit(whole)
    with pytest.raises(Ends):
        fit(model(), keras.callbacks.BackupAndRestore(folder, double_checkpoint=double), EndsAt(2, 1))
    names = {"latest.weights.h5", "training_metadata.json"}
    if double:
        names |= {"previous.weights.h5", "training_metadata.previous.json"}
    assert {f.name for f in folder.iterdir()} == names
    again = model(keras.optimizers.Adam(0.01))
    history = fit(again, keras.callbacks.BackupAndRestore(folder, double_checkpoint=double))
    assert history.epoch == [2, 3]
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not folder.exists()


def test_a_damaged_backup_falls_back_to_the_one_before(tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", double_checkpoint=True, delete_checkpoint=False)
    fit(model(), backup, epochs=2)
    latest = tmp_path / "b" / "latest.weights.h5"
    latest.write_bytes(latest.read_bytes()[:100])
    m = model()
    assert fit(m, backup, epochs=3).epoch == [1, 2]
    latest.unlink()  # ended between moving the last one and writing the next
    assert fit(model(), backup, epochs=3).epoch == [2]
    (tmp_path / "b" / "previous.weights.h5").unlink()
    latest.write_bytes(b"nothing")
    with pytest.raises((OSError, ValueError)):
        fit(model(), backup)


@pytest.mark.parametrize("chunk", [1, 2])
def test_backups_between_batches(tmp_path, chunk):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", save_freq=3, delete_checkpoint=False)
    saved = []
    backup._save = lambda batch: saved.append((backup._epoch, batch))
    m = model()
    m.compile("sgd", "mse", steps_per_execution=chunk)
    fit(m, backup, epochs=3)
    # of 4 batches an epoch, 3 a backup; chunks of 2 steps are seen whole
    assert saved == ([(0, 2), (1, 1), (2, 0), (2, 3)] if chunk == 1 else [(0, 3), (1, 3), (2, 3)])


def test_a_backup_of_a_finished_epoch_count_trains_no_more(tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    fit(model(), backup, epochs=2)
    m = model()
    assert fit(m, backup, epochs=2).epoch == []
    assert fit(m, epochs=2).epoch == [0, 1]  # the next fit starts where it is told to


@pytest.mark.parametrize("given", [{"backup_dir": ""}, {"backup_dir": "b", "save_freq": 0}])
def test_backup_names_a_wrong_argument(given):
    with pytest.raises(ValueError, match="backup_dir" if len(given) == 1 else "save_freq"):
        keras.callbacks.BackupAndRestore(**given)


def test_a_model_that_is_not_built_cannot_be_restored(tmp_path):
    m = keras.Sequential([layers.Dense(1)])
    m.compile("sgd", "mse")
    with pytest.raises(ValueError, match="not built"):
        fit(m, keras.callbacks.BackupAndRestore(tmp_path / "b"))


# ---- SwapEMAWeights


class Looks(keras.callbacks.Callback):
    """Takes down the first weight at every hook."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def _look(self, name):
        self.seen.append((name, self.model.weights[0].numpy().copy(), self.model.optimizer._average[0].numpy().copy()))

    def on_epoch_end(self, epoch, logs=None):
        self._look("epoch")

    def on_test_begin(self, logs=None):
        self._look("test")

    def on_train_end(self, logs=None):
        self._look("end")


@pytest.mark.parametrize("on_epoch", [False, True])
def test_averages_are_evaluated_and_training_does_not_notice(on_epoch):
    plain, swapped = model(keras.optimizers.SGD(0.1, use_ema=True)), model(keras.optimizers.SGD(0.1, use_ema=True))
    fit(plain)
    look = Looks()
    fit(swapped, keras.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch), look, validation_data=(X, Y))
    assert [name for name, *_ in look.seen] == ["test", "epoch"] * 4 + ["end"]
    for name, weight, average in look.seen:
        assert np.array_equal(weight, average) == (name != "epoch" or on_epoch)
    for a, b in zip(swapped.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_validation_with_averages_gives_their_loss():
    m = model(keras.optimizers.SGD(0.1, use_ema=True))
    found = fit(m, keras.callbacks.SwapEMAWeights(), epochs=1, validation_data=(X, Y)).history["val_loss"][0]
    assert found == pytest.approx(m.evaluate(X, Y, verbose=0), rel=1e-6)  # fit leaves the averages in the model
    m.weights[0].assign(m.weights[0] * 0)
    swap = keras.callbacks.SwapEMAWeights()
    assert m.evaluate(X, Y, verbose=0, callbacks=[swap]) == pytest.approx(found, rel=1e-6)
    m.predict(X, verbose=0, callbacks=[swap])
    assert not m.weights[0].numpy().any()


def test_no_averages_no_swap():
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(model(), keras.callbacks.SwapEMAWeights())


# ---- RemoteMonitor


@pytest.fixture
def server():
    got = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], self.headers["X-Who"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as s:
        thread = threading.Thread(target=s.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{s.server_port}", got
        s.shutdown()
        thread.join()


@pytest.mark.parametrize("as_json", [False, True])
def test_logs_are_sent(server, as_json):
    root, got = server
    given = {"path": "/p", "field": "f", "headers": {"X-Who": "me"}, "send_as_json": as_json}
    history = fit(model(), keras.callbacks.RemoteMonitor(root, **given), epochs=2).history
    for epoch, (path, kind, who, body) in enumerate(got):
        logs = json.loads(body if as_json else urllib.parse.parse_qs(body)["f"][0])
        assert logs == {"epoch": epoch, "loss": history["loss"][epoch]}
        assert (path, who) == ("/p", "me") and ("json" in kind) == as_json
    assert len(got) == 2


def test_no_server_is_a_warning():
    with pytest.warns(UserWarning, match="no answer from http://127.0.0.1:9"):
        fit(model(), keras.callbacks.RemoteMonitor("http://127.0.0.1:9"), epochs=1)
    with pytest.raises(ValueError, match="http"):
        keras.callbacks.RemoteMonitor("file:///etc")


# ---- TensorBoard


def events(folder):
    """Tag -> list of (step, value) in all files of events of a folder."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = {}
    for file in sorted(folder.iterdir()):
        data, at = file.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
            at += 16 + length
    return found


def numbers(found, tag):
    return [(step, pytest.approx(value.simple_value)) for step, value in found[tag]]


def test_tensorboard_gets_losses_rates_and_the_graph(tmp_path):
    pytest.importorskip("tensorboardX")
    pytest.importorskip("PIL")
    m = model()
    board = keras.callbacks.TensorBoard(tmp_path / "logs", histogram_freq=2, write_images=True)
    history = fit(m, board, epochs=3, validation_data=(X, Y)).history
    train, validation = events(tmp_path / "logs" / "train"), events(tmp_path / "logs" / "validation")
    assert numbers(train, "epoch_loss") == list(enumerate(history["loss"]))
    assert numbers(train, "epoch_learning_rate") == [(i, 0.01) for i in range(3)]
    assert numbers(validation, "epoch_loss") == list(enumerate(history["val_loss"]))
    assert [s for s, _ in validation["evaluation_loss_vs_iterations"]] == [4, 8, 12]
    assert not any(tag.startswith("batch_") or "per_second" in tag for tag in train)
    (graph,) = train["keras"]
    assert json.loads(graph[1].tensor.string_val[0])["class_name"] == "Sequential"
    assert graph[1].metadata.plugin_data.plugin_name == "graph_keras_model"
    for v in m.weights:
        assert [s for s, _ in train[f"{v.path}/histogram"]] == [0, 2]
    assert train[f"{m.weights[0].path}/histogram"][0][1].histo.num == 6
    image = train[f"{m.weights[0].path}/image/0"][0][1].image
    assert (image.height, image.width) == (2, 3) and image.encoded_image_string.startswith(b"\x89PNG")


def test_tensorboard_at_batches(tmp_path):
    pytest.importorskip("tensorboardX")
    board = keras.callbacks.TensorBoard(tmp_path, update_freq=2, write_graph=False, write_steps_per_second=True)
    fit(model(), board, epochs=2)
    train = events(tmp_path / "train")
    assert [s for s, _ in train["batch_loss"]] == [2, 4, 6, 8]
    assert all(v.simple_value > 0 for _, v in train["batch_steps_per_second"] + train["epoch_steps_per_second"])
    assert "keras" not in train and not any("histogram" in tag for tag in train)
    own = keras.callbacks.TensorBoard(tmp_path / "own", update_freq="batch")
    own.set_model(model())
    own.summary.add_scalar("mine", 3.0, 1)
    own.on_train_end()
    assert numbers(events(tmp_path / "own" / "train"), "mine") == [(1, 3.0)]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"profile_batch": 2}, NotImplementedError),
        ({"embeddings_freq": 1}, NotImplementedError),
        ({"embeddings_metadata": "m.tsv"}, NotImplementedError),
        ({"update_freq": "often"}, ValueError),
    ],
)
def test_tensorboard_says_what_is_not_there(given, error):
    with pytest.raises(error, match=next(iter(given))):
        keras.callbacks.TensorBoard(**given)


@pytest.mark.parametrize("missing", ["tensorboardX", "PIL"])
def test_tensorboard_needs_its_packages(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match="pip install tensorboardX" if missing == "tensorboardX" else "Pillow"):
        keras.callbacks.TensorBoard(tmp_path, write_images=True).set_model(model())


# ---- the rest of the names


def test_orbax_names_what_to_use_instead(tmp_path):
    with pytest.raises(NotImplementedError, match="ModelCheckpoint"):
        keras.callbacks.OrbaxCheckpoint(tmp_path)


def test_values_that_callbacks_tell():
    assert keras.callbacks.EarlyStopping("loss").get_monitor_value({"loss": 2.0}) == 2.0
    plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=1, cooldown=2, min_delta=100)
    assert not plateau.in_cooldown()
    fit(model(), plateau, epochs=3)
    assert plateau.in_cooldown()
