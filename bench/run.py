"""Runs all benches side by side with the peers that are installed: `python bench/run.py [--quick] [--markdown FILE]`.

Times are medians of interleaved rounds in several processes: the same loop may run half as fast again in the next
process, for everyone. The floor is the counted work at this machine's measured peak; a ratio above 1
says that ckeras is faster than the best peer. `pip install ".[bench]"` installs the peers.
"""

import argparse
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import harness

harness.set_threads()

import families  # noqa: E402  (threads are set before NumPy loads)
import goals  # noqa: E402
import kernels  # noqa: E402
import memory  # noqa: E402
import models  # noqa: E402
import networks  # noqa: E402
import overhead  # noqa: E402
import peak  # noqa: E402
import startup  # noqa: E402
import wide  # noqa: E402
from accounts import account  # noqa: E402

GROUPS = {
    "kernels": kernels,
    "families": families,
    "wide": wide,
    "models": models,
    "networks": networks,
    "overhead": overhead,
}
TITLES = {
    "kernels": "Kernels",
    "families": "Further families of kernels",
    "wide": "One case of every other family",
    "models": "Training steps",
    "networks": "Training steps of larger networks",
    "overhead": "Small calls",
}
BEGIN, END = "<!-- measured: written by bench/run.py -->", "<!-- end of what bench/run.py writes -->"


def introduction(limits, facts):
    installed = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return "\n".join(
        [
            f"Machine: {facts['machine']}; {harness.THREADS} threads for everyone; ckeras on {facts['isa']}.",
            f"Versions: {installed}.",
            f"Peak: {limits}" if limits else "Peak: not measured, for want of a C++ compiler.",
            f"Command: `{facts['command']}`; {facts['processes']} times in fresh processes, medians of all rounds.",
            "",
            "The floor is the counted work (flops, or each array moved once) at that peak; a ratio above 1 says that",
            "ckeras is faster than the best peer.",
            "",
        ]
    )


def shortfalls(groups):
    """The cases that a peer wins, the worst first."""
    behind = sorted((r.ratio, r) for rs in groups.values() for r in rs if r.ratio and r.ratio < 1)
    lines = [f"- {r.name}: {ratio:.2f} of {r.best[0]}; account: {account(r.name)}" for ratio, r in behind]
    failed = [f"- {r.name}: {r.failures['ckeras']}" for rs in groups.values() for r in rs if "ckeras" in r.failures]
    return "\n".join(["### Behind the best peer", "", *(lines or ["Nothing."]), *failed, ""])


def publish(path, text):
    """Writes between the markers of a page that has them, or a page of its own."""
    page = path.read_text() if path.exists() else ""
    if BEGIN in page and END in page:
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    else:
        before, after = "# Performance\n\n", "\n"
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def measure_group(name, quick, limits):
    """The results of a group's cases in this process, each shown as it comes."""
    rounds, budget = (3, 0.02) if quick else (3, 0.05)
    results = []
    for case in GROUPS[name].cases(quick):
        results.append(harness.measure(case, rounds, budget))
        print("  ".join(harness.row(results[-1], limits)), file=sys.stderr, flush=True)
    return results


def in_a_process(name, quick, limits):
    """`measure_group` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "group.pickle"
        path.write_bytes(pickle.dumps(limits))
        subprocess.run([sys.executable, *flags(), __file__, "--group", name, path, *["--quick"] * quick], check=True)
        return pickle.loads(path.read_bytes())


def flags():
    """This interpreter's -W options, for another."""
    return [f"-W{option}" for option in sys.warnoptions]


def merge(results, more):
    """The cases of a group with the rounds of one more process."""
    known = {r.name: r for r in results}
    for r in more:
        if r.name in known:
            known[r.name].add(r)
        else:
            results.append(r)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases and rounds, one process")
    parser.add_argument("--processes", type=int, help="how often each group is measured, in fresh processes (3)")
    parser.add_argument("--only", choices=[*GROUPS, "memory", "startup"], help="one group")
    parser.add_argument("--markdown", type=Path, help="also write the tables here, between the markers if it has them")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "bench.json")
    parser.add_argument("--group", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.group:
        path = Path(args.group[1])
        limits = pickle.loads(path.read_bytes())
        path.write_bytes(pickle.dumps(measure_group(args.group[0], args.quick, limits)))
        return 0
    processes = args.processes or (1 if args.quick else 3)
    peaks, groups = [], {}
    for _ in range(processes):
        for name in GROUPS:
            if args.only in (None, name):
                peaks.append(peak.measure())  # often: one in a bad moment must not move the median
                groups[TITLES[name]] = merge(groups.get(TITLES[name], []), in_a_process(name, args.quick, peaks[-1]))
    limits = peak.median(peaks) if peaks and all(peaks) else None
    facts = {
        "machine": harness.machine(),
        "isa": kernels.ckeras._engine.isa(),
        "versions": harness.versions(),
        "processes": processes,
        "command": "python bench/run.py" + " --quick" * args.quick,
    }
    texts = [introduction(limits, facts), *(harness.table(title, rs, limits) for title, rs in groups.items())]
    if args.only in (None, "memory"):
        rows = memory.measure()
        facts["memory"] = [{"name": name, "planned_mib": planned, **peaks} for name, planned, peaks in rows]
        texts.append(memory.table(rows))
    begun = {}
    if args.only in (None, "startup"):
        rows = startup.measure(args.quick)
        facts["startup"] = [
            dict(zip(("name", "import", "import_mib", "first_step", "step_mib", "load"), r)) for r in rows
        ]
        steps = startup.first_steps(args.quick)
        facts["first_steps"] = [dict(zip(("name", "ckeras", "keras"), r)) for r in steps]
        texts += [startup.table(rows), startup.first_steps_table(steps)]
        begun = goals.starts(rows, steps)
    texts += [shortfalls(groups), goals.table(groups, limits, begun)]
    print("\n".join(texts))
    harness.save(args.json, limits, groups, facts)
    if args.markdown:
        publish(args.markdown, "\n".join(texts))
    return any("ckeras" in r.failures for rs in groups.values() for r in rs)


if __name__ == "__main__":
    sys.exit(main())
