"""ProgbarLogger: the progress bar of `fit`, `evaluate` and `predict`."""

from ckeras.callbacks.callback import Callback
from ckeras.config import settings
from ckeras.utils.progbar import Progbar, log_line


class ProgbarLogger(Callback):
    """Shows steps, time and metrics: a bar that moves with `verbose=1`, one line per epoch with `verbose=2`."""

    per_slice = True

    def __init__(self):
        super().__init__()
        self._bar = None
        self._seen = 0
        self._training = False
        self.verbose = 1
        self.epochs = 1

    def set_params(self, params):
        super().set_params(params)
        self.verbose = params.get("verbose", 1)
        if self.verbose == "auto":
            self.verbose = 1
        self.epochs = params.get("epochs", 1)
        self._target = params.get("steps")

    def on_train_begin(self, logs=None):
        self._training = True

    def on_train_end(self, logs=None):
        self._training = False

    def on_epoch_begin(self, epoch, logs=None):
        self._start()
        if self.verbose and self.epochs > 1:
            log_line(f"Epoch {epoch + 1}/{self.epochs}")

    def on_test_begin(self, logs=None):
        if not self._training:
            self._start()

    def on_predict_begin(self, logs=None):
        self._start()

    def on_train_batch_end(self, batch, logs=None):
        self._move(batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        if not self._training:
            self._move(batch, logs)

    def on_predict_batch_end(self, batch, logs=None):
        self._move(batch, None)

    def on_epoch_end(self, epoch, logs=None):
        self._finish(logs)
        self._target = self._target or self._seen

    def on_test_end(self, logs=None):
        if not self._training:
            self._finish(logs)

    def on_predict_end(self, logs=None):
        self._finish(None)

    def _start(self):
        self._seen = 0
        live = settings.is_interactive_logging_enabled()
        verbose = self.verbose if live or not self.verbose else 2
        self._bar = Progbar(self._target, verbose=verbose, stateless_metrics=(), unit_name="step")

    def _move(self, batch, logs):
        self._seen = batch + 1
        self._bar.update(self._seen, list((logs or {}).items()), finalize=False)

    def _finish(self, logs):
        if self._bar.target is None:
            self._bar.target = self._seen
        self._bar.update(self._bar.target, list((logs or {}).items()), finalize=True)
