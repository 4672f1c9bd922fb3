"""One model that is watched, or many that are not?

The panda is one model: someone looks at it after each of 15 epochs, doubles the rate
if the train loss fell by less than a third, in the first 5 epochs only, and divides it
by 3 if the loss rose. Its test error is compared with that of one model at a constant
rate, and with that of the caviar.
The caviar are 16 models with constant rates, of which the dev set chooses the best. The
first rates of both are drawn from 0.001 to 1, log-uniform. What counts is the test
error, in gradient descent on the digits. A seed is a panda and its 16 rivals.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxdl as dl
from experiments.course.arms import Claim, Outcome, bands, find
from jaxdl import nn, optim, train
from jaxdl.report.style import GRAY, PALETTE, figure, tidy

ALONE = Claim(27, "time for one model: watching beats a constant rate", -1, 1, "points")
TOGETHER = Claim(
    27, "time for 16 models: the best of 16 beats watching one", -1, 0.3, "points"
)
MODELS, EPOCHS = 16, 15
TRIES = (1, 2, 4, 8, 16)


class Hparams(NamedTuple):
    rate: Any  # a number, or numbers of several models


SPACE = Hparams(dl.LogUniform(1e-3, 1.0))


def recipe(hp: Hparams) -> dl.Recipe:
    model = nn.serial(nn.dense(32), nn.relu, nn.dense(10))
    return dl.Recipe(model, optim.gradient_descent(hp.rate), nn.softmax_cross_entropy)


def next_rate(
    rate: np.ndarray, before: np.ndarray, now: np.ndarray, epochs: int
) -> np.ndarray:
    """Returns the rate of the next epoch from the last two train losses, `[seeds]`."""
    slow = (now > before * 2 / 3) & (epochs <= 5)
    factor = np.where(now > before, 1 / 3, np.where(slow, 2, 1))
    return (rate * factor).astype(np.float32)


def watched(rates: np.ndarray, data: dl.data.Splits, key: int) -> tuple:
    """Returns test errors `[seeds]`, and rates and train losses `[seeds, EPOCHS]`."""
    keys = jax.random.split(jax.random.key(key), len(rates))
    sets = jax.tree.map(jnp.asarray, (data.train, data.dev, data.test))
    rates = rates.astype(np.float32)
    shape = data.train.inputs.shape[1:]
    state = jax.vmap(lambda r, k: train.init(recipe, Hparams(r), k, shape))(rates, keys)
    epoch_state = jax.vmap(
        lambda state: train.init_epoch_state(state, early_stopping=False)
    )(state)
    epoch = train.make_epoch(recipe)

    @jax.jit
    def advance(rates, state, epoch_state, key):
        order = train.epoch_order(key, 0, len(data.train), 64)

        def one(rate, *states):
            return epoch(Hparams(rate), *states, order, *sets[:2], None)

        return jax.vmap(one)(rates, state, epoch_state)

    history, losses = [rates], []
    for number in range(EPOCHS):
        own = jax.random.fold_in(jax.random.key(key), number)
        state, epoch_state, metrics = advance(history[-1], state, epoch_state, own)
        losses.append(np.asarray(metrics["train_loss"]))
        before = losses[-2] if number else np.full(len(rates), np.inf)
        history.append(next_rate(history[-1], before, losses[-1], number + 1))
    evaluate = jax.vmap(train.make_eval(recipe), (0, 0, None))
    error = np.asarray(evaluate(Hparams(rates), state, sets[2])["error"])
    return 100 * error, np.stack(history[:-1], axis=1), np.stack(losses, axis=1)


def example():
    def recipe(hp):
        optimizer, loss = optim.gradient_descent(hp["rate"]), nn.softmax_cross_entropy
        return dl.Recipe(nn.dense(10), optimizer, loss)

    def watch(member):  # after each epoch: an answer holds from the next one on
        losses = (np.inf, *member.metrics["train_loss"])
        before, now = losses[-2:]
        slow = before * 2 / 3 < now < before and len(losses) <= 6  # 5 epochs
        factor = 1 / 3 if now > before else 2 if slow else 1
        return {"rate": member.hparams["rate"] * factor} if factor != 1 else None

    data, hp = dl.data.load("digits"), {"rate": 0.01}
    settings = {"key": 0, "epochs": 8, "progress": False}
    member = dl.fit(recipe, hp, data, on_epoch=watch, **settings)
    for epoch, changed in member.history:  # the epoch from which each rate holds
        print(epoch, f"{changed['rate']:.3g}")
    return member


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    drawn = dl.sample(jax.random.key(key), SPACE, seeds * MODELS)
    settings = {"members": seeds * MODELS, "epochs": EPOCHS, "progress": False}
    result = dl.sweep(recipe, drawn, data, key=key, **settings)
    dev = result.final()["dev_error"].reshape(seeds, MODELS)
    dev = np.nan_to_num(dev, nan=1.0)
    best = {n: dev[:, :n].argmin(axis=1) + MODELS * np.arange(seeds) for n in TRIES}
    many = {n: test_error(result, ids, data) for n, ids in best.items()}
    first = np.asarray(drawn.rate).reshape(seeds, MODELS)[:, 0]
    one, rates, losses = watched(first, data, key)
    picture = figure(9, 3.4)
    left, right = picture.subplots(1, 2)
    less = np.stack([many[n] - one for n in TRIES], axis=1)
    bands(left, {"best of N − the watched model": less}, TRIES)
    left.axhline(0, color=GRAY, linewidth=1)
    left.set(xlabel="models trained, N", ylabel="test error, points", xscale="log")
    left.set_xticks(TRIES, map(str, TRIES), minor=False)
    left.minorticks_off()
    for each in range(min(3, seeds)):
        x, look = range(1, EPOCHS + 1), ("o-", "s--", "^:")[each]
        right.plot(x, rates[each], look, color=PALETTE[each], markersize=5)
    right.set(xlabel="epoch", ylabel="learning rate", yscale="log")
    tidy(right, "rates of three watched models")
    findings = [find(ALONE, one - many[1]), find(TOGETHER, many[16] - one)]
    text = "Test error of the best of N models − that of a watched one; its rates"
    return Outcome(findings, {"panda": (picture, text)})


def test_error(result: dl.SweepResult, ids: np.ndarray, data: dl.data.Splits):
    """Returns the test error of these members in percent."""
    return np.array([100 * result.member(i).evaluate(data.test)["error"] for i in ids])
