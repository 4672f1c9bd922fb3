"""Where the time of a training step goes, operation by operation, on one core.

python -m experiments.bench.operations [--workloads S,M,L,V] [--repeats 5] [--out DIR]

A block of the plan's width trains an epoch, as a sweep does, without evaluation: once
as it is, once under JAX's profiler; the matrix products alone take their turn beside
it. The time of each operation of the compiled program counts for the file of jaxdl
whose line made it, as a share of the profiled step. Where XLA merged several, it tells
the line of the last one.
"""

import argparse
import collections
import contextlib
import os
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp

import jaxdl as dl
from experiments.bench import material
from experiments.bench.peers import LeftOut, jaxdl_sweep, products
from experiments.bench.race import say
from experiments.bench.record import keep, surroundings
from experiments.bench.table import heading, row, spread
from experiments.bench.workloads import WORKLOADS, Case, Task, read_task
from jaxdl import train
from jaxdl.engine.programs import OPTIONS
from jaxdl.train.part import take

MEMBERS = 16  # no plan for a CPU is wider
FEW = 0.01  # a smaller share of the step is not told by itself
# In the text of a compiled program: a stack frame, an instruction with its opcode, of
# which primitive and frame it is, what it calls, and a computation with its body.
FRAME = r"^(\d+) {file_location_id=(\d+) parent_frame_id=(\d+)}"
OPCODE = r"^\s*(?:ROOT )?%(\S+) = (?:\(.*?\)|\S+) ([\w-]+)\("
TOLD = r'^\s*(?:ROOT )?%(\S+) = .*op_name="(?:[^"]*/)?([^"/]*)" stack_frame_id=(\d+)'
CALLS = r"^\s*(?:ROOT )?%(\S+) = .*calls=%([\w.-]+)"
COMPUTATION = r"^(?:ENTRY )?%([\w.-]+) \(.*\{\n((?:  .*\n)*)\}"
HOUSE = Path(dl.__file__).parent
HOLDERS = ("while", "call", "conditional")  # whose time is that of what they hold


def main() -> None:
    with contextlib.suppress(AttributeError):  # Linux alone has it
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    options = parser().parse_args()
    record = {
        "name": f"{time.strftime('%Y-%m-%d-%H%M%S')}-operations",
        "surroundings": surroundings(),
        "settings": {"repeats": options.repeats},
        "workloads": {w: measured(w, options.repeats) for w in options.workloads},
    }
    keep(record, markdown(record), options.out)
    print(markdown(record))


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("python -m experiments.bench.operations")
    options.add_argument(
        "--workloads", type=lambda x: x.split(","), default=list(WORKLOADS)
    )
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--out", type=Path, default=Path("runs/bench"))
    return options


def measured(workload: str, repeats: int) -> dict[str, Any]:
    """Returns the microseconds of a member-step, whole and by piece, of each repeat."""
    with tempfile.TemporaryDirectory() as folder:
        material.write(workload, MEMBERS, Path(folder))
        case = Case(workload, MEMBERS, False)
        task = read_task(case, MEMBERS, Path(folder), 0, 1)
    width = jaxdl_sweep.sweeper(task)(members=1, epochs=1).task.block_width
    epoch = epoch_of(task, width)
    pieces, alone = pieces_of(epoch.compiled.as_text()), products_of(task)
    names = "step", "products", "profiled", "pieces"
    found: dict[str, list[Any]] = {name: [] for name in names}
    for repeat in range(repeats):
        say(f"{workload}: repeat {repeat + 1} of {repeats}")
        found["step"].append(epoch.seconds() / epoch.steps * 1e6)
        found["products"].append(alone())
        whole, operations = profiled(epoch)
        parts = collections.defaultdict(float)
        for name in operations.keys() & pieces.keys():
            parts[pieces[name]] += operations[name] / epoch.steps * 1e6
        found["profiled"].append(whole / epoch.steps * 1e6)
        found["pieces"].append(dict(parts))
    return {"width": width, **found}


def products_of(task: Task) -> Any:
    """Returns what measures the microseconds of a member-step's products alone."""
    try:
        run = products.prepare(task)
    except LeftOut:
        return lambda: None

    def microseconds() -> float:
        began = time.perf_counter()
        steps, _ = run(1)
        return (time.perf_counter() - began) / steps * 1e6

    return microseconds


class Epoch(NamedTuple):
    """The compiled epoch of a block, its arguments, and its member-steps."""

    compiled: Any
    arguments: tuple[Any, ...]
    steps: int

    def seconds(self) -> float:
        """Returns the wall time of an epoch."""
        began = time.perf_counter()
        jax.block_until_ready(self.compiled(*self.arguments))
        return time.perf_counter() - began


