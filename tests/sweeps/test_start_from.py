"""Sweeps that start from another one: what they take of it, and what they keep."""

import shutil

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, runs
from jaxdl.searches import Rung
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import StartFrom, best_of_run, read_result, replay
from tests.sweeps.kept import (
    SIZED,
    SPACE,
    assert_same_member,
    assert_same_result,
    sized,
    small,
    sweep,
)


def by_error(result):
    """Returns the rates of a sweep of one, the lowest dev error first."""
    return result.hparams["rate"][result.ranking()]


def test_the_best_of_another_recipe_are_the_first_members(finished, digits, result):
    """Half of six members, at most; the units are drawn as ever."""
    folder, other = finished
    found = sweep(sized, SIZED, digits, start_from=folder, epochs=1)
    plain = dl.sample(found.task.key, SIZED, 6)
    best = by_error(other)[:3]
    np.testing.assert_array_equal(found.hparams["rate"][:3], best)
    np.testing.assert_array_equal(found.hparams["rate"][3:], plain["rate"][3:])
    np.testing.assert_array_equal(found.hparams["units"], plain["units"])
    again = sweep(sized, SIZED, digits, start_from=other, epochs=1)
    assert_same_result(again, found)


def test_a_run_keeps_the_values_and_needs_the_other_no_more(finished, digits, tmp_path):
    source, folder = tmp_path / "source", tmp_path / "run"
    shutil.copytree(finished[0], source)
    settings = {"run_dir": folder, "epochs": 1, "start_from": source}
    whole = sweep(small, SPACE, digits, **settings)
    shutil.rmtree(source)
    assert_same_result(sweep(small, SPACE, digits, **settings), whole)
    with runs.read_run(folder) as store:
        first = store.specification["first"]
    rates = [dict(row["dict"])["rate"] for row in first]
    assert np.float32(rates).tolist() == whole.hparams["rate"][:3].tolist()
    read = read_result(folder, small)
    assert_same_result(read, whole)
    assert_same_member(
        replay(folder, small, digits, 0, progress=False), whole.member(0)
    )
    settings |= {"members": 8, "extend": True}
    longer = sweep(small, SPACE, digits, **settings)
    np.testing.assert_array_equal(longer.hparams["rate"][:6], whole.hparams["rate"])
    with pytest.raises(
        runs.RunMismatchError, match="first members: got none, recorded"
    ):
        sweep(small, SPACE, digits, run_dir=folder, members=8, epochs=1)


def test_a_resume_takes_no_other_start(finished, digits, tmp_path, capsys):
    other = sweep(small, SPACE, digits, key=7, epochs=1)
    settings = {"run_dir": tmp_path / "run", "epochs": 1}
    whole = sweep(small, SPACE, digits, start_from=finished[0], **settings)
    told = "whose best configurations are not the first members that the run"
    for start in (other, StartFrom(finished[0], best=2)):
        with pytest.raises(runs.RunMismatchError, match=told):
            sweep(small, SPACE, digits, start_from=start, **settings)
    again = sweep(small, SPACE, digits, start_from=finished[1], **settings)
    assert_same_result(again, whole)
    settings |= {"start_from": tmp_path / "gone", "progress": True}
    assert_same_result(sweep(small, SPACE, digits, **settings), whole)
    told = " ".join(capsys.readouterr().err.split())
    assert "the start cannot be read: takes the first members that" in told


def test_a_missing_start_is_told(digits, tmp_path):
    with pytest.raises(OSError, match="there is no folder"):
        sweep(small, SPACE, digits, start_from=tmp_path / "nothing")


def test_ranges_narrow_on_request(finished, digits, tmp_path):
    folder, other = finished
    start = StartFrom(folder, best=2, narrow=True)
    settings = {"start_from": start, "run_dir": tmp_path / "run", "epochs": 1}
    found = sweep(small, SPACE, digits, **settings)
    best = by_error(other)[:2].astype(float)
    expected = SPACE["rate"].narrowed(best)
    assert found.task.space["rate"] == expected != SPACE["rate"]
    assert (found.hparams["rate"] <= np.float32(expected.high) * 1.0001).all()
    assert (found.hparams["rate"] >= np.float32(expected.low) * 0.9999).all()
    gone = start._replace(run=tmp_path / "gone")
    assert_same_result(
        sweep(small, SPACE, digits, **settings | {"start_from": gone}), found
    )


