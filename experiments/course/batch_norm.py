"""What does batch normalization change?

Two hidden layers of 32 ReLU units with He's weights and gradient descent on 512 digits.
A training has learned once its dev error is at most 10 %. Rates that learn are counted
on a grid with eight steps to a decade. The regularizing noise is measured on 256
digits, with the rate 0.1 and 384 updates for every batch size. The
shift of the last layer's inputs is how far 8 steps move their means, in deviations. For
the covariate shift all pixels of the dev set become brighter.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxdl as dl
from experiments.course import arms, pictures
from experiments.course.arms import Arm, Claim, Outcome, find
from jaxdl import nn, optim

FAST = Claim(5, "faster: fewer epochs to a dev error of 10 %", -1, 0.2, "epochs")
WIDE = Claim(6, "a wider range of rates learns", 1, 0.3, "decades of rates")
NOISE = Claim(
    7, "it regularizes: lower dev error at one rate, batches of 8", -1, 0.3, "points"
)
LESS = Claim(7, "it regularizes less in larger batches, 8 for 256", -1, 0.3, "points")
SHIFT = Claim(8, "it limits the shift of the last layer's inputs", -1, 0.3, "decades")
VARIANCE = Claim(7, "it regularizes: less variance, batches of 8", -1, 0.3, "points")
BRIGHT = Claim(9, "brighter inputs raise the error without batch norm", 1, 1, "points")
HELPS = Claim(9, "brighter inputs raise it less with batch norm", -1, 1, "points")
EPOCHS, UPDATES, SIZES = 10, 384, (8, 32, 256)
RATES = np.geomspace(1e-3, 30, 13)  # of which the best is chosen
GRID = 0.03 * 10 ** (np.arange(24) / 8)  # of which those that learn are counted
SHIFTS = (0.0, 0.5, 1.0, 1.5, 2.0)  # of the inputs, in deviations


class Hparams(NamedTuple):
    rate: float
    norm: bool
    batch: int = 64


def hidden(norm: bool) -> nn.Layer:
    dense = nn.dense(32, use_bias=not norm)
    return nn.repeat(nn.serial(dense, *[nn.batch_norm()] * norm, nn.relu), 2)


def recipe(hp: Hparams) -> dl.Recipe:
    model = nn.serial(hidden(hp.norm), nn.dense(10))
    optimizer, loss = optim.gradient_descent(hp.rate), nn.softmax_cross_entropy
    return dl.Recipe(model, optimizer, loss, batch_size=hp.batch)


def example():
    def recipe(hp):
        dense, norm = nn.dense(32, use_bias=False), nn.batch_norm()
        model = nn.serial(dense, nn.maybe(hp["norm"], norm), nn.relu, nn.dense(10))
        optimizer = optim.gradient_descent(hp["rate"])
        return dl.Recipe(model, optimizer, nn.softmax_cross_entropy)

    space = {"norm": dl.Among([True, False]), "rate": dl.LogUniform(1e-2, 10.0)}
    both = dl.grid(space, 4)  # the same four rates with and without
    data = dl.data.load("digits")
    result = dl.sweep(recipe, both, data, key=0, members=8, epochs=2, progress=False)
    print(result.table())
    return result


def shift(key: jax.Array, norm: bool, data: dl.data.Splits) -> jax.Array:
    """Returns how far each of some epochs moves the last layer's inputs, `[5]`."""

    def own(rate):
        return recipe(Hparams(rate, norm))

    step, dev = dl.train.make_step(own), jnp.asarray(data.dev.inputs)
    x, y = jnp.asarray(data.train.inputs), jnp.asarray(data.train.labels)
    first, second = jax.random.split(key)
    state = dl.train.init(own, 0.1, first, x.shape[1:])

    def moments(state):
        a, _ = hidden(norm).apply(state.params[0], state.state[0], dev)
        return a.mean(axis=0), a.std(axis=0)

    def advance(state, key):
        rows = jax.random.permutation(key, len(x))[:512].reshape(8, 64)
        (mean, stddev), dataset = moments(state), dl.data.Dataset
        state, _ = jax.lax.scan(
            lambda s, i: step(0.1, s, dataset(x[i], y[i])), state, rows
        )
        moved = jnp.linalg.norm(moments(state)[0] - mean)
        return state, moved / jnp.linalg.norm(stddev)

    # The first epoch fills the running moments.
    return jax.lax.scan(advance, state, jax.random.split(second, 6))[1][1:]


def learned(arm: Arm) -> np.ndarray:
    """Returns the first epoch with a dev error of at most 10 %, else one too many."""
    low = arm.curves["dev_error"] <= 0.1
    return np.where(low.any(axis=1), 1 + low.argmax(axis=1), EPOCHS + 1)


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    few, data = (data._replace(train=data.train[:m]) for m in (256, 512))
    own = {"seeds": seeds, "key": key}
    both = {norm: Hparams(0.1, norm) for norm in (False, True)}
    best = arms.with_best_rates(recipe, both, data, RATES, epochs=EPOCHS, key=key)
    fast = arms.train(recipe, best, data, epochs=EPOCHS, **own)
    many = {(n, r): Hparams(float(r), n) for n in both for r in GRID}
    tried = arms.train(recipe, many, data, epochs=EPOCHS, **own)
    works = {k: learned(arm) <= EPOCHS for k, arm in tried.items()}
    wide = [sum(works[n, r] for r in GRID) / 8 for n in both]  # decades
    less, gap = {}, {}
    for size in SIZES:
        sized = {n: Hparams(0.1, n, size) for n in both}
        found = arms.train(recipe, sized, few, epochs=UPDATES * size // 256, **own)
        less[size] = arms.dev_error(found[True]) - arms.dev_error(found[False])
        gap[size] = [arms.variance(arm, few) for arm in found.values()]
    keys = jax.random.split(jax.random.key(key), seeds)
    moved = [jax.jit(jax.vmap(lambda k, n=n: shift(k, n, data)))(keys) for n in both]
    shifts = [np.log10(np.asarray(x)) for x in moved]
    bright = [brightness(fast[n], data) for n in both]
    rise = [errors[:, 2] - errors[:, 0] for errors in bright]
    findings = [
        find(FAST, learned(fast[True]) - learned(fast[False])),
        find(WIDE, wide[1] - wide[0]),
        find(NOISE, less[8]),
        find(LESS, less[8] - less[256]),
        find(VARIANCE, gap[8][1] - gap[8][0]),
        find(SHIFT, (shifts[1] - shifts[0]).mean(axis=1)),
        find(BRIGHT, rise[0]),
        find(HELPS, rise[1] - rise[0]),
    ]
    shares = [np.stack([100.0 * works[n, r] for r in GRID], axis=1) for n in both]
    at = {"rates": GRID, "shifts": SHIFTS}
    drawn = pictures.batch_norm(shares, less, shifts, bright, **at)
    text = "Rates that learn, dev error by batch size, shift of inputs, brightness"
    return Outcome(findings, {"batch_norm": (drawn, text)})


def brightness(arm: Arm, data: dl.data.Splits) -> np.ndarray:
    """Returns the dev error in percent under each shift, `[seeds, shifts]`."""
    x, labels = np.asarray(data.dev.inputs), np.asarray(data.dev.labels)
    errors = [
        [(m.predict(x + np.float32(s)).argmax(1) != labels).mean() for s in SHIFTS]
        for m in arm.members()
    ]
    return 100 * np.array(errors)
