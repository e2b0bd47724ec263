"""Adafactor."""

from ckeras import ops
from ckeras.ops.updates import adafactor_update_p
from ckeras.optimizers.arguments import takes
from ckeras.optimizers.ruled import RuleOptimizer


@takes(learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0, relative_step=True)
class Adafactor(RuleOptimizer):
    """Adafactor (Shazeer and Stern, 2018): the mean squared gradient of a matrix is kept as its rows and columns.

    Its share of the past is `1 - t^beta_2_decay`. Steps are divided by its root, clipped to a root mean square of
    `clip_threshold`, and scaled by the variable's root mean square (at least `epsilon_2`) and the learning rate, at
    most `1 / sqrt(t)`. `epsilon_1` is added to squared gradients. `relative_step` is kept in the config alone: the
    bound of `1 / sqrt(t)` holds either way, as it does in Keras.
    """

    def build(self, var_list):
        """Makes the slots for `var_list`: of a matrix, its rows, its columns and their product;
        of others, the square alone is used."""
        if self.built:
            return
        super().build(var_list)
        rows, columns, squares = [], [], []
        for v in self._trainable_variables:
            shapes = [v.shape[:-1], (*v.shape[:-2], v.shape[-1])] if len(v.shape) >= 2 else [(), ()]
            for slots, shape in zip((rows, columns), shapes):
                slots.append(self.add_variable(shape, dtype=v.dtype, name=v.name))
            squares.append(self.add_variable_from_reference(v, name="velocity"))
        self._slots = {"rows": rows, "columns": columns, "velocity": squares}

    def _rule(self, learning_rate):
        t = self._step()
        rate = ops.minimum(ops.cast(learning_rate, "float32"), ops.rsqrt(t))
        kept = ops.subtract(1.0, ops.power(t, float(self.beta_2_decay)))
        attributes = {
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
        }
        return adafactor_update_p, [rate, kept], attributes
