"""The contract of every distribution: a row of one table for each of them."""

import copy
import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from scipy import stats

import jaxdl as dl
from jaxdl.interop.optuna import parameter
from jaxdl.report.scales import scale
from jaxdl.spaces import SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.spaces.plain import from_plain, to_plain

KEY = jax.random.key(0)
DRAWS = 4000
FINE = 100_000
ACROSS = (np.arange(FINE) + 0.5) / FINE  # fractions in (0, 1)


class Row(NamedTuple):
    """A distribution and what it has to be.

    Theory is the distribution function of a continuous one, from SciPy, and else the
    probability of each value.
    """

    dist: Any
    words: str
    plain: dict[str, Any]
    axis: str
    optuna: str
    theory: Callable[[Any], Any] | dict[Any, float]
    reach: float | None = 1e-9  # error of a step of 0.1; None: no step, or a redraw


def floats(low, high, *, log=False):
    return f"FloatDistribution(high={high}, log={log}, low={low}, step=None)"


def ints(low, high, *, log=False):
    return f"IntDistribution(high={high}, log={log}, low={low}, step=1)"


def alike(*values):
    return {value: 1 / len(values) for value in values}


def logarithmic(low, high):
    """The probability of k is log((k + 1) / k), over the sum of all: its telescope."""
    every = np.log((high + 1) / low)
    return {k: np.log((k + 1) / k) / every for k in range(low, high + 1)}


ROWS = {
    "Uniform": Row(
        dl.Uniform(-2.0, 3.0), "Uniform(low=-2.0, high=3.0)", {"Uniform": [-2.0, 3.0]},
        "linear", floats(-2.0, 3.0), stats.uniform(-2, 5).cdf,
    ),
    "LogUniform": Row(
        dl.LogUniform(1e-4, 1.0), "LogUniform(low=0.0001, high=1.0)",
        {"LogUniform": [0.0001, 1.0]}, "log", floats(0.0001, 1.0, log=True),
        stats.loguniform(1e-4, 1).cdf,
    ),
    "OneMinusLogUniform": Row(
        dl.OneMinusLogUniform(0.5, 0.75), "OneMinusLogUniform(low=0.5, high=0.75)",
        {"OneMinusLogUniform": [0.5, 0.75]}, "reversed log",
        floats(0.25, 0.5, log=True), lambda x: stats.loguniform(0.25, 0.5).sf(1 - x),
    ),
    "IntUniform": Row(
        dl.IntUniform(-1, 98), "IntUniform(low=-1, high=98)", {"IntUniform": [-1, 98]},
        "whole", ints(-1, 98), alike(*range(-1, 99)), reach=0.01,
    ),
    "IntLogUniform": Row(
        dl.IntLogUniform(1, 1000), "IntLogUniform(low=1, high=1000)",
        {"IntLogUniform": [1, 1000]}, "log", ints(1, 1000, log=True),
        logarithmic(1, 1000), reach=np.log(2) / np.log(1001),  # the width of 1
    ),
    "Choice": Row(
        dl.Choice([0.25, 8.0, 2.0]), "Choice(options=(0.25, 8.0, 2.0))",
        {"Choice": [0.25, 8.0, 2.0]}, "category",
        "CategoricalDistribution(choices=(0.25, 8.0, 2.0))", alike(0.25, 8.0, 2.0),
        reach=None,
    ),
    "Static": Row(
        dl.Static(["relu", 3, None, True]),
        "Static(options=('relu', 3, None, True))", {"Static": ["relu", 3, None, True]},
        "category", "CategoricalDistribution(choices=('relu', 3, None, True))",
        alike("relu", 3, None, True), reach=None,
    ),
    "Among": Row(
        dl.Among({"relu": None, "tanh": None, "gelu": None}),
        "Among(options=('relu', 'tanh', 'gelu'))", {"Among": ["relu", "tanh", "gelu"]},
        "category", "CategoricalDistribution(choices=('relu', 'tanh', 'gelu'))",
        alike("relu", "tanh", "gelu"), reach=None,
    ),
    "AsSize of IntUniform": Row(
        dl.AsSize(dl.IntUniform(3, 9)), "AsSize(values=IntUniform(low=3, high=9))",
        {"AsSize": {"IntUniform": [3, 9]}}, "whole", ints(3, 9), alike(*range(3, 10)),
        reach=None,
    ),
    "AsSize of IntLogUniform": Row(
        dl.AsSize(dl.IntLogUniform(8, 512)),
        "AsSize(values=IntLogUniform(low=8, high=512))",
        {"AsSize": {"IntLogUniform": [8, 512]}}, "log", ints(8, 512, log=True),
        logarithmic(8, 512), reach=None,
    ),
    "AsSize of Choice": Row(
        dl.AsSize(dl.Choice([64, 8])), "AsSize(values=Choice(options=(64, 8)))",
        {"AsSize": {"Choice": [64, 8]}}, "category",
        "CategoricalDistribution(choices=(64, 8))", alike(64, 8), reach=None,
    ),
}  # fmt: skip


