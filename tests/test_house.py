"""The floors of the house: who may import whom, and how big things may get."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import jaxdl

ROOT = Path(jaxdl.__file__).parent
FLOORS = {
    "plain": 0, "counts": 0, "within": 0, "paths": 0, "leaves": 0, "extras": 0,
    "loader": 0, "one_of": 0, "near": 0, "shown": 0, "sketch": 0, "keys": 0,
    "nn": 1, "optim": 1, "data": 1, "runs": 1, "terminal": 1, "train": 2,
    "compilation_cache": 2, "diagnose": 2, "spaces": 3, "searches": 4, "engine": 5,
    "sweeps": 6, "report": 7, "interop": 7, "experiment": 7, "cli": 8,
    "__main__": 9,
}  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(file.relative_to(ROOT)) for file in FILES]


def imported_modules(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"{alias.name}." for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(room, tree):
    """Names the rooms that a file of `room` imports without being above them."""
    rooms = {m.split(".")[1] for m in imported_modules(tree) if m.startswith("jaxdl.")}
    return {r for r in rooms - {room} if FLOORS.get(r, 10) >= FLOORS[room]}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_file_imports_from_lower_floors_only(file):
    room = file.relative_to(ROOT).parts[0].removesuffix(".py")
    if room != "__init__":
        assert not violations(room, ast.parse(file.read_text()))


def test_the_floor_test_sees_an_import_upwards():
    assert violations("nn", ast.parse("from jaxdl.train import fit")) == {"train"}
    assert violations("nn", ast.parse("from jaxdl import optim")) == {"optim"}
    assert violations("nn", ast.parse("import jaxdl as dl")) == {""}
    assert violations("train", ast.parse("from jaxdl.nn import dense")) == set()


def test_the_architecture_names_the_imports_of_each_room():
    page = (ROOT.parent / "docs" / "architecture.md").read_text()
    told = {}
    for line in page.split("| room | imports |")[1].split("\n\n")[0].splitlines():
        if line.startswith("| `"):
            rooms, imports = (
                re.findall(r"`(\w+)[/.`]", x) for x in line.split("|")[1:3]
            )
            told |= dict.fromkeys(rooms, set(imports))
    told["cli"] = told.keys() - {"cli"}
    found = {room: set() for room in told}
    for file in FILES:
        room = file.relative_to(ROOT).parts[0].removesuffix(".py")
        names = imported_modules(ast.parse(file.read_text()))
        rooms = {name.split(".")[1] for name in names if name.startswith("jaxdl.")}
        found.setdefault(room, set()).update(r for r in rooms if FLOORS.get(r, 0) > 1)
    assert told == {room: found[room] - {room} for room in told}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_files_and_functions_stay_small(file):
    text = file.read_text()
    assert text.count("\n") <= (40 if file == ROOT / "__init__.py" else 300)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node) or ""
            assert node.end_lineno - node.lineno - doc.count("\n") <= 60, node.name


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_nothing_is_unpickled_or_evaluated(file):
    forbidden = {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
    tree = ast.parse(file.read_text())
    assert not forbidden & {name.split(".")[0] for name in imported_modules(tree)}
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call)
              and isinstance(n.func, ast.Name)}  # fmt: skip
    assert not called & {"eval", "exec"}


def test_every_public_name_is_documented():
    rooms = FLOORS.keys() - {
        "plain", "counts", "within", "paths", "leaves", "extras", "loader", "one_of",
        "near", "shown", "sketch", "terminal", "keys", "compilation_cache", "cli",
        "__main__",
    }  # fmt: skip
    for module in (jaxdl, *(getattr(jaxdl, room) for room in rooms)):
        for name in module.__all__:
            public = getattr(module, name)
            if inspect.isfunction(public) or inspect.isclass(public):
                doc = public.__doc__ or ""
                # A dataclass or NamedTuple without one gets its signature for a text.
                assert doc and not doc.startswith(f"{name}("), f"{module}.{name}"
