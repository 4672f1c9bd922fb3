"""Training many models at once."""

import contextlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdl import runs
from jaxdl.data import DataWarning, Splits, check
from jaxdl.data.folds import Folds
from jaxdl.engine.bounds import with_bounds
from jaxdl.engine.crew import Crew, Threads
from jaxdl.engine.drawn import check_drawn
from jaxdl.engine.engine import Engine
from jaxdl.engine.outlines import Outlines, first_loss, make_outlines, ranked
from jaxdl.engine.plan import Plan, make_plan
from jaxdl.engine.population import Population
from jaxdl.engine.progress import Callback, counted
from jaxdl.engine.task import Task, check_task
from jaxdl.nn.losses import labels_are_classes
from jaxdl.searches.one_rung import draws_each_alone, random
from jaxdl.searches.rungs import Requests, Rung, Search, check_rung, start
from jaxdl.spaces.distributions import SpaceError
from jaxdl.spaces.structures import count_structures
from jaxdl.sweeps.from_population import make_result
from jaxdl.sweeps.mismatch import in_words
from jaxdl.sweeps.repeats import data_of, expand, mean, step_keys, with_variants
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.specification import check_extends, specify
from jaxdl.sweeps.starting import first_carry
from jaxdl.train.check import check_labels
from jaxdl.train.facts import Facts
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.score import score
from jaxdl.train.settings import check_jax
from jaxdl.train.state import as_key

GROWS = ("members", "epochs")  # what `extend` may raise


def sweep(
    recipe: RecipeFunction,
    space: Any,
    data: Splits,
    *,
    key: jax.Array | int,
    members: int,
    epochs: int,
    search: Search | None = None,
    patience: int | None = None,
    repeats: int = 1,
    folds: Folds = None,
    run_dir: str | os.PathLike[str] | None = None,
    extend: bool = False,
    plan: Plan | None = None,
    every: int | None = None,
    progress: bool | Callback = True,
    crew: Crew | None = None,
) -> SweepResult:
    """Returns `members` models with random hyperparameters, trained side by side.

    Every member is a pure function of the code, the plan, its hyperparameters, the data
    and the key. Its bits depend neither on how many members there are, nor on which
    share its block, nor on the device. All members see the same batches in the same
    order. A member that turns non-finite stops and goes back to its last finite state;
    the others stay as they are.

    With repeats or folds, hyperparameters are a configuration, trained once for each
    repeat and fold; the paragraph above holds within a repeat and fold. Members of all
    of them share blocks, so each reads its own order of the data. Repeat 0 has the key
    of a sweep without repeats, but not its last bits. Searches and rankings use means
    over repeats and folds. `variant` gives one by itself, to the bit.

    >>> import jaxdl as dl
    >>> from jaxdl import nn, optim
    >>> def recipe(hp):
    ...     model = nn.serial(nn.dense(16), nn.relu, nn.dense(10))
    ...     return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)
    >>> space = {"rate": dl.LogUniform(1e-4, 1e-1)}
    >>> data = dl.data.load("digits")
    >>> settings = {"members": 4, "epochs": 1, "progress": False}
    >>> found = dl.sweep(recipe, space, data, key=0, **settings)
    >>> found.ranking().shape, found.best().predict(data.test.inputs[:3]).shape
    ((4,), (3, 10))

    Args:
        recipe: function from hyperparameters to a `Recipe`, written for one model; or
            from these and the `Facts` of its training.
        space: pytree of the shape of the hyperparameters: distributions, constants,
            and arrays `[members]` that are used as given.
        data: normalized train, dev and test sets; a sweep never uses test.
        key: a seed, or a threefry key such as `jax.random.key(seed)`.
        members: how many models, or configurations, at least 1.
        epochs: at least 1; no member trains more.
        search: which members train with which hyperparameters and how long, such as
            `halving()`. None: `random()`, which draws every member by itself and trains
            it to the end.
        patience: after how many epochs in a row without a lower score (dev loss breaks
            ties) a member stops; it then has the weights of its best epoch. The score
            is the dev error, or the metric that the recipe ranks by. None: no early
            stopping, members have the weights of their last epoch. A member that
            diverges ranks last in either case.
        repeats: how often each configuration is trained, each time with other initial
            weights, masks, folds and order of the data; at least 1.
        folds: into how many parts the train and dev sets together are divided; each
            part in turn is the dev set while the rest trains. Or pairs of train and dev
            rows of both sets pooled, or a splitter of scikit-learn. See
            `data.fold_rows`. Normalized data are normalized by the train set of each
            fold. Folds of other sizes need programs of their own. None: the sets as
            they are.
        run_dir: a folder that keeps the run; made if it does not exist. The same call
            resumes a run that was interrupted, and returns the result of a finished
            one.
        extend: whether to add members or epochs to the run in `run_dir`; with a search
            that draws each member by itself, such as the default.
        plan: how members are laid out; what it leaves open is decided here.
        every: record the mean train loss of each so many steps, see `Member.steps`; at
            the end of an epoch, of the steps that are left. A run keeps them in files
            of their own. None: losses of steps are not recorded, and cost nothing.
        progress: whether to show progress; or a function of a `SweepProgress`, called
            about every second and at the end of each rung.
        crew: who trains, such as `interop.ray("auto")`; None: this process's devices.

    Raises:
        DataError: the data do not suit training, or cannot be divided into such folds.
        MemoryError: a device has no room for one block.
        OSError: `run_dir` cannot be written, is damaged, or another process trains
            there.
        RecipeError: the recipe cannot be traced, or its metrics or `rank_by` differ
            between programs.
        RunMismatchError: `run_dir` holds a run of another sweep.
        SpaceError: the space makes no sense, or what the search asks for; or nothing
            can be extended.
        TypeError: another kind of key, or `crew` is none.
        ValueError: `epochs`, `patience`, `repeats` or `every` is below 1, or the plan
            is wrong.
    """
    check_jax()  # before a key is made
    task = Task(
        recipe, space, data, as_key(key), members, epochs, search or random(), patience,
        repeats, folds, plan, every=every,
    )  # fmt: skip
    _check_crew(crew)
    kept = {"run_dir": run_dir, "extend": extend}
    return train_task(task, progress=progress, crew=crew, **kept)


