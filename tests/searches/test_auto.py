"""Which search `auto` stands for, and the races that it goes by."""

import functools
import json
from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.cli import values
from jaxdl.searches.auto import RACES, Case, decide
from jaxdl.searches.pbt import explores
from jaxdl.searches.traits import name_of
from tests.searches.conftest import KEY, SPACE, play, spans

RECORD = Path(__file__).parents[2] / "experiments" / "searches.jsonl"
SIZES = {"units": dl.AsSize(dl.IntUniform(4, 8)), "kind": dl.Static(["a", "b"])}


def case(members=128, epochs=16, space=SPACE, **changes):
    return Case(space, members, epochs, **changes)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (case(), "multi_pbt(2, populations=3)"),
        (case(members=12, epochs=5), "multi_pbt(1, populations=3)"),
        (case(members=11, epochs=5), "multi_pbt(1, populations=2)"),
        (case(members=12, epochs=4), "multi_pbt(1, populations=2)"),
        (case(members=8, epochs=4), "multi_pbt(1, populations=2)"),
        (case(members=7), "random"),
        (case(members=31, epochs=3), "random"),
        (case(members=32, epochs=3), "refinement(4)"),
        (case(varied=True), "refinement(4)"),
        (case(members=31, varied=True), "random"),
        (case(objectives=2), "random"),
        (case(space=SIZES), "refinement(4)"),
        (case(members=31, space=SIZES), "random"),
        (case(space={"rate": np.geomspace(0.1, 1, 128)}), "random"),
        (case(space={"l2": 0.5}), "random"),
        (case(space={"rate": dl.Choice([0.1])}), "random"),
    ],
    ids=str,
)  # fmt: skip
def test_the_first_search_that_suits(given, expected):
    decision = decide(given)
    assert name_of(decision.search) == expected.partition("(")[0]
    call = "random()" if expected == "random" else expected
    assert decision.form.startswith(f"{call} (--search ")
    assert decision.words == f"{decision.form}: {decision.reason}"
    typed = values.search(decision.form.partition("--search ")[2].rstrip(")"))
    play_both = [play(s, 128, 16, np.arange(128)) for s in (typed, decision.search)]
    jax.tree.map(np.testing.assert_array_equal, *play_both)
    rung = next(decision.search(KEY, given.space, given.members, given.epochs))
    assert len(rung.members) == given.members // (4 if "refinement" in expected else 1)


@pytest.mark.parametrize(
    ("epochs", "every"), [(4, 1), (8, 1), (15, 1), (16, 2), (100, 12)]
)
def test_a_population_exchanges_members_about_eight_times(epochs, every):
    decision = decide(case(epochs=epochs))
    assert decision.form.startswith(f"multi_pbt({every}, ")
    rung = next(decision.search(KEY, SPACE, 128, epochs))
    assert rung.until.tolist() == [every] * 128


def test_it_asks_for_what_the_search_that_suits_asks_for():
    errors = np.random.default_rng(0).random(16)
    (own, other) = (play(s, 16, 16, errors) for s in (dl.auto(), dl.multi_pbt(2)))
    assert spans(own) == spans(other) == [[(16, until)] for until in range(2, 17, 2)]
    jax.tree.map(np.testing.assert_array_equal, own, other)


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (dl.LogUniform(0.1, 1.0), True),
        (dl.IntUniform(1, 2), True),
        (dl.OneMinusLogUniform(0.9, 0.99), True),
        (dl.Choice([0.1, 0.2]), True),
        (dl.Choice([0.1]), False),
        (dl.Among(["relu", "tanh"]), True),
        (dl.Static([1, 2]), False),
        (dl.AsSize(dl.IntUniform(4, 8)), False),
        (dl.Either({"a": {"x": dl.Uniform(0.0, 1.0)}, "b": {}}), True),
        (np.array([0.1, 0.2]), False),
        (0.1, False),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_change_while_a_member_trains(leaf, expected):
    assert explores({"x": leaf, "y": dl.Static(["a", "b"])}) is expected


@pytest.mark.parametrize(
    ("given", "populations", "refined"),
    [
        (case(members=31, varied=True), "no repeats or folds", "at least 32 members"),
        (case(members=7), "at least 8 members", "at least 32 members"),
        (case(members=31, epochs=3), "at least 4 epochs", "at least 32 members"),
        (
            case(epochs=3, space={"l2": dl.Choice([0.5])}),
            "at least 4 epochs and a hyperparameter that can change while a member "
            "trains",
            "something to draw, and no values for each member",
        ),
    ],
    ids=str,
)
def test_random_search_is_the_rest_because_of_what_fails(given, populations, refined):
    expected = f"multi_pbt takes {populations}, refinement(4) {refined}"
    assert decide(given).reason == expected


def test_a_wrapper_of_it_is_another_search():
    """A sweep takes a search in the place of `auto` alone, not of what watches it."""
    assert dl.auto() is dl.auto()
    assert functools.wraps(dl.auto())(lambda *given: None) is not dl.auto()


def test_the_reason_is_the_race_that_is_most_like_the_sweep(monkeypatch):
    races = {
        (8, 16): {"multi_pbt": (1, 9)},
        (128, 4): {"multi_pbt": (2, 9), "refinement": (3, 9)},
    }
    # By its name: the room has the function `auto` in its place.
    monkeypatch.setattr(import_module("jaxdl.searches.auto"), "RACES", races)
    few, many = decide(case(members=16)), decide(case(members=30, epochs=6))
    nearest = "of 9 of the nearest races, of"
    assert f"1 {nearest} 8 members and 16 epochs" in few.words
    assert f"2 {nearest} 128 members and 4 epochs" in many.words
    varied = decide(case(members=32, varied=True))
    assert f"3 {nearest} 128 members and 4 epochs" in varied.words


def test_the_races_are_those_on_record():
    """On the tasks to design on alone: what is held out decides nothing."""
    from experiments.search_tasks import DESIGN

    scores = {
        (line["members"], line["epochs"], line["search"], line["task"], line["seed"]):
        line["score"]
        for line in map(json.loads, RECORD.read_text().splitlines())
        if line["task"] in DESIGN
    }  # fmt: skip
    for (members, epochs), counts in RACES.items():
        base = {k[3:]: v for k, v in scores.items()
                if k[:3] == (members, epochs, "random")}  # fmt: skip
        for search, counted in counts.items():
            own = {k[3:]: v for k, v in scores.items()
                   if k[:3] == (members, epochs, search)}  # fmt: skip
            assert own.keys() <= base.keys()
            won = sum(own[place] < base[place] for place in own)
            assert counted == (won, len(own)), (members, epochs, search)
