"""The type stub of the extension module is a golden file: names and arguments must be those of the module."""

import ast
import re
from pathlib import Path

import pytest

import ckeras._engine as engine

_STUB = ast.parse((Path(engine.__file__).parent / "_engine.pyi").read_text())


def _stub_members(body):
    """Public name -> argument names of a function, None for anything else."""
    members = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            is_property = any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)
            names = [a.arg for a in node.args.posonlyargs + node.args.args]
            members[node.name] = None if is_property else [name for name in names if name != "self"]
        elif isinstance(node, ast.ClassDef):
            members[node.name] = None
        elif isinstance(node, ast.AnnAssign):
            members[node.target.id] = None
    return {name: names for name, names in members.items() if not name.startswith("_") or name == "__init__"}


def _real_arguments(function):
    """Argument names, from the text signature or from the first line of a pybind11 docstring."""
    text = getattr(function, "__text_signature__", None) or re.match(r"\w+(\(.*\)) ->", function.__doc__).group(1)
    names = re.findall(r"(?:^\(|, )\$?(\w+)", text)
    return [name for name in names if name not in ("self", "module")]


def _real_members(owner):
    members = {}
    for name in vars(owner):
        value = getattr(owner, name)
        if name == "__init__" or not name.startswith("_"):
            members[name] = _real_arguments(value) if callable(value) and not isinstance(value, type) else None
    return members


def test_module_matches_stub():
    assert _real_members(engine) == _stub_members(_STUB.body)


@pytest.mark.parametrize("name", ["Array", "Cell", "Program"])
def test_class_matches_stub(name):
    stub = next(node for node in _STUB.body if isinstance(node, ast.ClassDef) and node.name == name)
    assert _real_members(getattr(engine, name)) == _stub_members(stub.body)
