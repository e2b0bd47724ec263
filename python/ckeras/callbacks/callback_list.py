"""CallbackList: calls a hook on every callback, and knows which batch hooks anyone listens to."""

from ckeras._core import nest
from ckeras._core.tensor import Tensor
from ckeras.callbacks.callback import Callback
from ckeras.callbacks.history import History
from ckeras.callbacks.progbar_logger import ProgbarLogger

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


def _nothing(*args):
    pass


def to_python(logs):
    """Logs in the order of their names, with every scalar tensor a float and every other tensor an array.

    A dict among them, as the result of the metrics that `compile` was given is one, is put in place of its name.
    """
    found = {}
    for name in sorted(logs or ()):
        value = logs[name]
        found.update(to_python(value) if isinstance(value, dict) else {name: _plain(value)})
    return found


def _plain(value):
    if isinstance(value, Tensor):
        return value.item() if value.shape == () else value.numpy()
    return value if isinstance(value, (str, bytes)) or not hasattr(value, "__float__") else float(value)


class CallbackList(Callback):
    """A list of callbacks that is called as one.

    `add_history` and `add_progbar` append a `History` and a `ProgbarLogger` unless the list has one; `params` become
    the callbacks' `params`. Raises `TypeError` for an entry that is no `Callback`.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        self.callbacks = [] if callbacks is None else nest.leaves([callbacks])
        for c in self.callbacks:
            if not isinstance(c, Callback):
                what = (
                    f"the class {c.__name__}; pass an instance" if isinstance(c, type) else f"{type(c).__name__} {c!r}"
                )
                raise TypeError(f"[callbacks] expected ckeras.callbacks.Callback objects, got {what}")
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self._history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self._history is None:
            self._history = History()
            self.callbacks.append(self._history)
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback):
        self.callbacks.append(callback)

    def set_params(self, params):
        self.params = params
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model):
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for c in self.callbacks:
            c.set_model(model)

    def _listeners(self, kind):
        """`(callback, sees every batch)` for callbacks that define a batch hook of this kind."""
        found = []
        for c in self.callbacks:
            mine = [getattr(c, name) for name in _BATCH_HOOKS[kind]]
            if any(
                getattr(m, "__func__", m) is not getattr(Callback, n)
                for m, n in zip(mine, _BATCH_HOOKS[kind], strict=False)
            ):
                found.append((c, not c.per_slice))
        return found

    def wants_every_batch(self, kind):
        """Whether some callback must see each batch."""
        return any(every for _, every in self._listeners(kind))

    def batch_hooks(self, kind):
        """`(begin, end)` functions for the batches of an epoch; they do nothing when nobody listens."""
        listeners = [c for c, _ in self._listeners(kind)]
        if not listeners:
            return _nothing, _nothing
        begins = [getattr(c, f"on_{kind}_batch_begin") for c in listeners]
        ends = [getattr(c, f"on_{kind}_batch_end") for c in listeners]

        def begin(batch):
            for hook in begins:
                hook(batch, {})

        def end(batch, logs):
            logs = dict(logs) if kind == "predict" else to_python(logs)
            for hook in ends:
                hook(batch, logs)

        return begin, end


def _caller(name):
    def counted(self, index, logs=None):
        for c in self.callbacks:
            getattr(c, name)(index, {} if logs is None else logs)

    def plain(self, logs=None):
        for c in self.callbacks:
            getattr(c, name)({} if logs is None else logs)

    call = counted if "_epoch_" in name or "_batch_" in name else plain
    call.__name__ = name
    call.__doc__ = getattr(Callback, name).__doc__
    return call


for _name in [n for n in vars(Callback) if n.startswith("on_")]:
    setattr(CallbackList, _name, _caller(_name))
