"""Names of classes and functions in configs: what may be found by name, and how objects become configs and come back.

Nothing outside two lists is ever found: the classes and functions that ckeras itself documents as parts of a model, and
what the user registered or passed as `custom_objects`. No module is imported because a config names it.
"""

import importlib
import inspect
import marshal
import threading
import types

import numpy as np

from ckeras._core.tensor import Tensor, convert
from ckeras._core.variable import Variable


class DeserializationError(ValueError):
    """A config that is malformed, names something that is not registered, or would run code."""


# Package of ckeras -> the module that Keras writes into its files for the package's classes.
_PUBLIC_MODULES = {
    "layers": "keras.layers",
    "models": "keras",
    "initializers": "keras.initializers",
    "regularizers": "keras.regularizers",
    "constraints": "keras.constraints",
    "losses": "keras.losses",
    "metrics": "keras.metrics",
    "optimizers": "keras.optimizers",
    "optimizers.schedules": "keras.optimizers.schedules",
    "dtype_policies": "keras.dtype_policies",
    "dtype_policies.policy": "keras",
    "random": "keras.random",
    "utils": "keras.utils",
    "distillation": "keras.distillation",
    "applications.convnext": "keras.src.applications.convnext",
    "applications.inception_resnet_v2": "keras.src.applications.inception_resnet_v2",
}
_UNPUBLISHED = ("keras.src.backend.torch.optimizers.", "keras.src.applications.")
# Classes that live elsewhere than the package that publishes them.
_ELSEWHERE = {"SeedGenerator": "random"}
_FUNCTION_PACKAGES = ("activations", "losses", "metrics")
MAX_DEPTH = 200

_custom_objects = {}
_custom_names = {}


class _State(threading.local):
    scopes = ()  # dicts of custom_object_scope, innermost last
    safe_mode = None  # of the innermost SafeModeScope
    depth = 0
    shared = None  # shared_object_id -> object while one config is read


_state = _State()
_unsafe = False  # enable_unsafe_deserialization was called


# ---------------------------------------------------------------- registrations


def register_keras_serializable(package="Custom", name=None):
    """Decorator: lets files and configs name the class or function, as `package>name`.

    Raises `ValueError` for a class without `get_config`.

    >>> @ckeras.saving.register_keras_serializable("mine")
    ... def swish2(x):
    ...     return x * ckeras.ops.sigmoid(2 * x)
    >>> ckeras.saving.get_registered_name(swish2)
    'mine>swish2'
    """
    if not isinstance(package, str):
        raise TypeError(
            f"[register_keras_serializable] package must be a string, got {package!r}; write "
            "@register_keras_serializable() with parentheses"
        )

    def decorator(obj):
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"[register_keras_serializable] {obj.__name__} defines no get_config(self), so it cannot be stored"
            )
        registered = f"{package}>{name or obj.__name__}"
        _custom_objects[registered] = obj
        _custom_names[obj] = registered
        return obj

    return decorator


def get_custom_objects():
    """The dict of all registered objects by name; entries may be added to it."""
    return _custom_objects


def get_registered_name(obj):
    """The name that `obj` is registered under, else its `__name__`."""
    try:
        return _custom_names[obj]
    except (KeyError, TypeError):
        return getattr(obj, "__name__", type(obj).__name__)


def get_registered_object(name, custom_objects=None, module_objects=None):
    """The object registered as `name`: in a scope, globally, in `custom_objects`, in `module_objects`; else `None`."""
    for scope in (*reversed(_state.scopes), _custom_objects, custom_objects or {}, module_objects or {}):
        if name in scope:
            return scope[name]
    return None


class CustomObjectScope:
    """Context manager: the dict's names are known inside, in this thread.

    >>> with ckeras.saving.custom_object_scope({"Mine": Mine}):
    ...     model = ckeras.saving.load_model("mine.keras")
    """

    def __init__(self, custom_objects):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self):
        _state.scopes = (*_state.scopes, self.custom_objects)
        return self

    def __exit__(self, *exc):
        _state.scopes = _state.scopes[:-1]


custom_object_scope = CustomObjectScope


class SafeModeScope:
    """Context manager: whether configs may hold code (lambdas) inside, in this thread. `None` means safe."""

    def __init__(self, safe_mode=True):
        self.safe_mode = safe_mode is None or bool(safe_mode)

    def __enter__(self):
        self._saved = _state.safe_mode
        _state.safe_mode = self.safe_mode

    def __exit__(self, *exc):
        _state.safe_mode = self._saved


def in_safe_mode():
    """Whether code in configs is refused: always, unless `safe_mode=False` was passed."""
    return _state.safe_mode is not False and not _unsafe


