"""Runs all benches side by side with the peers that are installed: `python bench/run.py [--quick] [--markdown FILE]`.

Ratios above 1 say that ckeras is faster; the share compares with the work counted at this machine's measured peak.
"""

import argparse
from pathlib import Path

import harness

harness.set_threads()

import kernels  # noqa: E402  (threads are set before NumPy loads)
import models  # noqa: E402
import peak  # noqa: E402
import startup  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases and rounds")
    parser.add_argument("--markdown", type=Path, help="also write the tables here")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "bench.json")
    args = parser.parse_args()
    limits = peak.measure()
    head = f"{harness.THREADS} threads; {limits['flops'] / 1e9:.0f} GFLOP/s, {limits['bandwidth'] / 1e9:.0f} GB/s"
    texts, groups = [f"{head} ({limits['how']})\n"], {}
    print(texts[0])
    for title, module in (("Kernels", kernels), ("Models", models)):
        groups[title] = [harness.measure(c, rounds=3 if args.quick else 7) for c in module.cases(args.quick)]
        texts.append(harness.table(title, groups[title], limits))
        print(texts[-1])
    texts.append(startup.table())
    print(texts[-1])
    harness.save(args.out, limits, groups)
    if args.markdown:
        args.markdown.write_text("\n".join(texts))


if __name__ == "__main__":
    main()
