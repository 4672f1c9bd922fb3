"""What does softmax regression compute?

A seed draws logits from a normal distribution with deviation 3. The pictures show
softmax regression, without a hidden layer, on points around 2 to 6 centers.
"""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.colors import to_rgb

import jaxdl as dl
from experiments.course.arms import Claim, Outcome, find
from jaxdl import nn, optim
from jaxdl.report.style import BLUE, PALETTE, figure, tidy

LOGISTIC = Claim(
    23, "with 2 classes softmax is logistic regression", 0, 1e-5, "loss apart, at most"
)
SPLIT = Claim(
    23, "how wrong classes share the rest does not matter", 0, 1e-5, "loss apart"
)
SLOPE = Claim(23, "dL/dz = ŷ − y", 0, 1e-5, "apart, at most")


def loss(z: jax.Array, label: jax.Array) -> jax.Array:
    return nn.softmax_cross_entropy(z[None], label[None])[0]


def distances(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns how far each claim is off for one draw of logits."""
    z, label = 3 * jax.random.normal(key, (6,)), jnp.array(0)
    logistic = nn.sigmoid_cross_entropy((z[:1] - z[1:2])[None], jnp.ones((1, 1)))
    other = z.at[1:].set(jax.scipy.special.logsumexp(z[1:]) - jnp.log(5.0))
    slope = jax.grad(loss)(z, label) - (nn.softmax(z) - jax.nn.one_hot(label, 6))
    return (
        jnp.abs(loss(z[:2], label) - logistic.sum()),
        jnp.abs(loss(z, label) - loss(other, label)),
        jnp.abs(slope).max(),
    )


def points(classes: int) -> dl.data.Splits:
    """Returns 60 points around each of so many centers on a circle."""
    rng = np.random.default_rng(classes)
    labels = np.repeat(np.arange(classes), 60)
    angle = 2 * np.pi * labels / classes
    centers = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inputs = (centers + rng.normal(0, 0.6, centers.shape)).astype(np.float32)
    dataset = dl.data.from_arrays(inputs, labels)
    return dl.data.split(dataset, "60:20:20", key=jax.random.key(0))


def example():
    def recipe(hp):
        optimizer = optim.gradient_descent(hp["rate"])
        return dl.Recipe(nn.dense(10), optimizer, nn.softmax_cross_entropy)

    data = dl.data.load("digits")
    member = dl.fit(recipe, {"rate": 0.5}, data, key=0, epochs=5, progress=False)
    z = member.predict(data.dev.inputs)  # logits
    print(np.round(nn.softmax(z[0]), 3), nn.hardmax(z[0]))
    print(member.evaluate(data.dev))
    return member


def run(seeds: int, key: int) -> Outcome:
    keys = jax.random.split(jax.random.key(key), seeds)
    claims = LOGISTIC, SPLIT, SLOPE
    apart = jax.jit(jax.vmap(distances))(keys)
    findings = [find(c, x) for c, x in zip(claims, apart, strict=True)]
    drawn = figure(9, 6)
    axes = drawn.subplots(2, 3).ravel()
    for each, classes in zip(axes, range(2, 7), strict=False):
        regions(each, classes)
    p = np.linspace(0.01, 1, 100)
    axes[5].plot(p, -np.log(p), color=BLUE)
    axes[5].set(xlabel="probability of the true class", ylabel="loss", ylim=(0, None))
    tidy(axes[5], "loss −log ŷ of an example")
    text = "Regions of softmax regression for 2 to 6 classes, and the loss"
    return Outcome(findings, {"softmax": (drawn, text)})


def recipe(hp: dict, facts: dl.train.Facts) -> dl.Recipe:
    optimizer = optim.gradient_descent(hp["rate"])
    return dl.Recipe(nn.dense(facts.num_classes), optimizer, nn.softmax_cross_entropy)


def regions(axes, classes: int) -> None:
    """Draws which class is the likeliest at each place, and half of the train set."""
    data = points(classes)
    member = dl.fit(recipe, {"rate": 0.5}, data, key=0, epochs=20, progress=False)
    line = np.linspace(-4, 4, 160, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    likeliest = member.predict(grid).argmax(axis=1).reshape(160, 160)
    colors = np.array([to_rgb(color) for color in PALETTE])
    axes.imshow(
        0.75 + 0.25 * colors[likeliest],
        extent=(-4, 4, -4, 4),
        origin="lower",
        interpolation="nearest",
    )
    for c in range(classes):
        x = data.train.inputs[np.asarray(data.train.labels) == c][::2]
        axes.plot(*np.asarray(x).T, ".", color=PALETTE[c], markersize=4)
    axes.set(xlabel="feature 1", ylabel="feature 2", aspect="equal")
    tidy(axes, f"{classes} classes")
