"""Kernels beside the peers' on equal inputs. Flops and bytes are counted from the shapes."""

import numpy as np

import ckeras
from ckeras import ops
from harness import Case, peer

MATMULS = [(128, 128, 128), (256, 256, 256), (1024, 1024, 1024), (128, 784, 512), (32, 512, 512), (32, 64, 256)]
CONVS = [  # n, h, w, in, filter, out
    (8, 28, 28, 128, 3, 128),
    (8, 14, 14, 1024, 1, 256),
    (128, 28, 28, 1, 3, 32),
]
UNARY = ["relu", "exp", "tanh", "sigmoid", "gelu"]


def _randn(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def cases(quick=False):
    torch, jax = peer("torch"), peer("jax")

    def case(name, arrays, ours, theirs, jitted, plain=None, flops=0.0, nbytes=0.0):
        ts = [ops.convert_to_tensor(a) for a in arrays]
        out = {"ckeras": lambda: ours(*ts)}
        if torch and theirs:
            tt = [torch.from_numpy(a) for a in arrays]
            out["torch"] = lambda: theirs(*tt)
        if jax and jitted:
            js, fn = [jax.numpy.asarray(a) for a in arrays], jax.jit(jitted)
            out["jax"] = lambda: fn(*js).block_until_ready()
        if plain:
            out["numpy"] = lambda: plain(*arrays)
        return Case(name, out, flops, nbytes)

    jnp = jax and jax.numpy
    for m, k, n in MATMULS[: 3 if quick else None]:
        yield case(
            f"matmul {m}x{k}x{n}",
            [_randn(m, k), _randn(k, n)],
            ops.matmul,
            torch and torch.matmul,
            jnp and jnp.matmul,
            np.matmul,
            2.0 * m * k * n,
        )
    for n, h, w, c, f, o in CONVS[: 1 if quick else None]:

        def theirs(x, k):
            y = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), k.permute(3, 2, 0, 1), padding="same")
            return y.permute(0, 2, 3, 1)

        yield case(
            f"conv {f}x{f} {c}-{o} @{h} n{n}",
            [_randn(n, h, w, c), _randn(f, f, c, o)],
            lambda x, k: ops.conv(x, k, padding="same"),
            torch and theirs,
            jax
            and (
                lambda x, k: jax.lax.conv_general_dilated(
                    x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
                )
            ),
            flops=2.0 * n * h * w * c * f * f * o,
        )
    x = _randn(64, 32, 32, 32)
    yield case(
        "max pool 2x2",
        [x],
        lambda v: ops.max_pool(v, 2),
        torch and (lambda v: torch.nn.functional.max_pool2d(v.permute(0, 3, 1, 2), 2)),
        jax and (lambda v: jax.lax.reduce_window(v, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")),
        nbytes=1.25 * x.nbytes,
    )
    for shape in [(16384, 128), (2048, 10000)][: 1 if quick else None]:
        x = _randn(*shape)
        yield case(
            f"softmax {shape[0]}x{shape[1]}",
            [x],
            ops.softmax,
            torch and (lambda v: torch.softmax(v, -1)),
            jax and jax.nn.softmax,
            nbytes=2.0 * x.nbytes,
        )
    x = _randn(1 << 20)
    for name in UNARY:
        other = {"gelu": "torch.nn.functional"}.get(name)
        yield case(
            f"{name} 1M",
            [x],
            getattr(ops, name),
            torch and getattr(torch.nn.functional if other else torch, name),
            jax and getattr(jax.nn if hasattr(jax.nn, name) else jnp, name),
            nbytes=2.0 * x.nbytes,
        )
    yield case("add 1M", [x, x], ops.add, torch and torch.add, jnp and jnp.add, np.add, nbytes=3.0 * x.nbytes)
    yield case("sum 1M", [x], ops.sum, torch and torch.sum, jnp and jnp.sum, np.sum, nbytes=1.0 * x.nbytes)
    yield case(
        "dropout 1M",
        [x],
        lambda v: ckeras.random.dropout(v, 0.5, seed=1),
        torch and (lambda v: torch.nn.functional.dropout(v, 0.5)),
        None,
        nbytes=2.0 * x.nbytes,
    )
