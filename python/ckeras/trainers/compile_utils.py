"""What `compile(loss=, metrics=)` means once the outputs are known: one loss and a list of metrics per output."""

import re

from ckeras import losses as losses_module
from ckeras import metrics as metrics_module
from ckeras import ops
from ckeras._core import nest
from ckeras._core.symbolic import snake_case
from ckeras.losses.loss import Loss
from ckeras.metrics.metric import Mean, MeanMetricWrapper, Metric

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


def object_name(obj):
    """The name that logs show for a loss, a metric or a function."""
    name = getattr(obj, "name", None)
    if name is None:
        name = snake_case(re.sub(r"\W+", "", getattr(obj, "__name__", None) or type(obj).__name__))
    return name


def output_paths(y_pred, output_names=None):
    """`(path, name)` per output: keys and indices that lead to it, and its name or `None`; sorted dict keys."""
    if isinstance(y_pred, dict):
        return [((*(key,), *path), name or key) for key in sorted(y_pred) for path, name in output_paths(y_pred[key])]
    if isinstance(y_pred, (list, tuple)):
        flat = len(output_names or ()) == len(y_pred) and not any(nest.is_nested(y) for y in y_pred)
        found = []
        for i, part in enumerate(y_pred):
            found += [((i, *path), output_names[i] if flat else name) for path, name in output_paths(part)]
        return found
    name = output_names[0] if output_names and len(output_names) == 1 else None
    return [((), name)]


def pick(structure, path, name, missing=None):
    """The part of a list or dict of per-output things that belongs to the output; `missing` when it has none."""
    for i, key in enumerate(path):
        if isinstance(structure, dict):
            last = i == len(path) - 1
            key = key if key in structure else name if last and name in structure else None
            if key is None:
                return missing
            structure = structure[key]
        elif isinstance(structure, (list, tuple)):
            if not isinstance(key, int) or key >= len(structure):
                return missing
            structure = structure[key]
        else:
            return structure
    return structure


def by_key(structure, y_pred):
    """For a model whose output is a flat dict: a list of as many things, in the order of the keys, as a dict."""
    flat = isinstance(y_pred, dict) and not any(nest.is_nested(y) for y in y_pred.values())
    if flat and isinstance(structure, (list, tuple)) and len(structure) == len(y_pred):
        return dict(zip(sorted(y_pred), structure))
    return structure


def check_keys(what, structure, paths, where="compile"):
    """Raises `ValueError` when a dict or list given to `where` does not fit the outputs."""
    names = [name or (path[0] if path else "output") for path, name in paths]
    if isinstance(structure, dict):
        known = {n for _, n in paths} | {k for path, _ in paths for k in path}
        odd = [k for k in structure if k not in known]
        if odd:
            raise ValueError(f"[{where}] {what} has keys {odd} that are no output; expected keys of {names}")
    elif isinstance(structure, (list, tuple)):
        tops = {path[0] for path, _ in paths if path}
        if len(paths) > 1 and len(structure) != len(tops):
            raise ValueError(
                f"[{where}] {what} must fit the model's outputs: expected {len(tops)} entries, one per output "
                f"({names}), got {len(structure)}: {structure!r}"
            )


def only_dict_entry(structure, paths):
    """For a model with one output: what a dict or one-entry list holds for it."""
    if len(paths) == 1 and not paths[0][0] and isinstance(structure, dict):
        check = paths[0][1]
        if check is not None:
            check_keys("the dict", structure, paths)
        if len(structure) != 1:
            raise ValueError(f"[compile] the model has one output, got a dict with keys {sorted(structure)}")
        return next(iter(structure.values()))
    return structure


