"""Learning rate schedules, and `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.optimizers.schedules.schedule import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

_catalog = Catalog(
    "learning rate schedule",
    "optimizers.schedules",
    LearningRateSchedule,
    classes=(
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    ),
)


def serialize(learning_rate_schedule):
    """The config that `deserialize` makes an equal schedule of."""
    return _catalog.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """A schedule of its config."""
    return _catalog.deserialize(config, custom_objects)
