"""What normalising layers share: axes, and the weights that scale and shift what was normalised."""

import operator

from ckeras import constraints, initializers, regularizers
from ckeras.layers._arguments import is_number
from ckeras.layers.layer import Layer


def check_axes(where, axis):
    """`axis` as it was given, an integer or a list of them. Raises `TypeError` for anything else."""
    several = isinstance(axis, (list, tuple))
    try:
        axes = [operator.index(a) for a in (axis if several else (axis,)) if not isinstance(a, bool)]
    except TypeError:
        axes = []
    if not axes or len(axes) != (len(axis) if several else 1):
        raise TypeError(f"[{where}] axis must be an integer or a list of integers, got {axis!r}")
    return axes if several else axes[0]


def check_epsilon(where, epsilon):
    """`epsilon` as a float. Raises `ValueError` when it is no number, or negative."""
    if not is_number(epsilon) or not epsilon >= 0:
        raise ValueError(f"[{where}] epsilon must be a number that is not negative, got {epsilon!r}")
    return epsilon


def axes_in(layer, axis, shape):
    """The axes, counted from the start of `shape`. Raises `ValueError` naming one that is out of range."""
    rank = len(shape)
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    for a in axes:
        if not -rank <= a < rank:
            raise ValueError(
                f"Layer '{layer.name}' ({type(layer).__name__}): axis={a} is out of range for input shape "
                f"{tuple(shape)}"
            )
    return [a % rank for a in axes]


class Affine(Layer):
    """Base of layers with a factor `gamma` (when `scale`) and an offset `beta` (when `center`), both kept in the
    variables' own dtype."""

    def __init__(
        self,
        center,
        scale,
        beta_initializer,
        gamma_initializer,
        beta_regularizer,
        gamma_regularizer,
        beta_constraint,
        gamma_constraint,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = None
        self.beta = None
        self.supports_masking = True

    def _add_affine(self, shape, scale=None, center=None):
        """Makes the weights that `scale` and `center` ask for, those of the layer by default."""
        for wanted, own, name in ((scale, self.scale, "gamma"), (center, self.center, "beta")):
            if own if wanted is None else wanted:
                weight = self.add_weight(
                    shape=shape,
                    initializer=getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                    autocast=False,
                    name=name,
                )
                setattr(self, name, weight)

    def compute_output_shape(self, input_shape):
        axes_in(self, self.axis, input_shape)
        return tuple(input_shape)

    def _affine_config(self):
        return {
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