def _check_parts(what, given, paths, every=False):
    """Raises `ValueError` for parts of `y` or `sample_weight` that belong to no output; with `every` in a list of
    another length too."""
    if isinstance(given, dict):
        check_keys(what, given, paths, "compute_loss")
    elif isinstance(given, (list, tuple)):
        tops = {path[0] for path, _ in paths}
        named = [top for top in tops if isinstance(top, str)]
        if named or len(given) > len(tops) or (every and len(given) < len(tops)):
            expected = f"a dict with keys {sorted(named)}" if named else f"{len(tops)} entries, one per output"
            raise ValueError(
                f"[compute_loss] {what} must fit the model's outputs: expected {expected}, got {len(given)} in a "
                f"{type(given).__name__}"
            )
    elif what == "y" and given is not None and len(paths) > 1:
        raise ValueError(
            f"[compute_loss] y must have the structure of the model's {len(paths)} outputs, got one array of shape "
            f"{tuple(given.shape)}"
        )


def _only_weights(sample_weight, paths):
    """For a model with one output: the weights in a list of one or under its name."""
    if not nest.is_nested(sample_weight) or len(paths) > 1 or paths[0][0] or len(sample_weight) != 1:
        return sample_weight
    if isinstance(sample_weight, dict):
        if paths[0][1] is not None:
            check_keys("sample_weight", sample_weight, paths, "compute_loss")
        return next(iter(sample_weight.values()))
    return sample_weight[0] if hasattr(sample_weight[0], "shape") else sample_weight


class CompileLoss:
    """The sum over outputs of `loss_weights` times each output's loss; one tracker per output when there are several.

    `loss`: a name, a function, a `Loss`, or a list or dict of them shaped as the outputs; `None` for an output without.
    Raises `ValueError` when losses, targets and outputs do not fit together.
    """

    def __init__(self, loss, loss_weights=None, output_names=None):
        self._loss = loss
        self._loss_weights = loss_weights
        self._output_names = output_names
        self.rows = None  # (path, name, loss object, weight, tracker) per output that has a loss
        _resolve_names(loss)

    @property
    def metrics(self):
        """Trackers of the outputs' losses."""
        return [row[4] for row in self.rows or () if row[4] is not None]

    def build(self, y_true, y_pred):
        """Finds each output's loss."""
        if any(not hasattr(leaf, "shape") for leaf in nest.leaves_with_none(y_pred)):
            raise ValueError(
                f"[compute_loss] the model's output must be a tensor or a structure of tensors, got {y_pred!r}; does "
                "its `call` return what it computes?"
            )
        paths = output_paths(y_pred, self._output_names)
        loss = only_dict_entry(by_key(self._loss, y_pred), paths)
        if len(paths) == 1 and isinstance(loss, (list, tuple)) and len(loss) == 1:
            loss = loss[0]
        if len(paths) == 1 and isinstance(loss, (list, tuple)):
            raise ValueError(f"[compile] the model has one output, so one loss is expected, got {len(loss)}: {loss!r}")
        check_keys("loss", loss, paths)
        weights = only_dict_entry(by_key(self._loss_weights, y_pred), paths)
        if len(paths) == 1 and isinstance(weights, (list, tuple)) and len(weights) == 1:
            weights = weights[0]
        check_keys("loss_weights", weights, paths)
        if isinstance(loss, dict) and isinstance(y_pred, dict):  # losses are logged in the order they were given in
            place = {key: i for i, key in enumerate(loss)}
            paths.sort(key=lambda row: place.get(row[0][0], len(place)))
        rows = []
        for path, name in paths:
            fn = get_loss(pick(loss, path, name))
            if fn is None:
                continue
            weight = pick(weights, path, name)
            if weight is not None and (isinstance(weight, (bool, str)) or not hasattr(weight, "__float__")):
                raise ValueError(
                    f"[compile] loss_weights, the third argument, must be numbers, got {weight!r}; metrics are "
                    "given as metrics=[...]"
                )
            rows.append([path, name, fn, weight, None])
        if not rows:
            raise ValueError("[compile] no output of the model has a loss")
        if len(rows) > 1:
            taken = {}
            for row in rows:
                base = row[1] or object_name(row[2])
                taken[base] = taken.get(base, 0) + 1
                name = base if taken[base] == 1 else f"{base}_{taken[base] - 1}"
                row[4] = Mean(name=f"{name}_loss")
        self.rows = rows

    def __call__(self, y_true, y_pred, sample_weight=None):
        if self.rows is None:
            self.build(y_true, y_pred)
        paths = output_paths(y_pred, self._output_names)
        y_true, sample_weight = by_key(y_true, y_pred), by_key(_only_weights(sample_weight, paths), y_pred)
        if nest.is_nested(y_pred):
            _check_parts("y", y_true, paths)
            _check_parts("sample_weight", sample_weight, paths, every=True)
        total = None
        for path, name, fn, weight, tracker in self.rows:
            prediction = pick(y_pred, path, name)
            target = pick(y_true, path, name) if nest.is_nested(y_pred) else _only(y_true)
            if target is None and y_true is None:
                raise ValueError(
                    f"[compute_loss] y is missing: the loss {object_name(fn)!r} compares the model's output of shape "
                    f"{tuple(prediction.shape)} with targets. Pass y, or batches (x, y)"
                )
            if target is None or (nest.is_nested(target) and not nest.is_nested(prediction)):
                raise ValueError(
                    f"[compute_loss] no target for the output {name or path!r}, which has the loss "
                    f"{object_name(fn)!r}: y must "
                    f"have the structure of the model's outputs, got {_describe(y_true)} for {_describe(y_pred)}"
                )
            sw = pick(sample_weight, path, name) if nest.is_nested(sample_weight) else sample_weight
            try:
                value = ops.cast(fn(target, prediction, sw), "float32")
            except ValueError as e:
                raise _in_loss(e, fn, name, target, prediction) from e
            if tracker is not None:  # logs show an output's loss before its weight
                tracker.update_state(value, sample_weight=_batch_size(prediction))
            if weight is not None:
                value = ops.multiply(value, weight)
            total = value if total is None else ops.add(total, value)
        return total


