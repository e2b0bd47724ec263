"""A case of every further family of `ops`, off the hot path: here the table shows cliffs, not records."""

import numpy as np

import ckeras
from ckeras import ops
from kernels import case, jax, jnp, randn, torch

library = torch and torch.nn.functional
nn = jax and jax.nn
K = 1024


def _whole(high, *shape):
    return np.random.default_rng(high).integers(0, high, shape).astype("int32")


def _spd(n):
    a = randn(n, n)
    return a @ a.T / n + np.eye(n, dtype="float32")


def statistics():
    x, g = randn(K, K), randn(64, 32, 32, 16)
    mean, var = g.mean((0, 1, 2)), g.var((0, 1, 2))
    yield case(
        "batch norm 64x32x32x16, given moments",
        [g, mean, var],
        lambda v, m, s: ops.batch_normalization(v, m, s, axis=-1, epsilon=1e-3),
        th=lambda v, m, s: (v - m) * torch.rsqrt(s + 1e-3),
        jx=lambda v, m, s: (v - m) * jax.lax.rsqrt(s + 1e-3),
        nbytes=2.0 * g.nbytes,
    )
    yield case(
        "moments 64x32x32x16",
        [g],
        lambda v: ops.moments(v, axes=(0, 1, 2))[1],
        th=lambda v: torch.var_mean(v, (0, 1, 2)),
        jx=lambda v: (v.mean((0, 1, 2)), v.var((0, 1, 2))),
        nbytes=float(g.nbytes),
    )
    yield case(
        "RMS norm of rows 1024x1024",
        [x],
        lambda v: ops.rms_normalization(v, axis=-1),
        th=lambda v: library.rms_norm(v, (K,)),
        jx=lambda v: v * jax.lax.rsqrt((v * v).mean(-1, keepdims=True) + 1e-6),
        nbytes=2.0 * x.nbytes,
    )
    yield case(
        "argmax of rows 1024x1024",
        [x],
        lambda v: ops.argmax(v, axis=1),
        th=lambda v: v.argmax(1),
        jx=lambda v: v.argmax(1),
        np_=lambda v: v.argmax(1),
        nbytes=float(x.nbytes),
    )
    yield case(
        "median of rows 1024x1024",
        [x],
        lambda v: ops.median(v, axis=1),
        th=lambda v: v.median(1)[0],
        jx=lambda v: jnp.median(v, 1),
        np_=lambda v: np.median(v, 1),
        nbytes=float(x.nbytes),
    )
    yield case(
        "log-sum-exp of rows 1024x1024",
        [x],
        lambda v: ops.logsumexp(v, axis=1),
        th=lambda v: v.logsumexp(1),
        jx=lambda v: nn.logsumexp(v, 1),
        nbytes=float(x.nbytes),
    )
    labels = _whole(K, K)
    yield case(
        "sparse cross entropy of logits 1024x1024",
        [labels, x],
        lambda t, v: ops.sparse_categorical_crossentropy(t, v, from_logits=True),
        th=lambda t, v: library.cross_entropy(v, t.long(), reduction="none"),
        jx=lambda t, v: nn.logsumexp(v, 1) - jnp.take_along_axis(v, t[:, None], 1)[:, 0],
        nbytes=float(x.nbytes),
    )


