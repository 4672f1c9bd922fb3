"""A space as JSON and back: what comes back is equal, leaf by leaf and type by type."""

import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError
from jaxdl.spaces.plain import check_recorded, from_plain, to_plain
from jaxdl.train.structure import flatten

KEY = jax.random.key(0)
NAN = float("nan")


def through_json(space):
    return json.loads(json.dumps(to_plain(space), allow_nan=False))


def assert_equal_leaves(one, other):
    """Asserts that two trees have equal leaves of the same types."""
    (names, leaves, _), (others, found, _) = flatten(one), flatten(other)
    assert names == others
    for leaf, back in zip(leaves, found, strict=True):
        if isinstance(leaf, dl.AsSize):
            leaf, back = leaf.values, back.values
        expected = np.ndarray if isinstance(leaf, jax.Array) else type(leaf)
        assert type(back) is expected
        if isinstance(back, np.ndarray | np.generic):
            assert (back.dtype, back.shape) == (leaf.dtype, leaf.shape)
            assert repr(back.tolist()) == repr(np.asarray(leaf).tolist())
        else:
            assert repr(back) == repr(leaf)


@pytest.mark.parametrize(
    ("space", "plain"),
    [
        (None, None), (True, True), (1, 1), (1.5, 1.5), ("adam", "adam"), (-0.0, -0.0),
        (np.inf, {"float": "inf"}), (-np.inf, {"float": "-inf"}),
        (NAN, {"float": "nan"}),
        ([1, [None]], [1, [None]]),
        ((1, (2,)), {"tuple": [1, {"tuple": [2]}]}),
        ((), {"tuple": []}), ([], []), ({}, {"dict": []}),
        ({"b.c": 1, "a": 2}, {"dict": [["a", 2], ["b.c", 1]]}),
        ({2: "x", 1: "y"}, {"dict": [[1, "y"], [2, "x"]]}),
        ({"LogUniform": [1, 2]}, {"dict": [["LogUniform", [1, 2]]]}),
        (dl.LogUniform(1e-4, 1.0), {"LogUniform": [0.0001, 1.0]}),
        (dl.Static(["a", NAN]), {"Static": ["a", {"float": "nan"}]}),
        (dl.AsSize(dl.IntUniform(1, 4)), {"AsSize": {"IntUniform": [1, 4]}}),
        (
            dl.AsSize(dl.IntUniform(1, 4), 2),
            {"AsSize": [{"IntUniform": [1, 4]}, 2]},
        ),
        (
            dl.AsSize(dl.IntUniform(1, 4), (2, 4)),
            {"AsSize": [{"IntUniform": [1, 4]}, {"tuple": [2, 4]}]},
        ),
        (dl.AsSize([3, 5]), {"AsSize": {"array": ["int64", [2], [3, 5]]}}),
        (np.float32(0.1), {"scalar": ["float32", 0.10000000149011612]}),
        (np.float64(NAN), {"scalar": ["float64", {"float": "nan"}]}),
        (np.bool_(True), {"scalar": ["bool", True]}),
        (np.str_("ab"), {"scalar": ["<U2", "ab"]}),
        (np.array([[1, 2]], np.int8), {"array": ["int8", [1, 2], [1, 2]]}),
        (np.array([0.5, NAN]), {"array": ["float64", [2], [0.5, {"float": "nan"}]]}),
        (np.array(3.0), {"array": ["float64", [], [3.0]]}),
        (jnp.float32(3), {"array": ["float32", [], [3.0]]}),
        (np.array(["relu", "a"]), {"array": ["<U4", [2], ["relu", "a"]]}),
        (np.array(["a", None, 3, True], object),
         {"array": ["object", [4], ["a", None, 3, True]]}),
        (np.uint64(2**64 - 1), {"scalar": ["uint64", 2**64 - 1]}),
        (dl.Either({"z": {"rate": 0.1}, "a": {}}),
         {"Either": [{"Static": ["z", "a"]},
                     [["z", {"dict": [["rate", 0.1]]}], ["a", {"dict": []}]]]}),
        (dl.Chosen("z", {"rate": 0.1}), {"Chosen": ["z", {"dict": [["rate", 0.1]]}]}),
    ],
)  # fmt: skip
def test_each_kind_has_a_plain_form_and_comes_back(space, plain):
    assert to_plain(space) == plain
    back = from_plain(through_json(space))
    assert type(back) is (np.ndarray if isinstance(space, jax.Array) else type(space))
    assert_equal_leaves(space, back)
    check_recorded(space, through_json(space))
    assert jax.tree.structure(back) == jax.tree.structure(space)


