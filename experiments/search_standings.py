"""The tables and the figure of a comparison of searches, from its record alone.

A search that was run on every task and seed of the base has a rank; others have their
differences to it alone. The base is random search unless another one is named.
"""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.search_race import SHARES
from jaxdl.report.style import PALETTE, error_axis, errors_of, figure, tidy

BASE = "random"
STYLES = [(color, line) for line in ("-", "--", ":") for color in PALETTE]


class Results(NamedTuple):
    """What was found for `C` tasks, `S` searches and `N` seeds; NaN where nothing."""

    tasks: list[str]
    searches: list[str]
    scores: NDArray[np.float64]  # [C, S, N]
    curves: NDArray[np.float64]  # [C, S, N, shares]
    spent: NDArray[np.float64]  # [S], of the budget


def results(lines: list[dict[str, Any]]) -> Results:
    """Returns the lines of one budget as arrays.

    Raises:
        ValueError: two lines are of one task, search and seed.
    """
    tasks = list(dict.fromkeys(line["task"] for line in lines))
    searches = list(dict.fromkeys(line["search"] for line in lines))
    shape = len(tasks), len(searches), 1 + max(line["seed"] for line in lines)
    scores, spent = np.full(shape, np.nan), np.full(shape, np.nan)
    curves = np.full((*shape, len(SHARES)), np.nan)
    for line in lines:
        task, search, seed = line["task"], line["search"], line["seed"]
        place = tasks.index(task), searches.index(search), seed
        if not np.isnan(scores[place]):
            raise ValueError(
                f"got two lines of {search} on {task} with seed {seed}; expected one: "
                "delete the one of the old settings"
            )
        scores[place], curves[place] = line["score"], np.array(line["curve"], float)
        spent[place] = line["spent"] / (line["members"] * line["epochs"])
    return Results(tasks, searches, scores, curves, np.nanmean(spent, axis=(0, 2)))


def less_base(found: Results, base: str) -> NDArray[np.float64]:
    """Returns scores less the base's of the same seed, `[C, S, N]`, in %.

    100 % is the mean of the base on the task.
    """
    own = found.scores[:, found.searches.index(base)]
    whole = np.nanmean(own, axis=1)
    return 100 * (found.scores - own[:, None]) / whole[:, None, None]


def mean_and_error(values: NDArray[Any]) -> tuple[float, float]:
    """Returns the mean of what is known, and its standard error."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.nan, np.nan
    error = known.std(ddof=1) / len(known) ** 0.5 if len(known) > 1 else np.nan
    return float(known.mean()), float(error)


def complete(found: Results, base: str) -> list[int]:
    """Returns the places of searches that were run wherever the base was."""
    asked = ~np.isnan(found.scores[:, found.searches.index(base)])
    have = ~np.isnan(found.scores)
    return [s for s in range(len(found.searches)) if have[:, s][asked].all()]


def ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the rank of each search on a task and a seed; equal scores share theirs.

    Args:
        scores: `[C, S, N]`; NaN everywhere on a seed that is not there, else infinite
            for a search without a score.
    """
    below = (scores[:, :, None] > scores[:, None]).sum(axis=2)
    equal = (scores[:, :, None] == scores[:, None]).sum(axis=2)
    return np.where(np.isnan(scores), np.nan, below + (equal + 1) / 2)


def ranked(found: Results, base: str = BASE) -> dict[int, NDArray[np.float64]]:
    """Returns the mean rank at each share of the budget, by search: `[shares]`."""
    places = complete(found, base)
    curves = found.curves[:, places]
    there = ~np.isnan(found.scores[:, places])
    curves = np.where(np.isnan(curves) & there[..., None], np.inf, curves)
    by_share = [
        np.nanmean(ranks(curves[..., k]), axis=(0, 2)) for k in range(len(SHARES))
    ]
    return dict(zip(places, np.stack(by_share, axis=1), strict=True))


