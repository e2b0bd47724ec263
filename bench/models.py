"""Whole training steps through `fit`, and the overhead of small calls, beside Keras on JAX."""

import numpy as np

import ckeras
from harness import Case, peer


def _mlp(k, width, inputs, outputs, hidden):
    body = [k.layers.Dense(width, activation="relu") for _ in range(hidden)]
    return k.Sequential([k.Input((inputs,)), *body, k.layers.Dense(outputs)])


def _convnet(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            L.Conv2D(32, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Conv2D(64, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(10),
        ]
    )


# name, model, input shape, classes (0: regression), batch, steps an epoch, forward flops a sample
MODELS = [
    ("tiny MLP 20-32-1", lambda k: _mlp(k, 32, 20, 1, 1), (20,), 0, 32, 200, 2 * (20 * 32 + 32)),
    ("MLP 784-512-512-10", lambda k: _mlp(k, 512, 784, 10, 2), (784,), 10, 128, 40, 2 * 512 * (784 + 512 + 10)),
    ("MNIST convnet 32-64", _convnet, (28, 28, 1), 10, 128, 8, 2 * (676 * 9 * 32 + 121 * 288 * 64 + 16000)),
]


def _trained(k, build, x, y, classes, batch):
    k.utils.set_random_seed(0)
    model = build(k)
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True) if classes else "mse"
    model.compile(optimizer="adam", loss=loss)
    return model, lambda: model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0)


def cases(quick=False):
    """One call is one epoch: its milliseconds over its steps is the cost of a step."""
    keras = peer("keras")
    rng = np.random.default_rng(0)
    for name, build, shape, classes, batch, steps, flops in MODELS[: 2 if quick else None]:
        n = batch * steps
        x = rng.random((n, *shape), "float32")
        y = rng.integers(0, classes, n) if classes else rng.random((n, 1), "float32")
        ours, fit = _trained(ckeras, build, x, y, classes, batch)
        calls, one = {"ckeras": fit}, {"ckeras": lambda m=ours, v=x[:1]: m.predict(v, verbose=0)}
        call = {"ckeras": lambda m=ours, v=x[:1]: m(v)}
        if keras:
            theirs, calls["keras on jax"] = _trained(keras, build, x, y, classes, batch)
            one["keras on jax"] = lambda m=theirs, v=x[:1]: m.predict(v, verbose=0)
            call["keras on jax"] = lambda m=theirs, v=x[:1]: m(v)
        yield Case(f"{name} b{batch}: epoch of {steps} steps", calls, 3.0 * flops * n)
        yield Case(f"{name}: predict(x[:1])", one)
        yield Case(f"{name}: model(x[:1])", call)
