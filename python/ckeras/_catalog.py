"""Catalog: the names of one kind of object (losses, optimizers...), and their get, serialize, deserialize."""

import functools

from ckeras._core.symbolic import snake_case
from ckeras.saving import registry


def near_matches(name, names):
    """A sentence that suggests the closest of `names`, or lists them all when none is close."""
    import difflib  # wanted by those who mistype alone

    close = difflib.get_close_matches(str(name), names, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(map(repr, close))}?"
    return f"Known names: {', '.join(sorted(set(names)))}."


class Catalog:
    """What a string, a config, a class or a callable stands for where an object of this `kind` is asked.

    `classes` and `functions` are listed under their own names, in lower case and in snake case; `aliases` adds short
    names. `base` is what a deserialised object must be an instance of (any callable when it is None). `lazy`: the
    `_lazy.Names` of a package whose classes are listed too, and load when they are looked up.
    """

    def __init__(self, kind, module, base=None, classes=(), functions=(), aliases=None, lazy=None):
        self.kind = kind
        self.module = module
        self.base = base
        self.table = {}
        for cls in classes:
            self.table[cls.__name__] = cls
            self.table.setdefault(snake_case(cls.__name__), cls)
            self.table.setdefault(cls.__name__.lower(), cls)
        for fn in functions:
            self.table[fn.__name__] = fn
        self.aliases = aliases or {}
        self.lazy = lazy

    @functools.cached_property
    def _later(self):
        """Spelling -> name, of what loads when it is looked up."""
        spelled = {}
        for name, (_, own) in self.lazy.sources.items() if self.lazy else ():
            if own == name and name[0].isupper():
                for spelling in (name, snake_case(name), name.lower()):
                    spelled.setdefault(spelling, name)
        return spelled

    def known(self, name):
        """What ckeras has under a name, or `None`."""
        name = self.aliases.get(name, name)
        found = self.table.get(name)
        if found is None and name in self._later:
            found = self.lazy.load(self._later[name])
            if not (isinstance(found, type) and issubclass(found, self.base)) or found is self.base:
                return None
        return found

    def find(self, name, custom_objects=None):
        """The class or function of a name: the user's registered one first. `ValueError` with near matches."""
        found = registry.get_registered_object(name, custom_objects=custom_objects)
        found = found or self.known(name) or self.known(name.lower())
        if found is None:
            matches = near_matches(name, [*self.table, *self._later, *self.aliases])
            raise ValueError(
                f"[{self.module}.get] {name!r} is no known {self.kind}. {matches} An object of your own can be passed "
                "itself, or registered with ckeras.saving.register_keras_serializable."
            )
        return found

    def get(self, identifier):
        """An object of `None`, a name, a config, a class or an object."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        elif isinstance(identifier, dict):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            identifier = identifier()
        if callable(identifier) or (self.base is not None and isinstance(identifier, self.base)):
            return identifier
        raise ValueError(
            f"[{self.module}.get] expected a name, a config, a class or a callable for a {self.kind}; got "
            f"{type(identifier).__name__} {identifier!r}"
        )

    def serialize(self, obj):
        """The config of an object; a function is stored by name."""
        return registry.serialize_keras_object(obj)

    def deserialize(self, config, custom_objects=None):
        """An object of its config, or of a name. Only objects of this kind are made."""
        if isinstance(config, str):
            found = self.find(config, custom_objects)
            return found() if isinstance(found, type) else found
        if isinstance(config, dict) and config.get("class_name") == "function":
            name = config.get("config")
            if not isinstance(name, str):
                raise ValueError(f"[{self.module}.deserialize] a function is stored by name, got {name!r}")
            return self.find(name, custom_objects)
        if isinstance(config, dict) and "module" not in config and isinstance(config.get("class_name"), str):
            found = self.known(config["class_name"])
            if found is not None:  # the spelling of Keras 2: {"class_name", "config"}
                return found(**(config.get("config") or {}))
        obj = registry.deserialize_keras_object(config, custom_objects=custom_objects)
        fits = self.base is not None and isinstance(obj, self.base)
        if not fits and (not callable(obj) or (self.base and type(obj).__module__.startswith("ckeras."))):
            raise ValueError(f"[{self.module}.deserialize] expected the config of a {self.kind}, got {config!r}")
        return obj
