"""Fails when code compiled for an instruction set can leak out of its namespace.

    python3 csrc/check_isa_symbols.py [--nm NM] ISA OBJECT... | ISA @FILE

An object of an `.isa.cpp` may define global and weak symbols only inside `ckeras::<isa>`: the linker keeps one copy of
every other inline function, maybe the AVX-512 one, and old machines would crash in it. FILE lists objects, one a line.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

# Bindings that other objects can see: global code and data, weak, unique, indirect.
_VISIBLE = frozenset("TDBRSGCVWuvwi")


def leaks(isa, symbols):
    """The visible symbols, as `nm -P` prints them, that are not in `ckeras::<isa>`."""
    inside = re.compile(rf"_Z(GV|GR|T[VITS])?Z*N[VrK]*[RO]?6ckeras{len(isa)}{isa}")
    rows = (line.split() for line in symbols.splitlines() if " " in line)
    return sorted({row[0] for row in rows if row[1] in _VISIBLE and not inside.match(row[0])})


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nm", default="nm")
    parser.add_argument("isa")
    parser.add_argument("objects", nargs="+")
    args = parser.parse_args(argv)
    objects = [
        path
        for name in args.objects
        for path in (Path(name[1:]).read_text().split() if name.startswith("@") else [name])
    ]
    found = False
    for path in objects:
        listing = subprocess.run([args.nm, "-P", "--defined-only", path], capture_output=True, text=True, check=True)
        for symbol in leaks(args.isa, listing.stdout):
            found = True
            print(
                f"{path}: {symbol} is visible outside of ckeras::{args.isa}; make it CKERAS_INLINE, or put it into an "
                "anonymous namespace inside ckeras::CKERAS_ISA",
                file=sys.stderr,
            )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
