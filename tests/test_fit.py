"""fit, evaluate and predict: numbers, steps, errors, and what survives them."""

import gc
import hashlib
import os
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers


def data(n=100, features=8, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, features)).astype("float32"), rng.integers(0, classes, n)


def model(features=8, classes=3, **compile_args):
    keras.utils.set_random_seed(3)
    m = keras.Sequential(
        [
            keras.Input((features,)),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dropout(0.2),
            layers.Dense(classes, activation="softmax", name="head"),
        ]
    )
    m.compile(
        **{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compile_args}
    )
    return m


def weights_hash(m):
    return hashlib.sha256(b"".join(w.tobytes() for w in m.get_weights())).hexdigest()


def test_eager_steps_give_the_bits_of_traced_ones():
    x, y = data(70)
    found = []
    for eager in (False, True):
        m = model(run_eagerly=eager)
        h = m.fit(x, y, epochs=2, batch_size=32, validation_split=0.2, verbose=0)
        found.append((weights_hash(m), h.history, m.predict(x, verbose=0).tobytes()))
    assert found[0] == found[1]


def test_every_batch_seen_by_a_callback_gives_the_same_bits():
    x, y = data(100)
    seen = []
    hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append((batch, sorted(logs))))
    hashes = []
    for callbacks in ([], [hook]):
        m = model()
        m.fit(x, y, epochs=2, callbacks=callbacks, verbose=0)
        hashes.append(weights_hash(m))
    assert hashes[0] == hashes[1]
    assert seen == [(i, ["accuracy", "loss"]) for _ in range(2) for i in range(4)]


def test_training_learns_and_history_has_one_value_per_epoch():
    x, _ = data(300)
    y = (x[:, 0] > 0).astype("int32")
    m = model(classes=2, optimizer=keras.optimizers.Adam(0.01))
    h = m.fit(x, y, epochs=15, validation_split=0.1, verbose=0)
    assert h.history["accuracy"][-1] > 0.85
    assert set(h.history) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert all(len(v) == 15 for v in h.history.values())
    assert m.history is h


def test_evaluate_is_the_mean_over_samples_and_sees_sample_weights():
    x, y = data(50)
    m = model()
    p = m.predict(x, batch_size=7, verbose=0)
    losses = -np.log(p[np.arange(50), y])
    loss, accuracy = m.evaluate(x, y, batch_size=50, verbose=0)
    np.testing.assert_allclose([loss, accuracy], [losses.mean(), (p.argmax(-1) == y).mean()], rtol=1e-5)
    np.testing.assert_allclose(m.evaluate(x, y, batch_size=8, verbose=0)[0], losses.mean(), rtol=1e-5)
    w = np.arange(50, dtype="float32")
    found = m.evaluate(x, y, sample_weight=w, batch_size=50, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], (losses * w).mean(), rtol=1e-5)


def test_class_weight_equals_the_sample_weights_it_stands_for():
    x, y = data(64)
    weights = {0: 1.0, 1: 3.0, 2: 0.5}
    a = model()
    a.fit(x, y, class_weight=weights, verbose=0)
    b = model()
    b.fit(x, y, sample_weight=np.array([weights[int(k)] for k in y], "float32"), verbose=0)
    assert weights_hash(a) == weights_hash(b)
    with pytest.raises(ValueError, match="class_weight or sample_weight"):
        a.fit(x, y, class_weight=weights, sample_weight=np.ones(64), verbose=0)


def test_shuffle_follows_the_seed_and_false_keeps_the_order():
    x, y = data(64)
    hashes = []
    for shuffle in (True, True, False, False, "batch"):
        m = model()
        m.fit(x, y, batch_size=8, shuffle=shuffle, verbose=0)
        hashes.append(weights_hash(m))
    assert hashes[0] == hashes[1] and hashes[2] == hashes[3]
    assert len({hashes[0], hashes[2], hashes[4]}) == 3
    with pytest.raises(ValueError, match="shuffle"):
        model().fit(x, y, shuffle="maybe", verbose=0)


