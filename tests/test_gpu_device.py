"""Keras programs on a GPU, or on the emulated one: where things live, what they compute, and what is given back."""

import contextlib
import gc
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import ckeras
from ckeras import _cuda, layers, ops
from ckeras._core import device as devices
from ckeras._core.errors import DataError
from gpu_device import on_gpu  # noqa: F401

pytestmark = pytest.mark.usefixtures("on_gpu")


def data(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def close(a, b, tolerance=2e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@contextlib.contextmanager
def nowhere():
    """No device asked for."""
    saved, devices.state.device = devices.state.device, None
    yield
    devices.state.device = saved


def test_where_tensors_live():
    x = ops.convert_to_tensor(data(3, 4))
    assert x.device == "gpu:0" and (ops.exp(x) + 1).device == "gpu:0"
    with ckeras.device("cpu"):
        host = ops.convert_to_tensor(data(3, 4))
        assert host.device == "cpu:0" and (x + host).device == "cpu:0"
        close(x + host, 2 * data(3, 4))
    assert (host + host).device == "gpu:0" and ops.matmul(host, ops.transpose(host)).device == "gpu:0"
    with nowhere():  # beside what lies there
        assert ops.ones(3).device == "cpu:0" and (x + host).device == "gpu:0"
        assert ops.svd(x)[0].device == "gpu:0" and ops.reshape(x, (4, 3)).device == "gpu:0"
    assert x[1:].device == "gpu:0" and x[1:, ::2].device == "gpu:0"
    close(x[1:], data(3, 4)[1:])
    assert x.numpy().flags.writeable is False
    assert ops.cast(x, "bfloat16").numpy().dtype.name == "bfloat16"
    assert ops.cast(x, "bfloat16")[0, 0].item() == pytest.approx(data(3, 4)[0, 0], rel=1e-2)
    assert float(ops.sum(x)) == pytest.approx(data(3, 4).sum(), rel=1e-5)


def test_variables():
    v = ckeras.Variable(data(3), name="v")
    assert v.value.device == "gpu:0"
    old = v.value
    v.assign_add(np.ones(3, "float32"))
    close(old, data(3))
    close(v, data(3) + 1)
    with ckeras.device("cpu:0"):
        v.assign(ops.zeros(3))  # it stays where it is
        host = ckeras.Variable(data(3))
    assert v.value.device == "gpu:0" and not v.numpy().any()
    host.assign(ops.exp(ops.convert_to_tensor(data(3))))
    with nowhere():
        assert host.value.device == "cpu:0"
    close(host, np.exp(data(3)))
    assert ckeras.Variable("glorot_uniform", shape=(4, 4)).value.device == "gpu:0"


def test_a_tape_and_a_function():
    w, x = ckeras.Variable(data(4, 2, seed=1)), data(5, 4)

    def loss(x):
        return ops.mean(ops.square(ops.tanh(ops.matmul(x, w))))

    with ckeras.GradientTape() as tape:
        value = loss(x)
    found = tape.gradient(value, w)
    assert found.device == "gpu:0"

    @ckeras.function
    def step(x):
        with ckeras.GradientTape() as tape:
            value = loss(x)
        w.assign_sub(tape.gradient(value, w))
        return value

    before = w.numpy()
    close(step(x), value)
    close(w, before - found.numpy())
    assert step(x).device == "gpu:0"
    with ckeras.device("cpu"):  # the function's program and its variable move
        assert step(x).device == "cpu:0" and w.value.device == "cpu:0"
    with nowhere():
        step(x)
        assert w.value.device == "cpu:0"
    assert step(x).device == "gpu:0" and w.value.device == "gpu:0"


def test_bad_values_raise_at_once():
    with pytest.raises(DataError, match=r"\[take\] index 7 is out of range for an axis of size 3"):
        ops.take(data(3, 2), np.array([0, 7]), axis=0)
    look = ckeras.function(lambda i: ops.take(data(3, 2), i, axis=0))
    close(look(np.array([1])), data(3, 2)[[1]])
    with pytest.raises(DataError, match="index -4 is out of range"):
        look(np.array([-4]))
    close(look(np.array([2])), data(3, 2)[[2]])


def test_random_numbers_are_those_of_the_processor():
    def drawn():
        ckeras.utils.set_random_seed(5)
        g = ckeras.random.SeedGenerator(3)
        return [
            ckeras.random.uniform((5, 3)).numpy(),
            ckeras.random.normal((7,), seed=g).numpy(),
            ckeras.random.randint((9,), 0, 100, seed=g).numpy(),
            ckeras.random.dropout(ops.ones((6, 6)), 0.4, seed=g).numpy(),
        ]

    here = drawn()
    with ckeras.device("cpu"):
        there = drawn()
    for a, b in zip(here, there, strict=True):
        assert a.tobytes() == b.tobytes()


def image_model():
    ckeras.utils.set_random_seed(1)
    return ckeras.Sequential(
        [
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(3),
        ]
    )


def text_model():
    ckeras.utils.set_random_seed(2)
    return ckeras.Sequential([layers.Embedding(11, 5, mask_zero=True), layers.LSTM(6), layers.Dense(3)])


def attention_model():
    ckeras.utils.set_random_seed(3)
    inputs = ckeras.Input((5,), dtype="int32")
    x = layers.Embedding(11, 8)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True))
    return ckeras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


