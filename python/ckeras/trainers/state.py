"""What a model knows of its training."""


class State:
    """What a trainer keeps: the arguments of `compile` and what was made of them."""

    def __init__(self):
        self.compiled = False
        self.version = 0  # of compile(): runners of older versions are dropped
        self.optimizer = None
        self.loss = None
        self.compile_loss = None
        self.compile_metrics = None
        self.loss_tracker = None
        self.config = None
        self.run_eagerly = False
        self.steps_per_execution = 1
        self.jit_compile = True
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.resumed_epoch = None  # set by a callback at the begin of fit: the epoch to go on with
        self.runners = {}

    def __getstate__(self):
        return {**self.__dict__, "runners": {}}


def flag(name, what):
    """A property of the trainer's state that callbacks set."""

    def get(self):
        return getattr(self._trainer, name)

    def put(self, value):
        setattr(self._trainer, name, bool(value))

    return property(get, put, doc=f"Set to True by a callback: {what} ends after the current batch.")
