"""Sources of batches: PyDatasets with workers, loaders of other libraries, pandas; hooks, ends and errors."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers
from ckeras.trainers.workers import Prefetch

# Python 3.12 warns of any fork beside threads; the engine's threads are made anew in a forked process.
# JAX, where another test imported it, warns too.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]

X = np.random.default_rng(0).normal(size=(38, 3)).astype("float32")  # 4 batches of 10, the last of 8
Y = X.sum(1, keepdims=True)
W = np.linspace(0.5, 2, len(X)).astype("float32")


def model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    return m


def cut(i, *arrays):
    return tuple(a[10 * i : 10 * i + 10] for a in arrays)


class Batches(keras.utils.PyDataset):
    """Made at module level: worker processes may have to import it."""

    def __init__(self, arrays=(X, Y), delay=0.0, fails_at=None, dies_at=None, **kwargs):
        super().__init__(**kwargs)
        self.arrays, self.delay, self.fails_at, self.dies_at = arrays, delay, fails_at, dies_at
        self.log = []

    def __len__(self):
        return 4

    def __getitem__(self, i):
        if i == self.fails_at:
            raise KeyError("no such file")
        if i == self.dies_at:
            os._exit(3)
        time.sleep(self.delay * (4 - i))  # later batches are ready first
        self.log.append(i)
        return cut(i, *self.arrays)

    def on_epoch_begin(self):
        self.log.append("begin")

    def on_epoch_end(self):
        self.log.append("end")


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, i):
        return cut(i % 3, X, Y)


def no_worker_is_left():
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        threads = [t for t in threading.enumerate() if t.name == "ckeras-batches"]
        processes = [p for p in multiprocessing.active_children() if p.name == "ckeras-batches"]
        if not threads and not processes:
            return True
        time.sleep(0.01)
    return False


def weights(source, epochs=2, **kwargs):
    m = model()
    m.fit(source, epochs=epochs, verbose=0, **kwargs)
    return [w.tobytes() for w in m.get_weights()]


WORKERS = [
    {"workers": 2},
    {"workers": 3, "max_queue_size": 1},
    {"workers": 1, "use_multiprocessing": True},
    {"workers": 2, "use_multiprocessing": True},
]


@pytest.mark.parametrize("shuffle", [False, True])
def test_any_number_of_workers_gives_the_same_bits(shuffle):
    alone = weights(Batches(), shuffle=shuffle)
    if shuffle:
        assert alone != weights(Batches(), shuffle=False)
    for arguments in WORKERS:
        assert weights(Batches(delay=0.002, **arguments), shuffle=shuffle) == alone
    assert no_worker_is_left()


def test_workers_serve_evaluate_and_predict():
    m = model()
    expected, loss = m.predict(X, verbose=0), m.evaluate(Batches(), verbose=0)
    for arguments in WORKERS[1:]:
        np.testing.assert_array_equal(m.predict(Batches(**arguments), verbose=0), expected)
        assert m.evaluate(Batches(**arguments), verbose=0) == loss
    assert no_worker_is_left()


def test_workers_run_at_once_and_not_too_far_ahead():
    made, gate = [], threading.Barrier(3)

    class Source:
        def __getitem__(self, i):
            if i < 3:
                gate.wait(60)  # passes only when three batches are made at once
            made.append(i)
            return i

    feed = Prefetch(Source(), range(20), workers=3, processes=False, ahead=5)
    assert next(feed) == 0
    deadline = time.monotonic() + 60
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)  # for what must not be made
    assert set(made) == {0, 1, 2, 3, 4, 5}  # one taken, five ahead
    assert list(feed) == list(range(1, 20))
    feed.stop_workers()
    assert no_worker_is_left()


def test_processes_make_the_batches_elsewhere():
    class Where:
        def __getitem__(self, i):
            return os.getpid()

    feed = Prefetch(Where(), range(6), 2, True, 10)
    found = set(feed)
    feed.stop_workers()
    assert os.getpid() not in found and len(found) in (1, 2)  # one of them may be quick enough to make all


@pytest.mark.parametrize("arguments", [{}, *WORKERS])
def test_an_exception_in_a_batch_names_it_and_ends_the_workers(arguments):
    m = model()
    with pytest.raises(KeyError, match="no such file") as caught:
        m.fit(Batches(fails_at=2, **arguments), shuffle=False, verbose=0)
    notes = "\n".join(caught.value.__notes__)
    assert "batch 2" in notes and "Batches" in notes
    assert ("in the worker process" in notes) == bool(arguments.get("use_multiprocessing"))
    assert int(m.optimizer.iterations) == 2
    assert no_worker_is_left()
    m.fit(Batches(**arguments), verbose=0)


class Untransportable(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


class Awkward(Batches):
    def __getitem__(self, i):
        raise Untransportable("this", "that")


class Locked(Batches):
    def __getitem__(self, i):
        return threading.Lock()


def test_exceptions_that_do_not_pickle_and_batches_that_do_not():
    with pytest.raises(RuntimeError, match="Untransportable: this and that"):
        model().fit(Awkward(workers=1, use_multiprocessing=True), verbose=0)
    with pytest.raises(TypeError, match="pickle"):
        model().fit(Locked(workers=1, use_multiprocessing=True), verbose=0)


def test_a_worker_process_that_dies_is_an_error_and_no_hang():
    with pytest.raises(RuntimeError, match=r"batch 1: its worker process ended \(exit code 3\)"):
        model().fit(Batches(dies_at=1, workers=2, use_multiprocessing=True), shuffle=False, verbose=0)
    assert no_worker_is_left()


def test_stop_iteration_in_a_batch_is_no_end_of_data():
    class Ends(Batches):
        def __getitem__(self, i):
            raise StopIteration

    for workers in (1, 2):
        with pytest.raises(RuntimeError, match="batch 0: __getitem__ raised StopIteration"):
            model().fit(Ends(workers=workers), shuffle=False, verbose=0)


@pytest.mark.parametrize("processes", [False, True])
def test_an_interruption_waits_for_no_batch(processes):
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    gate = threading.Event()

    class Waiting(Batches):
        def on_epoch_begin(self):
            timer.start()

        def __getitem__(self, i):
            gate.wait(120)
            return super().__getitem__(i)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            model().fit(Waiting(workers=2, use_multiprocessing=processes), shuffle=False, verbose=0)
        assert time.monotonic() - start < 100
    finally:
        gate.set()
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert no_worker_is_left()


def test_stopping_early_ends_the_workers():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    for arguments in WORKERS:
        m, source = model(), Batches(**arguments)
        m.fit(source, epochs=5, verbose=0, callbacks=[Stop()])
        assert int(m.optimizer.iterations) == 1
        assert source.log[-1] == "end"  # nothing is made after it
        assert no_worker_is_left()


def test_hooks_around_every_pass():
    once = ["begin", 0, 1, 2, 3, "end"]
    m, source = model(), Batches()
    m.fit(source, epochs=2, verbose=0, shuffle=False)
    assert source.log == once * 2
    for run in (m.evaluate, m.predict):
        source.log.clear()
        run(source, verbose=0)
        assert source.log == once
    source.log.clear()
    m.fit(X, Y, validation_data=source, epochs=2, verbose=0)
    assert source.log == once * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_epochs_of_some_steps_go_on(workers):
    m, source = model(), Batches(workers=workers, max_queue_size=10)
    m.fit(source, epochs=2, steps_per_epoch=2, verbose=0, shuffle=False)
    epochs = "".join(str(entry)[0] for entry in source.log).strip("be").split("eb")
    assert [sorted(e) for e in epochs] == [["0", "1"], ["2", "3"]]  # and no batch is made that nobody asked for
    with pytest.warns(UserWarning, match="4 of 5 steps"):
        m.fit(source, steps_per_epoch=5, verbose=0)


def batches(count):
    return (cut(i % 4, X, Y) for i in range(count))


def test_iterators_that_run_out_between_epochs_cost_no_training():
    m = model()
    with pytest.warns(UserWarning, match="ran out of batches, so training ends after 2 of 5 epochs"):
        history = m.fit(batches(4), steps_per_epoch=2, epochs=5, verbose=0)
    assert history.epoch == [0, 1] and int(m.optimizer.iterations) == 4
    with pytest.warns(UserWarning, match="no further validation"):
        history = m.fit(X, Y, validation_data=batches(4), validation_steps=2, epochs=3, verbose=0)
    assert history.epoch == [0, 1, 2] and len(history.history["val_loss"]) == 2
    whole = model()
    whole.fit(batches(6), verbose=0)
    parts = model()
    parts.fit(batches(6), steps_per_epoch=2, epochs=3, verbose=0)
    np.testing.assert_array_equal(parts.get_weights()[0], whole.get_weights()[0])  # no batch is lost


def test_a_batch_size_for_batches_is_warned_of():
    with pytest.warns(UserWarning, match="batch_size=7 changes nothing"):
        history = model().fit(batches(4), batch_size=7, verbose=0)
    assert history.epoch == [0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_dataset_without_end(workers):
    m = model()
    m.fit(Endless(workers=workers), epochs=2, steps_per_epoch=4, verbose=0)
    assert int(m.optimizer.iterations) == 8
    assert m.predict(Endless(workers=workers), steps=5, verbose=0).shape == (50, 1)
    m.evaluate(Endless(), steps=2, verbose=0)
    for run, words in (
        (lambda: m.fit(Endless(), verbose=0), r"\[fit\] the Endless never ends.*steps_per_epoch"),
        (lambda: m.fit(X, Y, validation_data=Endless(), verbose=0), "validation_steps"),
        (lambda: m.evaluate(Endless(), verbose=0), r"\[evaluate\].*steps="),
        (lambda: m.predict(Endless(), verbose=0), r"\[predict\].*steps="),
    ):
        with pytest.raises(ValueError, match=words):
            run()
    assert len([batch for batch, _ in zip(Endless(), range(7), strict=False)]) == 7
    assert [len(x) for x, _ in Batches()] == [10, 10, 10, 8]


def test_arguments_of_datasets():
    source = Batches(workers=3, use_multiprocessing=True, max_queue_size=2)
    assert (source.workers, source.use_multiprocessing, source.max_queue_size) == (3, True, 2)
    for name, value in (("workers", -1), ("workers", 1.5), ("workers", True), ("max_queue_size", 0)):
        with pytest.raises(ValueError, match=f"{name} must be an integer"):
            setattr(source, name, value)
    assert source.workers == 3

    class Bare(keras.utils.PyDataset):
        def __init__(self):  # without super().__init__
            pass

    assert (Bare().workers, Bare().use_multiprocessing, Bare().max_queue_size) == (1, False, 10)
    with pytest.raises(NotImplementedError, match="num_batches"):
        model().fit(Bare(), verbose=0)


def test_a_dataset_may_change_its_length_between_epochs():
    class Shrinks(Batches):
        n = 4

        def __len__(self):
            return self.n

        def on_epoch_end(self):
            self.n -= 1

    m = model()
    m.fit(Shrinks(), epochs=3, verbose=0)
    assert int(m.optimizer.iterations) == 4 + 3 + 2


# ---------------------------------------------------------------- weights


class Pairs:
    """An iterable that can be started again."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def __iter__(self):
        return (cut(i, *self.arrays) for i in range(4))


