"""What a sweep would take on chips that this machine does not have.

Its programs are compiled for each chip, and the figures are the compiler's: nothing
runs.
"""

import concurrent.futures
import traceback
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import terminal
from jaxdl.data import Splits
from jaxdl.engine.aot import Built, NotCompiled, compile_for
from jaxdl.engine.bounds import EXPECTED_EPOCHS, with_bounds
from jaxdl.engine.devices import cores
from jaxdl.engine.inputs import Family, SharedInputs
from jaxdl.engine.layout import Block
from jaxdl.engine.memory import mebibytes
from jaxdl.engine.outlines import make_outlines
from jaxdl.engine.plan import EXPECTED_MEMBERS, Plan, make_plan
from jaxdl.engine.programs import Programs, export_for
from jaxdl.engine.target import COMPILERS, Target
from jaxdl.engine.task import Task, check_task
from jaxdl.engine.traffic import bytes_moved
from jaxdl.experiment.finding import Finding
from jaxdl.shown import count
from jaxdl.spaces.sample import sample, traced_types
from jaxdl.spaces.structures import label
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.facts import Facts, counts_for, facts_of
from jaxdl.train.outline import Outline
from jaxdl.train.part import on_device_shapes
from jaxdl.train.recipe import RecipeFunction

SHARE = 0.2  # of the roof: a forecast assumes this much, as no program reaches it
INSIDE = tuple(str(Path(m.__file__).parent) for m in (jax, terminal))
COLUMNS = (
    "program", "compiled in", "block", "takes", "of the chip", "widest",
    "operations", "moved", "roof, member-steps/s", "bound by",
)  # fmt: skip


class Program(NamedTuple):
    """A program of a space, exported for a target."""

    label: str
    outline: Outline
    width: int  # K
    exported: Programs | NotCompiled


def target_findings(
    recipe: RecipeFunction, space: Any, data: Splits, targets: Sequence[Target]
) -> Iterator[Finding]:
    """Yields for each target what its compiler says of every program of a space.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        space: as for `sweep`.
        data: checked train, dev and test sets.
        targets: whose compilers are installed.
    """
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        pending = []
        for target in targets:
            programs = exported_programs(recipe, space, data, target, [target.platform])
            whole = [p.exported for p in programs if isinstance(p.exported, Programs)]
            pending.append((target, programs, pool.submit(compile_for, target, whole)))
        for target, programs, future in pending:
            try:
                built = iter(future.result())
            except NotCompiled as error:
                yield Finding(False, f"{target.name}: {error}")
                continue
            yield from _of_target(target, programs, built)


def _of_target(
    target: Target, programs: list[Program], built: Iterator[Programs]
) -> Iterator[Finding]:
    rows, seconds = [], 0.0
    for program in programs:
        whole = isinstance(program.exported, Programs)
        parts = next(built) if whole else (program.exported,)
        errors = [part for part in parts if isinstance(part, Exception)]
        if errors:
            at = f" ({program.label})" if program.label else ""
            yield Finding(False, f"{target.name}: program{at}: {errors[0]}")
            continue
        row, roof = _row(target, program, Programs(*parts))
        rows.append(row)
        steps = EXPECTED_EPOCHS * program.outline.steps_per_epoch
        seconds += EXPECTED_MEMBERS / len(programs) * steps / roof / SHARE
    if rows:
        compiler = COMPILERS[target.platform]
        yield Finding(
            True,
            f"{target.name}: {count(len(rows), 'program')}, figures of the compiler "
            f"({compiler} {version(compiler)}), not measurements; "
            f"{EXPECTED_MEMBERS} members of {EXPECTED_EPOCHS} epochs take about "
            f"{seconds:,.1f} s at {SHARE:.0%} of the roof, plus the time to compile\n"
            f"{terminal.table(COLUMNS, rows)}",
        )


