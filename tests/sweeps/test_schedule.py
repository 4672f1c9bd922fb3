"""Sweeps that are given time: where they stop, what they keep, and what they shrink."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine.deadline import Deadline
from jaxdl.engine.forecast import forecast as forecast_of
from jaxdl.engine.speed import Speed
from jaxdl.searches import Rung
from jaxdl.searches.traits import name_of
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import read_result, schedule
from jaxdl.train import Status
from tests.sweeps.kept import SPACE, assert_same_result, parts, small, sweep


class Left(Deadline):
    """A deadline that is always as far."""

    def left(self):
        return self.at

    def epochs(self, most, epoch):
        return most


def trained(result):
    """Returns which epochs members have trained, `[members, epochs]`."""
    return np.isfinite(result.metrics["dev_loss"])


def test_it_stops_between_epochs_and_keeps_what_has_trained(result, digits):
    short = sweep(small, SPACE, digits, seconds=parts(5))
    epochs = trained(short)
    assert epochs.sum() == 5 * 2  # blocks of 2
    for name, curve in short.metrics.items():
        np.testing.assert_array_equal(curve[epochs], result.metrics[name][epochs])
    done = epochs.all(axis=1)
    assert (short.status[done] == Status.FINISHED).all()
    assert (short.status[~done] == Status.CUT_SHORT).all()
    best = short.best()
    assert best.number in np.flatnonzero(epochs.any(axis=1))
    last = np.where(epochs.any(axis=1), epochs.sum(axis=1) - 1, 0)
    errors = np.where(epochs[:, 0], short.metrics["dev_error"][range(6), last], 9)
    assert errors[best.number] == errors.min()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, marks=pytest.mark.heavy, id="random"),
        pytest.param({"search": dl.halving(2)}, marks=pytest.mark.heavy, id="halving"),
        pytest.param({"patience": 1}, marks=pytest.mark.heavy, id="patience"),
        pytest.param({"search": dl.pbt(2)}, id="pbt"),
    ],
)
def test_calls_that_are_cut_give_the_bits_of_one_that_is_not(
    settings, digits, tmp_path
):
    """Each call has time for three block-epochs; searches decide as they would."""
    expected = sweep(small, SPACE, digits, **settings)
    folder, calls = tmp_path / "run", 0
    while not runs.is_finished(folder):
        try:
            cut = sweep(
                small, SPACE, digits, run_dir=folder, seconds=parts(3), **settings
            )
        except TimeoutError:
            pytest.fail("a call trained nothing")
        calls += 1
        assert calls < 10
    assert calls > 2
    assert_same_result(cut, expected)
    assert len(cut.rungs) == len(expected.rungs)


def test_a_run_that_was_cut_is_read_and_goes_on(digits, result, tmp_path):
    cut = sweep(small, SPACE, digits, run_dir=tmp_path / "run", seconds=parts(2))
    assert not runs.is_finished(tmp_path / "run")
    assert (cut.status == Status.RUNNING).any()
    assert_same_result(read_result(tmp_path / "run", small), cut)
    whole = sweep(small, SPACE, digits, run_dir=tmp_path / "run")
    assert_same_result(whole, result)


def test_a_resume_in_time_gives_the_bits_of_one_call(digits, result, tmp_path):
    """It measures nothing before, so that it knows of no epoch how long it takes."""
    folder = tmp_path / "run"
    sweep(small, SPACE, digits, run_dir=folder, seconds=parts(2))
    assert not runs.is_finished(folder)
    whole = sweep(small, SPACE, digits, run_dir=folder, seconds=60)
    assert runs.is_finished(folder)
    assert_same_result(whole, result)


def test_a_search_that_is_not_foreseen_takes_a_time(digits):
    settings = {"search": dl.freeze_thaw(50)}
    expected = sweep(small, SPACE, digits, **settings)
    assert_same_result(sweep(small, SPACE, digits, seconds=60, **settings), expected)


def test_time_is_told(digits, capsys):
    sweep(small, SPACE, digits, seconds=parts(2), progress=True)
    told = " ".join(capsys.readouterr().err.split())
    assert "time is up" in told and "name a folder (run_dir=, --out)" in told


def test_a_time_in_which_nothing_trains_is_an_error(digits):
    with pytest.raises(
        TimeoutError, match="no member has trained .*expected more time"
    ):
        sweep(small, SPACE, digits, seconds=parts(0))


@pytest.fixture
def slow(monkeypatch):
    """Makes an epoch of a block of two take a quarter of a second on the one hand."""

    def probe(engine, blocks):
        engine.prepare(blocks)
        (found,) = engine.outlines.values()
        work = found.work * found.steps_per_epoch * 2
        return Speed(compiling=0.0, work=4 * work / engine.crew.size)

    def forecast(*given):
        """Has the blocks one after another, as on one hand."""
        *rest, hands, speed = given
        return forecast_of(*rest, 1, speed._replace(work=speed.work * hands))

    monkeypatch.setattr(schedule, "probe", probe)
    monkeypatch.setattr(schedule, "forecast", forecast)


def both(hp):
    return small(hp)._replace(rank_by=("error", "loss"))


def left(seconds):
    return Left(seconds, 60.0)


def test_random_search_trains_the_full_blocks_that_fit(slow, digits, result):
    """Six members are three blocks of a second each."""
    assert sweep(small, SPACE, digits, seconds=left(3.1)).task.asked is None
    fewer = sweep(small, SPACE, digits, seconds=left(2.9))
    assert (fewer.task.members, fewer.task.asked) == (4, 6)
    for name, curve in fewer.metrics.items():
        np.testing.assert_array_equal(curve, result.metrics[name][:4])


def test_halving_has_a_smaller_schedule(slow, digits):
    """Of 8 members the rungs take 4, 2 and 2 quarters; of 2 members 1 and 3."""
    settings = {"search": dl.halving(2), "members": 8}
    assert sweep(small, SPACE, digits, seconds=left(2.1), **settings).task.asked is None
    fewer = sweep(small, SPACE, digits, seconds=left(1.2), **settings)
    assert (fewer.task.members, fewer.task.asked) == (2, 8)
    assert [len(rung.members) for rung in fewer.rungs] == [2, 1]


@pytest.mark.heavy
def test_populations_of_several_frequencies_have_a_smaller_schedule(slow, digits):
    """A rung of 12 members takes 1.5 s, one of 8 members takes 1 s."""
    search = dl.multi_pbt(1, populations=2)
    fewer = sweep(small, SPACE, digits, search=search, members=12, seconds=left(4.5))
    assert (fewer.task.members, fewer.task.asked) == (8, 12)
    assert [len(rung.members) for rung in fewer.rungs] == [8] * 4


def test_auto_takes_the_search_that_suits_the_fewer_members(slow, digits, tmp_path):
    """Twelve members would be populations; six of them are too few."""
    given = {"search": dl.auto(), "members": 12}
    whole = sweep(small, SPACE, digits, seconds=left(6.1), **given)
    assert (name_of(whole.task.search), whole.task.asked) == ("multi_pbt", None)
    folder = {"run_dir": tmp_path / "run"}
    fewer = sweep(small, SPACE, digits, seconds=left(3.4), **given, **folder)
    assert (name_of(fewer.task.search), fewer.task.members) == ("random", 6)
    with runs.read_run(tmp_path / "run") as store:
        known = [store.specification[n] for n in ("search", "members", "asked")]
    assert known == ["random", 6, 12]
    assert_same_result(sweep(small, SPACE, digits, **given, **folder), fewer)


@pytest.mark.parametrize(
    ("recipe", "repeats"),
    [
        pytest.param(small, 2, marks=pytest.mark.heavy, id="repeats"),
        pytest.param(both, 1, id="objectives"),
    ],
)
def test_the_forecast_of_auto_is_of_the_search_that_trains(
    recipe, repeats, slow, digits, monkeypatch
):
    """That is random search, of one rung; without these settings it has several."""
    rungs, played = schedule._rungs, []

    def counted(task):
        played.append([*rungs(task)])
        return iter(played[-1])

    monkeypatch.setattr(schedule, "_rungs", counted)
    given = {"members": 12, "search": dl.auto(), "repeats": repeats}
    fewer = sweep(recipe, SPACE, digits, seconds=left(3.4 * repeats), **given)
    assert name_of(fewer.task.search) == "random"
    assert (fewer.task.members, fewer.task.asked) == (6, 12)
    assert len(played) > 1 and {len(one) for one in played} == {1}


def test_a_smaller_schedule_stands_in_the_run(slow, digits, result, tmp_path):
    folder = tmp_path / "run"
    sweep(small, SPACE, digits, run_dir=folder, seconds=left(2.9))
    with runs.read_run(folder) as store:
        assert store.specification["members"] == 4
        assert store.specification["asked"] == 6
    assert read_result(folder, small).task.asked == 6
    again = sweep(small, SPACE, digits, run_dir=folder, seconds=left(0.1))
    assert again.task.members == 4 and not (again.status == Status.RUNNING).any()
    assert sweep(small, SPACE, digits, run_dir=folder).task.members == 4
    with pytest.raises(runs.RunMismatchError, match="members: got 5, recorded 4. Exp"):
        sweep(small, SPACE, digits, run_dir=folder, members=5)
    assert_same_result(sweep(small, SPACE, digits, run_dir=folder, extend=True), result)


def test_a_time_too_short_for_one_rung_says_what_fits(slow, digits):
    expected = (
        "got 60 s for a sweep whose smallest schedule has 1 member, and about 1 s for "
        "its first rung; about 1 minute went to reading, checking and compiling; "
        "expected at least about 1 minute, or at most 2 epochs"
    )
    with pytest.raises(SpaceError, match=expected):
        sweep(small, SPACE, digits, seconds=left(0.6))
    with pytest.raises(SpaceError, match="smallest schedule has 3 members"):
        sweep(small, SPACE, digits, seconds=left(0.1), search=dl.hyperband(2))


def test_members_that_are_given_stay_as_many(slow, digits, capsys):
    space = {"rate": np.array([0.1, 0.2, 0.3, 0.4])}
    settings = {"members": 4, "seconds": left(0.1), "progress": True}
    result = sweep(small, space, digits, **settings)
    assert result.task.members == 4 and result.task.asked is None
    told = " ".join(capsys.readouterr().err.split())
    assert "that are given; it stops in time" in told and "of them" not in told


def test_a_shard_has_its_members_in_any_case(slow, digits, capsys, monkeypatch):
    """It is not measured either, since this would change nothing."""
    expected = sweep(small, SPACE, digits, shard=(0, 2))
    monkeypatch.setattr(schedule, "probe", None)
    settings = {"shard": (0, 2), "seconds": left(0.1), "progress": True}
    found = sweep(small, SPACE, digits, **settings)
    assert_same_result(found, expected)
    assert "more than the" not in capsys.readouterr().err


def test_at_most_half_of_the_fewer_members_are_given(slow, digits, result, tmp_path):
    best = result.hparams["rate"][result.ranking()]
    settings = {"start_from": result, "run_dir": tmp_path / "run"}
    fewer = sweep(small, SPACE, digits, seconds=left(2.9), **settings)
    assert fewer.task.members == 4 and len(fewer.task.first) == 2
    rates = [*best[:2], *result.hparams["rate"][2:4]]
    np.testing.assert_array_equal(fewer.hparams["rate"], np.array(rates))
    assert_same_result(sweep(small, SPACE, digits, **settings), fewer)
    one = sweep(small, SPACE, digits, seconds=left(1.1), start_from=result)
    assert one.task.members == 2 and len(one.task.first) == 1


@pytest.mark.heavy
def test_a_run_that_has_grown_past_what_was_asked_is_another(slow, digits, tmp_path):
    folder = {"run_dir": tmp_path / "run"}
    sweep(small, SPACE, digits, seconds=left(2.9), **folder)
    sweep(small, SPACE, digits, members=8, extend=True, **folder)
    with pytest.raises(runs.RunMismatchError, match="members: got 6, recorded 8"):
        sweep(small, SPACE, digits, **folder)
    assert sweep(small, SPACE, digits, members=8, **folder).task.members == 8


def test_a_search_of_yours_is_never_played_ahead(slow, digits):
    calls = []

    def search(key, space, members, epochs):
        calls.append(members)
        ids, hparams = np.arange(members), dl.sample(key, space, members)
        yield Rung(ids, hparams, np.full(members, epochs))

    result = sweep(small, SPACE, digits, seconds=left(0.1), search=search)
    assert calls == [6] and result.task.members == 6
    assert jax.tree.leaves(result.hparams)[0].shape == (6,)