@pytest.fixture(params=ROWS)
def row(request):
    return ROWS[request.param]


def draw(dist, members=DRAWS, key=KEY):
    return dl.sample(key, {"x": dist}, members)["x"]


def is_category(dist):
    return dist.scale == "category"


def places(dist, values):
    """Returns where among the options values are; 1 is not True."""
    options = [(type(option), option) for option in dist.options]
    return [options.index((type(value), value)) for value in values]


def same(one, other):
    """Asserts that values are equal, floats to within their rounding."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind == "f":
        np.testing.assert_allclose(one, other, rtol=1e-9)
    else:
        np.testing.assert_array_equal(one, other)


def test_it_is_a_distribution_and_a_leaf(row):
    assert isinstance(row.dist, dl.Distribution) and is_distribution(row.dist)
    assert jax.tree.leaves({"x": row.dist}) == [row.dist]
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.dist.low = 0


def test_its_fraction_is_the_inverse_of_its_quantile(row):
    x = row.dist.quantile(ACROSS)
    u = row.dist.fraction(x)
    assert (0 <= u).all() and (u <= 1).all()
    same(row.dist.quantile(u), x)
    if callable(row.theory):
        np.testing.assert_allclose(u, ACROSS, atol=1e-9)


def test_its_quantile_rises_within_its_range(row):
    x = row.dist.quantile(np.concatenate([[0], ACROSS, [1]]))
    if is_category(row.dist):
        at = places(row.dist, x.tolist())
        assert (np.diff(at) >= 0).all() and at[-1] == len(row.dist.options) - 1
        return
    assert (np.diff(x) >= 0).all()
    same([x[0], x[-1]], [row.dist.low, row.dist.high])


def test_its_quantile_counts_out_its_probabilities(row):
    x = row.dist.quantile(ACROSS)
    if callable(row.theory):
        np.testing.assert_allclose(row.theory(x), ACROSS, atol=1e-9)
        return
    kinds = Counter((type(value), value) for value in x.tolist())
    for value, probability in row.theory.items():
        share = kinds[type(value), value] / FINE
        assert share == pytest.approx(probability, abs=1.5 / FINE)


def test_its_draws_have_its_probabilities(row):
    x = draw(row.dist)
    if callable(row.theory):
        found = stats.kstest(x.astype(np.float64), row.theory)
        assert found.pvalue > 1e-3
        return
    kinds = Counter((type(value), value) for value in x.tolist())
    counts, expected = np.array(
        [
            (kinds[type(value), value], probability * DRAWS)
            for value, probability in row.theory.items()
        ]
    ).T
    assert counts.sum() == DRAWS
    rare = expected < 5  # too rare for the test each by itself
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_its_draws_do_not_move_with_the_number_of_members(row):
    np.testing.assert_array_equal(draw(row.dist, 5), draw(row.dist, 300)[:5])


def test_its_draws_have_the_type_of_the_programs(row):
    types = {float: np.float32, int: np.int32, str: object}
    kind = types[type(row.dist.points(2)[0])] if not row.dist.static else object
    assert draw(row.dist, 5).dtype == kind


def test_its_values_can_be_given_one_for_each_member(row):
    points = row.dist.points(3)
    found = draw(row.dist.given(points), len(points))
    assert found.dtype == draw(row.dist, 5).dtype
    np.testing.assert_array_equal(found, np.asarray(points, found.dtype))


@pytest.mark.parametrize("n", [2, 3, 7, 50])
def test_its_points_are_even_on_its_scale_with_both_ends(row, n):
    points = row.dist.points(n)
    if is_category(row.dist):
        assert points == list(row.dist.options)
        return
    assert points == sorted(set(points))
    same([points[0], points[-1]], [row.dist.low, row.dist.high])
    if row.dist.whole:
        assert len(points) <= n and all(type(point) is int for point in points)
    else:
        np.testing.assert_allclose(
            row.dist.fraction(np.array(points)), np.linspace(0, 1, n), atol=1e-9
        )


def test_it_narrows_to_what_lies_around_values_within_its_range(row):
    values = draw(row.dist, 300)
    if is_category(row.dist):
        assert set(draw(row.dist.narrowed(values[:3]), 300)) == set(values[:3])
        return
    values = np.sort(values)[:90:15]  # of the lowest three tenths
    narrow = row.dist.narrowed(values)
    assert type(narrow) is type(row.dist)
    slack = 1e-6 * abs(values).max()  # of float32
    assert row.dist.low - slack <= narrow.low <= values.min() + slack
    assert values.max() - slack <= narrow.high <= row.dist.high + slack
    assert narrow.high < row.dist.high


def test_it_narrows_to_a_choice_of_one_around_equal_values(row):
    value = draw(row.dist, 1)
    narrow = row.dist.narrowed(np.repeat(value, 4))
    assert set(draw(narrow, 20)) == set(value)


@pytest.mark.parametrize("sign", [-1, 1])
def test_it_nudges_by_a_step_on_its_scale_within_its_range(row, sign):
    values = draw(row.dist, 300)
    step = np.full(300, 0.1 * sign)
    moved = row.dist.nudged(values, step, np.random.default_rng(0))
    if row.reach is None:
        return
    before, after = row.dist.fraction(values.astype(float)), row.dist.fraction(moved)
    low, high = sorted([row.dist.low, row.dist.high])
    ends = np.isclose(moved, low) | np.isclose(moved, high)
    assert (low - 1e-9 <= moved).all() and (moved <= high + 1e-9).all()
    np.testing.assert_allclose((after - before)[~ends], step[~ends], atol=row.reach)
    assert (sign * (moved - values)[~ends] > 0).all()
    assert 0.02 < ends.mean() < 0.3


def test_its_options_are_redrawn_with_the_probability_of_a_step():
    values = np.zeros(10_000)
    dist = dl.Choice([0.0, 1.0, 2.0, 3.0])
    moved = dist.nudged(values, np.full(10_000, -0.2), np.random.default_rng(0))
    assert set(moved) == set(dist.options)
    # a fifth is redrawn, of which three quarters are other options
    assert np.mean(moved != 0) == pytest.approx(0.15, abs=0.015)


def test_choices_are_redrawn_with_the_probability_of_a_step():
    values = np.full(10_000, "a", object)
    dist = dl.Among(["a", "b", "c", "d"])
    moved = dist.nudged(values, np.full(10_000, 0.2), np.random.default_rng(0))
    assert set(moved) == {*dist.options} and {*map(type, moved)} == {str}
    assert np.mean(moved != "a") == pytest.approx(0.15, abs=0.015)


SHAPES = [name for name in ROWS if name.startswith(("AsSize", "Static"))]


@pytest.mark.parametrize("name", SHAPES)
def test_what_shapes_a_program_stays_when_nudged(name):
    dist = ROWS[name].dist
    values = draw(dist, 300)
    moved = dist.nudged(values, np.full(300, 0.9), np.random.default_rng(0))
    np.testing.assert_array_equal(moved, values)


def test_its_plain_form_is_json_and_comes_back_equal(row):
    assert to_plain(row.dist) == row.plain
    back = from_plain(json.loads(json.dumps(to_plain(row.dist), allow_nan=False)))
    assert back == row.dist and repr(back) == repr(row.dist)


def test_given_values_are_a_leaf_of_the_space_that_is_not_drawn(row):
    values = draw(row.dist, 5)
    leaf = row.dist.given(values.tolist())
    assert not is_distribution(leaf)
    same(draw(leaf, 5), values)
    back = from_plain(json.loads(json.dumps(to_plain(leaf), allow_nan=False)))
    same(draw(back, 5), values)


def test_equal_ones_are_equal_and_have_one_hash(row):
    other = copy.deepcopy(row.dist)
    assert other == row.dist and hash(other) == hash(row.dist)
    assert [r.dist for r in ROWS.values()].count(row.dist) == 1


def test_it_shows_how_it_is_made(row):
    assert repr(row.dist) == row.words


def test_figures_draw_it_on_its_scale(row):
    column = draw(row.dist, 20)
    assert scale("x", column, row.dist).kind == row.axis


def test_optuna_has_its_range_and_scale(row):
    pytest.importorskip("optuna")
    name, found = parameter("inner.x", row.dist)
    assert repr(found) == row.optuna
    reversed_log = row.dist.scale == "reversed log"
    assert name == ("inner.one_minus_x" if reversed_log else "inner.x")


# by hand


def test_half_of_the_betas_lie_above_099():
    above = draw(dl.OneMinusLogUniform(0.9, 0.999)) > 0.99
    assert np.mean(above) == pytest.approx(0.5, abs=0.03)


def test_each_doubling_of_a_log_range_of_ints_has_as_many_draws():
    x = dl.IntLogUniform(1, 15).quantile(ACROSS)  # 1, 2-3, 4-7, 8-15
    counts = np.bincount(np.floor(np.log2(x)).astype(int))
    np.testing.assert_allclose(counts / FINE, 0.25, atol=2 / FINE)


@pytest.mark.parametrize("high", [2, 3, 2**31 - 1])
def test_a_log_range_of_ints_reaches_both_ends(high):
    dist = dl.IntLogUniform(1, high)
    assert dist.quantile(np.array([0.0, 1.0])).tolist() == [1, high]
    assert dist.points(2) == [1, high]
    assert dist.quantile(dist.fraction(np.array([1, high]))).tolist() == [1, high]


def test_a_log_range_of_ints_narrows_by_ratios():
    # 8 to 128: a ratio of 16 between three values is one of 4 from one to the next.
    narrow = dl.IntLogUniform(1, 1000).narrowed(np.array([8, 20, 128]))
    assert narrow == dl.IntLogUniform(2, 512)


def test_a_nudged_int_moves_by_one_at_least():
    up, down = np.array([0.01, 0.01]), np.array([-0.01, -0.01])
    for dist in (dl.IntUniform(1, 4), dl.IntLogUniform(1, 4)):
        assert dist.nudged(np.array([1, 4]), up, None).tolist() == [2, 4]
        assert dist.nudged(np.array([1, 4]), down, None).tolist() == [1, 3]


def test_sizes_on_a_log_scale_have_bounds_by_their_probability():
    # Of 1, 2 and 3, half of the draws are 1 and a fifth are 3: log 2, log 3/2, log 4/3
    # over log 4. One bound computes 3 for 1.71 live units; 1 and 3 compute 2.
    bounds = dl.AsSize(dl.IntLogUniform(1, 3)).all_bounds()
    assert bounds == (1, 3)
    wide = dl.AsSize(dl.IntLogUniform(16, 1024)).all_bounds()
    assert wide[-1] == 1024 and len(wide) <= 8


def test_numbers_of_numpy_become_plain_ones():
    powers = dl.Choice(list(2 ** np.arange(4, 7)))
    assert powers == dl.Choice([16, 32, 64]) and powers.whole
    made = [
        powers, dl.IntUniform(np.int64(2), np.int32(5)), dl.Choice([np.float32(0.5)]),
        dl.IntLogUniform(np.int64(2), 5), dl.Uniform(np.float64(0.5), np.int64(1)),
        dl.Static([np.int64(3), np.str_("a"), np.bool_(True), np.float64(0.5)]),
    ]  # fmt: skip
    for dist in made:
        kinds = {type(value) for value in dist.arguments()}
        assert kinds <= {int, float, str, bool}
        json.dumps(to_plain(dist))


def test_options_of_floats_and_ints_are_floats():
    assert not dl.Choice([1, 2, 0.5]).whole
    assert draw(dl.Choice([1, 2, 0.5]), 5).dtype == np.float32


@dataclasses.dataclass(frozen=True)
class Squared(dl.spaces.Range):
    """A user's own distribution, on [low, high]: the square of a uniform one."""

    low: float
    high: float

    def quantile(self, u):
        return self.low + u**2 * (self.high - self.low)

    def fraction(self, x):
        return np.sqrt((x - self.low) / (self.high - self.low))


