"""Training many models at once."""

import os
from typing import Any

import jax

from jaxdl.counts import as_count
from jaxdl.data import Splits
from jaxdl.data.folds import Folds
from jaxdl.engine.deadline import Deadline, deadline_after
from jaxdl.engine.hands import Crew
from jaxdl.engine.plan import Plan
from jaxdl.engine.progress import Callback
from jaxdl.engine.task import Task
from jaxdl.keys import as_key
from jaxdl.paths import as_path
from jaxdl.searches.one_rung import random
from jaxdl.searches.rungs import Search
from jaxdl.searches.shards import as_shard, part_of_search
from jaxdl.spaces.contract import SpaceError
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.start_from import StartFrom, started
from jaxdl.sweeps.training import train_task
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.settings import check_jax


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
    seconds: float | Deadline | None = None,
    start_from: str | os.PathLike[str] | SweepResult | StartFrom | None = None,
    shard: tuple[int, int] | None = None,
    keep: int | None = None,
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
        seconds: the time of this call, with compilation. No epoch begins that would not
            end in time; the result is then what has trained so far. If all members are
            not expected to fit, a new sweep has fewer, see `docs/searches.md`. With
            `run_dir` the same call resumes. Time changes no decision and no bit.
            None: no limit.
        start_from: a run's folder, or the result of a sweep, also of another recipe.
            Its best configurations are the first members, at most 8 and at most half of
            them. `sweeps.StartFrom` narrows the ranges and maps names, see
            `docs/searches.md`. None: all members are drawn.
        shard: (i, n) trains the i-th of n equal parts of the configurations alone,
            i from 0 to n - 1, without a word to the others; `sweeps.merge` makes one
            run of all parts. For random, Sobol, portfolio and grid searches. None:
            all.
        keep: of how many configurations, the best ones, weights stay, in memory and in
            the run; those of others go once the search can no longer ask for them, and
            `replay` gives them again. Such a run is not extended in epochs. None: of
            all.
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
        SpaceError: the space makes no sense, or what the search asks for; there is no
            such shard; or nothing can be extended; or `seconds` are too few for one
            rung; or `start_from` has nothing in common with the space.
        TimeoutError: nothing has trained within `seconds`.
        TypeError: another kind of key, or `crew` is none.
        ValueError: `epochs`, `patience`, `repeats`, `every` or `keep` is below 1,
            `seconds` is not above 0, or the plan is wrong.
    """
    deadline = deadline_after(seconds)
    check_jax()  # before a key is made
    task = Task(
        recipe, space, data, as_key(key), members, epochs, search or random(), patience,
        repeats, folds, plan, every=every, keep=keep,
    )  # fmt: skip
    _check_crew(crew)
    out = None if run_dir is None else as_path(run_dir)
    task = started(task, start_from, out, shown=progress is True)
    if shard is not None:
        task = _of_shard(task, shard, extend=extend)
    kept = {"run_dir": run_dir, "extend": extend}
    return train_task(task, progress=progress, deadline=deadline, crew=crew, **kept)


def _check_crew(crew: Any) -> None:
    if not (crew is None or callable(getattr(crew, "begin", None))):
        expected = 'None, or a crew such as jaxdl.interop.ray("auto")'
        raise TypeError(f"got crew={crew!r:.80}; expected {expected}")


def _of_shard(task: Task, shard: tuple[int, int], *, extend: bool) -> Task:
    """Returns the task of a shard alone.

    Raises:
        SpaceError: there is no such shard, it shall be extended, or the first members
            are those of another run.
    """
    if extend:
        raise SpaceError(
            "got extend with a shard; expected one of them: merge the shards, and "
            "extend the run that this gives"
        )
    if task.first:
        raise SpaceError(
            "got start_from with a shard; expected one of them: the first members of "
            "another run belong to a sweep that is not cut"
        )
    assert task.search is not None
    members = as_count("members", task.members, error=SpaceError)
    part = as_shard(shard, members, task.search)
    search = part_of_search(task.search, part)
    return task._replace(members=part.members, search=search, shard=part)
