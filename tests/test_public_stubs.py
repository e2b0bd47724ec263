"""Type stubs of the packages that load their names on first use are golden files, so that editors know the names.

`python tests/test_public_stubs.py` writes them anew.
"""

import ast
import importlib
import re
from pathlib import Path

import pytest

import ckeras

ROOT = Path(ckeras.__file__).parent
PACKAGES = ["callbacks", "layers", "metrics", "models", "ops", "optimizers", "saving", "utils"]


def _imports(sources):
    for name, (module, own) in sorted(sources.items(), key=lambda item: (item[1][0], item[0])):
        owner, _, last = module.rpartition(".")
        yield f"from {owner} import {last} as {name}" if own is None else f"from {module} import {own} as {name}"


def stub(package):
    """The text of `__init__.pyi`."""
    if package == "":
        sources = {n: (f"ckeras.{n}", None) for n in ckeras._MODULES}
        sources |= {n: (f"ckeras.{m}", n) for n, m in ckeras._NAMES.items()}
        own = ["__version__: str", "def version() -> str: ..."]
    else:
        module = importlib.import_module(f"ckeras.{package}")
        sources, own = dict(module._names.sources), []
        for node in ast.parse(Path(module.__file__).read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module != "ckeras":
                sources |= {a.asname or a.name: (node.module, a.name) for a in node.names}
            elif isinstance(node, ast.FunctionDef) and node.name[0] != "_":
                own.append(f"def {node.name}({ast.unparse(node.args)}): ...")
        sources.pop("Catalog", None)
        sources = {name: source for name, source in sources.items() if name[0] != "_"}
    names = sorted({*sources, *(re.split(r"def |\(|:", line)[1 if line.startswith("def") else 0] for line in own)})
    head = "# Generated from __init__.py by tests/test_public_stubs.py."
    return "\n".join([head, *_imports(sources), *own, f"__all__ = {names}"]) + "\n"


@pytest.mark.parametrize("package", ["", *PACKAGES])
def test_stub_names_what_the_package_has(package):
    assert (ROOT / package / "__init__.pyi").read_text() == stub(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_loads_and_a_star_import_has_them(package):
    module = importlib.import_module(f"ckeras.{package}")
    namespace = {}
    exec(f"from ckeras.{package} import *", namespace)
    for name in module.__all__:
        assert namespace[name] is getattr(module, name)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"module 'ckeras.{package}' has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


if __name__ == "__main__":
    for name in ["", *PACKAGES]:
        (ROOT / name / "__init__.pyi").write_text(stub(name))


def test_ops_name_all_that_their_modules_define():
    modules = [importlib.import_module(f"ckeras.ops.{f.stem}") for f in (ROOT / "ops").glob("[a-z]*.py")]
    names = [(m, name) for m in modules if "image_" not in m.__name__ for name in getattr(m, "__all__", ())]
    assert len(names) > 300
    for module, name in names:
        assert getattr(ckeras.ops, name) is getattr(module, name), f"{name} of {module.__name__}"
