"""Config: named values of an experiment, as attributes and as entries, that can be frozen."""

import difflib
import json


class Config:
    """Values by name: `config.rate` and `config["rate"]` are the same. After `freeze()` a change is a `ValueError`.

    >>> config = ckeras.utils.Config(rate=0.1)
    >>> config.steps = 5
    >>> config.as_dict()
    {'rate': 0.1, 'steps': 5}
    """

    def __init__(self, **kwargs):
        object.__setattr__(self, "_values", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self):
        """Whether changes are refused."""
        return self._frozen

    def freeze(self):
        """Refuses changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self):
        """Allows changes again."""
        object.__setattr__(self, "_frozen", False)

    def _open(self):
        """The values, to be changed."""
        if self._frozen:
            raise ValueError("[Config] it is frozen: call unfreeze() before changing it")
        return self._values

    def as_dict(self):
        """A dict of the values, of its own."""
        return dict(self._values)

    def to_json(self):
        """The values as JSON text."""
        return json.dumps(self._values)

    def keys(self):
        return self._values.keys()

    def values(self):
        return self._values.values()

    def items(self):
        return self._values.items()

    def get(self, keyname, value=None):
        """The value of a name, or `value`."""
        return self._values.get(keyname, value)

    def pop(self, *args):
        """Takes a value out, as `dict.pop` does."""
        return self._open().pop(*args)

    def update(self, *args, **kwargs):
        """Sets values, as `dict.update` does."""
        self._open().update(*args, **kwargs)

    def __getattr__(self, name):
        values = object.__getattribute__(self, "__dict__").get("_values", {})  # empty while a copy is being made
        if name in values:
            return values[name]
        near = difflib.get_close_matches(name, values, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"Config has no value {name!r}{hint}")

    def __setattr__(self, name, value):
        if hasattr(type(self), name):
            raise AttributeError(f"[Config] {name!r} is a part of Config itself; write config[{name!r}] = ...")
        self._open()[name] = value

    def __delattr__(self, name):
        if name not in self._values:
            raise AttributeError(f"Config has no value {name!r}")
        del self._open()[name]

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, item):
        self._open()[key] = item

    def __delitem__(self, key):
        del self._open()[key]

    def __contains__(self, item):
        return item in self._values

    def __iter__(self):
        return iter(sorted(self._values))

    def __len__(self):
        return len(self._values)

    def __repr__(self):
        return f"<Config {self._values}>"
