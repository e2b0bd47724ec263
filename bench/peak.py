"""The measured peak: float32 FMA rate estimated from the best large matrix product here, and copy bandwidth."""

import time

import numpy as np

from ckeras import ops


def _best(call, rounds=9):
    call()
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def measure():
    """FLOP/s and bytes/s. The FMA rate is a lower bound: the faster of NumPy's and our own sgemm at 1536."""
    n = 1536
    a = np.random.default_rng(0).random((n, n), "float32")
    t = ops.convert_to_tensor(a)
    seconds = min(_best(lambda: a @ a, 4), _best(lambda: ops.matmul(t, t), 4))
    source = np.ones(1 << 22, "float32")  # 16 MiB
    target = np.empty_like(source)
    copy = _best(lambda: np.copyto(target, source))
    return {"flops": 2 * n**3 / seconds, "bandwidth": 2 * source.nbytes / copy, "how": "sgemm 1536, numpy copy 16 MiB"}
