"""One row a metric: how it is made, the batches it sees. Used for values (beside Keras), configs and traced updates."""

import numpy as np

_rng = np.random.default_rng(3)


def _f(*shape):
    return _rng.random(shape).astype("float32")


BITS = _rng.integers(0, 2, (10, 3)).astype("float32")
SCORES = np.round(_f(10, 3), 2)
CLASSES = _rng.integers(0, 4, 10)
LOGITS = _rng.normal(size=(10, 4)).astype("float32")
PROBS = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
HOT = np.eye(4, dtype="float32")[CLASSES]
REAL, GUESS = _rng.normal(size=(2, 10, 3)).astype("float32")
MAPS, SEEN = _rng.integers(0, 3, (2, 10))
HOT_MAPS = np.eye(3, dtype="float32")[_rng.integers(0, 3, (10, 5))].transpose(0, 2, 1)
WEIGHTS = _rng.uniform(0.2, 2, 10).astype("float32")

binary, multi, real, maps = (BITS, SCORES), (HOT, PROBS), (REAL, GUESS), (MAPS, SEEN)
one = (BITS[:, 0], SCORES[:, 0])
column = (BITS[:, 0], SCORES[:, :1])
sparse = (CLASSES, PROBS)

# (class, options, (y_true, y_pred))
ROWS = [
    *[
        ("AUC", {"curve": c, "summation_method": s, "num_thresholds": n, **more}, data)
        for c in ("ROC", "PR", "PRGAIN")
        for s in ("interpolation", "minoring", "majoring")
        for n, more, data in ((200, {}, one), (3, {}, one), (2, {}, binary), (11, {"multi_label": True}, binary))
    ],
    ("AUC", {}, column),
    ("AUC", {"num_thresholds": 3}, one),
    ("AUC", {"thresholds": [0.6, 0.3]}, one),
    ("AUC", {"from_logits": True}, (BITS, REAL)),
    ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2.0, 0.5]}, binary),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5]}, binary),
    *[
        (f"{a}{b}", {"thresholds": t}, one)
        for a in ("True", "False")
        for b in ("Positives", "Negatives")
        for t in (None, 0.3, [0.2, 0.8])
    ],
    *[
        (name, options, data)
        for name in ("Precision", "Recall")
        for options, data in (
            ({}, one),
            ({}, binary),
            ({"thresholds": [0.7, 0.2]}, one),
            ({"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, one),
            ({"top_k": 2}, multi),
            ({"class_id": 1}, multi),
            ({"top_k": 2, "class_id": 0}, multi),
            ({"top_k": 2, "thresholds": 0.4}, multi),
        )
    ],
    *[
        (name, {argument: value, **more}, data)
        for name, argument in (
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
        )
        for value, more, data in (
            (0.6, {}, one),
            (0.5, {"num_thresholds": 7}, binary),
            (0.5, {"num_thresholds": 2}, binary),
            (0.4, {"num_thresholds": 1}, one),
            (0.3, {"class_id": 2}, binary),
            (0.99, {}, one),
        )
    ],
    *[
        ("FBetaScore", {"average": a, "beta": b, "threshold": t}, binary if t else multi)
        for a in (None, "micro", "macro", "weighted")
        for b, t in ((1.0, None), (2.0, 0.4))
    ],
    ("F1Score", {"average": "macro", "threshold": 0.5}, binary),
    ("F1Score", {}, multi),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2], "dtype": "float32"}, maps),
    ("IoU", {"num_classes": 5, "target_class_ids": [0, 4], "ignore_class": 1, "dtype": "float32"}, maps),
    (
        "IoU",
        {"num_classes": 3, "target_class_ids": [0, 1]},
        (HOT_MAPS.argmax(1), HOT_MAPS.argmax(2)[:, [0, 1, 2, 0, 1]] % 3),
    ),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3, "dtype": "float32"}, one),
    ("BinaryIoU", {}, binary),
    ("MeanIoU", {"num_classes": 3, "dtype": "float32"}, maps),
    ("MeanIoU", {"num_classes": 4, "sparse_y_pred": False, "dtype": "float32"}, sparse),
    ("OneHotMeanIoU", {"num_classes": 5}, (HOT_MAPS, HOT_MAPS[:, ::-1])),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [0, 3], "dtype": "float32"}, multi),
    ("OneHotMeanIoU", {"num_classes": 4, "dtype": "float32"}, multi),
    ("OneHotMeanIoU", {"num_classes": 4, "sparse_y_pred": True, "dtype": "float32"}, (HOT, CLASSES[::-1])),
    *[
        ("R2Score", {"class_aggregation": a, "num_regressors": r}, real)
        for a in (None, "uniform_average", "variance_weighted_average")
        for r in (0, 1)
    ],
    ("CosineSimilarity", {}, real),
    ("CosineSimilarity", {"axis": 0}, real),
    ("PearsonCorrelation", {}, real),
    ("PearsonCorrelation", {"axis": -2}, real),
    ("ConcordanceCorrelation", {}, real),
    ("ConcordanceCorrelation", {"axis": -2}, real),
    ("TopKCategoricalAccuracy", {"k": 2}, multi),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, sparse),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, (CLASSES, np.argsort(-LOGITS, -1))),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, (np.stack([MAPS, SEEN], 1)[..., None], _f(10, 2, 4))),
    ("RootMeanSquaredError", {}, real),
    *[(name, {}, binary) for name in ("Hinge", "SquaredHinge", "CategoricalHinge", "KLDivergence", "Poisson")],
    ("LogCoshError", {}, real),
    ("BinaryAccuracy", {"threshold": 0.3}, binary),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, binary),
    ("BinaryCrossentropy", {"from_logits": True}, (BITS, REAL)),
    ("CategoricalAccuracy", {}, multi),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, multi),
    ("SparseCategoricalAccuracy", {}, sparse),
    ("SparseCategoricalCrossentropy", {"ignore_class": 7}, sparse),
    *[(f"Mean{n}Error", {}, real) for n in ("Squared", "Absolute", "AbsolutePercentage", "SquaredLogarithmic")],
]


def ids():
    return [f"{i}-{name}-{options}" for i, (name, options, _) in enumerate(ROWS)]


def cannot_weigh(name, options):
    """Averages over the samples have no weight for one; class maps have in Keras none per sample."""
    return options.get("axis") in (0, -2) or (name.endswith("IoU") and "dtype" not in options)


def run(keras, row, weighted):
    """The result after two batches."""
    name, options, (y, p) = row
    metric = getattr(keras.metrics, name)(**options)
    half = len(y) // 2
    for part in (slice(0, half), slice(half, None)):
        weight = WEIGHTS[: len(y)][part] if weighted else None
        metric.update_state(y[part], p[part], sample_weight=weight)
    return np.asarray(metric.result()), metric