def enable_unsafe_deserialization():
    """Lets every file and config that is loaded from now on run the code it holds, whatever `safe_mode` says.

    For programs all of whose files come from a trusted place. `safe_mode=False` does it for one call.
    """
    global _unsafe
    _unsafe = True


# ---------------------------------------------------------------- objects to configs


def serialize_keras_object(obj):
    """A config of plain values, as Keras writes it.

    Objects need `get_config`; functions are stored by name, lambdas as byte code that only `safe_mode=False` loads.
    Raises `TypeError` for anything else.
    """
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(x) for x in obj]
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode()}}
    if isinstance(obj, (Tensor, Variable)):
        return {"class_name": "__tensor__", "config": {"value": obj.numpy().tolist(), "dtype": obj.dtype}}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, slice):
        parts = {k: serialize_keras_object(getattr(obj, k)) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        return {"class_name": "__lambda__", "config": {"value": _dump_code(obj)}}
    if isinstance(obj, type):
        raise TypeError(f"[serialize_keras_object] expected an object, got the class {obj.__name__}; pass an instance")
    if hasattr(obj, "get_config"):
        return _serialize_object(obj)
    if callable(obj) and hasattr(obj, "__name__"):
        return {
            "module": "builtins",
            "class_name": "function",
            "config": _custom_names.get(obj, obj.__name__),
            "registered_name": "function",
        }
    raise TypeError(
        f"[serialize_keras_object] {type(obj).__name__} {obj!r} cannot be stored: give its class get_config(self) and "
        "register it with ckeras.saving.register_keras_serializable"
    )


def _serialize_object(obj):
    cls = type(obj)
    # `published_as`: the public name of a class whose own name gives the paths in files, where Keras has two.
    name = vars(cls).get("published_as", cls.__name__)
    config = {"module": None, "class_name": name, "config": serialize_keras_object(obj.get_config())}
    config["module"], config["registered_name"] = _public_name(cls)
    if hasattr(obj, "get_build_config"):
        build_config = obj.get_build_config()
        if build_config is not None:
            config["build_config"] = serialize_keras_object(build_config)
    if hasattr(obj, "get_compile_config"):
        compile_config = obj.get_compile_config()
        if compile_config:
            config["compile_config"] = serialize_keras_object(compile_config)
    return config


def _public_name(cls):
    """`(module, registered_name)` of a class as Keras's files hold them."""
    if cls in _custom_names:
        return cls.__module__, _custom_names[cls]
    if cls.__name__ == "Functional" and cls.__module__.startswith("ckeras."):
        return "keras.src.models.functional", "Functional"
    package = _package_of(cls)
    if package is None:
        return cls.__module__, cls.__name__
    return _PUBLIC_MODULES[package], None


def _package_of(cls):
    """The package of ckeras that publishes the class under its own name, or `None`."""
    if not cls.__module__.startswith("ckeras."):
        return None
    parts = cls.__module__.split(".")[1:]
    if parts[:3] == ["backend", "torch", "optimizers"]:
        parts = parts[2:]
    two = ".".join(parts[:2])
    package = two if two in _PUBLIC_MODULES else _ELSEWHERE.get(cls.__name__, parts[0])
    return package if package in _PUBLIC_MODULES else None


# ---------------------------------------------------------------- configs to objects


def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs):
    """The object of a config made by `serialize_keras_object` or by Keras.

    Only classes and functions of ckeras, registered ones, and those in `custom_objects` are made. `safe_mode=False`
    lets lambdas in; inside another call, as in a `from_config`, the outer one's counts. `module_objects` (the only
    other argument): a dict of objects that a string may name. Raises `DeserializationError` (a `ValueError`) for
    anything else, before anything of it runs.
    """
    named = kwargs.pop("module_objects", None)
    if kwargs:
        raise ValueError(f"[deserialize_keras_object] unexpected arguments {sorted(kwargs)}")
    if named is not None and isinstance(config, str) and config in named:
        return named[config]
    if _state.safe_mode is None:
        with SafeModeScope(safe_mode):
            return deserialize_keras_object(config, custom_objects)
    if custom_objects:
        with CustomObjectScope(custom_objects):
            return deserialize_keras_object(config)
    outermost = _state.shared is None
    if outermost:
        _state.shared = {}
    if _state.depth >= MAX_DEPTH:
        raise DeserializationError(f"[deserialize_keras_object] the config is nested deeper than {MAX_DEPTH} levels")
    _state.depth += 1
    try:
        return _deserialize(config)
    finally:
        _state.depth -= 1
        if outermost:
            _state.shared = None


