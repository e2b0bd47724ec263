"""Kernels beside the peers' on equal inputs. Flops and bytes are counted from the shapes, each array moved once.

ckeras runs what a user calls, eagerly; a gradient, and a product of transposed operands, as a `ckeras.function`, beside
JAX's `jit`. PyTorch gets images and filters in its channels-last layout, prepared beforehand.
"""

import math

import numpy as np

import ckeras
from ckeras import ops
from harness import Case, peer

torch, jax = peer("torch"), peer("jax")
jnp = jax and jax.numpy
M = 1 << 20

# (m, k, n, a transposed, b transposed); the first rows are what --quick keeps
MATMULS = [
    (256, 256, 256, 0, 0),
    (1024, 1024, 1024, 0, 0),
    (128, 784, 512, 0, 0),
    (128, 6400, 256, 1, 0),
    (128, 128, 128, 0, 0),
    (4096, 4096, 4096, 0, 0),
    (2048, 256, 1024, 0, 0),
    (32, 512, 512, 0, 0),
    (32, 64, 256, 0, 0),
    (2048, 10000, 256, 0, 1),
    (1, 1024, 1024, 0, 0),
    (127, 131, 509, 0, 0),
    (482, 982, 1, 0, 0),
]
# batch, m, k, n: a transformer's scores and their use, and many small ones
BATCHED = [(128, 128, 32, 128), (128, 128, 128, 32), (160, 41, 5, 6)]
CONVS = [  # batch, height and width, channels, filter, filters, stride, channels first
    (8, 28, 128, 3, 128, 1, False),
    (128, 28, 1, 3, 32, 1, False),
    (8, 14, 1024, 1, 256, 1, False),
    (8, 28, 128, 3, 128, 1, True),
    (8, 14, 1024, 1, 256, 1, True),
    (128, 28, 1, 3, 32, 1, True),
    (2, 224, 3, 7, 64, 2, False),
    (8, 13, 37, 5, 41, 1, False),
]
POOLS = [(64, 32, 32, 2, 2), (64, 32, 32, 3, 2)]  # batch, height and width, channels, window, stride
# Vector instructions an element, each worth a fused multiply-add.
UNARY = {"relu": 1, "exp": 24, "tanh": 36, "sigmoid": 32, "gelu": 40, "log": 32}
ADAMS = {"670 k": [(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)], "10 M": [(1000, 1000)] * 10}


def randn(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, "float32")


def images_first(x):
    return x.permute(0, 3, 1, 2)


def filters_first(w):
    return w.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)


def case(name, arrays, ours, *, th=None, jx=None, np_=None, flops=0.0, nbytes=0.0, prepare=(), traced=False, rate=""):
    """Contestants on the same arrays: `th` of torch tensors (after `prepare`), `jx` jitted, `np_` of NumPy's."""
    inputs = [ops.convert_to_tensor(a) for a in arrays]
    ours = ckeras.function(ours) if traced else ours
    contestants = {"ckeras": lambda: ours(*inputs)}
    if torch and th:
        prepare = tuple(prepare) + (None,) * (len(arrays) - len(prepare))
        tensors = [p(torch.from_numpy(a)) if p else torch.from_numpy(a) for a, p in zip(arrays, prepare)]
        contestants["torch"] = lambda: th(*tensors)
    if jax and jx:
        buffers, jitted = [jnp.asarray(a) for a in arrays], jax.jit(jx)
        contestants["jax"] = lambda: jax.block_until_ready(jitted(*buffers))
    if np_:
        contestants["numpy"] = lambda: np_(*arrays)
    return Case(name, contestants, flops, nbytes, rate=rate)


def gradient(forward, which):
    """A function of (args..., upstream gradient) that gives the gradient to one argument, or to a slice, for ckeras."""

    def run(*args):
        *args, upstream = args
        with ckeras.GradientTape() as tape:
            tape.watch(args[which])
            y = forward(*args)
        return tape.gradient(y, args[which], output_gradients=upstream)

    return run


def torch_gradients(forward):
    """The same to all arguments, for PyTorch."""

    def run(*args):
        with torch.enable_grad():
            *args, upstream = args
            args = [a.detach().requires_grad_() for a in args]
            return torch.autograd.grad(forward(*args), args, upstream)

    return run


def jax_gradient(forward, which):
    def run(*args):
        *args, upstream = args

        def of_one(v):
            return forward(*args[:which], v, *args[which + 1 :])

        return jax.vjp(of_one, args[which])[1](upstream)[0]

    return run