def _in_loss(error, fn, name, target, prediction):
    where = f" of output {name!r}" if name else ""
    message = f"[loss {object_name(fn)!r}{where}] y_true {target.shape}, y_pred {prediction.shape}: {error}"
    try:
        return type(error)(message)
    except TypeError:
        return ValueError(message)


def _resolve_names(loss):
    """Raises at once for a name that is no loss."""
    for item in nest.leaves(loss):
        get_loss(item)


def _batch_size(x):
    shape = nest.leaves(x)[0].shape
    return float(shape[0]) if shape else 1.0


def _only(y):
    """The target of a model with one output, out of a list or dict of one."""
    if nest.is_nested(y):
        flat = nest.leaves(y)
        return flat[0] if len(flat) == 1 else y
    return y


def _describe(x):
    if nest.is_nested(x):
        return nest.map_leaves(lambda leaf: tuple(leaf.shape), x)
    return None if x is None else tuple(x.shape)


def get_loss(identifier):
    """A `Loss` of a name, function or `Loss`; `None` for `None`."""
    if identifier is None:
        return None
    fn = losses_module.get(identifier)
    if isinstance(fn, Loss):
        return fn
    wrapped = losses_module.LossFunctionWrapper(fn, name=object_name(fn))
    wrapped.integer_targets = True
    return wrapped