def _deserialize(config):
    if config is None or isinstance(config, (bool, int, float, str)):
        return config
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(x) for x in config]
    if not isinstance(config, dict):
        raise DeserializationError(f"[deserialize_keras_object] expected a config, got {type(config).__name__}")
    if "class_name" not in config or "config" not in config:
        return {k: deserialize_keras_object(v) for k, v in config.items()}
    class_name = config["class_name"]
    if not isinstance(class_name, str):
        raise DeserializationError(f"[deserialize_keras_object] class_name must be a string, got {class_name!r}")
    plain = _PLAIN.get(class_name)
    if plain is not None:
        if not isinstance(config["config"], dict):
            raise DeserializationError(f"[deserialize_keras_object] the config of {class_name} must be a dict")
        return plain(config["config"])
    if class_name == "function":
        return find_function(config)
    return _make_object(config)


def _make_object(config):
    class_name, inner = config["class_name"], config["config"]
    shared_id = config.get("shared_object_id")
    if isinstance(shared_id, int) and shared_id in _state.shared:
        return _state.shared[shared_id]
    cls = find_class(config)
    if isinstance(inner, str) and isinstance(cls, types.FunctionType):
        return cls
    if not isinstance(inner, dict):
        raise DeserializationError(
            f"[deserialize_keras_object] {class_name}: `config` must be a dict, got {type(inner).__name__}"
        )
    for key in ("build_config", "compile_config"):
        if config.get(key) is not None and not isinstance(config[key], dict):
            raise DeserializationError(f"[deserialize_keras_object] {class_name}: `{key}` must be a dict")
    if not hasattr(cls, "from_config"):
        raise DeserializationError(f"[deserialize_keras_object] {class_name} has no from_config(cls, config)")
    try:
        obj = cls.from_config(dict(inner))
    except (TypeError, KeyError, AttributeError, IndexError, OverflowError) as e:
        raise DeserializationError(
            f"[deserialize_keras_object] {class_name} does not take this config: {type(e).__name__}: {e}; "
            f"config: {_short(inner)}"
        ) from e
    build_config = config.get("build_config")
    if build_config and hasattr(obj, "build_from_config") and not getattr(obj, "built", False):
        try:
            obj.build_from_config(build_config)
        except (TypeError, KeyError, AttributeError, IndexError, OverflowError) as e:
            raise DeserializationError(f"[deserialize_keras_object] {class_name} cannot be built: {e}") from e
    if config.get("compile_config") and hasattr(obj, "compile_from_config"):
        obj.compile_from_config(config["compile_config"])
    if isinstance(shared_id, int):
        _state.shared[shared_id] = obj
    return obj