def jax_gradients(forward):
    """To all arguments."""
    return lambda *args: jax.vjp(forward, *args[:-1])[1](args[-1])


def matmuls(quick):
    for m, k, n, ta, tb in MATMULS[: 4 if quick else None]:

        def product(a, b, ta=ta, tb=tb):
            return (a.T if ta else a) @ (b.T if tb else b)

        def ours(a, b, ta=ta, tb=tb):
            return ops.matmul(ops.transpose(a) if ta else a, ops.transpose(b) if tb else b)

        yield case(
            f"matmul {m}x{k}x{n}" + (" " + "NT"[ta] + "NT"[tb] if ta or tb else ""),
            [randn(k, m) if ta else randn(m, k), randn(n, k) if tb else randn(k, n)],
            ours,
            th=product,
            jx=product,
            np_=product,
            flops=2.0 * m * k * n,
            nbytes=4.0 * (m * k + k * n + m * n),
            traced=bool(ta or tb),
        )
    for b, m, k, n in BATCHED[: 0 if quick else None]:
        yield case(
            f"matmul {b} of {m}x{k}x{n}",
            [randn(b, m, k), randn(b, k, n)],
            ops.matmul,
            th=lambda x, y: x @ y,
            jx=lambda x, y: x @ y,
            np_=np.matmul,
            flops=2.0 * b * m * k * n,
            nbytes=4.0 * b * (m * k + k * n + m * n),
        )