IMAGES, TOKENS = data(12, 6, 6, 2), (np.arange(60).reshape(12, 5) * 7 % 11).astype("int32")
LABELS = (np.arange(12) % 3).astype("int32")


@pytest.mark.parametrize(
    "make, x, optimizer",
    [(image_model, IMAGES, "adam"), (text_model, TOKENS, "sgd"), (attention_model, TOKENS, "adamw")],
)
def test_training_is_that_of_the_processor(make, x, optimizer):
    def train():
        model = make()
        loss = ckeras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy"])
        history = model.fit(x, LABELS, batch_size=4, epochs=2, validation_split=0.3, verbose=0).history
        logs = model.train_on_batch(x[:5], LABELS[:5])
        return history, logs, model.evaluate(x, LABELS, batch_size=5, verbose=0), model.predict(x[:7], verbose=0), model

    *here, model = train()
    assert all(v.value.device == "gpu:0" for v in (*model.variables, *model.optimizer.variables))
    with ckeras.device("cpu"):
        *there, _ = train()
    for key, values in there[0].items():
        close(here[0][key], values, 1e-3)
    for a, b in zip(here[1:], there[1:], strict=True):
        close(a, b, 1e-3)
    assert isinstance(here[3], np.ndarray)
    again = train()
    assert again[0] == here[0] and again[3].tobytes() == here[3].tobytes()  # bit for bit


