"""Every figure: what it says where there is little to say, and how it is made."""

import sys

import numpy as np
import pytest

from jaxdl import report
from jaxdl.report.figures import FIGURES, Needs, Source, can_draw, draw
from tests.report.conftest import (
    constant,
    diverged,
    drawn,
    part,
    renamed,
    texts,
    untrained,
)
from tests.small import rate

OF_THE_RESULT = [n for n, row in FIGURES.items() if row.needs == Needs.RESULT]
OF_THE_BEST = [n for n, row in FIGURES.items() if row.needs > Needs.RESULT]
ALONE = [*OF_THE_RESULT, "learning_rates"]  # which draws without a best member, too
CASES = {
    "as it is": lambda result: result,
    "one member": lambda result: part(result, members=1),
    "one epoch": lambda result: part(result, epochs=1),
    "one member, one epoch": lambda result: part(result, 1, 1),
    "a diverged member": lambda result: diverged(result, [3]),
    "all but one diverged": lambda result: diverged(result, np.arange(31) + 1),
    "all diverged": lambda result: diverged(result, np.arange(32)),
    "all diverged at once": lambda result: diverged(part(result, epochs=1), range(32)),
    "one diverged member": lambda result: diverged(part(result, 1, 1), [0]),
    "constant hyperparameters": constant,
    "nothing trained yet": untrained,
}


def figure_of(name, result):
    """Returns a figure that needs no best member."""
    if name == "learning_rates":
        return report.learning_rates(result, rate, 24)
    return draw(FIGURES[name], Source(result))


def test_every_public_figure_has_a_row():
    others = {"report", "more_data"}  # the latter is not drawn from a sweep
    assert {*FIGURES} == {*report.__all__} - others | {"loss_curves"}


FEW = ("as it is", "one member, one epoch", "all diverged", "nothing trained yet")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case in FEW else pytest.mark.heavy)
        for case in CASES
    ],
)
@pytest.mark.parametrize("name", ALONE)
def test_a_figure_survives(result, name, case):
    assert texts(drawn(figure_of(name, CASES[case](result))))


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize(
    "kind",
    ["repeated", "halved", pytest.param("bred", marks=pytest.mark.heavy)],
)
def test_a_figure_survives_repeats_folds_and_searches(request, name, kind):
    assert texts(drawn(figure_of(name, request.getfixturevalue(kind))))


@pytest.mark.parametrize("name", OF_THE_BEST)
def test_a_figure_of_the_best_member_survives(result, digits, name):
    for case in ("as it is", "one member", "a diverged member"):
        source = Source(CASES[case](result), digits, rate)
        assert can_draw(FIGURES[name], source)
        drawn(draw(FIGURES[name], source))


@pytest.mark.parametrize("name", OF_THE_BEST)
def test_no_figure_of_the_best_member_where_all_diverged(result, digits, name):
    lost = Source(CASES["all diverged"](result), digits, rate)
    assert not can_draw(FIGURES[name], lost)
    with pytest.raises(ValueError, match="all 32 members diverged"):
        draw(FIGURES[name], lost)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_from_what_it_needs_alone(result, digits, name):
    needs = FIGURES[name].needs
    assert can_draw(FIGURES[name], Source(result)) == (needs == Needs.RESULT)
    assert can_draw(FIGURES[name], Source(result, digits)) == (needs <= Needs.DATA)
    assert can_draw(FIGURES[name], Source(result, digits, rate))


HOSTILE = ["$x_{\nb", "<b>" * 99]
OTHERS = ["_hidden", r"\frac{1}", "名", "", "%(a)s {0}"]


@pytest.mark.parametrize(
    "hostile",
    [*HOSTILE, *(pytest.param(name, marks=pytest.mark.heavy) for name in OTHERS)],
)
def test_a_name_from_data_is_shown_as_it_is(result, hostile):
    odd = renamed(result, hostile)
    for name in ("hyperparameters", "parallel_coordinates", "importance"):
        written = " ".join(texts(drawn(figure_of(name, odd))))
        assert hostile.replace("\n", " ")[:31].replace("$", r"\$") in written


def test_a_missing_matplotlib_is_told(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for name in ALONE:
        with pytest.raises(
            ImportError, match=r"pip install 'jaxdl-sweep\[matplotlib\]'"
        ):
            figure_of(name, result)
