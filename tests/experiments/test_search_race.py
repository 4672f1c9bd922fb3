"""How searches are given equal budgets, and how they are judged, by hand."""

import json

import jax
import numpy as np
import pytest

import jaxdl as dl
from experiments import search_race as race
from experiments.search_race import Budget, Contestant, Seen
from experiments.search_tasks import TASKS
from jaxdl.spaces import SpaceError

SMALL = Budget(3, 16)


def test_a_search_of_rungs_has_the_members_that_the_budget_pays_for():
    # 21 members: 16 for 1 epoch, 4 for 4 epochs, 1 for 16
    assert race.filled(dl.halving(4), SMALL) == 21
    assert race.cost_of(dl.halving(4), 21, 16) == 16 + 4 * 4 + 16 == 48
    row = race.CONTESTANTS["optuna_halving"](Budget(12, 16), None)
    assert row.own_members == 4 * 21
    assert race.CONTESTANTS["freeze_thaw"](SMALL, None).own_members == 15


def test_the_grid_is_the_finest_that_the_budget_pays_for():
    space = {"rate": dl.LogUniform(1e-3, 1.0), "beta": dl.Uniform(0.0, 1.0)}
    for members, own_members in ((4, 4), (8, 4), (15, 9), (16, 16)):
        assert race.grid(Budget(members, 16), space).own_members == own_members
    with pytest.raises(SpaceError, match="expected at least 4"):
        race.grid(Budget(3, 16), space)


@pytest.mark.parametrize("members", [128, 32])
@pytest.mark.parametrize("name", sorted(race.CONTESTANTS.keys() - {"cma_es", "gp"}))
def test_no_search_trains_more_than_the_budget(name, members):
    budget, space = Budget(members, 16), TASKS["wine"].space
    search, own_members = race.CONTESTANTS[name](budget, space)
    if name in ("tpe", "optuna_halving"):
        pytest.importorskip("optuna")
        drawn = name == "tpe"
        # Optuna's random sampler asks for the same rungs, without TPE's seconds.
        sampler = "RandomSampler"
        make = dl.interop.optuna_search if drawn else dl.interop.optuna_halving
        settings = {"sampler": sampler} if drawn else {"eta": 4, "sampler": sampler}
        search = make(**settings)
    spent = cost(search, space, own_members)
    assert spent <= members * 16
    assert spent >= (0.5 if name == "grid" else 0.97) * members * 16


def cost(search, space, members):
    """Returns the epochs that a search asks for."""
    asked = search(jax.random.key(0), space, members, 16)
    trained, rung = {}, next(asked)
    while True:
        trained |= dict(zip(rung.members.tolist(), rung.until.tolist(), strict=True))
        score = 1.0 + rung.members  # as good as its number
        try:
            rung = asked.send({"score": score, "dev_error": score, "dev_loss": score})
        except StopIteration:
            return sum(trained.values())


def test_members_count_one_after_another_with_their_latest_score():
    seen = [
        Seen(np.array([0, 1, 2]), np.array([2, 2, 2]), np.array([5.0, 3.0, np.inf])),
        Seen(np.array([1]), np.array([6]), np.array([4.0])),  # it overfits
        Seen(np.array([0]), np.array([3]), np.array([1.0])),
    ]
    spent, best = race.best_so_far(seen)
    assert spent.tolist() == [0, 2, 4, 6, 10, 11]
    assert best.tolist() == [np.inf, 5.0, 3.0, 3.0, 4.0, 1.0]


@pytest.mark.heavy
def test_a_result_is_that_of_the_sweep_alone():
    budget, task = Budget(4, 4), TASKS["wine"]
    row = Contestant(dl.halving(2), 8)  # 8, 4 and 2 for 1, 2 and 4 epochs
    found = race.outcome(task, row, budget, seed=3)
    sweep = dl.sweep(
        task.recipe, task.space, task.data(), key=3, members=8, epochs=4,
        search=dl.halving(2), progress=False,
    )  # fmt: skip
    loss = sweep.metrics["dev_loss"]
    last = [row[np.isfinite(row)][-1] for row in loss]
    assert found["score"] == pytest.approx(min(last), rel=1e-4)
    assert found["spent"] == np.isfinite(loss).sum() == 8 + 4 + 2 * 2
    assert found["curve"][-1] == found["score"]
    # After 8 of 16 epochs all have trained one.
    assert found["curve"][9] == pytest.approx(loss[:, 0].min(), rel=1e-4)


@pytest.mark.heavy
def test_random_search_is_a_sequence_of_trainings():
    task = TASKS["wine"]
    row = Contestant(dl.searches.random(), 4)
    found = race.outcome(task, row, Budget(4, 4), seed=3)
    sweep = dl.sweep(
        task.recipe, task.space, task.data(), key=3, members=4, epochs=4, progress=False
    )
    ends = np.minimum.accumulate(sweep.metrics["dev_loss"][:, -1])
    expected = [None] * 4 + [ends[k // 5 - 1] for k in range(5, 21)]
    assert found["curve"][:4] == [None] * 4
    np.testing.assert_allclose(found["curve"][4:], expected[4:], rtol=1e-4)


def test_a_race_resumes_from_its_record(tmp_path, monkeypatch):
    trained = []

    def outcome(task, contestant, budget, seed):
        trained.append((contestant.search, seed))
        return {"score": 1.0, "spent": 2, "curve": [1.0]}

    rows = {name: lambda budget, space, n=name: Contestant(n, 1) for name in "ab"}
    monkeypatch.setattr(race, "CONTESTANTS", rows)
    monkeypatch.setattr(race, "outcome", outcome)
    record = tmp_path / "record.jsonl"

    def run(seeds, budget=SMALL):
        return [*race.race(record, ["wine"], ["a", "b"], seeds, budget)]

    assert len(run(1)) == 2
    assert len(run(2)) == 4
    assert trained == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    record.write_text(record.read_text()[:-20])  # the last line is torn
    trained.clear()
    assert len(run(2)) == 4 and trained == [("b", 1)]
    assert len(race.lines_of(record)) == 4
    # With another budget, or other members, the old lines are of another race.
    trained.clear()
    assert [x["epochs"] for x in run(1, Budget(3, 8))] == [8, 8] and len(trained) == 2
    rows["a"] = lambda budget, space: Contestant("a", 5)
    assert [x["own_members"] for x in run(1)] == [5, 1] and len(trained) == 3
    assert len(record.read_text().splitlines()) == len(race.lines_of(record)) == 7


def test_a_missing_library_is_told_before_anything_trains(tmp_path, monkeypatch):
    def missing(budget, space):
        raise ImportError("got sampler='GPSampler', which needs torch")

    monkeypatch.setitem(race.CONTESTANTS, "gp", missing)
    monkeypatch.setattr(race, "outcome", lambda *given: pytest.fail("it trained"))
    with pytest.raises(ImportError, match="torch"):
        next(race.race(tmp_path / "r", ["wine"], ["random", "gp"], 1, SMALL))


def test_scores_have_five_digits_in_the_record():
    assert json.dumps([race.rounded(0.123456789), race.rounded(np.inf)]) == (
        "[0.12346, null]"
    )
