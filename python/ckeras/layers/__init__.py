"""Layers, and `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.layers.activation import ELU, Activation, Identity, LeakyReLU, ReLU, Rescaling, Softmax
from ckeras.layers.activity_regularization import ActivityRegularization
from ckeras.layers.attention import AdditiveAttention, Attention, GroupQueryAttention, MultiHeadAttention
from ckeras.layers.conv import (
    Conv1D,
    Conv2D,
    Conv3D,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from ckeras.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from ckeras.layers.dense import Dense
from ckeras.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from ckeras.layers.einsum_dense import EinsumDense
from ckeras.layers.embedding import Embedding
from ckeras.layers.input_layer import Input, InputLayer
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.lambda_layer import Lambda
from ckeras.layers.layer import Layer
from ckeras.layers.margins import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
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
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from ckeras.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from ckeras.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    SpectralNormalization,
    UnitNormalization,
)
from ckeras.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
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
from ckeras.layers.prelu import PReLU
from ckeras.layers.preprocessing.bounding_boxes import MaxNumBoundingBoxes
from ckeras.layers.preprocessing.categories import CategoryEncoding, Discretization, HashedCrossing, Hashing
from ckeras.layers.preprocessing.foreign import FlaxLayer, JaxLayer, TFSMLayer, TorchModuleWrapper
from ckeras.layers.preprocessing.image_bend import RandomElasticTransform, RandomGaussianBlur, RandomPerspective
from ckeras.layers.preprocessing.image_colour import (
    AutoContrast,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
    Solarization,
)
from ckeras.layers.preprocessing.image_histogram import ContrastLimitedAdaptiveHistogramEqualization, Equalization
from ckeras.layers.preprocessing.image_light import RandomBrightness, RandomContrast
from ckeras.layers.preprocessing.image_mix import CutMix, MixUp, RandomErasing
from ckeras.layers.preprocessing.image_motion import (
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from ckeras.layers.preprocessing.image_policy import AugMix, RandAugment
from ckeras.layers.preprocessing.image_size import CenterCrop, RandomCrop, Resizing
from ckeras.layers.preprocessing.index_lookup import IntegerLookup, StringLookup
from ckeras.layers.preprocessing.normalization import Normalization
from ckeras.layers.preprocessing.pipeline import Pipeline
from ckeras.layers.preprocessing.spectrograms import MelSpectrogram, STFTSpectrogram
from ckeras.layers.preprocessing.text_vectorization import TextVectorization
from ckeras.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from ckeras.layers.reversible_embedding import ReversibleEmbedding
from ckeras.layers.rnn import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM1D,
    ConvLSTM2D,
    ConvLSTM3D,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)
from ckeras.layers.upsampling import UpSampling1D, UpSampling2D, UpSampling3D
from ckeras.layers.wrapper import Wrapper

Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D

_catalog = Catalog(
    "layer",
    "layers",
    Layer,
    classes=[c for c in list(globals().values()) if isinstance(c, type) and issubclass(c, Layer) and c is not Layer],
)


def serialize(layer):
    """The config that `deserialize` makes an equal layer of."""
    return _catalog.serialize(layer)


def deserialize(config, custom_objects=None):
    """A layer of its config."""
    return _catalog.deserialize(config, custom_objects)