def _row(
    target: Target, program: Program, built: Programs
) -> tuple[tuple[Any, ...], float]:
    """Returns a row of the table, and the roof in member-steps a second."""
    epoch, width, outline = built.epoch, program.width, program.outline
    assert isinstance(epoch, Built) and isinstance(program.exported, Programs)
    steps = width * outline.steps_per_epoch
    operations = program.exported.epoch.operations / steps
    moved = bytes_moved(epoch.text) / steps
    roof = 1 / target.roof(outline.precision, operations, moved)
    in_memory = operations / moved < target.ridge(outline.precision) if moved else False
    return (
        program.label or "the only one",
        f"{built.start.seconds + epoch.seconds:.1f} s",
        f"{width} members",
        mebibytes(epoch.memory),
        f"{epoch.memory / target.memory_bytes:.1%}",
        f"about {_widest(target, epoch, width):,}",
        f"{operations / 1e6:,.2f} M",
        f"{moved / 1e3:,.1f} kB",
        f"{roof:,.0f}",
        "memory" if in_memory else f"{outline.precision} products",
    ), roof


def _widest(target: Target, epoch: Built, width: int) -> int:
    """Returns about how many members of a block fit into the memory of a chip.

    It assumes that all of a block's memory grows with its width, also the data.
    """
    return int(width * target.memory_bytes // epoch.memory)


def exported_programs(
    recipe: RecipeFunction,
    space: Any,
    data: Splits,
    target: Target,
    platforms: Sequence[str],
    plan: Plan | None = None,
) -> list[Program]:
    """Returns the programs that a sweep would have on a target.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        space: as for `sweep`.
        data: train, dev and test sets.
        target: which decides the plan.
        platforms: to export them for.
        plan: what it leaves open is decided here, as for a sweep.
    """
    key, usual = jax.random.key(0), (EXPECTED_MEMBERS, EXPECTED_EPOCHS)
    task = check_task(Task(recipe, space, data, key, *usual, plan=plan))
    hparams, facts = sample(key, space, 2), facts_of(data, EXPECTED_EPOCHS)
    task = with_bounds(task, hparams, {facts: data}, target.platform)
    outlines = make_outlines(task, hparams, {facts: data})
    where = target.platform, task.plan, len(outlines), target.device_kind
    width = make_plan(outlines.values(), *where).block_width
    assert width is not None
    types = traced_types(task.space, hparams)
    inputs = _inputs(recipe, data, key, facts)
    found = []
    for (structure, _), outline in outlines.items():
        traced = {n: np.zeros(1, t.dtype) for n, t in types.items()
                  if n in structure.names}  # fmt: skip
        block = Block(structure, Family(facts, None), np.arange(1), traced, 0, 1)
        bound = BoundRecipe(recipe, structure, facts)
        name = label(structure) if len(outlines) > 1 else ""
        exported = _exported(platforms, bound, outline, block, width, inputs)
        found.append(Program(name, outline, width, exported))
    return found


def _inputs(
    recipe: RecipeFunction, data: Splits, key: jax.Array, facts: Facts
) -> SharedInputs:
    """Returns the shapes and types of what all members of a block train with."""
    train, dev = (on_device_shapes(x) for x in (data.train, data.dev))
    counts = jax.eval_shape(lambda: counts_for(recipe, facts))
    shape: Any = jax.ShapeDtypeStruct((), key.dtype)
    return SharedInputs(train, dev, shape, None, counts)


def _exported(platforms: Sequence[str], *program: Any) -> Programs | NotCompiled:
    try:
        return export_for(platforms, *program)
    except NotImplementedError as error:  # of an operation without a lowering
        return NotCompiled(f"{error}{_place(error)}")


def _place(error: Exception) -> str:
    """Returns the line of the recipe that an error is of, after a comma."""
    frames = [
        frame
        for one in (error.__cause__, error)
        if one is not None
        for frame in traceback.extract_tb(one.__traceback__)
        if not frame.filename.startswith(INSIDE) and frame.line
    ]
    if not frames:
        return ""
    last = frames[-1]
    name = Path(last.filename).name
    return f", in line {last.lineno} of {name}: {last.line}"
