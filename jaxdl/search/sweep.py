"""Training many models at once."""

import os
import warnings
from typing import Any

import jax
import numpy as np

from jaxdl import runs
from jaxdl.data import Splits, check
from jaxdl.search.blocks import Shared
from jaxdl.search.distributions import SpaceError
from jaxdl.search.draws import random
from jaxdl.search.either import blanked
from jaxdl.search.engine import Engine
from jaxdl.search.groups import structures
from jaxdl.search.plan import MAX_PROGRAMS, Plan, check_plan, make_plan
from jaxdl.search.population import Population
from jaxdl.search.record import write_run
from jaxdl.search.repeats import Variant, data_of, expand, make_variants, mean
from jaxdl.search.result import SweepResult
from jaxdl.search.rungs import (
    Asking,
    Rung,
    Search,
    Standing,
    check_number,
    check_rung,
)
from jaxdl.search.space import is_static
from jaxdl.search.workers import worker_devices
from jaxdl.train import (
    FATES,
    RUNNING,
    Outline,
    Part,
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
    search: Search | None = None,
    patience: int | None = None,
    repeats: int = 1,
    folds: int | None = None,
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

    With repeats or folds, hyperparameters are a configuration, trained once for each
    repeat and fold; what is said of a member here holds within a repeat and fold.
    Searches and rankings go by means over them. See `variant` to train one by itself.

    Args:
        recipe: function from hyperparameters to a `Recipe`, written for one model.
        space: pytree of the shape of the hyperparameters: distributions, constants,
            and arrays `[members]` that are used as given.
        data: normalized train, dev and test sets; test is not looked at.
        key: a threefry key, `jax.random.key(seed)`.
        members: how many models, or configurations, at least 1.
        epochs: at least 1; that no member exceeds.
        search: who trains with which hyperparameters and how long, such as
            `halving()`; by default `random`: every member is drawn by itself and
            trains to the end.
        patience: how many epochs in a row a member may pass without a lower dev error
            (ties by dev loss) before it stops; the weights of its best epoch are kept.
            None: no early stopping, the last epoch's weights are kept. A block ends
            when all its members have; one that diverges ranks last all the same.
        repeats: how often each configuration is trained, with other initial weights,
            masks, folds and order of the data each time; at least 1.
        folds: into how many parts the train and dev sets together are divided, to be
            the dev set in turn while the rest trains, see `data.fold_rows`; the data
            stay normalized as they are. None: the sets as they are.
        run_dir: a folder for the results, made if need be; it must not hold a run.
        plan: how members are laid out; by default what `make_plan` says.
        progress: whether to show progress.

    Raises:
        DataError: the data cannot be trained on, or not be divided into such folds.
        MemoryError: a device has no room for one block.
        OSError: `run_dir` cannot be written, or holds a run; a disk that fails at the
            end is a warning, and the result is returned.
        RecipeError: the recipe cannot be traced.
        SpaceError: the space makes no sense, or what the search asks for.
        TypeError: another kind of key.
        ValueError: `epochs`, `patience` or `repeats` is below 1, or a plan that cannot
            be.
    """
    check_key(key)
    check_epochs(epochs)
    check_patience(patience)
    if plan is not None:
        check_plan(plan)
    check_number("sweep", "members", members, least=1)
    if search is not None and not callable(search):
        raise SpaceError(f"got search={search!r}; expected such as jaxdl.halving(3)")
    check(data)
    data, variants = make_variants(data, key, repeats, folds)
    asking = (search or random)(key, space, members, epochs)
    rung = next(asking)
    if run_dir is not None:
        runs.claim(run_dir)
    outlines = _outlines(recipe, space, rung.hparams, data_of(variants[0], data))
    devices = worker_devices()
    if plan is None:
        plan = make_plan(outlines.values(), devices[0].platform)
    engine = Engine(
        recipe,
        space,
        plan.block_width,
        steps={s: outline.steps_per_epoch for s, outline in outlines.items()},
        placed={d: _share(d, data, variants, patience) for d in dict.fromkeys(devices)},
        devices=devices,
        progress=progress,
    )
    population = Population(members * len(variants), epochs)
    while rung is not None:
        check_rung(rung, population.epochs[:: len(variants)], epochs)
        expanded = expand(rung, len(variants))
        engine.train(population, expanded)
        standing = population.standing(expanded.members)
        rung = _answer(asking, mean(standing, len(variants)))
    precisions = sorted({outline.precision for outline in outlines.values()})
    result = _result(recipe, plan, tuple(precisions), population, repeats, folds)
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
    device: jax.Device, data: Splits, variants: list[Variant], patience: int | None
) -> list[Shared]:
    """Returns what each variant is trained with; examples are there once."""

    def put(x):
        return jax.device_put(x, device)

    train = put(on_device(data.train))
    dev = train if data.dev is data.train else put(on_device(data.dev))
    patient = None if patience is None else put(np.int32(patience))
    return [
        Shared(
            train if v.train is None else Part(train, put(v.train)),
            dev if v.dev is None else Part(dev, put(v.dev)),
            put(v.key),
            patient,
        )
        for v in variants
    ]


def _answer(asking: Asking, standing: Standing) -> Rung | None:
    """Returns the rung that a search asks for next; None if it has ended."""
    try:
        return asking.send(standing)
    except StopIteration:
        return None


def _result(
    recipe: RecipeFunction,
    plan: Plan,
    precisions: tuple[str, ...],
    end: Population,
    repeats: int,
    folds: int | None,
) -> SweepResult:
    cut_short = (end.fate == RUNNING) & (end.epochs < end.most)  # by the search
    status = np.where(cut_short, "stopped", np.array(FATES)[end.fate])
    return SweepResult(
        recipe=recipe,
        hparams=blanked(end.hparams()),
        metrics=end.metrics,
        status=status,
        stopped_at=np.where(cut_short, end.steps, end.stopped_at),
        kept_epoch=end.kept_epoch,
        plan=plan,
        precisions=precisions,
        rungs=tuple(end.rungs),
        blocks=tuple(b and b._replace(carried=None) for b in end.blocks),
        places=end.places,
        repeats=repeats,
        folds=folds,
    )
