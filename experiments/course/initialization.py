"""What do the first weights of a network decide?

Networks of 2 or 12 layers of 32 units, ReLU or tanh, train by 12 epochs of gradient
descent on 512 digits, each arm with its own best rate. All weights have one deviation:
He's √(2/n), Xavier's √(1/n), 0.01 or 0.5, with n = 32. That of the first layer is the
same, though its n is 64. A training that diverges counts as an error of 90 %; with 0.5,
12 ReLU layers diverge at every rate tried. From zeros a layer of sigmoids trains, whose
units are compared.
"""

from typing import NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.course import pictures
from experiments.course.arms import (
    Claim,
    Outcome,
    bands,
    dev_error,
    find,
    train,
    with_best_rates,
)
from jaxdl import nn, optim
from jaxdl.report.style import figure

CHAIN = Claim(14, "50 layers of 1.5 I and 0.5 I: 1.5^50 and 0.5^50", 0, 1e-4, "decades")
HE = Claim(14, "12 ReLU layers: He's lower dev error than Xavier's", -1, 5, "points")
XAVIER = Claim(
    14, "12 tanh layers: Xavier's lower dev error than He's", -1, 1, "points"
)
SMALL = Claim(14, "12 ReLU layers: deviations of 0.01 do not learn", 1, 20, "points")
ZEROS = Claim(15, "from zeros all units stay the same", 0, 0, "largest difference")
DEVIATIONS = {"He": 0.25, "Xavier": 32**-0.5, "0.01": 0.01, "0.5": 0.5}
LAYERS, EPOCHS, RATES = (2, 12), 12, (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class Hparams(NamedTuple):
    rate: float
    stddev: float
    activation: str
    layers: int


def hidden(stddev: float, activation: str) -> nn.Layer:
    act = {"relu": nn.relu, "tanh": nn.tanh, "sigmoid": nn.sigmoid}[activation]
    return nn.serial(nn.dense(32, init=nn.normal(stddev)), act)


def recipe(hp: Hparams) -> dl.Recipe:
    layers = nn.repeat(hidden(hp.stddev, hp.activation), hp.layers)
    model = nn.serial(layers, nn.dense(10, init=nn.normal(hp.stddev)))
    return dl.Recipe(model, optim.gradient_descent(hp.rate), nn.softmax_cross_entropy)


def growth(scale: float, layers: int) -> float:
    """Returns how many times longer than its input the output of the chain is."""
    chain, x = nn.repeat(nn.dense(2, use_bias=False), layers), np.ones((1, 2))
    params = ({"kernel": scale * np.eye(2)},) * layers
    y, _ = chain.apply(params, ((),) * layers, x)
    return float(np.linalg.norm(y) / np.linalg.norm(x))


def signal(key: jax.Array, stddev: float, inputs: jax.Array) -> tuple:
    """Returns the size of activations and gradients of 12 ReLU layers, `[2, 12]`."""
    model = nn.serial(*[hidden(stddev, "relu")] * 12, nn.dense(10, init=nn.he))
    params, state, _ = model.init(key, inputs.shape[1:])
    batch = dl.data.Dataset(inputs, jax.numpy.arange(len(inputs)) % 10)
    loss = nn.softmax_cross_entropy
    found = dl.diagnose.signal(model, params, state, batch, loss)
    names = [f"{i}.1 relu" for i in range(12)]
    return tuple(
        jax.numpy.stack([sizes[n] for n in names])
        for sizes in (found.activations, found.gradients)
    )


def example():
    relu, tanh = nn.dense(32, init=nn.he), nn.dense(32, init=nn.xavier)
    model = nn.serial(relu, nn.relu, tanh, nn.tanh, nn.dense(10, init=nn.glorot))
    params, state, _ = model.init(jax.random.key(0), (64,))
    batch, loss = dl.data.load("digits").train[:64], nn.softmax_cross_entropy
    found = dl.diagnose.signal(model, params, state, batch, loss)
    for name, size in found.activations.items():
        print(f"{name}: activations {size:.2f}, gradients {found.gradients[name]:.2f}")
    print(found.faults or "no faults")
    return found


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    data = data._replace(train=data.train[:512])
    arms = {
        (activation, layers, name): Hparams(0.1, stddev, activation, layers)
        for activation in ("relu", "tanh")
        for layers in LAYERS
        for name, stddev in DEVIATIONS.items()
    }
    arms = with_best_rates(recipe, arms, data, RATES, epochs=EPOCHS, key=key)
    found = train(recipe, arms, data, seeds=seeds, epochs=EPOCHS, key=key)
    error = {n: dev_error(arm) for n, arm in found.items()}
    relu, tanh = (
        {n: np.nan_to_num(error[a, 12, n], nan=90) for n in DEVIATIONS}
        for a in ("relu", "tanh")
    )
    zeros = {"": Hparams(1.0, 0.0, "sigmoid", 1)}
    zeros = train(recipe, zeros, data, seeds=seeds, epochs=2, key=key)[""]
    first = [member.params[0][0][0]["kernel"] for member in zeros.members()]
    lengths = [np.log10(growth(s, 50)) - 50 * np.log10(s) for s in (0.5, 1.5)]
    findings = [
        find(CHAIN, lengths),
        find(HE, relu["He"] - relu["Xavier"]),
        find(XAVIER, tanh["Xavier"] - tanh["He"]),
        find(SMALL, relu["0.01"] - relu["He"]),
        find(ZEROS, [np.ptp(kernel, axis=1).max() for kernel in first]),
    ]
    keys = jax.random.split(jax.random.key(key), seeds)
    sizes = jax.jit(jax.vmap(signal, (0, None, None)))
    sizes = {n: sizes(keys, s, data.train.inputs[:64]) for n, s in DEVIATIONS.items()}
    figures = {
        "signal": (by_layer(sizes), "Activations and gradients by layer, 12 layers"),
        "initialization": (
            pictures.heat(error),
            "Dev error by depth, weights and activation",
        ),
    }
    return Outcome(findings, figures)


def by_layer(sizes):
    drawn = figure(9, 3.2)
    names = "activations (RMS)", "gradients (norm)"
    for i, (axes, name) in enumerate(zip(drawn.subplots(1, 2), names, strict=True)):
        bands(axes, {n: np.log10(np.maximum(s[i], 1e-40)) for n, s in sizes.items()})
        axes.set(xlabel="layer", ylabel=f"log10 of {name}")
    return drawn
