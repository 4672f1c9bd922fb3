"""Training many models at once."""

import contextlib
import os
import warnings
from collections.abc import Callable
from inspect import signature
from typing import Any

import jax
import numpy as np

from jaxdl import runs
from jaxdl.data import Splits, check
from jaxdl.engine.blocks import Shared
from jaxdl.engine.checkpoints import Keeper
from jaxdl.engine.engine import Engine
from jaxdl.engine.plan import MAX_PROGRAMS, Plan, check_plan, make_plan
from jaxdl.engine.population import Population
from jaxdl.engine.progress import SweepProgress
from jaxdl.engine.workers import worker_devices
from jaxdl.searches.one_rung import draws_each_alone, random
from jaxdl.searches.rungs import Asking, Rung, Search, check_number, check_rung
from jaxdl.spaces.distributions import SpaceError
from jaxdl.spaces.sample import is_static
from jaxdl.spaces.structures import structures
from jaxdl.sweeps.repeats import (
    Variant,
    data_of,
    expand,
    make_variants,
    mean,
    step_keys,
)
from jaxdl.sweeps.result import SweepResult, make_result
from jaxdl.sweeps.specification import specify, write_results
from jaxdl.train import (
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
    extend: bool = False,
    plan: Plan | None = None,
    progress: bool | Callable[[SweepProgress], None] = True,
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
        run_dir: a folder that keeps the run, made if need be. The same call goes on
            with a run that was cut short, and returns what a finished one had.
        extend: whether the run in `run_dir` may have had fewer members or epochs, to
            which the others are added; with a search of one rung, such as the default.
        plan: how members are laid out; by default what `make_plan` says.
        progress: whether to show progress; or a function that is told instead, about
            every second and at the end of each rung: it takes a `SweepProgress`.

    Raises:
        DataError: the data cannot be trained on, or not be divided into such folds.
        MemoryError: a device has no room for one block.
        OSError: `run_dir` cannot be written, is damaged, or another process trains
            there; when the results fail to be written at the end, that is a warning.
        RecipeError: the recipe cannot be traced.
        RunMismatchError: `run_dir` holds a run of another sweep.
        SpaceError: the space makes no sense, or what the search asks for; there is
            nothing to extend.
        TypeError: another kind of key.
        ValueError: `epochs`, `patience` or `repeats` is below 1, or a plan that cannot
            be.
    """
    _check(data, key, epochs, patience, plan)
    data, variants = make_variants(data, key, repeats, folds)
    check_number("sweep", "members", members, least=1)
    search = search or random()
    asking, rung = _ask(search, key, space, members, epochs)
    _claim(run_dir, extend, search)
    one = data_of(variants[0], data)
    traced = _traced(space, rung.hparams)
    outlines = _outlines(recipe, space, traced, one)
    devices = worker_devices()
    plan = plan or make_plan(outlines.values(), devices[0].platform)
    settings = {"patience": patience, "repeats": repeats, "folds": folds}
    population = Population(step_keys(variants, members), epochs)
    with contextlib.ExitStack() as stack:
        keeper = None
        if run_dir is not None:
            sizes = {"members": members, "epochs": epochs}
            said = specify(
                *(search, space, traced, outlines, one, key, plan),
                **(sizes | settings),
            )
            grows = tuple(sizes) if extend else ()
            store = stack.enter_context(runs.open_run(run_dir, said, grows=grows))
            keeper = Keeper(store, space, outlines, len(variants), patience is not None)
        engine = Engine(
            recipe,
            space,
            plan.block_width,
            steps={s: outline.steps_per_epoch for s, outline in outlines.items()},
            placed={
                d: _share(d, data, variants, patience) for d in dict.fromkeys(devices)
            },
            devices=devices,
            keeper=keeper,
            progress=progress,
        )
        _train(engine, population, asking, rung, len(variants))
        precisions = {o.precision for o in outlines.values()}
        made_of = (recipe, space, key, plan, precisions, population)
        result = make_result(*made_of, **settings)
        if keeper is not None:
            _write(keeper.store, result)
        return result


def _write(store: runs.Store, result: SweepResult) -> None:
    """Writes the results, without which the run is still all there."""
    try:
        write_results(store.folder, store.specification, result)
    except OSError as error:
        warnings.warn(NOT_WRITTEN.format(store.folder, error), stacklevel=3)


def _check(
    data: Splits,
    key: jax.Array,
    epochs: int,
    patience: int | None,
    plan: Plan | None,
) -> None:
    check_key(key)
    check_epochs(epochs)
    check_patience(patience)
    if plan is not None:
        check_plan(plan)
    check(data)


def _ask(search: Search, *arguments: Any) -> tuple[Asking, Rung]:
    """Returns what a search asks, and the first rung that it asks for."""
    try:
        signature(search).bind(*arguments)
    except (TypeError, ValueError) as error:
        raise SpaceError(
            f"got search={search!r}; expected a function of key, space, members and "
            "epochs, such as jaxdl.halving(3) or jaxdl.sobol()"
        ) from error
    asking = search(*arguments)
    rung = next(asking, None)
    if rung is None:
        raise SpaceError(f"got search={search!r}, which asks for nobody")
    return asking, rung


def _claim(run_dir: Any, extend: bool, search: Search) -> None:
    if extend and (run_dir is None or not draws_each_alone(search)):
        raise SpaceError(
            "got extend without a run_dir, or with a search that decides by how "
            "members do; expected the folder of a run, and no search, random() or "
            "sobol()"
        )
    if run_dir is not None:
        runs.claim(run_dir)


def _train(
    engine: Engine, population: Population, asking: Asking, rung: Rung, variants: int
) -> None:
    """Trains the rungs that a search asks for, from the first to the last."""
    while True:
        check_rung(rung, len(population.fate) // variants, population.most)
        expanded = expand(rung, variants)
        engine.train(population, expanded)
        standing = population.standing(expanded.members)
        try:
            rung = asking.send(mean(standing, variants))
        except StopIteration:
            break
    if engine.keeper is not None:
        engine.keeper.end(len(population.rungs))


def _traced(space: Any, hparams: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the shapes and types of the traced hyperparameters, by name."""
    names, leaves, treedef = flatten(space)
    return {
        name: jax.ShapeDtypeStruct((), column.dtype)
        for name, leaf, column in zip(
            names, leaves, treedef.flatten_up_to(hparams), strict=True
        )
        if not is_static(leaf)
    }


def _outlines(
    recipe: RecipeFunction, space: Any, traced: dict[str, Any], data: Splits
) -> dict[Structure, Outline]:
    """Returns the outline of every program the space can ask for, having checked it."""
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