class CompileMetrics:
    """The metrics of every output, under the names that logs show.

    `metrics`, `weighted_metrics`: a list for one output; for several, a list or dict shaped as the outputs whose
    entries are metrics or lists of them. Only weighted metrics see sample weights.
    """

    name = "compile_metrics"

    def __init__(self, metrics=None, weighted_metrics=None, output_names=None):
        for what, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ValueError(f"[compile] {what} must be a list or a dict, got {type(given).__name__} {given!r}")
            for item in nest.leaves(given):
                if not (isinstance(item, str) and item.lower() in _ACCURACY + _CROSSENTROPY):
                    metrics_module.get(item)
        self._metrics = metrics
        self._weighted = weighted_metrics
        self._output_names = output_names
        self.rows = None  # (path, name, metric, log name, weighted)

    @property
    def metrics(self):
        return [row[2] for row in self.rows or ()]

    @property
    def variables(self):
        return [v for m in self.metrics for v in m.variables]

    def build(self, y_true, y_pred):
        """Makes the metrics: names such as "accuracy" become the metric that fits the shapes."""
        paths = output_paths(y_pred, self._output_names)
        rows, taken = [], {}
        for given, weighted in ((self._metrics, False), (self._weighted, True)):
            if not given:
                continue
            given = by_key(given, y_pred) if len(paths) > 1 else given
            if len(paths) == 1 and not (paths[0][0] and isinstance(given, dict)):
                given = only_dict_entry(given, paths) if isinstance(given, dict) else given
            else:
                check_keys("weighted_metrics" if weighted else "metrics", given, paths)
            single = len(paths) == 1 and not isinstance(given, dict)
            for path, name in paths:
                mine = given if single else pick(given, path, name)
                for item in nest.leaves(mine):
                    target = pick(y_true, path, name) if nest.is_nested(y_pred) else _only(y_true)
                    metric, label = get_metric(item, target, pick(y_pred, path, name))
                    if weighted and isinstance(item, str):
                        twin = any(r[0] == path and r[2].name == label for r in rows)
                        label = f"weighted_{label}" if twin else label
                    if len(paths) > 1 and name is not None:
                        label = f"{name}_{label}"
                    taken[label] = taken.get(label, 0) + 1
                    if taken[label] > 1:
                        label = f"{label}_{taken[label] - 1}"
                    rows.append((path, name, metric, label, weighted))
        self.rows = rows

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = by_key(y_true, y_pred)
        if self.rows is None:
            self.build(y_true, y_pred)
        sample_weight = by_key(_only_weights(sample_weight, output_paths(y_pred, self._output_names)), y_pred)
        for path, name, metric, _, weighted in self.rows:
            target = pick(y_true, path, name) if nest.is_nested(y_pred) else _only(y_true)
            prediction = pick(y_pred, path, name)
            if weighted and sample_weight is not None:
                sw = pick(sample_weight, path, name) if nest.is_nested(sample_weight) else sample_weight
                metric.update_state(target, prediction, sample_weight=sw)
            else:
                metric.update_state(target, prediction)

    def result(self):
        found = {}
        for _, _, metric, label, _ in self.rows or ():
            result = metric.result()
            found.update(result if isinstance(result, dict) else {label: result})
        return found

    def reset_state(self):
        for row in self.rows or ():
            row[2].reset_state()


def get_metric(identifier, y_true, y_pred):
    """`(metric, name)`: "accuracy" and "crossentropy" are binary, sparse or categorical as the shapes say."""
    if isinstance(identifier, str) and identifier.lower() in _ACCURACY + _CROSSENTROPY:
        kind = "Accuracy" if identifier.lower() in _ACCURACY else "Crossentropy"
        metric = getattr(metrics_module, f"{_family(y_true, y_pred)}{kind}")()
    else:
        metric = metrics_module.get(identifier)
    name = identifier if isinstance(identifier, str) else object_name(metric)
    if not isinstance(metric, Metric):
        metric = MeanMetricWrapper(metric, name=name)
    metric.name = name
    return metric, name


def _family(y_true, y_pred):
    if not y_pred.shape or y_pred.shape[-1] == 1:
        return "Binary"
    if len(y_true.shape) < len(y_pred.shape) or (y_true.shape[-1] == 1 and y_pred.shape[-1] > 1):
        return "SparseCategorical"
    return "Categorical"