def test_a_distribution_of_the_user_s_does_all_that_ours_do():
    dist, space = Squared(0.0, 4.0), {"x": Squared(0.0, 4.0)}
    assert np.mean(draw(dist) < 1) == pytest.approx(0.5, abs=0.03)
    assert dl.grid(space, 3)["x"].tolist() == [0, 1, 4]
    # Fractions of 0.5 and 0.75, widened by 0.25.
    assert dist.narrowed(np.array([1.0, 2.25])) == Squared(0.25, 4.0)
    moved = dist.nudged(np.array([1.0, 1.0]), np.array([0.25, -0.25]), None)
    assert moved.tolist() == [2.25, 0.25]
    assert scale("x", draw(dist, 5), dist).kind == "linear"
    with pytest.raises(SpaceError, match="holds Squared, a class .* space=..., or its"):
        from_plain(to_plain(space))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.Uniform(1.0, 1.0), "low < high"),
        (lambda: dl.Uniform(2.0, 1.0), "low < high"),
        (lambda: dl.Uniform(0.0, np.inf), "finite bounds"),
        (lambda: dl.Uniform(np.nan, 1.0), "finite bounds"),
        (lambda: dl.Uniform("a", 1), "finite bounds"),
        (lambda: dl.Uniform(1, 10**400), "finite bounds"),
        (lambda: dl.Uniform(-1e308, 1e308), "closer together"),
        (lambda: dl.LogUniform(5e-324, 1e308), "closer together"),
        (lambda: dl.LogUniform(0.0, 1.0), "both bounds above 0"),
        (lambda: dl.LogUniform(-1.0, 1.0), "both bounds above 0"),
        (lambda: dl.OneMinusLogUniform(0.9, 1.0), "both bounds below 1"),
        (lambda: dl.IntUniform(5, 4), "low < high"),
        (lambda: dl.IntUniform(1.5, 4), "low=1.5; expected an int"),
        (lambda: dl.IntUniform(0, 2**40), "expected an int of 32 bits"),
        (lambda: dl.IntUniform(-(2**31), 0), "expected an int of 32 bits"),
        (lambda: dl.IntUniform(False, 4), "low=False; expected an int"),
        (lambda: dl.IntLogUniform(0, 4), "both bounds above 0"),
        (lambda: dl.IntLogUniform(4, 4), "low < high"),
        (lambda: dl.IntLogUniform(1.0, 4), "low=1.0; expected an int"),
        (lambda: dl.Choice([]), "at least one option"),
        (lambda: dl.Choice(["a", "b"]), r"is Among\(\[...\]\), or Static\(\[...\]\)"),
        (lambda: dl.Choice([1, 10**400]), "an option of 1329 bits; expected ints of"),
        (lambda: dl.Choice([1, 2**63]), "an option of 64 bits"),
        (lambda: dl.Choice([True, 2]), "the option True; expected numbers"),
        (lambda: dl.Choice([np.bool_(True)]), "the option True; expected numbers"),
        (lambda: dl.Static([]), "at least one option"),
        (lambda: dl.Static("relu"), "expected a list"),
        (lambda: dl.Static([[1, 2]]), "map the name to a function"),
        (lambda: dl.Among([]), "at least one option"),
        (lambda: dl.Among({}), "at least one option"),
        (lambda: dl.Among("relu"), "expected a list"),
        (lambda: dl.Among([0.5, 1.5]), "a str, an int or a bool for each option"),
        (lambda: dl.Among([None, "a"]), "a str, an int or a bool for each option"),
        (lambda: dl.Among(["a", "a"]), "expected names that differ"),
        (lambda: dl.Among([1, "1"]), "expected names that differ"),
        (lambda: dl.Among([1, True]), "expected names that differ"),
        (
            lambda: dl.Among(["a", "b"]).given(["a", "c"]),
            "the choice 'c'; expected one",
        ),
        (lambda: dl.AsSize(dl.IntLogUniform(1, 4).low - 2.0), "expected IntUniform"),
        (lambda: dl.AsSize(dl.Static([1, 2])), "expected IntUniform"),
        (lambda: dl.AsSize(dl.Choice([1, -2])), "all at least 0"),
    ],
)
def test_distributions_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SpaceError, match=message):
        make()