def test_steps_and_epochs_are_counted():
    x, y = data(100)
    m = model()
    m.fit(x, y, batch_size=10, epochs=5, initial_epoch=3, steps_per_epoch=4, verbose=0)
    assert int(m.optimizer.iterations) == 8
    assert m.history.epoch == [3, 4]
    m.fit(x[:1], y[:1], verbose=0)
    assert int(m.optimizer.iterations) == 9


def test_validation_freq_and_separate_validation_data():
    x, y = data(60)
    m = model()
    h = m.fit(x, y, epochs=4, validation_data=(x[:20], y[:20]), validation_freq=2, verbose=0)
    assert len(h.history["val_loss"]) == 2 and len(h.history["loss"]) == 4
    loss = m.evaluate(x[:20], y[:20], verbose=0)[0]
    np.testing.assert_allclose(h.history["val_loss"][-1], loss, rtol=1e-6)


def test_many_outputs_have_their_losses_weights_and_names():
    inputs = keras.Input((4,))
    a, b = layers.Dense(1, name="a")(inputs), layers.Dense(2, name="b")(inputs)
    m = keras.Model(inputs, {"a": a, "b": b})
    m.compile("sgd", loss={"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.5}, metrics={"b": ["mse"]})
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    y = {"a": x[:, :1], "b": x[:, :2]}
    found = m.evaluate(x, y, batch_size=20, verbose=0, return_dict=True)
    p = m.predict(x, verbose=0)
    mse, mae = ((p["a"] - y["a"]) ** 2).mean(), np.abs(p["b"] - y["b"]).mean()
    assert sorted(found) == ["a_loss", "b_loss", "b_mse", "loss"]
    np.testing.assert_allclose([found["a_loss"], found["loss"]], [mse, mse + 0.5 * mae], rtol=1e-5)
    with pytest.raises(ValueError, match="zz"):
        m.compile("sgd", loss={"zz": "mse"})
        m.fit(x, y, verbose=0)


def test_train_on_batch_and_predict_on_batch():
    x, y = data(16)
    m = model()
    first = m.train_on_batch(x, y, return_dict=True)
    assert sorted(first) == ["accuracy", "loss"]
    assert int(m.optimizer.iterations) == 1
    np.testing.assert_array_equal(m.predict_on_batch(x), m.predict(x, verbose=0))
    m.reset_metrics()
    assert isinstance(m.test_on_batch(x, y), list)


def test_an_overridden_train_step_is_traced_and_sees_new_flags():
    class Doubling(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.runs = 0

        def call(self, x):
            return self.dense(x)

        def train_step(self, batch):
            self.runs += 1
            x, y = batch
            with keras.GradientTape() as tape:
                loss = keras.ops.mean(keras.ops.square(self(x, training=True) - y))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    m = Doubling()
    m.compile("sgd")
    x = np.ones((64, 2), "float32")
    h = m.fit(x, x[:, :1], epochs=5, verbose=0)
    assert m.runs == 1
    assert h.history["loss"][-1] < h.history["loss"][0]


@pytest.mark.parametrize("form", ["training", "kwargs", "neither"])
def test_an_overridden_compute_loss_need_not_take_training(form):
    seen = []

    class Doubled(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(1)

        def call(self, x):
            return self.inner(x)

    if form == "training":

        class Doubled(Doubled):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                seen.append(training)
                return 2 * super().compute_loss(x, y, y_pred, sample_weight, training=training)

    elif form == "kwargs":

        class Doubled(Doubled):
            def compute_loss(self, **kwargs):
                seen.append(kwargs["training"])
                return 2 * super().compute_loss(**kwargs)

    else:

        class Doubled(Doubled):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
                seen.append(None)
                return 2 * super().compute_loss(x, y, y_pred, sample_weight)

    m = Doubled()
    m.compile("sgd", "mse", metrics=["mse"])
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    m.fit(x, y, verbose=0)
    logs = m.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(2 * logs["mse"])
    assert seen == ([None, None] if form == "neither" else [True, False])


def test_a_frozen_layer_stays_and_thaws():
    x, y = data(32)
    m = model()
    m.fit(x, y, verbose=0)
    m.get_layer("hidden").trainable = False
    m.compile("sgd", "sparse_categorical_crossentropy")
    before = m.get_layer("hidden").get_weights()[0]
    m.fit(x, y, verbose=0)
    np.testing.assert_array_equal(m.get_layer("hidden").get_weights()[0], before)
    m.get_layer("hidden").trainable = True
    m.compile("sgd", "sparse_categorical_crossentropy")
    m.fit(x, y, verbose=0)
    assert not np.array_equal(m.get_layer("hidden").get_weights()[0], before)


def test_code_that_needs_a_value_runs_eagerly_with_one_warning():
    class Peeks(layers.Layer):
        def call(self, x):
            return x * 2 if float(keras.ops.sum(x)) > 0 else x

    keras.utils.set_random_seed(0)

    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.peeks, self.head = Peeks(), layers.Dense(1)

        def call(self, x):
            return self.head(self.peeks(x))

    m = Outer()
    m.compile("sgd", "mse")
    x = np.ones((64, 2), "float32")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        h = m.fit(x, x[:, :1], epochs=3, verbose=0)
    assert [w.category for w in caught] == [RuntimeWarning]
    assert h.history["loss"][-1] < h.history["loss"][0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, x, y: m.fit(x, y + 5, verbose=0), "label.*range.*sparse_categorical_crossentropy"),
        (lambda m, x, y: m.fit(x, y[:-1], verbose=0), "same number of samples"),
        (lambda m, x, y: m.fit(x[:, :5], y, verbose=0), "5"),
        (lambda m, x, y: m.fit(x[:0], y[:0], verbose=0), "empty"),
        (lambda m, x, y: m.fit(x, y, batch_size=0, verbose=0), "batch_size"),
        (lambda m, x, y: m.fit(x, y, epochs=-1, verbose=0), "epochs"),
        (lambda m, x, y: m.fit(x, y, validation_split=1.5, verbose=0), "validation_split"),
        (lambda m, x, y: m.fit(x, y, verbose=7), "verbose"),
        (lambda m, x, y: m.fit(x.astype(str), y, verbose=0), "numbers"),
        (lambda m, x, y: m.fit(None, y, verbose=0), "x is missing"),
        (lambda m, x, y: m.fit(iter([]), verbose=0), "no batch"),
        (lambda m, x, y: m.compile("sgd", "nonsense"), "nonsense"),
        (lambda m, x, y: m.compile("sgd", "mse", steps_per_execution=0), "steps_per_execution"),
        (lambda m, x, y: m.compile("sgd", "mse", metrics="accuracy"), "metrics"),
    ],
)
def test_mistakes_are_named_and_leave_the_model_usable(call, words):
    x, y = data(40)
    m = model()
    with pytest.raises(ValueError, match=f"(?s){words}"):
        call(m, x, y)
    m.fit(x, y, verbose=0)
    assert np.isfinite(m.predict(x, verbose=0)).all()


def test_a_model_that_is_not_compiled_says_so():
    m = keras.Sequential([layers.Dense(1)])
    x = np.zeros((2, 2))
    for call in (m.fit, m.evaluate, m.train_on_batch, m.test_on_batch):
        with pytest.raises(ValueError, match=r"compile\("):
            call(x, np.zeros(2))


def test_an_exception_in_a_callback_leaves_a_usable_model():
    x, y = data(64)
    m = model()

    def stop(batch, logs):
        if batch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        m.fit(x, y, batch_size=16, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=stop)], verbose=0)
    assert int(m.optimizer.iterations) == 2
    m.fit(x, y, verbose=0)


