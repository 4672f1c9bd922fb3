"""Which search finds the best model for the same training, over 14 tasks?

    python -m experiments.searches --tasks design --searches random,pbt --seeds 20

Every search gets the same number of epochs of members on a task: those of 128 members
that train for 16 epochs. It is judged by the dev loss of its best member. Each task,
search and seed is one line of the record. What is on record is not trained again, so
the command resumes, and several budgets, tasks and searches share a record. Lines of a
task or a search whose code has changed are yours to delete.

The table and the figure follow from the record alone; `--draw` makes them of what is
there. The table has differences to random search, or to the search of `--base`.
`--budgets` prints the wins and ranks of every budget on record instead.
`docs/searches.md` has the result and says how to read it. Its figures are drawn
with the defaults alone; a figure of other searches, seeds or budgets goes to the
current folder.

The tasks are divided in those to design on and those that are held out, see
`experiments/search_tasks.py`; the searches are in `experiments/search_race.py`. They
need the extras `sklearn`, `optuna` and `matplotlib`; `cma_es` needs the library cmaes
as well, and `gp` PyTorch.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import jaxdl as dl
from experiments.search_race import CONTESTANTS, Budget, lines_of, race
from experiments.search_standings import BASE, by_budget, draw, markdown
from experiments.search_tasks import DESIGN, HELD, TASKS
from jaxdl.cli.values import count
from jaxdl.report.style import save

RECORD = Path(__file__).with_suffix(".jsonl")
FIGURES = Path(__file__).parents[1] / "docs"
ALL = ("searches", "seeds", "members", "epochs", "record")  # whose defaults docs/ shows
GROUPS = {"design": [*DESIGN], "held": [*HELD]}


def searches(text: str) -> list[str]:
    """Returns the names of searches of a text such as `random,pbt`."""
    names = text.split(",")
    unknown = [name for name in names if name not in CONTESTANTS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"got {unknown[0]!r}; expected names of {', '.join(CONTESTANTS)}, "
            "separated by commas"
        )
    return names


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser("python -m experiments.searches")
    parser.add_argument("--tasks", default="design", choices=[*GROUPS, *TASKS])
    parser.add_argument("--searches", default=[*CONTESTANTS], type=searches)
    parser.add_argument("--seeds", default=20, type=count)
    parser.add_argument("--members", default=128, type=count, help="of the budget")
    parser.add_argument("--epochs", default=16, type=count, help="of the budget")
    parser.add_argument("--base", default=BASE, choices=[*CONTESTANTS])
    parser.add_argument("--record", default=RECORD, type=Path)
    parser.add_argument("--figures", type=Path, help="their folder")
    parser.add_argument("--draw", action="store_true", help="train nothing")
    parser.add_argument(
        "--budgets", action="store_true", help="print the table of all; train nothing"
    )
    read = parser.parse_args(given)
    if read.figures is None:
        whole = all(getattr(read, name) == parser.get_default(name) for name in ALL)
        read.figures = FIGURES if whole else Path()
    return read


def main(given: argparse.Namespace) -> None:
    """Trains what is not on record, prints the table and writes the figure."""
    tasks = GROUPS.get(given.tasks, [given.tasks])
    budget = Budget(given.members, given.epochs)
    if not given.draw and not given.budgets:
        asked = given.record, tasks, given.searches, given.seeds, budget
        for line in race(*asked):
            print(*(line[x] for x in ("seed", "task", "search")), file=sys.stderr)
    own = [
        line
        for line in lines_of(given.record)
        if (given.budgets or budget_of(line) == budget)
        and line["task"] in tasks
        and line["search"] in given.searches
        and line["seed"] < given.seeds
    ]
    for base in dict.fromkeys((BASE, given.base)):
        check_base(own, base, given.record)
    if given.budgets:
        print(by_budget(own))
        return
    print(markdown(own, given.base))
    save(draw(own), given.figures / f"searches_{given.tasks}.svg", "svg")


def budget_of(line: dict[str, Any]) -> Budget:
    """Returns the budget of a line of the record."""
    return Budget(line["members"], line["epochs"])


def check_base(lines: list[dict[str, Any]], base: str, record: Path) -> None:
    """Exits if the base has no line of a task and a budget that others have."""
    places = dict.fromkeys((line["task"], budget_of(line)) for line in lines)
    have = {(x["task"], budget_of(x)) for x in lines if x["search"] == base}
    lacking = [
        f"{task} with {budget.members} × {budget.epochs}"
        for task, budget in places
        if (task, budget) not in have
    ]
    if lacking or not lines:
        sys.exit(
            f"got no line of {base} for {', '.join(lacking) or 'these tasks'} in "
            f"{record}; expected it, since others are compared with it: run with "
            f"--searches {base}"
        )


if __name__ == "__main__":
    dl.enable_compilation_cache()
    main(arguments())
