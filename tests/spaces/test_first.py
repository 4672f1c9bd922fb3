"""Values of the first members: what a space takes, and what `sample` makes of them."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces.first import value_in, with_first
from jaxdl.spaces.plain import to_plain
from jaxdl.train.structure import by_name

KEY = jax.random.key(0)
SPACE = {
    "rate": dl.LogUniform(1e-3, 1.0),
    "units": dl.AsSize(dl.IntUniform(4, 9)),
    "act": dl.Among(["relu", "tanh"]),
    "norm": dl.Static([True, False, None]),
    "decay": dl.Choice([0.1, 0.2]),
    "optimizer": dl.Either({"adam": {"beta": dl.Uniform(0.5, 0.9)}, "sgd": {}}),
    "l2": 0.5,
}
ROWS = [
    {"rate": 0.25, "units": 5, "act": "tanh", "norm": None, "decay": 0.2},
    {"units": 9, "optimizer.name": "adam", "optimizer.adam.beta": 0.75},
]


def test_the_first_members_have_their_values_and_the_others_are_drawn():
    plain = by_name(dl.sample(KEY, SPACE, 6))
    first = by_name(dl.sample(KEY, with_first(SPACE, ROWS), 6))
    assert {*first} == {*plain}
    for name, column in first.items():
        given = [i for i, row in enumerate(ROWS) if name in row]
        for i in range(6):
            expected = ROWS[i][name] if i in given else plain[name][i]
            assert column[i] == np.asarray([expected], column.dtype)[0], (name, i)
        assert column.dtype == plain[name].dtype


def test_fewer_members_than_rows_have_what_fits():
    (rate,) = dl.sample(KEY, with_first({"rate": SPACE["rate"]}, ROWS * 2), 1).values()
    assert rate.tolist() == [0.25]


def test_a_space_with_first_values_is_equal_to_the_space():
    first = with_first(SPACE, ROWS)
    assert to_plain(first) == to_plain(SPACE)
    assert by_name(first)["rate"] == SPACE["rate"]
    assert not SPACE["rate"].first and by_name(first)["rate"].first == {0: 0.25}


@pytest.mark.parametrize(
    "search", [dl.sobol(), dl.halving(2), dl.refinement(2, keep=2)]
)
def test_searches_begin_with_them(search):
    space = with_first({"rate": SPACE["rate"]}, [{"rate": 0.25}, {"rate": 0.5}])
    asking = search(KEY, space, 8, 4)
    rung = next(asking)
    assert rung.hparams["rate"][:2].tolist() == [0.25, 0.5]
    assert not np.isin(rung.hparams["rate"][2:], [0.25, 0.5]).any()


@pytest.mark.parametrize("score", [0.1, np.nan])
def test_a_second_round_of_refinement_draws_all(score):
    """Also where no score is finite, so that the space stays as it is."""
    space = with_first({"rate": SPACE["rate"]}, [{"rate": 0.25}])
    asking = dl.refinement(2, keep=2)(KEY, space, 8, 1)
    n = len(next(asking).members)
    scores = np.full(n, score) + np.arange(n)
    second = asking.send({"dev_error": scores, "dev_loss": scores})
    assert second.hparams["rate"][0] != np.float32(0.25)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rate", 0.1, [0.1]), ("rate", 2.0, []), ("rate", float("nan"), []),
        ("rate", "fast", []), ("rate", -1.0, []),
        ("rate", float(np.float32(1.0)) * (1 + 6e-8), [1.0]),
        ("units", 4, [4]), ("units", 10, []), ("units", 4.5, []), ("units", 4.0, [4]),
        ("units", True, []), ("act", "tanh", ["tanh"]), ("act", "elu", []),
        ("norm", None, [None]), ("norm", 1, []), ("norm", True, [True]),
        ("decay", float(np.float32(0.1)), [0.1]), ("decay", 0.3, []),
        ("decay", "0.1", []),
    ],
)  # fmt: skip
def test_a_space_takes_what_it_can_give(name, value, expected):
    found = value_in(SPACE[name], value)
    assert found == expected and [*map(type, found)] == [*map(type, expected)]


def test_a_size_of_some_options_takes_these():
    leaf = dl.AsSize(dl.Choice([8, 16]))
    assert value_in(leaf, 16) == [16] and value_in(leaf, 12) == []
