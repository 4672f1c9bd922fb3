"""The training of a task, from its checks to the result of its sweep."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxdl import runs
from jaxdl.data import Splits, check
from jaxdl.engine.bounds import with_bounds
from jaxdl.engine.crew import Threads
from jaxdl.engine.curves import mean
from jaxdl.engine.deadline import NEVER, Deadline
from jaxdl.engine.drawn import check_drawn
from jaxdl.engine.engine import Engine
from jaxdl.engine.hands import Crew
from jaxdl.engine.outlines import Outlines, first_loss, make_outlines, ranked
from jaxdl.engine.plan import make_plan
from jaxdl.engine.population import Population
from jaxdl.engine.progress import Callback, counted
from jaxdl.engine.task import Task, check_task
from jaxdl.nn.losses import labels_are_classes
from jaxdl.searches.rungs import Requests, Rung, Search, check_rung
from jaxdl.searches.traits import traits_of
from jaxdl.spaces.distributions import SpaceError
from jaxdl.spaces.structures import count_structures
from jaxdl.sweeps.deciding import decided
from jaxdl.sweeps.fold_labels import check_folds
from jaxdl.sweeps.from_population import make_result
from jaxdl.sweeps.mismatch import in_words
from jaxdl.sweeps.recorded import kind_of_run, next_recorded, recorded_rungs
from jaxdl.sweeps.repeats import data_of, expand, step_keys, with_variants
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.schedule import as_recorded, fitted, told_of_time
from jaxdl.sweeps.specification import check_extends, specify
from jaxdl.sweeps.start_from import first_rung
from jaxdl.sweeps.starting import first_carry
from jaxdl.train.facts import Facts
from jaxdl.train.score import objectives, score
from jaxdl.train.settings import check_jax

GROWS = ("members", "epochs")  # what `extend` may raise


def train_task(
    task: Task,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    extend: bool = False,
    progress: bool | Callback = True,
    train: Callable[[Engine, Population, Requests, Rung], None] | None = None,
    deadline: Deadline = NEVER,
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
        deadline: when it returns what has trained so far.
        crew: who trains; None: the devices of this process.
    """
    check_jax()
    shown = progress is True
    task = as_recorded(check_task(task), run_dir, extend=extend, shown=shown)
    assert task.data is not None and task.search is not None
    check(task.data)
    search = task.search
    requests, rung = first_rung(task)
    task, data = _prepared(task, rung)
    run_dir = _claim(run_dir, extend, search)
    check_drawn(task, rung)
    sets = {v.facts: data_of(v, data) for v in reversed(task.variants)}
    hired = crew or Threads()
    with contextlib.ExitStack() as stack:
        stack.callback(hired.close)
        kind = hired.kind(kind_of_run(run_dir), deadline)
        task = with_bounds(task, rung.hparams, sets, kind.platform)
        outlines = _outlined(task, rung, sets, shown=shown)
        check_folds(task, outlines, data)
        structures = len({structure for structure, _ in outlines})
        where = kind.platform, task.plan, structures, kind.device
        plan = make_plan(outlines.values(), *where)
        task = ranked(task, outlines)._replace(plan=plan)
        engine = Engine(task, outlines, hired, kind.platform, progress, deadline)
        begins = run_dir is None or not runs.has_run(run_dir)
        measures = deadline is not NEVER and begins
        if measures:
            hired.begin(task._replace(data=data), outlines)
            task = fitted(engine, rung, shown=shown)
        task = decided(task, run_dir, shown=shown)
        if task is not engine.task:
            requests, rung = first_rung(task)
            check_drawn(task, rung)
        engine.task = task
        store = None
        if run_dir is not None:
            if extend:
                check_extends(task, outlines, run_dir)
            specification = specify(task, outlines, rung, data, kind)
            grows = GROWS if extend else ()
            store = stack.enter_context(
                runs.open_run(run_dir, specification, grows=grows, words=in_words)
            )
        keys = step_keys(task)
        population = Population(task, keys, outlines, store)
        population.first = first_carry(task, outlines, rung)
        if not measures:
            hired.begin(task._replace(data=data), outlines)
        (train or _train_rungs)(engine, population, requests, rung)
        return make_result(population)


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


def _claim(run_dir: Any, extend: bool, search: Search) -> Path | None:
    """Returns the folder as an absolute path, since a recipe may change folders."""
    if extend and run_dir is None:
        raise SpaceError(
            "got extend without a folder; expected that of the run: add run_dir=..., "
            "or --out RUN"
        )
    if extend and not traits_of(search).draws_each_alone:
        raise SpaceError(
            "got extend with a search that decides, or may decide, by how members do; "
            "expected no search, random, sobol or portfolio: leave extend out, and "
            "name another folder"
        )
    return None if run_dir is None else runs.claim(run_dir)


def _train_rungs(
    engine: Engine, population: Population, requests: Requests, rung: Rung
) -> None:
    """Trains the rungs that a search asks for, from the first to the last."""
    task, recorded = population.task, recorded_rungs(population)
    while True:
        expanded = expand(rung, task.num_variants)
        engine.train(population, expanded)
        if len(population.going(expanded)):
            told_of_time(population, engine)
            return
        means = mean(population.standing(expanded.members), task.num_variants)
        try:
            ranks = objectives(means, task.rank_by)
            ranks["score"] = score(means, task.rank_by)
            rung = requests.send(means | ranks | next_recorded(recorded, population))
        except StopIteration:
            population.finish()
            return
        check_rung(rung, task.members, task.epochs)
