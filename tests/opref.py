"""Plain float64 references of the structured primitives, in NumPy: one definition each, with no eye to speed."""

import itertools
import math
import statistics

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def _erfinv(x):
    """From the normal distribution's quantile, by one step of Newton's."""
    y = statistics.NormalDist().inv_cdf((x + 1) / 2) / math.sqrt(2)
    return y - (math.erf(y) - x) * math.sqrt(math.pi) / 2 * math.exp(y * y)


erfinv = np.vectorize(_erfinv, otypes=[float])


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def gelu_tanh(x):  # 1 + tanh(u) as 2 sigmoid(2 u), which does not cancel
    return x * sigmoid(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


def hard_sigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


def matmul(a, b, *rest, transpose_a=False, transpose_b=False, activation=None, residual=False):
    y = (np.swapaxes(a, -1, -2) if transpose_a else a) @ (np.swapaxes(b, -1, -2) if transpose_b else b)
    added = rest[-1] if residual else 0
    for bias in rest[: len(rest) - residual]:
        y = y + bias
    y = {None: lambda v: v, "relu": lambda v: np.maximum(v, 0), "sigmoid": sigmoid, "tanh": np.tanh}[activation](y)
    return y + added


def _taps(sizes, window, strides, dilation, pads):
    """For every tap of a window, its place and the places of the padded image it reads, one an output pixel."""
    for tap in itertools.product(*map(range, window[: len(sizes)])):
        reads = [slice(None)]
        for i, n, k, s, d, low, high in zip(tap, sizes, window, strides, dilation, pads[::2], pads[1::2]):
            results = (n + low + high - (k - 1) * d - 1) // s + 1
            reads.append(slice(i * d, i * d + (results - 1) * s + 1, s))
        yield tap, tuple(reads)


def _padded(x, pads, value=0.0):
    return np.pad(x, ((0, 0), *zip(pads[::2], pads[1::2]), (0, 0)), constant_values=value)


def _inner(xp, shape, pads):
    """The part of a padded array that is not padding."""
    return xp[(slice(None), *[slice(low, low + n) for low, n in zip(pads[::2], shape[1:])])]


def _split(v, groups):
    return v.reshape(*v.shape[:-1], groups, v.shape[-1] // groups)


def conv(x, w, bias=None, *, strides, dilation, pads, groups=1):
    xp, y = _split(_padded(x, pads), groups), 0.0
    for tap, at in _taps(x.shape[1:-1], w.shape, strides, dilation, pads):
        y = y + np.einsum("...gc,cgo->...go", xp[at], _split(w[tap], groups))
    y = y.reshape(*y.shape[:-2], w.shape[-1])
    return y if bias is None else y + bias


def conv_grad_input(dy, w, shape, *, strides, dilation, pads, groups=1):
    dx = _split(_padded(np.zeros(shape), pads), groups)
    for tap, at in _taps(shape[1:-1], w.shape, strides, dilation, pads):
        dx[at] += np.einsum("...go,cgo->...gc", _split(dy, groups), _split(w[tap], groups))
    return _inner(dx.reshape(*dx.shape[:-2], shape[-1]), shape, pads)


def conv_grad_filter(x, dy, shape, *, strides, dilation, pads, groups=1):
    dw, xp = np.zeros(shape), _split(_padded(x, pads), groups)
    for tap, at in _taps(x.shape[1:-1], shape, strides, dilation, pads):
        a, b = xp[at].reshape(-1, groups, shape[-2]), dy.reshape(-1, groups, shape[-1] // groups)
        dw[tap] = np.einsum("ngc,ngo->cgo", a, b).reshape(shape[-2:])
    return dw


def _window_taps(x, size, strides, pads):
    return [at for _, at in _taps(x.shape[1:-1], size, strides, (1,) * len(size), pads)]


def _first_maxima(x, size, strides, pads):
    """The maxima, and which tap attains each first; NaN counts as maximum."""
    stacked = np.stack([_padded(x, pads, -np.inf)[at] for at in _window_taps(x, size, strides, pads)])
    return stacked.max(0), stacked.argmax(0)


def max_pool(x, size, strides, pads):
    return _first_maxima(x, size, strides, pads)[0]


def max_pool_places(x, size, strides, pads):
    return list(_first_maxima(x, size, strides, pads)[:2])


def max_pool_grad(dy, places, shape, size, strides, pads):
    dx = _padded(np.zeros(shape), pads)
    for k, at in enumerate(_window_taps(np.zeros(shape), size, strides, pads)):
        dx[at] += np.where(places == k, dy, 0)
    return _inner(dx, shape, pads)


def max_pool_pick(v, places, size, strides, pads):
    vp = _padded(v, pads)
    return sum(np.where(places == k, vp[at], 0) for k, at in enumerate(_window_taps(v, size, strides, pads)))


def avg_pool(x, size, strides, pads):
    """Windows' sums over the sums of ones, so that padding does not count."""
    taps, xp, ones = _window_taps(x, size, strides, pads), _padded(x, pads), _padded(np.ones(x.shape), pads)
    return sum(xp[at] for at in taps) / sum(ones[at] for at in taps)


def avg_pool_grad(dy, shape, size, strides, pads):
    ones, dx = _padded(np.ones(shape), pads), _padded(np.zeros(shape), pads)
    taps = _window_taps(np.zeros(shape), size, strides, pads)
    count = sum(ones[at] for at in taps)
    for at in taps:
        dx[at] += dy / count
    return _inner(dx, shape, pads)


def log_softmax(x, axis=-1):
    z = x - x.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


def softmax(x, axis=-1):
    return np.exp(log_softmax(x, axis))


def softmax_cross_entropy(logits, labels, ignore):
    rows = np.arange(len(labels))
    return np.where(labels == ignore, 0, -log_softmax(logits)[rows, np.where(labels == ignore, 0, labels)])


def softmax_cross_entropy_grad(logits, labels, g, ignore):
    hot = labels[:, None] == np.arange(logits.shape[1])
    return np.where((labels == ignore)[:, None], 0, g[:, None] * (softmax(logits) - hot))


def gather(x, indices, axis, along=False):
    return np.take_along_axis(x, indices, axis) if along else np.take(x, indices, axis)


def gather_grad(indices, g, axis, shape, along=False):
    out = np.zeros(shape)
    if along:
        lines = np.moveaxis(out, axis, 0)
        others = np.indices(lines.shape)[1:, :1]
        np.add.at(lines, (np.moveaxis(indices, axis, 0), *others), np.moveaxis(g, axis, 0))
        return out
    moved = np.moveaxis(out, axis, 0)
    rank = indices.ndim
    np.add.at(moved, indices, np.moveaxis(g, range(axis, axis + rank), range(rank)))
    return out


def scatter(x, indices, updates, mode):
    out = x.copy()
    combine = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}.get(mode)
    for i, u in zip(indices, updates):
        out[i] = u if combine is None else combine(out[i], u)
    return out


def argsort(x, k, descending):
    x = x.astype("float64")
    return np.argsort(-x if descending else x, axis=-1, kind="stable")[..., :k]


def slice_(x, starts, steps, shape):
    return x[np.ix_(*[start + step * np.arange(n) for start, step, n in zip(starts, steps, shape)])]


def pad(x, value, lows, highs, interiors):
    for axis, (low, high, gap) in enumerate(zip(lows, highs, interiors)):
        n = x.shape[axis]
        wide = np.full((*x.shape[:axis], n + max(0, n - 1) * gap, *x.shape[axis + 1 :]), value, x.dtype)
        wide[(slice(None),) * axis + (slice(None, None, gap + 1),)] = x
        edges = [(max(0, low), max(0, high)) if i == axis else (0, 0) for i in range(x.ndim)]
        wide = np.pad(wide, edges, constant_values=value)
        x = wide[(slice(None),) * axis + (slice(max(0, -low), wide.shape[axis] - max(0, -high)),)]
    return x


def frames(x, count, size, step):
    return np.stack([x[..., i * step : i * step + size] for i in range(count)], -2)


def resample(x, weights, places, axis):
    taken = np.moveaxis(np.take(x, places, axis), (axis, axis + 1), (0, 1))
    share = weights.reshape(weights.shape + (1,) * (x.ndim - 1))
    return np.moveaxis((taken * share).sum(1), 0, axis)


def sgd_update(lr, *args, has_momentum, nesterov, momentum):
    out = []
    for i in range(0, len(args), 3 if has_momentum else 2):
        if has_momentum:
            p, g, m = args[i : i + 3]
            m = momentum * m - lr * g
            out += [p + momentum * m - lr * g if nesterov else p + m, m]
        else:
            out.append(args[i] - lr * args[i + 1])
    return out


def update(scalars, slots, rule):
    """The reference of an optimizer's update: `rule(p, g, slots, scalars, **attrs)` gives p and the new slots."""

    def ref(*args, **attrs):
        first, rest, out = args[:scalars], args[scalars:], []
        for i in range(0, len(rest), slots + 2):
            p, g, *mine = rest[i : i + slots + 2]
            out += rule(p, g, mine, first, **attrs)
        return out

    return ref


def adam_rule(p, g, s, k, amsgrad, one_minus_beta_1, one_minus_beta_2, epsilon):
    m = s[0] + (g - s[0]) * one_minus_beta_1
    v = s[1] + (g * g - s[1]) * one_minus_beta_2
    most = [np.maximum(s[2], v)] if amsgrad else []
    return [p - k[0] * m / (np.sqrt((most or [v])[0]) + epsilon), m, v, *most]


def lamb_rule(p, g, s, k, one_minus_beta_1, one_minus_beta_2, epsilon):
    m = s[0] + (g - s[0]) * one_minus_beta_1
    v = s[1] + (g * g - s[1]) * one_minus_beta_2
    r = m / k[1] / (np.sqrt(v / k[2]) + epsilon)
    a, b = np.linalg.norm(np.ravel(p)), np.linalg.norm(np.ravel(r))
    return [p - k[0] * (a / b if a > 0 and b > 0 else 1) * r, m, v]


def adafactor_rule(p, g, s, k, epsilon_1, epsilon_2, clip_threshold):
    rows, columns, squares = s
    square = g * g + epsilon_1
    if p.ndim < 2:
        squares = squares * k[1] + square * (1 - k[1])
    else:
        rows = rows * k[1] + square.mean(-1) * (1 - k[1])
        columns = columns * k[1] + square.mean(-2) * (1 - k[1])
        squares = (rows / rows.mean(-1, keepdims=True))[..., None] * columns[..., None, :]
    step = g / np.sqrt(squares)
    step /= max(np.sqrt(np.mean(step**2)) / clip_threshold, 1)
    return [p - step * k[0] * max(np.sqrt(np.mean(p**2)), epsilon_2), rows, columns, squares]


def muon_rule(p, g, s, k, nesterov, ns_steps, has_rms_rate, momentum, a, b, c, rms_rate):
    m = s[0] * momentum + g
    x = g + m * momentum if nesterov else m
    x = x / (np.linalg.norm(x) + 1e-7)
    x = x.T if p.shape[0] > p.shape[1] else x
    for _ in range(ns_steps):
        y = x @ x.T
        x = a * x + (b * y + c * y @ y) @ x
    x = x.T if p.shape[0] > p.shape[1] else x
    return [p - k[0] * x * (rms_rate * max(p.shape) ** 0.5 if has_rms_rate else 1), m]


def rmsprop_rule(p, g, s, k, has_momentum, centered, rho, one_minus_rho, momentum, epsilon):
    v = s[0] * rho + g * g * one_minus_rho
    mean = [s[-1] * rho + g * one_minus_rho] if centered else []
    step = k[0] * g / np.sqrt(v + epsilon - (mean[0] ** 2 if centered else 0))
    moved = [s[1] * momentum + step] if has_momentum else []
    return [p - (moved or [step])[0], v, *moved, *mean]


def adagrad_rule(p, g, s, k, epsilon):
    total = s[0] + g * g
    return [p - k[0] * g / np.sqrt(total + epsilon), total]


def adadelta_rule(p, g, s, k, rho, one_minus_rho, epsilon):
    v = s[0] * rho + g * g * one_minus_rho
    step = np.sqrt(s[1] + epsilon) * g / np.sqrt(v + epsilon)
    return [p - k[0] * step, v, s[1] * rho + step * step * one_minus_rho]


def adamax_rule(p, g, s, k, one_minus_beta_1, beta_2, epsilon):
    m, u = s[0] + (g - s[0]) * one_minus_beta_1, np.maximum(s[1] * beta_2, np.abs(g))
    return [p - k[0] * m / (u + epsilon), m, u]


def nadam_rule(p, g, s, k, one_minus_beta_1, one_minus_beta_2, epsilon):
    m, v = s[0] + (g - s[0]) * one_minus_beta_1, s[1] + (g * g - s[1]) * one_minus_beta_2
    return [p - k[0] * (m * k[1] + g * k[2]) / (np.sqrt(v * k[3]) + epsilon), m, v]


def lion_rule(p, g, s, k, beta_1, one_minus_beta_1, beta_2, one_minus_beta_2):
    return [p - k[0] * np.sign(s[0] * beta_1 + g * one_minus_beta_1), s[0] * beta_2 + g * one_minus_beta_2]


def schedule_free_rule(p, g, s, k, beta_1, one_minus_beta_1, one_minus_beta_2, epsilon):
    x = (p - one_minus_beta_1 * s[0]) / beta_1
    v = s[1] + (g * g - s[1]) * one_minus_beta_2
    z = s[0] - k[0] * g / (np.sqrt(v * k[1]) + epsilon)
    return [one_minus_beta_1 * z + beta_1 * (x + (z - x) * k[2]), z, v]


def ftrl_rule(p, g, s, k, power, l1, twice_shrinkage):
    n = s[0] + g * g
    z = s[1] + (g + twice_shrinkage * p) - (n**-power - s[0] ** -power) / k[0] * p
    return [(np.clip(z, -l1, l1) - z) / (n**-power / k[0] + k[1]), n, z]


def cumulative(ufunc):
    def ref(x, axis, reverse):
        return np.flip(ufunc.accumulate(np.flip(x, axis), axis), axis) if reverse else ufunc.accumulate(x, axis)

    return ref


def recurrence(a, b, axis, reverse):
    a, b = (np.moveaxis(x, axis, 0)[:: -1 if reverse else 1] for x in (a, b))
    out = b.copy()
    for i in range(1, len(out)):
        out[i] = a[i] * out[i - 1] + b[i]
    return np.moveaxis(out[:: -1 if reverse else 1], 0, axis)


def dft(re, im, sign):
    x = re + 1j * im
    y = np.fft.fft(x) if sign < 0 else np.fft.ifft(x) * x.shape[-1]
    return [y.real, y.imag]


def real_dft(x):
    y = np.fft.rfft(x)
    return [y.real, y.imag]


def short_time_dft(x, weights, count, step):
    return real_dft(np.stack([x[..., i * step :][..., : len(weights)] * weights for i in range(count)], -2))


def ctc_loss(logp, labels, label_lengths, lengths, blank):
    """The sum over all paths, one by one, and its derivative."""
    losses, grad = [], np.zeros_like(logp)
    for b, (n, t) in enumerate(zip(label_lengths, lengths)):
        want, total = tuple(labels[b, :n]), 0.0
        for path in itertools.product({blank, *want}, repeat=t):
            found = tuple(c for c, _ in itertools.groupby(path) if c != blank)
            if found == want:
                p = np.exp(sum(logp[b, i, c] for i, c in enumerate(path)))
                total += p
                for i, c in enumerate(path):
                    grad[b, i, c] -= p
        grad[b] /= total
        losses.append(-np.log(total))
    return [np.array(losses), grad]


def row_moments(x, rms, epsilon):
    """The mean of each row (0 with `rms`) and one over the root of its variance plus epsilon."""
    mean = np.zeros(len(x)) if rms else x.mean(1)
    return mean, 1 / np.sqrt(((x - mean[:, None]) ** 2).mean(1) + epsilon)


def layer_norm(x, *weights, rms, gamma, beta, epsilon):
    mean, rstd = row_moments(x, rms, epsilon)
    y = (x - mean[:, None]) * rstd[:, None] * (weights[0] if gamma else 1)
    return [y + (weights[-1] if beta else 0), mean, rstd]


def layer_norm_grad(x, dy, mean, rstd, *weights, rms, gamma, beta, epsilon):
    h, g = (x - mean[:, None]) * rstd[:, None], dy * (weights[0] if gamma else 1)
    dx = g - (0 if rms else g.mean(1, keepdims=True)) - h * (g * h).mean(1, keepdims=True)
    return [dx * rstd[:, None]] + ([(dy * h).sum(0)] if gamma else []) + ([dy.sum(0)] if beta else [])


def _scores(q, k, extras, causal, bias, mask, scale, cap):
    """Capped scores, logits and where they are seen, all [B, N, T, S]."""
    k = np.repeat(k, q.shape[2] // k.shape[2], 2)
    c = np.einsum("btnh,bsnh->bnts", q, k) * scale
    c = cap * np.tanh(c / cap) if cap else c
    seen = np.ones(c.shape, bool)
    if mask:
        seen = seen & extras[-1]
    if causal:
        seen = np.tril(seen)
    return c, np.where(seen, c + (extras[0] if bias else 0), -1e300), seen


def attention(q, k, v, *extras, causal, bias, mask, scale, cap):
    _, logits, _ = _scores(q, k, extras, causal, bias, mask, scale, cap)
    top = logits.max(-1)
    p = np.exp(logits - top[..., None])
    total = p.sum(-1)
    v = np.repeat(v, q.shape[2] // v.shape[2], 2)
    return [np.einsum("bnts,bsnh->btnh", p / total[..., None], v), top, total]


def attention_grad(q, k, v, y, dy, top, total, *extras, causal, bias, mask, scale, cap, wants_bias):
    c, logits, seen = _scores(q, k, extras, causal, bias, mask, scale, cap)
    share = q.shape[2] // k.shape[2]
    p = np.exp(logits - top[..., None]) / total[..., None]
    across = np.einsum("btnh,bsnh->bnts", dy, np.repeat(v, share, 2))
    dl = np.where(seen, p * (across - np.einsum("btnh,btnh->bnt", dy, y)[..., None]), 0)
    dc = dl * (1 - (c / cap) ** 2 if cap else 1) * scale

    def shared(x):
        return x.reshape(*k.shape[:3], share, k.shape[3]).sum(3)

    dq = np.einsum("bnts,bsnh->btnh", dc, np.repeat(k, share, 2))
    dk, dv = shared(np.einsum("bnts,btnh->bsnh", dc, q)), shared(np.einsum("bnts,btnh->bsnh", p, dy))
    return [dq, dk, dv, dl] if wants_bias else [dq, dk, dv]
