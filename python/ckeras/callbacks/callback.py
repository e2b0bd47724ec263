"""Callback: the base class of what `fit`, `evaluate` and `predict` call on their way."""


class Callback:
    """Hooks around training, epochs and batches; a subclass defines those it needs.

    `self.model` is the model, `self.params` a dict of `verbose`, `epochs`, `steps`. `logs` are dicts of floats.
    Without a batch hook, `fit` hands the engine whole runs of steps and is faster.

    >>> class Stop(ckeras.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    per_slice = False  # its batch hooks need not see every batch: once per run of steps is enough

    def __init__(self):
        self.params = None
        self._model = None

    @property
    def model(self):
        return self._model

    def set_params(self, params):
        self.params = params

    def set_model(self, model):
        self._model = model

    def on_batch_begin(self, batch, logs=None):
        """As `on_train_batch_begin`, its older name."""

    def on_batch_end(self, batch, logs=None):
        """As `on_train_batch_end`, its older name."""

    def on_epoch_begin(self, epoch, logs=None):
        """Before an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        """After an epoch and its validation; `logs` hold training results and `val_` results."""

    def on_train_batch_begin(self, batch, logs=None):
        """Before a training batch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """After a training batch; `logs` hold the results of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch, logs=None):
        """After a batch of evaluation or validation."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch, logs=None):
        """After a batch of prediction; `logs["outputs"]` are its outputs."""

    def on_train_begin(self, logs=None):
        """At the start of `fit`."""

    def on_train_end(self, logs=None):
        """At the end of `fit`."""

    def on_test_begin(self, logs=None):
        """At the start of evaluation or validation."""

    def on_test_end(self, logs=None):
        """At the end of evaluation or validation."""

    def on_predict_begin(self, logs=None):
        """At the start of `predict`."""

    def on_predict_end(self, logs=None):
        """At the end of `predict`."""
