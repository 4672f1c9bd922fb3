"""What must not change a member's bits does not: each variation of one sweep.

A row of a table says how a sweep differs from the whole one, and which of its members
is member i of the whole one.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

import jaxdl as dl
from jaxdl import nn
from jaxdl.train import Status, compiled
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    assert_same_result,
    cut_after,
    in_rungs,
    small,
    sweep,
)

PLAN = dl.Plan(8)
PLAIN = {"members": 20, "epochs": 3, "plan": PLAN}
PATIENT = {"members": 20, "epochs": 6, "plan": PLAN, "patience": 1}
BAD = {3: np.inf, 9: np.nan, 17: 1e38}


class Variation(NamedTuple):
    settings: dict = {}  # what differs
    devices: tuple = (0, 0)
    member: Callable = lambda i: i  # the varied sweep's member that is member i
    least: int = 20  # how many members can be compared, at least


VARIATIONS = {
    "fewer members": Variation({"members": 7}, least=7),
    "more members": Variation({"members": 33}),
    "one hand": Variation(devices=(0,)),
    "another device": Variation(devices=(1,)),
    "two devices in another order": Variation(devices=(1, 0)),
    "three hands on one device": Variation(devices=(0, 0, 0)),
    "a seed": Variation({"key": 0}),
    "a NumPy seed": Variation({"key": np.int64(0)}),
    "counts of NumPy": Variation({"members": np.int64(20), "epochs": np.uint8(3)}),
    "rungs": Variation({"search": in_rungs}),
    "halving": Variation({"search": dl.halving(2)}, least=5),
    "hyperband": Variation({"search": dl.hyperband(2)}, least=5),
}
QUICK = {"fewer members", "halving"}
PATIENT_VARIATIONS = {
    "fewer members": Variation({"members": 3}, least=3),
    "one hand": Variation(devices=(0,)),
    "rungs": Variation({"search": in_rungs}),
    "a patience of NumPy": Variation({"patience": np.int8(1)}),
}


@pytest.fixture(scope="session")
def whole(recipe, space, digits):
    """20 members in blocks of 8, trained to the end."""
    return sweep(recipe, space, digits, **PLAIN)


@pytest.fixture(scope="session")
def patient(recipe, space, digits):
    """The same with early stopping: members end in different epochs."""
    result = sweep(recipe, space, digits, **PATIENT)
    assert 0 < (result.status == Status.STOPPED).sum() < 20
    assert len(set(result.kept_epoch)) > 2
    return result


def check(varied, whole, member=lambda i: i, least=20, but=()):
    """Checks the members that both sweeps trained to their end, to the bit."""
    ended = (Status.FINISHED, Status.STOPPED)
    same = [
        i
        for i in range(min(20, len(varied.status) // varied.num_variants))
        if varied.status[member(i)] in ended and i not in but
    ]
    assert len(same) >= least
    for i in same:
        assert_same_member(varied.member(member(i)), whole.member(i))
        assert varied.status[member(i)] == whole.status[i]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.heavy)
        for name in VARIATIONS
    ],
)
def test_a_member_is_the_same_with(name, whole, recipe, space, digits, on_devices):
    settings, devices, member, least = VARIATIONS[name]
    on_devices(*devices)
    check(sweep(recipe, space, digits, **PLAIN | settings), whole, member, least)


@pytest.mark.heavy
@pytest.mark.parametrize("name", PATIENT_VARIATIONS)
def test_a_member_that_may_stop_early_is_the_same_with(
    name, patient, recipe, space, digits, on_devices
):
    settings, devices, member, least = PATIENT_VARIATIONS[name]
    on_devices(*devices)
    check(sweep(recipe, space, digits, **PATIENT | settings), patient, member, least)


@pytest.mark.heavy
def test_repeat_0_is_the_same_as_members_with_orders_of_their_own(
    recipe, space, digits
):
    own = PATIENT | {"plan": PLAN._replace(order="own")}
    alone = sweep(recipe, space, digits, **own)
    repeated = sweep(recipe, space, digits, repeats=2, **own)
    check(repeated, alone, member=lambda i: 2 * i)


def test_a_member_is_the_same_with_given_hyperparameters(whole, recipe, digits):
    assert_same_result(sweep(recipe, whole.hparams, digits, **PLAIN), whole)


def test_a_member_is_the_same_beside_members_that_diverge(whole, recipe, digits):
    rates = np.array(whole.hparams.learning_rate)
    rates[[*BAD]] = [*BAD.values()]
    given = whole.hparams._replace(learning_rate=rates)
    varied = sweep(recipe, given, digits, **PLAIN)
    assert np.flatnonzero(varied.status == Status.DIVERGED).tolist() == [*BAD]
    check(varied, whole, least=17, but=BAD)


@pytest.mark.heavy
def test_a_member_is_the_same_beside_members_with_other_static_values(
    whole, recipe, digits
):
    def chooses(hp):
        built = recipe(hp["rest"])
        return built._replace(penalty=nn.none) if hp["plain"] == "yes" else built

    both = {"plain": dl.Static(["yes", "no"]), "rest": whole.hparams}
    mixed = sweep(chooses, both, digits, **PLAIN)
    plain = np.flatnonzero(mixed.hparams["plain"] == "yes")
    assert 4 < len(plain) < 16
    check(mixed, whole, least=4, but=plain)


@pytest.mark.heavy
@pytest.mark.parametrize(
    "settings",
    [{}, {"search": dl.halving(2)}, {"search": dl.pbt(1)}, {"repeats": 2}],
    ids=["random", "halving", "pbt", "repeats"],
)
@pytest.mark.parametrize("devices", [(0, 0), (0, 0, 0), (1, 0)], ids=str)
def test_a_member_is_the_same_after_an_interruption(
    settings, devices, recipe, space, digits, tmp_path, on_devices
):
    settings = PLAIN | settings
    uninterrupted = sweep(recipe, space, digits, **settings)
    on_devices(0)
    with cut_after(2):
        sweep(recipe, space, digits, run_dir=tmp_path, **settings)
    on_devices(*devices)
    resumed = sweep(recipe, space, digits, run_dir=tmp_path, **settings)
    assert_same_result(resumed, uninterrupted)


@pytest.mark.heavy
def test_a_member_that_may_stop_early_is_the_same_after_an_interruption(
    patient, recipe, space, digits, tmp_path
):
    with cut_after(4):
        sweep(recipe, space, digits, run_dir=tmp_path, **PATIENT)
    assert_same_result(
        sweep(recipe, space, digits, run_dir=tmp_path, **PATIENT), patient
    )


def test_another_key_is_another_sweep(whole, recipe, space, digits):
    other = sweep(recipe, space, digits, **PLAIN | {"key": 1, "members": 2})
    for i in range(2):
        assert whole.metrics["dev_loss"][i, 0] not in other.metrics["dev_loss"]


def test_members_differ_by_their_own_keys(whole, recipe, digits):
    """The same hyperparameters 20 times are 20 trainings."""
    one = jax.tree.map(lambda column: np.repeat(column[:1], 20), whole.hparams)
    result = sweep(recipe, one, digits, **PLAIN)
    assert len(set(result.metrics["train_loss"][:, 0].tolist())) == 20
    check(result, whole, least=1, but=range(1, 20))


@pytest.fixture
def before(digits):
    """A sweep from programs that the cache may have."""
    return sweep(small, SPACE, digits)


@pytest.fixture
def empty_caches(tmp_path):
    """Starts with no compiled program, in memory or on disk."""

    def use(folder):
        jax.config.update("jax_compilation_cache_dir", folder)
        compilation_cache.reset_cache()
        jax.clear_caches()
        compiled.clear()

    before = jax.config.jax_compilation_cache_dir
    use(str(tmp_path))
    yield tmp_path
    use(before)


@pytest.mark.heavy
def test_a_member_is_the_same_from_a_program_that_no_cache_has(
    before, empty_caches, digits
):
    assert_same_result(sweep(small, SPACE, digits), before)
    assert any("epoch" in path.name for path in empty_caches.iterdir())
