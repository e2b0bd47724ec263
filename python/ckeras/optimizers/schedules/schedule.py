"""LearningRateSchedule: the base class, and the schedules."""

import math

from ckeras import ops


class LearningRateSchedule:
    """Base: a callable from the step (an integer tensor) to the learning rate. Subclasses define `__call__`,
    `get_config`."""

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} must define get_config(self) to be saved")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _float(step):
    return ops.cast(step, "float32")


def _positive(where, name, value):
    if value is None or value <= 0:
        raise ValueError(f"[{where}] {name} must be positive, got {value!r}")


class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ^ (step / decay_steps)`; `staircase` takes whole powers.

    >>> float(ckeras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)(20))
    0.25
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        _positive(name, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        p = ops.divide(_float(step), float(self.decay_steps))
        p = ops.floor(p) if self.staircase else p
        return ops.multiply(ops.power(float(self.decay_rate), p), float(self.initial_learning_rate))

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(LearningRateSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`; `staircase` takes whole quotients."""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        _positive(name, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        p = ops.divide(_float(step), float(self.decay_steps))
        p = ops.floor(p) if self.staircase else p
        return ops.divide(float(self.initial_learning_rate), ops.add(ops.multiply(p, float(self.decay_rate)), 1.0))

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` for steps up to `boundaries[i]`, `values[-1]` beyond the last.

    Raises `ValueError` unless there is one value more than boundaries.
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"[{name}] expected one value more than boundaries, got {len(values)} and {len(boundaries)}"
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step):
        step = ops.convert_to_tensor(step)
        rate = ops.convert_to_tensor(float(self.values[-1]))
        for boundary, value in reversed(list(zip(self.boundaries, self.values))):
            rate = ops.where(ops.less_equal(step, boundary), float(value), rate)
        return rate

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """From the initial rate to `end_learning_rate` by `(1 - step / decay_steps) ^ power`; `cycle` stretches the span
    to the next multiple of `decay_steps` instead of stopping."""

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        _positive(name, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step):
        step, span = _float(step), float(self.decay_steps)
        if self.cycle:
            p = ops.divide(step, ops.multiply(ops.maximum(ops.ceil(ops.divide(step, span)), 1.0), span))
        else:
            p = ops.divide(ops.minimum(step, span), span)
        share = ops.power(ops.subtract(1.0, p), float(self.power))
        return ops.add(
            ops.multiply(share, float(self.initial_learning_rate - self.end_learning_rate)),
            float(self.end_learning_rate),
        )

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha` times it (Loshchilov and Hutter, 2016), after a linear warm-up.

    With `warmup_target` the first `warmup_steps` steps rise from `initial_learning_rate` to it, and the cosine starts
    there.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay", warmup_target=None, warmup_steps=0
    ):
        _positive(name, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def _cosine(self, step, peak):
        p = ops.divide(ops.minimum(step, float(self.decay_steps)), float(self.decay_steps))
        wave = ops.multiply(ops.add(ops.cos(ops.multiply(p, math.pi)), 1.0), 0.5)
        return ops.multiply(ops.add(ops.multiply(wave, 1.0 - self.alpha), float(self.alpha)), float(peak))

    def __call__(self, step):
        step = _float(step)
        if self.warmup_target is None:
            return self._cosine(step, self.initial_learning_rate)
        warm = float(self.warmup_steps)
        cosine = self._cosine(ops.maximum(ops.subtract(step, warm), 0.0), self.warmup_target)
        if not warm:
            return cosine
        rise = float(self.warmup_target - self.initial_learning_rate)
        linear = ops.add(ops.multiply(ops.divide(step, warm), rise), float(self.initial_learning_rate))
        return ops.where(ops.less(step, warm), linear, cosine)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha` times it, again and again (Loshchilov and Hutter, 2016).

    The first takes `first_decay_steps` steps, each later one `t_mul` times as many, from a rate `m_mul` times as high.
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        _positive(name, "first_decay_steps", first_decay_steps)
        _positive(name, "t_mul", t_mul)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step):
        done = ops.divide(_float(step), float(self.first_decay_steps))
        if self.t_mul == 1.0:
            past = ops.floor(done)
            share = ops.subtract(done, past)
        else:
            grown = ops.subtract(1.0, ops.multiply(done, 1.0 - self.t_mul))
            past = ops.floor(ops.divide(ops.log(grown), math.log(self.t_mul)))
            longer = ops.power(float(self.t_mul), past)
            before = ops.divide(ops.subtract(1.0, longer), 1.0 - self.t_mul)
            share = ops.divide(ops.subtract(done, before), longer)
        peak = ops.power(float(self.m_mul), past)
        wave = ops.multiply(ops.multiply(ops.add(ops.cos(ops.multiply(share, math.pi)), 1.0), 0.5), peak)
        decayed = ops.add(ops.multiply(wave, 1.0 - self.alpha), float(self.alpha))
        return ops.multiply(decayed, float(self.initial_learning_rate))

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }
