"""Names and sizes in hostile configs, and nodes that no output needs: refused, or harmless."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hostile import dense, pack, refuses, with_config

import ckeras as keras
from ckeras import layers

NAN = float("nan")
SIZES = [2**62, 10**30, -1, 0, True, 1.5, "8"]

# ---- S04: nodes that no output needs


def functional_file(tmp_path):
    x = keras.Input((4,), name="x")
    keras.Model(x, layers.Dense(2, name="d")(x)).save(tmp_path / "good.keras")
    keras.models.load_model(tmp_path / "good.keras")  # the control
    with zipfile.ZipFile(tmp_path / "good.keras") as z:
        return {n: z.read(n) for n in z.namelist()}


def tensor(name):
    history = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": history}


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


@pytest.mark.parametrize("package", ["keras.src.ops.core", "keras.ops", "ckeras.ops", "keras.src.ops.numpy"])
@pytest.mark.parametrize("operation", ["Switch", "Cond", "Map", "Scan", "WhileLoop", "VectorizedMap", "CustomGradient"])
def test_a_dead_node_calls_nothing(tmp_path, package, operation):
    members = functional_file(tmp_path)
    for bad in (function("keras.config", "set_floatx"), function("ckeras.config", "set_floatx")):

        def edit(c, bad=bad):
            dead = {
                "module": package,
                "class_name": operation,
                "config": {"name": "dead"},
                "registered_name": operation,
                "name": "dead",
                "inbound_nodes": [{"args": [0, [bad, bad], "float64"], "kwargs": {}}],
            }
            c["config"]["layers"].append(dead)

        refuses(pack(tmp_path / "a.keras", with_config(members, edit)))
        assert keras.config.floatx() == "float32"


@pytest.mark.parametrize("place", ["args", "kwargs"])
def test_a_function_as_an_argument_of_a_call_is_refused(tmp_path, place):
    members = functional_file(tmp_path)
    bad = function("keras.config", "set_floatx")

    def edit(c):
        node = {"args": [tensor("x")], "kwargs": {}}
        if place == "args":
            node["args"].append(bad)
        else:
            node["kwargs"]["training"] = bad
        c["config"]["layers"].append({**dense(c), "name": "dead", "inbound_nodes": [node]})
        c["config"]["layers"][-1]["config"] = {**dense(c)["config"], "name": "dead"}

    refuses(pack(tmp_path / "a.keras", with_config(members, edit)))


# ---- S11: layer names


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a\0b", "\ud800", "a/b"])
def test_names_that_files_cannot_hold_are_refused(tmp_path, good, name):
    with pytest.raises(ValueError, match="name"):
        layers.Dense(2, name=name)
    with pytest.raises(ValueError, match="name"):
        keras.Sequential(name=name)

    def edit(c):
        dense(c)["config"]["name"] = name

    refuses(pack(tmp_path / "a.keras", with_config(good, edit)))


@pytest.mark.parametrize("name", ["..", ".", "a\\..\\b", "C:x", "", "x" * 10_000, "é", "vars", "layers", "a\nb"])
def test_odd_names_stay_inside_the_file(tmp_path, monkeypatch, name):
    folder = tmp_path / "in"
    folder.mkdir()
    monkeypatch.chdir(folder)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, name=name), layers.Dense(3)])
    model.save("m.keras")
    model.save_weights("m.weights.h5")
    loaded = keras.models.load_model("m.keras")
    assert loaded.layers[0].name == name
    loaded.load_weights("m.weights.h5")
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert sorted(os.listdir(folder)) == ["m.keras", "m.weights.h5"]
    assert os.listdir(tmp_path) == ["in"]


# ---- S14: sizes


def image_model():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(),
            layers.Dense(2, name="dense"),
        ]
    )


def image_config():
    return image_model().get_config()


FIELDS = [
    ("Conv2D", "filters"),
    ("Conv2D", "kernel_size"),
    ("Conv2D", "strides"),
    ("Conv2D", "dilation_rate"),
    ("Conv2D", "groups"),
    ("MaxPooling2D", "pool_size"),
    ("MaxPooling2D", "strides"),
    ("Dense", "units"),
]


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
@pytest.mark.parametrize("size", [*SIZES, NAN, [2**62, 2**62], [1, -1], [], {}, "same"], ids=repr)
def test_sizes_of_layers_are_refused(field, size):
    config = image_config()
    entry = next(e for e in config["layers"] if e["class_name"] == field[0])
    entry["config"][field[1]] = size
    with pytest.raises(ValueError):
        keras.Sequential.from_config(config)


def test_a_size_that_the_weights_cannot_fill_is_refused_before_memory_is_taken(tmp_path):
    image_model().save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as z:
        members = {n: z.read(n) for n in z.namelist()}
    big = with_config(members, lambda c: dense(c)["config"].update(filters=2**31))
    refuses(pack(tmp_path / "a.keras", big), "weights file")


@pytest.mark.parametrize("size", [2**62, 10**30, -1, True, 1.5, NAN, "8", [3], {}], ids=repr)
def test_sizes_of_inputs_are_refused(size):
    config = image_config()
    for axis in range(4):
        entry = json.loads(json.dumps(config["layers"][0]))
        entry["config"]["batch_shape"][axis] = size
        with pytest.raises(ValueError):
            keras.Sequential.from_config({**config, "layers": [entry, *config["layers"][1:]]})


# ---- what a hostile load costs

MEASURE = """
import resource, sys
import ckeras as keras
keras.models.load_model(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        keras.models.load_model(path)
    except ValueError:
        continue
    sys.exit(f"{path} was loaded")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_hostile_load_takes_less_than_64_MB(tmp_path, good):
    zeros = b"\0" * 50_000_000
    attacks = {
        "units": with_config(good, lambda c: dense(c)["config"].update(units=10**9)),
        "input": with_config(good, lambda c: c["config"]["layers"][0]["config"].update(batch_shape=[None, 2**30])),
        "deep": {**good, "config.json": "[" * 1_000_000},
        "bomb": {**good, "model.weights.h5": zeros},
        "metadata": {**good, "metadata.json": zeros},
    }
    for name, members in attacks.items():
        pack(tmp_path / f"{name}.keras", members, zipfile.ZIP_DEFLATED)
    paths = [pack(tmp_path / "good.keras", good), *(tmp_path / f"{name}.keras" for name in attacks)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    run = subprocess.run([sys.executable, "-c", MEASURE, *paths], env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 64 * 1024
