"""FeatureSpace: columns of a table, each prepared by its kind, as one vector or a dict of encodings."""

import numpy as np

from ckeras import layers, ops
from ckeras._core.scope import auto_name
from ckeras._core.tensor import Tensor, TensorBase
from ckeras.layers.preprocessing.categories import HostLayer
from ckeras.layers.preprocessing.index_lookup import IndexLookup
from ckeras.saving import registry
from ckeras.saving.saving_api import save_model

# The names under which Keras's files hold the two small classes.
_MODULE = "keras.src.layers.preprocessing.feature_space"
# Keys of configs of preprocessors that say that there is nothing to learn.
_KNOWN = ("mean", "bin_boundaries", "vocabulary")


class Cross:
    """Features that are hashed together into `crossing_dim` numbers; `output_mode` "one_hot" or "int"."""

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = _mode(output_mode, ("one_hot", "int"))

    @property
    def name(self):
        return "_X_".join(self.feature_names)

    def get_config(self):
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }


class Feature:
    """A column: its dtype ("float32", "int32", "string"), the layer that prepares it, and how its result is encoded."""

    def __init__(self, dtype, preprocessor, output_mode):
        self.dtype = dtype
        stored = isinstance(preprocessor, dict)
        self.preprocessor = registry.deserialize_keras_object(preprocessor) if stored else preprocessor
        self.output_mode = _mode(output_mode, ("one_hot", "int", "float"))

    def get_config(self):
        return {
            "dtype": self.dtype,
            "preprocessor": registry.serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }


def _mode(output_mode, known):
    if output_mode not in known:
        raise ValueError(f"[FeatureSpace] output_mode must be one of {known}, got {output_mode!r}")
    return output_mode