def orders():
    x, values, at = randn(K, K), randn(1 << 18), np.sort(randn(1 << 12))
    yield case(
        "argsort 262144",
        [values],
        ops.argsort,
        th=lambda v: v.argsort(stable=True),
        jx=jnp and jnp.argsort,
        np_=lambda v: v.argsort(kind="stable"),
        nbytes=2.0 * values.nbytes,
    )
    yield case(
        "searchsorted 262144 in 4096",
        [at, values],
        lambda a, v: ops.searchsorted(a, v),
        th=lambda a, v: torch.searchsorted(a, v),
        jx=lambda a, v: jnp.searchsorted(a, v),
        np_=lambda a, v: np.searchsorted(a, v),
        nbytes=2.0 * values.nbytes,
    )
    numbers = _whole(1000, 1 << 18)
    yield case(
        "bincount 262144 of 1000",
        [numbers],
        lambda v: ops.bincount(v, minlength=1000),
        th=lambda v: torch.bincount(v, minlength=1000),
        jx=lambda v: jnp.bincount(v, length=1000),
        np_=lambda v: np.bincount(v, minlength=1000),
        nbytes=float(numbers.nbytes),
    )
    yield case(
        "one-hot 16384 of 1000",
        [numbers[:16384]],
        lambda v: ops.one_hot(v, 1000),
        th=lambda v: library.one_hot(v.long(), 1000).float(),
        jx=lambda v: nn.one_hot(v, 1000),
        nbytes=4000.0 * 16384,
    )
    yield case(
        "pad by reflection 1024x1024",
        [x],
        lambda v: ops.pad(v, ((8, 8), (8, 8)), mode="reflect"),
        th=lambda v: library.pad(v[None], (8, 8, 8, 8), mode="reflect"),
        jx=lambda v: jnp.pad(v, 8, mode="reflect"),
        np_=lambda v: np.pad(v, 8, mode="reflect"),
        nbytes=2.0 * x.nbytes,
    )
    yield case(
        "concatenate 4 of 1024x1024, columns",
        [x, x + 1, x + 2, x + 3],
        lambda *v: ops.concatenate(v, axis=1),
        th=lambda *v: torch.cat(v, 1),
        jx=lambda *v: jnp.concatenate(v, 1),
        np_=lambda *v: np.concatenate(v, 1),
        nbytes=8.0 * x.nbytes,
    )