class TfLike:
    """What a `tf.data.Dataset` offers."""

    element_spec = ()

    def __init__(self, *arrays, cardinality=4):
        self.arrays, self.count = arrays, cardinality

    def as_numpy_iterator(self):
        return iter(Pairs(*self.arrays)) if self.count != -1 else (cut(i % 3, *self.arrays) for i in range(10**9))

    def __iter__(self):
        raise AssertionError("its tensors are not NumPy arrays")

    def __len__(self):
        if self.count < 0:
            raise TypeError("unknown")
        return self.count

    def cardinality(self):
        return self.count


SOURCES = {"dataset": lambda *arrays: Batches(arrays=arrays), "iterable": Pairs, "tf": TfLike}


@pytest.mark.parametrize("kind", SOURCES)
def test_weights_of_samples_and_classes(kind):
    make = SOURCES[kind]
    labels = (X[:, :1] > 0).astype("float32")
    plain = {"shuffle": False, "epochs": 2}

    def arrays(*given, **kwargs):
        m = model()
        m.fit(*given[:2], batch_size=10, verbose=0, **plain, **kwargs)
        return [w.tobytes() for w in m.get_weights()]

    assert weights(make(X, labels, W), **plain) == arrays(X, labels, sample_weight=W) != arrays(X, labels)
    by_class = {0: 0.25, 1: 2.0}
    assert weights(make(X, labels), class_weight=by_class, **plain) == arrays(X, labels, class_weight=by_class)
    with pytest.raises(ValueError, match="either class_weight or sample weights"):
        weights(make(X, labels, W), class_weight=by_class)
    with pytest.raises(ValueError, match=r"class_weight.*`y` given"):
        weights(make(X), class_weight=by_class)
    m = model()
    assert m.evaluate(make(X, labels, W), verbose=0) == m.evaluate(X, labels, sample_weight=W, batch_size=10, verbose=0)
    np.testing.assert_array_equal(m.predict(make(X, labels, W), verbose=0), m.predict(X, verbose=0))
    m.fit(X, labels, validation_data=make(X, labels, W), verbose=0)