class FeatureSpace(layers.Layer):
    """Prepares the columns of a table: a dict of arrays becomes one float vector a row, or a dict of encodings.

    `features`: a dict of names to kinds: "float", "float_normalized", "float_rescaled", "float_discretized",
    "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what the methods of those names
    return, which take arguments; `FeatureSpace.feature` takes a layer of your own. `crosses`: tuples of names, or
    `FeatureSpace.cross`. `output_mode` "concat" joins the encodings in the order of the sorted names, crosses last;
    "dict" gives them by name. `crossing_dim`, `hashing_dim` and `num_discretization_bins` are what kinds given by name
    use. `adapt` learns means, vocabularies and bins; a call before it is a `ValueError`.

    It works on data, in NumPy where columns are strings: use it on a dataset (`map`), and make the model of
    `get_encoded_features()`.

    >>> space = ckeras.utils.FeatureSpace({"age": "float_normalized", "town": "string_categorical"})
    >>> table = {"age": [20.0, 40.0], "town": ["Oslo", "Rome"]}
    >>> space.adapt(table)
    >>> space(table).shape
    (2, 4)
    """

    is_saved_alone = True  # a file may hold it in a model's place

    # ---------------------------------------------------------------- kinds

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        """Features hashed together."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        """A column prepared by a layer; `output_mode` "float" takes its result as it is."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        """Numbers as they are."""
        return Feature("float32", layers.Identity(dtype="float32", name=_name(name, "float")), "float")

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        """Numbers times `scale` plus `offset`."""
        return Feature("float32", layers.Rescaling(scale, offset, name=_name(name, "float_rescaled")), "float")

    @classmethod
    def float_normalized(cls, name=None):
        """Numbers with the learnt mean taken off and divided by the learnt deviation."""
        return Feature("float32", layers.Normalization(axis=-1, name=_name(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        """The bin of a number: `num_bins` learnt ones, or those between `bin_boundaries`."""
        bins = {"num_bins": num_bins} if bin_boundaries is None else {"bin_boundaries": bin_boundaries}
        return Feature("float32", layers.Discretization(**bins, name=_name(name, "float_discretized")), output_mode)

    @classmethod
    def integer_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """The place of an integer among the learnt ones."""
        lookup = layers.IntegerLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_name(name, "integer_categorical")
        )
        return Feature("int32", lookup, output_mode)

    @classmethod
    def string_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """The place of a string among the learnt ones."""
        lookup = layers.StringLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_name(name, "string_categorical")
        )
        return Feature("string", lookup, output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """A hash of a string in [0, num_bins)."""
        return Feature("string", layers.Hashing(num_bins, name=_name(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """A hash of an integer in [0, num_bins)."""
        return Feature("int32", layers.Hashing(num_bins, name=_name(name, "integer_hashed")), output_mode)

    # ---------------------------------------------------------------- the space

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
    ):
        super().__init__(name=name)
        if not isinstance(features, dict) or not features:
            raise ValueError(f"[FeatureSpace] features must be a dict of names to kinds of feature, got {features!r}")
        self.output_mode = _mode(output_mode, ("concat", "dict"))
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {name: self._feature(name, kind) for name, kind in features.items()}
        self.crosses = [self._cross(cross) for cross in crosses or ()]
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {c.name: layers.HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self.one_hot_encoders = {}
        self._specs = {
            **{name: self.features[name] for name in sorted(self.features)},
            **{cross.name: cross for cross in sorted(self.crosses, key=lambda cross: cross.name)},
        }
        self._learns = [n for n, p in self.preprocessors.items() if hasattr(p, "adapt") and not _knows(p)]
        self._adapted = not self._learns
        self._ends = None

    def _feature(self, name, kind):
        if isinstance(kind, Feature):
            return kind
        if isinstance(kind, dict) and kind.get("class_name") == "Feature":
            return Feature(**kind["config"])
        more = {
            "float_discretized": {"num_bins": self.num_discretization_bins},
            "integer_hashed": {"num_bins": self.hashing_dim},
            "string_hashed": {"num_bins": self.hashing_dim},
        }
        kinds = ("float", "float_rescaled", "float_normalized", "integer_categorical", "string_categorical", *more)
        if kind not in kinds:
            raise ValueError(f"[FeatureSpace] the kind of feature {name!r} must be one of {kinds}, got {kind!r}")
        return getattr(self, kind)(name=name, **more.get(kind, {}))

    def _cross(self, cross):
        if isinstance(cross, dict) and cross.get("class_name") == "Cross":
            cross = Cross(**cross["config"])
        elif not isinstance(cross, Cross):
            if not self.crossing_dim:
                raise ValueError(f"[FeatureSpace] crosses need a crossing_dim, got {self.crossing_dim!r}")
            cross = Cross(cross, self.crossing_dim)
        odd = [name for name in cross.feature_names if name not in self.features]
        if odd:
            raise ValueError(f"[FeatureSpace] crosses name {odd}, which are no features: {sorted(self.features)}")
        return cross

    def adapt(self, dataset):
        """Learns from a dict of columns, or an iterable of such dicts (batches or single rows)."""
        if not isinstance(dataset, dict):
            if hasattr(dataset, "as_numpy_iterator"):
                dataset = dataset.as_numpy_iterator()
            elif not hasattr(dataset, "__iter__"):
                raise ValueError(
                    f"[FeatureSpace] adapt takes a dict of columns or an iterable of such, got {dataset!r}"
                )
            rows = list(dataset)
            if not rows or not all(isinstance(row, dict) for row in rows):
                raise ValueError("[FeatureSpace] adapt takes dicts of columns: leave the labels out, as by ds.map")
            self._check_names(rows[0])
            dataset = {n: np.concatenate([np.atleast_1d(_array(row[n])) for row in rows]) for n in self.features}
        self._check_names(dataset)
        for name in self._learns:
            self.preprocessors[name].adapt(_column(dataset[name], self.features[name].dtype))
        self._adapted = True
        self.built = True
        self.one_hot_encoders = {}
        self._ends = None

    def _check_names(self, data):
        missing = sorted(set(self.features) - set(data))
        odd = sorted(set(data) - set(self.features))
        if missing or odd:
            raise ValueError(f"[FeatureSpace] the columns must be the features: missing {missing}, unknown {odd}")

    def _check_adapted(self):
        if not self._adapted:
            raise ValueError(f"[FeatureSpace] call adapt(dataset) first: {self._learns} learn from data")

    def __call__(self, data):
        self._check_adapted()
        if not isinstance(data, dict):
            raise ValueError(f"[FeatureSpace] expected a dict of columns, got {type(data).__name__}")
        self._check_names(data)
        single = all(np.ndim(data[name]) == 0 for name in self.features)
        found = self._encoded({n: _column(data[n], f.dtype) for n, f in self.features.items()})
        if not single:
            return found
        return found[0] if self.output_mode == "concat" else {name: x[0] for name, x in found.items()}

    def _encoded(self, columns):
        made = {name: self.preprocessors[name](column) for name, column in columns.items()}
        for cross in self.crosses:
            made[cross.name] = self.crossers[cross.name]([made[name] for name in cross.feature_names])
        encoded = {name: self._encode(name, spec, made[name]) for name, spec in self._specs.items()}
        if self.output_mode == "dict":
            return encoded
        for name, x in encoded.items():
            if not x.dtype.startswith(("float", "bfloat")):
                raise ValueError(
                    f"[FeatureSpace] {name!r} has the dtype {x.dtype}, which cannot be joined with numbers: encode it "
                    "(output_mode='one_hot'), or write FeatureSpace(output_mode='dict')"
                )
        return ops.concatenate(list(encoded.values()), axis=-1)

    def _encode(self, name, spec, x):
        x = x if isinstance(x, TensorBase) else ops.convert_to_tensor(x)
        if spec.output_mode != "one_hot":
            return x
        encoder = self.one_hot_encoders.get(name)
        if encoder is None:
            encoder = layers.CategoryEncoding(self._cardinality(name, x.dtype), output_mode="multi_hot")
            self.one_hot_encoders[name] = encoder
        return encoder(x)

    def _cardinality(self, name, dtype):
        layer = self.preprocessors.get(name) or self.crossers[name]
        if isinstance(layer, IndexLookup):
            return layer.vocabulary_size()
        if isinstance(layer, layers.Discretization):
            return len(layer.bin_boundaries) + 1
        found = getattr(layer, "num_tokens", None) or getattr(layer, "num_bins", None)
        if found is None or not dtype.startswith(("int", "uint")):
            raise ValueError(
                f"[FeatureSpace] {name!r} cannot be one-hot encoded: its {type(layer).__name__} gives {dtype} of no "
                "known number of values; write output_mode='int' or 'float'"
            )
        return found

    # ---------------------------------------------------------------- models

    def get_inputs(self):
        """Symbolic inputs by name, for a model that takes the raw columns.

        Raises `ValueError` where columns are prepared in NumPy, as strings, lookups, hashes and crosses are.
        """
        host = [n for n, f in self.features.items() if not _symbolic(f)] + list(self.crossers)
        if host:
            raise ValueError(
                f"[FeatureSpace] {host} are prepared in NumPy and cannot be part of a model: map the FeatureSpace over "
                "the data, and make the model of get_encoded_features()"
            )
        return self._symbols()[0]

    def get_encoded_features(self):
        """What a call gives, as symbolic tensors: to be the inputs of a model that takes prepared data."""
        return self._symbols()[1]

    def _symbols(self):
        self._check_adapted()
        if self._ends is not None:
            return self._ends
        if not self.crosses and all(_symbolic(f) for f in self.features.values()):
            inputs = {n: layers.Input((1,), dtype=f.dtype, name=n) for n, f in self.features.items()}
            self._ends = inputs, self._encoded(inputs)
            return self._ends
        row = {n: np.array([self._known(n)]) for n in self.features}
        found = self(row)
        if self.output_mode == "concat":
            self._ends = None, layers.Input(found.shape[1:], dtype=found.dtype, name=self.name)
        else:
            self._ends = None, {n: layers.Input(x.shape[1:], dtype=x.dtype, name=n) for n, x in found.items()}
        return self._ends

    def _known(self, name):
        """A value that the feature takes: a lookup without places for the unknown has only its words."""
        words = getattr(self.preprocessors[name], "get_vocabulary", list)()
        return words[-1] if words else "" if self.features[name].dtype == "string" else 0

    # ---------------------------------------------------------------- files

    def get_config(self):
        return {
            "features": {name: _stored("Feature", feature) for name, feature in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [_stored("Cross", cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_build_config(self):
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config):
        for name, inner in config.items():
            if inner and not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(inner)
        self._adapted = True
        self.built = True

    def save(self, filepath):
        """Writes a `.keras` file, which `load_model` reads."""
        save_model(self, filepath)


def _name(name, kind):
    return f"{name or auto_name(kind)}_preprocessor"


def _knows(preprocessor):
    config = preprocessor.get_config()
    return any(config.get(key) is not None for key in _KNOWN)


def _symbolic(feature):
    host = isinstance(feature.preprocessor, (HostLayer, IndexLookup, layers.TextVectorization))
    return not host and feature.dtype != "string"


def _stored(name, part):
    return {"module": _MODULE, "class_name": name, "config": part.get_config(), "registered_name": name}


def _array(x):
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _column(x, dtype):
    """[rows, 1 or more] of a scalar, a column or rows."""
    x = _array(x)
    if dtype != "string":
        x = x.astype(dtype)
    return x.reshape(1, 1) if x.ndim == 0 else x[:, None] if x.ndim == 1 else x
