"""Optimizer: the base class: slots, learning rate, clipping, weight decay, averaging, saving."""

import warnings

from ckeras import initializers, ops
from ckeras._core import dtypes, scope
from ckeras._core.symbolic import snake_case
from ckeras._core.tensor import TensorBase
from ckeras._core.variable import Variable
from ckeras._stateless import swapped
from ckeras.optimizers.schedules.schedule import LearningRateSchedule
from ckeras.saving import registry


class Optimizer:
    """Base of optimizers: `apply(grads, variables)` updates the variables and the optimizer's own state.

    `learning_rate`: a number, a `LearningRateSchedule`, or a callable without arguments. `weight_decay`: decoupled, a
    share of each weight per step times the learning rate. One of `clipnorm` (norm of each gradient), `clipvalue`
    (each element), `global_clipnorm` (norm of all together) bounds the gradients. `use_ema` keeps an exponential
    average of the weights, which replaces them every `ema_overwrite_frequency` steps and at the end of training.
    `loss_scale_factor`: what the loss was multiplied by. `gradient_accumulation_steps`: update every so many steps,
    with the mean of the gradients since.

    A subclass defines `update_step(gradient, variable, learning_rate)` and, for slots, `build(variables)`.
    """

    _own_arguments = ()  # attributes that are part of the config; see arguments.takes

    def _check(self):
        """Raises for values of the class's own arguments that mean nothing."""

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        where = type(self).__name__
        if kwargs:
            older = {"lr": "learning_rate", "decay": "a schedule of ckeras.optimizers.schedules"}
            hints = [f"{k} is {older[k]} now" for k in kwargs if k in older]
            raise ValueError(
                f"[{where}] unexpected arguments {sorted(kwargs)}: "
                + ("; ".join(hints) or f"see help(ckeras.optimizers.{where})")
            )
        if sum(x is not None for x in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"[{where}] give at most one of clipnorm={clipnorm}, clipvalue={clipvalue}, "
                f"global_clipnorm={global_clipnorm}"
            )
        for label, value in (("clipnorm", clipnorm), ("clipvalue", clipvalue), ("global_clipnorm", global_clipnorm)):
            if value is not None and not value > 0:
                raise ValueError(f"[{where}] {label} must be positive, got {value!r}")
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"[{where}] ema_momentum must be in [0, 1], got {ema_momentum!r}")
        _check_period(where, "ema_overwrite_frequency", ema_overwrite_frequency, 1)
        _check_period(where, "gradient_accumulation_steps", gradient_accumulation_steps, 2)
        self.name = name or scope.auto_name(snake_case(where))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency if use_ema else None
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._variables = []
        self._trainable_variables = []
        self._indices = {}
        self._average = self._accumulators = None
        self._decayed = None  # what exclude_from_weight_decay left; None: not asked yet
        self._excluded = ([], [])
        self._iterations = self._own_variable(0, "int32", "iteration")
        if isinstance(learning_rate, LearningRateSchedule) or callable(learning_rate):
            self._learning_rate = learning_rate
        else:
            if isinstance(learning_rate, bool) or not hasattr(learning_rate, "__float__"):
                raise ValueError(
                    f"[{where}] learning_rate must be a number, a LearningRateSchedule or a callable, got "
                    f"{learning_rate!r}"
                )
            self._learning_rate = self._own_variable(learning_rate, dtypes.floatx(), "learning_rate")

    # ---- state

    def _own_variable(self, value, dtype, name):
        with scope.name_scope(self.name):
            v = Variable(value, dtype=dtype, trainable=False, name=name)
        self._variables.append(v)
        return v

    @property
    def variables(self):
        """The state: iteration, learning rate (unless it is a schedule), then the slots."""
        return list(self._variables)

    @property
    def iterations(self):
        """How many updates were made."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    def build(self, variables):
        """Makes the slots for `variables`; a subclass extends it."""
        variables = list(variables)
        if self.use_ema:
            self._average = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._trainable_variables = variables
        self._indices = {id(v): i for i, v in enumerate(variables)}
        self.built = True

    def add_variable(self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None):
        """Makes a variable of the optimizer's state."""
        with scope.name_scope(self.name):
            v = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        self._variables.append(v)
        return v

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """Makes a slot: a variable of the shape and dtype of `reference_variable`."""
        name = name or "var"
        path = getattr(reference_variable, "path", None) or reference_variable.name
        return self.add_variable(
            reference_variable.shape,
            initializer,
            dtype=reference_variable.dtype,
            name=f"{path.replace('/', '_')}_{name}",
        )

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """One slot per variable; with a list of names, a list of such lists, slots of one variable side by side."""
        names = [name] if isinstance(name, str) else list(name)
        makers = [initializer] * len(names) if isinstance(initializer, str) or callable(initializer) else initializer
        slots = [[] for _ in names]
        for v in trainable_variables:
            for column, label, maker in zip(slots, names, makers):
                column.append(self.add_variable_from_reference(v, name=label, initializer=maker))
        return slots[0] if isinstance(name, str) else slots

    def _get_variable_index(self, variable):
        """The place of a variable among those of `build`, and of its slots."""
        i = self._indices.get(id(variable))
        if i is None:
            raise ValueError(
                f"[{self.name}] unknown variable {variable.path!r}: this optimizer was built with "
                f"{len(self._indices)} other variables. Make a new optimizer for a new set of variables."
            )
        return i

    # ---- learning rate

    @property
    def learning_rate(self):
        """The current learning rate; settable unless it is a schedule."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self._iterations)
        return rate if isinstance(rate, Variable) else rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        old = self._learning_rate
        if isinstance(learning_rate, LearningRateSchedule) or (
            callable(learning_rate) and not isinstance(learning_rate, Variable)
        ):
            self._variables = [v for v in self._variables if v is not old]
            self._learning_rate = learning_rate
        elif isinstance(old, Variable):
            old.assign(learning_rate)
        else:
            raise TypeError(
                f"[{self.name}] the learning rate is {type(old).__name__} and cannot be set to a number; make the "
                "optimizer with a number to set it later"
            )

    # ---- updates

    def update_step(self, gradient, variable, learning_rate):
        raise NotImplementedError(
            f"{type(self).__name__} must define update_step(self, gradient, variable, learning_rate)"
        )

    def apply_gradients(self, grads_and_vars):
        """As `apply`, of pairs `(gradient, variable)`; returns the iterations."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._iterations

    def apply(self, grads, trainable_variables=None):
        """Updates `trainable_variables` (those of `build` when `None`) with `grads`, one each.

        Variables without a gradient are left with a warning. Raises `ValueError` when counts differ, when no variable
        has a gradient, and for variables that the optimizer was not built with.
        """
        grads = [g if g is None or isinstance(g, TensorBase) else ops.convert_to_tensor(g) for g in grads]
        if not grads:
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError(f"[{self.name}] apply(grads) without variables: call build(variables) first")
            variables = self._trainable_variables
        else:
            variables = list(trainable_variables)
            if not self.built:
                self.build(variables)
        if len(grads) != len(variables):
            raise ValueError(f"[{self.name}] expected one gradient per variable: got {len(grads)} for {len(variables)}")
        grads, variables = self._with_gradients(grads, variables)
        for v in variables:
            self._get_variable_index(v)
        if self.loss_scale_factor is not None:
            grads = [ops.divide(g, self.loss_scale_factor) for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._update(grads, variables)
        if self.use_ema:  # at every step, of a round of accumulated gradients too, as Keras does
            self._move_average()
        for v in variables:
            if v.constraint is not None:
                v.assign(v.constraint(v.value))
        self._iterations.assign_add(1)

    def _with_gradients(self, grads, variables):
        missing = [v.path for g, v in zip(grads, variables) if g is None]
        if not missing:
            return grads, variables
        if len(missing) == len(grads):
            raise ValueError(f"[{self.name}] no gradient for any variable; is the loss a function of them?")
        warnings.warn(f"[{self.name}] no gradient for the variables {missing}: they stay as they are", stacklevel=3)
        pairs = [(g, v) for g, v in zip(grads, variables) if g is not None]
        return [g for g, _ in pairs], [v for _, v in pairs]

    def _update(self, grads, variables):
        grads = self._clip(grads)
        rate = self.learning_rate
        self._decay(variables, rate)
        self.update_all(grads, variables, rate)

    def update_all(self, grads, variables, learning_rate):
        """Updates every variable: at once where the class has a `fused_update`, else by `update_step`."""
        if not self._is_fused():
            for g, v in zip(grads, variables):
                self.update_step(g, v, learning_rate)
            return
        for dtype in dict.fromkeys([v.dtype for v in variables]):
            gs = [g if g.dtype == dtype else ops.cast(g, dtype) for g, v in zip(grads, variables) if v.dtype == dtype]
            self.fused_update(gs, [v for v in variables if v.dtype == dtype], learning_rate)

    def _is_fused(self):
        """Whether `fused_update` speaks for the class: a subclass that redefines `update_step` alone is asked
        instead."""
        for cls in type(self).__mro__:
            if "fused_update" in vars(cls):
                return True
            if "update_step" in vars(cls):
                return False
        return False

    def _clip(self, grads):
        if self.clipnorm is not None:
            return [ops.multiply(g, _shrink(_square_sum(g), self.clipnorm)) for g in grads]
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.global_clipnorm is not None:
            total = None
            for g in grads:
                total = _square_sum(g) if total is None else ops.add(total, _square_sum(g))
            factor = _shrink(total, self.global_clipnorm)
            return [ops.multiply(g, ops.cast(factor, g.dtype)) for g in grads]
        return grads

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Frees variables from weight decay: those given, and those with one of `var_names` in their path.

        Raises `ValueError` after the first update.
        """
        if self._decayed is not None:
            raise ValueError(f"[{self.name}] exclude_from_weight_decay must be called before the first update")
        self._excluded = (list(var_list or []), list(var_names or []))

    def _decay(self, variables, rate):
        if self._decayed is None:
            out, names = {id(v) for v in self._excluded[0]}, self._excluded[1]
            kept = (v for v in self._trainable_variables if id(v) not in out)
            self._decayed = {id(v) for v in kept if not any(name in v.path for name in names)}
        for v in variables:
            share = self._decay_of(v) if id(v) in self._decayed else None
            if share is not None:
                step = ops.cast(ops.multiply(rate, share), v.dtype)
                v.assign(ops.subtract(v, ops.multiply(v, step)))

    def _decay_of(self, variable):
        """The weight decay of one variable."""
        return self.weight_decay

    def _accumulate(self, grads, variables):
        """Adds to the accumulators; where a round is full, keeps the update made with their mean."""
        n = self.gradient_accumulation_steps
        full = ops.equal(ops.mod(ops.add(self._iterations, 1), n), 0)
        slots = [self._accumulators[self._get_variable_index(v)] for v in variables]
        sums = [ops.add(a, g) for a, g in zip(slots, grads)]
        fixed = {id(v) for v in (*self._accumulators, self._iterations, self._learning_rate)}
        touched = [v for v in (*variables, *self._variables) if id(v) not in fixed]
        kept_where(full, touched, lambda: self._update([ops.divide(s, n) for s in sums], variables))
        for a, s in zip(slots, sums):
            a.assign(ops.where(full, ops.zeros_like(s), s))

    def _move_average(self):
        started = ops.cast(ops.greater(self.iterations, 0), "float32")
        m = ops.multiply(started, self.ema_momentum)  # 0 at the first step: the average starts at the weights
        for v, a in zip(self._trainable_variables, self._average):
            k = ops.cast(m, v.dtype)
            a.assign(ops.add(ops.multiply(k, a), ops.multiply(ops.subtract(1.0, k), v)))
        if self.ema_overwrite_frequency:
            due = ops.equal(ops.mod(ops.add(self.iterations, 1), self.ema_overwrite_frequency), 0)
            for v, a in zip(self._trainable_variables, self._average):
                v.assign(ops.where(due, a, v))

    def finalize_variable_values(self, var_list):
        """Puts the averages into the variables at the end of training, with `use_ema`."""
        if self.use_ema:
            for v in var_list:
                v.assign(self._average[self._get_variable_index(v)].value)

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else ops.multiply(loss, self.loss_scale_factor)

    def assign(self, variable, value):
        variable.assign(value)

    def assign_add(self, variable, value):
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        variable.assign_sub(value)

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """`(variables, optimizer_variables)` after an update of the given values; the objects' own stay."""
        if not self.built:
            raise ValueError(f"[{self.name}] stateless_apply: call build(variables) first")
        state = self._trainable_variables + self.variables
        values = list(trainable_variables) + list(optimizer_variables)
        with swapped(state, values, f"{self.name}.stateless_apply"):
            self.apply(grads)
            after = [v.value for v in state]
        n = len(self._trainable_variables)
        return after[:n], after[n:]

    # ---- saving

    def __setstate__(self, kept):
        """Copies and unpickled ones hold other variables than those whose ids were kept."""
        self.__dict__.update(kept)
        self._indices = {id(v): i for i, v in enumerate(self._trainable_variables)}
        self._decayed = None

    def set_weights(self, weights):
        """Sets all variables, from a list of arrays."""
        if not self.built:
            raise ValueError(f"[{self.name}] set_weights: call build(variables) first")
        if len(weights) != len(self.variables):
            raise ValueError(f"[{self.name}] expected {len(self.variables)} arrays, got {len(weights)}")
        for v, w in zip(self.variables, weights):
            v.assign(w)

    def save_own_variables(self, store):
        """Puts every variable's array into the mapping `store`."""
        for i, v in enumerate(self.variables):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store):
        """Reads what `save_own_variables` wrote; a store for other variables is left with a warning."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f"[{self.name}] expected the state of {len(self.variables)} variables, the file has "
                f"{len(store.keys())}: the optimizer starts fresh",
                stacklevel=2,
            )
            return
        for i, v in enumerate(self.variables):
            v.assign(store[str(i)])

    def get_config(self):
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate.numpy())
        else:
            rate = registry.serialize_keras_object(rate)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
            **{name: getattr(self, name) for name in self._own_arguments},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """An optimizer of its config."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": registry.deserialize_keras_object(rate, custom_objects=custom_objects)}
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def _check_period(where, name, value, least):
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ValueError(f"[{where}] {name} must be None or an integer of at least {least}, got {value!r}")


def kept_where(condition, variables, act):
    """Calls `act()`, and puts back what `variables` were where the scalar `condition` is false."""
    before = [v.value for v in variables]
    act()
    for v, old in zip(variables, before):
        if v.value is not old:
            v.assign(ops.where(condition, v.value, old))


def _square_sum(x):
    return ops.sum(ops.square(x))


def _shrink(square_sum, limit):
    """What to multiply by for a norm of at most `limit`."""
    norm = ops.sqrt(square_sum)
    return ops.divide(limit, ops.maximum(norm, limit))
