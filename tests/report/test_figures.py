"""Every figure: what it says where there is little to say, and how it is made."""

import io
import sys

import numpy as np
import pytest

from jaxdl import report
from tests.report.conftest import (
    constant,
    diverged,
    drawn,
    part,
    rate,
    renamed,
    texts,
    untrained,
)

FIGURES = {
    "learning_curves": report.learning_curves,
    "loss_curves": lambda result: report.learning_curves(result, "train_loss"),
    "train_against_dev": report.train_against_dev,
    "hyperparameters": report.hyperparameters,
    "heat_map": report.heat_map,
    "importance": report.importance,
    "parallel_coordinates": report.parallel_coordinates,
    "funnel": report.funnel,
    "lineage": report.lineage,
    "learning_rates": lambda result: report.learning_rates(result, rate, 24),
}
FIGURES_OF_DATA = {
    "signal": report.signal,
    "confusion": report.confusion,
    "worst_examples": report.worst_examples,
}
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


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_survives(result, name, case):
    figure = drawn(FIGURES[name](CASES[case](result)))
    assert texts(figure)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", ["repeated", "halved", "bred"])
def test_a_figure_survives_repeats_folds_and_searches(request, name, kind):
    assert texts(drawn(FIGURES[name](request.getfixturevalue(kind))))


@pytest.mark.parametrize("name", FIGURES_OF_DATA)
def test_a_figure_of_the_best_member_survives(result, digits, name):
    for case in ("as it is", "one member", "a diverged member"):
        drawn(FIGURES_OF_DATA[name](CASES[case](result), digits.dev))


@pytest.mark.parametrize("name", FIGURES_OF_DATA)
def test_no_figure_of_the_best_member_where_all_diverged(result, digits, name):
    with pytest.raises(ValueError, match="all 32 members diverged"):
        FIGURES_OF_DATA[name](CASES["all diverged"](result), digits.dev)


HOSTILE = ["$x_{\nb", "_hidden", r"\frac{1}", "<b>" * 99, "名", "", "%(a)s {0}"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_name_from_data_is_shown_as_it_is(result, hostile):
    odd = renamed(result, hostile)
    for name in ("hyperparameters", "parallel_coordinates", "importance"):
        written = " ".join(texts(drawn(FIGURES[name](odd))))
        assert hostile.replace("\n", " ")[:31].replace("$", r"\$") in written


def test_nothing_of_matplotlib_is_left_behind(result):
    import matplotlib

    before = matplotlib.rcParams.copy()
    drawn(report.learning_curves(result))
    assert matplotlib.rcParams.copy() == before
    assert "matplotlib.pyplot" not in sys.modules


def test_the_same_figure_has_the_same_bytes(result):
    for kind in ("svg", "png"):
        files = [io.BytesIO(), io.BytesIO()]
        for file in files:
            report.style.save(report.hyperparameters(result), file, kind)
        assert files[0].getvalue() == files[1].getvalue()


def test_a_missing_matplotlib_is_told(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for figure in FIGURES.values():
        with pytest.raises(
            ImportError, match=r"pip install 'jaxdl-sweep\[matplotlib\]'"
        ):
            figure(result)
