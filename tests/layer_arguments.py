"""One row an argument of a layer: a value that must be seen in what the layer does. Used by test_layer_arguments.py."""

from dataclasses import dataclass, field

import numpy as np

from layer_table import ROWS, SEQUENCE


@dataclass
class Row:
    """`value`, beside the arguments `base` and on inputs `x` (shapes or arrays) where the layer's own show nothing."""

    value: object
    base: dict = field(default_factory=dict)
    x: object = None
    raises: str | None = None  # what the error says, of what is not there
    call: dict = field(default_factory=dict)
    adapt: object = None


def row(value, x=None, raises=None, call=None, adapt=None, **base):
    return Row(value, base, x, raises, call or {}, adapt)


def no(value, says, **base):
    return Row(value, base, raises=says)


# These say how to compute, not what: the same values whatever they are.
HINTS = {"unroll", "use_cudnn", "flash_attention"}
# What Keras keeps in no config either: settings of one object, and initial values, which a file holds as weights.
NOT_KEPT = {
    (None, "autocast"),
    (None, "flash_attention"),
    ("Bidirectional", "weights"),
    ("Embedding", "weights"),
    ("Lambda", "arguments"),
    ("Lambda", "function"),
    ("SimpleRNN", "seed"),
}
# Layers around other layers: the dtypes are those of the inner ones.
AROUND = {"Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GroupQueryAttention", "MultiHeadAttention"}
AROUND |= {"Pipeline", "RNN", "StackedRNNCells", "TimeDistributed", "Wrapper"}

# Arguments of the same name and sense in many layers.
SHARED = {
    "activation": "softplus",
    "recurrent_activation": "tanh",
    "use_bias": False,
    **{
        f"{part}_{what}": value
        for part in ["kernel", "recurrent", "bias", "depthwise", "pointwise", "embeddings", "beta", "gamma", "alpha"]
        for what, value in (("initializer", "uniform"), ("regularizer", "l2"), ("constraint", "non_neg"))
    },
    "embeddings_initializer": "ones",
    "bias_constraint": row("unit_norm", bias_initializer="uniform"),
    "bias_regularizer": row("l2", bias_initializer="ones"),
    "beta_regularizer": row("l2", beta_initializer="ones"),
    "alpha_regularizer": row("l2", alpha_initializer="ones"),
    "alpha_constraint": row("unit_norm", alpha_initializer="ones"),
    "gamma_constraint": "unit_norm",
    "gamma_initializer": "uniform",
    "moving_mean_initializer": "ones",
    "moving_variance_initializer": "uniform",
    "activity_regularizer": "l2",
    "center": False,
    "scale": False,
    "epsilon": 0.5,
    "momentum": 0.5,
    "data_format": "channels_first",
    "padding": "same",
    "strides": 3,
    "dilation_rate": row(2, strides=1),
    "groups": row(2, filters=4),
    "depth_multiplier": 3,
    "filters": 4,
    "kernel_size": 3,
    "output_padding": row(1, strides=2),
    "pool_size": 3,
    "output_size": 3,
    "keepdims": True,
    "units": 2,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unit_forget_bias": False,
    "dropout": 0.5,
    "recurrent_dropout": 0.5,
    "reset_after": False,
    "rate": 0.6,
    "noise_shape": (None, 1),
    "stddev": 0.7,
    "use_scale": False,
    "score_mode": "concat",
    "sliding_window": 2,
    "use_gate": True,
    "num_heads": 3,
    "key_dim": 2,
    "head_dim": 3,
    "value_dim": 2,
    "lora_rank": 2,
    "lora_alpha": row(3, lora_rank=2),
    "quantization_config": no("int8", "quantization_config"),
    "sparse": no(True, "sparse"),
    "ragged": no(True, "ragged"),
    "cropping": 2,
    "size": 3,
    "height": 3,
    "width": 3,
    "interpolation": "nearest",
    "fill_mode": "constant",
    "fill_value": row(77.0, fill_mode="constant"),
    "value_range": (0, 200),
    "factor": 0.5,
    "mask_value": 1.0,
    "mask_zero": False,
    "output_mode": "one_hot",
    "output_dim": 4,
    "input_dim": 8,
    "unroll": True,
    "use_cudnn": False,
    "flash_attention": False,
    "synchronized": no(True, "synchronized"),
    "seed": 3,
    "name": "mine",
    "trainable": False,
    "dtype": "float64",
    "autocast": row(False),
}

