"""Population based training, by hand and in a sweep."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError
from jaxdl.train import Status
from tests.searches.conftest import SPACE, play, spans, sweep


def test_rungs():
    rungs = play(dl.pbt(2), 4, 5, np.arange(4))
    assert spans(rungs) == [[(4, 2)], [(4, 4)], [(4, 5)]]


def test_pbt_replaces_the_worst_by_changed_copies_of_the_best():
    space = SPACE | {"n": dl.IntUniform(1, 100), "c": dl.Choice([1.0, 2.0])}
    errors = np.array([0.7, 0.1, 0.2, 0.3, np.nan, 0.4, 0.5, 0.9])
    first, second = play(dl.pbt(1), 8, 2, errors, space)
    assert first.parents is None
    replaced, best = [4, 7], [1, 2]
    stays = [i for i in range(8) if i not in replaced]
    assert second.parents[stays].tolist() == stays
    assert set(second.parents[replaced]) <= set(best)
    for name, column in second.hparams.items():
        np.testing.assert_array_equal(column[stays], first.hparams[name][stays])
    for child in replaced:
        parent = second.parents[child]
        old = {name: column[parent] for name, column in first.hparams.items()}
        new = {name: column[child] for name, column in second.hparams.items()}
        assert new["kind"] == old["kind"] and new["l2"] == old["l2"] == 0.5
        decades = abs(np.log10(new["rate"] / old["rate"]))
        assert decades == pytest.approx(0.3) or new["rate"] in (1e-3, 1.0)
        assert abs(new["n"] - old["n"]) == 10 or new["n"] in (1, 100)
        assert new["c"] in (1.0, 2.0)


def test_a_copy_keeps_what_shapes_its_program():
    space = {
        "size": dl.AsSize(dl.IntLogUniform(8, 512)), "n": dl.IntLogUniform(8, 512),
        "opt": dl.Either({"adam": {"rate": dl.Uniform(0, 1)}, "sgd": {}}),
    }  # fmt: skip
    first, second = play(dl.pbt(1, share=0.5), 40, 2, np.arange(40), space)
    of = second.parents
    np.testing.assert_array_equal(second.hparams["size"], first.hparams["size"][of])
    np.testing.assert_array_equal(
        second.hparams["opt"].name, first.hparams["opt"].name[of]
    )
    changed = of != np.arange(40)
    moved = second.hparams["n"] != first.hparams["n"][of]
    assert changed.sum() == 20 and not moved[~changed].any()
    # Only what lies at an end and would go beyond it stays.
    assert set(second.hparams["n"][changed & ~moved]) <= {8, 512}


def test_the_changes_of_a_leaf_do_not_depend_on_the_kinds_of_the_others():
    errors = np.arange(8)
    for other in (0.5, dl.Uniform(0, 1), dl.Static(["a", "b"])):
        space = {"a": other, "rate": dl.LogUniform(1e-3, 1.0)}
        rung = play(dl.pbt(1), 8, 2, errors, space)[1]
        plain = play(dl.pbt(1), 8, 2, errors, {"a": 1.0, "rate": space["rate"]})[1]
        np.testing.assert_array_equal(rung.hparams["rate"], plain.hparams["rate"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.pbt(0), "every=0"),
        (lambda: dl.pbt(1, share=0.6), "share=0.6 .* at most 1/2"),
        (lambda: dl.pbt(1, share="a"), "share='a' .* of the members above 0"),
        (lambda: dl.pbt(1, step=0), "step=0"),
        (lambda: play(dl.pbt(5), 8, 5, []), "epochs=5; expected at least 6 epochs"),
        (lambda: play(dl.pbt(1), 3, 5, []), "members=3 .* at least 4 members"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_pbt_ends_with_members_that_learned(recipe, space, digits):
    result = sweep(recipe, space, digits, members=16, search=dl.pbt(1), epochs=5)
    assert len(result.rungs) == 5
    assert (result.status == Status.FINISHED).all()
    assert result.best().evaluate(digits.dev)["error"] < 0.1
    assert np.isfinite(result.metrics["dev_error"]).all()
