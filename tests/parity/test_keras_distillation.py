"""Distillation beside Keras's: equal losses from equal weights, step by step."""

import numpy as np
from beside import MARKS, real

import ckeras

pytestmark = MARKS


def trained(k, weights):
    def network(name):
        hidden = k.layers.Dense(6, activation="tanh", name="hidden")
        return k.Sequential([k.Input((5,)), hidden, k.layers.Dense(3, name="logits")], name=name)

    teacher, student = network("teacher"), network("student")
    for model, values in zip((teacher, student), weights):
        model.set_weights(values)
    d = k.distillation
    parts = [
        d.LogitsDistillation(2.0, k.losses.KLDivergence()),
        d.LogitsDistillation(3.0, "mse"),
        d.FeatureDistillation("cosine_similarity", "hidden", "hidden"),
    ]
    model = d.Distiller(teacher, student, parts, distillation_loss_weights=[1.0, 0.5, 0.25], student_loss_weight=0.3)
    model.compile(k.optimizers.Adam(0.01), k.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 5)).astype("float32"), rng.integers(0, 3, 24)
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history
    return history, model.student.get_weights(), model.evaluate(x, y, verbose=0, return_dict=True)


def test_same_training():
    rng = np.random.default_rng(1)
    shapes = [(5, 6), (6,), (6, 3), (3,)]
    weights = [[rng.normal(size=s).astype("float32") for s in shapes] for _ in range(2)]
    (theirs, their_weights, their_values), (ours, our_weights, our_values) = (
        trained(k, weights) for k in (real, ckeras)
    )
    assert set(ours) == set(theirs) and set(our_values) == set(their_values)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, err_msg=name)
        np.testing.assert_allclose(our_values[name], their_values[name], rtol=2e-5, err_msg=name)
    for a, b in zip(our_weights, their_weights):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