def test_an_either_comes_back_with_its_options_in_order():
    inner = dl.Either({"on": {"p": dl.Uniform(0, 1)}, "off": None})
    space = {"n": 3, "o": dl.Either({"sgd": {"i": inner}, "adam": {}})}
    back = from_plain(through_json(space))
    assert repr(back) == repr(space)
    assert jax.tree.structure(back) == jax.tree.structure(space)
    narrow = dl.refine(space, dl.sample(KEY, space, 40), np.arange(40), 2)
    assert repr(from_plain(through_json(narrow))["o"].name) == repr(narrow["o"].name)


def made(draws, depth=0):
    """Returns a random space of everything that a record can make again."""
    leaves = [
        lambda: dl.Uniform(-draws.random(), draws.random()),
        lambda: dl.LogUniform(0.1 * draws.random(), 1.0),
        lambda: dl.IntLogUniform(1, int(draws.integers(2, 99))),
        lambda: dl.AsSize(dl.Choice([int(x) for x in draws.integers(0, 9, 3)])),
        lambda: dl.Static(["a", None, True, draws.random()]),
        lambda: draws.normal(size=draws.integers(1, 4)).astype(np.float32),
        lambda: dl.AsSize(draws.integers(0, 9, 4)),
        lambda: np.float16(draws.normal()),
        lambda: float(draws.choice([0.5, NAN, np.inf])),
        lambda: draws.choice(np.array([None, "text", 7, False], object)),
        lambda: np.array(["text", None, 1.5, 2], object),
    ]
    nodes = [
        lambda inner: [*inner.values()], lambda inner: tuple(inner.values()),
        dict, dl.Either, lambda inner: dict(enumerate(inner.values())),
    ]  # fmt: skip
    if depth == 3 or draws.random() < 0.3:
        return leaves[draws.integers(len(leaves))]()
    children = {f"{name}.": made(draws, depth + 1) for name in "zya"}
    return nodes[draws.integers(len(nodes))](children)


@pytest.mark.parametrize("seed", range(100))
def test_any_space_comes_back_with_equal_leaves(seed):
    space = made(np.random.default_rng(seed))
    text = json.dumps(to_plain(space), allow_nan=False)
    back = from_plain(json.loads(text))
    assert jax.tree.structure(back) == jax.tree.structure(space)
    assert_equal_leaves(space, back)
    assert json.dumps(to_plain(back)) == text
    check_recorded(back, json.loads(text))


def test_a_space_that_comes_back_gives_the_same_draws():
    space = {
        "rate": dl.LogUniform(1e-4, 1.0), "units": dl.AsSize(dl.IntLogUniform(8, 64)),
        "given": np.float32([0.1, 0.2, 0.3]), "act": dl.Static(["relu", None]),
        "o": dl.Either({"sgd": {"l2": dl.Choice([0, 0.1])}, "adam": {}}),
    }  # fmt: skip
    one, other = (
        dl.sample(KEY, space, 3),
        dl.sample(KEY, from_plain(through_json(space)), 3),
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)


class Hparams(NamedTuple):
    rate: Any
    n: Any = None


@jax.tree_util.register_pytree_node_class
class Pair:
    def __init__(self, *parts):
        self.parts = parts

    def tree_flatten(self):
        return self.parts, None

    @classmethod
    def tree_unflatten(cls, _, parts):
        return cls(*parts)


