"""SpectralNormalization."""

from ckeras import initializers, ops
from ckeras.layers._arguments import positive
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.wrapper import Wrapper


class SpectralNormalization(Wrapper):
    """In training, divides the kernel (or the embeddings) of `layer` by an estimate of its largest singular value
    before each call (Miyato et al., 2018).

    The kernel is seen as a matrix whose columns are its last dimension; `power_iterations` steps of the power method
    start from the vector of the call before. Raises `ValueError` for a layer that has neither weight.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        self.power_iterations = positive("SpectralNormalization", "power_iterations", power_iterations)
        self.kernel = None
        self.vector_u = None

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        if getattr(self.layer, "lora_enabled", False):
            raise ValueError(
                f"Layer '{self.name}' (SpectralNormalization): {type(self.layer).__name__} has LoRA enabled, so its "
                "weight is frozen and cannot be normalised; make it without lora_rank"
            )
        for name in ("kernel", "embeddings"):
            if getattr(self.layer, name, None) is not None:
                self.kernel = getattr(self.layer, name)
                break
        else:
            raise ValueError(
                f"Layer '{self.name}' (SpectralNormalization): {type(self.layer).__name__} has neither a `kernel` nor "
                "`embeddings` to normalise"
            )
        self.vector_u = self.add_weight(
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=self.kernel.dtype,
            name="vector_u",
        )

    def call(self, inputs, training=False):
        if training:
            u, kernel = self.normalized_weights()
            self.vector_u.assign(u)
            self.kernel.assign(kernel)
        return ops.cast(self.layer(inputs), inputs.dtype)

    def normalized_weights(self):
        """The vector of the power method's last step, and the kernel divided by its spectral norm; zeros stay zeros."""
        kernel, u = self.kernel.value, self.vector_u.value
        rows = ops.reshape(kernel, (-1, kernel.shape[-1]))
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(rows)))
            u = _unit(ops.matmul(v, rows))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.reshape(ops.matmul(ops.matmul(v, rows), ops.transpose(u)), ())
        zeros = ops.all(ops.equal(kernel, 0))
        divided = ops.divide(kernel, ops.where(zeros, ops.ones_like(sigma), sigma))
        return ops.where(zeros, self.vector_u.value, u), ops.where(zeros, kernel, divided)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(x):
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), 1e-12)))
