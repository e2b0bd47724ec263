"""Whole training steps: `fit` beside Keras's `fit` and beside plain loops of PyTorch and of jitted JAX.

One call is an epoch over arrays in memory, batch by batch in their order; times are a step's. Adam everywhere.
"""

import functools
import itertools
from dataclasses import dataclass

import numpy as np

import ckeras
from harness import Case, peer

torch, jax, keras = peer("torch"), peer("jax"), peer("keras")
jnp = jax and jax.numpy


@dataclass(frozen=True)
class Model:
    name: str
    shape: tuple  # of one sample
    layers: tuple  # (kind, sizes...) in order
    classes: int  # 0: regression of one number by the squared error
    batch: int
    steps: int  # an epoch
    flops: float  # of one sample's forward pass; a step takes three times that


def dense(*sizes):
    return tuple(("dense", a, b, i + 2 < len(sizes)) for i, (a, b) in enumerate(itertools.pairwise(sizes)))


TINY = Model("tiny MLP 20-32-1", (20,), dense(20, 32, 1), 0, 32, 200, 2.0 * (20 * 32 + 32))
MODELS = [
    TINY,
    Model("MLP 784-512-512-10", (784,), dense(784, 512, 512, 10), 10, 128, 40, 2.0 * 512 * (784 + 512 + 10)),
    Model(
        "MNIST convnet 32-64",
        (28, 28, 1),
        (("conv", 1, 32), ("conv", 32, 64), ("flatten",), *dense(1600, 10)),
        10,
        128,
        8,
        2.0 * (26 * 26 * 9 * 32 + 11 * 11 * 9 * 32 * 64 + 16000),
    ),
]


def data(m):
    rng = np.random.default_rng(0)
    n = m.batch * m.steps
    y = rng.integers(0, m.classes, n).astype("int32") if m.classes else rng.random((n, 1), "float32")
    return rng.random((n, *m.shape), "float32"), y


# ---- Keras's interface: ckeras and Keras


def keras_model(k, m, metrics=None):
    """A compiled model of ckeras or Keras. A conv is 3x3 with relu and a 2x2 max pool."""
    k.utils.set_random_seed(0)
    model = k.Sequential([k.Input(m.shape)])
    for kind, *sizes in m.layers:
        if kind == "dense":
            model.add(k.layers.Dense(sizes[1], activation="relu" if sizes[2] else None))
        elif kind == "conv":
            model.add(k.layers.Conv2D(sizes[1], 3, activation="relu"))
            model.add(k.layers.MaxPooling2D(2))
        else:
            model.add(k.layers.Flatten())
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True) if m.classes else "mse"
    model.compile(optimizer="adam", loss=loss, metrics=metrics)
    return model


def keras_name():
    return f"keras on {keras.backend.backend()}"


def fit(k, m, x, y, metrics=None):
    model = keras_model(k, m, metrics)
    return functools.partial(model.fit, x, y, batch_size=m.batch, epochs=1, shuffle=False, verbose=0)


# ---- PyTorch


def torch_module(m):
    torch.manual_seed(0)
    parts = []
    for kind, *sizes in m.layers:
        if kind == "dense":
            parts += [torch.nn.Linear(*sizes[:2])] + [torch.nn.ReLU()] * sizes[2]
        elif kind == "conv":
            parts += [torch.nn.Conv2d(*sizes, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        else:
            parts.append(torch.nn.Flatten())
    return torch.nn.Sequential(*parts)


def torch_step(m):
    """A training step of PyTorch on one batch."""
    module = torch_module(m)
    optimizer = torch.optim.Adam(module.parameters(), fused=True)
    loss_of = torch.nn.CrossEntropyLoss() if m.classes else torch.nn.MSELoss()

    def step(x, y):
        optimizer.zero_grad()
        loss_of(module(x), y).backward()
        optimizer.step()

    return step


def torch_epoch(m, x, y):
    step = torch_step(m)
    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x)
    y = torch.from_numpy(y.astype("int64") if m.classes else y)

    def run():
        for i in range(0, len(x), m.batch):
            step(x[i : i + m.batch], y[i : i + m.batch])

    return run


# ---- JAX


def jax_forward(m, parameters, x):
    parameters = iter(parameters)
    for kind, *sizes in m.layers:
        if kind == "flatten":
            x = x.reshape(x.shape[0], -1)
            continue
        w, b = next(parameters), next(parameters)
        if kind == "dense":
            x = x @ w + b
            x = jax.nn.relu(x) if sizes[2] else x
        else:
            y = jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            window = (1, 2, 2, 1)
            x = jax.lax.reduce_window(jax.nn.relu(y + b), -jnp.inf, jax.lax.max, window, window, "VALID")
    return x


def jax_parameters(m):
    rng, out = np.random.default_rng(0), []
    for kind, *sizes in m.layers:
        if kind != "flatten":
            shape = tuple(sizes[:2]) if kind == "dense" else (3, 3, *sizes)
            out += [jnp.asarray(rng.normal(size=shape, scale=0.05), "float32"), jnp.zeros(shape[-1])]
    return out


def jax_epoch(m, x, y):
    def loss(parameters, xb, yb):
        z = jax_forward(m, parameters, xb)
        if not m.classes:
            return jnp.mean((z - yb) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), yb[:, None], 1))

    def step(state, x, y, i):
        p, first, second, t = state
        xb, yb = (jax.lax.dynamic_slice_in_dim(a, i * m.batch, m.batch) for a in (x, y))
        grads = jax.grad(loss)(p, xb, yb)
        t = t + 1
        alpha = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        first = [0.9 * a + 0.1 * g for a, g in zip(first, grads)]
        second = [0.999 * a + 0.001 * g * g for a, g in zip(second, grads)]
        p = [a - alpha * b / (jnp.sqrt(c) + 1e-7) for a, b, c in zip(p, first, second)]
        return p, first, second, t

    jitted, p = jax.jit(step, donate_argnums=0), jax_parameters(m)
    state = [(p, [jnp.zeros(a.shape) for a in p], [jnp.zeros(a.shape) for a in p], jnp.zeros(()))]
    x, y = jnp.asarray(x), jnp.asarray(y)

    def run():
        for i in range(m.steps):
            state[0] = jitted(state[0], x, y, i)
        jax.block_until_ready(state[0])

    return run


def cases(quick=False):
    for m in MODELS:
        x, y = data(m)
        contestants = {"ckeras": fit(ckeras, m, x, y)}
        if torch:
            contestants["torch"] = torch_epoch(m, x, y)
        if jax:
            contestants["jax"] = jax_epoch(m, x, y)
        if keras:
            contestants[keras_name()] = fit(keras, m, x, y)
        yield Case(f"{m.name}, batch {m.batch}", contestants, 3.0 * m.flops * m.batch, steps=m.steps)
