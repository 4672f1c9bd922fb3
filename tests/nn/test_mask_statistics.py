"""Dropout masks against independent coin tosses, and bad masks that must be caught.

Every statistic returns p-values that are exact, or nearly so, for independent entries.
The smallest p-value times their number (Bonferroni) must be above 1e-6. The seeds are
fixed. `pytest -m heavy tests/nn/test_mask_statistics.py` tests more keep probabilities,
and 10 times as many masks.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl import nn
from jaxdl.nn.dropout import _mix
from jaxdl.train.state import STEP, member_key

KEEP_PROBS = [0.01, 0.1, 0.25, 0.5, 0.8, 0.9, 0.99, 0.999]
MEMBERS, STEPS, LAYERS, SIDE = 16, 64, 4, 32
fold = jax.vmap(jax.random.fold_in, (None, 0))


@functools.partial(jax.jit, static_argnums=1)
def training_keys(seed, steps=STEPS):
    """Returns the keys that training and `serial` give to layers, `[M, T, L]`."""

    def of_member(member):
        key = jax.random.fold_in(member_key(jax.random.key(seed), member), STEP)
        return jax.vmap(lambda k: fold(k, jnp.arange(LAYERS)))(
            fold(key, jnp.arange(steps))
        )

    return jax.vmap(of_member)(jnp.arange(MEMBERS))


@functools.partial(jax.jit, static_argnums=(0, 2))
def all_masks(mask, keys, side, keep_prob):
    return jax.vmap(lambda key: mask(key, (side, side), keep_prob))(keys)


def draw(mask, keys, keep_prob, side=SIDE):
    """Returns the masks of the keys, `[*keys.shape, side, side]`."""
    masks = all_masks(mask, keys.ravel(), side, keep_prob)
    return np.asarray(masks).reshape(*keys.shape, side, side)


def two_sided(below, above):
    return np.minimum(1, 2 * np.minimum(below, above))


def of_counts(distribution, counts):
    """Returns two-sided p-values of counts."""
    return two_sided(distribution.cdf(counts), distribution.sf(np.subtract(counts, 1)))


def of_fit(observed, probabilities):
    """Returns the p-value of chi-square, the rare last values taken together."""
    expected = np.sum(observed) * probabilities
    before = np.cumsum(expected) - expected
    head = np.count_nonzero(np.sum(observed) - before >= 5) - 1
    observed, expected = (
        np.append(counts[:head], np.sum(observed) - np.sum(counts[:head]))
        for counts in (observed, expected)
    )
    return stats.chisquare(observed, expected).pvalue


def of_dependence(covariance, n, skewness):
    """Returns p-values of covariances of n pairs of standardized entries.

    A product of entries has the square of their skewness. The sum of rare products is
    far from normal, so it is compared with the gamma distribution of its skewness,
    whose tail is above that of the Poisson distribution it is close to.
    """
    z, skewness = np.divide(covariance, np.sqrt(n)), skewness / np.sqrt(n)
    pearson = stats.pearson3(skewness)
    return two_sided(pearson.cdf(z), pearson.sf(z))


def skewness_of(keep_prob):
    return (1 - 2 * keep_prob) / np.sqrt(keep_prob * (1 - keep_prob))


def dependence(pairs, p):
    """Returns p-values of the correlation of each pair of arrays of masks."""
    covariances, sizes = [], []
    for a, b in pairs:
        n, both = a.size, np.count_nonzero(a & b)
        centered = both - p * (np.count_nonzero(a) + np.count_nonzero(b)) + n * p**2
        covariances.append(centered / (p * (1 - p)))
        sizes.append(n)
    return of_dependence(covariances, np.array(sizes), skewness_of(p) ** 2)


def shifted(x, rows, units):
    """Returns two views of `[..., rows, units]` masks, apart by a row and unit lag."""
    bottom, right = (x.shape[axis] - lag for axis, lag in ((-2, rows), (-1, units)))
    return x[..., rows:, units:], x[..., :bottom, :right]


# The statistics: of a mask function, the keys and the keep probability


def frequency(mask, keys, p):
    x = draw(mask, keys, p)
    return of_counts(stats.binom(x.size, p), np.count_nonzero(x))


def positions(mask, keys, p):
    """Counts of each position, by themselves, and their spread by chi-square and KS."""
    counts = draw(mask, keys, p).sum((0, 1, 2)).ravel()
    binomial = stats.binom(keys.size, p)
    ties = np.random.default_rng(0).uniform(size=counts.size)  # makes p-values uniform
    uniform = binomial.cdf(counts - 1) + ties * binomial.pmf(counts)
    squares = np.sum(stats.norm.ppf(np.clip(uniform, 1e-15, 1 - 1e-15)) ** 2)
    chi2 = stats.chi2(counts.size)
    spread = two_sided(chi2.cdf(squares), chi2.sf(squares))
    each = of_counts(binomial, counts)
    return [*each, spread, stats.kstest(uniform, "uniform").pvalue]


def members(mask, keys, p):
    x = draw(mask, keys, p)
    return dependence([(x[lag:], x[:-lag]) for lag in range(1, 9)], p)


def steps(mask, keys, p):
    x = draw(mask, keys, p)
    return dependence([(x[:, lag:], x[:, :-lag]) for lag in range(1, 9)], p)


def layers(mask, keys, p):
    x = draw(mask, keys, p)
    pairs = [(i, j) for i in range(LAYERS) for j in range(i)]
    return dependence([(x[:, :, i], x[:, :, j]) for i, j in pairs], p)


def neighbors(mask, keys, p):
    """Rows, units and both diagonals apart by powers of two; rows against units."""
    x = draw(mask, keys[:, ::32, 0].ravel(), p, side=512)
    lags = [2**i for i in range(9)]
    pairs = [shifted(x, *lag) for i in lags for lag in ((i, 0), (0, i), (i, i))]
    pairs += [shifted(x[..., ::-1], i, i) for i in lags]
    above, below = x[..., :256, 256:], x[..., 256:, :256]
    return dependence([*pairs, (above, below.swapaxes(-1, -2))], p)


def one_bit_keys(mask, keys, p):
    """Masks of keys that differ in one bit of either word, each of the 64."""
    keys = keys[:, ::4, 0].ravel()
    x = draw(mask, keys, p)
    words = jax.random.key_data(keys)
    flips = np.zeros((64, 2), np.uint32)
    flips[np.arange(64), np.arange(64) // 32] = 2 ** (np.arange(64) % 32)
    others = [jax.random.wrap_key_data(words ^ flip[None]) for flip in flips]
    return dependence([(x, draw(mask, other, p)) for other in others], p)


def any_two_masks(mask, keys, p):
    """The largest and smallest of the correlations of all pairs of 1024 masks."""
    x = draw(mask, keys[:4].ravel()[:1024], p).reshape(-1, SIDE**2)
    x = ((x - p) / np.sqrt(p * (1 - p))).astype(np.float32)
    z = (x @ x.T)[np.tril_indices(len(x), -1)]
    found = of_dependence([z.min(), z.max()], SIDE**2, skewness_of(p) ** 2)
    return np.minimum(1, found * z.size / 2)


def row_and_column_sums(mask, keys, p):
    x = draw(mask, keys, p)
    kept = np.arange(SIDE + 1)
    order = kept if p < 0.5 else kept[::-1]  # the rare sums last
    expected = stats.binom.pmf(order, SIDE, p)
    sums = (np.count_nonzero(x, axis=axis).ravel() for axis in (-1, -2))
    return [of_fit(np.bincount(s, minlength=SIDE + 1)[order], expected) for s in sums]


@jax.jit
def products_of_corners(x):
    """Returns the sum over all rectangles of each `[n, rows, units]` matrix, `[n]`.

    It is that of ((X'X)_uv^2 - sum_r X_ru^2 X_rv^2) / 4 over units u != v.
    """
    gram, square = jnp.einsum("nru,nrv->nuv", x, x), x**2
    pairs = gram**2 - jnp.einsum("nru,nrv->nuv", square, square)
    return jnp.sum(jnp.where(np.eye(SIDE, dtype=bool)[None], 0, pairs), (1, 2)) / 4


def rectangles(mask, keys, p):
    """Products of the four corners of all rectangles in a mask, standardized.

    They show masks made of a function of the row and one of the unit.
    """
    x = draw(mask, keys, p).reshape(-1, SIDE, SIDE)
    x = ((x - np.float32(p)) / np.float32(np.sqrt(p * (1 - p)))).astype(np.float32)
    total = np.sum(products_of_corners(x), dtype=float)
    n = len(x) * (SIDE * (SIDE - 1) // 2) ** 2
    return of_dependence(total, n, skewness_of(p) ** 4)


STATISTICS = [
    frequency, positions, members, steps, layers, neighbors, one_bit_keys,
    row_and_column_sums,
]  # fmt: skip
CASES = [(s, p) for s in STATISTICS for p in KEEP_PROBS]
# Where the others keep or drop too few for a p-value, they are not computed.
CASES += [(rectangles, p) for p in KEEP_PROBS[:-1]]
CASES += [(any_two_masks, p) for p in KEEP_PROBS[1:-2]]


def worst(statistic, mask, keys, keep_prob):
    """Returns the smallest p-value times the number of all p-values of the battery."""
    found = np.ravel(statistic(mask, keys, keep_prob))
    return np.min(found) * found.size * len(CASES)


def few_ordinary(values):
    """Returns parameters: tuples of which the last entry is a keep probability."""
    return [
        pytest.param(*x, marks=() if x[-1] in (0.01, 0.5, 0.99) else pytest.mark.heavy)
        for x in values
    ]


@pytest.mark.parametrize(("statistic", "keep_prob"), few_ordinary(CASES))
def test_masks_are_as_independent_coin_tosses(statistic, keep_prob):
    assert worst(statistic, nn.keep_mask, training_keys(0), keep_prob) > 1e-6


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize(("statistic", "keep_prob"), CASES)
def test_10_times_as_many_masks_are_as_coin_tosses(statistic, keep_prob, seed):
    keys = training_keys(seed, 10 * STEPS)
    assert worst(statistic, nn.keep_mask, keys, keep_prob) > 1e-6


# Bad masks, each with the statistics that must catch it


def entries(mix_row, mix_entry, distinct_units=2**16):
    """Returns a mask function like `keep_mask` with other scramblings."""

    def mask(key, shape, keep_prob):
        high, low = jax.random.key_data(key)
        rows, units = (jnp.arange(n, dtype=jnp.uint32) for n in shape)
        a = mix_row(rows * jnp.uint32(0x9E3779B9) + high)[:, None]
        b = (units % distinct_units * jnp.uint32(0x85EBCA6B) + low)[None]
        return mix_entry(a, b) < jnp.uint32(2.0**32 * keep_prob)

    return mask


def with_keep_prob(change):
    return lambda key, shape, p: nn.keep_mask(key, shape, change(p))


def one_multiplication(x):
    return (x ^ (x >> 16)) * jnp.uint32(0x21F0AAAD)


def linear_congruence(x):
    return x * jnp.uint32(1664525) + jnp.uint32(1013904223)


def row_bit_is_unit_bit(key, shape, keep_prob):
    """Keeps a half of the entries; any three are independent, four corners are not."""
    del keep_prob
    words = zip(jax.random.key_data(key), shape, strict=True)
    row, unit = (_mix(word + jnp.arange(n, dtype=jnp.uint32)) for word, n in words)
    return row[:, None] >> 31 == unit[None] >> 31


def turned(key, shape, keep_prob):
    """Turns one row by a random number of units: every row keeps the same number."""
    rows, units = shape
    start = jax.random.randint(key, (rows, 1), 0, units)
    return (start + jnp.arange(units)[None]) % units < keep_prob * units


def of_short_keys(key, shape, keep_prob):
    """Sees 8 bits of each word of the key."""
    words = jax.random.key_data(key) & 0xFF
    return nn.keep_mask(jax.random.wrap_key_data(words), shape, keep_prob)


def with_a_dead_entry(key, shape, keep_prob):
    return nn.keep_mask(key, shape, keep_prob).at[0, 0].set(False)


BAD = {
    "1/256 too many": (
        with_keep_prob(lambda p: p + 1 / 256), 0.5,
        [frequency, positions, row_and_column_sums],
    ),
    "of 8 bits": (
        with_keep_prob(lambda p: jnp.floor(p * 256) / 256), 0.999, [frequency],
    ),
    "dead entry": (with_a_dead_entry, 0.5, [positions]),
    "linear congruence": (
        entries(linear_congruence, lambda a, b: linear_congruence(a ^ b)), 0.9,
        [neighbors, one_bit_keys],
    ),
    "no second scrambling": (
        entries(_mix, lambda a, b: linear_congruence(a ^ b)), 0.5,
        [one_bit_keys, row_and_column_sums, rectangles],
    ),
    "one multiplication": (
        entries(_mix, lambda a, b: one_multiplication(a ^ b)), 0.5, [one_bit_keys],
    ),
    "period 256": (entries(_mix, lambda a, b: _mix(a ^ b), 256), 0.5, [neighbors]),
    "row bit is unit bit": (row_bit_is_unit_bit, 0.5, [rectangles]),
    "turned rows": (turned, 0.5, [row_and_column_sums]),
    "short keys": (of_short_keys, 0.5, [any_two_masks]),
}  # fmt: skip
CATCHES = [(s, mask, p, name) for name, (mask, p, by) in BAD.items() for s in by]


@pytest.mark.parametrize(("statistic", "mask", "keep_prob", "name"), CATCHES)
def test_the_battery_catches_a_bad_mask(statistic, mask, keep_prob, name):
    assert worst(statistic, mask, training_keys(0), keep_prob) < 1e-6, name


@pytest.mark.parametrize(("statistic", "axis"), [(members, 0), (steps, 1), (layers, 2)])
@pytest.mark.parametrize("keep_prob", few_ordinary((p,) for p in KEEP_PROBS))
def test_the_battery_catches_a_mask_used_twice(statistic, axis, keep_prob):
    keys = training_keys(0)
    keys = jnp.take(keys, np.arange(keys.shape[axis]) // 2 * 2, axis)
    assert worst(statistic, nn.keep_mask, keys, keep_prob) < 1e-6


def test_every_statistic_catches_something():
    catching = {statistic for statistic, *_ in CATCHES} | {members, steps, layers}
    assert catching == {statistic for statistic, _ in CASES}
