"""Random shapes beside PyTorch, sorted by ratio: shows the cliffs that no case of the tables stands on.

    python bench/sweep.py --seconds 120 --seed 1 conv matmul

A ratio is of medians of a few rounds in turn; calls of some microseconds are mostly the way into the library.
"""

import argparse
import time

from harness import OURS, THREADS, Case, measure, set_threads

ROUNDS, BUDGET = 3, 0.01  # seconds a round, of each of the two


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="of bench/shapes.py; all by default")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--below", type=float, default=0.8, help="cases of a lower ratio are shown")
    asked = parser.parse_args()
    set_threads()
    import torch  # after its threads are set

    from shapes import FAMILIES, Draw

    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(False)
    if unknown := set(asked.families) - set(FAMILIES):
        parser.error(f"no family is named {sorted(unknown)}; there are {sorted(FAMILIES)}")
    draw, rows, end = Draw(asked.seed), [], time.perf_counter() + asked.seconds
    while time.perf_counter() < end:
        drawn = FAMILIES[draw.one(asked.families or list(FAMILIES))](draw)
        if drawn is None:
            continue
        name, ours, theirs = drawn
        result = measure(Case(name, {OURS: ours, "torch": theirs}), ROUNDS, BUDGET)
        if result.failures:
            raise SystemExit(f"{name}: {result.failures}")
        rows.append((result.ratio, result.ours, result.best[1], name))
    rows.sort()
    behind = sum(ratio < 1 for ratio, *_ in rows)
    print(f"{len(rows)} cases of seed {asked.seed}: {behind} behind PyTorch, by ratio")
    for ratio, mine, other, name in rows:
        if ratio < asked.below:
            print(f"{ratio:5.2f}  {mine * 1e6:9.1f} us for {other * 1e6:9.1f}  {name}")


if __name__ == "__main__":
    main()
