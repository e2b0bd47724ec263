"""Layers of other libraries, which an engine of its own cannot run: each says what to use instead."""

from ckeras.layers.layer import Layer


class _Foreign(Layer):
    """Base of the layers below: their constructors raise `NotImplementedError`."""

    instead = ""

    def _refuse(self):
        raise NotImplementedError(
            f"[{type(self).__name__}] runs code of another library, which the engine of ckeras cannot differentiate or "
            f"compile: {self.instead}"
        )


class TorchModuleWrapper(_Foreign):
    """A PyTorch module as a layer: not possible here, raises `NotImplementedError`."""

    instead = "build the module of ckeras layers and set its weights, as arrays, with set_weights"

    def __init__(self, module, name=None, output_shape=None, **kwargs):
        self._refuse()


class JaxLayer(_Foreign):
    """A JAX function as a layer: not possible here, raises `NotImplementedError`."""

    instead = "write the function with ckeras.ops, in a Layer or a Lambda; most of jax.numpy is there"

    def __init__(
        self, call_fn, init_fn=None, params=None, state=None, seed=None, native_serialization_platforms=None, **kwargs
    ):
        self._refuse()


class FlaxLayer(_Foreign):
    """A Flax module as a layer: not possible here, raises `NotImplementedError`."""

    instead = "build the module of ckeras layers and set its weights, as arrays, with set_weights"

    def __init__(self, module, method=None, variables=None, **kwargs):
        self._refuse()


class TFSMLayer(_Foreign):
    """A TensorFlow SavedModel as a layer: not possible here, raises `NotImplementedError`."""

    instead = "save the model as .keras with Keras, and load it with ckeras.models.load_model"

    def __init__(
        self, filepath, call_endpoint="serve", call_training_endpoint=None, trainable=True, name=None, dtype=None
    ):
        self._refuse()