def test_one_array_of_weights_for_all_outputs():
    x = keras.Input((3,))
    m = keras.Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)])
    m.compile("sgd", ["mse", "mse"])
    found = m.evaluate(Pairs2(), verbose=0)
    expected = m.evaluate(X, [Y, Y], sample_weight=W, batch_size=10, verbose=0)
    np.testing.assert_array_equal(found, expected)


class Pairs2:
    def __iter__(self):
        for x, y, w in Pairs(X, Y, W):
            yield x, [y, y], w


# ---------------------------------------------------------------- other libraries


def test_tf_datasets():
    alone = weights(Pairs(X, Y))
    assert weights(TfLike(X, Y)) == alone
    assert weights(TfLike(X, Y, cardinality=-2)) == alone
    endless = TfLike(X, Y, cardinality=-1)
    with pytest.raises(ValueError, match=r"never ends.*steps_per_epoch"):
        model().fit(endless, verbose=0)
    m = model()
    m.fit(endless, steps_per_epoch=5, epochs=2, verbose=0)
    assert int(m.optimizer.iterations) == 10


def test_torch_loaders():
    torch = pytest.importorskip("torch")
    data = torch.utils.data
    pairs = data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = data.DataLoader(pairs, batch_size=10)
    assert weights(loader) == weights(Pairs(X, Y))
    np.testing.assert_array_equal(model().predict(loader, verbose=0), model().predict(X, verbose=0))

    class Rows(data.IterableDataset):  # its loader has no length
        def __iter__(self):
            return iter(pairs)

    assert weights(data.DataLoader(Rows(), batch_size=10)) == weights(Pairs(X, Y))
    given = torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y).to(torch.bfloat16)
    model().fit(*given, verbose=0)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abc"), index=np.arange(len(X))[::-1])
    series = pandas.Series(Y[:, 0], index=frame.index)
    plain = {"shuffle": False, "verbose": 0, "batch_size": 10}

    def fitted(*args, **kwargs):
        m = model()
        m.fit(*args, **plain, **kwargs)
        return [w.tobytes() for w in m.get_weights()]

    alone = fitted(X, Y)
    for x, y in ((frame, series), (frame.astype("float64"), series.to_frame()), (frame.astype("Float32"), series)):
        assert fitted(x, y) == alone
    assert fitted(frame, series, sample_weight=pandas.Series(W)) == fitted(X, Y, sample_weight=W) != alone
    labels = pandas.Series((X[:, 0] > 0).astype("int64"))
    weighted = {"class_weight": {0: 3.0, 1: 0.5}}
    assert fitted(frame, labels, **weighted) == fitted(X, labels.to_numpy()[:, None], **weighted)
    m = model()
    np.testing.assert_array_equal(m.predict(frame, verbose=0), m.predict(X, verbose=0))
    m.fit(frame, series, validation_split=0.25, verbose=0)
    assert weights(PandasBatches(frame, series)) == weights(Pairs(X, Y))

    mixed = frame.assign(c=frame["c"] > 0)  # bool beside floats: pandas itself makes objects of it
    np.testing.assert_array_equal(m.predict(mixed, verbose=0), m.predict(mixed.astype("float32").to_numpy(), verbose=0))
    with pytest.raises(ValueError, match=r"columns of numbers, got 'c' \("):
        m.predict(frame.assign(c="red"), verbose=0)

    named = {n: keras.Input((1,), name=n) for n in "abc"}
    m = keras.Model(named, layers.Dense(1)(layers.Concatenate()(list(named.values()))))
    assert m.predict(dict(frame), verbose=0).shape == (38, 1)


