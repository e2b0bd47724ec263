"""Random shapes beside PyTorch, sorted by ratio: shows the cliffs that no case of the tables stands on.

    python bench/sweep.py --seconds 120 --seed 1 conv matmul

A ratio is of the lower quartiles of calls in turn; those of a few microseconds are mostly the way into the library.
"""

import argparse
import time

from harness import set_threads


def lower_quartile(run, budget):
    """Seconds of a call, of about as many as `budget` seconds hold."""
    run()
    begun = time.perf_counter()
    run()
    count = int(min(200, max(3, budget / max(time.perf_counter() - begun, 1e-7))))
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return sorted(times)[count // 4]


def compare(ours, theirs, rounds=3, budget=0.03, pause=0.01):
    """(seconds of ours, of theirs): medians of rounds in turn, with pauses in which threads stop spinning."""
    times = ([], [])
    for _ in range(rounds):
        for run, kept in zip((ours, theirs), times, strict=True):
            kept.append(lower_quartile(run, budget))
            time.sleep(pause)
    return tuple([sorted(kept)[rounds // 2] for kept in times])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="of bench/shapes.py; all by default")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--below", type=float, default=0.8, help="cases of a lower ratio are shown")
    asked = parser.parse_args()
    set_threads()
    import torch  # after its threads are set

    from harness import THREADS
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
        mine, other = compare(ours, theirs)
        rows.append((other / mine, mine, other, name))
    rows.sort()
    behind = sum(ratio < 1 for ratio, *_ in rows)
    print(f"{len(rows)} cases of seed {asked.seed}: {behind} behind PyTorch, by ratio")
    for ratio, mine, other, name in rows:
        if ratio < asked.below:
            print(f"{ratio:5.2f}  {mine * 1e6:9.1f} us for {other * 1e6:9.1f}  {name}")


if __name__ == "__main__":
    main()
