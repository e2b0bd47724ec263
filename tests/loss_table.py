"""One row a loss: how it is made, its targets and predictions. Used for values (beside Keras) and traced calls."""

import numpy as np

_rng = np.random.default_rng(11)
BITS = _rng.integers(0, 2, (6, 4)).astype("float32")
P = _rng.uniform(0.02, 0.98, (6, 4)).astype("float32")
X = _rng.normal(size=(6, 4)).astype("float32")
Y = _rng.normal(size=(6, 4)).astype("float32")
CLASSES = np.array([0, 3, 1, 1, 2, 0])
HOT = np.eye(4, dtype="float32")[CLASSES]
PROBS = np.exp(X) / np.exp(X).sum(1, keepdims=True)
UNIT = X / np.linalg.norm(X, axis=1, keepdims=True)
STEPS = _rng.normal(size=(6, 9, 5)).astype("float32")
WORDS = np.array([[1, 2, 0], [3, 3, 1], [4, 0, 0], [1, 2, 3], [2, 2, 0], [1, 4, 1]])
WEIGHTS = np.array([1, 0.5, 0, 2, 1, 0.25], "float32")

# (class, options, y_true, y_pred)
ROWS = [
    ("MeanSquaredError", {}, Y, X),
    ("MeanAbsoluteError", {}, Y, X),
    ("MeanAbsolutePercentageError", {}, Y, X),
    ("MeanSquaredLogarithmicError", {}, Y, X),
    ("LogCosh", {}, Y, X),
    ("Huber", {"delta": 0.4}, Y, X),
    ("CosineSimilarity", {}, Y, X),
    ("CosineSimilarity", {"axis": 1}, Y, X),
    ("Poisson", {}, P, PROBS),
    ("KLDivergence", {}, P, PROBS),
    ("Hinge", {}, BITS, X),
    ("Hinge", {}, 2 * BITS - 1, X),
    ("SquaredHinge", {}, BITS, X),
    ("CategoricalHinge", {}, HOT, X),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, BITS, P),
    ("BinaryCrossentropy", {"from_logits": True}, BITS, X),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}, HOT, PROBS),
    ("CategoricalCrossentropy", {"from_logits": True}, HOT, X),
    ("SparseCategoricalCrossentropy", {}, CLASSES, PROBS),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES[:, None], X),
    ("BinaryFocalCrossentropy", {}, BITS, P),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.5, "label_smoothing": 0.2}, BITS, X),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3}, BITS, P),
    ("CategoricalFocalCrossentropy", {}, HOT, PROBS),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 1.0}, HOT, P),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, HOT, X),
    ("CategoricalGeneralizedCrossEntropy", {}, CLASSES, PROBS),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, CLASSES, PROBS),
    ("Dice", {}, BITS, P),
    ("Dice", {"axis": (1,)}, BITS, P),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, BITS, P),
    ("Tversky", {"alpha": 0.3, "beta": 0.7, "axis": (1,)}, BITS, P),
    ("Circle", {}, CLASSES, UNIT),
    ("Circle", {"gamma": 5.0, "margin": 0.2, "remove_diagonal": False}, CLASSES, UNIT),
    ("CTC", {}, WORDS, STEPS),
]
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight")


def ids():
    return [f"{i}-{name}-{options}" for i, (name, options, _, _) in enumerate(ROWS)]


def of_all(options, name):
    """Whether the loss is one number for the whole batch, which no weight per sample fits."""
    return name in ("Dice", "Tversky") and "axis" not in options
