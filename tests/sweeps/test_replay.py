"""Members that are trained again, to the bit."""

from dataclasses import replace

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import pace
from jaxdl.searches import Rung
from jaxdl.sweeps import read_result
from jaxdl.sweeps.lineage import lineage
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    cut_after,
    sized,
    small,
    sweep,
)


@pytest.mark.parametrize(
    ("search", "settings"),
    [
        pytest.param(None, {}, marks=pytest.mark.heavy),
        (dl.pbt(1), {}),
        (None, {"repeats": 2, "folds": 2}),
        pytest.param(dl.pbt(1), {"repeats": 2, "folds": 2}, marks=pytest.mark.heavy),
    ],
    ids=["random", "pbt", "random in variants", "pbt in variants"],
)
def test_a_member_is_replayed_to_the_bit(search, settings, digits, tmp_path):
    result = sweep(small, SPACE, digits, run_dir=tmp_path, search=search, **settings)
    for run in (tmp_path, result):
        again = dl.replay(run, small, digits, member=5, progress=False)
        assert_same_member(again, result.member(5))


@pytest.mark.parametrize(
    "search",
    [pytest.param(None, marks=pytest.mark.heavy), dl.pbt(1)],
    ids=["random", "pbt"],
)
def test_a_member_of_a_run_that_still_trains_is_replayed_as_far_as_it_is(
    search, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    with cut_after(4):
        sweep(small, SPACE, digits, run_dir=tmp_path, search=search)
    result = read_result(tmp_path, small)
    trained = np.isfinite(result.metrics["dev_loss"]).sum(axis=1)
    assert 0 < trained.max() < 4
    again = dl.replay(tmp_path, small, digits, member=trained.argmax(), progress=False)
    assert np.isfinite(again.metrics["dev_loss"]).sum() == trained.max()


def test_a_member_with_other_weights_is_not_taken_for_a_replay(digits):
    result = sweep(small, SPACE, digits, members=2, epochs=1)
    (block,) = result.blocks
    block.params["kernel"] = 2 * block.params["kernel"]
    with pytest.raises(runs.RunMismatchError, match="same metrics and other weights"):
        dl.replay(result, small, digits, member=1, progress=False)


def test_other_data_are_not_taken_for_a_replay(digits):
    result = sweep(small, SPACE, digits, members=2, epochs=2)
    swapped = digits._replace(dev=replace(digits.dev, labels=digits.dev.labels[::-1]))
    with pytest.raises(runs.RunMismatchError, match="another dev_.* from epoch 1 on"):
        dl.replay(result, small, swapped, member=1, progress=False)


def test_the_lineage_of_a_member_is_all_that_it_copied_from():
    """Member 3 copied 1 in the last rung, and 1 had copied 0 before."""

    def rung(parents):
        parents = None if parents is None else np.array(parents)
        hparams = {"rate": np.arange(4.0)}
        return Rung(np.arange(4), hparams, np.full(4, 9), parents)

    found = lineage([rung(None), rung([0, 0, 2, 3]), rung([0, 1, 2, 1])], 3)
    assert [r.members.tolist() for r in found] == [[0], [1], [3]]
    assert [r.hparams["rate"].tolist() for r in found] == [[0], [1], [3]]
    assert [r.parents if r.parents is None else r.parents.tolist() for r in found] == [
        None, [0], [1]
    ]  # fmt: skip


@pytest.mark.heavy
def test_a_run_remembers_its_merged_bounds(digits, tmp_path):
    space = {"rate": SPACE["rate"], "units": dl.AsSize(dl.IntUniform(2, 12))}
    settings = {"members": 3, "epochs": 1, "run_dir": tmp_path}
    result = sweep(sized, space, digits, **settings)
    # Networks so small are not worth the three programs of 5, 9 and 12 units.
    assert space["units"].all_bounds() == (5, 9, 12)
    assert result.task.plan.bounds == {"units": (12,)}
    read = read_result(tmp_path, sized)
    assert read.task.plan == result.task.plan
    again = dl.replay(tmp_path, sized, digits, 1, progress=False)
    assert_same_member(result.member(1), again)
    other = dl.Plan(2, bounds={"units": (5, 12)})
    with pytest.raises(runs.RunMismatchError, match=r"plan: got .*\[5, 12\].* \[12\]"):
        sweep(sized, space, digits, **settings, plan=other)
