"""History: what `fit` returns."""

from ckeras.callbacks.callback import Callback


class History(Callback):
    """`history`: a dict of lists, one value per epoch; `epoch`: the epochs' numbers."""

    def __init__(self):
        super().__init__()
        self.history = {}
        self.epoch = []

    def on_train_begin(self, logs=None):
        self.history = {}
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for k, v in (logs or {}).items():
            self.history.setdefault(k, []).append(v)
