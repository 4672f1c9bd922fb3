"""Sweeps with `auto`: the search that is decided has the bits and stands in the run."""

import functools
from importlib import import_module

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.cli.values import search
from jaxdl.report import contents
from jaxdl.searches.traits import name_of
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import read_result
from jaxdl.sweeps.summary import summarize
from jaxdl.train.structure import RecipeError
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    assert_same_result,
    cut_after,
    small,
    sweep,
)

module = import_module("jaxdl.searches.auto")  # the room has the function in its place
MANY = {"members": 8, "epochs": 4}  # the fewest for which it takes populations
POPULATIONS = dl.multi_pbt(1, populations=2)


@pytest.fixture(scope="module")
def expected(digits):
    return sweep(small, SPACE, digits, search=POPULATIONS, **MANY)


def automatic(digits, space=SPACE, **settings):
    return sweep(small, space, digits, search=dl.auto(), **MANY | settings)


def recorded(folder):
    """Returns the search of a run, and how it was decided."""
    with runs.read_run(folder) as store:
        return store.specification["search"], store.specification.get("decision", "")


def test_a_run_is_that_of_the_search_that_is_decided(digits, expected, tmp_path):
    with cut_after(3):
        automatic(digits, run_dir=tmp_path)
    name, decision = recorded(tmp_path)
    assert name == "multi_pbt"
    head = "multi_pbt(1, populations=2) (--search multi-pbt:1:2): it found a better"
    assert decision.startswith(head)
    assert_same_result(automatic(digits, run_dir=tmp_path), expected)
    # Whoever names the search has the same run.
    again = sweep(small, SPACE, digits, search=POPULATIONS, run_dir=tmp_path, **MANY)
    assert_same_result(again, expected)
    read = read_result(tmp_path, small)
    assert_same_result(read, expected)
    assert again.task.decision == read.task.decision == decision
    assert summarize(read, None).decision == decision
    assert dict(contents.specification(read, None))["search that auto took"] == decision
    best = read.best()
    replayed = dl.replay(read, small, digits, member=best.number, progress=False)
    assert_same_member(replayed, best)
    other = tmp_path / "other"
    sweep(small, SPACE, digits, run_dir=other, **MANY)
    assert recorded(other) == ("random", "")
    refused = (
        r"auto takes multi_pbt\(1, populations=2\) \(--search multi-pbt:1:2\), "
        'recorded a search that auto did not take; search: got "multi_pbt", recorded '
        '"random"'
    )
    with pytest.raises(runs.RunMismatchError, match=refused):
        automatic(digits, run_dir=other)


def test_a_run_of_another_decision_says_how_to_name_its_search(
    digits, expected, tmp_path, monkeypatch
):
    """As a run of an earlier version, or of a search that was named, may have it."""
    automatic(digits, run_dir=tmp_path)
    monkeypatch.setattr(module, "LEAST", 9)
    refused = (
        r"auto takes random\(\) .*, recorded multi_pbt\(1, populations=2\) "
        r"\(--search multi-pbt:1:2\) \(to resume the run, name that search\)"
    )
    with pytest.raises(runs.RunMismatchError, match=refused):
        automatic(digits, run_dir=tmp_path)
    typed = search("multi-pbt:1:2")
    again = sweep(small, SPACE, digits, search=typed, run_dir=tmp_path, **MANY)
    assert_same_result(again, expected)


def test_a_run_whose_decision_is_not_on_record_is_resumed(digits, expected, tmp_path):
    """Runs of earlier versions have the name of the search alone."""
    sweep(small, SPACE, digits, search=POPULATIONS, run_dir=tmp_path, **MANY)
    again = automatic(digits, run_dir=tmp_path)
    assert_same_result(again, expected)
    assert recorded(tmp_path) == ("multi_pbt", "") and not again.task.decision


def test_a_wrapper_of_auto_is_not_thrown_away(digits, expected):
    rungs = []

    @functools.wraps(dl.auto())
    def watched(*given):
        asked = dl.auto()(*given)
        rung = next(asked)
        while True:
            rungs.append(rung)
            standing = yield rung
            try:
                rung = asked.send(standing)
            except StopIteration:
                return

    found = sweep(small, SPACE, digits, search=watched, **MANY)
    assert_same_result(found, expected)
    assert len(rungs) == len(expected.rungs)


def test_it_says_what_it_takes_and_why(digits, capsys):
    automatic(digits, epochs=1, progress=True)
    told = " ".join(capsys.readouterr().err.split())
    assert "auto takes random() (--search random): multi_pbt takes at least 4" in told
    automatic(digits, epochs=1)
    assert "auto" not in capsys.readouterr().err


def test_repeats_and_folds_judge_configurations(digits):
    found = automatic(digits, epochs=1, repeats=2)
    assert name_of(found.task.search) == "random"
    plain = sweep(small, SPACE, digits, members=8, epochs=1, repeats=2)
    assert_same_result(found, plain)
    found = automatic(digits, members=32, epochs=1, repeats=2)
    assert name_of(found.task.search) == "refinement"
    assert [len(rung.members) for rung in found.rungs] == [8 * 2] * 4


def test_several_objectives_take_no_search_that_goes_by_one(digits):
    def both(hp):
        return small(hp)._replace(rank_by=("error", "loss"))

    found = sweep(both, SPACE, digits, search=dl.auto(), **MANY)
    assert name_of(found.task.search) == "random"
    assert len(found.rungs) == 1 and found.pareto()


def test_the_first_members_of_another_sweep_are_the_first(digits, expected):
    found = automatic(digits, start_from=expected)
    assert name_of(found.task.search) == "multi_pbt"
    best = expected.hparams["rate"][expected.ranking()[:4]]
    np.testing.assert_array_equal(found.rungs[0].hparams["rate"][:4], best)


def test_few_weights_may_stay(digits, expected):
    found = automatic(digits, keep=2)
    assert_same_member(found.best(), expected.best())


def test_parts_and_growth_are_refused(digits, tmp_path):
    with pytest.raises(SpaceError, match="that decides, or may decide, by how all"):
        automatic(digits, shard=(0, 2))
    with pytest.raises(SpaceError, match="that decides, or may decide, by how members"):
        automatic(digits, run_dir=tmp_path, extend=True)


def test_a_number_that_the_search_draws_is_checked_before_anything_trains(digits):
    """Populations would draw no rate below 0 with this key; a refinement does."""
    space, key = {"rate": dl.Uniform(-0.05, 1.0)}, jax.random.key(38)
    given = key, space, 32, 8
    searches = POPULATIONS, dl.refinement(4)
    rates = [next(search(*given)).hparams["rate"] for search in searches]
    assert rates[0].min() > 0 > rates[1].min()
    with pytest.raises(RecipeError, match="learning_rate"):
        automatic(digits, space=space, key=key, members=32, epochs=8, folds=2)
