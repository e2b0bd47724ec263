"""One row an argument of a loss, metric, optimizer, schedule, initializer, regularizer or constraint: a value that must
be seen in what the object gives. Used by test_class_arguments.py."""

import numpy as np

import metric_table
from layer_arguments import row

_rng = np.random.default_rng(2)
_SCORES = _rng.random((2, 3, 3)).astype("float32")
_KINDS = np.array([[0, 2, 1], [1, 1, 0]])
_HOT = np.eye(3, dtype="float32")[_rng.integers(0, 3, (4, 3))]
_MAPS = _rng.random((4, 3, 3)).astype("float32")
_AT = {"num_thresholds": row(3, x=metric_table.binary), "class_id": row(1, x=metric_table.multi)}
_SORTED = (metric_table.CLASSES, np.argsort(-metric_table.LOGITS, -1))

# Of each kind: arguments of one name in many classes, what the rows of a class start from, a class's own arguments.
SHARED = {
    "losses": {
        "reduction": "sum",
        "dtype": "float64",
        "from_logits": True,
        "label_smoothing": 0.2,
        "alpha": 0.9,
        "gamma": 1.0,
        "beta": 0.9,
        "axis": row(0, reduction="none"),
    },
    "metrics": {
        "dtype": "float64",
        "thresholds": 0.3,
        "top_k": row(2, x=metric_table.multi),
        "class_id": row(1, x=metric_table.multi),
        "num_thresholds": 5,
        "from_logits": True,
        "label_smoothing": 0.2,
        "ignore_class": 1,
        "target_class_ids": [1],
        "average": "macro",
        "threshold": 0.4,
        "k": 2,
        "axis": 0,
        "sparse_y_true": row(False, x=metric_table.multi, sparse_y_pred=False, num_classes=4),
        "sparse_y_pred": row(False, x=metric_table.sparse, num_classes=4),
    },
    "optimizers": {
        "learning_rate": 0.1,
        "weight_decay": 0.5,
        "clipnorm": 0.1,
        "clipvalue": 0.01,
        "global_clipnorm": 0.1,
        "use_ema": True,
        "ema_momentum": row(0.5, use_ema=True),
        "ema_overwrite_frequency": row(2, use_ema=True),
        "loss_scale_factor": 8.0,
        "gradient_accumulation_steps": 2,
        "epsilon": 0.1,
        "beta_1": 0.5,
        "beta_2": 0.5,
        "rho": 0.5,
        "momentum": 0.5,
        "amsgrad": row(True, beta_2=0.5),
        "initial_accumulator_value": 0.5,
    },
    "optimizers.schedules": {
        "initial_learning_rate": 0.5,
        "decay_steps": 3,
        "decay_rate": 0.5,
        "staircase": True,
        "alpha": 0.2,
    },
    "initializers": {
        "seed": 3,
        "input_axes": row((0,), output_axes=(1,), x=(2, 3, 4)),
        "output_axes": row((1,), input_axes=(0,), x=(2, 3, 4)),
        "mean": 1.0,
        "stddev": 2.0,
        "gain": 2.0,
    },
    "regularizers": {},
    "constraints": {"axis": 1, "max_value": 0.5},
}
BASE = {
    "losses": {"LossFunctionWrapper": {"fn": "losses.mean_squared_error"}},
    "metrics": {
        "BinaryIoU": {},
        "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
        "MeanIoU": {"num_classes": 3},
        "OneHotIoU": {"num_classes": 4, "target_class_ids": [0, 3]},
        "OneHotMeanIoU": {"num_classes": 4},
        "PrecisionAtRecall": {"recall": 0.4},
        "RecallAtPrecision": {"precision": 0.4},
        "SensitivityAtSpecificity": {"specificity": 0.3},
        "SpecificityAtSensitivity": {"sensitivity": 0.3},
        "MeanMetricWrapper": {"fn": "losses.mean_squared_error"},
    },
    "optimizers": {
        "LossScaleOptimizer": {"inner_optimizer": "optimizers.SGD(0.1)"},
        "MultiOptimizer": {"optimizer_map": "optimizers.OptimizerMap(optimizers.SGD(0.1), {})"},
    },
    "optimizers.schedules": {
        "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 8},
        "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 2},
        "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.9},
        "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.9},
        "PiecewiseConstantDecay": {"boundaries": [2, 4], "values": [0.3, 0.2, 0.1]},
        "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 5},
    },
    "initializers": {},
    "regularizers": {},
    "constraints": {"MinMaxNorm": {"max_value": 0.7}, "MaxNorm": {"max_value": 0.7}},
}
OWN = {
    "losses": {
        "BinaryFocalCrossentropy": {"apply_class_balancing": True, "alpha": row(0.9, apply_class_balancing=True)},
        "CategoricalGeneralizedCrossEntropy": {"q": 0.9},
        "Circle": {"gamma": 3.0, "margin": 0.1, "remove_diagonal": False},
        "Dice": {"axis": (1,), "reduction": row("sum", axis=(1,))},
        "Huber": {"delta": 0.2},
        "LossFunctionWrapper": {"fn": "losses.mean_absolute_error"},
        "SparseCategoricalCrossentropy": {"ignore_class": 1, "axis": row(1, x=(_KINDS, _SCORES))},
        "Tversky": {"reduction": row("sum", axis=(1,)), "alpha": 0.9, "beta": 0.9, "axis": (1,)},
    },
    "metrics": {
        "AUC": {
            "curve": "PR",
            "summation_method": row("minoring", num_thresholds=5),
            "thresholds": [0.5],
            "multi_label": row(True, x=metric_table.binary),
            "num_labels": row(4, x=metric_table.binary, raises="label", multi_label=True),
            "label_weights": row([1.0, 2.0, 0.5], x=metric_table.binary, multi_label=True),
            "from_logits": row(True, x=(metric_table.BITS, metric_table.REAL)),
        },
        "BinaryIoU": {"threshold": 0.2},
        "BinaryAccuracy": {"threshold": 0.2},
        "CategoricalCrossentropy": {"axis": 0},
        "FBetaScore": {"beta": 2.0, "threshold": row(0.4, x=metric_table.binary)},
        "F1Score": {"threshold": row(0.4, x=metric_table.binary)},
        "IoU": {"num_classes": 4, "axis": row(1, x=(_HOT, _MAPS), sparse_y_true=False, sparse_y_pred=False)},
        "MeanIoU": {"num_classes": 4, "axis": row(1, x=(_HOT, _MAPS), sparse_y_true=False, sparse_y_pred=False)},
        "MeanMetricWrapper": {"fn": "losses.mean_absolute_error"},
        "OneHotIoU": {
            "num_classes": 5,
            "axis": row(1, x=(_HOT, _MAPS), num_classes=3, target_class_ids=[0, 2]),
            "sparse_y_pred": row(True, x=(metric_table.HOT, metric_table.CLASSES[::-1].copy())),
        },
        "OneHotMeanIoU": {
            "num_classes": 5,
            "axis": row(1, x=(_HOT, _MAPS), num_classes=3),
            "sparse_y_pred": row(True, x=(metric_table.HOT, metric_table.CLASSES[::-1].copy())),
        },
        "PrecisionAtRecall": {"recall": row(0.95, x=metric_table.binary), **_AT},
        "RecallAtPrecision": {"precision": 0.9, **_AT},
        "SensitivityAtSpecificity": {"specificity": 0.9, **_AT},
        "SpecificityAtSensitivity": {"sensitivity": 0.9, **_AT},
        "R2Score": {"class_aggregation": None, "num_regressors": 1},
        "SparseCategoricalCrossentropy": {"axis": row(1, x=(_KINDS, _SCORES)), "ignore_class": 2},
        "SparseTopKCategoricalAccuracy": {"from_sorted_ids": row(True, x=_SORTED, k=1)},
        "TopKCategoricalAccuracy": {},
    },
    "optimizers": {
        "SGD": {"nesterov": row(True, momentum=0.5)},
        "RMSprop": {"centered": True},
        "Adafactor": {
            "beta_2_decay": -0.5,
            "epsilon_1": 0.1,
            "epsilon_2": 5.0,
            "clip_threshold": 0.1,
            "relative_step": row(False, learning_rate=1.0),
        },
        "Ftrl": {
            "learning_rate_power": -0.7,
            "l1_regularization_strength": 0.5,
            "l2_regularization_strength": 0.5,
            "l2_shrinkage_regularization_strength": 0.5,
            "beta": 0.5,
        },
        "Muon": {
            "adam_beta_1": 0.5,
            "adam_beta_2": 0.5,
            "adam_weight_decay": 0.5,
            "adam_lr_ratio": 0.5,
            "exclude_layers": ["kernel"],
            "exclude_embeddings": False,
            "muon_a": 2.0,
            "muon_b": -1.5,
            "muon_c": 0.5,
            "ns_steps": 2,
            "nesterov": False,
            "rms_rate": 0.5,
        },
        "ScheduleFreeAdamW": {"warmup_steps": 3},
        "MultiOptimizer": {"optimizer_map": "optimizers.OptimizerMap(optimizers.SGD(0.2), {})"},
        "LossScaleOptimizer": {
            "inner_optimizer": "optimizers.SGD(0.2)",
            "initial_scale": 8.0,
            "dynamic_growth_steps": 2,
        },
    },
    "optimizers.schedules": {
        "CosineDecay": {"warmup_target": row(0.5, warmup_steps=3), "warmup_steps": row(3, warmup_target=0.5)},
        "CosineDecayRestarts": {"first_decay_steps": 3, "t_mul": 3.0, "m_mul": 0.5},
        "PiecewiseConstantDecay": {"boundaries": [3, 5], "values": [0.5, 0.4, 0.3]},
        "PolynomialDecay": {"end_learning_rate": 0.05, "power": 2.0, "cycle": True},
    },
    "initializers": {
        "Constant": {"value": 2.0},
        "RandomUniform": {"minval": -2.0, "maxval": 2.0},
        "VarianceScaling": {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"},
        "STFT": {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True},
    },
    "regularizers": {
        "L1": {"l1": 0.5},
        "L2": {"l2": 0.5},
        "L1L2": {"l1": 0.5, "l2": 0.5},
        "OrthogonalRegularizer": {"factor": 0.5, "mode": "columns"},
    },
    "constraints": {"MinMaxNorm": {"min_value": row(3.0, max_value=9.0), "rate": 0.5}},
}
# Ignored by Keras, whose steps are kept the same.
KERAS_IGNORES = {("Adafactor", "relative_step")}
# Bases, whose classes the rows are of.
BASES = {"Loss", "Metric", "Optimizer", "LearningRateSchedule", "Initializer", "Regularizer", "Constraint"}