def products():
    a, b, q = randn(8, 128, 16, 64), randn(8, 128, 16, 64), randn(64, 1000, 32)
    yield case(
        "einsum bqhd,bkhd->bhqk 8x128x16x64",
        [a, b],
        lambda u, v: ops.einsum("bqhd,bkhd->bhqk", u, v),
        th=lambda u, v: torch.einsum("bqhd,bkhd->bhqk", u, v),
        jx=lambda u, v: jnp.einsum("bqhd,bkhd->bhqk", u, v),
        np_=lambda u, v: np.einsum("bqhd,bkhd->bhqk", u, v, optimize=True),
        flops=2.0 * 8 * 16 * 128 * 128 * 64,
    )
    w = randn(5, 32, 64)
    yield case(
        "conv 5 32-64 @1000 n64",
        [q, w],
        lambda v, f: ops.conv(v, f, padding="same"),
        th=lambda v, f: library.conv1d(v, f, padding=2),
        jx=lambda v, f: jax.lax.conv_general_dilated(v, f, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")),
        prepare=(lambda v: v.transpose(1, 2).contiguous(), lambda f: f.permute(2, 1, 0).contiguous()),
        flops=2.0 * 64 * 1000 * 5 * 32 * 64,
    )
    c, f3 = randn(2, 16, 32, 32, 16), randn(3, 3, 3, 16, 32)
    yield case(
        "conv 3x3x3 16-32 @16x32x32 n2",
        [c, f3],
        lambda v, f: ops.conv(v, f, padding="same"),
        th=lambda v, f: library.conv3d(v, f, padding=1),
        jx=lambda v, f: jax.lax.conv_general_dilated(
            v, f, (1, 1, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
        ),
        prepare=(lambda v: v.permute(0, 4, 1, 2, 3).contiguous(), lambda f: f.permute(4, 3, 0, 1, 2).contiguous()),
        flops=2.0 * 2 * 16 * 32 * 32 * 27 * 16 * 32,
    )
    i = randn(32, 64, 64, 16)
    yield case(
        "average pool 3x3/2 16 @64 n32",
        [i],
        lambda v: ops.average_pool(v, 3, 2),
        th=lambda v: library.avg_pool2d(v, 3, 2),
        jx=lambda v: jax.lax.reduce_window(v, 0.0, jax.lax.add, (1, 3, 3, 1), (1, 2, 2, 1), "VALID") / 9,
        prepare=(lambda v: v.permute(0, 3, 1, 2),),
        nbytes=1.25 * i.nbytes,
    )
    spd, rhs = _spd(256), randn(256, 8)
    yield case(
        "Cholesky 256",
        [spd],
        ops.cholesky,
        th=torch and torch.linalg.cholesky,
        jx=jnp and jnp.linalg.cholesky,
        np_=np.linalg.cholesky,
        flops=256**3 / 3,
    )
    yield case(
        "solve 256, 8 right sides",
        [spd, rhs],
        ops.solve,
        th=torch and torch.linalg.solve,
        jx=jnp and jnp.linalg.solve,
        np_=np.linalg.solve,
        flops=2 * 256**3 / 3,
    )
    tall = randn(256, 64)
    yield case(
        "singular values and vectors 256x64",
        [tall],
        lambda v: ops.svd(v, full_matrices=False)[1],
        th=lambda v: torch.linalg.svd(v, full_matrices=False),
        jx=lambda v: jnp.linalg.svd(v, full_matrices=False),
        np_=lambda v: np.linalg.svd(v, full_matrices=False),
    )


def images_and_sounds():
    x = np.random.default_rng(0).random((8, 128, 128, 3), "float32")
    turn = np.tile(np.array([0.9, -0.2, 9, 0.2, 0.9, -7, 0, 0], "float32"), (8, 1))
    yield case("affine transform 8x128x128x3", [x, turn], ops.image.affine_transform, nbytes=2.0 * x.nbytes)
    yield case("gaussian blur 3x3, 8x128x128x3", [x], ops.image.gaussian_blur, nbytes=2.0 * x.nbytes)
    yield case("RGB to HSV 8x128x128x3", [x], ops.image.rgb_to_hsv, nbytes=2.0 * x.nbytes)
    sound = randn(16, 16000)
    window = torch and torch.hann_window(512)
    yield case(
        "STFT 16x16000, 512 by 256",
        [sound],
        lambda v: ops.stft(v, 512, 256, 512)[0],
        th=lambda v: torch.stft(v, 512, 256, window=window, return_complex=True),
        nbytes=3.0 * sound.nbytes,
    )
    scores, text = randn(16, 100, 40), _whole(39, 16, 20) + 1
    lengths, times = np.full(16, 20, "int32"), np.full(16, 100, "int32")
    yield case(
        "CTC loss 16x100x40",
        [text, scores, lengths, times],
        lambda t, v, n, m: ops.ctc_loss(t, v, n, m, mask_index=0),
        th=lambda t, v, n, m: library.ctc_loss(v.log_softmax(-1).transpose(0, 1), t, m, n, reduction="none"),
        nbytes=float(scores.nbytes),
    )


def random_numbers():
    n = 1 << 20
    drawn = {
        "uniform": (lambda: ckeras.random.uniform((n,), seed=1), lambda: torch.rand(n), jax and jax.random.uniform),
        "truncated normal": (
            lambda: ckeras.random.truncated_normal((n,), seed=1),
            lambda: torch.nn.init.trunc_normal_(torch.empty(n)),
            jax and (lambda key, shape: jax.random.truncated_normal(key, -2, 2, shape)),
        ),
        "whole numbers below 1000": (
            lambda: ckeras.random.randint((n,), 0, 1000, seed=1),
            lambda: torch.randint(0, 1000, (n,)),
            jax and (lambda key, shape: jax.random.randint(key, shape, 0, 1000)),
        ),
        "gamma": (
            lambda: ckeras.random.gamma((n,), 2.0, seed=1),
            lambda: torch.distributions.Gamma(2.0, 1.0).sample((n,)),
            jax and (lambda key, shape: jax.random.gamma(key, 2.0, shape)),
        ),
    }
    for name, (ours, theirs, in_jax) in drawn.items():
        yield case(
            f"random {name}, 1 M",
            [randn(1)],
            lambda _, ours=ours: ours(),
            th=lambda _, theirs=theirs: theirs(),
            jx=in_jax and (lambda _, f=in_jax: f(jax.random.key(1), (n,))),
            nbytes=4.0 * n,
        )


def cases(quick=False):
    if quick:
        return
    if torch:
        torch.set_grad_enabled(False)
    for family in (statistics, orders, products, images_and_sounds, random_numbers):
        yield from family()
    if torch:
        torch.set_grad_enabled(True)
