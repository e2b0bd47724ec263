"""Configs in the form of Keras 2: `{"class_name", "config"}` and plain names, looked up in a table that is given."""

import inspect

from ckeras.saving.registry import CustomObjectScope, get_registered_name, get_registered_object


def serialize_keras_object(instance):
    """`{"class_name", "config"}` of an object with `get_config`, the name of a function or class, `None` of `None`.

    Objects inside the config become configs in the same form. Raises `ValueError` for anything else.

    >>> ckeras.legacy.saving.serialize_keras_object(ckeras.regularizers.L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not inspect.isclass(instance):
        config = {key: _inner(value) for key, value in instance.get_config().items()}
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(inspect.unwrap(instance))
    raise ValueError(
        f"[serialize_keras_object] {type(instance).__name__} {instance!r} cannot be stored: it has no get_config()"
    )


def _inner(value):
    if value is None or isinstance(value, (str, dict)):
        return value
    try:
        found = serialize_keras_object(value)
    except ValueError:
        return value  # a plain value
    if isinstance(found, dict):
        found["__passive_serialization__"] = True
    return found


def deserialize_keras_object(identifier, module_objects=None, custom_objects=None, printable_module_name="object"):
    """The object of a config or name that `serialize_keras_object` made, or a function as it is.

    Names are looked up among `custom_objects`, registered objects and `module_objects`, and nowhere else: the table of
    known objects must be given. A name of a class gives an object of it, made without arguments. Raises `ValueError`
    for names that are in none of them, called a `printable_module_name` there, and for what is no config.

    >>> table = {"L2": ckeras.regularizers.L2}
    >>> ckeras.legacy.saving.deserialize_keras_object({"class_name": "L2", "config": {"l2": 0.5}}, table).get_config()
    {'l2': 0.5}
    """
    if identifier is None:
        return None
    with CustomObjectScope(custom_objects):
        if isinstance(identifier, dict):
            return _of_config(identifier, module_objects, printable_module_name)
        if isinstance(identifier, str):
            found = _find(identifier, module_objects, printable_module_name)
            return found() if inspect.isclass(found) else found
    if inspect.isfunction(identifier):
        return identifier
    raise ValueError(
        f"[deserialize_keras_object] expected a config, a name or a function for the {printable_module_name}, got "
        f"{type(identifier).__name__} {identifier!r}"
    )


def _find(name, module_objects, kind):
    found = get_registered_object(name, module_objects=module_objects) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            f"[deserialize_keras_object] unknown {kind} {name!r}: it is not registered, and in neither module_objects "
            "nor custom_objects"
        )
    return found


def _of_config(config, module_objects, kind):
    if "class_name" not in config or "config" not in config:
        raise ValueError(
            f"[deserialize_keras_object] expected a dict with class_name and config for the {kind}, got {config!r}"
        )
    found = _find(config["class_name"], module_objects, kind)
    inner = config["config"]
    if not isinstance(inner, dict):
        raise ValueError(f"[deserialize_keras_object] the config of {config['class_name']!r} must be a dict")
    arguments = {key: _argument(key, value, module_objects) for key, value in inner.items()}
    if hasattr(found, "from_config"):
        return found.from_config(arguments)
    return found(**arguments)


def _argument(key, value, module_objects):
    if isinstance(value, dict) and "__passive_serialization__" in value:
        return _of_config(value, module_objects, "config_item")
    if key != "name" and isinstance(value, str):
        known = get_registered_object(value, module_objects=module_objects)
        if inspect.isfunction(known):
            return known
    return value
