"""A page of very many members shows the best and a sample, and says so."""

import re

import numpy as np
import pytest

from jaxdl import report
from jaxdl.report import contents, shown
from jaxdl.report.figures import FIGURES, Source, draw
from jaxdl.sweeps import summary
from tests.report.conftest import unpacked

WORDS = "the best 4 of 32 members, and 6 others at random"


@pytest.fixture
def small_pages(monkeypatch):
    """Of 32 members the best 4 and 6 others are shown."""
    for name, count in {"MOST": 31, "BEST": 4, "OTHERS": 6}.items():
        monkeypatch.setattr(shown, name, count)


def test_all_are_shown_of_a_usual_sweep(result):
    assert shown.shown(result).tolist() == [*range(32)]
    assert shown.of_how_many(result) == contents.sampled(result) == ""


def test_the_best_and_some_others_are_shown_of_many(result, small_pages):
    ids = shown.shown(result)
    assert len(ids) == 10 and (np.diff(ids) > 0).all()
    assert set(result.ranking()[:4]) <= set(ids.tolist())
    np.testing.assert_array_equal(ids, shown.shown(result))
    assert shown.of_how_many(result) == WORDS


def test_configurations_stay_whole(repeated, small_pages, monkeypatch):
    """16 members of 4 configurations: the best, and one more."""
    for name, count in {"MOST": 15, "BEST": 1, "OTHERS": 1}.items():
        monkeypatch.setattr(shown, name, count)
    ids = shown.shown(repeated)
    assert len(ids) == 2 and repeated.ranking()[0] in ids
    told = contents.members(repeated, None)
    members = {row[0] for row in told["rows"]}
    assert members == {int(i) for c in ids for i in repeated.members_of(c)}
    assert "of 4 configurations" in shown.of_how_many(repeated)


def test_the_table_has_those_that_are_shown_in_their_order(result, small_pages):
    told = contents.members(result, None)
    numbers = [row[0] for row in told["rows"]]
    order = [i for i in result.ranking() if i in shown.shown(result)]
    assert numbers == order
    _, curves = unpacked(told)
    own = result.metrics["dev_error"][numbers]
    np.testing.assert_allclose(curves["dev_error"], own, rtol=2e-4)


def test_the_page_says_so(result, small_pages, tmp_path):
    report.report(result, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert f"Table, lines and points show {WORDS}." in page
    assert "32 members: 32 finished" in page


@pytest.mark.parametrize(
    "name", ["learning_curves", "train_against_dev", "hyperparameters"]
)
def test_figures_show_them_and_say_so(name, result, small_pages):
    drawn = draw(FIGURES[name], Source(result))
    title = drawn.get_suptitle() or drawn.axes[0].get_title(loc="left")
    assert WORDS in title
    if name != "learning_curves":
        points = drawn.axes[0].collections[0].get_offsets()
        assert len(points) == 10
        return
    last = drawn.axes[0].collections[0].get_array()[:, -1]
    assert last.sum() == 10  # curves that reach the last column


def test_lines_side_by_side_are_of_the_best(result, small_pages):
    drawn = draw(FIGURES["parallel_coordinates"], Source(result))
    assert drawn.axes[0].get_title(loc="left") == "the best 4 of 32"


def test_the_importance_is_that_of_a_sample(result, monkeypatch):
    lengths, importance = [], summary.diagnose.importance

    def noted(hparams, scores):
        lengths.append(len(scores))
        assert set(scores) <= set(result.scores())
        return importance(hparams, scores)

    monkeypatch.setattr(summary.diagnose, "importance", noted)
    monkeypatch.setattr(summary, "LEARNED", 30)
    summary.importance_of(result)
    of_all = summary.seconds_of_importance(result)
    monkeypatch.setattr(summary, "MOST_LEARNED", 31)
    summary.importance_of(result)
    assert lengths == [32, 30]
    numbers = len(result.hparams)
    saved = of_all - summary.seconds_of_importance(result)
    assert saved == pytest.approx(2 * numbers * summary.ONE_NUMBER)
    drawn = draw(FIGURES["importance"], Source(result))
    assert not re.search("at random", drawn.axes[0].get_title(loc="left"))
