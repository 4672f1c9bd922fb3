"""Members that pause and thaw, by hand and in a sweep."""

import importlib

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.searches.rungs import RECORDED
from jaxdl.spaces import SpaceError
from jaxdl.train import Status
from tests.searches.conftest import KEY, SPACE, play, same_bits, sweep
from tests.sweeps.kept import cut_after

made = importlib.import_module("jaxdl.searches.freeze_thaw")  # not the function

T = np.arange(1.0, 13.0)
LEVELS = np.linspace(0.1, 0.6, 12)


def curves():
    """Returns 12 curves: the best at the end is the worst of the first half at first.

    Of the others the better ones are better all the time.
    """
    slow = 0.05 + 0.6 / T
    return np.stack([*(level + 0.1 / T for level in LEVELS[1:]), slow])


def play_curves(search, scores):
    """Returns the rungs of a search in which member i has a curve of scores."""
    members, epochs = scores.shape
    asking = search(KEY, SPACE, members, epochs)
    rungs = [next(asking)]
    while True:
        last = rungs[-1]
        score = scores[last.members, last.until - 1]
        try:
            rungs.append(asking.send({"dev_error": score, "dev_loss": score}))
        except StopIteration:
            return rungs


def spent_in(rungs, members):
    """Returns the epochs that each member trains in all rungs."""
    trained = np.zeros(members, int)
    for rung in rungs:
        assert (rung.until > trained[rung.members]).all() and rung.parents is None
        trained[rung.members] = rung.until
    return trained


def test_rungs_shrink_as_one_over_the_root():
    rungs = play_curves(dl.freeze_thaw(50), np.tile(curves(), (10, 1)))
    # 50 % of 120 members and 12 epochs, less the first rung and 11 epochs for the last
    left = 0.5 * 120 * 12 - 120 - 11
    ratio = left / sum(r**-0.5 for r in range(2, 13))
    widths = np.array([len(rung.members) for rung in rungs[1:12]])
    np.testing.assert_allclose(widths, ratio * np.arange(2, 13) ** -0.5, atol=1)
    trained = spent_in(rungs, 120)
    assert trained.sum() == 720 and trained.max() == 12


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize(("members", "epochs"), [(12, 6), (32, 20), (5, 7), (40, 4)])
def test_exactly_what_was_asked_for_is_spent(members, epochs, every, monkeypatch):
    """Whichever members thaw: their ends are drawn at random."""
    draws = np.random.default_rng(0)
    score = draws.random((members, epochs))
    monkeypatch.setattr(
        made, "extrapolate", lambda curves, _: draws.random(len(curves))
    )
    tried = 0
    for percent in range(1, 101):
        try:
            rungs = play_curves(dl.freeze_thaw(percent, every=every), score)
        except SpaceError as error:
            assert "expected at least" in str(error)
            continue
        trained = spent_in(rungs, members)
        assert trained.sum() == percent * members * epochs // 100
        assert trained.max() == epochs
        assert (trained >= every).all()
        tried += 1
    assert tried and (trained == epochs).all()  # 100 %


def test_members_train_from_where_they_paused():
    rungs = play_curves(dl.freeze_thaw(60, every=2), curves())
    trained = np.zeros(12, int)
    for number, rung in enumerate(rungs):
        step = rung.until - trained[rung.members]
        assert (step > 0).all()
        assert number == len(rungs) - 1 or set(step) == {2}
        trained[rung.members] = rung.until


def test_a_slow_member_thaws_and_wins():
    """Halving stops it for good: it is eighth of twelve after the first epoch."""
    scores = curves()
    rungs = play_curves(dl.freeze_thaw(70), scores)
    in_rungs = [11 in rung.members for rung in rungs]
    assert in_rungs[0]
    halved = play(dl.halving(2), 12, 12, scores[:, 0])
    assert 11 not in halved[1].members
    last = {
        int(m): int(u) for r in rungs for m, u in zip(r.members, r.until, strict=True)
    }
    assert last[11] == 12


