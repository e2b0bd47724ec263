"""Cases of each family of kernels that bench/kernels.py leaves out, so that none falls off a cliff unseen."""

import numpy as np

import ckeras
from ckeras import layers, ops
from harness import Case
from kernels import (
    case,
    filters_first,
    gradient,
    images_first,
    jax,
    jax_gradient,
    jax_gradients,
    jnp,
    randn,
    torch,
    torch_gradients,
)

library = torch and torch.nn.functional


def _convolved(x, w, *, strides=(1, 1), groups=1, order=("NHWC", "HWIO", "NHWC")):
    return jax.lax.conv_general_dilated(x, w, strides, "SAME", dimension_numbers=order, feature_group_count=groups)


def convolutions(quick):
    n, size, c = 8, 56, 144
    x, w = randn(n, size, size, c), randn(3, 3, c, 1)
    upstream = randn(n, size, size, c)

    def forward(a, b):
        return ops.depthwise_conv(a, b, strides=1, padding="same")

    def in_jax(a, b):
        return _convolved(a, b.reshape(3, 3, 1, c), groups=c)

    def in_torch(a, b):
        return library.conv2d(a, b, padding=1, groups=c)

    def depthwise_first(v):
        return v.permute(2, 3, 0, 1).contiguous()

    flops = 2.0 * n * size * size * c * 9
    moved = 4.0 * (2 * x.size + w.size)
    yield case(
        "depthwise 3x3 144 @56 n8",
        [x, w],
        forward,
        th=in_torch,
        jx=in_jax,
        prepare=(images_first, depthwise_first),
        flops=flops,
        nbytes=moved,
    )
    for which, what in ((0, "data"), (1, "filters"))[: 0 if quick else None]:
        yield case(
            f"depthwise 3x3 144 @56 n8 to {what}",
            [x, w, upstream],
            gradient(forward, which),
            jx=jax_gradient(in_jax, which),
            traced=True,
            flops=flops,
            nbytes=moved,
        )
    if quick:
        return
    x, w = randn(8, 28, 28, 64), randn(4, 4, 32, 64)
    yield case(
        "transposed 4x4/2 64-32 @28 n8",
        [x, w],
        lambda a, b: ops.conv_transpose(a, b, strides=2, padding="same"),
        th=lambda a, b: library.conv_transpose2d(a, b, stride=2, padding=1),
        jx=lambda a, b: jax.lax.conv_transpose(a, b, (2, 2), "SAME", transpose_kernel=True),
        prepare=(images_first, lambda v: v.permute(3, 2, 0, 1).contiguous()),
        flops=2.0 * 8 * 28 * 28 * 64 * 32 * 16,
        nbytes=4.0 * (x.size + w.size + 8 * 56 * 56 * 32),
    )
    x, w = randn(2, 16, 28, 28, 32), randn(3, 3, 3, 32, 32)
    yield case(
        "conv 3x3x3 32-32 @16x28x28 n2",
        [x, w],
        lambda a, b: ops.conv(a, b, padding="same"),
        th=lambda a, b: library.conv3d(a, b, padding=1),
        jx=lambda a, b: _convolved(a, b, strides=(1, 1, 1), order=("NDHWC", "DHWIO", "NDHWC")),
        prepare=(lambda v: v.permute(0, 4, 1, 2, 3), lambda v: v.permute(4, 3, 0, 1, 2).contiguous()),
        flops=2.0 * x.size * 27 * 32,
        nbytes=4.0 * (2 * x.size + w.size),
    )
    for size, c, groups in ((28, 128, 8), (56, 128, 32), (28, 256, 32), (14, 512, 32)):  # the last three are ResNeXt's
        x, w = randn(8, size, size, c), randn(3, 3, c // groups, c)
        yield case(
            f"conv 3x3 {c}-{c} in {groups} groups @{size} n8",
            [x, w],
            lambda a, b: ops.conv(a, b, padding="same"),
            th=lambda a, b, groups=groups: library.conv2d(a, b, padding=1, groups=groups),
            jx=lambda a, b, groups=groups: _convolved(a, b, groups=groups),
            prepare=(images_first, filters_first),
            flops=2.0 * x.size * 9 * c / groups,
            nbytes=4.0 * (2 * x.size + w.size),
        )
    x = randn(64, 32, 32, 32)
    yield case(
        "average pool 2x2/2 32 @32 n64",
        [x],
        lambda a: ops.average_pool(a, 2),
        th=lambda a: library.avg_pool2d(a, 2),
        jx=lambda a: jax.lax.reduce_window(a, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4,
        prepare=(images_first,),
        nbytes=1.25 * x.nbytes,
    )


def recurrent(quick):
    """Whole layers: batch, steps, features, units; and with the gradients to inputs and weights."""
    gates = {"LSTM": 4, "GRU": 3}
    shapes = [("LSTM", 32, 200, 128, 64), ("LSTM", 256, 120, 14, 64), ("LSTM", 32, 128, 128, 256)]
    for kind, n, t, f, units in (*shapes, ("GRU", 32, 200, 128, 64))[: 1 if quick else None]:
        x, dy = randn(n, t, f), randn(n, t, units)
        layer = getattr(layers, kind)(units, return_sequences=True)
        layer.build(x.shape)
        run = ckeras.function(lambda v, layer=layer: layer(v))
        back = ckeras.function(lambda v, dy, layer=layer: _recurrent_gradients(layer, v, dy))
        v, upstream = ops.convert_to_tensor(x), ops.convert_to_tensor(dy)
        forward = {"ckeras": lambda run=run, v=v: run(v)}
        backward = {"ckeras": lambda back=back, v=v, dy=upstream: back(v, dy)}
        if torch:
            module, w, dw = (
                getattr(torch.nn, kind)(f, units, batch_first=True),
                torch.from_numpy(x),
                torch.from_numpy(dy),
            )
            forward["torch"] = lambda module=module, w=w: module(w)
            backward["torch"] = lambda module=module, w=w, dw=dw: _torch_recurrent_gradients(module, w, dw)
        flops, moved = 2.0 * n * t * gates[kind] * units * (f + units), 4.0 * (x.size + dy.size)
        name = f"{kind} b{n} t{t} in{f} h{units}"
        yield Case(name, forward, flops, moved)
        if not quick:
            yield Case(f"{name} and gradients", backward, 3 * flops, 2 * moved)


def _recurrent_gradients(layer, v, upstream):
    sources = [v, *layer.trainable_variables]
    with ckeras.GradientTape() as tape:
        tape.watch(v)
        y = layer(v)
    return tape.gradient(y, sources, output_gradients=upstream)


def _torch_recurrent_gradients(module, w, upstream):
    with torch.enable_grad():
        w = w.detach().requires_grad_()
        return torch.autograd.grad(module(w)[0], [w, *module.parameters()], upstream)


def normalised(_quick):
    x, g, b, dy = randn(2048, 1024), randn(1024), randn(1024), randn(2048, 1024)

    def forward(v, gamma, beta):
        return ops.layer_normalization(v, gamma, beta, epsilon=1e-5)

    def in_jax(v, gamma, beta):
        centered = v - v.mean(-1, keepdims=True)
        return centered * jax.lax.rsqrt((centered**2).mean(-1, keepdims=True) + 1e-5) * gamma + beta

    yield case(
        "layer norm 2048x1024",
        [x, g, b],
        forward,
        th=lambda v, gamma, beta: library.layer_norm(v, (1024,), gamma, beta),
        jx=in_jax,
        nbytes=2.0 * x.nbytes,
    )
    yield case(
        "layer norm 2048x1024 backward",
        [x, g, b, dy],
        gradient(forward, 0),
        jx=jax_gradient(in_jax, 0),
        traced=True,
        nbytes=3.0 * x.nbytes,
    )

    x, g, b, dy = randn(64, 32, 32, 16), randn(16), randn(16), randn(64, 32, 32, 16)

    def batch_norm(v, gamma, beta):
        mean, variance = ops.moments(v, (0, 1, 2))
        return ops.batch_normalization(v, mean, variance, -1, beta, gamma, 1e-5)

    def in_torch(v, gamma, beta):
        return library.batch_norm(v, None, None, gamma, beta, True)

    def batch_norm_in_jax(v, gamma, beta):
        mean = v.mean((0, 1, 2))
        centered = v - mean
        return centered * jax.lax.rsqrt((centered**2).mean((0, 1, 2)) + 1e-5) * gamma + beta

    name = "batch norm 64x32x32x16, its own moments"
    yield case(
        name,
        [x, g, b],
        batch_norm,
        th=in_torch,
        jx=batch_norm_in_jax,
        prepare=(images_first,),
        traced=True,
        nbytes=2.0 * x.nbytes,
    )
    yield case(
        f"{name}, and gradients",
        [x, g, b, dy],
        gradient(batch_norm, slice(0, 3)),
        th=torch_gradients(in_torch),
        jx=jax_gradients(batch_norm_in_jax),
        prepare=(images_first, None, None, images_first),
        traced=True,
        nbytes=5.0 * x.nbytes,
    )


def moved(quick):
    x = randn(2048, 2048)
    yield case(
        "cumulative sum over rows 2048x2048",
        [x],
        lambda a: ops.cumsum(a, axis=1),
        th=lambda a: a.cumsum(1),
        jx=lambda a: jnp.cumsum(a, 1),
        np_=lambda a: a.cumsum(1),
        nbytes=2.0 * x.nbytes,
    )
    if quick:
        return
    yield case(
        "sort rows 2048x2048",
        [x],
        lambda a: ops.sort(a, axis=-1),
        th=lambda a: a.sort(-1)[0],
        jx=lambda a: jnp.sort(a, -1),
        np_=lambda a: np.sort(a, -1),
        nbytes=2.0 * x.nbytes,
    )
    yield case(
        "top 10 of rows 2048x2048",
        [x],
        lambda a: ops.top_k(a, 10)[0],
        th=lambda a: a.topk(10)[0],
        jx=lambda a: jax.lax.top_k(a, 10)[0],
        nbytes=float(x.nbytes),
    )
    yield case(
        "transpose 2048x2048",
        [x],
        lambda a: ops.transpose(a),
        th=lambda a: a.T.contiguous(),
        jx=lambda a: a.T + 0,
        np_=lambda a: np.ascontiguousarray(a.T),
        nbytes=2.0 * x.nbytes,
    )
    values, at = randn(100000, 64), np.random.default_rng(0).integers(0, 1000, 100000).astype("int32")
    yield case(
        "segment sum 100000x64 to 1000",
        [values, at],
        lambda a, i: ops.segment_sum(a, i, num_segments=1000),
        th=lambda a, i: torch.zeros(1000, 64).index_add(0, i, a),
        jx=lambda a, i: jax.ops.segment_sum(a, i, 1000),
        nbytes=float(values.nbytes),
    )
    yield case(
        "real FFT of rows 2048x2048",
        [x],
        lambda a: ops.rfft(a)[0],
        th=lambda a: torch.fft.rfft(a),
        jx=lambda a: jnp.fft.rfft(a),
        np_=lambda a: np.fft.rfft(a),
        nbytes=2.0 * x.nbytes,
    )
    images = randn(16, 128, 128, 3)
    yield case(
        "bilinear resize 128 to 224, n16",
        [images],
        lambda a: ops.image.resize(a, (224, 224)),
        th=lambda a: library.interpolate(a, (224, 224), mode="bilinear"),
        jx=lambda a: jax.image.resize(a, (16, 224, 224, 3), "bilinear"),
        prepare=(images_first,),
        nbytes=4.0 * (images.size + 16 * 224 * 224 * 3),
    )
    yield case(
        "normal random numbers, 1 M",
        [x[:1]],
        lambda a: ckeras.random.normal((1 << 20,), seed=1),
        th=lambda a: torch.randn(1 << 20),
        jx=lambda a: jax.random.normal(jax.random.key(1), (1 << 20,)),
        np_=lambda a: np.random.default_rng(1).standard_normal(1 << 20, "float32"),
        nbytes=4.0 * (1 << 20),
    )


def cases(quick=False):
    if torch:
        torch.set_grad_enabled(False)
    for family in (convolutions, recurrent, normalised, moved):
        yield from family(quick)
    if torch:
        torch.set_grad_enabled(True)
