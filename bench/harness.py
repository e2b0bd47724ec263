"""One way to time everything: contestants interleaved, medians, ratios to the best peer and to the counted floor."""

import importlib.util
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass, field

THREADS = int(os.environ.get("CKERAS_NUM_THREADS", os.cpu_count() or 1))


def set_threads():
    """Equal threads for all; call before NumPy and the peers load."""
    for name in ("CKERAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(THREADS)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def peer(module):
    """A peer's module, or None with a word about it."""
    if importlib.util.find_spec(module) is None:
        print(f"  ({module} is not installed: left out)")
        return None
    loaded = importlib.import_module(module)
    if module == "torch":
        loaded.set_num_threads(THREADS)
    return loaded


@dataclass
class Case:
    name: str
    contestants: dict  # name -> callable; "ckeras" is ours
    flops: float = 0.0  # counted, not measured
    bytes: float = 0.0  # read and written once


@dataclass
class Result:
    name: str
    seconds: dict
    flops: float = 0.0
    bytes: float = 0.0
    extra: dict = field(default_factory=dict)

    @property
    def ours(self):
        return self.seconds["ckeras"]

    @property
    def best(self):
        """(name, seconds) of the fastest peer, or None."""
        peers = {k: v for k, v in self.seconds.items() if k != "ckeras"}
        return min(peers.items(), key=lambda kv: kv[1]) if peers else None

    def floor(self, peak):
        """Seconds that the counted work takes at the measured peak."""
        return max(self.flops / peak["flops"], self.bytes / peak["bandwidth"])


def measure(case, rounds=7, budget=0.05):
    """Median seconds a call. Each round gives every contestant about `budget` seconds, one after the other."""
    repeats = {}
    for name, call in case.contestants.items():
        call()
        start = time.perf_counter()
        call()
        once = max(time.perf_counter() - start, 1e-7)
        repeats[name] = max(1, min(10_000, int(budget / once)))
    times = {name: [] for name in repeats}
    for _ in range(rounds):
        for name, call in case.contestants.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return Result(case.name, {k: statistics.median(v) for k, v in times.items()}, case.flops, case.bytes)


def table(title, results, peak):
    """A Markdown table; a ratio above 1 says that ckeras is faster."""
    lines = [
        f"### {title}",
        "",
        "| case | ckeras, us | best peer, us | ratio | share of peak |",
        "|---|---|---|---|---|",
    ]
    for r in results:
        best = f"{r.best[1] * 1e6:.1f} ({r.best[0]})" if r.best else "-"
        ratio = f"{r.best[1] / r.ours:.2f}" if r.best else "-"
        share = f"{100 * r.floor(peak) / r.ours:.0f} %" if r.flops or r.bytes else "-"
        lines.append(f"| {r.name} | {r.ours * 1e6:.1f} | {best} | {ratio} | {share} |")
    return "\n".join(lines) + "\n"


def save(path, peak, groups):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"threads": THREADS, "peak": peak, "results": {t: [asdict(r) for r in rs] for t, rs in groups.items()}}
    path.write_text(json.dumps(data, indent=1))
