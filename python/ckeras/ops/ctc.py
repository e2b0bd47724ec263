"""Connectionist temporal classification: the loss of label sequences without alignment, and decoding.

A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, "Connectionist temporal classification: labelling unsegmented
sequence data with recurrent neural networks", ICML 2006.
"""

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, DTypeError, GradientError, ShapeError
from ckeras._core.host import Hosted
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras.ops._common import as_dtype, float_operand, operand
from ckeras.ops.nn import log_softmax
from ckeras.ops.shape import to_shape

__all__ = ["ctc_decode", "ctc_loss"]


def _loss_vjp(ctx, g, of_shares):
    zero = getattr(of_shares, "_repeats", None)
    if zero is None or zero.item() != 0:
        raise GradientError("[ctc_loss] it has a first derivative alone; ops.stop_gradient one factor of the second")
    return (to_shape(g, (*g.shape, 1, 1)) * ctx.outputs[1], None, None, None)


ctc_loss_p = Primitive(
    "ctc_loss",
    lambda logp, labels, label_lengths, lengths, blank: [(logp.shape[:1], logp.dtype), (logp.shape, logp.dtype)],
    lambda logp, labels, label_lengths, lengths, blank: ((blank,), ()),
    _loss_vjp,
    "-log p(labels | logp [B, T, C]), and its derivative by logp",
    multi=True,
)


def _lengths(op, name, x, batch):
    x = operand(x)
    if x.dtype not in dtypes.INTS:
        raise DTypeError(f"[{op}] {name} must be integers, got {x.dtype}")
    if x.shape != (batch,):
        raise ShapeError(f"[{op}] {name} must have the shape ({batch},), got {x.shape}")
    return as_dtype(x, "int32")


def _blank(op, mask_index, classes):
    if isinstance(mask_index, bool) or not hasattr(mask_index, "__index__"):
        raise ArgumentError(f"[{op}] mask_index must be an integer, got {mask_index!r}")
    blank = mask_index.__index__()
    if not -classes <= blank < classes:
        raise ArgumentError(f"[{op}] mask_index={blank} is out of range for {classes} classes")
    return blank % classes


def _scores(op, name, x):
    x = float_operand(x)
    if x.ndim != 3:
        raise ShapeError(f"[{op}] {name} must be [batch, times, classes], got shape {x.shape}")
    return x


@public_op
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """The loss of label sequences `target [batch, labels]` under logits `output [batch, times, classes]`: `[batch]`.

    The first `target_length` labels and `output_length` times count; `mask_index` is the blank class, which may not be
    among the labels. Labels that do not fit into the times give an infinite loss and a derivative of 0. Raises
    `DataError` for labels and lengths out of range. It has a first derivative alone.

    >>> loss = ops.ctc_loss([[1, 2]], ops.zeros((1, 4, 3)), [2], [4])
    >>> loss.shape
    (1,)
    """
    x, labels = _scores("ctc_loss", "output", output), operand(target)
    if labels.dtype not in dtypes.INTS or labels.ndim != 2 or labels.shape[0] != x.shape[0]:
        raise ShapeError(
            f"[ctc_loss] target must be integers [batch, labels] of the batch of output {x.shape}; got {labels.dtype} "
            f"of shape {labels.shape}"
        )
    batch, _, classes = x.shape
    wide = as_dtype(x, "float32" if dtypes.SIZES[x.dtype] == 2 else x.dtype)
    loss, _ = ctc_loss_p.bind(
        log_softmax(wide, axis=-1),
        as_dtype(labels, "int32"),
        _lengths("ctc_loss", "target_length", target_length, batch),
        _lengths("ctc_loss", "output_length", output_length, batch),
        blank=_blank("ctc_loss", mask_index, classes),
    )
    return as_dtype(loss, x.dtype)


# ---- decoding: searches without a derivative, by NumPy


def _log_softmax(x):
    x = x.astype("float64")
    x = x - x.max(-1, keepdims=True, initial=-np.inf)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _greedy(x, lengths, blank, merge):
    batch, times, _ = x.shape
    best, score = x.argmax(-1), x.max(-1)
    inside = np.arange(times) < lengths[:, None]
    keep = inside & (best != blank)
    if merge:
        keep[:, 1:] &= best[:, 1:] != best[:, :-1]
    paths = np.full((1, batch, times), -1, "int32")
    for row, k, out in zip(best, keep, paths[0]):
        out[: k.sum()] = row[k]
    return paths, -np.where(inside, score, 0).sum(1, keepdims=True)