def markdown(lines: list[dict[str, Any]], base: str = BASE) -> str:
    """Returns the table: differences to the base by task, and mean ranks.

    Columns: the difference in % of the base's loss, mean ± standard error over
    seeds; on how many tasks it is better or worse by two standard errors or more; how
    often it has the lower loss on a task and a seed; the mean rank; the share of the
    budget that was trained.
    """
    found = results(lines)
    less, rank = less_base(found, base), ranked(found, base)
    names = ["search", *found.tasks, "better", "worse", "wins", "mean rank", "trained"]
    rows = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for s, name in enumerate(found.searches):
        pairs = [mean_and_error(less[c, s]) for c in range(len(found.tasks))]
        better = sum(mean <= -2 * error and mean < 0 for mean, error in pairs)
        worse = sum(mean >= 2 * error and mean > 0 for mean, error in pairs)
        cells = [name, *(cell(*pair) for pair in pairs)]
        own = f"{rank[s][-1]:.2f}" if s in rank else "–"
        wins = f"{(less[:, s] < 0).sum()} of {(~np.isnan(less[:, s])).sum()}"
        cells += [str(better), str(worse), wins, own, f"{found.spent[s]:.2f}"]
        rows.append(f"| {' | '.join(cells).replace('-', '−')} |")
    return "\n".join(rows)


def by_budget(lines: list[dict[str, Any]]) -> str:
    """Returns the table of the budgets: wins against random search, and mean ranks.

    A search has no entry for a budget in which it has no rank.
    """
    budgets = list(dict.fromkeys((x["members"], x["epochs"]) for x in lines))
    columns = []
    for budget in budgets:
        own = [x for x in lines if (x["members"], x["epochs"]) == budget]
        found = results(own)
        less, rank = less_base(found, BASE), ranked(found)
        columns.append(
            {
                found.searches[s]: f"{(less[:, s] < 0).sum()} of "
                f"{(~np.isnan(less[:, s])).sum()}, {means[-1]:.2f}"
                for s, means in rank.items()
            }
        )
    names = ["search", *(f"{members} × {epochs}" for members, epochs in budgets)]
    rows = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for name in dict.fromkeys(name for column in columns for name in column):
        cells = (column.get(name, "–") for column in columns)
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def cell(mean: float, error: float) -> str:
    """Returns a cell of the table; a mean that rounds to 0 has no sign."""
    if np.isnan(mean):
        return "–"
    shown = f"{round(mean, 1) + 0.0:.1f}"
    return shown if np.isnan(error) else f"{shown} ± {error:.1f}"


def draw(lines: list[dict[str, Any]]) -> Figure:
    """Returns the figure: regret by share of the budget on each task, and mean ranks.

    The regret is the best dev loss so far, less the lowest that any search and seed
    had on the task, in % of random search's mean at the end: mean over seeds, and a
    band of a standard error to both sides.
    """
    found = results(lines)
    drawn = figure(11, 3.1 * -(-(len(found.tasks) + 1) // 3))
    panels = drawn.subplots(-(-(len(found.tasks) + 1) // 3), 3).ravel()
    for c, axes in enumerate(panels[: len(found.tasks)]):
        base = np.nanmean(found.scores[c, found.searches.index(BASE)])
        regret = 100 * (found.curves[c] - np.nanmin(found.curves[c])) / base
        means = [
            bands(axes, own, STYLES[s % len(STYLES)], found.searches[s])
            for s, own in enumerate(regret)
        ]
        error_axis(axes, "y", errors_of(means, rates=False), "")
        axes.set_ylabel("")  # the figure has one for all
        tidy(axes, found.tasks[c])
    last = panels[len(found.tasks)]
    for s, values in ranked(found).items():
        color, line = STYLES[s % len(STYLES)]
        last.plot(100 * SHARES, values, line, color=color)
    last.set_ylabel("1 is the best")
    tidy(last, "mean rank")
    for axes in panels[len(found.tasks) + 1 :]:
        axes.set_visible(False)
    drawn.supxlabel("member-epochs, % of the budget", fontsize="medium")
    drawn.supylabel("regret, % of random search's loss (log scale)", fontsize="medium")
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right", frameon=False, fontsize="small")
    return drawn


def bands(
    axes: Any, values: NDArray[Any], style: tuple[str, str], label: str
) -> NDArray[np.float64]:
    """Draws and returns the mean over seeds of `[N, shares]`; NaN where one lacks."""
    known = values[~np.isnan(values).all(axis=1)]
    if not len(known):
        return np.full(len(SHARES), np.nan)
    mean = known.mean(axis=0)
    error = known.std(axis=0, ddof=1) / len(known) ** 0.5 if len(known) > 1 else 0
    axes.plot(100 * SHARES, mean, style[1], color=style[0], label=label, linewidth=1.4)
    axes.fill_between(
        100 * SHARES, mean - error, mean + error, color=style[0], alpha=0.1, linewidth=0
    )
    return mean
