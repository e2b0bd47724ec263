"""What the layers of every network of `applications` are, in short, as Keras has them (network_layers.json).

`KERAS_BACKEND=numpy python tests/network_layers.py` writes that file anew with Keras.
"""

import hashlib
import json
import re
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")
LEAST = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
# A library counts such layers on by itself, or calls them as it likes.
COUNTED = re.compile(r"(conv2d|batch_norm|activation|input|layer_norm|re_lu|rescaling|normalization)")
NAMELESS = re.compile(r"(add|concatenate|cropping|custom_scale|max_pooling|average_pooling|global|zero_padding)")


def build(keras, name):
    """The network without its top, for the least images it takes."""
    size = LEAST.get(name, 32)
    arguments = {"weights": None, "include_top": False, "input_shape": (size, size, 3), "pooling": "avg"}
    return getattr(keras.applications, name)(**arguments)


def layout(model):
    """Class, name and shapes of weights of every layer in order; what a name does not tell, is left out."""
    rows = []
    for layer in model.layers:
        name = "" if NAMELESS.match(layer.name) else layer.name
        name = re.sub(r"_\d+$", "", name) if COUNTED.match(name) else name
        rows.append((type(layer).__name__ if name else "", name, [tuple(w.shape) for w in layer.weights]))
    return rows


def row(model):
    """`[layers, parameters, digest of the layout]`"""
    digest = hashlib.sha256(repr(layout(model)).encode()).hexdigest()[:16]
    return [len(model.layers), model.count_params(), digest]


if __name__ == "__main__":
    import keras

    names = [n for n in dir(keras.applications) if n[0].isupper()]
    rows = (f'  "{n}": {json.dumps(row(build(keras, n)))}' for n in names)
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