def _short(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def find_class(config):
    """The class of `{"module", "class_name", "registered_name"}`: a registered one, or one of ckeras."""
    name, registered, module = config["class_name"], config.get("registered_name"), config.get("module")
    for field, value in (("registered_name", registered), ("module", module)):
        if value is not None and not isinstance(value, str):
            raise DeserializationError(f"[deserialize_keras_object] {name}: `{field}` must be a string, got {value!r}")
    found = get_registered_object(registered or name)
    if found is None and registered and ">" not in registered:
        found = get_registered_object(name)
    if found is not None:
        return found
    # Classes that Keras does not publish are stored under their own names; its optimizers on PyTorch are Keras's.
    known = name == "Functional" or (module or "").startswith(_UNPUBLISHED)
    if registered is None or (registered == name and known):
        found = _builtin_class(module, name)
        if found is not None:
            return found
    raise DeserializationError(
        f"[deserialize_keras_object] the class {_short(registered or name)} (module {_short(module)}) is "
        "not a part of a model that ckeras has, and is not registered. If it is your own, pass custom_objects={...} or "
        "decorate it with ckeras.saving.register_keras_serializable; no module is imported because a file names it."
    )


def _builtin_class(module, name):
    for package in _packages_of(module):
        try:
            owner = importlib.import_module(f"ckeras.{package}")
        except ModuleNotFoundError as e:
            if e.name != f"ckeras.{package}":
                raise
            continue
        found = getattr(owner, name, None)  # packages load some names on first use
        if isinstance(found, type) and found.__module__.startswith("ckeras.") and hasattr(found, "from_config"):
            return found
    return None


def _packages_of(module):
    """The packages of ckeras that a module name of a file stands for; none for a module that is not Keras's."""
    if module is None:
        return tuple(_PUBLIC_MODULES)
    parts = module.split(".")
    if parts[0] not in ("keras", "ckeras"):
        return ()
    parts = [p for p in parts[1:] if p != "src"]
    if not parts:
        return ("models", "dtype_policies")
    if parts[:3] == ["backend", "torch", "optimizers"]:
        parts = parts[2:]
    two = ".".join(parts[:2])
    if two in _PUBLIC_MODULES:
        return (two,)
    return (parts[0],) if parts[0] in _PUBLIC_MODULES else ()


def find_function(config):
    """The function that `{"class_name": "function", "config": name}` stands for: registered, or an activation, loss
    or metric of ckeras."""
    name, registered = config["config"], config.get("registered_name")
    if not isinstance(name, str):
        raise DeserializationError(f"[deserialize_keras_object] a function is stored by its name, got {_short(name)}")
    for candidate in (registered, name):
        if isinstance(candidate, str) and candidate != "function":
            found = get_registered_object(candidate)
            if found is not None:
                return found
    module = config.get("module")
    ours = module in (None, "builtins") or (isinstance(module, str) and module.split(".")[0] in ("keras", "ckeras"))
    if ours and registered in (None, "function", name):
        for package in _FUNCTION_PACKAGES:
            found = importlib.import_module(f"ckeras.{package}")._catalog.known(name)
            if isinstance(found, types.FunctionType):
                return found
    raise DeserializationError(
        f"[deserialize_keras_object] the function {_short(name)} (module {_short(module)}) is no activation, "
        "loss or metric of ckeras and is not registered. If it is your own, pass "
        "custom_objects={...} or decorate it with "
        "ckeras.saving.register_keras_serializable."
    )


# ---------------------------------------------------------------- plain values


def _value(config, *kinds):
    value = config.get("value")
    if not isinstance(value, kinds):
        raise DeserializationError(
            f"[deserialize_keras_object] `value` must be a {kinds[0].__name__}, got {_short(value)}"
        )
    return value


def _array(config):
    dtype = config.get("dtype")
    if not isinstance(dtype, str):
        raise DeserializationError("[deserialize_keras_object] an array needs `dtype`, a string")
    array = np.array(_value(config, list, float, int, bool))
    if array.dtype.kind not in "biuf":
        raise DeserializationError("[deserialize_keras_object] an array must hold numbers")
    return array, dtype


def _numpy(config):
    array, dtype = _array(config)
    try:
        wanted = np.dtype(dtype)
    except TypeError as e:
        raise DeserializationError(f"[deserialize_keras_object] unknown dtype {dtype!r}") from e
    if wanted.kind not in "biuf":
        raise DeserializationError(f"[deserialize_keras_object] an array must hold numbers, got dtype {dtype!r}")
    return array.astype(wanted)


def _tensor(config):
    array, dtype = _array(config)
    return convert(array, dtype)


def _slice(config):
    return slice(*[deserialize_keras_object(config.get(k)) for k in ("start", "stop", "step")])


def _lambda(config):
    if in_safe_mode():
        raise DeserializationError(
            "[deserialize_keras_object] the config holds a Python lambda: loading it would run code from the file. "
            "Refused in safe mode; store a function registered with ckeras.saving.register_keras_serializable, or pass "
            "safe_mode=False if you trust the file's author as yourself."
        )
    return load_code(config.get("value"))


_PLAIN = {
    "__bytes__": lambda config: _value(config, str).encode(),
    "__numpy__": _numpy,
    "__tensor__": _tensor,
    "__slice__": _slice,
    "__ellipsis__": lambda config: Ellipsis,
    "__lambda__": _lambda,
    "__tuple__": lambda config: tuple(deserialize_keras_object(_value(config, list))),
}


# ---------------------------------------------------------------- lambdas


def _dump_code(fn):
    import base64  # wanted by lambdas alone

    closure = None if fn.__closure__ is None else [serialize_keras_object(c.cell_contents) for c in fn.__closure__]
    defaults = None if fn.__defaults__ is None else [serialize_keras_object(d) for d in fn.__defaults__]
    code = base64.b64encode(marshal.dumps(fn.__code__)).decode("ascii")
    return {"code": code, "defaults": defaults, "closure": closure}


def load_code(value):
    """The function of a stored lambda. Runs what the file's author wrote: only for `safe_mode=False`."""
    if in_safe_mode():
        raise DeserializationError("[load_code] refused in safe mode")
    if not isinstance(value, dict) or not isinstance(value.get("code"), str):
        raise DeserializationError("[deserialize_keras_object] a lambda needs `code`, a base64 string")
    import base64  # wanted by lambdas alone

    try:
        code = marshal.loads(base64.b64decode(value["code"]))
    except (ValueError, EOFError, TypeError) as e:
        raise DeserializationError("[deserialize_keras_object] the lambda was stored by another Python version") from e
    if not isinstance(code, types.CodeType):
        raise DeserializationError("[deserialize_keras_object] a lambda's `code` holds no function")
    closure = tuple(types.CellType(deserialize_keras_object(c)) for c in value.get("closure") or ())
    defaults = tuple(deserialize_keras_object(d) for d in value.get("defaults") or ())
    return types.FunctionType(code, {"__builtins__": __builtins__, "np": np}, code.co_name, defaults, closure)