@pytest.mark.parametrize(
    ("node", "name"), [(Hparams(dl.Uniform(0, 1)), "Hparams"), (Pair(1, None), "Pair")]
)
def test_a_class_of_the_user_s_is_recorded_by_name_and_never_made_up(node, name):
    space = {"inner": [node]}
    recorded = through_json(space)
    assert f'{{"class": ["{name}", [[' in json.dumps(recorded)
    check_recorded(space, recorded)
    with pytest.raises(SpaceError, match=f"{name}, .* give the run's space, space="):
        from_plain(recorded)


def test_a_named_tuple_is_recorded_by_its_fields():
    plain = {"class": ["Hparams", [["rate", {"Uniform": [0, 1]}], ["n", None]]]}
    assert to_plain(Hparams(dl.Uniform(0, 1))) == plain


EITHER = {"o": dl.Either({"adam": {"rate": 0.1}, "sgd": {}})}


@pytest.mark.parametrize(
    ("recorded", "given", "message"),
    [
        ({"n": 1}, {"n": True}, "n: got True, recorded 1; expected"),
        ({"n": 1}, {"n": 1.0}, "n: got 1.0, recorded 1; expected"),
        ({"x": 0.0}, {"x": -0.0}, "x: got -0.0, recorded 0.0;"),
        ({"x": NAN}, {"x": np.inf}, "x: got inf, recorded nan;"),
        (
            {"x": np.float32(1)},
            {"x": np.float64(1)},
            "x: got .*64",
        ),
        (
            {"x": np.zeros(2, int)},
            {"x": np.zeros(2)},
            "x: got array",
        ),
        ({"x": np.zeros(2)}, {"x": np.zeros((2, 1))}, "x: got"),
        ({"x": dl.Static([1])}, {"x": dl.Static([True])}, "x: got"),
        ({"x": dl.Static([1])}, {"x": dl.Choice([1])}, "x: got 1, recorded Static"),
        ({"x": 1}, {"x": dl.Choice([1])}, "x: got Choice.options=.1,.., recorded 1;"),
        (
            {"r": {"x": dl.Uniform(0, 1)}},
            {"r": {"x": dl.Uniform(0, 2)}},
            "r.x: got",
        ),
        ({"x": 1, "y": 2}, {"x": 1}, "hyperparameters: got x, recorded x, y;"),
        ({"x": 1}, {"x": 1, "y": 2}, "hyperparameters: got x, y, recorded x;"),
        (
            EITHER,
            {"o": dl.Either({"adam": {"rate": 0.2}, "sgd": {}})},
            "o.adam.rate: got",
        ),
        (EITHER, {"o": dl.Either({"sgd": {}, "adam": {"rate": 0.1}})}, "o.name: got"),
        (Hparams(1, 2), Hparams(1, 3), "n: got 3, recorded 2;"),
        (1, 2, "the leaf: got 2, recorded 1;"),
        ([1, 2], (1, 2), "a tree of other classes"),
        (Hparams(1, 2), {"rate": 1, "n": 2}, "a tree of other classes"),
        ({"a": {}}, {"a": []}, "a tree of other classes"),
        ({"a.b": 1}, {"a": {"b": 1}}, "a tree of other classes"),
    ],
)
def test_another_space_than_the_recorded_one_is_refused(recorded, given, message):
    check_recorded(recorded, through_json(recorded))
    with pytest.raises(SpaceError, match=message):
        check_recorded(given, through_json(recorded))


def test_dicts_of_another_order_are_the_same_space():
    check_recorded({"a": 1, "b": 2}, through_json({"b": 2, "a": 1}))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({None: 1}, "dict with the keys .None.; expected keys that are all str"),
        ({"a": 1, 2: 3}, "all str or all int"),
        (np.array([1j]), "values of type complex128"),
        (np.array(["2020"], "datetime64[Y]"), "values of type datetime64"),
        (np.longdouble(1), "expected texts, numbers of at most 64 bits"),
    ],
)
def test_what_has_no_plain_form_is_refused(space, message):
    with pytest.raises(SpaceError, match=message):
        to_plain(space)


@pytest.mark.parametrize("plain", [{}, {"a": 1, "b": 2}, {"eval": "1"}])
def test_what_is_not_a_record_is_refused(plain):
    with pytest.raises(SpaceError, match="expected a recorded space"):
        from_plain(plain)
