"""The page of all claims, written from the scripts and their records.

An example is the body of a script's function `example`, with the imports that it needs.
"""

import ast
import importlib
import inspect
import json
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent
RECORDS, FIGURES, PRINTED = (FOLDER / n for n in ("records", "figures", "printed"))
SEEDS = 100  # of the page

# The course's headings, each with its scripts.
HEADINGS = {
    "Setting up": ("split", "bias_variance", "inputs"),
    "Regularizing": ("regularization",),
    "Setting up the optimization": ("initialization", "gradient_check"),
    "Optimizing": ("batches", "averages", "optimizers", "decay"),
    "Tuning hyperparameters": ("random_or_grid", "importance", "panda"),
    "Batch normalization": ("batch_norm",),
    "Softmax classification": ("softmax",),
}
SCRIPTS = tuple(name for names in HEADINGS.values() for name in names)

INTRODUCTION = """\
# The claims of the course, measured

In the root of the project,

```sh
.venv/bin/pip install -q '.[sklearn,matplotlib]'
.venv/bin/python -m experiments.course
```

writes this page, its figures and its records. `python -m experiments.course decay` runs
one script; with `--seeds 20`, or any number but 100, records and figures go to
`runs/course` instead, and this page stays.

Each claim states its direction and the smallest effect that matters; a script begins
with both. An effect is a mean over n seeds, runs or draws, in brackets its 99 %
interval. **Seen** means that the interval excludes 0 on the claimed side, **reversed**
that it does so on the other side, **not settled** that it holds 0. So the verdict is on
the sign. *Small* means that the mean is smaller than the smallest effect that matters,
*size open* that the mean is not but the interval reaches below. Where ± stands, the
claim is that there is no effect: it is seen if the interval lies within ± that number.
Where an arm has its own best rate, it is chosen on other seeds. In split, panda,
random_or_grid and importance the rates are drawn; elsewhere all arms have one rate.
Data and split are the same for all seeds, but for the split's own claims: an
interval says nothing about other data. All of it speaks of small networks on small
data, most of them on scikit-learn's digits. What an example prints may have other
last digits on other processors. [course.ipynb](course.ipynb) is a notebook of the same
parts.
"""
LIBRARIES = {
    "jax": "import jax", "jnp": "import jax.numpy as jnp", "np": "import numpy as np",
    "dl": "import jaxdl as dl",
}  # fmt: skip
ROOMS = "diagnose", "nn", "optim"


def write() -> None:
    """Writes the page from the records that are there."""
    found = {p.stem: json.loads(p.read_text()) for p in RECORDS.glob("*.json")}
    records = {name: found[name] for name in SCRIPTS if name in found}
    parts = [INTRODUCTION, contents(records), summary(records)]
    parts += [section(script(name), record) for name, record in records.items()]
    (FOLDER / "README.md").write_text("\n".join(parts))


def script(name: str) -> ModuleType:
    """Returns the module of a script."""
    return importlib.import_module(f"experiments.course.{name}")


def contents(records: dict[str, Any]) -> str:
    """Returns the headings of the course, with links to the sections."""
    lines = ["| heading of the course | measured here |", "| --- | --- |"]
    for heading, names in HEADINGS.items():
        links = [f"[{title(script(n))}](#{anchor(n)})" for n in names if n in records]
        lines.append(f"| {heading} | {'<br>'.join(links)} |")
    return "\n".join([*lines, ""])


def summary(records: dict[str, Any]) -> str:
    """Returns all claims as a table, by number."""
    rows = [
        (f["number"], found_cells(f, f"[{name}](#{anchor(name)})"))
        for name, record in records.items()
        for f in record["findings"]
    ]
    lines = [
        "| | claim | verdict | effect | matters from | n | where |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(row for _, row in sorted(rows, key=lambda pair: pair[0])),
    ]
    lines += ["", not_seen(records)]
    total = sum(record["processor_seconds"] for record in records.values())
    machines = " and ".join(dict.fromkeys(map(machine, records.values())))
    lines += ["", f"Together {total:.0f} s of processor time on {machines}."]
    return "\n".join([*lines, ""])


