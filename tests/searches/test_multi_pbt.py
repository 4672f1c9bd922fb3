"""Population based training of several frequencies, by hand and in a sweep."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError
from jaxdl.train import Status
from tests.searches.conftest import KEY, SPACE, play, spans, sweep

RATE = {"rate": dl.LogUniform(1e-3, 1.0)}


def test_rungs():
    rungs = play(dl.multi_pbt(2, populations=2), 8, 7, np.arange(8))
    assert spans(rungs) == [[(8, 2)], [(8, 4)], [(8, 6)], [(8, 7)]]


def after(errors, rungs=1, space=RATE, **settings):
    """Returns rung `rungs` of a search whose members have errors, and the one before.

    The errors are the same in all rungs.
    """
    search = dl.multi_pbt(1, **{"populations": 2} | settings)
    asked = play(search, len(errors), rungs + 4, errors, space)
    return asked[rungs], asked[rungs - 1]


def test_a_population_exchanges_at_its_own_frequency():
    """In 8 rungs the populations 0, 1 and 2 exchange 7, 3 and 1 times."""
    rungs = play(dl.multi_pbt(1, populations=3), 12, 8, np.arange(12.0)[::-1])
    ids = np.arange(12)
    changed = [
        [bool((rung.parents != ids)[p::3].any()) for rung in rungs[1:]]
        for p in range(3)
    ]
    assert changed == [
        [True] * 7,
        [False, True] * 3 + [False],
        [False] * 3 + [True] + [False] * 3,
    ]


def test_the_worst_copies_the_best_of_its_population_and_changes():
    # Of population 0 member 0 is the best; 4 is next to the worst, 6 the worst.
    now, before = after([0.1, 0.9, 0.2, 0.9, 0.3, 0.9, 0.4, 0.9])
    assert now.parents.tolist() == [0, 1, 2, 3, 4, 5, 0, 7]
    decades = abs(np.log10(now.hparams["rate"][6] / before.hparams["rate"][0]))
    assert decades == pytest.approx(0.3)
    stays = np.arange(8) != 6
    np.testing.assert_array_equal(
        now.hparams["rate"][stays], before.hparams["rate"][stays]
    )


def test_a_migrant_from_a_slower_population_brings_its_hyperparameters():
    # Member 4 of population 0 meets member 3, the best of population 1, and is worse.
    now, before = after([0.1, 0.9, 0.2, 0.25, 0.3, 0.9, 0.4, 0.9])
    assert now.parents.tolist() == [0, 1, 2, 3, 3, 5, 0, 7]
    assert now.hparams["rate"][4] == before.hparams["rate"][3]


def test_a_migrant_from_a_faster_population_brings_its_weights_alone():
    # In rung 2 population 1 exchanges: 5 meets 0, and 1 is the best of population 1.
    errors = [0.1, 0.2, 0.9, 0.3, 0.9, 0.4, 0.9, 0.5]
    now, before = after(errors, rungs=2)
    assert now.parents[[1, 3, 5, 7]].tolist() == [1, 3, 0, 1]
    assert now.hparams["rate"][5] == before.hparams["rate"][1]


def test_weights_never_meet_sizes_or_static_values_of_another():
    space = {
        "rate": RATE["rate"], "units": dl.AsSize(dl.IntUniform(4, 64)),
        "act": dl.Static(["relu", "tanh"]), "either": dl.Either({"a": RATE, "b": {}}),
    }  # fmt: skip
    errors = np.random.default_rng(0).random(48)
    migrated = 0
    for rungs in (1, 2, 4):
        now, before = after(errors, rungs=rungs, space=space, populations=3)
        for name in ("units", "act"):
            own = before.hparams[name][now.parents]
            np.testing.assert_array_equal(now.hparams[name], own)
        own = before.hparams["either"].name[now.parents]
        np.testing.assert_array_equal(now.hparams["either"].name, own)
        other = now.parents % 3 != np.arange(48) % 3
        migrated += other.sum()
    assert migrated > 4


def test_a_member_that_diverged_is_replaced_and_never_copied():
    errors = np.array([0.1, np.nan, 0.2, np.nan, np.nan, 0.3, 0.4, np.nan])
    now, _ = after(errors)
    assert np.isfinite(errors[now.parents[[0, 2, 4, 6]]]).all()
    now, _ = after(errors, rungs=2)
    assert now.parents[1::2].tolist() != [1, 3, 5, 7]
    assert not {*now.parents[now.parents != np.arange(8)]} & {1, 3, 4, 7}


def test_the_first_of_several_objectives_decides():
    """Member 6 has the worst error, and is on the first front by its loss."""
    error = np.array([0.1, 0.9, 0.2, 0.9, 0.3, 0.9, 0.4, 0.9])
    other = np.array([5.0, 9.0, 6.0, 9.0, 7.0, 9.0, 1.0, 9.0])
    asked = dl.multi_pbt(1, populations=2)(KEY, RATE, 8, 4)
    next(asked)
    told = {"dev_error": error, "dev_loss": error}
    now = asked.send(told | {"objectives": np.stack([error, other], axis=1)})
    assert now.parents.tolist() == [0, 1, 2, 3, 4, 5, 0, 7]


def test_equal_keys_give_equal_rungs():
    errors = np.random.default_rng(0).random(24)
    one, two = (play(dl.multi_pbt(1), 24, 6, errors) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.hparams["rate"], b.hparams["rate"])
    first = next(dl.pbt(1)(KEY, SPACE, 24, 6))
    np.testing.assert_array_equal(one[0].hparams["rate"], first.hparams["rate"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.multi_pbt(0), "every=0"),
        (lambda: dl.multi_pbt(1, populations=1), "populations=1"),
        (lambda: dl.multi_pbt(1, share=0.4), "share=0.4 .* at most 1/3"),
        (lambda: dl.multi_pbt(1, step=1), "step=1"),
        (lambda: dl.multi_pbt(1, share="a"), "share='a' .* of a population above 0"),
        (lambda: dl.multi_pbt(1, share=None), "share=None"),
        (lambda: dl.multi_pbt(1, step=1j), "step=1j"),
        (lambda: dl.multi_pbt(1, step=float("nan")), "step=nan"),
        (lambda: play(dl.multi_pbt(2), 24, 8, []), "expected at least 9 epochs"),
        (lambda: play(dl.multi_pbt(1), 11, 8, []), "members=11, .* at least 12"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_it_ends_with_members_that_learned(recipe, space, digits):
    search = dl.multi_pbt(1, populations=2)
    result = sweep(recipe, space, digits, members=16, search=search, epochs=5)
    assert len(result.rungs) == 5
    assert (result.status == Status.FINISHED).all()
    assert result.best().evaluate(digits.dev)["error"] < 0.1
