"""The order of rooms: a module imports rooms below its own, none above, and never inside a function to hide one."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "python" / "ckeras"
# From the ground up. Rooms of one line may use each other, as long as their modules make no cycle.
ROOMS = [
    ["_engine", "_version", "_cuda", "_lazy", "_garbage"],
    ["_core"],
    ["ops", "_stateless", "_masks"],
    ["tree", "config", "random", "dtype_policies", "backend", "saving"],
    ["_catalog"],
    ["activations", "initializers", "regularizers", "constraints", "utils.bounding_boxes"],
    ["losses", "metrics", "optimizers"],
    ["layers", "mixed_precision"],
    ["saving.state", "saving.assets", "saving.legacy_h5", "saving.saving_api", "saving.file_editor"],
    ["utils"],
    ["preprocessing"],
    ["callbacks"],
    ["trainers"],
    ["models"],
    ["kernels", "applications", "datasets", "distillation", "legacy", "wrappers", "device"],
    [""],
]
# Loaded when first used, because heavy packages hang on it: rich, multiprocessing.
LAZY = {("models.model", "models.summary"), ("trainers.batch_data", "trainers.workers")}
FLOOR = {room: i for i, rooms in enumerate(ROOMS) for room in rooms}
MODULES = {
    ".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip("."): f
    for f in ROOT.rglob("*.py")
}


def room(module):
    parts = module.split(".")
    return next(r for n in range(len(parts), -1, -1) if (r := ".".join(parts[:n])) in FLOOR)


def imports(module):
    """(imported module of ours, line, whether inside a function)."""
    tree = ast.parse(MODULES[module].read_text())
    inner = {
        id(n)
        for f in ast.walk(tree)
        if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}:{node.lineno}: relative import"
            names = [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "ckeras":
                target = name.removeprefix("ckeras").lstrip(".")
                while target not in MODULES and target and target != "_engine":
                    target = target.rpartition(".")[0]
                yield target, node.lineno, id(node) in inner


def test_every_module_has_a_room():
    tops = {m.split(".")[0] for m in MODULES}
    assert tops <= {r.split(".")[0] for r in FLOOR}, "give the new room its place in ROOMS"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module):
    climbing = [
        f"line {line}: ckeras.{target}"
        for target, line, _ in imports(module)
        if FLOOR[room(target)] > FLOOR[room(module)] and target != module
    ]
    assert climbing == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_hides_in_a_function(module):
    assert [
        f"line {line}: ckeras.{target}"
        for target, line, inner in imports(module)
        if inner and (module, target) not in LAZY
    ] == []


def test_no_cycle():
    graph = {m: {t for t, _, inner in imports(m) if t in MODULES and t != m and not inner} for m in MODULES}
    # A package's own modules load through its __init__, which names them: that is no cycle.
    graph = {m: {t for t in ts if not m.startswith(t + ".") and t} for m, ts in graph.items()}
    done, path = set(), []

    def visit(m):
        if m in done:
            return
        assert m not in path, " -> ".join([*path[path.index(m) :], m])
        path.append(m)
        for t in sorted(graph[m]):
            visit(t)
        done.add(path.pop())

    for m in sorted(graph):
        visit(m)
