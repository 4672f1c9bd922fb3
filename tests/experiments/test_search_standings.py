"""The table and the figure of a comparison of searches, by hand."""

from pathlib import Path

import numpy as np
import pytest

from experiments import search_standings as standings
from experiments import searches

ROOT = Path(__file__).parents[2]


def line(task, search, seed, score, spent=48, curve=None):
    """Returns a line of a record, of 3 members and 16 epochs."""
    return {
        "task": task, "search": search, "seed": seed, "members": 3, "epochs": 16,
        "own_members": 3, "score": score, "spent": spent,
        "curve": curve or [None] * 10 + [score] * 10,
    }  # fmt: skip


def lines():
    scores = {
        ("t", "random"): (4.0, 6.0), ("t", "other"): (3.0, 6.0),
        ("u", "random"): (1.0, 1.0), ("u", "other"): (0.5, 0.4),
        ("t", "late"): (5.0,),
    }  # fmt: skip
    return [
        line(*pair, seed, score, 24 if pair[1] == "other" else 48)
        for pair, own in scores.items()
        for seed, score in enumerate(own)
    ]


def rows(table):
    cells = [row.strip("| ").split(" | ") for row in table.splitlines()]
    return {row[0]: row[1:] for row in cells}


def test_the_table_by_hand():
    found = rows(standings.markdown(lines()))
    head = ["t", "u", "better", "worse", "wins", "mean rank", "trained"]
    assert found["search"] == head
    # Of random's means 5 and 1: t −1 and 0, u −0.5 and −0.6. Ranks of other: 1, tied
    # with random at 1.5, 1 and 1.
    other = ["−10.0 ± 10.0", "−55.0 ± 5.0", "1", "0", "3 of 4", "1.12", "0.50"]
    assert found["other"] == other
    assert found["random"][2:] == ["0", "0", "0 of 4", "1.88", "1.00"]
    # It lacks a seed and a task, so it has no rank.
    assert found["late"] == ["20.0", "–", "0", "0", "0 of 1", "–", "1.00"]


def test_the_table_with_another_base_by_hand():
    found = rows(standings.markdown(lines(), "other"))
    # Of its means 4.5 and 0.45: t 1 and 0, u 0.5 and 0.6.
    random = ["11.1 ± 11.1", "122.2 ± 11.1", "0", "1", "0 of 4", "1.88", "1.00"]
    assert found["random"] == random
    assert found["late"] == ["44.4", "–", "0", "0", "0 of 1", "–", "1.00"]


def test_the_table_of_budgets_by_hand():
    scores = {"random": 2.0, "other": 1.0, "new": 3.0}
    long = [line("t", s, 0, score) | {"epochs": 32} for s, score in scores.items()]
    assert rows(standings.by_budget([*lines(), *long])) == {
        "search": ["3 × 16", "3 × 32"],
        "---|---|---": [],
        "random": ["0 of 4, 1.88", "0 of 1, 2.00"],
        "other": ["3 of 4, 1.12", "1 of 1, 1.00"],
        "new": ["–", "0 of 1, 3.00"],
    }


def test_a_cell_has_no_negative_zero():
    assert standings.cell(-0.04, 0.26) == "0.0 ± 0.3"
    assert standings.cell(-0.06, np.nan) == "-0.1"


def test_two_lines_of_one_result_are_refused():
    with pytest.raises(ValueError, match="two lines of other on t with seed 0"):
        standings.results([*lines(), line("t", "other", 0, 1.0)])


def test_ranks_by_hand():
    scores = np.array([[[3.0, np.nan], [1.0, np.nan], [3.0, np.nan]]])
    expected = [[[2.5, np.nan], [1.0, np.nan], [2.5, np.nan]]]
    np.testing.assert_array_equal(standings.ranks(scores), expected)


def test_the_rank_before_a_first_result_is_the_last():
    early = [line("t", "random", 0, 2.0, curve=[9.0] * 10 + [2.0] * 10)]
    ranks = standings.ranked(standings.results([*early, line("t", "other", 0, 1.0)]))
    assert ranks[0].tolist() == [1.0] * 10 + [2.0] * 10
    assert ranks[1].tolist() == [2.0] * 10 + [1.0] * 10


