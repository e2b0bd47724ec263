"""What a beginner gets wrong, and the words of the error: where, expected, got, what to do."""

import warnings

import numpy as np
import pytest

import ckeras as keras
from ckeras import Input, Model, Sequential, layers, models, ops, optimizers

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 3
R = np.ones((12, 1), "float32")


def net(loss="sparse_categorical_crossentropy", units=3, activation="softmax", **compile_args):
    model = Sequential([Input((4,)), layers.Dense(5, name="hidden"), layers.Dense(units, activation, name="head")])
    model.compile("sgd", loss, **compile_args)
    return model


def fit(x=X, y=Y, model=None, **kwargs):
    return (model or net()).fit(x, y, **{"verbose": 0, **kwargs})


def new(name, base=layers.Layer, **members):
    return type(name, (base,), members)


def two_inputs():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    model = Model([a, b], layers.Dense(1)(layers.Add()([a, b])))
    model.compile("sgd", "mse")
    return model


def uncompiled():
    return Sequential([Input((4,)), layers.Dense(1)])


def endless():
    while True:
        yield X, Y


def changed_features():
    layer = layers.Dense(2, name="d")
    layer(X)
    layer(X[:, :2])


# What is wrong: (call, words of the message).
MISTAKES = {
    # constructors
    "one size for a shape": (lambda: layers.Reshape(5), ["[Reshape] target_shape", "(5,)"]),
    "one axis for all": (lambda: layers.Permute(2), ["[Permute] dims", "(2,)"]),
    "a number of cells": (lambda: layers.StackedRNNCells(2), ["[StackedRNNCells] cells", "list", "2"]),
    "a broken axis": (lambda: layers.Dot(axes=2.5), ["[Dot] axes", "2.5"]),
    "a list of slopes": (lambda: layers.LeakyReLU([]), ["[LeakyReLU] negative_slope", "[]"]),
    "a word for a share": (lambda: layers.LSTM(3, dropout="a"), ["[LSTMCell] dropout", "'a'"]),
    "a pair of shares": (lambda: layers.GRU(3, recurrent_dropout=(0, 1)), ["[GRUCell] recurrent_dropout", "(0, 1)"]),
    "a size for a vocabulary": (lambda: layers.StringLookup(vocabulary=5), ["[StringLookup] vocabulary", "5"]),
    # calls
    "two inputs in a row": (lambda: layers.Dense(2, name="d")(X, X), ["'d' (Dense)", "`training`", "layer([a, b])"]),
    "two inputs of a model": (lambda: net()(X, X), ["(Sequential)", "`training`", "(12, 4)"]),
    # shapes
    "fewer features in fit": (lambda: fit(X[:, :3]), ["input_layer", "(None, 4)", "(12, 3)"]),
    "fewer features in predict": (lambda: net().predict(X[:, :3], verbose=0), ["input_layer", "(None, 4)", "(12, 3)"]),
    "one sample without its axis": (lambda: net()(X[0]), ["(None, 4)", "(4,)"]),
    "images to a dense model": (lambda: net().predict(np.zeros((2, 4, 4, 1))), ["(None, 4)", "(2, 4, 4, 1)"]),
    "a layer built for other features": (changed_features, ["'d'", "axis -1", "4", "2"]),
    "conv on vectors": (lambda: Sequential([Input((4,)), layers.Conv2D(2, 3)]), ["conv2d", "ndim=4", "(None, 4)"]),
    "pool on a sequence": (lambda: Sequential([Input((4, 4)), layers.MaxPooling2D()]), ["ndim=4", "(None, 4, 4)"]),
    "kernel above image": (lambda: Sequential([Input((2, 2, 1)), layers.Conv2D(2, 3)]), ["(3, 3)", "padding='same'"]),
    "groups": (lambda: Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3, groups=2)]), ["groups=2", "3 channels"]),
    "unknown features": (lambda: Sequential([Input((None,)), layers.Dense(2)]), ["dense", "(None, 2)", "full shape"]),
    "reshape": (lambda: Sequential([Input((4,)), layers.Reshape((3,))]), ["reshape", "4 elements", "(3,)"]),
    "concatenate": (lambda: layers.Concatenate()([Input((3, 4)), Input((2, 5))]), ["(None, 3, 4)", "(None, 2, 5)"]),
    "add": (lambda: layers.Add()([Input((3,)), Input((4,))]), ["add", "(3,)", "(4,)"]),
    "add of one": (lambda: layers.Add()(Input((3,))), ["list", "(None, 3)"]),
    "matmul": (lambda: ops.matmul(np.ones((2, 3)), np.ones((2, 3))), ["[matmul]", "(2, 3)", "K"]),
    "two inputs to a model of one": (lambda: fit([X, X]), ["takes 1", "got 2"]),
    "one input to a model of two": (lambda: fit(X, R, two_inputs()), ["takes 2", "a, b", "got 1"]),
    "half of the names": (lambda: fit({"a": X, "c": X}, R, two_inputs()), ["misses", "'b'", "'c'"]),
    # targets
    "label too big": (lambda: fit(y=Y + 1), ["label 3", "3 classes", "[0, 3)", "sparse_categorical_crossentropy"]),
    "label negative": (lambda: fit(y=Y - 1), ["label -1", "[0, 3)", "sequential"]),
    "label in evaluate": (lambda: net().evaluate(X, Y + 1, verbose=0), ["label 3", "3 classes"]),
    "integers for one-hot": (lambda: fit(model=net("categorical_crossentropy")), ["(12,)", "(12, 3)", "sparse_"]),
    "one-hot for integers": (lambda: fit(y=np.eye(3)[Y]), ["(12, 3)", "(12,)", "use categorical_crossentropy"]),
    "three outputs, binary": (lambda: fit(model=net("binary_crossentropy")), ["binary_crossentropy", "(12, 3)"]),
    "target of other width": (
        lambda: fit(y=np.zeros((12, 2)), model=net("mse")),
        ["mean_squared", "(12, 2)", "(12, 3)"],
    ),
    "y None": (lambda: fit(y=None), ["y is missing", "sparse_categorical_crossentropy", "Pass y"]),
    "two targets": (lambda: fit(y=[Y, Y]), ["no target", "structure"]),
    # names
    "optimizer": (lambda: net().compile("adm", "mse"), ["'adm'", "optimizer", "'adam'"]),
    "loss": (lambda: net().compile("adam", "mze"), ["'mze'", "loss", "'mse'"]),
    "metric": (lambda: net(metrics=["acuracy"]), ["'acuracy'", "metric", "'accuracy'"]),
    "activation": (lambda: layers.Dense(3, activation="rellu"), ["'rellu'", "activation", "'relu'"]),
    "initializer": (lambda: layers.Dense(3, kernel_initializer="glorot"), ["'glorot'", "initializer", "glorot_"]),
    "regularizer": (lambda: layers.Dense(3, kernel_regularizer="l3"), ["'l3'", "regularizer", "l2"]),
    "constraint": (lambda: layers.Dense(3, kernel_constraint="max"), ["'max'", "constraint"]),
    "padding": (lambda: layers.Conv2D(3, 3, padding="full"), ["Conv2D", "padding", "'same'", "'full'"]),
    "data format": (lambda: layers.Conv2D(3, 3, data_format="last"), ["'channels_last'", "'last'"]),
    "dtype": (lambda: layers.Dense(3, dtype="float31"), ["dtype", "'float31'"]),
    "argument of a layer": (lambda: layers.Dense(3, acivation="relu"), ["Dense", "acivation", "'activation'"]),
    "argument of an optimizer": (lambda: optimizers.Adam(lrate=1), ["Adam", "lrate"]),
    "layer": (lambda: net().get_layer("nope"), ["get_layer", "'nope'", "head", "hidden"]),
    "layer index": (lambda: net().get_layer(index=9), ["index=9", "2 layers"]),
    "the same name twice": (
        lambda: Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]),
        ["'a'", "name"],
    ),
    # compile
    "fit before compile": (lambda: fit(X, R, uncompiled()), ["not compiled", "compile(", "fit"]),
    "evaluate before compile": (lambda: uncompiled().evaluate(X, R), ["not compiled", "compile(", "evaluate"]),
    "no loss": (lambda: fit(model=net(None)), ["no loss", "compile()"]),
    "metrics a string": (lambda: net(metrics="accuracy"), ["metrics", "list", "str"]),
    "two losses, one output": (lambda: fit(model=net(["mse", "mse"])), ["one output", "got 2"]),
    "loss weights": (lambda: fit(model=net(loss_weights=["a"])), ["loss_weights", "number"]),
    "steps per execution": (lambda: net(steps_per_execution=0), ["steps_per_execution", "positive", "0"]),
    # data
    "x None": (lambda: fit(None), ["x is missing"]),
    "x empty": (lambda: fit(X[:0], Y[:0]), ["empty", "0 samples"]),
    "x an empty list": (lambda: fit([], []), ["x holds no array"]),
    "predict nothing": (lambda: net().predict(X[:0], verbose=0), ["empty", "0 samples"]),
    "lengths": (lambda: fit(y=Y[:5]), ["same number", "x: [12]", "y: [5]"]),
    "lengths of weights": (lambda: fit(sample_weight=np.ones(3)), ["same number", "sample_weight: [3]"]),
    "lengths of a batch": (lambda: net().train_on_batch(X, Y[:2]), ["same number", "y: [2]"]),
    "weights of wrong rank": (
        lambda: fit(sample_weight=np.ones((12, 3))),
        ["sample_weight", "(12, 3)", "one weight per"],
    ),
    "strings as x": (lambda: fit(np.array(["a"] * 12)), ["[x]", "numbers", "strings"]),
    "strings as y": (lambda: fit(y=np.array(["cat"] * 12)), ["[y]", "numbers", "strings"]),
    "a path": (lambda: fit("data.csv"), ["str", "arrays"]),
    "objects": (lambda: fit(np.array([[1], [1, 2]], dtype=object), Y[:2]), ["[x]", "object", "lengths"]),
    "rows of different lengths": (lambda: fit([[1, 2], [1]], Y[:2]), ["[x]", "lengths", "pad"]),
    "complex": (lambda: fit(X.astype(complex)), ["[x]", "complex128"]),
    "a number": (lambda: fit(3), ["int", "arrays"]),
    "a batch of a number": (lambda: net().predict_on_batch(3.0), ["[x]", "first dimension", "single number"]),
    "class weights in a list": (lambda: fit(class_weight=[1, 2, 3]), ["class_weight", "dict", "[1, 2, 3]"]),
    "class weights of text": (lambda: fit(class_weight={0: "a"}), ["class_weight", "number", "'a'"]),
    "both weights": (lambda: fit(class_weight={0: 1}, sample_weight=np.ones(12)), ["class_weight", "sample_weight"]),
    "a generator for two epochs": (lambda: fit(iter([(X, Y)]), None, epochs=2), ["generator", "steps_per_epoch"]),
    "a batch of four": (lambda: fit(iter([(X, Y, Y, Y)]), None), ["(x, y, sample_weight)", "tuple of 4"]),
    "no batch": (lambda: fit(iter([]), None), ["no batch", "generator"]),
    "batches and y": (lambda: fit(endless(), Y, steps_per_epoch=1), ["y must be None"]),
    "class numbers": (lambda: keras.utils.to_categorical([0, 5], 3), ["[0, 3)", "5"]),
    # arguments of fit
    "validation of four": (lambda: fit(validation_data=(X, Y, Y, Y)), ["validation_data", "(x, y)", "tuple of 4"]),
    "validation without y": (lambda: fit(validation_data=X), ["y is missing"]),
    "validation lengths": (lambda: fit(validation_data=(X, Y[:3])), ["x: [12]", "y: [3]"]),
    "validation features": (lambda: fit(validation_data=(X[:, :2], Y)), ["(None, 4)", "(12, 2)"]),
    "validation_split": (lambda: fit(validation_split=1.5), ["validation_split", "between 0 and 1", "1.5"]),
    "split of batches": (lambda: fit(endless(), None, steps_per_epoch=1, validation_split=0.5), ["needs arrays"]),
    "a callback's name": (lambda: fit(callbacks="early"), ["callbacks", "Callback", "'early'"]),
    "a callback's class": (lambda: fit(callbacks=[keras.callbacks.EarlyStopping]), ["EarlyStopping", "instance"]),
    "batch_size 0": (lambda: fit(batch_size=0), ["batch_size", "positive", "0"]),
    "batch_size 2.5": (lambda: fit(batch_size=2.5), ["batch_size", "integer", "2.5"]),
    "epochs -1": (lambda: fit(epochs=-1), ["epochs", "integer", "-1"]),
    "epochs '3'": (lambda: fit(epochs="3"), ["epochs", "integer", "'3'"]),
    "steps 0": (lambda: fit(steps_per_epoch=0), ["steps_per_epoch", "positive", "0"]),
    "verbose 7": (lambda: fit(verbose=7), ["verbose", "0, 1 or 2", "7"]),
    "shuffle": (lambda: fit(shuffle="yes"), ["shuffle", "'yes'"]),
    # numbers of layers and optimizers
    "units -1": (lambda: layers.Dense(-1), ["Dense", "units", "positive", "-1"]),
    "units '8'": (lambda: layers.Dense("8"), ["units", "integer", "'8'"]),
    "kernel of three": (lambda: layers.Conv2D(1, (3, 3, 3)), ["Conv2D", "kernel_size", "2", "(3, 3, 3)"]),
    "strides 0": (lambda: layers.Conv2D(1, 3, strides=0), ["Conv2D", "strides", "positive"]),
    "pool 0": (lambda: layers.MaxPooling2D(0), ["MaxPooling2D", "pool_size", "positive"]),
    "dropout 2": (lambda: layers.Dropout(2), ["Dropout", "rate", "[0, 1]", "2"]),
    "embedding": (lambda: layers.Embedding(3, 2)(np.array([[5]])), ["index 5", "size 3"]),
    "learning rate": (lambda: optimizers.Adam("0.1"), ["Adam", "learning_rate", "number", "'0.1'"]),
    "momentum": (lambda: optimizers.SGD(momentum=2.0), ["SGD", "momentum", "2.0"]),
    "patience": (lambda: keras.callbacks.EarlyStopping(patience=-1), ["EarlyStopping", "patience", "-1"]),
    "seed": (lambda: keras.utils.set_random_seed("a"), ["set_random_seed", "integer", "'a'"]),
    # models
    "input shape 4": (lambda: Input(4), ["shape", "tuple", "(4,)"]),
    "input without a shape": (lambda: Input(), ["needs a shape"]),
    "no Input": (lambda: Sequential([layers.Dense(1)]).count_params(), ["count_params", "built"]),
    "no layer": (lambda: Sequential()(X), ["no layer"]),
    "a layer's class": (lambda: Sequential([layers.Dense]), ["expected a layer", "type"]),
    "a model of arrays": (lambda: Model(X, X), ["symbolic", "Input"]),
    "a graph that is not joined": (lambda: Model(Input((3,)), layers.Dense(1)(Input((3,)))), ["Input", "lead to"]),
    "if of a symbol": (lambda: bool(Input((3,))), ["symbolic", "ckeras.ops"]),
    "NumPy of a symbol": (lambda: np.sum(Input((3,))), ["symbolic", "ckeras.ops"]),
    "no call": (lambda: new("L")()(X), ["L", "call"]),
    "no super().__init__": (lambda: new("L", __init__=lambda self: None)()(X), ["L", "super().__init__()"]),
    "set_weights": (lambda: net().set_weights([X]), ["expected 4", "got 1"]),
    "clone of a number": (lambda: models.clone_model(3), ["clone_model", "int"]),
    # files
    "save as .bin": (lambda: net().save("m.bin"), ["'.keras'", "m.bin"]),
    "save in a folder that is not there": (lambda: net().save("no_such_folder/m.keras"), ["no_such_folder", "folder"]),
    "weights as .keras": (lambda: net().save_weights("m.keras"), ["'.weights.h5'", "m.keras"]),
    "load what is not there": (lambda: models.load_model("none.keras"), ["not found", "none.keras"]),
    "load a folder": (lambda: models.load_model("/"), ["folder"]),
    "load weights that are not there": (lambda: net().load_weights("none.weights.h5"), ["not found"]),
    "JSON": (lambda: models.model_from_json("{"), ["model_from_json", "JSON"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_message_says_what_to_do(mistake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, words = MISTAKES[mistake]
    with pytest.raises((ValueError, TypeError, RuntimeError, OSError, NotImplementedError)) as raised:
        call()
    text = "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    missing = [word for word in words if word not in text]
    assert missing == [], text


def test_a_call_that_returns_nothing_is_named():
    model = new("Empty", Model, call=lambda self, x: None)()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"tensor.*None.*call"):
        fit(y=R, model=model)


def test_names_that_fit_no_input_are_taken_in_order_with_a_warning():
    with pytest.warns(UserWarning, match=r"\['a', 'b'\].*\['p', 'q'\]"):
        fit({"p": X, "q": X}, R, two_inputs())


def test_a_model_trains_on_after_a_mistake():
    model = net()
    for wrong in ({"y": Y + 1}, {"x": X[:, :2]}, {"batch_size": 0}):
        with pytest.raises(ValueError):
            fit(model=model, **wrong)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(fit(model=model).history["loss"]).all()


def test_nan_in_data_shows_in_the_loss():
    assert np.isnan(fit(np.full_like(X, np.nan)).history["loss"]).all()