def _logaddexp(a, b):
    return np.logaddexp(a, b) if a > b or b > a or np.isfinite(a) else a


def _beam_search(x, lengths, blank, width, top):
    batch, times, _ = x.shape
    paths = np.full((top, batch, times), -1, "int32")
    scores = np.full((batch, top), -np.inf)
    for b, logp in enumerate(_log_softmax(x)):
        beams = _search_one(logp[: lengths[b]], blank, width)[:top]
        for i, (prefix, score) in enumerate(beams):
            paths[i, b, : len(prefix)] = prefix
            scores[b, i] = score
    return paths, scores


def _add(found, prefix, at_blank, at_label):
    old = found.get(prefix, (-np.inf, -np.inf))
    found[prefix] = (_logaddexp(old[0], at_blank), _logaddexp(old[1], at_label))


def _search_one(logp, blank, width):
    """The most probable label sequences, best first, with the logarithms of their probabilities."""
    beams = {(): (0.0, -np.inf)}  # prefix -> log p of the paths that end in a blank, and in its last label
    for row in logp:
        found = {}
        for prefix, (at_blank, at_label) in beams.items():
            both = _logaddexp(at_blank, at_label)
            _add(found, prefix, both + row[blank], at_label + row[prefix[-1]] if prefix else -np.inf)
            for label, p in enumerate(row):
                if label != blank:
                    repeats = prefix and prefix[-1] == label
                    _add(found, (*prefix, label), -np.inf, (at_blank if repeats else both) + p)
        ranked = sorted(found.items(), key=lambda item: -_logaddexp(*item[1]))  # of equals, the one found first
        beams = dict(ranked[:width])
    return [(prefix, _logaddexp(*ends)) for prefix, ends in beams.items()]


def _decode(x, lengths, strategy, width, top, merge, blank):
    times = x.shape[1]
    if ((lengths < 0) | (lengths > times)).any():
        raise ArgumentError(f"[ctc_decode] sequence_lengths must be from 0 to {times}, got {lengths.tolist()}")
    if strategy == "greedy":
        return _greedy(x, lengths, blank, merge)
    return _beam_search(x, lengths, blank, width, top)


ctc_decode_p = Hosted(
    "ctc_decode",
    lambda x, lengths, strategy, width, top, merge, blank: [
        ((top, *x.shape[:2]), "int32"),
        ((x.shape[0], top), x.dtype),
    ],
    _decode,
    doc="The labels of logits [B, T, C] by a greedy or beam search.",
    multi=True,
)


def _positive(name, n):
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
        raise ArgumentError(f"[ctc_decode] {name} must be a positive integer, got {n!r}")
    return n.__index__()


@public_op
def ctc_decode(
    inputs,
    sequence_lengths,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    """The label sequences that logits `[batch, times, classes]` stand for, and their scores.

    Gives int32 `[top_paths, batch, times]`, filled up with -1, and `[batch, top_paths]`. `"greedy"` takes the best
    class of each time (`top_paths` must be 1), merges repeated ones unless `merge_repeated` is false, and drops the
    blank `mask_index` (the last class for `None`); its score is minus the sum of the best logits. `"beam_search"` keeps
    the `beam_width` best prefixes at each time, sums the probabilities of all paths that give one, of which it gives
    the logarithms, and always merges.
    """
    x = _scores("ctc_decode", "inputs", inputs)
    if strategy not in ("greedy", "beam_search"):
        raise ArgumentError(f"[ctc_decode] strategy must be 'greedy' or 'beam_search', got {strategy!r}")
    width, top = _positive("beam_width", beam_width), _positive("top_paths", top_paths)
    if strategy == "greedy" and top != 1:
        raise ArgumentError(f"[ctc_decode] strategy='greedy' gives one path, got top_paths={top}; use 'beam_search'")
    if strategy == "beam_search" and top > width:
        raise ArgumentError(f"[ctc_decode] top_paths={top} is more than beam_width={width}")
    classes = x.shape[-1]
    blank = _blank("ctc_decode", classes - 1 if mask_index is None else mask_index, classes)
    paths, scores = ctc_decode_p.bind(
        as_dtype(x, "float32" if dtypes.SIZES[x.dtype] == 2 else x.dtype),
        _lengths("ctc_decode", "sequence_lengths", sequence_lengths, x.shape[0]),
        strategy=strategy,
        width=width,
        top=top,
        merge=bool(merge_repeated),
        blank=blank,
    )
    return paths, as_dtype(scores, x.dtype)
