"""BatchNormalization."""

from ckeras import constraints, initializers, ops, regularizers
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer


class BatchNormalization(Layer):
    """Brings each feature of a batch to mean 0 and variance 1, then scales and shifts (Ioffe and Szegedy, 2015).

    In training the batch's own mean and variance are used and running averages of them are kept; otherwise (and when
    the layer is frozen) the averages are used. `renorm` and `synchronized` are not supported yet.
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
        if renorm or renorm_clipping is not None or synchronized:
            raise NotImplementedError("[BatchNormalization] renorm and synchronized are not supported yet")
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self._renorm_momentum = renorm_momentum
        self.gamma = None
        self.beta = None
        self.supports_masking = True

    def build(self, input_shape):
        size = input_shape[self.axis]
        shape = (size,)
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
                name="beta",
            )
        self.moving_mean = self.add_weight(
            shape=shape, initializer=self.moving_mean_initializer, trainable=False, autocast=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape=shape,
            initializer=self.moving_variance_initializer,
            trainable=False,
            autocast=False,
            name="moving_variance",
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def _moments(self, x, mask):
        axes = tuple(i for i in range(len(x.shape)) if i != self.axis % len(x.shape))
        if mask is None:
            mean = ops.mean(x, axis=axes)
            centered = ops.subtract(x, self._spread(mean, x))
            return mean, ops.mean(ops.square(centered), axis=axes)
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
        if mask is not None and tuple(mask.shape) != tuple(inputs.shape[: len(mask.shape)]):
            raise ValueError(f"Layer '{self.name}': mask of shape {mask.shape} does not fit inputs of {inputs.shape}")
        x = ops.cast(inputs, "float32") if inputs.dtype in ("float16", "bfloat16") else inputs
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            for average, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                now = ops.cast(ops.stop_gradient(now), average.dtype)
                average.assign(ops.add(ops.multiply(average, self.momentum), ops.multiply(now, 1.0 - self.momentum)))
        else:
            mean, variance = ops.cast(self.moving_mean, x.dtype), ops.cast(self.moving_variance, x.dtype)
        factor = ops.rsqrt(ops.add(variance, self.epsilon))
        if self.gamma is not None:
            factor = ops.multiply(factor, ops.cast(self.gamma, x.dtype))
        shift = ops.negative(ops.multiply(mean, factor))
        if self.beta is not None:
            shift = ops.add(shift, ops.cast(self.beta, x.dtype))
        out = ops.add(ops.multiply(x, self._spread(factor, x)), self._spread(shift, x))
        return ops.cast(out, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank:
            raise ValueError(f"Layer '{self.name}': axis={self.axis} is out of range for input shape {input_shape}")
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": self._renorm_momentum,
            "synchronized": False,
        }
