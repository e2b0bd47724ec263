"""What `ckeras.device` and its report say of drivers that are absent, old, empty or broken: fakes, built here in C."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import ckeras
from ckeras import _cuda
from ckeras._core import device as core_device
from ckeras._core.host import Hosted
from ckeras._core.primitive import PRIMITIVES

# A driver that answers as FAKE_* say; a library of kernels made with CUDA 13.0.
DRIVER = r"""
#include <stdlib.h>
#include <string.h>
static int of(const char* name, int otherwise) { const char* v = getenv(name); return v ? atoi(v) : otherwise; }
int cuDriverGetVersion(int* v) { *v = of("FAKE_VERSION", 13000); return 0; }
int cuInit(unsigned flags) { (void)flags; return of("FAKE_INIT", 0); }
int cuDeviceGetCount(int* n) { *n = of("FAKE_COUNT", 1); return 0; }
int cuDeviceGet(int* d, int i) { *d = i; return 0; }
int cuDeviceGetName(char* s, int n, int d) { (void)d; strncpy(s, "Fake 100", n); return 0; }
int cuDeviceGetAttribute(int* v, int a, int d) { (void)d; *v = a == 75 ? of("FAKE_MAJOR", 9) : 0; return 0; }
int cuDeviceTotalMem_v2(size_t* b, int d) { (void)d; *b = (size_t)3 << 30; return 0; }
"""
SOURCES = {
    "libcuda.so.1": DRIVER,
    "libckeras_cuda.so": "int ckeras_cuda_version(void) { return 13000; }",
    "libempty.so": "int nothing(void) { return 0; }",
}


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler to build drivers that are none")
    folder = tmp_path_factory.mktemp("fakes")
    for name, source in SOURCES.items():
        (folder / "source.c").write_text(source)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / name, folder / "source.c"], check=True)
    return folder


def look(fakes, monkeypatch, library="libckeras_cuda.so", **settings):
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    return _cuda.look(str(fakes / "libcuda.so.1"), fakes / library)


@pytest.mark.parametrize(
    "settings, why",
    [
        ({}, None),
        ({"FAKE_VERSION": 12040}, "the driver runs CUDA 12.4 at most and this build needs 13.0; install driver 580"),
        ({"FAKE_VERSION": 13020}, None),
        ({"FAKE_COUNT": 0}, "the driver sees no device"),
        ({"FAKE_INIT": 100}, "the driver sees no device"),
        ({"FAKE_INIT": 803}, "different versions; restart"),
        ({"FAKE_INIT": 34}, "the toolkit's stub"),
        ({"FAKE_INIT": 4711}, "the driver answers with error 4711"),
        ({"FAKE_MAJOR": 7}, "Fake 100 has compute capability 7.0, and the kernels need 8.0 or more"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES='' hides every device"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES='-1' hides every device"),
        ({"library": "absent.so"}, "this build of ckeras has no CUDA library: it was made with CKERAS_CUDA=OFF"),
        ({"library": "libempty.so"}, "the CUDA library cannot be loaded: .*ckeras_cuda_version"),
    ],
)
def test_obstacles(fakes, monkeypatch, settings, why):
    found = look(fakes, monkeypatch, **settings)
    if why is None:
        assert found.obstacle() is None
        assert _cuda.report(found)[-2:] == [
            "used     cpu:0",
            "why      CKERAS_DEVICE is not gpu; ckeras.device(...) chooses gpu:0 in a program",
        ]
        monkeypatch.setenv("CKERAS_DEVICE", "gpu")
        assert _cuda.report(found)[-2:] == ["used     gpu:0", "why      CKERAS_DEVICE is gpu"]
        return
    assert re.search(why, found.obstacle()), found.obstacle()
    assert any(re.search(why, line) for line in _cuda.report(found))


def test_report(fakes, monkeypatch):
    assert _cuda.report(look(fakes, monkeypatch, FAKE_COUNT=2))[:5] == [
        "driver   CUDA 13.0",
        "gpu:0    Fake 100, compute capability 9.0, 3.0 GiB",
        "gpu:1    Fake 100, compute capability 9.0, 3.0 GiB",
        "library  CUDA 13.0",
        "used     cpu:0",
    ]
    assert "numbered from 0" in look(fakes, monkeypatch).obstacle(7)


def test_no_driver(tmp_path):
    assert "there is no NVIDIA driver" in _cuda.look(str(tmp_path / "absent.so.1")).obstacle()
    (tmp_path / "text.so").write_text("no library")
    assert "cannot be loaded" in _cuda.look(str(tmp_path / "text.so")).obstacle()


def test_not_a_driver(fakes):
    assert "is no NVIDIA driver" in _cuda.look(str(fakes / "libempty.so")).obstacle()


def python(code, **environment):
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, *code],
        env={**os.environ, "PYTHONPATH": path, "CKERAS_CUDA_EMULATED": "", **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_one_command_says_it_all(fakes):
    status, text = python(["-m", "ckeras.device"], LD_LIBRARY_PATH=str(fakes), CUDA_VISIBLE_DEVICES="")
    assert status == 0
    assert "driver   CUDA 13.0" in text and "used     cpu:0" in text and "hides every device" in text
    status, text = python(["-m", "ckeras.device"], CKERAS_DEVICE="gpu", LD_LIBRARY_PATH=str(fakes), FAKE_COUNT="0")
    assert status == 1
    assert "error    CKERAS_DEVICE=gpu: the driver sees no device. Unset it to compute on the CPU" in text


def test_ckeras_device(fakes):
    one = ["-c", "import ckeras; print(ckeras.ops.ones(3).numpy())"]
    status, text = python(one, CKERAS_DEVICE="gpu", LD_LIBRARY_PATH=str(fakes), FAKE_INIT="803")
    assert status == 1 and "RuntimeError: CKERAS_DEVICE=gpu: the driver's library and its kernel module" in text
    status, text = python(one, CKERAS_DEVICE="GPU0")
    assert status == 1 and "ValueError: CKERAS_DEVICE: expected 'cpu' or 'gpu', got 'GPU0'; did you mean 'gpu'?" in text
    for value in ("", "cpu"):
        assert python(one, CKERAS_DEVICE=value) == (0, "[1. 1. 1.]\n")


def test_the_scope_says_why(fakes, monkeypatch):
    monkeypatch.setattr(_cuda.look, "__defaults__", (str(fakes / "libcuda.so.1"), fakes / "libckeras_cuda.so"))
    monkeypatch.setenv("FAKE_INIT", "803")
    monkeypatch.setenv("CKERAS_CUDA_EMULATED", "")
    monkeypatch.setattr(core_device, "_devices", {})
    for name in ("gpu", "cuda:0"):
        with pytest.raises(RuntimeError, match=r"restart the machine\. 'cpu:0' can"), ckeras.device(name):
            pass
    monkeypatch.setenv("FAKE_INIT", "0")
    with pytest.raises(RuntimeError, match=r"'gpu:3' cannot be used: the driver has 1 dev"), ckeras.device("gpu:3"):
        pass
    with pytest.raises(RuntimeError, match="no kernels for TPUs"), ckeras.device("tpu"):
        pass


def test_the_module_is_the_function():
    status, text = python(["-c", "import ckeras.device\nwith ckeras.device('cpu'): print('in')"])
    assert (status, text) == (0, "in\n")


def test_what_the_host_computes_for_a_gpu_is_listed():
    page = (pathlib.Path(__file__).parent.parent / "docs" / "cuda.md").read_text()
    listed = re.search(r"These\s+primitives,.*?\): (.*?)\. No other", page, re.DOTALL)[1]
    assert ckeras.ops.svd  # loads those of linear algebra
    hosted = [name for name, primitive in PRIMITIVES.items() if isinstance(primitive, Hosted)]
    assert re.findall(r"`(\w+)`", listed) == sorted(hosted)
