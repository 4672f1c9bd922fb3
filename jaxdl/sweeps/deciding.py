"""The search of a sweep that leaves it to jaxdl, decided before anything trains."""

from pathlib import Path

from jaxdl import runs, terminal
from jaxdl.engine.task import Task
from jaxdl.searches.auto import Case, Decision, auto, decide
from jaxdl.searches.rungs import Search
from jaxdl.searches.traits import name_of


def chosen(task: Task) -> Search:
    """Returns the search of a task; in the place of `auto` the one that suits it."""
    assert task.search is not None
    return _decision(task).search if task.search is auto() else task.search


def decided(task: Task, run_dir: Path | None, *, shown: bool) -> Task:
    """Returns a task with the search that `auto` stands for, and why.

    What a run has on record of its own decision stays, whoever names the search now.
    A run that resumes has the members that it began with, so the search is the same
    unless jaxdl decides otherwise than it did; the specification tells then.

    Args:
        task: with the members that it has, its variants and what it ranks by.
        run_dir: the folder, which may hold a run.
        shown: whether to print which search it is, and why.
    """
    specification = runs.specification_of(run_dir)
    recorded = specification.get("decision", "")
    if task.search is not auto():
        return task._replace(decision=recorded) if recorded else task
    found = _decision(task)
    named = not recorded and specification.get("search") == name_of(found.search)
    same = recorded.startswith(f"{found.form}: ") or named
    words = recorded if same else found.words
    terminal.say(f"auto takes {words or found.words}", enabled=shown)
    return task._replace(search=found.search, decision=words)


def _decision(task: Task) -> Decision:
    objectives = 1 if isinstance(task.rank_by, str) else len(task.rank_by)
    varied = task.num_variants > 1
    return decide(Case(task.space, task.members, task.epochs, varied, objectives))
