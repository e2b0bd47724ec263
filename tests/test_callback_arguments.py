"""Every argument of every callback shows in what is printed, written, learned or stopped."""

import inspect

import numpy as np
import pytest

import ckeras
from ckeras import callbacks

VALUES = [3.0, 2.0, 2.05, 2.5, 1.2, 2.6, 1.9, 2.2]
LOSSES = [1.0, 0.9, 0.8, 1.5, 1.4, 0.7, 0.6, 0.5]


def _says(word):
    return lambda *args: print(word, *(a for a in args if isinstance(a, int)))


_BEST = {"save_best_only": True}
# callback -> what it is made of; argument -> its other value, or that and more that both are made of.
ROWS = {
    "EarlyStopping": (
        {},
        {
            "monitor": "loss",
            "min_delta": 2.0,
            "patience": 2,
            "verbose": 1,
            "mode": "max",
            "baseline": (1.0, {"patience": 3}),
            "restore_best_weights": True,
            "start_from_epoch": 4,
        },
    ),
    "ModelCheckpoint": (
        {"filepath": "{folder}/m{epoch}.keras"},
        {
            "filepath": "{folder}/other{epoch}.keras",
            "monitor": ("loss", _BEST),
            "verbose": 1,
            "save_best_only": True,
            "save_weights_only": (True, {"filepath": "{folder}/m{epoch}.weights.h5"}),
            "mode": ("max", _BEST),
            "save_freq": 17,
            "initial_value_threshold": (1.95, _BEST),
        },
    ),
    "CSVLogger": ({"filename": "{folder}/old.csv"}, {"filename": "{folder}/b.csv", "separator": ";", "append": True}),
    "LearningRateScheduler": ({"schedule": lambda epoch: 0.1}, {"schedule": lambda epoch: 0.2, "verbose": 1}),
    "ReduceLROnPlateau": (
        {"patience": 1},
        {
            "monitor": "loss",
            "factor": 0.5,
            "patience": 2,
            "verbose": 1,
            "mode": "max",
            "min_delta": 2.0,
            "cooldown": 3,
            "min_lr": 0.05,
        },
    ),
    "LambdaCallback": (
        {},
        {
            n: _says(n)
            for n in inspect.signature(callbacks.LambdaCallback.__init__).parameters
            if n not in ("self", "kwargs")
        },
    ),
    "BackupAndRestore": (
        {"backup_dir": "{folder}/a"},
        {
            "backup_dir": ("{folder}/b", {"delete_checkpoint": False}),
            "save_freq": (1, {"delete_checkpoint": False}),
            "double_checkpoint": (True, {"delete_checkpoint": False}),
            "delete_checkpoint": False,
        },
    ),
}
# In test_callbacks_files.py, argument by argument; Orbax raises. The rest take none.
OTHERS = {"OrbaxCheckpoint", "RemoteMonitor", "SwapEMAWeights", "TensorBoard"}
OTHERS |= {"Callback", "CallbackList", "History", "ProgbarLogger", "TerminateOnNaN"}


def observe(name, given, folder, capsys):
    """What is seen of eight epochs of three batches, told by hand."""
    folder.mkdir()
    (folder / "old.csv").write_text("epoch,loss,val_loss\n9,9,9\n")
    given = {k: v.replace("{folder}", str(folder)) if isinstance(v, str) else v for k, v in given.items()}
    model = ckeras.Sequential([ckeras.Input((1,)), ckeras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(ckeras.optimizers.SGD(1.0), "mse")
    callback = getattr(callbacks, name)(**given)
    callback.set_params({"epochs": len(VALUES), "steps": 3})
    callback.set_model(model)
    model.stop_training, seen = False, []
    capsys.readouterr()
    callback.on_train_begin()
    for epoch, (value, loss) in enumerate(zip(VALUES, LOSSES, strict=True)):
        callback.on_epoch_begin(epoch, {})
        for batch in range(3):
            callback.on_train_batch_begin(batch, {})
            model.layers[0].kernel.assign_add(np.ones((1, 1), "float32"))
            callback.on_train_batch_end(batch, {"loss": loss})
        callback.on_epoch_end(epoch, {"loss": loss, "val_loss": value})
        seen.append((model.stop_training, float(model.optimizer.learning_rate)))
        if model.stop_training:
            break
    callback.on_train_end({})
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))
    texts = [p.read_text() for p in sorted(folder.rglob("*.csv"))]
    sizes = [p.stat().st_size for p in sorted(folder.rglob("*.json"))]
    metadata = [p.read_text() for p in sorted(folder.rglob("*.json"))] if sizes else []
    shown = capsys.readouterr().out
    return seen, files, texts, metadata, shown, model.get_weights()[0].tolist()


def test_no_callback_is_left_out():
    things = {n: getattr(callbacks, n) for n in dir(callbacks)}
    found = {n for n, c in things.items() if isinstance(c, type) and issubclass(c, callbacks.Callback)}
    assert found == set(ROWS) | OTHERS


CASES = [
    (name, argument)
    for name in ROWS
    for argument, p in inspect.signature(getattr(callbacks, name).__init__).parameters.items()
    if argument != "self" and p.kind is not p.VAR_KEYWORD
]


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_every_argument_shows(name, argument, tmp_path, capsys):
    base, others = ROWS[name]
    value = others[argument]
    value, more = value if isinstance(value, tuple) else (value, {})
    base = {**base, **more}
    if argument == "save_weights_only":  # each kind has a file name of its own
        with pytest.raises(ValueError, match="save_weights_only=False"):
            observe(name, base, tmp_path / "first", capsys)
        assert "m8.weights.h5" in observe(name, {**base, argument: value}, tmp_path / "other", capsys)[1]
        return
    first = observe(name, base, tmp_path / "first", capsys)
    texts = [first, observe(name, {**base, argument: value}, tmp_path / "other", capsys)]
    a, b = (repr(t).replace(str(tmp_path / f), "") for t, f in zip(texts, ("first", "other"), strict=True))
    assert a != b
