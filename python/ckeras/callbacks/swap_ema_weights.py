"""SwapEMAWeights: the optimizer's averages stand in for the weights while the model is evaluated."""

from ckeras.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Puts the moving averages of an optimizer with `use_ema=True` into the model for evaluation and prediction.

    `swap_on_epoch=True` does so at the end of every epoch too, so that callbacks after this one, as `ModelCheckpoint`,
    see the averages. Training goes on with the weights as they were. Raises `ValueError` when the optimizer keeps no
    averages.

    >>> model.compile(ckeras.optimizers.SGD(use_ema=True), "mse")
    >>> model.fit(x, y, validation_data=(x, y), callbacks=[ckeras.callbacks.SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._trained = None  # the weights of training while the averages are in the model

    def _optimizer(self):
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError("[SwapEMAWeights] the optimizer keeps no averages; compile with use_ema=True")
        return optimizer

    def _put_averages(self):
        optimizer = self._optimizer()
        if self._trained is None and optimizer.built:
            self._trained = [v.numpy().copy() for v in optimizer._trainable_variables]
            for v, average in zip(optimizer._trainable_variables, optimizer._average, strict=True):
                v.assign(average)

    def _put_back(self):
        if self._trained is not None:
            for v, value in zip(self._optimizer()._trainable_variables, self._trained, strict=True):
                v.assign(value)
            self._trained = None

    def on_train_begin(self, logs=None):
        self._optimizer()  # says at once what is missing
        self._trained = None

    def on_epoch_begin(self, epoch, logs=None):
        self._put_back()

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs=None):
        self._trained = None  # the averages are the weights now: `use_ema` left them in the model

    def on_test_begin(self, logs=None):
        self._put_averages()

    def on_test_end(self, logs=None):
        self._put_back()

    def on_predict_begin(self, logs=None):
        self._put_averages()

    def on_predict_end(self, logs=None):
        self._put_back()
