"""Training many models at once."""

import concurrent.futures
import functools
import os
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl import runs, terminal
from jaxdl.data import Splits, check
from jaxdl.search.blocks import (
    Programs,
    Shared,
    Trained,
    compile_all,
    lower,
    make_blocks,
    train_block,
)
from jaxdl.search.memory import block_bytes, fitting
from jaxdl.search.plan import (
    COMPILE_SECONDS,
    MAX_PROGRAMS,
    Plan,
    check_plan,
    make_plan,
)
from jaxdl.search.record import write_run
from jaxdl.search.result import SweepResult
from jaxdl.search.space import Group, groups, is_static, sample, structures
from jaxdl.search.workers import place, worker_devices
from jaxdl.train import (
    DIVERGED,
    FATES,
    RUNNING,
    Outline,
    RecipeFunction,
    Structure,
    check_epochs,
    check_key,
    check_patience,
    flatten,
    inspect,
    on_device,
)

NOT_WRITTEN = (
    "the results could not be written to {} ({}); they are in what sweep returns"
)


def sweep(
    recipe: RecipeFunction,
    space: Any,
    data: Splits,
    *,
    key: jax.Array,
    members: int,
    epochs: int,
    patience: int | None = None,
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
        patience: how many epochs in a row a member may pass without a lower dev error
            (ties by dev loss) before it stops; the weights of its best epoch are kept.
            None: no early stopping, the last epoch's weights are kept. A block ends
            when all its members have; one that diverges ranks last all the same.
        run_dir: a folder for the results, made if need be; it must not hold a run.
        plan: how members are laid out; by default what `make_plan` says.
        progress: whether to show progress.

    Raises:
        DataError: the data cannot be trained on.
        MemoryError: a device has no room for one block.
        OSError: `run_dir` cannot be written, or holds a run; a disk that fails at the
            end is a warning, and the result is returned.
        RecipeError: the recipe cannot be traced.
        SpaceError: the space makes no sense.
        TypeError: another kind of key.
        ValueError: `epochs` or `patience` is below 1, or a plan that cannot be.
    """
    check_key(key)
    check_epochs(epochs)
    check_patience(patience)
    if plan is not None:
        check_plan(plan)
    check(data)
    hparams = sample(key, space, members)
    if run_dir is not None:
        runs.claim(run_dir)
    outlines = _outlines(recipe, space, hparams, data)
    devices = worker_devices()
    if plan is None:
        plan = make_plan(outlines.values(), devices[0].platform)
    width = plan.block_width
    blocks = make_blocks(groups(space, hparams, members), width)
    placed = {d: _share(d, data, key, patience) for d in dict.fromkeys(devices)}
    compiled = _compile(recipe, blocks, width, placed, progress)
    needed = max(block_bytes(p.epoch, placed[d]) for (_, d), p in compiled.items())
    devices = fitting(devices, needed, width)
    steps = {s: outline.steps_per_epoch for s, outline in outlines.items()}
    total = epochs * sum(len(b.members) * steps[b.structure] for b in blocks)

    with terminal.sweep_progress(members, total, enabled=progress) as show:
        reports = {
            int(block.members[0]): _reporter(
                block, epochs, steps[block.structure], show
            )
            for block in blocks
        }

        def work(block, device, stop):
            report = functools.partial(reports[int(block.members[0])], stop)
            programs = compiled[block.structure, device]
            return train_block(programs, block, width, placed[device], epochs, report)

        trained = place(work, blocks, devices)
    precisions = sorted({outline.precision for outline in outlines.values()})
    result = _gather(recipe, hparams, plan, tuple(precisions), trained)
    if run_dir is not None:
        try:
            write_run(run_dir, result, space, key, epochs, patience)
        except OSError as error:
            warnings.warn(NOT_WRITTEN.format(run_dir, error), stacklevel=2)
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


def _share(
    device: jax.Device, data: Splits, key: jax.Array, patience: int | None
) -> Shared:
    shared = Shared(
        on_device(data.train),
        on_device(data.dev),
        key,
        None if patience is None else np.int32(patience),
    )
    return jax.device_put(shared, device)


def _compile(
    recipe: RecipeFunction,
    blocks: list[Group],
    width: int,
    placed: dict[jax.Device, Shared],
    progress: bool,
) -> dict[tuple[Structure, jax.Device], Programs]:
    """Returns the programs of every structure and device, having told what to expect.

    All are traced before the first is compiled, and compiled before the first trains,
    so that errors come early.
    """
    first = {block.structure: block for block in blocks}
    programs = len(first) * len(placed)
    terminal.say(
        f"{sum(len(b.members) for b in blocks)} members in {len(blocks)} blocks of "
        f"{width}; compiling {programs} "
        f"program{'s' * (programs > 1)}, about {COMPILE_SECONDS:g} s each",
        enabled=progress,
    )
    lowered = {
        (structure, device): lower(recipe, block, width, shared)
        for structure, block in first.items()
        for device, shared in placed.items()
    }
    return dict(zip(lowered, compile_all(list(lowered.values())), strict=True))


def _reporter(
    block: Group,
    epochs: int,
    steps: int,
    show: Callable[[int, int, float], None],
) -> Callable[..., None]:
    """Returns what a block calls after each of its epochs of `steps` steps.

    A block that starts again shows nothing until it is where it was.
    """
    died, left, shown = 0, epochs, 0

    def report(stop, number, fate, metrics):
        nonlocal died, left, shown
        if stop.is_set():
            raise concurrent.futures.CancelledError
        if number < shown:
            return
        shown = number + 1
        before, died = died, int(np.sum(fate == DIVERGED))
        done = 1 if np.any(fate == RUNNING) else left  # else the block ends here
        left -= done
        error = metrics["dev_error"]
        best = np.min(error, initial=np.inf, where=np.isfinite(error))
        show(len(block.members) * steps * done, died - before, float(best))

    return report


def _gather(
    recipe: RecipeFunction,
    hparams: Any,
    plan: Plan,
    precisions: tuple[str, ...],
    trained: list[Trained],
) -> SweepResult:
    """Returns the blocks' results in the order of the members' ids."""
    order = np.argsort(np.concatenate([block.members for block in trained]))
    fate, stopped_at, kept_epoch = (
        np.concatenate([getattr(block, name) for block in trained])[order]
        for name in ("fate", "stopped_at", "kept_epoch")
    )
    curves = [block.metrics for block in trained]
    return SweepResult(
        recipe=recipe,
        hparams=hparams,
        metrics={
            name: np.concatenate([c[name] for c in curves], axis=1).T[order]
            for name in curves[0]
        },
        status=np.array(FATES)[fate],
        stopped_at=stopped_at,
        kept_epoch=kept_epoch,
        plan=plan,
        precisions=precisions,
        blocks=tuple(trained),
    )
