"""Layers, and `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.layers.activation import Activation, Identity, ReLU, Rescaling, Softmax
from ckeras.layers.conv import Conv2D
from ckeras.layers.dense import Dense
from ckeras.layers.dropout import Dropout
from ckeras.layers.embedding import Embedding
from ckeras.layers.input_layer import Input as Input
from ckeras.layers.input_layer import InputLayer
from ckeras.layers.input_spec import InputSpec as InputSpec
from ckeras.layers.lambda_layer import Lambda
from ckeras.layers.layer import Layer
from ckeras.layers.masking import Masking
from ckeras.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from ckeras.layers.merging import (
    add as add,
)
from ckeras.layers.merging import (
    average as average,
)
from ckeras.layers.merging import (
    concatenate as concatenate,
)
from ckeras.layers.merging import (
    dot as dot,
)
from ckeras.layers.merging import (
    maximum as maximum,
)
from ckeras.layers.merging import (
    minimum as minimum,
)
from ckeras.layers.merging import (
    multiply as multiply,
)
from ckeras.layers.merging import (
    subtract as subtract,
)
from ckeras.layers.normalization import BatchNormalization
from ckeras.layers.pooling import MaxPooling2D
from ckeras.layers.reshaping import Flatten, Reshape
from ckeras.layers.rnn import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)
from ckeras.layers.wrapper import Wrapper

Convolution2D, MaxPool2D = Conv2D, MaxPooling2D

_catalog = Catalog(
    "layer",
    "layers",
    Layer,
    classes=(
        Activation,
        Add,
        Average,
        BatchNormalization,
        Bidirectional,
        Concatenate,
        Conv2D,
        Dense,
        Dot,
        Dropout,
        Embedding,
        Flatten,
        GRU,
        GRUCell,
        Identity,
        InputLayer,
        LSTM,
        LSTMCell,
        Lambda,
        Masking,
        MaxPooling2D,
        Maximum,
        Minimum,
        Multiply,
        RNN,
        ReLU,
        Rescaling,
        Reshape,
        SimpleRNN,
        SimpleRNNCell,
        Softmax,
        StackedRNNCells,
        Subtract,
        TimeDistributed,
        Wrapper,
    ),
)


def serialize(layer):
    """The config that `deserialize` makes an equal layer of."""
    return _catalog.serialize(layer)


def deserialize(config, custom_objects=None):
    """A layer of its config."""
    return _catalog.deserialize(config, custom_objects)
