"""Layers, and `serialize`, `deserialize` for them."""

from ckeras import _lazy
from ckeras._catalog import Catalog
from ckeras.layers.layer import Layer

_MODULES = {
    "ckeras.layers.activation": "ELU Activation Identity LeakyReLU ReLU Rescaling Softmax",
    "ckeras.layers.activity_regularization": "ActivityRegularization",
    "ckeras.layers.attention": "AdditiveAttention Attention GroupQueryAttention MultiHeadAttention",
    "ckeras.layers.conv": (
        "Conv1D Conv2D Conv3D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D "
        "Convolution1D=Conv1D Convolution2D=Conv2D Convolution3D=Conv3D SeparableConvolution1D=SeparableConv1D "
        "SeparableConvolution2D=SeparableConv2D"
    ),
    "ckeras.layers.conv_transpose": (
        "Conv1DTranspose Conv2DTranspose Conv3DTranspose Convolution1DTranspose=Conv1DTranspose "
        "Convolution2DTranspose=Conv2DTranspose Convolution3DTranspose=Conv3DTranspose"
    ),
    "ckeras.layers.dense": "Dense",
    "ckeras.layers.dropout": "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D",
    "ckeras.layers.einsum_dense": "EinsumDense",
    "ckeras.layers.embedding": "Embedding",
    "ckeras.layers.input_layer": "Input InputLayer",
    "ckeras.layers.input_spec": "InputSpec",
    "ckeras.layers.lambda_layer": "Lambda",
    "ckeras.layers.layer": "Layer",
    "ckeras.layers.margins": "Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    "ckeras.layers.masking": "Masking",
    "ckeras.layers.merging": (
        "Add Average Concatenate Dot Maximum Minimum Multiply Subtract add average concatenate dot maximum "
        "minimum multiply subtract"
    ),
    "ckeras.layers.noise": "AlphaDropout GaussianDropout GaussianNoise",
    "ckeras.layers.normalization": (
        "BatchNormalization GroupNormalization LayerNormalization RMSNormalization SpectralNormalization "
        "UnitNormalization"
    ),
    "ckeras.layers.pooling": (
        "AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D "
        "MaxPool1D=MaxPooling1D MaxPool2D=MaxPooling2D MaxPool3D=MaxPooling3D AvgPool1D=AveragePooling1D "
        "AvgPool2D=AveragePooling2D AvgPool3D=AveragePooling3D"
    ),
    "ckeras.layers.pooling_global": (
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
        "AdaptiveMaxPooling2D AdaptiveMaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D "
        "GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D "
        "GlobalMaxPool1D=GlobalMaxPooling1D GlobalMaxPool2D=GlobalMaxPooling2D GlobalMaxPool3D=GlobalMaxPooling3D "
        "GlobalAvgPool1D=GlobalAveragePooling1D GlobalAvgPool2D=GlobalAveragePooling2D "
        "GlobalAvgPool3D=GlobalAveragePooling3D"
    ),
    "ckeras.layers.prelu": "PReLU",
    "ckeras.layers.preprocessing.bounding_boxes": "MaxNumBoundingBoxes",
    "ckeras.layers.preprocessing.categories": "CategoryEncoding Discretization HashedCrossing Hashing",
    "ckeras.layers.preprocessing.foreign": "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    "ckeras.layers.preprocessing.image_bend": "RandomElasticTransform RandomGaussianBlur RandomPerspective",
    "ckeras.layers.preprocessing.image_colour": (
        "AutoContrast RandomColorDegeneration RandomColorJitter RandomGrayscale RandomHue RandomInvert "
        "RandomPosterization RandomSaturation RandomSharpness Solarization"
    ),
    "ckeras.layers.preprocessing.image_histogram": "ContrastLimitedAdaptiveHistogramEqualization Equalization",
    "ckeras.layers.preprocessing.image_light": "RandomBrightness RandomContrast",
    "ckeras.layers.preprocessing.image_mix": "CutMix MixUp RandomErasing",
    "ckeras.layers.preprocessing.image_motion": "RandomFlip RandomRotation RandomShear RandomTranslation RandomZoom",
    "ckeras.layers.preprocessing.image_policy": "AugMix RandAugment",
    "ckeras.layers.preprocessing.image_size": "CenterCrop RandomCrop Resizing",
    "ckeras.layers.preprocessing.index_lookup": "IntegerLookup StringLookup",
    "ckeras.layers.preprocessing.normalization": "Normalization",
    "ckeras.layers.preprocessing.pipeline": "Pipeline",
    "ckeras.layers.preprocessing.spectrograms": "MelSpectrogram STFTSpectrogram",
    "ckeras.layers.preprocessing.text_vectorization": "TextVectorization",
    "ckeras.layers.reshaping": "Flatten Permute RepeatVector Reshape",
    "ckeras.layers.reversible_embedding": "ReversibleEmbedding",
    "ckeras.layers.rnn": (
        "GRU LSTM RNN Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRUCell LSTMCell SimpleRNN SimpleRNNCell "
        "StackedRNNCells TimeDistributed"
    ),
    "ckeras.layers.upsampling": "UpSampling1D UpSampling2D UpSampling3D",
    "ckeras.layers.wrapper": "Wrapper",
}
_names = _lazy.Names(globals(), _MODULES, also="deserialize serialize")
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all

_catalog = Catalog("layer", "layers", Layer, lazy=_names)


def serialize(layer):
    """The config that `deserialize` makes an equal layer of."""
    return _catalog.serialize(layer)


def deserialize(config, custom_objects=None):
    """A layer of its config."""
    return _catalog.deserialize(config, custom_objects)
