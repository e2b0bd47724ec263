"""Every argument of summary, clone_model, load_model, model_from_json, add_weight, get_layer shows."""

import inspect
import json

import numpy as np
import pytest

import ckeras
from ckeras import layers

X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


class Doubled(layers.Layer):
    def call(self, x):
        return x * 2

    def get_config(self):
        return super().get_config()


def inner():
    i = ckeras.Input((5,), name="inner_input")
    return ckeras.Model(i, layers.Dense(2, name="inner_dense")(i), name="inner")


def model():
    ckeras.utils.set_random_seed(3)
    i = ckeras.Input((4,), name="entry")
    x = layers.Dense(5, name="first")(i)
    x = inner()(x)
    m = ckeras.Model(i, layers.Dense(1, name="last")(x), name="outer")
    m.get_layer("last").trainable = False
    return m


def text(**kwargs):
    lines = []
    model().summary(print_fn=lambda line, **_: lines.append(line), **kwargs)
    return "\n".join(lines)


def summary_line_length():
    widths = [max(map(len, text(line_length=n).splitlines())) for n in (70, 110)]
    return widths == [70, 110]


def summary_positions():
    def border(*positions):
        return text(line_length=100, positions=positions).splitlines()[1].find("┳")

    return (border(0.2, 0.6, 1.0), border(0.6, 0.8, 1.0)) == (21, 59)


def summary_print_fn():
    return "first" in text()


def summary_expand_nested():
    return "inner_dense" in text(expand_nested=True) and "inner_dense" not in text()


def summary_show_trainable():
    rows = {line.split()[1]: line.split()[-2] for line in text(show_trainable=True).splitlines() if "(Dense)" in line}
    return rows == {"first": "Y", "last": "N"} and "Trainable" not in text().splitlines()[2]


def summary_layer_range():
    shown = text(layer_range=["inner", "last"])
    return "first" not in shown and "inner" in shown


def anew(layer):
    return layer.__class__.from_config(layer.get_config())


def clone_input_tensors():
    i = ckeras.Input((4,), name="mine")
    return ckeras.models.clone_model(model(), input_tensors=i).input_names == ["mine"]


def clone_clone_function():
    def smaller(layer):
        config = layer.get_config()
        if isinstance(layer, layers.Dense):
            config["use_bias"] = False
        return layer.__class__.from_config(config)

    copy = ckeras.models.clone_model(model(), clone_function=smaller)
    return not copy.get_layer("first").use_bias


def clone_call_function():
    seen = []

    def call(layer, *args, **kwargs):
        seen.append(layer.name)
        return layer(*args, **kwargs)

    ckeras.models.clone_model(model(), clone_function=anew, call_function=call)
    return "first" in seen


def clone_recursive():
    seen = []

    def note(layer):
        seen.append(layer.name)
        return anew(layer)

    ckeras.models.clone_model(model(), clone_function=note, recursive=True)
    deep, seen[:] = list(seen), []
    ckeras.models.clone_model(model(), clone_function=note, recursive=False)
    return "inner_dense" in deep and "inner_dense" not in seen


def stored(path):
    m = ckeras.Sequential([ckeras.Input((4,)), Doubled(), layers.Dense(1)])
    m.compile("sgd", "mse")
    m.save(path)
    return path


def load_filepath(tmp_path):
    with pytest.raises((ValueError, FileNotFoundError)):
        ckeras.models.load_model(tmp_path / "absent.keras")
    return True


def load_custom_objects(tmp_path):
    path = stored(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="Doubled"):
        ckeras.models.load_model(path)
    return ckeras.models.load_model(path, custom_objects={"Doubled": Doubled}).predict(X, verbose=0).shape == (3, 1)


def load_compile(tmp_path):
    path = stored(tmp_path / "m.keras")
    both = [ckeras.models.load_model(path, {"Doubled": Doubled}, compile=c) for c in (True, False)]
    return [m.compiled for m in both] == [True, False]


def load_safe_mode(tmp_path):
    m = ckeras.Sequential([ckeras.Input((4,)), layers.Lambda(lambda x: x * 3)])
    m.save(tmp_path / "l.keras")
    with pytest.raises(ValueError, match="safe_mode"):
        ckeras.models.load_model(tmp_path / "l.keras")
    try:
        again = ckeras.models.load_model(tmp_path / "l.keras", safe_mode=False)
    except ValueError as e:  # said so, and not the same words
        return "safe_mode=False" not in str(e)
    return np.array_equal(again(X), m(X))


def json_json_string():
    return ckeras.models.model_from_json(model().to_json()).count_params() == model().count_params()


def json_custom_objects():
    m = ckeras.Sequential([ckeras.Input((4,)), Doubled()])
    words = m.to_json()
    assert "Doubled" in json.dumps(json.loads(words))
    with pytest.raises(ValueError, match="Doubled"):
        ckeras.models.model_from_json(words)
    return ckeras.models.model_from_json(words, custom_objects={"Doubled": Doubled})(X).shape == (3, 4)


def weight(**kwargs):
    layer = layers.Layer()
    return layer, layer.add_weight(**{"shape": (2,), **kwargs})


def weight_shape():
    return weight(shape=(3, 1))[1].shape == (3, 1)


def weight_initializer():
    return weight(initializer="ones")[1].numpy().tolist() == [1, 1]


def weight_dtype():
    return weight(dtype="float16")[1].dtype == "float16"


def weight_trainable():
    return not weight(trainable=False)[0].trainable_weights and weight()[0].trainable_weights


def weight_autocast():
    return [weight(autocast=a)[1].autocast for a in (True, False)] == [True, False]


def weight_regularizer():
    layer, _ = weight(regularizer="l2", initializer="ones")
    return len(layer.losses) == 1 and float(layer.losses[0]) > 0


def weight_constraint():
    return weight(constraint="non_neg")[1].constraint is not None


def weight_aggregation():
    return weight(aggregation="sum")[1].aggregation == "sum"


def weight_overwrite_with_gradient():
    return weight(overwrite_with_gradient=True)[1].overwrite_with_gradient is True


def weight_name():
    return weight(name="mine")[1].name == "mine"


def layer_name():
    return model().get_layer(name="last").units == 1


def layer_index():
    return model().get_layer(index=1).name == "first"


CALLS = {
    "summary": (ckeras.Model.summary, ()),
    "clone": (ckeras.models.clone_model, ("model", "kwargs")),
    "load": (ckeras.models.load_model, ()),
    "json": (ckeras.models.model_from_json, ()),
    "weight": (layers.Layer.add_weight, ("args",)),
    "layer": (ckeras.Model.get_layer, ()),
}
ROWS = [
    f"{kind}_{name}"
    for kind, (call, others) in CALLS.items()
    for name in inspect.signature(call).parameters
    if name not in ("self", *others)
]


@pytest.mark.parametrize("row", ROWS)
def test_argument_shows(row, tmp_path):
    check = globals()[row]
    assert check(tmp_path) if inspect.signature(check).parameters else check()
