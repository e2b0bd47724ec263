"""Code of one instruction set stays in its namespace, and the extension needs nothing but glibc."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ckeras import _engine as engine

ROOT = Path(__file__).resolve().parents[1]
CHECK = ROOT / "csrc" / "check_isa_symbols.py"
COMPILER = shutil.which("c++") or shutil.which("g++")


def _check(*arguments):
    return subprocess.run([sys.executable, CHECK, *map(str, arguments)], capture_output=True, text=True)


_CLEAN = """
#include "base/view.h"
#include "cpu/parallel.h"
namespace ckeras::CKERAS_ISA {
namespace { int hidden(int x) { return x + 1; } }
int visible(const View& v) { return hidden(v.rank) + static_cast<int>(v.size()); }
template <class T> T generic(T x) { return x; }
template int generic<int>(int);
inline int counted() { static int n = visible({}); return ++n; }
int (*use)() = counted;
}
"""
_LEAKS = {
    "a shared inline function": "namespace ckeras { inline int leak(int x) { return x * 2; } int (*use)(int) = leak; }",
    "a template of the library": "#include <algorithm>\nint use(int a, int b) { return *std::max_element(&a, &b); }",
    "another ISA's namespace": "namespace ckeras::other { int leak() { return 1; } }",
    "C linkage": 'extern "C" int leak() { return 1; }',
}


@pytest.mark.skipif(not (COMPILER and shutil.which("nm")), reason="needs a C++ compiler and nm")
@pytest.mark.parametrize("leak", [None, *_LEAKS])
def test_checker_finds_leaks(tmp_path, leak):
    source, target = tmp_path / "unit.cpp", tmp_path / "unit.o"
    source.write_text(_LEAKS.get(leak, _CLEAN))
    flags = ["-std=c++20", "-O0", f"-I{ROOT / 'csrc'}", "-DCKERAS_ISA=avx2", "-DCKERAS_ISA_AVX2=1", "-mavx2", "-mfma"]
    if not re.search("x86|i[3-6]86", subprocess.run([COMPILER, "-dumpmachine"], capture_output=True, text=True).stdout):
        flags = flags[:-2]
    subprocess.run([COMPILER, *flags, "-c", source, "-o", target], check=True)
    result = _check("avx2", target)
    assert result.returncode == (0 if leak is None else 1), result.stderr
    assert bool(leak) == ("is visible outside of ckeras::avx2" in result.stderr)


def test_build_tree_is_clean():
    """The build runs the same check on its own objects; here they are looked at again where a build tree is at hand."""
    lists = sorted(ROOT.glob("build*/**/objects_*.txt"))
    checked = 0
    for path in lists:
        if all(Path(line).exists() for line in path.read_text().split()):
            result = _check(path.stem.removeprefix("objects_"), f"@{path}")
            assert result.returncode == 0, result.stderr
            checked += 1
    if not checked:
        pytest.skip("no build tree beside the sources")


@pytest.mark.skipif(not (sys.platform == "linux" and shutil.which("readelf")), reason="needs readelf on Linux")
def test_extension_needs_glibc_only():
    dynamic = subprocess.run(["readelf", "-dW", engine.__file__], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    assert needed
    assert [name for name in needed if not re.match(r"(libc|libm|libpthread|libdl|librt|ld-linux.*)\.so", name)] == []


@pytest.mark.skipif(not (sys.platform == "linux" and shutil.which("nm")), reason="needs nm on Linux")
def test_extension_exports_its_entry_only():
    symbols = subprocess.run(["nm", "-DP", "--defined-only", engine.__file__], capture_output=True, text=True).stdout
    assert [line.split()[0] for line in symbols.splitlines()] == ["PyInit__engine"]
