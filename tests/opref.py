"""Plain float64 references of the structured primitives, in NumPy: one definition each, with no eye to speed."""

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


def matmul(a, b, bias=None, transpose_a=False, transpose_b=False, activation=None):
    y = (np.swapaxes(a, -1, -2) if transpose_a else a) @ (np.swapaxes(b, -1, -2) if transpose_b else b)
    y = y if bias is None else y + bias
    return {None: lambda v: v, "relu": lambda v: np.maximum(v, 0), "sigmoid": sigmoid, "tanh": np.tanh}[activation](y)


def _taps(h, w, kh, kw, strides, dilation, pads):
    """For every filter tap, its place and the rows and columns of the padded image it reads, one an output pixel."""
    (sh, sw), (dh, dw) = strides, dilation
    oh = (h + pads[0] + pads[1] - (kh - 1) * dh - 1) // sh + 1
    ow = (w + pads[2] + pads[3] - (kw - 1) * dw - 1) // sw + 1
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * dh, i * dh + (oh - 1) * sh + 1, sh)
            cols = slice(j * dw, j * dw + (ow - 1) * sw + 1, sw)
            yield i, j, (slice(None), rows, cols), (oh, ow)


def _padded(x, pads, value=0.0):
    return np.pad(x, ((0, 0), pads[:2], pads[2:], (0, 0)), constant_values=value)


def _split(v, groups):
    return v.reshape(*v.shape[:-1], groups, v.shape[-1] // groups)


def conv2d(x, w, bias=None, strides=(1, 1), dilation=(1, 1), pads=(0, 0, 0, 0), groups=1):
    kh, kw, _, out = w.shape
    xp, y = _split(_padded(x, pads), groups), 0.0
    for i, j, at, _ in _taps(*x.shape[1:3], kh, kw, strides, dilation, pads):
        y = y + np.einsum("nhwgc,cgo->nhwgo", xp[at], _split(w[i, j], groups))
    y = y.reshape(*y.shape[:3], out)
    return y if bias is None else y + bias


def conv2d_grad_input(dy, w, shape, strides=(1, 1), dilation=(1, 1), pads=(0, 0, 0, 0), groups=1):
    dx = _split(_padded(np.zeros(shape), pads), groups)
    for i, j, at, _ in _taps(*shape[1:3], *w.shape[:2], strides, dilation, pads):
        dx[at] += np.einsum("nhwgo,cgo->nhwgc", _split(dy, groups), _split(w[i, j], groups))
    return dx.reshape(*dx.shape[:3], shape[3])[:, pads[0] : pads[0] + shape[1], pads[2] : pads[2] + shape[2]]


def conv2d_grad_filter(x, dy, shape, strides=(1, 1), dilation=(1, 1), pads=(0, 0, 0, 0), groups=1):
    dw, xp = np.zeros(shape), _split(_padded(x, pads), groups)
    for i, j, at, _ in _taps(*x.shape[1:3], *shape[:2], strides, dilation, pads):
        dw[i, j] = np.einsum("nhwgc,nhwgo->cgo", xp[at], _split(dy, groups)).reshape(shape[2:])
    return dw


def _first_maxima(x, size, strides, pads):
    """The maxima, which tap attains each first, and the taps; NaN counts as maximum."""
    taps = list(_taps(*x.shape[1:3], *size, strides, (1, 1), pads))
    stacked = np.stack([_padded(x, pads, -np.inf)[at] for _, _, at, _ in taps])
    return stacked.max(0), stacked.argmax(0), [at for _, _, at, _ in taps]


def max_pool2d(x, size, strides, pads):
    return _first_maxima(x, size, strides, pads)[0]


def max_pool2d_grad(x, dy, size, strides, pads):
    _, first, taps = _first_maxima(x, size, strides, pads)
    dx = _padded(np.zeros(x.shape), pads)
    for k, at in enumerate(taps):
        dx[at] += np.where(first == k, dy, 0)
    return dx[:, pads[0] : pads[0] + x.shape[1], pads[2] : pads[2] + x.shape[2]]


def max_pool2d_pick(x, v, size, strides, pads):
    _, first, taps = _first_maxima(x, size, strides, pads)
    vp = _padded(v, pads)
    return sum(np.where(first == k, vp[at], 0) for k, at in enumerate(taps))


def log_softmax(x):
    z = x - x.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def softmax(x):
    return np.exp(log_softmax(x))


def softmax_cross_entropy(logits, labels, ignore):
    rows = np.arange(len(labels))
    return np.where(labels == ignore, 0, -log_softmax(logits)[rows, np.where(labels == ignore, 0, labels)])


def softmax_cross_entropy_grad(logits, labels, g, ignore):
    hot = labels[:, None] == np.arange(logits.shape[1])
    return np.where((labels == ignore)[:, None], 0, g[:, None] * (softmax(logits) - hot))


def gather_grad(indices, g, axis, shape):
    out = np.zeros(shape)
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


def adam_update(alpha, *args, one_minus_beta_1, one_minus_beta_2, epsilon):
    out = []
    for i in range(0, len(args), 4):
        p, g, m, v = args[i : i + 4]
        m = m + (g - m) * one_minus_beta_1
        v = v + (g * g - v) * one_minus_beta_2
        out += [p - alpha * m / (np.sqrt(v) + epsilon), m, v]
    return out