def test_a_member_that_diverged_does_not_thaw():
    scores = curves()
    scores[0, 1:], scores[1] = np.nan, np.nan
    rungs = play_curves(dl.freeze_thaw(60), scores)
    assert sum(0 in rung.members for rung in rungs) == 2  # it diverged in its second
    assert sum(1 in rung.members for rung in rungs) == 1
    assert len(play_curves(dl.freeze_thaw(60), np.full((6, 5), np.nan))) == 1


def test_the_rung_on_record_is_taken():
    asking = dl.freeze_thaw(40)(KEY, SPACE, 12, 12)
    first = next(asking)
    score = curves()[:, 0]
    told = {"dev_error": score, "dev_loss": score}
    wanted = asking.send(told).members
    other = np.setdiff1d(np.arange(12), wanted)[: len(wanted)]
    again = dl.freeze_thaw(40)(KEY, SPACE, 12, 12)
    assert (next(again).members == first.members).all()
    taken = again.send(told | {RECORDED: other})
    np.testing.assert_array_equal(taken.members, other)
    np.testing.assert_array_equal(taken.hparams["rate"], first.hparams["rate"][other])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.freeze_thaw(0), "percent=0; expected an int of at least 1"),
        (lambda: dl.freeze_thaw(101), "percent=101; expected at most 100"),
        (lambda: dl.freeze_thaw(0.2), "percent=0.2; expected an int"),
        (lambda: dl.freeze_thaw(every=0), "every=0"),
        (lambda: play(dl.freeze_thaw(every=5), 8, 5, []), "expected at least 6 epochs"),
        # 8 first epochs, 3 for the last, and 3 rungs of one: 14 of 32
        (lambda: play(dl.freeze_thaw(43), 8, 4, []), "percent=43 .* at least 44"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def unsteady(curves, deviations):
    """Stands for an extrapolation that at last prefers who has long been frozen."""
    seen = np.isfinite(curves).sum(axis=1)
    return seen if deviations == 0 else -seen


def test_thawed_members_have_the_bits_of_a_sweep_without_pauses(
    whole, recipe, space, digits, monkeypatch
):
    monkeypatch.setattr(made, "extrapolate", unsteady)
    thawed = sweep(recipe, space, digits, members=16, search=dl.freeze_thaw(70))
    trained = np.isfinite(thawed.metrics["dev_loss"])
    came_back = [i for i in range(16) if paused(thawed.rungs, i)]
    ended = np.flatnonzero(trained.all(axis=1))
    assert {*came_back} & {*ended} and len(ended) < 16
    for name, curve in thawed.metrics.items():
        long = whole.metrics[name][:16]
        np.testing.assert_array_equal(curve[trained], long[trained])
    for i in ended:
        same_bits(thawed.member(i), whole.member(i))
        assert thawed.status[i] == Status.FINISHED
    assert {*thawed.status} == {Status.FINISHED, Status.CUT_SHORT}


def paused(rungs, member):
    """Returns whether a member was in a rung, not in a later one, and again in one."""
    text = "".join("x" if member in rung.members else "-" for rung in rungs)
    return "x-" in text.rstrip("-")


def test_a_run_takes_its_rungs_from_the_record(
    recipe, space, digits, tmp_path, monkeypatch
):
    """A resumed search that would decide otherwise does so after the record ends."""
    settings = {"members": 10, "epochs": 4, "search": dl.freeze_thaw(80)}
    whole = sweep(recipe, space, digits, **settings)
    run = {"run_dir": tmp_path / "run"}
    with cut_after(6):  # 2 blocks in the first rung, and one in each later one
        sweep(recipe, space, digits, **settings, **run)
    with runs.read_run(tmp_path / "run") as store:
        recorded = store.rungs()
    assert len(recorded) > 2
    monkeypatch.setattr(made, "extrapolate", unsteady)
    again = sweep(recipe, space, digits, **settings, **run)
    for rung, was in zip(again.rungs, recorded, strict=False):
        np.testing.assert_array_equal(rung.members, was.members)
    assert whole.rungs[1].members.tolist() == recorded[1].members.tolist()
    with pytest.raises(runs.RunMismatchError, match="rung 1 of this run differs"):
        sweep(recipe, space, digits, **settings | {"search": dl.freeze_thaw(60)}, **run)
