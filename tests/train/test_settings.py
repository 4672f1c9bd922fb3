"""Settings of JAX that no training works with are named before anything is traced."""

import jax
import pytest

import jaxdl as dl
from jaxdl.experiment import check
from jaxdl.sweeps import read_result
from jaxdl.train.settings import EXPECTED, SettingsError, check_jax

HP = {"rate": 0.1}
OTHERS = {"standard": "strict", "ignore": "raise", False: True, True: False}


def untouched(hp):
    raise AssertionError("traced before the error")


@pytest.fixture
def setting():
    """Returns a function that changes a setting of JAX until the test ends."""
    before = jax.config.values
    changed = []

    def change(name, value):
        changed.append(name)
        jax.config.update(name, value)

    yield change
    for name in changed:
        jax.config.update(name, getattr(before[name], "value", before[name]))


def trainings(data):
    rest = {"key": 0, "epochs": 1, "progress": False}
    yield lambda: dl.fit(untouched, HP, data, **rest)
    yield lambda: dl.sweep(untouched, HP, data, members=2, **rest)
    yield lambda: [*check(untouched, HP, data, key=0)]
    yield lambda: read_result("a run", untouched)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_setting_in_the_way_is_named(name, setting, digits):
    expected = EXPECTED[name][0]
    setting(name, OTHERS[expected])
    for train in trainings(digits):
        with pytest.raises(SettingsError, match=f"{name}=.*; expected {expected!r}"):
            train()


@pytest.mark.parametrize("guard", ["disallow", "disallow_explicit"])
def test_a_guard_of_transfers_is_named(guard, digits):
    with jax.transfer_guard(guard):
        for train in trainings(digits):
            with pytest.raises(
                SettingsError, match="jax_transfer_guard_host_to_device"
            ):
                train()
    with jax.transfer_guard("log"):
        check_jax()


def test_jax_of_several_processes_is_refused(digits, monkeypatch):
    check_jax()
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for train in trainings(digits):
        with pytest.raises(SettingsError, match="of 2 processes.*one process: .*--ray"):
            train()


@pytest.mark.parametrize("name", ["rbg", "unsafe_rbg"])
def test_keys_are_threefry_whatever_the_default_is(name, setting, digits, recipe, hp):
    setting("jax_default_prng_impl", name)
    dl.fit(recipe, hp, digits, key=0, epochs=1, progress=False)
