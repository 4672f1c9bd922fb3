"""What every search that decides by how members do promises: a row each."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import pace, population
from jaxdl.interop import optuna_halving
from jaxdl.searches import Rung
from jaxdl.sweeps import read_result
from jaxdl.train import Status
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    assert_same_result,
    cut_after,
    small,
    sweep,
    trained_blocks,
)

MEMBERS, EPOCHS = 9, 5


def thawing(key, space, members, epochs):
    """A search whose members pause: it asks for them in turn."""
    hparams, ids = dl.sample(key, space, members), np.arange(members)
    trained = np.zeros(members, int)
    for number in range(6):
        some = ids[(ids + number) % 3 > 0] if number else ids
        trained[some] += 1
        own = {name: column[some] for name, column in hparams.items()}
        yield Rung(some, own, trained[some])


SEARCHES = {
    "freeze_thaw": lambda: dl.freeze_thaw(70),
    "thawing": lambda: thawing,
    "multi_pbt": lambda: dl.multi_pbt(1, populations=2, share=0.3),
    "auto": dl.auto,
    "optuna_halving": lambda: optuna_halving(2, brackets=2),
}


def rows(*quick):
    """Returns a mark for a test of each search; what is not quick is heavy."""
    heavy = pytest.mark.heavy
    all_of_them = [
        pytest.param(name, marks=() if name in quick else heavy) for name in SEARCHES
    ]
    return pytest.mark.parametrize("played", all_of_them, indirect=True, scope="module")


@pytest.fixture(scope="module")
def played(request, digits):
    """Returns a search, and its sweep without a folder."""
    if "optuna" in request.param:
        pytest.importorskip("optuna")
    search = SEARCHES[request.param]()
    return search, train(digits, search)


def train(digits, search, **settings):
    plain = {"members": MEMBERS, "epochs": EPOCHS, "search": search}
    return sweep(small, SPACE, digits, **plain | settings)


@rows("freeze_thaw")
def test_a_run_that_is_cut_after_each_record_ends_with_the_same_bits(
    played, digits, tmp_path, monkeypatch, on_devices
):
    search, whole = played
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)  # every epoch is put on record
    on_devices(0)
    again, cuts = None, 0
    while again is None:
        with cut_after(4):
            again = train(digits, search, run_dir=tmp_path)
        cuts += again is None
    assert cuts > 2
    assert_same_result(whole, again)
    with trained_blocks() as blocks:
        assert_same_result(whole, train(digits, search, run_dir=tmp_path))
    assert not blocks
    assert_same_result(whole, read_result(tmp_path, small))


@rows("auto")
@pytest.mark.parametrize(
    "devices", [pytest.param((0,), marks=pytest.mark.heavy), (0, 1, 0)], ids=str
)
def test_hands_and_devices_change_nothing(devices, played, digits, on_devices):
    search, whole = played
    on_devices(*devices)
    assert_same_result(whole, train(digits, search))


@rows("multi_pbt")
def test_members_are_replayed_to_the_bit(played, digits):
    whole = played[1]
    for i in np.flatnonzero(whole.trained())[[0, -1]]:
        again = dl.replay(whole, small, digits, member=int(i), progress=False)
        assert_same_member(again, whole.member(i))


@rows("optuna_halving")
def test_configurations_are_judged_over_repeats_and_folds(played, digits, tmp_path):
    search, _ = played
    settings = {"members": 8, "repeats": 2, "folds": 2}
    whole = train(digits, search, **settings)
    asked = [{*rung.members // 4} for rung in whole.rungs]
    for rung, configurations in zip(whole.rungs, asked, strict=True):
        assert len(rung.members) == 4 * len(configurations)
    with cut_after(12):
        train(digits, search, run_dir=tmp_path, **settings)
    assert_same_result(whole, train(digits, search, run_dir=tmp_path, **settings))


@rows("thawing")
def test_states_that_are_on_disk_alone_change_nothing(
    played, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(population, "MOST_BYTES", 0)
    search, whole = played
    reads, read = [], runs.Store.read

    def counted(store, number):
        reads.append(number)
        return read(store, number)

    monkeypatch.setattr(runs.Store, "read", counted)
    with cut_after(5):
        train(digits, search, run_dir=tmp_path)
    assert_same_result(whole, train(digits, search, run_dir=tmp_path))
    assert reads


@pytest.mark.heavy
def test_states_on_disk_alone_survive_packing(digits, tmp_path, monkeypatch):
    """Blocks that pause are packed again in the rung in which they are put away."""
    settings = {"members": 8, "epochs": 8, "patience": 1, "search": dl.halving(2)}
    whole = sweep(small, SPACE, digits, **settings)
    monkeypatch.setattr(population, "MOST_BYTES", 0)
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    assert_same_result(whole, sweep(small, SPACE, digits, run_dir=tmp_path, **settings))


@rows("thawing")
def test_members_that_may_thaw_are_awaited_from_the_first_rung_on(
    played, digits, tmp_path
):
    """The run is cut in its second rung, before a member has thawed."""
    search, whole = played
    first, second = whole.rungs[:2]
    with cut_after(-(-len(first.members) // 2) + 1):
        train(digits, search, run_dir=tmp_path)
    found = read_result(tmp_path, small)
    assert len(found.rungs) == 2
    out = np.setdiff1d(first.members, second.members)
    stops = search.__qualname__.startswith("optuna_halving")
    expected = Status.CUT_SHORT if stops else Status.RUNNING
    assert {*found.status[out]} <= {expected}
