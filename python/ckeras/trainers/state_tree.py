"""The state of a model as nested dicts, and its loss for given values of its variables."""

from ckeras._stateless import swapped

_PARTS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


class StateTree:
    """Base of `Trainer`."""

    def get_state_tree(self, value_format="backend_tensor"):
        """The values of all variables, those of the optimizer and of metrics too: nested dicts by the parts of `path`.

        `value_format`: "backend_tensor" or "numpy_array". Raises `ValueError` for another.
        """
        if value_format not in ("backend_tensor", "numpy_array"):
            raise ValueError(
                f"[{self.name}.get_state_tree] value_format must be 'backend_tensor' or 'numpy_array', "
                f"got {value_format!r}"
            )
        tree = {}
        for part in _PARTS:
            tree[part] = {}
            for v in self._variables_of(part):
                *outer, name = v.path.split("/")
                inner = tree[part]
                for key in outer:
                    inner = inner.setdefault(key, {})
                inner[name] = v.value if value_format == "backend_tensor" else v.numpy()
        return tree

    def set_state_tree(self, state_tree):
        """Assigns what `get_state_tree` gave, or a part of it. Raises `ValueError` for names that the model has not."""
        updates = []
        for part, tree in state_tree.items():
            if part not in _PARTS:
                raise ValueError(f"[{self.name}.set_state_tree] expected keys of {_PARTS}, got {part!r}")
            by_path = {v.path: v for v in self._variables_of(part)}
            for path, value in _flat(tree):
                if path not in by_path:
                    raise ValueError(f"[{self.name}.set_state_tree] no variable {path!r} among the {part}")
                updates.append((by_path[path], value))
        for variable, value in updates:
            variable.assign(value)

    def _variables_of(self, part):
        if part == "optimizer_variables":
            return [] if self.optimizer is None else self.optimizer.variables
        return getattr(self, part)

    def stateless_compute_loss(
        self,
        trainable_variables,
        non_trainable_variables,
        metrics_variables,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """`compute_loss` for given values of the variables; the model's own stay.

        Gives `(loss, (trainable, non-trainable, metrics values))`, the values as the loss left them.
        """
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        values = [*trainable_variables, *non_trainable_variables, *metrics_variables]
        with swapped([v for group in groups for v in group], values, f"{self.name}.stateless_compute_loss", True):
            loss = self._loss_of(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
            return loss, tuple([[v.value for v in group] for group in groups])

    def get_quantization_layer_structure(self, mode=None):
        """`None`: no layer can be quantized."""

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Not there: raises `NotImplementedError`; see `Layer.quantize`."""
        super().quantize(mode, config=config)


def _flat(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield prefix + key, value