def machine(record: dict[str, Any]) -> str:
    """Returns where a record was made."""
    where = record["surroundings"]
    jax = where["packages"]["jax"]
    return f"{where['cores']} cores of {where['processor']}, jax {jax}"


def not_seen(records: dict[str, Any]) -> str:
    """Returns a sentence that names the claims that these experiments do not show."""
    names = [
        f"{f['claim']} ({f['number']}, {f['verdict']})"
        for record in records.values()
        for f in record["findings"]
        if not f["verdict"].startswith("seen")
    ]
    return f"**Not seen here:** {'; '.join(names) or 'nothing'}."


def found_cells(f: dict[str, Any], where: str) -> str:
    """Returns a finding as a row of a table."""
    point = f["low"] == f["high"]
    ends = "" if point else f" [{number(f['low'])}, {number(f['high'])}]"
    effect = f"{number(f['mean'])}{ends} {f['unit']}"
    cells = [f["number"], f["claim"], verdict(f), effect]
    sign = {1: "", -1: "−", 0: "±"}[f["sign"]]
    cells += [f"{sign}{number(f['smallest'])}", f["n"], where]
    return f"| {' | '.join(map(str, cells))} |"


def verdict(f: dict[str, Any]) -> str:
    """Returns the verdict, and whether the size of the effect stays open."""
    ends = f["sign"] * f["low"], f["sign"] * f["high"]
    is_open = f["verdict"] == "seen" and f["sign"] and min(ends) < f["smallest"]
    return f["verdict"] + ", size open" * bool(is_open)


def section(module: ModuleType, record: dict[str, Any]) -> str:
    """Returns a script's section: findings, figures, code and what it prints."""
    name, printed = record["name"], PRINTED / f"{record['name']}.txt"
    text = inspect.getdoc(module) or ""
    file = f"[{name}.py]({name}.py), [record](records/{name}.json)"
    lines = [
        f'<a id="{anchor(name)}"></a>', f"## {title(module)}", "",
        *text.splitlines()[2:], "",
        f"{record['processor_seconds']:.0f} s of processor time; {file}.", "",
        "| | claim | verdict | effect | matters from | n |",
        "| --- | --- | --- | --- | --- | --- |",
        *(found_cells(f, "").removesuffix("|  |") + "|" for f in record["findings"]),
        "",
        *(f"![{alt}](figures/{file}.svg)\n" for file, alt in record["figures"].items()),
        "```python", example(module), "```", "", "It prints", "",
        "```text", printed.read_text().rstrip(), "```", "",
    ]  # fmt: skip
    return "\n".join(lines)


def example(module: ModuleType) -> str:
    """Returns the lines of a script's function `example`, to be run by themselves."""
    source = inspect.getsource(module.example)
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    lines = source.splitlines()[function.body[0].lineno - 1 :]
    lines = textwrap.dedent("\n".join(lines[:-1])).strip()  # without its return
    return f"{imports(lines)}\n\n{lines}"


def imports(lines: str) -> str:
    """Returns the imports that these lines need."""
    used = {n.id for n in ast.walk(ast.parse(lines)) if isinstance(n, ast.Name)}
    found = [line for name, line in LIBRARIES.items() if name in used]
    rooms = ", ".join(room for room in ROOMS if room in used)
    return "\n".join([*found, *[f"from jaxdl import {rooms}"] * bool(rooms)])


def title(module: ModuleType) -> str:
    """Returns the question that a script asks."""
    return (module.__doc__ or "").splitlines()[0]


def anchor(name: str) -> str:
    return f"script-{name}"


def number(value: float) -> str:
    """Returns a number with about three digits, with a real minus."""
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    digits = f"{value:.0e}" if 0 < abs(value) < 1e-3 else digits
    return digits.replace("-", "−")
