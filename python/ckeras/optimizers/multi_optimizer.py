"""MultiOptimizer and OptimizerMap: different optimizers for different variables."""

import re
from collections.abc import MutableMapping

from ckeras.optimizers.optimizer import Optimizer
from ckeras.saving import registry


class OptimizerMap(MutableMapping):
    """Regular expressions of variables' paths, each with its optimizer; `default_optimizer` takes what none matches.

    A key matches where `re.match` finds it at the start of the path. Called with a variable it gives the variable's
    optimizer, and raises `ValueError` where several keys match. Keys cannot be set twice: delete the old one first.

    >>> optimizers = ckeras.optimizers.OptimizerMap(ckeras.optimizers.Adam())
    >>> optimizers[".*embedding"] = ckeras.optimizers.SGD(0.1)
    >>> list(optimizers)
    ['.*embedding']
    """

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"[OptimizerMap] default_optimizer must be an optimizer, got {default_optimizer!r}")
        self._default = default_optimizer
        self._map = {}
        self.update(optimizer_map or {})

    @property
    def default_optimizer(self):
        """The optimizer of the variables that no key matches."""
        return self._default

    def __getitem__(self, key):
        """The optimizer of a key, or of the path that exactly one key matches; else the default."""
        if key in self._map:
            return self._map[key]
        found = [k for k in self._map if re.match(k, key)]
        if len(found) > 1:
            raise ValueError(
                f"[OptimizerMap] {key!r} is matched by several keys: {found}; make them exclude each other"
            )
        return self._map[found[0]] if found else self._default

    def __contains__(self, key):
        return key in self._map

    def __setitem__(self, key, optimizer):
        if not isinstance(key, str):
            raise ValueError(f"[OptimizerMap] a key must be a regular expression as a string, got {key!r}")
        if key in self._map:
            raise ValueError(f"[OptimizerMap] the key {key!r} is there already; delete it first")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"[OptimizerMap] the value of {key!r} must be an optimizer, got {optimizer!r}")
        try:
            re.compile(key)
        except re.error as e:
            raise ValueError(f"[OptimizerMap] the key {key!r} is no regular expression: {e}") from None
        self._map[key] = optimizer

    def __delitem__(self, key):
        del self._map[key]

    def __len__(self):
        return len(self._map)

    def __iter__(self):
        return iter(self._map)

    def __call__(self, variable):
        return self[variable.path]

    def get_config(self):
        put = registry.serialize_keras_object
        return {"default_optimizer": put(self._default), "optimizer_map": {k: put(v) for k, v in self._map.items()}}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A map of its config."""

        def take(x):
            return registry.deserialize_keras_object(x, custom_objects=custom_objects)

        rest = {k: take(v) for k, v in (config.get("optimizer_map") or {}).items()}
        return cls(take(config["default_optimizer"]), rest)


class MultiOptimizer(Optimizer):
    """Each variable is updated by the optimizer that `optimizer_map` gives for it.

    `optimizer_map`: an `OptimizerMap`, or a function of a variable. `loss_scale_factor`: what the loss was multiplied
    by; those of the single optimizers are not used. There is no one `learning_rate`: reading or setting it raises
    `AttributeError`. Raises `TypeError` for a map that cannot be called, and `ValueError` in `build` where it gives no
    optimizer.

    >>> optimizers = ckeras.optimizers.OptimizerMap(ckeras.optimizers.Adam(), {".*kernel": ckeras.optimizers.SGD(0.1)})
    >>> model.compile(ckeras.optimizers.MultiOptimizer(optimizers), "mse")  # doctest: +SKIP
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        if not callable(optimizer_map):
            raise TypeError(
                f"[MultiOptimizer] optimizer_map must be an OptimizerMap or a function of a variable, got "
                f"{optimizer_map!r}"
            )
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._map = optimizer_map
        self._parts = []
        self._part_of = {}  # id of a variable -> its optimizer
        if isinstance(optimizer_map, OptimizerMap):
            for part in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._add(part)

    def _add(self, optimizer):
        if not any(part is optimizer for part in self._parts):
            self._parts.append(optimizer)

    @property
    def optimizers(self):
        """The single optimizers, in the order of the map, or of the variables where it is a function."""
        return list(self._parts)

    def build(self, var_list):
        """Builds every optimizer for its share of `var_list`."""
        if self.built:
            return
        var_list = list(var_list)
        shares = {}
        for v in var_list:
            part = self._map(v)
            if not isinstance(part, Optimizer):
                raise ValueError(
                    f"[MultiOptimizer] optimizer_map must give an optimizer for the variable {v.path!r}, got {part!r}"
                )
            self._add(part)
            self._part_of[id(v)] = part
            shares.setdefault(id(part), []).append(v)
        for part in self._parts:
            part.loss_scale_factor = None
            if not part.built:
                part.build(shares.get(id(part), []))
        super().build(var_list)

    @property
    def variables(self):
        """Its own state, then that of each optimizer."""
        return self._variables + [v for part in self._parts for v in part.variables]

    @property
    def learning_rate(self):
        raise AttributeError(f"[{self.name}] has no one learning rate: read those of its `optimizers`")

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        raise AttributeError(f"[{self.name}] has no one learning rate: set those of its `optimizers`")

    def _update(self, grads, variables):
        shares = {}
        for g, v in zip(grads, variables):
            gs, vs = shares.setdefault(id(self._part_of[id(v)]), ([], []))
            gs.append(g)
            vs.append(v)
        for part in self._parts:
            if id(part) in shares:
                part.apply(*shares[id(part)])

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """As `Optimizer.exclude_from_weight_decay`, of each optimizer."""
        for part in self._parts:
            part.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list):
        """As `Optimizer.finalize_variable_values`: each optimizer its share of `var_list`."""
        for part in self._parts:
            part.finalize_variable_values([v for v in var_list if self._part_of.get(id(v)) is part])

    def get_config(self):
        return {
            "optimizer_map": registry.serialize_keras_object(self._map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """An optimizer of its config."""
        mapped = registry.deserialize_keras_object(config["optimizer_map"], custom_objects=custom_objects)
        return cls(**{**config, "optimizer_map": mapped})
