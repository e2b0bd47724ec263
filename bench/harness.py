"""One way to time everything: contestants interleaved, medians, ratios to the best peer and to the counted floor."""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass, field

THREADS = int(os.environ.get("CKERAS_NUM_THREADS", 0)) or os.cpu_count() or 1
OURS = "ckeras"
PEERS = ("numpy", "torch", "jax", "jaxlib", "keras", "tensorflow")


def set_threads():
    """Equal threads for all; call before NumPy and the peers load. XLA follows the CPUs that the process may use."""
    for name in ("CKERAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(THREADS)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


_missing = set()


def peer(module):
    """A peer's module, or `None` with a word about it. CKERAS_BENCH_PEERS, where set, names those to load."""
    wanted = os.environ.get("CKERAS_BENCH_PEERS")
    if wanted is not None and module not in wanted.split():
        return None
    if importlib.util.find_spec(module) is None:
        if module not in _missing:
            _missing.add(module)
            print(f"({module} is not installed: left out)")
        return None
    loaded = importlib.import_module(module)
    if module == "torch":
        loaded.set_num_threads(THREADS)
    return loaded


def versions():
    """What is installed of ckeras and its peers, by name."""
    found = {}
    for name in (OURS, *PEERS):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if name == OURS:
                found[name] = importlib.import_module(name).__version__
    return found


def machine():
    """The processor's name, the system and Python."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as f:
            name = next((line.partition(":")[2].strip() for line in f if line.startswith("model name")), name)
    except OSError:
        pass
    return (
        f"{name}, {os.cpu_count()} CPUs; {platform.system()} {platform.machine()}; Python {platform.python_version()}"
    )


@dataclass
class Case:
    name: str
    contestants: dict  # name -> callable; "ckeras" is ours, the others are peers
    flops: float = 0.0  # of one step, counted and not measured
    bytes: float = 0.0  # read and written once
    steps: int = 1  # that one call makes; times are a step's
    rate: str = ""  # "GFLOP/s" or "GB/s"; by default the first that is counted


@dataclass
class Result:
    name: str
    times: dict = field(default_factory=dict)  # contestant -> seconds of a step, one number a round
    flops: float = 0.0
    bytes: float = 0.0
    rate: str = ""
    failures: dict = field(default_factory=dict)  # contestant -> its exception

    @property
    def seconds(self):
        """contestant -> median of a step."""
        return {name: statistics.median(times) for name, times in self.times.items()}

    def add(self, other):
        """Takes in the rounds of the same case in another process."""
        for name, times in other.times.items():
            self.times.setdefault(name, []).extend(times)
        self.failures.update(other.failures)

    @property
    def ours(self):
        return self.seconds.get(OURS)

    @property
    def best(self):
        """(name, seconds) of the fastest peer, or `None`."""
        peers = {k: v for k, v in self.seconds.items() if k != OURS}
        return min(peers.items(), key=lambda kv: kv[1]) if peers else None

    @property
    def ratio(self):
        """How many times faster than the best peer ckeras is, or `None`."""
        return self.best[1] / self.ours if self.best and self.ours else None

    def floor(self, peak):
        """Seconds that the counted work takes at the measured peak, or `None`."""
        return peak.floor(self.flops, self.bytes) if peak and (self.flops or self.bytes) else None


def settle():
    """Waits until this process's threads stop spinning for more work: NumPy's OpenBLAS keeps on for 0.1 s."""
    end = time.perf_counter() + 1
    busy = True
    while busy and time.perf_counter() < end:
        before = time.process_time()
        time.sleep(0.02)
        busy = time.process_time() - before > 0.002


def measure(case, rounds, budget):
    """The `Result` of a case. Each round gives every contestant about `budget` seconds, one after the other.

    Between two contestants is a pause: the threads of most libraries wait for more work by spinning, and would take
    half of a two-core machine from whoever comes next. A contestant that needs more than a hundred budgets in all is
    out of the later rounds.
    """
    result = Result(case.name, {}, case.flops, case.bytes, case.rate)
    repeats, times = {}, result.times
    for name, call in case.contestants.items():
        settle()
        try:
            call()
            start = time.perf_counter()
            call()
        except Exception as e:  # a contestant that fails is reported, and the rest goes on
            result.failures[name] = f"{type(e).__name__}: {e}"
            continue
        once = max(time.perf_counter() - start, 1e-7)
        repeats[name], times[name] = max(1, min(20_000, int(budget / once))), []
    for _ in range(rounds):
        for name, times_of in times.items():
            if sum(times_of) * case.steps * repeats[name] > 100 * budget:
                continue
            call = case.contestants[name]
            settle()
            if repeats[name] > 1:
                for _ in range(min(repeats[name], 3)):
                    call()  # its caches and threads are awake
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times_of.append((time.perf_counter() - start) / repeats[name] / case.steps)
    return result


def duration(seconds):
    """Readable: microseconds, milliseconds or seconds at three digits."""
    for unit, scale in (("us", 1e6), ("ms", 1e3), ("s", 1.0)):
        value = seconds * scale
        if value < 1000 or unit == "s":
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def rate(result):
    """What ckeras reaches of the counted work in a second."""
    unit = result.rate or ("GFLOP/s" if result.flops else "GB/s" if result.bytes else "")
    counted = result.flops if unit == "GFLOP/s" else result.bytes
    return f"{counted / result.ours / 1e9:.0f} {unit}" if unit else "-"


def row(result, peak):
    cells = [result.name]
    floor = result.floor(peak)
    cells.append(duration(floor) if floor else "-")
    if not result.ours:
        return cells + [f"fails: {result.failures[OURS][:60]}", "-", "-", "-", "-"]
    cells += [duration(result.ours), rate(result)]
    cells += [f"{duration(result.best[1])} ({result.best[0]})", f"{result.ratio:.2f}"] if result.best else ["-", "-"]
    return cells + [f"{100 * floor / result.ours:.0f} %" if floor else "-"]


def table(title, results, peak):
    """A Markdown table; a ratio above 1 says that ckeras is faster."""
    return markdown(
        title,
        ["case", "floor", "ckeras", "rate", "best peer", "peer / ckeras", "share of peak"],
        [row(r, peak) for r in results],
    )


def markdown(title, header, rows, words=()):
    """A table under its title and what is to be said before it."""
    lines = ["| " + " | ".join(r) + " |" for r in (header, ["---"] * len(header), *rows)]
    return "\n".join([f"### {title}", "", *(line for w in words for line in (w, "")), *lines, ""])


def save(path, peak, groups, facts):
    """Everything as JSON: times of all contestants, counts, floors, ratios."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {
        title: [{**asdict(r), "seconds": r.seconds, "floor": r.floor(peak), "ratio": r.ratio} for r in results]
        for title, results in groups.items()
    }
    data = {**facts, "threads": THREADS, "peak": asdict(peak) if peak else None, "results": rows}
    path.write_text(json.dumps(data, indent=1) + "\n")