def train_task(
    task: Task,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    extend: bool = False,
    progress: bool | Callback = True,
    train: Callable[[Engine, Population, Requests, Rung], None] | None = None,
    crew: Crew | None = None,
) -> SweepResult:
    """Returns the result of a task; its arguments and errors are those of `sweep`.

    Args:
        task: with data and a search; metrics and variants are found here.
        run_dir: a folder that keeps the run.
        extend: whether to add members or epochs to it.
        progress: whether to show progress, or a function of it.
        train: trains the rungs from the first on, until the search has ended. None:
            those that the search asks for.
        crew: who trains; None: the devices of this process.
    """
    check_jax()
    task = check_task(task)
    assert task.data is not None and task.search is not None
    check(task.data)
    search = task.search
    requests, rung = start(search, task.key, task.space, task.members, task.epochs)
    task, data = _prepared(task, rung)
    run_dir = _claim(run_dir, extend, search)
    check_drawn(task, rung)
    sets = {v.facts: data_of(v, data) for v in reversed(task.variants)}
    hired = crew or Threads()
    with contextlib.ExitStack() as stack:
        stack.callback(hired.close)
        kind = hired.kind()
        task = with_bounds(task, rung.hparams, sets, kind.platform)
        outlines = _outlined(task, rung, sets, shown=progress is True)
        _check_folds(task, outlines, data)
        structures = len({structure for structure, _ in outlines})
        where = kind.platform, task.plan, structures, kind.device
        plan = make_plan(outlines.values(), *where)
        task = ranked(task, outlines)._replace(plan=plan)
        store = None
        if run_dir is not None:
            if extend:
                check_extends(task, outlines, run_dir)
            specification = specify(task, outlines, rung, data, kind)
            grows = GROWS if extend else ()
            store = stack.enter_context(
                runs.open_run(run_dir, specification, grows=grows, words=in_words)
            )
        keys = step_keys(task.variants, task.members)
        population = Population(task, keys, outlines, store)
        population.first = first_carry(task, outlines, rung)
        hired.begin(task._replace(data=data), outlines)
        engine = Engine(task, outlines, hired, progress)
        (train or _train_rungs)(engine, population, requests, rung)
        return make_result(population)


