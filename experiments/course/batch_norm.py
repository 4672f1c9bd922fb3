"""What does batch normalization change in the training of a small network?

    python experiments/course/batch_norm.py

Three hidden layers of 64 ReLU units, 20 epochs of gradient descent on scikit-learn's
digits, 384 members; those whose dev error falls to 5 % have learned.

Result on 2 cores of an AMD EPYC (Zen 5), jax 0.10.1, 73 s of processor time, without ->
with it, batches of 16, 64, 256: 0.13, 0.10, 0.05 -> 0.54, 0.42, 0.29 (± 0.07) of the
members learned, in a median of 5, 8, 11 -> 3, 3, 5 epochs, at rates up to 0.5, 1.2, 1.0
-> 2.1, 4.2, 5.1. With He's weights and a rate of 0.1 neither is faster: dev errors of
0.070 -> 0.069 ± 0.004 (n = 16) after 5 epochs, which move the last layer's inputs by
0.162 -> 0.034 ± 0.004 deviations each. The batch's noise is 0.47, 0.30, 0.17 ± 0.01 of
the activations. That it regularizes is not seen: errors grow with the batch in both
arms, 0.028, 0.030, 0.035 -> 0.023, 0.025, 0.029 ± 0.003.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxdl as dl
from jaxdl import nn, optim, terminal, train
from jaxdl.train.state import epoch_order


class Hparams(NamedTuple):
    batch_norm: bool
    batch_size: int
    learning_rate: float
    stddev: float  # of the first weights


BATCH_SIZES = (16, 64, 256)
data = dl.data.load("digits")

space = Hparams(
    batch_norm=dl.Static([False, True]),
    batch_size=dl.Static(BATCH_SIZES),
    learning_rate=dl.LogUniform(1e-4, 1e2),
    stddev=dl.LogUniform(1e-2, 1.0),
)


def hidden(hp: Hparams) -> nn.Layer:
    dense = nn.dense(64, use_bias=not hp.batch_norm, init=nn.normal(hp.stddev))
    return nn.repeat(nn.serial(dense, *[nn.batch_norm()] * hp.batch_norm, nn.relu), 3)


def recipe(hp: Hparams, facts: train.Facts) -> dl.Recipe:
    model = nn.serial(hidden(hp), nn.dense(facts.num_classes))
    optimizer = optim.gradient_descent(hp.learning_rate)
    loss = nn.softmax_cross_entropy
    return dl.Recipe(model, optimizer, loss, batch_size=hp.batch_size)


def summary(result: dl.SweepResult, batch_size: int, batch_norm: bool) -> list[Any]:
    """Returns how many of these members learned, at which rates and how fast."""
    hp, error = result.hparams, result.metrics["dev_error"]
    arm = (hp.batch_size == batch_size) & (hp.batch_norm == batch_norm)
    learned = arm & (error <= 0.05).any(axis=1)
    rates, epochs = hp.learning_rate[learned], 1 + np.argmax(error <= 0.05, axis=1)
    counts = batch_size, batch_norm, int(arm.sum()), mean(learned[arm])
    reach = f"{rates.min():.2g} to {rates.max():.2g}", float(np.median(epochs[learned]))
    return [*counts, *reach, mean(np.nanmin(error[learned], axis=1))]


def noise(key: jax.Array, hp: Hparams, batches: int = 256) -> jax.Array:
    """Returns the share of batch noise in an example's activations before training."""
    inputs = jnp.asarray(data.train.inputs)
    params, state, _ = hidden(hp).init(key, inputs.shape[1:])

    def activations(key):
        chosen = jax.random.permutation(key, len(inputs))[: hp.batch_size]
        batch = inputs[chosen].at[0].set(inputs[0])
        return hidden(hp).apply(params, state, batch, train=True)[0][0]

    a = jax.lax.map(activations, jax.random.split(key, batches))
    return jnp.sqrt(jnp.mean(jnp.var(a, axis=0)) / jnp.mean(a**2))


def shift(key: jax.Array, hp: Hparams, epochs: int) -> tuple[jax.Array, jax.Array]:
    """Returns how far an epoch moves the last layer's inputs, and a dev error."""

    known = train.with_facts(recipe, train.facts_of(data, epochs))

    def epoch(carry, number):
        order = epoch_order(key, number, len(data.train), hp.batch_size)
        run = train.make_epoch(known)
        sets = data.train, data.dev
        model, epoch_state, metrics = run(hp, *carry, order, *sets, None)
        x, _ = hidden(hp).apply(model.params[0], model.state[0], data.dev.inputs)
        return (model, epoch_state), (x.mean(0), x.std(0), metrics["dev_error"])

    model = train.init(known, hp, key, data.train.inputs.shape[1:])
    start = model, train.init_epoch_state(model, early_stopping=False)
    _, (means, stddevs, error) = jax.lax.scan(epoch, start, jnp.arange(epochs))
    moved = jnp.linalg.norm(jnp.diff(means, axis=0), axis=1)
    return jnp.mean(moved / jnp.linalg.norm(stddevs[:-1], axis=1)), error[-1]


def mean(values: Any) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.4f}"


def main() -> None:
    key = jax.random.key(0)
    result = dl.sweep(recipe, space, data, key=key, members=384, epochs=20)
    names = ["batch size", "norm", "members", "learned", "rates", "epochs"]
    rows = [summary(result, b, norm) for b in BATCH_SIZES for norm in (False, True)]
    print(terminal.table([*names, "lowest dev error"], rows))
    keys, he = jax.random.split(key, 16), (2 / 64) ** 0.5
    for b in BATCH_SIZES:
        one = partial(noise, hp=Hparams(True, b, 0.1, he))
        print(f"noise in batches of {b}: {mean(jax.vmap(one)(keys))}")
    for norm in (False, True):
        one = partial(shift, hp=Hparams(norm, 64, 0.1, he), epochs=5)
        moved, error = map(mean, jax.vmap(one)(keys))
        print(f"norm {norm}: shift {moved} in an epoch, dev error after 5 {error}")


if __name__ == "__main__":
    dl.enable_compilation_cache()
    main()
