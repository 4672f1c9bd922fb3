"""Training many models at once."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl import runs, terminal
from jaxdl.data import Dataset, Splits, check
from jaxdl.search.blocks import (
    Block,
    Programs,
    Report,
    Trained,
    compile_all,
    lower,
    make_blocks,
    place,
    train_block,
    worker_devices,
)
from jaxdl.search.plan import MAX_PROGRAMS, Plan, check_plan, make_plan
from jaxdl.search.record import write_run
from jaxdl.search.result import SweepResult
from jaxdl.search.space import groups, is_static, sample, structures
from jaxdl.train import (
    RUNNING,
    Outline,
    RecipeFunction,
    Structure,
    check_epochs,
    check_key,
    flatten,
    inspect,
    on_device,
)


def sweep(
    recipe: RecipeFunction,
    space: Any,
    data: Splits,
    *,
    key: jax.Array,
    members: int,
    epochs: int,
    run_dir: str | os.PathLike[str] | None = None,
    plan: Plan | None = None,
    progress: bool = True,
) -> SweepResult:
    """Returns `members` models with random hyperparameters, trained side by side.

    Every member is a pure function of the code, the plan, its hyperparameters, the data
    and the key: its bits depend neither on how many members there are, nor on which
    share its block, nor on the device. All members see the same batches in the same
    order. A member that turns non-finite is stopped and put back to its last finite
    state; the others do not notice.

    Args:
        recipe: function from hyperparameters to a `Recipe`, written for one model.
        space: pytree of the shape of the hyperparameters: distributions, constants,
            and arrays `[members]` that are used as given.
        data: normalized train, dev and test sets; test is not looked at.
        key: a threefry key, `jax.random.key(seed)`.
        members: how many models, at least 1.
        epochs: at least 1.
        run_dir: a folder for the results, made if need be; it must not hold a run.
        plan: how members are laid out; by default what `make_plan` says.
        progress: whether to show progress.

    Raises:
        DataError: the data cannot be trained on.
        OSError: `run_dir` cannot be written, or holds a run.
        RecipeError: the recipe cannot be traced.
        SpaceError: the space makes no sense.
        TypeError: another kind of key.
        ValueError: `epochs` is below 1, or a plan that cannot be.
    """
    check_key(key)
    check_epochs(epochs)
    check(data)
    hparams = sample(key, space, members)
    if run_dir is not None:
        runs.claim(run_dir)
    outlines = _outlines(recipe, space, hparams, data)
    devices = worker_devices()
    plan = plan or make_plan(outlines.values(), devices[0].platform)
    check_plan(plan)
    blocks = make_blocks(groups(space, hparams, members), plan.block_width)
    placed = {d: _on(d, data, key) for d in devices}
    compiled = _compile(recipe, blocks, plan, placed, progress)
    steps = {s: outline.steps_per_epoch for s, outline in outlines.items()}
    total = epochs * sum(len(b.members) * steps[b.structure] for b in blocks)

    with terminal.sweep_progress(members, total, enabled=progress) as show:

        def work(block, device, stop):
            report = _reporter(block, steps[block.structure], show, stop)
            programs = compiled[block.structure, device]
            return train_block(
                programs, block, plan.block_width, *placed[device], epochs, report
            )

        trained = place(work, blocks, devices)
    result = _gather(recipe, hparams, plan, trained)
    if run_dir is not None:
        write_run(run_dir, result, space, key, epochs)
    return result


def _outlines(
    recipe: RecipeFunction, space: Any, hparams: Any, data: Splits
) -> dict[Structure, Outline]:
    """Returns the outline of every program the space can ask for, having checked it."""
    names, leaves, treedef = flatten(space)
    traced = {
        name: jax.ShapeDtypeStruct((), column.dtype)
        for name, leaf, column in zip(
            names, leaves, treedef.flatten_up_to(hparams), strict=True
        )
        if not is_static(leaf)
    }
    return {
        structure: inspect(recipe, traced, structure, data)
        for structure in structures(space, MAX_PROGRAMS)
    }


def _on(
    device: jax.Device, data: Splits, key: jax.Array
) -> tuple[Dataset, Dataset, jax.Array]:
    sets = on_device(data.train), on_device(data.dev)
    return jax.device_put((*sets, key), device)


def _compile(
    recipe: RecipeFunction,
    blocks: list[Block],
    plan: Plan,
    placed: dict[jax.Device, tuple[Dataset, Dataset, jax.Array]],
    progress: bool,
) -> dict[tuple[Structure, jax.Device], Programs]:
    """Returns the programs of every structure and device, and tells how long it took.

    All are traced before the first is compiled, so that a recipe's errors come early.
    """
    began = time.monotonic()
    first = {block.structure: block for block in reversed(blocks)}
    lowered = {
        (structure, device): lower(recipe, block, plan.block_width, *placed[device])
        for structure, block in first.items()
        for device in placed
    }
    compiled = compile_all(list(lowered.values()))
    terminal.say(
        f"{sum(len(b.members) for b in blocks)} members in {len(blocks)} blocks of "
        f"{plan.block_width}; programs compiled: {len(lowered)}, ready after "
        f"{time.monotonic() - began:.1f} s",
        enabled=progress,
    )
    return dict(zip(lowered, compiled, strict=True))


def _reporter(
    block: Block,
    steps: int,
    show: Callable[[int, int, float], None],
    stop: threading.Event,
) -> Report:
    """Returns what a block calls after each epoch of `steps` steps."""
    alive = len(block.members)

    def report(stopped_at, metrics):
        nonlocal alive
        if stop.is_set():
            raise InterruptedError("the sweep was stopped")
        before, alive = alive, int(np.sum(stopped_at == RUNNING))
        error = metrics["dev_error"]
        best = np.min(error, initial=np.inf, where=np.isfinite(error))
        show(len(block.members) * steps, before - alive, float(best))

    return report


def _gather(
    recipe: RecipeFunction, hparams: Any, plan: Plan, trained: list[Trained]
) -> SweepResult:
    """Returns the blocks' results in the order of the members' ids."""
    order = np.argsort(np.concatenate([block.members for block in trained]))
    stopped_at = np.concatenate([block.stopped_at for block in trained])[order]
    curves = [block.metrics for block in trained]
    return SweepResult(
        recipe=recipe,
        hparams=hparams,
        metrics={
            name: np.concatenate([c[name] for c in curves], axis=1).T[order]
            for name in curves[0]
        },
        status=np.where(stopped_at == RUNNING, "finished", "diverged"),
        stopped_at=stopped_at,
        plan=plan,
        blocks=tuple(trained),
    )