def _check_crew(crew: Any) -> None:
    if not (crew is None or callable(getattr(crew, "begin", None))):
        expected = 'None, or a crew such as jaxdl.interop.ray("auto")'
        raise TypeError(f"got crew={crew!r:.80}; expected {expected}")


def _prepared(task: Task, rung: Rung) -> tuple[Task, Splits]:
    """Returns a task that knows its variants, and the data that their rows are of."""
    if task.variants:  # of a replay
        assert task.data is not None
        return task, task.data
    if task.folds is not None:
        task = task._replace(stratify=labels_are_classes(first_loss(task, rung)))
    return with_variants(task)


def _outlined(
    task: Task, rung: Rung, sets: dict[Facts, Splits], *, shown: bool
) -> Outlines:
    """Returns the outlines of a task; shows how many there are if there are several."""
    programs = count_structures(task.bounded) * len(sets)
    with counted(["checked"], programs, enabled=shown and programs > 1) as count:
        return make_outlines(task, rung.hparams, sets, lambda: count("checked"))


def _check_folds(task: Task, outlines: Outlines, whole: Splits) -> None:
    """Checks the labels of all folds, of which an outline sees the first of each size.

    Raises:
        DataError: as `train.check.check_labels`.
    """
    rows = [r for v in task.variants for r in (v.train, v.dev) if r is not None]
    if not rows:
        return
    used = whole.train[np.unique(np.concatenate(rows))]
    for found in outlines.values():
        check_labels(found.loss, used, found.out_shape, "the train and dev sets")
    _warn_of_missing_classes(task)


def _warn_of_missing_classes(task: Task) -> None:
    if not (task.about.classes or task.stratify):
        return
    for fold, variant in enumerate(task.variants[: task.num_folds]):
        counts = variant.facts.class_counts
        missing = [] if counts is None else np.flatnonzero(counts == 0).tolist()
        if missing:
            names = task.about.classes or [str(c) for c in range(len(counts))]
            warnings.warn(
                f"got no train examples of {', '.join(names[c] for c in missing)} in "
                f"fold {fold}; expected every class in every fold: weights by "
                "facts.class_counts would be infinite. Use fewer folds, or a splitter "
                "such as StratifiedKFold",
                DataWarning,
                stacklevel=4,
            )


def _claim(run_dir: Any, extend: bool, search: Search) -> Path | None:
    """Returns the folder as an absolute path, since a recipe may change folders."""
    if extend and run_dir is None:
        raise SpaceError(
            "got extend without a folder; expected that of the run: add run_dir=..., "
            "or --out RUN"
        )
    if extend and not draws_each_alone(search):
        raise SpaceError(
            "got extend with a search that decides by how members do; expected no "
            "search, random or sobol: leave extend out, and name another folder"
        )
    return None if run_dir is None else runs.claim(run_dir)


def _train_rungs(
    engine: Engine, population: Population, requests: Requests, rung: Rung
) -> None:
    """Trains the rungs that a search asks for, from the first to the last."""
    task = population.task
    while True:
        expanded = expand(rung, task.num_variants)
        engine.train(population, expanded)
        means = mean(population.standing(expanded.members), task.num_variants)
        try:
            rung = requests.send(means | {"score": score(means, task.rank_by)})
        except StopIteration:
            population.finish()
            return
        check_rung(rung, task.members, task.epochs)
