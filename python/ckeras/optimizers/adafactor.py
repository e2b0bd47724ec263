"""Adafactor."""

from ckeras import ops
from ckeras.optimizers.arguments import takes
from ckeras.optimizers.optimizer import Optimizer


@takes(learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0, relative_step=True)
class Adafactor(Optimizer):
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
        self._rows, self._columns, self._squares = [], [], []
        for v in self._trainable_variables:
            shapes = [v.shape[:-1], (*v.shape[:-2], v.shape[-1])] if len(v.shape) >= 2 else [(), ()]
            for slots, shape in zip((self._rows, self._columns), shapes):
                slots.append(self.add_variable(shape, dtype=v.dtype, name=v.name))
            self._squares.append(self.add_variable_from_reference(v, name="velocity"))

    def update_step(self, gradient, variable, learning_rate):
        i, dtype = self._index(variable), variable.dtype
        g, t = ops.cast(gradient, dtype), ops.cast(ops.add(self.iterations, 1), "float32")
        rate = ops.minimum(ops.cast(learning_rate, "float32"), ops.rsqrt(t))
        size = ops.maximum(_root_mean_square(variable), self.epsilon_2)
        rate = ops.multiply(ops.cast(rate, dtype), size)
        kept = ops.cast(ops.subtract(1.0, ops.power(t, float(self.beta_2_decay))), dtype)
        square = ops.add(ops.square(g), self.epsilon_1)

        def move(slot, value):
            slot.assign(ops.add(ops.multiply(slot, kept), ops.multiply(value, ops.subtract(1.0, kept))))
            return slot.value

        if len(variable.shape) >= 2:
            rows = move(self._rows[i], ops.mean(square, axis=-1))
            columns = move(self._columns[i], ops.mean(square, axis=-2))
            shares = ops.divide(rows, ops.mean(rows, axis=-1, keepdims=True))
            mean = ops.multiply(ops.expand_dims(shares, -1), ops.expand_dims(columns, -2))
            self._squares[i].assign(mean)
        else:
            mean = move(self._squares[i], square)
        step = ops.divide(g, ops.sqrt(mean))
        over = ops.maximum(ops.divide(_root_mean_square(step), self.clip_threshold), 1.0)
        variable.assign_sub(ops.multiply(ops.divide(step, over), rate))


def _root_mean_square(x):
    return ops.sqrt(ops.mean(ops.square(x)))
