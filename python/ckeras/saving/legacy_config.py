"""Configs as `.h5` files of Keras 2 and 3 hold them, in today's form: models, and the arguments of `compile`."""

from ckeras.saving import registry
from ckeras.saving.registry import DeserializationError

# Written by Keras 2, without meaning since.
_OLD_OPTIMIZER_FIELDS = ("decay", "jit_compile", "is_legacy_optimizer")
_OLD_LAMBDA_FIELDS = ("module", "function_type", "output_shape_type", "output_shape_module")
_COMPILE_FIELDS = ("loss_weights", "run_eagerly", "steps_per_execution", "jit_compile")


# ---- models


def modern(config):
    """The config of a model, or of a layer in one, with today's fields. Entries that have them stay as they are."""
    if not isinstance(config, dict) or not isinstance(config.get("config"), (dict, list)):
        raise DeserializationError("[load_model] model_config must be a dict with class_name and config")
    config = dict(config)
    inner = config["config"]
    if isinstance(inner, list):  # a Sequential of the first versions
        inner = {"layers": inner}
    inner = config["config"] = dict(inner)
    if "module" not in config:
        _rename_fields(config.get("class_name"), inner)
    if isinstance(inner.get("layers"), list):
        inner["layers"] = [modern(entry) for entry in inner["layers"]]
    if isinstance(inner.get("layer"), dict):  # a wrapper's
        inner["layer"] = modern(inner["layer"])
    if isinstance(config.get("inbound_nodes"), list):
        config["inbound_nodes"] = [_node(node) for node in config["inbound_nodes"]]
    return config


def _rename_fields(class_name, inner):
    shape = inner.pop("batch_input_shape", None)
    if shape is not None:
        inner["batch_shape" if class_name == "InputLayer" else "input_shape"] = shape
    axis = inner.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        inner["axis"] = axis[0]
    if class_name == "Lambda":
        for field in _OLD_LAMBDA_FIELDS:
            inner.pop(field, None)
        function = inner.get("function")
        if isinstance(function, list) and len(function) == 3:
            code = dict(zip(("code", "defaults", "closure"), function))
            inner["function"] = {"class_name": "__lambda__", "config": {"value": code}}


def _node(node):
    """A call of Keras 2, `[[layer, node, tensor, kwargs], ...]`, as `{"args", "kwargs"}`."""
    if isinstance(node, dict):
        return node
    single = isinstance(node, list) and len(node) >= 3 and isinstance(node[0], str)
    calls = [node] if single else node
    if not isinstance(calls, list) or not all(isinstance(c, list) and len(c) in (3, 4) for c in calls) or not calls:
        raise DeserializationError(f"[load_model] a node must be [[layer, node, tensor, kwargs], ...], got {node!r}")
    tensors = [_tensor(c) for c in calls]
    kwargs = calls[0][3] if len(calls[0]) == 4 else {}
    if not isinstance(kwargs, dict):
        raise DeserializationError(f"[load_model] the keyword arguments of a node must be a dict, got {kwargs!r}")
    kwargs = {k: _tensor(v) if _is_history(v) else v for k, v in kwargs.items()}
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": kwargs}


def _is_history(value):
    return isinstance(value, list) and [type(v) for v in value[:3]] == [str, int, int] and len(value) < 5


def _tensor(call):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": list(call[:3])}}


# ---- compile


def compile_arguments(config):
    """The arguments of `compile` of a `training_config`; names stay names, which `compile` looks up."""
    if not isinstance(config, dict):
        raise DeserializationError("[load_model] training_config must be a dict")
    optimizer = config.get("optimizer_config")
    if isinstance(optimizer, dict) and isinstance(optimizer.get("config"), dict):
        kept = {k: v for k, v in optimizer["config"].items() if k not in _OLD_OPTIMIZER_FIELDS}
        if "lr" in kept:
            kept["learning_rate"] = kept.pop("lr")
        optimizer = {**optimizer, "config": kept}
    arguments = {k: config[k] for k in _COMPILE_FIELDS if k in config}
    arguments["optimizer"] = _object(optimizer, "optimizers")
    arguments["loss"] = _object(config.get("loss"), "losses")
    for field in ("metrics", "weighted_metrics"):
        arguments[field] = _object(config.get(field), "metrics")
    return arguments


def _object(config, package):
    """Names stay names; objects are looked for in the package unless they say where they are from."""
    if isinstance(config, list):
        return [_object(v, package) for v in config]
    if not isinstance(config, dict):
        return config
    if "class_name" in config:
        return registry.deserialize_keras_object({"module": f"keras.{package}", **config})
    return {k: _object(v, package) for k, v in config.items()}