def test_ctrl_c_stops_a_long_fit_soon():
    x, y = data(4096)
    m = model()
    m.fit(x[:32], y[:32], verbose=0)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        m.fit(x, y, batch_size=4, epochs=2_000, verbose=0)
    timer.join()
    assert np.isfinite(m.predict(x[:4], verbose=0)).all()
    m.fit(x[:32], y[:32], verbose=0)


def test_threads_may_predict_at_once():
    x, _ = data(64)
    m = model()
    expected = m.predict(x, batch_size=64, verbose=0)
    wrong = []

    def work(k):
        for _ in range(100):
            n = 1 + k % 64
            if not np.array_equal(m.predict(x[:n], verbose=0, batch_size=64), expected[:n]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in (0, 7, 31, 63)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def rss():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_is_flat_over_100_000_predicts():
    x, _ = data(4)
    m = model()
    for _ in range(5000):
        m.predict(x, verbose=0)
    before = rss()
    for _ in range(100_000):
        m.predict(x, verbose=0)
    assert rss() - before < 2 << 20


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_is_flat_over_1_000_builds():
    x, y = data(4)

    def build():
        m = keras.Sequential([keras.Input((8,)), layers.Dense(64), layers.Dense(3, activation="softmax")])
        m.compile("sgd", "sparse_categorical_crossentropy")
        m.fit(x, y, verbose=0)
        m.predict(x, verbose=0)

    for _ in range(200):
        build()
    keras.backend.clear_session()
    # A model is full of cycles, and Python sweeps them the later the more objects a process has: sweep them here.
    growth = []  # the heap of a whole test run may settle in one round; a leak shows in every one
    for _ in range(3):
        gc.collect()
        before = rss()
        for _ in range(350):
            build()
        gc.collect()
        growth.append(rss() - before)
    assert min(growth) < 2 << 20, growth


PROGRAM = """
import hashlib, numpy as np, ckeras as keras
from ckeras import layers
keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(300, 12, 12, 1)).astype("float32"), rng.integers(0, 5, 300)
m = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(),
                      layers.Flatten(), layers.Dropout(0.3), layers.Dense(5, activation="softmax")])
m.compile("adam", "sparse_categorical_crossentropy")
m.fit(x, y, epochs=2, verbose=0)
print(hashlib.sha256(b"".join(w.tobytes() for w in m.get_weights())).hexdigest())
"""


def test_same_bits_for_every_thread_count_and_instruction_set():
    def run(**env):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env={**os.environ, **env}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with open("/proc/cpuinfo") as f:
        flags = f.read()
    one = run(CKERAS_NUM_THREADS="1")
    for n in "23":
        assert run(CKERAS_NUM_THREADS=n) == one
    for isa, flag in (("avx2", "avx2"), ("avx512", "avx512f")):
        if flag in flags:
            assert run(CKERAS_ISA=isa, CKERAS_NUM_THREADS="2") == one, isa


def test_float16_trains_with_a_scale_that_adapts():
    def mixed():
        return keras.Sequential(
            [keras.Input((3,)), layers.Dense(8, activation="relu"), layers.Dense(1, dtype="float32")]
        )

    plain = mixed()
    plain.compile("adam", "mse", auto_scale_loss=True)
    assert type(plain.optimizer) is keras.optimizers.Adam
    x = np.random.default_rng(0).normal(size=(256, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, eager, unscaled = mixed(), mixed(), mixed()
    finally:
        keras.config.set_dtype_policy("float32")
    eager.set_weights(model.get_weights())
    for m in (model, eager):
        # The first scale overflows float16, so steps are left out until it is small enough.
        m.compile(
            keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.02), 2.0**24), "mse", run_eagerly=m is eager
        )
        history = m.fit(x, y, epochs=12, batch_size=32, shuffle=False, verbose=0).history["loss"]
        assert history[-1] < 0.1 * history[0] and np.isfinite(m.get_weights()[0]).all()
        assert float(m.optimizer.dynamic_scale) < 2.0**24
        assert 0 < int(m.optimizer.iterations) < 12 * 8
    for a, b in zip(model.get_weights(), eager.get_weights()):
        np.testing.assert_array_equal(a, b)
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(model.optimizer.inner_optimizer, keras.optimizers.Adam)
    unscaled.compile("adam", "mse", auto_scale_loss=False)
    assert type(unscaled.optimizer) is keras.optimizers.Adam
    assert unscaled.get_compile_config()["auto_scale_loss"] is False
    assert keras.Sequential([layers.Dense(1)]).get_compile_config() == {}


def test_predict_sees_a_changed_dtype_policy():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="d")])
    x = np.ones((2, 3), "float32")
    assert model.predict(x, verbose=0).dtype == np.float32
    model.get_layer("d").dtype_policy = "mixed_float16"
    assert model.predict(x, verbose=0).dtype == np.float16


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_losses_read_after_a_traced_step_are_values(method):
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.sum(x))
            return x

    model = keras.Sequential([keras.Input((3,)), Adds(), layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    x = np.ones((4, 3), "float32")
    getattr(model, method)(x, *(() if method == "predict" else (np.ones((4, 1)),)), verbose=0)
    assert [np.asarray(loss).shape for loss in model.losses] == [()]
    model(x)
    assert float(model.losses[0]) == 12.0


def test_an_epoch_ends_with_the_data_and_the_next_one_starts_over():
    x, y = data(40)
    m = model()
    with pytest.warns(UserWarning, match="after 4 of 6 steps"):
        m.fit(x, y, batch_size=10, steps_per_epoch=6, verbose=0)
    assert int(m.optimizer.iterations) == 4

    class Batches(keras.utils.PyDataset):
        seen = ()

        def __len__(self):
            return 4

        def __getitem__(self, i):
            self.seen += (i,)
            return x[i * 10 : i * 10 + 10], y[i * 10 : i * 10 + 10]

    source = Batches()
    m.fit(source, steps_per_epoch=2, epochs=3, shuffle=False, verbose=0)
    assert source.seen == (0, 1, 2, 3, 0, 1)


def test_every_validation_sees_the_same_first_batches():
    x, y = data(40)
    m = model()
    m.optimizer.learning_rate = 0.0
    found = m.fit(x, y, validation_data=(x, y), validation_batch_size=5, validation_steps=2, epochs=3, verbose=0)
    assert len(set(found.history["val_loss"])) == 1
    assert list(found.history) == sorted(found.history)


def test_batches_are_logged_one_by_one():
    x, y = data(32)
    m = model()
    m.optimizer.learning_rate = 0.0
    first = m.test_on_batch(x[:16], y[:16])
    m.train_on_batch(x[16:], y[16:])
    np.testing.assert_allclose(m.test_on_batch(x[:16], y[:16]), first)


def test_an_output_s_loss_is_logged_before_its_weight():
    x, y = data(32)
    inputs = keras.Input((8,))
    m = keras.Model(inputs, {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(1, name="b")(inputs)})
    m.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights={"a": 1.0, "b": 0.25})
    found = m.evaluate(x, {"a": y, "b": y}, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], found["a_loss"] + 0.25 * found["b_loss"], rtol=1e-6)


