"""Settings of the process, Config, and pictures of models."""

import copy
import json
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers


def test_the_engine_cannot_be_changed():
    keras.config.set_backend("ckeras")
    assert keras.config.backend() == "ckeras" and keras.config.is_nnx_enabled() is False
    with pytest.raises(ValueError, match="'jax' is not to be had"):
        keras.config.set_backend("jax")


class Mine(layers.Layer):
    def call(self, x):
        return layers.Dense(2)(x) + self.of_the_user(x)

    def of_the_user(self, x):
        return keras.ops.matmul(x, np.ones((7, 2), "float32"))


def frames(run):
    try:
        run()
    except ValueError as e:
        return [f.name for f in traceback.extract_tb(e.__traceback__)]
    raise AssertionError("no error")


def test_tracebacks_are_filtered():
    m = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    bad = {
        "layer": lambda: Mine()(np.ones((2, 3), "float32")),
        "fit": lambda: m.fit(np.ones((2, 5)), np.ones((2, 1)), verbose=0),
        "predict": lambda: m.predict(np.ones((2, 5)), verbose=0),
    }
    assert keras.config.is_traceback_filtering_enabled()
    short = {name: frames(run) for name, run in bad.items()}
    keras.config.disable_traceback_filtering()
    try:
        assert not keras.config.is_traceback_filtering_enabled()
        long = {name: frames(run) for name, run in bad.items()}
    finally:
        keras.config.enable_traceback_filtering()
    assert "of_the_user" in short["layer"] and "call" in short["layer"]  # what the user wrote stays
    for name in bad:
        assert len(short[name]) <= 5 < len(long[name]), (short[name], long[name])


def test_unsafe_deserialization_can_be_allowed(monkeypatch):
    from ckeras.saving import registry

    config = keras.saving.serialize_keras_object(lambda x: x + 1)
    monkeypatch.setattr(registry, "_unsafe", False)
    with pytest.raises(ValueError, match="safe mode"):
        keras.saving.deserialize_keras_object(config)
    assert keras.saving.deserialize_keras_object(config, safe_mode=False)(1) == 2
    with registry.SafeModeScope(True), pytest.raises(ValueError, match="safe mode"):
        keras.saving.deserialize_keras_object(config, safe_mode=False)  # the outer one counts
    keras.config.enable_unsafe_deserialization()
    assert keras.saving.deserialize_keras_object(config)(1) == 2
    with registry.SafeModeScope(True):
        assert keras.saving.deserialize_keras_object(config)(1) == 2


def test_objects_of_a_module_by_name():
    get = keras.saving.deserialize_keras_object
    assert get("relu", module_objects={"relu": abs}) is abs and get("relu") == "relu"
    with pytest.raises(ValueError, match="unexpected arguments"):
        get("relu", modules={})


def test_config():
    config = keras.utils.Config(rate=0.1, steps=5)
    config.name, config["other"] = "x", None
    assert config.rate == config["rate"] == config.get("rate") == 0.1 and config.get("nothing", 3) == 3
    assert list(config) == ["name", "other", "rate", "steps"] and len(config) == 4 and "rate" in config
    assert json.loads(config.to_json()) == config.as_dict() == dict(config.items())
    assert list(config.keys()) == list(config.as_dict()) and 5 in config.values()
    config.as_dict()["rate"] = 9
    assert config.rate == 0.1 and "rate" in repr(config)
    assert config.pop("other") is None and config.pop("other", 4) == 4
    config.update({"rate": 0.2}, steps=6)
    del config["name"]
    assert config.as_dict() == {"rate": 0.2, "steps": 6} and not config.frozen
    config.freeze()
    changes = [
        lambda: setattr(config, "rate", 1),
        lambda: config.update(rate=1),
        lambda: config.pop("rate"),
        lambda: config.__setitem__("rate", 1),
        lambda: config.__delitem__("rate"),
        lambda: delattr(config, "rate"),
    ]
    for change in changes:
        with pytest.raises(ValueError, match="frozen"):
            change()
    assert config.frozen and config.rate == 0.2
    other = copy.deepcopy(config)
    other.unfreeze()
    other.rate = 1
    assert config.rate == 0.2
    with pytest.raises(AttributeError, match="did you mean 'rate'"):
        config.rat  # noqa: B018
    with pytest.raises(AttributeError, match="part of Config"):
        other.pop = 3


def test_progress_averages_unless_told():
    bar = keras.utils.Progbar
    shown = {}
    for name, kwargs in (
        ("mean", {}),
        ("given", {"stateful_metrics": ["a"]}),
        ("all given", {"stateless_metrics": []}),
        ("all but a", {"stateless_metrics": ["a"]}),
    ):
        b = bar(2, verbose=0, **kwargs)
        b.update(1, [("a", 1.0), ("b", 1.0)])
        b.update(2, [("a", 3.0), ("b", 3.0)])
        shown[name] = {k: total / count for k, (total, count) in b._sums.items()}
    assert shown == {
        "mean": {"a": 2.0, "b": 2.0},
        "given": {"a": 3.0, "b": 2.0},
        "all given": {"a": 3.0, "b": 3.0},
        "all but a": {"a": 2.0, "b": 3.0},
    }
    with pytest.raises(ValueError, match="not both"):
        bar(2, stateful_metrics=["a"], stateless_metrics=["b"])


# ---------------------------------------------------------------- pictures


def functional():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu", name="deep")], name="inner")
    frozen = layers.Dense(4, name="frozen")
    x = layers.Add(name="sum")([inner(a), frozen(b)])
    frozen.trainable = False
    return keras.Model([a, b], layers.Dense(1, name="last")(x) * 2.0, name="outer")


