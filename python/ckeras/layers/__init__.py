"""Layers, and `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.layers.activation import Activation, Identity, ReLU, Rescaling, Softmax
from ckeras.layers.conv import (
    Conv1D,
    Conv2D,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from ckeras.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose
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
from ckeras.layers.pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
from ckeras.layers.pooling_global import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
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

Convolution1D, Convolution2D = Conv1D, Conv2D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D

_catalog = Catalog(
    "layer",
    "layers",
    Layer,
    classes=(
        Activation,
        AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D,
        AdaptiveAveragePooling3D,
        AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D,
        AdaptiveMaxPooling3D,
        Add,
        Average,
        AveragePooling1D,
        AveragePooling2D,
        BatchNormalization,
        Bidirectional,
        Concatenate,
        Conv1D,
        Conv1DTranspose,
        Conv2D,
        Conv2DTranspose,
        Dense,
        DepthwiseConv1D,
        DepthwiseConv2D,
        Dot,
        Dropout,
        Embedding,
        Flatten,
        GRU,
        GRUCell,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
        Identity,
        InputLayer,
        LSTM,
        LSTMCell,
        Lambda,
        Masking,
        MaxPooling1D,
        MaxPooling2D,
        Maximum,
        Minimum,
        Multiply,
        RNN,
        ReLU,
        Rescaling,
        Reshape,
        SeparableConv1D,
        SeparableConv2D,
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