_WORDS = np.array([["a", "b", "z"], ["zz", "c", "a"]])
_TOKENS = np.array([[1, 2, 7], [3, 9, 0]])
_TEXT = np.array(["A b, c", "c c q a"])
# Layers that take no plain floats: arguments, data.
DATA = {
    "Hashing": ({"num_bins": 5}, _WORDS),
    "HashedCrossing": ({"num_bins": 5}, (np.array(["a", "b", "c"]), np.array([1, 2, 3]))),
    "IntegerLookup": ({"vocabulary": [1, 2, 3]}, _TOKENS),
    "StringLookup": ({"vocabulary": ["a", "b", "c"]}, _WORDS),
    "TextVectorization": ({"vocabulary": ["a", "b", "c"]}, _TEXT),
    "Lambda": ({"function": abs}, np.arange(-4, 4, dtype="float32").reshape(2, 4)),
    "MaxNumBoundingBoxes": (
        {"max_number": 2},
        {
            "images": np.zeros((2, 4, 4, 3), "float32"),
            "bounding_boxes": {
                "boxes": np.arange(24, dtype="float32").reshape(2, 3, 4),
                "labels": np.ones((2, 3), "int32"),
            },
        },
    ),
}
_WEIGHTED = {"output_mode": "tf_idf", "idf_weights": [0.5, 1.0, 2.0]}
_LOOKUP = {
    "max_tokens": row(3, vocabulary=None, adapt=True),
    "num_oov_indices": 2,
    "output_mode": "multi_hot",
    "idf_weights": row([0.1, 0.2, 0.3], **_WEIGHTED),
    "invert": row(True, x=np.array([[1, 2], [3, 0]])),
    "pad_to_max_tokens": row(True, max_tokens=9, output_mode="multi_hot"),
    "dtype": row("float64", output_mode="multi_hot"),
    "trainable": None,
}

