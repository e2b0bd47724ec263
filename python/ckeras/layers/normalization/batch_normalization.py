"""BatchNormalization."""

from ckeras import initializers, ops
from ckeras._core.short import short
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.normalization.affine import Affine, axes_in, check_axes, check_epsilon


class BatchNormalization(Affine):
    """Brings each feature of a batch to mean 0 and variance 1, then scales and shifts (Ioffe and Szegedy, 2015).

    In training the batch's own mean and variance are used and running averages of them are kept, `momentum` of the old
    and the rest of the new; otherwise (and when the layer is frozen) the averages are used. A `mask` of the inputs'
    shape without the last dimension leaves examples or steps out of the moments. Halves compute in float32. `renorm`
    and `synchronized` raise `NotImplementedError`.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        for name, asked in (
            ("renorm=True", renorm),
            ("renorm_clipping", renorm_clipping is not None),
            (f"renorm_momentum={renorm_momentum}", renorm_momentum != 0.99),
            ("synchronized=True", synchronized),
        ):
            if asked:
                raise NotImplementedError(
                    f"[BatchNormalization] {name} is not supported: batches are normalised by their own moments, on "
                    "one device; leave it out"
                )
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = check_axes("BatchNormalization", axis)
        if isinstance(self.axis, list):
            raise TypeError(f"[BatchNormalization] axis must be one integer, got {axis!r}")
        self.momentum = float(momentum)
        self.epsilon = check_epsilon("BatchNormalization", epsilon)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm_momentum = renorm_momentum

    def build(self, input_shape):
        (axis,) = axes_in(self, self.axis, input_shape)
        size = input_shape[axis]
        self._add_affine((size,))
        for name in ("moving_mean", "moving_variance"):
            weight = self.add_weight(
                shape=(size,),
                initializer=getattr(self, f"{name}_initializer"),
                trainable=False,
                autocast=False,
                name=name,
            )
            setattr(self, name, weight)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def _moments(self, x, mask):
        axes = tuple(i for i in range(len(x.shape)) if i != self.axis % len(x.shape))
        if mask is None:
            return ops.moments(x, axes)
        weight = ops.cast(mask, x.dtype)
        while len(weight.shape) < len(x.shape):
            weight = ops.expand_dims(weight, -1)
        weight = ops.broadcast_to(weight, x.shape)
        count = ops.add(ops.sum(weight, axis=axes), 1e-7)
        mean = ops.divide(ops.sum(ops.multiply(x, weight), axis=axes), count)
        centered = ops.subtract(x, self._spread(mean, x))
        return mean, ops.divide(ops.sum(ops.multiply(ops.square(centered), weight), axis=axes), count)

    def _spread(self, v, x):
        """A vector of features in a shape that broadcasts with `x`."""
        axis = self.axis % len(x.shape)
        return v if axis == len(x.shape) - 1 else ops.reshape(v, (v.shape[0], *(1,) * (len(x.shape) - axis - 1)))

    def call(self, inputs, training=None, mask=None):
        if mask is not None and tuple(mask.shape) != tuple(inputs.shape[:-1]):
            raise ValueError(
                f"Layer '{self.name}': mask of shape {tuple(mask.shape)} does not fit inputs of {tuple(inputs.shape)}; "
                f"expected {tuple(inputs.shape[:-1])}"
            )
        x = ops.cast(inputs, "float32") if inputs.dtype in ("float16", "bfloat16") else inputs
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            for average, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average.assign(_moved(average, now, self.momentum))
        else:
            mean, variance = ops.cast(self.moving_mean, x.dtype), ops.cast(self.moving_variance, x.dtype)
        out = ops.batch_normalization(x, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)
        return ops.cast(out, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            **self._affine_config(),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": False,
        }


@short
def _moved(average, now, momentum):
    """The running average after `now`."""
    now = ops.cast(ops.stop_gradient(now), average.dtype)
    return ops.add(ops.multiply(average, momentum), ops.multiply(now, 1.0 - momentum))