def epoch_of(task: Task, width: int) -> Epoch:
    """Returns the epoch of a block of so many members, as a sweep trains them."""
    batch_size, recipe = task.workload.batch_size, jaxdl_sweep.recipe_of(task)
    step = train.make_step(recipe)

    def epoch(hparams, state, key, data):
        order = train.epoch_order(key, 0, len(data.labels), batch_size)
        return jax.lax.scan(
            lambda carry, rows: step(hparams, carry, take(data, rows)), state, order
        )

    hparams = dl.sample(jax.random.key(material.SEED), material.SPACE, width)
    hparams = jax.tree.map(jnp.asarray, hparams)
    keys = jax.random.split(jax.random.key(0), width)
    shape = task.train_inputs.shape[1:]
    begin = jax.jit(jax.vmap(lambda hp, key: train.init(recipe, hp, key, shape)))
    data = dl.data.Dataset(*map(jnp.asarray, (task.train_inputs, task.train_labels)))
    arguments = hparams, begin(hparams, keys), jax.random.key(1), data
    lowered = jax.jit(jax.vmap(epoch, (0, 0, None, None))).lower(*arguments)
    compiled = lowered.compile(compiler_options=cast(Any, OPTIONS["cpu"]))
    return Epoch(compiled, arguments, task.steps * width)


def pieces_of(text: str) -> dict[str, str]:
    """Returns the piece of jaxdl that each instruction of a program comes from.

    An instruction of which XLA tells nothing has the piece of the last one in what it
    calls of which it does; else XLA's word for it. Those that hold others are left out.

    Args:
        text: of the compiled program, with its tables of files and stack frames.
    """
    names = text.partition("FileNames")[2].partition("FunctionNames")[0]
    files = dict(re.findall(r'^(\d+) "(.*)"$', names, re.M))
    places = dict(re.findall(r"^(\d+) {file_name_id=(\d+) ", text, re.M))
    frames = {
        frame: (Path(files[places[place]]), str(int(parent) - 1))
        for frame, place, parent in re.findall(FRAME, text, re.M)
    }
    told: dict[str, str] = {}  # of instructions, and of computations by their last
    called: dict[str, str] = {}
    for computation, body in re.findall(COMPUTATION, text, re.M):
        opcodes = re.findall(OPCODE, body, re.M)
        told[computation] = f"XLA: {opcodes[-1][1]}"
        for name, primitive, frame in re.findall(TOLD, body, re.M):
            told[name] = told[computation] = f"{file_of(frames, frame)}: {primitive}"
        called |= re.findall(CALLS, body, re.M)
    return {
        name: told.get(name) or told.get(called.get(name, "")) or f"XLA: {opcode}"
        for name, opcode in re.findall(OPCODE, text, re.M)
        if opcode not in HOLDERS
    }


def file_of(frames: dict[str, tuple[Path, str]], frame: str) -> str:
    """Returns the innermost file of jaxdl in a stack."""
    while frame in frames:
        path, frame = frames[frame]
        if HOUSE in path.parents:
            return f"{path.parent.name}/{path.name}"
    return "the epoch"


def profiled(epoch: Epoch) -> tuple[float, dict[str, float]]:
    """Returns the seconds of an epoch, and of each of its instructions by name."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            whole = epoch.seconds()
        (path,) = Path(folder).rglob("*.xplane.pb")
        planes = jax.profiler.ProfileData.from_file(str(path)).planes
        found = collections.defaultdict(float)
        for line in (line for plane in planes for line in plane.lines):
            for event in line.events:
                found[event.name] += event.duration_ns / 1e9
    return whole, found


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table for each network."""
    lines = [heading(record), "Microseconds of a member-step, median (least to most)."]
    for name, found in record["workloads"].items():
        lines += ["", f"## {name}, blocks of {found['width']}", ""]
        lines += [row(["what", "microseconds", "of the step"]), row(["---"] * 3)]
        lines += [row(cells) for cells in rows(found)]
    return "\n".join(lines)


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Returns the step and its products alone, then its pieces, the longest first."""
    step, profiled, repeats = found["step"], found["profiled"], found["pieces"]

    def told(name: str, values: list[float], of: list[float]) -> list[str]:
        shares = [x / y for x, y in zip(values, of, strict=True)]
        return [name, spread(values), spread(shares)]

    pieces = {
        name: [each.get(name, 0.0) for each in repeats]
        for name in {name for each in repeats for name in each}
    }
    least = FEW * statistics.median(profiled)
    large = [n for n, x in pieces.items() if statistics.median(x) >= least]
    large.sort(key=lambda name: -statistics.median(pieces[name]))
    rest = [sum(each.values()) - sum(each.get(n, 0.0) for n in large)
            for each in repeats]  # fmt: skip
    lines = [told("the step", step, step)]
    if None not in found["products"]:
        lines.append(told("its matrix products alone", found["products"], step))
    lines.append(told("the step, profiled", profiled, step))
    lines += [told(name, pieces[name], profiled) for name in large]
    return [*lines, told("all others", rest, profiled)]


if __name__ == "__main__":
    main()