# What the rows of one layer start from, where it is not as in layer_table.py.
BASE = {
    "LSTM": {"units": 3},
    "GRU": {"units": 3},
    "SimpleRNN": {"units": 3},
    **{f"GlobalAveragePooling{n}D": {} for n in (1, 2, 3)},
    "CutMix": {"seed": 2},
    "RandAugment": {"num_ops": 8, "factor": 0.9, "seed": 1},
    "AugMix": {"num_chains": 4, "seed": 1},
    "Dense": {"units": 3},
    "LayerNormalization": {},
    "ReLU": {},
    "Embedding": {"input_dim": 7, "output_dim": 3},
    "Attention": {},
    "Dot": {"axes": 1},
    "Rescaling": {"scale": 0.5},
    "RandomColorJitter": {},
    "MelSpectrogram": {**ROWS["MelSpectrogram"][0], "min_freq": 0.0, "power_to_db": False},
}
_PAD = [(1, 2), ((1, 2), (0, 3)), ((1, 2), (0, 3), (1, 1))]
_STEPS = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
_STEPS[0, 2], _STEPS[1, 3] = 0.0, 1.0
_MASK = np.array([[1, 1, 0, 1, 1, 0], [1, 1, 1, 1, 0, 0]], bool)
_ROWS = np.arange(12, dtype="float32").reshape(4, 3)
_SQUARE = (3, 6, 3)  # channels first or last
_POOL = {"padding": row("same", pool_size=3, strides=2)}
_DOUBLE = {"padding": row("same", kernel_size=3)}
_COLOUR = {"data_format": row("channels_first", x=_SQUARE)}
_FREE = {"data_format": None}  # each value by itself, wherever the channels are
OWN = {
    "Activation": {"activation": "relu"},
    "ActivityRegularization": {"activity_regularizer": no("l2", "activity_regularizer"), "l1": 0.2, "l2": 0.3},
    "AdditiveAttention": {"use_scale": False},
    "Attention": {"use_scale": True, "seed": row(3, dropout=0.5)},
    "BatchNormalization": {
        "axis": 1,
        "renorm": no(True, "renorm"),
        "renorm_clipping": no({"rmax": 2.0}, "renorm"),
        "renorm_momentum": no(0.5, "renorm_momentum"),
    },
    "Bidirectional": {
        "layer": "layers.GRU(3)",
        "merge_mode": "sum",
        "weights": [np.full(w, 0.1, "float32") for w in ((4, 12), (3, 12), (12,)) * 2],
        "backward_layer": "layers.LSTM(3, activation='relu', go_backwards=True)",
    },
    "CategoryEncoding": {"num_tokens": 6, "output_mode": "count"},
    "Concatenate": {"axis": row(1, x=[SEQUENCE, SEQUENCE])},
    "ContrastLimitedAdaptiveHistogramEqualization": {"clip_limit": 1.0, "tile_grid_size": (1, 1)},
    "Conv1DTranspose": {"strides": 3, **_DOUBLE},
    "Conv2DTranspose": {"strides": 3, **_DOUBLE},
    "Conv2D": {"groups": row(3, filters=3)},
    "CutMix": {"factor": 0.2, **_COLOUR},
    "AveragePooling1D": _POOL,
    "AveragePooling2D": _POOL,
    "AveragePooling3D": _POOL,
    "Masking": {"mask_value": row(1.0, x=_STEPS)},
    "SimpleRNNCell": {"seed": row(3, dropout=0.5)},
    "GRUCell": {"seed": row(3, dropout=0.5)},
    "LSTMCell": {"seed": row(3, dropout=0.5)},
    "ConvLSTM1D": {"seed": row(3, dropout=0.5)},
    "ConvLSTM2D": {"seed": row(3, dropout=0.5)},
    "ConvLSTM3D": {"seed": row(3, dropout=0.5)},
    "Discretization": {
        "bin_boundaries": [-1.0, 1.0],
        "num_bins": row(3, x=_STEPS, adapt=_STEPS, bin_boundaries=None, num_bins=2),
        "epsilon": row(0.4, x=_STEPS, adapt=_STEPS, bin_boundaries=None, num_bins=3),
        "dtype": "int32",
    },
    "Dot": {"axes": row((1, 2), x=[(4, 4), (4, 4)]), "normalize": True},
    "ELU": {"alpha": 0.2},
    "Dropout": {"seed": 4},
    "RandomCrop": {"seed": 5},
    "EinsumDense": {
        "equation": "abc,dc->abd",
        "output_shape": (None, 4),
        "bias_axes": None,
        "gptq_unpacked_column_size": no(4, "gptq_unpacked_column_size"),
    },
    "Embedding": {"mask_zero": True, "weights": [np.ones((7, 3), "float32")]},
    "Equalization": {"bins": 8},
    "GRU": {"seed": row(3, dropout=0.5)},
    "GaussianDropout": {"seed": 3},
    "GroupNormalization": {"groups": 4, "axis": row(1)},
    "GroupQueryAttention": {"num_query_heads": 2, "num_key_value_heads": 4, "seed": row(3, dropout=0.5)},
    "LSTM": {"seed": row(3, dropout=0.5)},
    "Layer": {},
    "LayerNormalization": {"axis": 1},
    "LeakyReLU": {"negative_slope": 0.5},
    "MultiHeadAttention": {
        "output_shape": 2,
        "attention_axes": row((2,), x=[(2, 3, 4), (2, 3, 4)]),
        "seed": row(3, dropout=0.5),
    },
    "MixUp": {"alpha": 3.0, **_FREE},
    "Normalization": {
        "axis": row(1, x=(5, 5)),
        "mean": [0.0] * 5,
        "variance": [2.0] * 5,
        "invert": True,
    },
    "PReLU": {"shared_axes": row([1], x=SEQUENCE)},
    "Permute": {"dims": (1, 2)},
    "Pipeline": {"layers": ["layers.Rescaling(0.2)"]},
    "RMSNormalization": {"axis": 1},
    "RNN": {
        "cell": "layers.SimpleRNNCell(2)",
        "zero_output_for_mask": row(True, x=_STEPS, call={"mask": _MASK}, return_sequences=True),
    },
    "ReLU": {"max_value": 0.5, "negative_slope": 0.2, "threshold": 0.3},
    "RepeatVector": {"n": 2},
    "Rescaling": {"scale": 0.2, "offset": 2.0},
    "Reshape": {"target_shape": (4, 6)},
    "Resizing": {
        "crop_to_aspect_ratio": True,
        "pad_to_aspect_ratio": True,
        "fill_mode": no("reflect", "constant"),
        "fill_value": row(3.0, pad_to_aspect_ratio=True),
        "antialias": row(True, height=2, width=2),
    },
    "ReversibleEmbedding": {
        "tie_weights": False,
        "mask_zero": True,
        "reverse_dtype": row("float64", x=_ROWS, call={"reverse": True}),
        "logit_soft_cap": row(0.1, x=_ROWS, call={"reverse": True}),
    },
    "SimpleRNN": {"seed": row(3, dropout=0.5)},
    "Softmax": {"axis": row(1, x=SEQUENCE)},
    "SpectralNormalization": {"layer": "layers.Dense(2)", "power_iterations": 3},
    "StackedRNNCells": {"cells": ["layers.SimpleRNNCell(3)", "layers.GRUCell(2)"]},
    "TimeDistributed": {"layer": "layers.Dense(2)"},
    "UnitNormalization": {"axis": 1},
    "UpSampling2D": {"interpolation": "bilinear"},
    **{f"Cropping{n}D": {"cropping": _PAD[n - 1]} for n in (1, 2)},
    "Cropping3D": {
        "cropping": ((1, 2), (0, 3), (1, 1)),
        "data_format": row("channels_first", cropping=((1, 0), (1, 1), (0, 1))),
    },
    **{f"ZeroPadding{n}D": {"padding": _PAD[n - 1]} for n in (1, 2, 3)},
    # Random transforms of images.
    "AugMix": {"num_chains": 2, "factor": 0.9, "chain_depth": 1, "alpha": 5.0, "all_ops": False},
    "RandAugment": {"num_ops": 1, "factor": 0.3, **_COLOUR},
    "RandomColorDegeneration": _COLOUR,
    "RandomGrayscale": {"factor": 0.9, **_COLOUR},
    "RandomHue": _COLOUR,
    "RandomSaturation": _COLOUR,
    "RandomInvert": _FREE,
    "RandomPosterization": {"factor": 2, **_FREE},
    "RandomBrightness": {"factor": 0.5},
    "RandomColorJitter": {
        "brightness_factor": 0.3,
        "contrast_factor": 0.3,
        "saturation_factor": 0.3,
        "hue_factor": 0.3,
        "value_range": row((0, 200), brightness_factor=0.5),
        "seed": row(3, brightness_factor=0.5),
        "data_format": row("channels_first", x=_SQUARE, saturation_factor=0.5),
    },
    "RandomElasticTransform": {"factor": 0.2, "scale": 0.3},
    "RandomErasing": {"scale": (0.3, 0.6), "fill_value": 9.0},
    "RandomFlip": {"mode": "vertical"},
    "RandomGaussianBlur": {"kernel_size": 5, "sigma": 0.4},
    "RandomPerspective": {"scale": 0.2, "fill_value": 9.0},
    "RandomShear": {"x_factor": 0.5, "y_factor": 0.5},
    "RandomTranslation": {"height_factor": 0.4, "width_factor": 0.4},
    "RandomZoom": {"height_factor": 0.4, "width_factor": 0.4},
    "Solarization": {"addition_factor": 0.3, "threshold_factor": 0.3, "seed": row(3, addition_factor=0.5)},
    # Spectrograms.
    "STFTSpectrogram": {
        "mode": "angle",
        "data_format": row("channels_first", x=(32, 32)),
        "frame_length": 6,
        "frame_step": 3,
        "fft_length": 16,
        "window": "hamming",
        "periodic": True,
        "scaling": "spectrum",
        "expand_dims": True,
    },
    "MelSpectrogram": {
        "fft_length": 8,
        "sequence_stride": 4,
        "sequence_length": 12,
        "window": "hamming",
        "sampling_rate": 32,
        "num_mel_bins": 5,
        "min_freq": 4.0,
        "max_freq": 16.0,
        "power_to_db": True,
        "top_db": row(1.0, power_to_db=True),
        "mag_exp": 1.0,
        "min_power": row(1.0, power_to_db=True),
        "ref_power": row(2.0, power_to_db=True),
    },
    # Words and numbers to indices.
    "Hashing": {
        "num_bins": 3,
        "mask_value": "a",
        "salt": 7,
        "output_mode": "one_hot",
        "dtype": row("float64", output_mode="one_hot"),
    },
    "HashedCrossing": {"num_bins": 3, "output_mode": "one_hot", "dtype": row("float64", output_mode="one_hot")},
    "IntegerLookup": {
        **_LOOKUP,
        "mask_token": 0,
        "oov_token": row(-7, x=np.array([[1, 2], [3, 0]]), invert=True),
        "vocabulary": [2, 3, 1],
        "vocabulary_dtype": no("int32", "vocabulary_dtype"),
        "oov_method": row("farmhash", num_oov_indices=3),
        "salt": row(4, num_oov_indices=50, oov_method="farmhash"),
    },
    "StringLookup": {
        **_LOOKUP,
        "mask_token": "z",
        "oov_token": row("?", x=np.array([[1, 2], [3, 0]]), invert=True),
        "vocabulary": ["c", "b", "a"],
        "encoding": row("latin-1", x=np.array([[b"\xc3\xa4"]]), vocabulary=["\xe4", "b"]),
        "salt": row(4, num_oov_indices=3),
    },
    "TextVectorization": {
        "max_tokens": row(3, vocabulary=None, adapt=True),
        "standardize": None,
        "split": "character",
        "ngrams": 2,
        "output_mode": "multi_hot",
        "output_sequence_length": 2,
        "pad_to_max_tokens": row(True, max_tokens=9, output_mode="multi_hot"),
        "vocabulary": ["c", "b", "a"],
        "idf_weights": row([0.1, 0.2, 0.3], **_WEIGHTED),
        "encoding": row("latin-1", x=np.array([b"\xc3\xa4"]), vocabulary=["\xe4", "b"]),
        "dtype": row("float64", output_mode="multi_hot"),
    },
    "MaxNumBoundingBoxes": {"max_number": 4, "fill_value": row(-9, max_number=4)},
    "Lambda": {
        "function": np.sign,
        "output_shape": None,
        "mask": None,
        "arguments": row({"decimals": 1}, function=np.round, x=np.array([[1.234, 5.678]], "float32")),
    },
}
