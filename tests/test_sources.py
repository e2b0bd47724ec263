"""Habits of the sources that a reader relies on: small files, no leftovers, no traces of a machine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KINDS = {".py", ".pyi", ".cpp", ".h", ".inc", ".def", ".md", ".toml", ".txt", ".cmake", ".sh"}
FOLDERS = ("python", "csrc", "tests", "bench", "docs", "examples", ".ci", "cmake")
FILES = sorted(
    f
    for folder in FOLDERS
    for f in (ROOT / folder).rglob("*")
    if f.is_file() and (f.suffix in KINDS or folder == ".ci") and "results" not in f.parts
)
# Where the library talks to its user: the progress bar and the summary.
MAY_PRINT = {"utils/progbar.py", "utils/summary.py", "utils/summary_utils.py", "utils/io_utils.py"}


def _found(pattern, files, allowed=()):
    rule = re.compile(pattern)
    return [
        f"{f.relative_to(ROOT)}:{n}: {line.strip()[:80]}"
        for f in files
        if f.name not in allowed
        for n, line in enumerate(f.read_text().splitlines(), 1)
        if rule.search(line)
    ]


def test_files_are_small():
    long = {str(f.relative_to(ROOT)): n for f in FILES if (n := len(f.read_text().splitlines())) > 700}
    assert long == {}, "cut them by idea: no file holds more than 700 lines"


def test_no_path_of_a_machine():
    assert _found(r"/(?:work|home|root|Users|tmp)/", FILES, allowed=("test_sources.py",)) == []


def test_nothing_is_left_to_do():
    assert _found(r"\b(?:TODO|FIXME|XXX|HACK)\b", FILES, allowed=("test_sources.py",)) == []


def test_the_library_does_not_print():
    library = ROOT / "python" / "ckeras"
    files = [f for f in FILES if f.is_relative_to(library) and str(f.relative_to(library)) not in MAY_PRINT]
    assert _found(r"^\s*print\(", files) == []


def test_cpp_is_formatted():
    wanted = re.search(r'"clang-format==([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    tool = shutil.which("clang-format")
    found = tool and subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
    if not tool or f"version {wanted}" not in found:  # another version has another opinion
        pytest.skip(f"clang-format {wanted} is not installed (extra `lint`)")
    files = [str(f) for f in FILES if f.suffix in (".cpp", ".h")]
    run = subprocess.run([tool, "--dry-run", "--Werror", *files], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[:2000]