def test_the_figure_has_the_regret_by_hand():
    pytest.importorskip("matplotlib")
    panels = standings.draw(lines()).axes
    shown = [axes for axes in panels if axes.get_visible()]
    assert [axes.get_title("left") for axes in shown] == ["t", "u", "mean rank"]
    (random, *_) = shown[0].get_lines()
    # Random's mean is 5, the lowest score of the task 3.
    assert random.get_ydata()[-1] == pytest.approx(100 * (5 - 3) / 5)
    assert np.isnan(random.get_ydata()[:10]).all()
    assert random.get_xdata()[-1] == 100


def test_arguments_are_names_and_counts():
    given = searches.arguments(["--searches", "random,pbt", "--tasks", "wine"])
    assert given.searches == ["random", "pbt"] and given.seeds == 20
    for wrong in (["--searches", "random,pbd"], ["--seeds", "0"], ["--tasks", "rugby"]):
        with pytest.raises(SystemExit):
            searches.arguments(wrong)


def test_the_command_draws_what_is_on_record(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    names = "random", "pbt"
    own = [line("wine", name, seed, 1.0) for name in names for seed in (0, 1)]
    other = [line("wine", "pbt", 0, 9.0) | {"epochs": 8}, line("digits", "pbt", 0, 9.0)]
    monkeypatch.setattr(searches, "lines_of", lambda path: own + other)
    monkeypatch.setattr(searches, "race", lambda *given: pytest.fail("it trained"))
    plain = ["--draw", "--figures", str(tmp_path), "--members", "3", "--tasks", "wine"]
    searches.main(searches.arguments(plain))
    assert rows(capsys.readouterr().out)["pbt"][0] == "0.0 ± 0.0"
    assert (tmp_path / "searches_wine.svg").read_text().startswith("<?xml")
    with pytest.raises(SystemExit, match="for wine with 3 × 16 .*--searches random"):
        searches.main(searches.arguments([*plain, "--searches", "pbt"]))
    lacking = "of random for wine with 3 × 8, digits with 3 × 16 in"
    with pytest.raises(SystemExit, match=lacking):
        searches.main(searches.arguments(["--budgets"]))
    own.append(line("wine", "random", 0, 2.0) | {"epochs": 8})
    searches.main(searches.arguments(["--budgets", "--tasks", "wine"]))
    assert rows(capsys.readouterr().out)["pbt"] == ["0 of 2, 1.50", "0 of 1, 2.00"]


def test_no_part_of_the_record_is_drawn_over_the_figures_of_the_page():
    whole = searches.arguments(["--tasks", "held", "--base", "tpe", "--draw"])
    assert whole.figures == ROOT / "docs"
    for part in ("--members 32", "--epochs 8", "--seeds 3", "--searches random,pbt",
                 "--record other.jsonl"):  # fmt: skip
        assert searches.arguments(part.split()).figures == Path()


@pytest.mark.parametrize("tasks", ["design", "held"])
def test_the_figures_of_the_page_show_each_search_on_record(tasks):
    drawn = (ROOT / "docs" / f"searches_{tasks}.svg").read_text()
    names = {
        x["search"]
        for x in searches.lines_of(searches.RECORD)
        if (x["members"], x["epochs"]) == (128, 16)
        and x["task"] in searches.GROUPS[tasks]
    }
    # Texts are drawn as paths, each behind a comment that says it.
    assert len(names) > 2 and not {n for n in names if f"<!-- {n} -->" not in drawn}


def test_the_page_has_the_table_of_the_record():
    given = searches.arguments([])
    own = [
        x
        for x in searches.lines_of(searches.RECORD)
        if (x["members"], x["epochs"]) == (given.members, given.epochs)
        and x["task"] in searches.DESIGN
    ]
    page = (ROOT / "docs" / "searches.md").read_text()
    assert standings.markdown(own) in page


def test_the_page_has_the_table_of_the_budgets_on_record():
    names = "random", "pbt", "multi_pbt", "refinement"
    own = [
        x
        for x in searches.lines_of(searches.RECORD)
        if x["search"] in names and x["task"] in searches.DESIGN
    ]
    page = (ROOT / "docs" / "searches.md").read_text()
    assert standings.by_budget(own) in page


def test_the_page_has_what_was_found_on_the_held_out_tasks():
    own = [x for x in searches.lines_of(searches.RECORD) if x["task"] in searches.HELD]
    assert {x["search"] for x in own} == {"auto", "random", "tpe"}
    assert {x["seed"] for x in own} == {*range(8)}
    page = (ROOT / "docs" / "searches.md").read_text()
    for base in ("random", "tpe"):
        assert standings.markdown(own, base) in page