def convs(quick):
    for n, size, c, f, o, stride, first in CONVS[: 2 if quick else None]:
        out = -(-size // stride)
        x_shape, y_shape = ((n, c, size, size), (n, o, out, out)) if first else ((n, size, size, c), (n, out, out, o))
        layout = "channels_first" if first else "channels_last"
        pad = max(0, (out - 1) * stride + f - size)
        pads = (pad // 2, pad - pad // 2)
        to_first = None if first else images_first

        def forward(x, w, s=stride, layout=layout):
            return ops.conv(x, w, strides=s, padding="same", data_format=layout)

        def in_jax(x, w, s=stride, d="NCHW" if first else "NHWC"):
            return jax.lax.conv_general_dilated(x, w, (s, s), "SAME", dimension_numbers=(d, "HWIO", d))

        def in_torch(x, w, s=stride, p=pads):
            if p[0] != p[1]:
                x, p = torch.nn.functional.pad(x, (*p, *p)), (0, 0)
            return torch.conv2d(x, w, stride=s, padding=p[0])

        def backward(x, w, dy, to_x, s=stride, p=pads[0]):
            which = [to_x, not to_x, False]
            return torch.ops.aten.convolution_backward(
                dy, x, w, None, [s] * 2, [p] * 2, [1] * 2, False, [0] * 2, 1, which
            )

        name = f"conv {f}x{f}{f'/{stride}' if stride > 1 else ''} {c}-{o} @{size} n{n}{' NCHW' if first else ''}"
        x, w, dy = randn(*x_shape), randn(f, f, c, o), randn(*y_shape)
        counts = {"flops": 2.0 * n * out * out * c * f * f * o, "nbytes": float(x.nbytes + w.nbytes + dy.nbytes)}
        prepare = (to_first, filters_first, to_first)
        yield case(name, [x, w], forward, th=in_torch, jx=in_jax, prepare=prepare[:2], **counts)
        # PyTorch has no uneven padding in one call: there its backward pass is left out.
        even = pads[0] == pads[1]
        for which, where in enumerate(("data", "filters")):
            yield case(
                f"{name} to {where}",
                [x, w, dy],
                gradient(forward, which),
                th=(lambda x, w, dy, first=which == 0, b=backward: b(x, w, dy, first)) if even else None,
                jx=jax_gradient(in_jax, which),
                prepare=prepare,
                traced=True,
                **counts,
            )


def pools(quick):
    for n, size, c, window, stride in POOLS[: 1 if quick else None]:
        x = randn(n, size, size, c)
        out = (size - window) // stride + 1
        dy = randn(n, out, out, c)

        def forward(v, w=window, s=stride):
            return ops.max_pool(v, w, strides=s)

        def in_jax(v, w=window, s=stride):
            return jax.lax.reduce_window(v, -jnp.inf, jax.lax.max, (1, w, w, 1), (1, s, s, 1), "VALID")

        def in_torch(v, w=window, s=stride):
            return torch.nn.functional.max_pool2d(v, w, s)

        name = f"max pool {window}x{window}/{stride} {c} @{size} n{n}"
        yield case(
            name, [x], forward, th=in_torch, jx=in_jax, prepare=(images_first,), nbytes=float(x.nbytes + dy.nbytes)
        )
        backward = None
        if torch:
            picked = torch.nn.functional.max_pool2d(
                images_first(torch.from_numpy(x)), window, stride, return_indices=True
            )[1]

            def backward(v, g, w=window, s=stride, at=picked):
                return torch.ops.aten.max_pool2d_with_indices_backward(
                    g, v, [w] * 2, [s] * 2, [0] * 2, [1] * 2, False, at
                )

        # The way back alone, as in PyTorch: where the maxima are, the way forward kept.
        v = ops.convert_to_tensor(x)
        with ckeras.GradientTape(persistent=True) as tape:
            tape.watch(v)
            y = forward(v)
        yield case(
            f"{name} backward",
            [x, dy],
            lambda _, g, tape=tape, y=y, v=v: tape.gradient(y, v, output_gradients=g),
            th=backward,
            jx=jax_gradient(in_jax, 0),
            prepare=(images_first, images_first),
            nbytes=float(x.nbytes + dy.nbytes) + dy.size,
        )


def elementwise(quick):
    x = randn(M)
    library = torch and torch.nn.functional
    for name, count in UNARY.items():
        in_torch = torch and (getattr(torch, name, None) or getattr(library, name))
        in_jax = jax and (getattr(jax.nn, name, None) or getattr(jnp, name))
        if name == "gelu":
            in_torch = torch and (lambda v: library.gelu(v, approximate="tanh"))
        yield case(
            f"{name} 1 M",
            [abs(x) if name == "log" else x],
            getattr(ops, name),
            th=in_torch,
            jx=in_jax,
            np_=getattr(np, name, None),
            flops=2.0 * count * M,
            nbytes=2.0 * x.nbytes,
            rate="GB/s",
        )
    for label, size in [("1 M", M)] + [("16 M", 16 * M)] * (not quick):
        a, b = randn(size), randn(size)
        yield case(
            f"add {label}",
            [a, b],
            ops.add,
            th=lambda u, v: u + v,
            jx=lambda u, v: u + v,
            np_=np.add,
            nbytes=12.0 * size,
        )
    if not quick:
        yield case("relu 16 M", [a], ops.relu, th=torch and torch.relu, jx=jax and jax.nn.relu, nbytes=8.0 * a.size)

    def in_jax_dropout(v):
        return jnp.where(jax.random.bernoulli(jax.random.key(1), 0.5, v.shape), v * 2, 0)

    yield case(
        "dropout 1 M",
        [x],
        lambda v: ckeras.random.dropout(v, 0.5, seed=1),
        th=lambda v: torch.nn.functional.dropout(v, 0.5),
        jx=in_jax_dropout,
        nbytes=2.0 * x.nbytes,
    )


def reductions(quick):
    for rows, columns in [(16384, 128), (2048, 10000)][: 1 if quick else None]:
        x = randn(rows, columns)
        yield case(
            f"softmax {rows}x{columns}",
            [x],
            ops.softmax,
            th=lambda v: torch.softmax(v, -1),
            jx=jax and jax.nn.softmax,
            nbytes=2.0 * x.nbytes,
        )
    size = 1024 if quick else 4096
    x = randn(size, size)
    for axis, what in ((1, "rows"), (0, "columns")):
        yield case(
            f"sum over {what} {size}x{size}",
            [x],
            lambda v, axis=axis: ops.sum(v, axis=axis),
            th=lambda v, axis=axis: v.sum(axis),
            jx=lambda v, axis=axis: v.sum(axis),
            np_=lambda v, axis=axis: v.sum(axis),
            nbytes=float(x.nbytes),
        )


def attentions(quick):
    """Causal attention of (batch, length, heads, depth), and its gradient to the queries, keys and values as one."""
    for batch, length, heads, depth in [(8, 512, 8, 64), (1, 2048, 4, 64)][: 0 if quick else None]:
        x, dy = randn(batch, length, heads, depth), randn(batch, length, heads, depth) + 1
        flops = 4.0 * batch * heads * length * length * depth / 2

        def ours(v):
            return ops.dot_product_attention(v, v, v, is_causal=True)

        def theirs(v):
            v = v.transpose(1, 2)
            return torch.nn.functional.scaled_dot_product_attention(v, v, v, is_causal=True).transpose(1, 2)

        def in_jax(v):
            return jax.nn.dot_product_attention(v, v, v, is_causal=True)

        def backward_in_torch(v, g):
            v = v.detach().requires_grad_()
            return torch.autograd.grad(theirs(v), v, g)[0]

        name = f"attention {batch}x{length}x{heads}x{depth}"
        yield case(name, [x], ours, th=theirs, jx=in_jax, flops=flops)
        backward = {"th": backward_in_torch, "jx": jax_gradient(in_jax, 0), "flops": 3.5 * flops}
        yield case(f"{name} backward", [x, dy], gradient(ours, 0), traced=True, **backward)


def gathers(_quick):
    table, at = randn(20000, 128), np.random.default_rng(0).integers(0, 20000, 6400).astype("int32")
    g = randn(6400, 128)
    yield case(
        "gather 6400 of 20000x128",
        [table, at],
        lambda t, i: ops.take(t, i, axis=0),
        th=lambda t, i: torch.nn.functional.embedding(i, t),
        jx=lambda t, i: t[i],
        np_=lambda t, i: t[i],
        nbytes=2.0 * g.nbytes + at.nbytes,
    )

    def numpy_gradient(t, i, dy):
        out = np.zeros_like(t)
        np.add.at(out, i, dy)
        return out

    yield case(
        "gather 6400 of 20000x128 backward",
        [table, at, g],
        gradient(lambda t, i: ops.take(t, i, axis=0), 0),
        th=lambda t, i, dy: torch.ops.aten.embedding_dense_backward(dy, i, 20000, -1, False),
        jx=lambda t, i, dy: jnp.zeros(t.shape).at[i].add(dy),
        np_=numpy_gradient,
        traced=True,
        nbytes=float(table.nbytes + 3 * g.nbytes + at.nbytes),
    )


def adams(quick):
    """One update of all parameters, state included."""
    for label, shapes in list(ADAMS.items())[: 1 if quick else None]:
        grads = [randn(*s) for s in shapes]
        count = sum(math.prod(s) for s in shapes)
        contestants = {"ckeras": _our_adam(grads)}
        if torch:
            contestants["torch"] = _torch_adam(grads)
        if jax:
            contestants["jax"] = _jax_adam(grads)
        contestants["numpy"] = _numpy_adam(grads)
        # Four arrays are read and three written; the arithmetic is no limit.
        yield Case(f"Adam {label} parameters", contestants, bytes=28.0 * count)


def _our_adam(grads):
    variables = [ckeras.Variable(np.zeros(g.shape, "float32")) for g in grads]
    tensors = [ops.convert_to_tensor(g) for g in grads]
    optimizer = ckeras.optimizers.Adam()
    optimizer.build(variables)
    step = ckeras.function(lambda *gs: optimizer.apply(list(gs), variables))
    return lambda: step(*tensors)


def _torch_adam(grads):
    parameters = [torch.nn.Parameter(torch.zeros(g.shape)) for g in grads]
    for p, g in zip(parameters, grads):
        p.grad = torch.from_numpy(g)
    return torch.optim.Adam(parameters, fused=True).step


def _jax_adam(grads):
    def step(state, gs):
        p, m, v, t = state
        t = t + 1
        alpha = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        m = [0.9 * a + 0.1 * g for a, g in zip(m, gs)]
        v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gs)]
        p = [a - alpha * b / (jnp.sqrt(c) + 1e-7) for a, b, c in zip(p, m, v)]
        return p, m, v, t

    jitted, gs = jax.jit(step, donate_argnums=0), [jnp.asarray(g) for g in grads]
    state = [tuple([jnp.zeros(g.shape) for g in grads] for _ in range(3)) + (jnp.zeros(()),)]

    def run():
        state[0] = jax.block_until_ready(jitted(state[0], gs))

    return run


def _numpy_adam(grads):
    p, m, v = ([np.zeros_like(g) for g in grads] for _ in range(3))

    def run():
        for i, g in enumerate(grads):
            m[i] += 0.1 * (g - m[i])
            v[i] += 0.001 * (g * g - v[i])
            p[i] -= 1e-3 * m[i] / (np.sqrt(v[i]) + 1e-7)

    return run


def cases(quick=False):
    if torch:
        torch.set_grad_enabled(False)
    for family in (matmuls, convs, pools, elementwise, reductions, attentions, gathers, adams):
        yield from family(quick)
    if torch:
        torch.set_grad_enabled(True)