def test_names_map(finished, digits):
    def renamed(hp):
        return small({"rate": hp["speed"]})

    space, other = {"speed": SPACE["rate"]}, finished[1]
    start = StartFrom(other, names={"speed": "rate"})
    found = sweep(renamed, space, digits, start_from=start, epochs=1)
    np.testing.assert_array_equal(found.hparams["speed"][:3], by_error(other)[:3])
    with pytest.raises(SpaceError, match=r"\['rate'\] and a space that draws \['speed"):
        sweep(renamed, space, digits, start_from=other)
    with pytest.raises(SpaceError, match=r"with 'rat'; expected .* mean rate"):
        wrong = start._replace(names={"speed": "rat"})
        sweep(renamed, space, digits, start_from=wrong)


def test_what_lies_outside_of_the_space_is_left_out(finished, digits, capsys):
    other = finished[1]
    best = by_error(other)
    space = {"rate": dl.LogUniform(1e-5, float(best[1]) * 1.01)}
    inside = [rate for rate in best if rate <= best[1] * 1.01]
    found = sweep(small, space, digits, start_from=other, epochs=1, progress=True)
    count = min(3, len(inside))
    np.testing.assert_array_equal(found.hparams["rate"][:count], inside[:count])
    told = " ".join(capsys.readouterr().err.split())
    assert f"the first {count} members have rate of the best" in told
    far = {"rate": dl.LogUniform(1e-9, 1e-8)}
    with pytest.raises(SpaceError, match="none of which lies within the space in rate"):
        sweep(small, far, digits, start_from=other)


def test_a_search_that_draws_otherwise_is_refused(finished, digits):
    def search(key, space, members, epochs):
        ids, hparams = np.arange(members), {"rate": np.full(members, 0.5, np.float32)}
        yield Rung(ids, hparams, np.full(members, epochs))

    for other in (search, dl.grid_search(6)):
        with pytest.raises(
            SpaceError, match="start_from with a search that gives memb"
        ):
            sweep(small, SPACE, digits, start_from=finished[0], search=other)


def test_searches_that_decide_begin_with_them(finished, digits):
    searches = [(dl.halving(2), 1), (dl.freeze_thaw(90), 2)]
    searches.append((dl.multi_pbt(1, populations=2, share=1 / 3), 3))
    if pytest.importorskip("optuna"):
        searches.append((dl.interop.optuna_search(batch=3), 1))
        searches.append((dl.interop.optuna_halving(2, brackets=2), 1))
    best = by_error(finished[1])[:3]
    for search, epochs in searches:
        settings = {"search": search, "start_from": finished[0], "epochs": epochs}
        found = sweep(small, SPACE, digits, **settings)
        np.testing.assert_array_equal(found.rungs[0].hparams["rate"][:3], best)


@pytest.mark.heavy
def test_a_folder_is_read_without_its_recipe(digits, tmp_path):
    """Exchanged weights, repeats and a metric of which more is better."""

    def ranked(hp):
        built = small(hp)
        accuracy = {"hits": lambda z, y, w: (z.argmax(axis=-1) == y).mean()}
        return built._replace(metrics=accuracy, rank_by="-hits", penalty=nn.l2(0.1))

    settings = {"search": dl.pbt(1), "epochs": 3, "repeats": 2, "patience": 1}
    found = sweep(ranked, SPACE, digits, run_dir=tmp_path / "run", **settings)
    expected = found.configurations()["rate"][found.ranking()]
    for source in (tmp_path / "run", found):
        rates = [row["rate"] for row in best_of_run.configurations(source)]
        np.testing.assert_array_equal(np.float32(rates), expected)


def test_no_weights_of_the_start_are_read(finished, tmp_path):
    source = shutil.copytree(finished[0], tmp_path / "source")
    shutil.rmtree(source / "checkpoints")
    rates = [row["rate"] for row in best_of_run.configurations(source)]
    np.testing.assert_array_equal(np.float32(rates), by_error(finished[1]))


def test_a_start_without_a_finite_score_is_told(digits):
    space = {"rate": np.full(2, 1e30), "units": dl.AsSize(np.full(2, 6))}
    lost = sweep(sized, space, digits, members=2, epochs=1)
    with pytest.raises(SpaceError, match="expected a start with a finite score"):
        sweep(small, SPACE, digits, start_from=lost)