class PandasBatches:
    def __init__(self, *parts):
        self.parts = parts

    def __iter__(self):
        return (tuple(p.iloc[10 * i : 10 * i + 10] for p in self.parts) for i in range(4))


def test_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    m = model()
    np.testing.assert_array_equal(m.predict(sparse.csr_matrix(X), verbose=0), m.predict(X, verbose=0))


# ---------------------------------------------------------------- ends


def test_one_sample():
    m = model()
    for x, y in ((X[:1], Y[:1]), ([(X[:1], Y[:1])].__iter__(), None)):
        m.fit(x, y, verbose=0)
    assert m.predict(iter([X[:1]]), verbose=0).shape == (1, 1)


class Nothing(keras.utils.PyDataset):
    def __len__(self):
        return 0


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Nothing, "yields no batch"),
        (lambda: TfLike(X, Y, cardinality=0), "yields no batch"),
        (lambda: iter(()), "yielded no batch"),
        (lambda: Pairs(X[:5], Y[:5]), "batch 1 of the epoch is empty"),
        (lambda: X[:0], "holds 0 samples"),
        (list, "holds no array"),
    ],
)
def test_empty_data(source, words):
    m = model()
    for run in (m.fit, m.evaluate, m.predict):
        given = source()
        more = {"y": Y[:0]} if isinstance(given, np.ndarray) and run != m.predict else {}
        with pytest.raises(ValueError, match=words):
            run(given, verbose=0, **more)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_worker_processes_end_with_a_parent_that_is_killed():
    code = """
import os, signal, sys, numpy as np, ckeras as keras
class Source(keras.utils.PyDataset):
    def __len__(self): return 1000
    def __getitem__(self, i):
        if i == 5:
            import multiprocessing
            print(os.getpid(), flush=True)
        return np.zeros((4, 2), "float32"), np.zeros((4, 1), "float32")
class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 20: os.kill(os.getpid(), signal.SIGKILL)
m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
m.compile("sgd", "mse")
m.fit(Source(workers=2, use_multiprocessing=True), shuffle=False, verbose=0, callbacks=[Kill()])
"""
    # The workers hold the pipe of stdout: it ends when they have.
    run = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=120)
    assert run.returncode == -signal.SIGKILL and run.stdout


def test_an_interruption_while_processes_start_waits_for_them(monkeypatch):
    from ckeras.trainers import workers

    class Slow(workers._Process):
        def __init__(self, dataset):
            super().__init__(dataset)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(workers, "_Process", Slow)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model().fit(Batches(workers=2, use_multiprocessing=True), shuffle=False, verbose=0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert no_worker_is_left()


@pytest.mark.parametrize("processes", [False, True])
def test_an_interruption_while_threads_start_waits_for_them(monkeypatch, processes):
    from ckeras.trainers import workers

    class Late(threading.Thread):
        def start(self):
            super().start()
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(workers.threading, "Thread", Late)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model().fit(Batches(workers=2, use_multiprocessing=processes), shuffle=False, verbose=0)
    finally:
        signal.signal(signal.SIGINT, before)
        monkeypatch.undo()
    assert no_worker_is_left()
