"""Arguments to try of the primitives that move, find and mix elements: `cases` of rows of `opinfo`."""

import numpy as np


def _n(rng, *shape):
    return rng.standard_normal(shape)


def extend(rng):
    shapes = [((3, 4), ((1, 2), (0, 3))), ((5,), ((9, 12),)), ((2, 1, 3), ((0, 0), (2, 1), (0, 0)))]
    return [
        ((_n(rng, *s),), {"pairs": p, "mode": m}) for s, p in shapes for m in ("edge", "reflect", "symmetric", "wrap")
    ]


def frames(rng):
    cases = [((2, 20), 4, 8, 4), ((33,), 5, 9, 6), ((2, 3, 17), 3, 15, 1)]
    return [((_n(rng, *s),), {"count": c, "size": n, "step": step}) for s, c, n, step in cases]


def short_time_dft(rng):
    cases = [((2, 20), 4, 8, 4), ((33,), 5, 9, 6), ((2, 3, 17), 3, 15, 1), ((0, 9), 2, 4, 3)]
    return [((_n(rng, *s), _n(rng, n)), {"count": c, "step": step}) for s, c, n, step in cases]


def search(rng):
    edges = np.sort(rng.integers(0, 30, 21) * 0.5)
    return [
        ((edges, rng.integers(0, 30, s) * 0.5), {"side": side}) for s in ((33,), (3, 5)) for side in ("left", "right")
    ]


def bincount(rng):
    return [((rng.integers(0, 7, n).astype(dtype),), {"bins": 9}) for n in (0, 40) for dtype in ("int32", "int64")]


def resample(rng):
    places = rng.integers(0, 5, (7, 3)).astype("int32")
    return [
        ((_n(rng, 2, 5, 3), _n(rng, 7, 3), places), {"axis": 1}),
        ((_n(rng, 5, 17), _n(rng, 4, 1), places[:4, :1]), {"axis": 0}),
    ]


def gather(rng):
    at = rng.integers(-5, 5, (4, 3)).astype("int32")
    return [
        ((_n(rng, 5, 6), at), {"axis": 0}),
        ((_n(rng, 3, 5, 2), at[0].astype("int64")), {"axis": 1}),
        ((_n(rng, 5, 3), at), {"axis": 0, "along": True}),
    ]


def gather_grad(rng):
    at = rng.integers(0, 5, (4, 3)).astype("int32")
    return [
        ((at, _n(rng, 4, 3, 6)), {"axis": 0, "shape": (5, 6)}),
        ((at[0], _n(rng, 2, 3, 7)), {"axis": 1, "shape": (2, 5, 7)}),
        ((at, _n(rng, 4, 3)), {"axis": 0, "shape": (5, 3), "along": True}),
        ((at, _n(rng, 4, 3)), {"axis": 1, "shape": (4, 5), "along": True}),
    ]
