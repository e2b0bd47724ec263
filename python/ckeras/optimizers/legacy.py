"""The names of Keras 2's old optimizers, which Keras 3 keeps as one class that cannot be made."""


class LegacyOptimizer:
    """An optimizer of Keras 2: making one raises `ImportError`, as in Keras 3. Use `ckeras.optimizers` instead."""

    def __init__(self, *args, **kwargs):
        raise ImportError(
            "[optimizers.legacy] the old optimizers are not part of Keras 3; use the class of the same name in "
            "ckeras.optimizers, whose first argument is learning_rate"
        )


Adagrad = Adam = Ftrl = Optimizer = RMSprop = SGD = LegacyOptimizer
