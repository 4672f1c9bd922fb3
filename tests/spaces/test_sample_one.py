"""Draws within a program against those of the host: the same bits, the same values."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn
from jaxdl.spaces import Distribution, SpaceError, namespace
from jaxdl.train import member_key

KEY = jax.random.key(7)
MEMBERS = 500
LEAVES = {
    "uniform": dl.Uniform(-3.0, 1.0),
    "log": dl.LogUniform(1e-8, 1e3),
    "reversed": dl.OneMinusLogUniform(0.5, 0.99999),
    "ints": dl.IntUniform(-5, 2**31 - 1),
    "logs": dl.IntLogUniform(1, 2**31 - 1),
    "choice": dl.Choice([0.0, 0.1, 1.0]),
    "whole": dl.Choice([2, 5]),
    "constant": 0.3,
    "given": np.linspace(0, 1, MEMBERS),
}


@pytest.fixture(scope="module")
def both():
    """Draws of the host, and of one program."""
    drawn = jax.jit(jax.vmap(lambda i: dl.sample_one(KEY, LEAVES, i)))
    return dl.sample(KEY, LEAVES, MEMBERS), drawn(jnp.arange(MEMBERS))


@pytest.mark.parametrize("name", LEAVES)
def test_a_program_draws_the_values_of_the_host(both, name):
    host, program = (np.asarray(columns[name]) for columns in both)
    assert host.dtype == program.dtype
    if host.dtype.kind == "i":
        np.testing.assert_array_equal(host, program)
    else:
        np.testing.assert_array_max_ulp(host, program, maxulp=2)


def test_what_sample_gives_is_taken_by_jit_and_vmap(both):
    """A space without static values: all leaves have plain types."""
    host, program = both
    same = jax.jit(jax.vmap(lambda hp: hp))(host)
    chex.assert_trees_all_equal_shapes_and_dtypes(same, program)


def test_a_member_by_itself_and_other_keys():
    space = {"rate": dl.LogUniform(1e-4, 1e-1)}
    one = jax.jit(lambda key: dl.sample_one(key, space)["rate"])(KEY)
    assert one == pytest.approx(dl.sample(KEY, space, 3)["rate"][0], rel=2e-7)

    def with_own_key(i):
        return dl.sample_one(member_key(KEY, i), space)["rate"]

    drawn = jax.jit(jax.vmap(with_own_key))(jnp.arange(50))
    assert len({*drawn.tolist()}) == 50
    assert dl.sample_one(KEY, space)["rate"] == one  # without a trace


def test_choices_and_sizes_reach_a_recipe_as_they_do_in_a_sweep():
    space = {
        "activation": dl.Among(["relu", "tanh", "elu"]),
        "chosen": dl.Among(["a", "b"], values=["b", "a"]),
        "units": dl.AsSize(dl.IntUniform(3, 9)),
        "optimizer": dl.Either({"adam": {"beta": dl.Uniform(0, 1)}}),
        "loss": dl.Static(["softmax"]),
        "layers": 2,
    }
    hp = dl.sample_one(KEY, space, 1)
    columns = dl.sample(KEY, space, 2)
    assert hp["activation"] == columns["activation"][1] and hp["chosen"] == "a"
    assert isinstance(hp["units"], nn.Size) and hp["units"].bound == 9
    assert int(hp["units"].live) == columns["units"][1]
    assert hp["optimizer"].name == "adam" and hp["loss"] == "softmax"
    beta = columns["optimizer"].options["adam"]["beta"][1]
    assert hp["optimizer"].values["beta"] == pytest.approx(beta, rel=2e-7)
    assert type(hp["layers"]) is int

    def live(i):
        hp = dl.sample_one(KEY, space, i)
        return hp["units"].live, hp["activation"].index

    lives, places = jax.jit(jax.vmap(live))(jnp.arange(2))
    assert lives.tolist() == columns["units"].tolist()
    names = [space["activation"].options[i] for i in places]
    assert names == columns["activation"].tolist()


@dataclasses.dataclass(frozen=True)
class Square(Distribution):
    """The square of a uniform number."""

    low: float = 0.0
    high: float = 1.0
    traceable: bool = True

    def quantile(self, u):
        return (namespace(u) if self.traceable else np).square(u)

    def fraction(self, x):
        return np.sqrt(x)


def test_a_distribution_of_ones_own():
    def drawn(leaf):
        return jax.jit(lambda: dl.sample_one(KEY, {"x": leaf})["x"])()

    assert drawn(Square()) == pytest.approx(dl.sample(KEY, {"x": Square()}, 1)["x"][0])
    with pytest.raises(SpaceError, match="expected one that computes with operators"):
        drawn(Square(traceable=False))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            {"x": dl.Static([1, 2])},
            "expected one static value, since each is a program",
        ),
        (
            {"x": dl.Either({"a": {}, "b": {}})},
            "has x.name=.*expected one static value",
        ),
        ({"x": np.array(["a", "b"], object)}, "expected one static value"),
        ({"x": dl.Uniform(0, 1e60)}, "expected numbers that float32 can hold"),
    ],
    ids=str,
)
def test_what_one_program_cannot_draw_is_refused(space, message):
    with pytest.raises(SpaceError, match=message):
        dl.sample_one(KEY, space)


def test_a_member_that_an_array_has_not_is_refused():
    space = {"x": np.array([1.0, 2.0])}
    assert dl.sample_one(KEY, space, 1)["x"] == 2
    for member in (2, np.int64(2), jnp.asarray(2)):
        with pytest.raises(SpaceError, match="got member 2, and x as an array of 2"):
            dl.sample_one(KEY, space, member)
