"""The search of a sweep that leaves it to jaxdl, decided before anything trains."""

from jaxdl import terminal
from jaxdl.engine.drawn import check_drawn
from jaxdl.engine.task import Task
from jaxdl.searches.auto import Case, decide
from jaxdl.searches.rungs import Requests, Rung
from jaxdl.searches.traits import traits_of
from jaxdl.sweeps.start_from import first_rung


def decided(
    task: Task, requests: Requests, rung: Rung, *, shown: bool
) -> tuple[Task, Requests, Rung]:
    """Returns a task with the search that `auto` stands for; other tasks stay.

    A run that resumes has the members that it began with, so the search is the same.

    Args:
        task: with the members that it has, its variants and what it ranks by.
        requests: of its search.
        rung: the first one.
        shown: whether to print which search it is, and why.

    Raises:
        SpaceError: as `first_rung`.
        RecipeError: as `check_drawn`.
    """
    if not traits_of(task.search).chooses:
        return task, requests, rung
    objectives = 1 if isinstance(task.rank_by, str) else len(task.rank_by)
    varied = task.num_variants > 1
    case = Case(task.space, task.members, task.epochs, varied, objectives)
    search, words = decide(case)
    terminal.say(f"auto takes {words}", enabled=shown)
    task = task._replace(search=search)
    requests, rung = first_rung(task)
    check_drawn(task, rung)  # it may draw others than `auto` by itself
    return task, requests, rung
