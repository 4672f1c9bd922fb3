"""What is known of each search, against what it does when it is played."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.interop import optuna_halving, optuna_search
from jaxdl.searches import random
from jaxdl.searches.traits import TRAITS, Traits, name_of, traits_of
from tests.searches.conftest import KEY, play, spans

SPACE = {"rate": dl.LogUniform(1e-3, 1.0)}
MEMBERS, EPOCHS = 24, 8
MAKERS = [
    random, dl.sobol, dl.portfolio, dl.auto, lambda: dl.grid_search(MEMBERS),
    lambda: dl.refinement(2),
    lambda: dl.halving(2), lambda: dl.hyperband(2), lambda: dl.pbt(2),
    lambda: dl.multi_pbt(1, populations=2), lambda: dl.freeze_thaw(60),
    lambda: optuna_halving(2, brackets=2), lambda: optuna_search(batch=8),
]  # fmt: skip
OF_OPTUNA = MAKERS[-2:]
ERRORS = np.random.default_rng(0).random((3, MEMBERS))


@pytest.mark.parametrize("make", MAKERS)
def test_each_search_does_what_is_known_of_it(make):
    if make in OF_OPTUNA:
        pytest.importorskip("optuna")
    search = make()
    traits = traits_of(search)
    games = [play(search, MEMBERS, EPOCHS, error, SPACE) for error in ERRORS]
    first, *others = map(spans, games)
    same = all(game == first for game in others)
    # What Optuna proposes takes it seconds, and may be written to a storage: nobody
    # plays such a search beforehand. The last rung of freeze-thaw follows the curves,
    # which are flat here.
    unforeseen = make in OF_OPTUNA or traits.takes_record
    assert traits.foreseen == (same and not unforeseen)
    if traits.asks_once:
        ((rung,), *_) = games
        assert rung.members.tolist() == [*range(MEMBERS)]
    if traits.draws_each_alone:
        few, many = (next(search(KEY, SPACE, n, EPOCHS)) for n in (5, MEMBERS))
        np.testing.assert_array_equal(few.hparams["rate"], many.hparams["rate"][:5])
    if traits.stops_for_good:
        assert not any(map(comes_back, games))


def comes_back(rungs):
    """Returns whether a rung has a member that one before left out."""
    out, seen = set(), set()
    for rung in rungs:
        now = {*rung.members.tolist()}
        if now & out:
            return True
        seen |= now
        out |= seen - now
    return False


def test_of_which_searches_something_is_known():
    known = {
        name_of(make()): [
            field for field, true in traits_of(make())._asdict().items() if true
        ]
        for make in MAKERS
        if make not in OF_OPTUNA
    }
    assert known == {
        "random": ["asks_once", "draws_each_alone", "foreseen"],
        "sobol": ["asks_once", "draws_each_alone", "foreseen"],
        "portfolio": ["asks_once", "draws_each_alone", "foreseen"],
        "grid_search": ["asks_once", "foreseen"],
        "auto": ["foreseen"],
        "refinement": ["foreseen"],
        "halving": ["foreseen", "stops_for_good"],
        "hyperband": ["foreseen", "stops_for_good"],
        "pbt": ["foreseen"],
        "multi_pbt": ["foreseen"],
        "freeze_thaw": ["takes_record"],
    }
    assert {*TRAITS} - {*known} == {"optuna_halving"}


def halving():
    def search(*_):
        yield

    return search


def test_nothing_is_known_of_a_search_of_yours():
    for search in (halving(), lambda *_: None, len, None, 3):
        assert traits_of(search) == Traits()