def edges(dot):
    """Pairs of titles."""
    names = {}

    def walk(graph):
        for node in graph.get_nodes():
            label = node.get_label()
            if label:
                names[node.get_name().strip('"')] = label.split("<b>")[1].split("</b>")[0]
        for sub in graph.get_subgraphs():
            walk(sub)

    walk(dot)
    found = [(e.get_source(), e.get_destination()) for g in (dot, *dot.get_subgraphs()) for e in g.get_edges()]
    return sorted((names[str(a).strip('"')], names[str(b).strip('"')]) for a, b in found)


def test_the_graph_of_a_model():
    pydot = pytest.importorskip("pydot")
    draw = keras.utils.model_to_dot
    m = functional()
    op = m.operations[-1].name
    flat = [("a", "inner"), ("b", "frozen"), ("frozen", "sum"), ("inner", "sum"), ("last", op), ("sum", "last")]
    assert edges(draw(m)) == sorted(flat)
    inside = [("a", "deep"), ("deep", "sum"), *flat[1:3], *flat[4:]]
    opened = draw(m, expand_nested=True)
    assert edges(opened) == sorted(inside) and [c.get_label() for c in opened.get_subgraphs()] == ["inner"]
    assert draw(m).to_string() == draw(m).to_string()

    def text(**kwargs):
        return draw(m, **kwargs).to_string()

    plain = text()
    for kwargs, words in (
        ({"show_shapes": True}, ["Input shape: <b>(None, 4), (None, 4)</b>", "Output shape: <b>(None, 1)</b>"]),
        ({"show_dtype": True}, ["Output dtype: <b>float32</b>"]),
        ({"show_layer_activations": True, "expand_nested": True}, ["Activation: <b>relu</b>"]),
        ({"show_trainable": True}, ["Trainable", "Non-trainable"]),
        ({"rankdir": "LR"}, ["rankdir=LR"]),
        ({"dpi": 77}, ["dpi=77"]),
        ({"splines": "curved"}, ["splines=curved"]),
    ):
        found = text(**kwargs)
        for w in words:
            assert w in found and w not in plain, w
    assert "<b>sum</b> (Add)" in plain and "<b>sum</b>" not in text(show_layer_names=False)
    assert isinstance(draw(m, subgraph=True), pydot.Cluster)
    chain = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="d1"), layers.Dense(1, name="d2")])
    assert edges(draw(chain)) == [("d1", "d2")]


def test_a_picture_in_a_file(tmp_path, monkeypatch):
    pydot = pytest.importorskip("pydot")
    plot = keras.utils.plot_model
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ImportError, match="Graphviz"):
        plot(functional(), tmp_path / "m.png")
    written = []
    monkeypatch.setattr("shutil.which", lambda name: name)

    def write(self, path, format):
        written.append((self, path, format))
        Path(path).write_text("<svg></svg>")

    monkeypatch.setattr(pydot.Dot, "write", write)
    plot(functional(), tmp_path / "m.svg", show_shapes=True, rankdir="LR")
    plot(functional(), str(tmp_path / "m"))
    assert [w[2] for w in written] == ["svg", "png"] and written[0][1] == str(tmp_path / "m.svg")
    assert "Output shape" in written[0][0].to_string() and "rankdir=LR" in written[0][0].to_string()
    for draw in (plot, keras.utils.model_to_dot):
        with pytest.raises(ValueError, match="not built"):
            draw(keras.Sequential([layers.Dense(1)]))
        with pytest.raises(ValueError, match="layer_range"):
            draw(functional(), layer_range=[0, 1])


def test_pictures_need_pydot(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)
    for draw in (keras.utils.plot_model, keras.utils.model_to_dot):
        with pytest.raises(ImportError, match="pip install pydot"):
            draw(functional())


# ---------------------------------------------------------------- legacy


def test_configs_of_keras_2():
    both = keras.legacy.saving
    assert both.serialize_keras_object is keras.utils.legacy.serialize_keras_object
    assert both.deserialize_keras_object is keras.utils.legacy.deserialize_keras_object
    get, put = both.deserialize_keras_object, both.serialize_keras_object
    table = {"Dense": layers.Dense, "L2": keras.regularizers.L2, "relu": keras.activations.relu}
    config = put(keras.regularizers.L2(0.5))
    assert config == {"class_name": "L2", "config": {"l2": 0.5}}
    assert get(config, table).get_config() == {"l2": 0.5}
    assert put(None) is None and get(None) is None
    assert put(keras.activations.relu) == "relu" and get("relu", table) is keras.activations.relu
    assert isinstance(get("L2", table), keras.regularizers.L2) and get(frames) is frames

    class Wrap:
        def __init__(self, inner, act=None):
            self.inner, self.act = inner, act

        def get_config(self):
            return {"inner": self.inner, "act": self.act}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    again = get(put(Wrap(keras.regularizers.L2(0.5), keras.activations.relu)), table, custom_objects={"Wrap": Wrap})
    assert again.inner.get_config() == {"l2": 0.5} and again.act is keras.activations.relu
    for bad, words in (
        ("L3", "unknown regularizer 'L3'"),
        ({"class_name": "Wrap", "config": {}}, "unknown regularizer 'Wrap'"),
        ({"class_name": "L2"}, "class_name and config"),
        ({"class_name": "L2", "config": [1]}, "must be a dict"),
        (3, "got int"),
    ):
        with pytest.raises(ValueError, match=words):
            get(bad, table, printable_module_name="regularizer")
    with pytest.raises(ValueError, match="no get_config"):
        put(3)