def test_a_loss_of_layers_alone_is_logged():
    m = keras.Sequential([keras.Input((8,)), layers.Dense(2, use_bias=False, kernel_regularizer="l2")])
    m.compile("sgd")
    assert m.fit(data(8)[0], verbose=0).history["loss"][0] > 0


@pytest.mark.parametrize("target", [(8,), (8, 1)])
def test_a_function_of_loss_sees_targets_of_the_rank_of_the_outputs(target):
    seen = []

    def half_square(y_true, y_pred):
        seen.append((y_true.shape, y_pred.shape))
        return keras.ops.mean(keras.ops.square(y_true - y_pred)) / 2

    m = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    m.compile("sgd", half_square)
    x, y = data(8, 3)[0], np.arange(8, dtype="float32").reshape(target)
    got = m.evaluate(x, y, verbose=0)
    assert set(seen) == {((8, 1), (8, 1))}
    np.testing.assert_allclose(got, np.mean((y.reshape(8, 1) - m.predict(x, verbose=0)) ** 2) / 2, rtol=1e-5)


def test_layers_hear_of_training_from_a_call_that_takes_it():
    heard = []

    class Listens(layers.Layer):
        def call(self, x, training=None):
            heard.append(training)
            return x

    class Without(keras.Model):
        def __init__(self):
            super().__init__()
            self.ear, self.head = Listens(), layers.Dense(1)

        def call(self, x):
            return self.head(self.ear(x))

    class With(Without):
        def call(self, x, training=False):
            return super().call(x)

    x = np.ones((4, 2), "float32")
    for kind, expected in ((Without, (None, None, None)), (With, (True, False, False))):
        m = kind()
        m.compile("sgd", "mse", run_eagerly=True)
        m(x)
        for call, value in zip((m.train_on_batch, m.test_on_batch, m.predict_on_batch), expected):
            heard.clear()
            call(*((x,) if call == m.predict_on_batch else (x, x[:, :1])))
            assert set(heard) == {value}