def test_a_model_moves_with_its_programs():
    with ckeras.device("cpu"):
        model = image_model()
        model.compile("sgd", ckeras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(IMAGES, LABELS, batch_size=4, verbose=0)
        expected = model.predict(IMAGES, verbose=0)
    close(model.predict(IMAGES, verbose=0), expected)
    assert model.weights[0].value.device == "gpu:0"
    close(ckeras.Sequential(model.layers)(IMAGES), expected)  # eager
    model.fit(IMAGES, LABELS, batch_size=4, verbose=0)
    with ckeras.device("cpu"):
        close(model.predict(IMAGES, verbose=0), model.predict(IMAGES[:12], verbose=0))
        assert model.weights[0].value.device == "cpu:0"


def test_run_eagerly_and_generators():
    def batches():
        for i in range(3):
            yield IMAGES[4 * i : 4 * i + 4], LABELS[4 * i : 4 * i + 4]

    found = []
    for eagerly in (False, True):
        model = image_model()
        model.compile("sgd", ckeras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eagerly)
        found.append(model.fit(batches(), verbose=0).history["loss"])
    close(*found, 1e-4)


def test_data_on_the_device_and_callbacks():
    model = text_model()
    model.compile("adam", ckeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    seen = []
    look = ckeras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(float(logs["loss"])))
    tokens, labels = ops.convert_to_tensor(TOKENS), ops.convert_to_tensor(LABELS)
    model.fit(tokens, labels, batch_size=4, epochs=2, verbose=0, callbacks=[look], shuffle=False)
    assert len(seen) == 6 and tokens.device == "gpu:0"
    other = text_model()
    other.compile("adam", ckeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    other.fit(TOKENS, LABELS, batch_size=4, epochs=2, verbose=0, shuffle=False)
    for a, b in zip(model.weights, other.weights, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_operands_that_begin_anywhere(dtype, monkeypatch):
    """Tensor cores take vectors of 16 bytes; a part of a tensor shares its memory and may begin between them."""
    monkeypatch.setenv("CKERAS_CUDA_TF32", "1")
    a, b = data(8, 16, seed=1), data(16, 8, seed=2)

    def part(x):
        return ops.reshape(ops.cast(np.concatenate([[0], x.ravel()]), dtype)[1:], x.shape)

    here = [ops.matmul(part(a), part(b)), ops.conv(part(a.reshape(1, 4, 4, 8)), part(b.reshape(2, 1, 8, 8)))]
    there = [ops.matmul(a, b), ops.conv(a.reshape(1, 4, 4, 8), b.reshape(2, 1, 8, 8))]
    for x, y in zip(here, there, strict=True):
        close(ops.cast(x, "float32"), y, 0.1)


def test_files(tmp_path):
    model = text_model()
    expected = model.predict(TOKENS, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = ckeras.models.load_model(tmp_path / "m.keras")
    assert loaded.weights[0].value.device == "gpu:0"
    close(loaded.predict(TOKENS, verbose=0), expected)


def test_dlpack():
    x = ops.convert_to_tensor(data(3, 4))
    place = devices.find("gpu:0")
    if place.library.emulated:
        np.testing.assert_array_equal(np.from_dlpack(x), data(3, 4))
    gc.collect()
    in_use = place.memory()["in_use"]
    x.__dlpack__(max_version=(1, 0)), x.__dlpack__()  # capsules that nobody takes
    gc.collect()
    assert place.memory()["in_use"] == in_use
    if not place.library.emulated:
        return
    theirs = data(5, 2)
    array = place.from_dlpack(theirs)  # the processor's memory is the emulated device's
    theirs[0, 0] = 7
    assert array.numpy()[0, 0] == 7
    with pytest.raises(ValueError, match="do not lie one after another"):
        place.from_dlpack(theirs.T)
    with pytest.raises(ValueError, match="64 bits is not supported"):
        place.from_dlpack(theirs.astype("complex64"))


def test_memory_comes_back():
    gc.collect()
    ckeras.utils.clear_session()
    before = ckeras.utils.memory_info("gpu:0")
    model = ckeras.Sequential([layers.Dense(700), layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(data(8, 500), data(8, 3), verbose=0)
    during = ckeras.utils.memory_info("gpu:0")
    assert during["in_use"] > before["in_use"] + 3 * 4 * 500 * 700 and during["peak"] >= during["in_use"]
    del model
    gc.collect()
    ckeras.utils.clear_session()
    after = ckeras.utils.memory_info("gpu:0")
    assert after["in_use"] == before["in_use"] and after["reserved"] <= before["reserved"]
    ckeras.utils.reset_peak_memory("gpu:0")
    assert ckeras.utils.memory_info("gpu:0")["peak"] == after["in_use"]
    with pytest.raises(MemoryError, match=r"out of memory: the result of broadcast, float32\[1000000, 1000000, 1000\]"):
        ops.broadcast_to(data(1), (10**6, 10**6, 10**3))
    assert float(ops.sum(ops.ones(4))) == 4  # it lives on


def test_kernels_stay_on_the_processor():
    close(ckeras.kernels.matmul(data(3, 4), data(4, 2)), data(3, 4) @ data(4, 2))
    close(ckeras.kernels.softmax(data(3, 4)).sum(-1), np.ones(3))


def test_lists_of_devices():
    assert ckeras.utils.list_devices()[0] == "cpu:0" and "gpu:0" in ckeras.utils.list_devices()
    assert ckeras.utils.memory_info("cpu:0")["in_use"] >= 0 and ckeras.utils.memory_info() != {}


def test_a_program_that_needs_too_much_memory():
    x, weights = ops.ones((1, 4)), ckeras.Variable(data(4, 3))

    @ckeras.function
    def step(x, rows):
        weights.assign(weights * 2)
        return ops.sum(ops.sort(ops.broadcast_to(x @ weights, (rows, 3))))

    before = weights.numpy()
    said = r"out of memory: the memory of a program of \d+ kernels, its largest value .*1099511627776.*, needs .* TiB; "
    with pytest.raises(MemoryError, match=said):
        step(x, 2**40)
    np.testing.assert_array_equal(weights.numpy(), before)
    close(step(x, 5), np.sum(2 * before) * 5)
    close(weights, 2 * before)


def test_a_card_that_is_lost():
    if not _cuda.emulated():
        pytest.skip("no test takes a real one away")
    code = """
import ctypes, os
import numpy as np
import ckeras
from ckeras import _cuda, layers, ops

x, y = np.ones((8, 4), "float32"), np.zeros((8, 1), "float32")
with ckeras.device("gpu:0"):
    model = ckeras.Sequential([layers.Dense(3), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    here = ops.ones(3)
ctypes.CDLL(os.environ["CKERAS_CUDA_EMULATED"]).ckeras_emulated_lose()
uses = [lambda: (here + 1).numpy(), lambda: model.fit(x, y, verbose=0), lambda: model.predict(x, verbose=0)]
for use in (here.numpy, *uses):
    try:
        use()
        print("nothing")
    except RuntimeError as e:
        print(e)
print(ops.sum(ops.ones(3)).item())
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "CKERAS_DEVICE": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    *said, alive = done.stdout.splitlines()
    assert len(said) == 4 and alive == "3.0"
    for line in said:
        assert re.fullmatch(
            r"the GPU was lost at .* \(No such device\), with all that lay on it; start the program again, "
            r"or compute on 'cpu:0'",
            line,
        ), line


def test_the_environment_chooses():
    code = (
        "import ckeras, threading; x = ckeras.ops.ones(3); print(x.device, ckeras.Variable(x).value.device)\n"
        "t = threading.Thread(target=lambda: print((ckeras.ops.ones(3) + 1).device)); t.start(); t.join()\n"
        "with ckeras.device('cpu'): print(ckeras.ops.ones(3).device)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "CKERAS_DEVICE": "gpu"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["gpu:0", "gpu:0", "gpu:0", "cpu:0"], done.stderr