def test_logs_name_functions_in_snake_case():
    def PSNRdB(y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)

    m = model(metrics=[PSNRdB, lambda y_true, y_pred: y_pred])
    x, y = data(8)
    assert sorted(m.evaluate(x, y, verbose=0, return_dict=True)) == ["lambda", "loss", "psn_rd_b"]


def test_metrics_of_several_results_are_logged_by_their_names():
    class Extremes(keras.metrics.Metric):
        def __init__(self, name="extremes"):
            super().__init__(name=name)
            self.most = self.add_weight(name="most", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.most.assign(keras.ops.maximum(self.most, keras.ops.max(y_pred)))

        def result(self):
            return {"most": self.most, "twice": self.most * 2}

    m = model(metrics=[Extremes(), "accuracy"])
    x, y = data(8)
    logs = m.fit(x, y, verbose=0).history
    assert sorted(logs) == ["accuracy", "loss", "most", "twice"]
    np.testing.assert_allclose(logs["twice"][0], 2 * logs["most"][0])
    assert sorted(m.evaluate(x, y, verbose=0, return_dict=True)) == sorted(logs)


@pytest.mark.parametrize("order", ["pd", "dp"])
def test_losses_of_a_dict_of_outputs_are_listed_as_given(order):
    inputs = keras.Input((3,))
    outputs = {"p": layers.Dense(1)(inputs), "d": layers.Dense(2)(inputs)}
    m = keras.Model(inputs, outputs)
    m.compile("sgd", dict.fromkeys(order, "mse"))
    y = {"p": np.ones((4, 1), "float32"), "d": np.zeros((4, 2), "float32")}
    listed = m.evaluate(np.ones((4, 3), "float32"), y, verbose=0)
    named = m.evaluate(np.ones((4, 3), "float32"), y, verbose=0, return_dict=True)
    assert listed == [named[key] for key in ("loss", f"{order[0]}_loss", f"{order[1]}_loss")]


@pytest.mark.parametrize("eager", [False, True])
def test_a_step_of_its_own_may_return_the_results_of_all_metrics(eager):
    class Own(keras.Model):
        def both(self, data, training):
            x, y = data
            with keras.GradientTape() as tape:
                y_pred = self(x, training=training)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            if training:
                self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

        def train_step(self, data):
            return self.both(data, True)

        def test_step(self, data):
            return self.both(data, False)

    i = keras.Input((4,))
    model = Own(i, keras.layers.Dense(1, kernel_initializer="ones")(i))
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae", "mse"], run_eagerly=eager)
    x, y, seen = np.ones((8, 4)), np.zeros((8, 1)), []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(dict(logs)))
    history = model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[callback]).history
    expected = {"loss": 16.0, "mae": 4.0, "mse": 16.0}
    assert history == {k: [v] for k, v in {**expected, **{f"val_{k}": v for k, v in expected.items()}}.items()}
    assert seen == [expected] and model.train_on_batch(x, y, return_dict=True) == expected
    assert model.evaluate(x, y, verbose=0, return_dict=True) == expected
    assert model.evaluate(x, y, verbose=0) == [16.0, 4.0, 16.0]
