"""Kinds of learning: a table of data and recipes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxdl as dl
from jaxdl import nn
from tests.sweeps import learning as own
from tests.sweeps.learning import learns, made_of, network

M = 40  # examples: 24, 8 and 8
RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(M, 4))
CLASSES = (TABLE[:, 0] > 0).astype(int)
NUMBERS = TABLE @ [[1.0], [-2.0], [0.5], [0.0]]
IMAGES = RANDOM.normal(size=(M, 4, 4, 1))
SERIES = RANDOM.normal(size=(M, 5, 2))
TOKENS = np.cumsum(RANDOM.integers(0, 3, (M, 7)), axis=1) % 6
LINKS = np.eye(M) + (RANDOM.random((M, M)) < 0.1)
EDGES = jnp.asarray(LINKS / LINKS.sum(axis=1, keepdims=True), jnp.float32)


class Task(NamedTuple):
    """Data, and a recipe whose hyperparameters are `rate` and those of `space`."""

    inputs: Any
    labels: Any
    recipe: Callable[[Any], dl.Recipe]
    space: dict[str, Any] = {}
    about: dict[str, Any] = {}  # the data, see `from_arrays`


NONE = np.zeros(M)  # labels of what has none
TARGETS = {"classes": ()}
IDS = {"ids": True}
TASKS = {
    "focal loss": Task(TABLE, CLASSES, own.focal, {"gamma": dl.Uniform(0.0, 3.0)}),
    "ordinal": Task(
        TABLE, np.digitize(TABLE[:, 0], [-1, 0, 1]),
        learns(network(nn.dense(3)), own.ordinal, error=own.levels_off), about=TARGETS,
    ),
    "several labels": Task(
        TABLE, (TABLE[:, :3] > 0).astype(float),
        learns(nn.dense(3), nn.sigmoid_cross_entropy),
    ),
    "quantiles": Task(TABLE, NUMBERS, learns(nn.dense(3), own.pinball)),
    "counts": Task(
        TABLE, RANDOM.poisson(np.exp(TABLE[:, 0])), learns(nn.dense(1), own.poisson),
        about=TARGETS,
    ),
    "mean and variance": Task(TABLE, NUMBERS, learns(nn.dense(2), own.gaussian)),
    "time until an event": Task(
        TABLE, {"time": np.exp(TABLE[:, 0]), "event": 1.0 * (TABLE[:, 1] > -1)},
        learns(nn.dense(1), own.cox, batch_size=24, **own.of_the_set(own.cox)),
    ),
    "two labels": Task(
        TABLE, {"kind": CLASSES, "size": TABLE[:, 1]},
        learns(nn.dense(3), own.two_labels),
    ),
    "held near other weights": Task(
        TABLE, CLASSES, own.anchored, {"strength": dl.LogUniform(1e-3, 1.0)}
    ),
    "autoencoder": Task(
        TABLE, TABLE, learns(network(nn.dense(4)), nn.squared_error)
    ),
    "autoencoder of images": Task(
        IMAGES, IMAGES, learns(nn.conv2d(1, 3), lambda z, y: (z - y) ** 2)
    ),
    "VAE": Task(TABLE, TABLE, own.vae, {"beta": dl.LogUniform(0.1, 1.0)}),
    "tokens": Task(
        TOKENS, TOKENS[:, -1] % 2,
        learns(
            nn.serial(nn.embedding(6, 3), lambda x: x.mean(axis=1), nn.dense(2)),
            nn.softmax_cross_entropy,
        ), about=IDS,
    ),
    "tokens by a plain function": Task(
        TOKENS, TOKENS[:, -1] % 2,
        learns(
            nn.serial(lambda x: jax.nn.one_hot(x, 6), nn.flatten, nn.dense(2)),
            nn.softmax_cross_entropy,
        ), about=IDS,
    ),
    "next token": Task(
        TOKENS[:, :-1], TOKENS[:, 1:], learns(own.GPT, nn.softmax_cross_entropy),
        about=IDS,
    ),
    "recurrent network": Task(
        SERIES, (SERIES.sum(axis=(1, 2)) > 0).astype(int),
        learns(
            nn.serial(
                made_of(own.recurrent, (3,), cell=(nn.dense(3), (5,))), nn.dense(2)
            ), nn.softmax_cross_entropy,
        ),
    ),
    "forecast": Task(
        SERIES[:, :3], SERIES[:, 3:],
        learns(
            nn.serial(nn.flatten, nn.dense(4), lambda z: z.reshape(-1, 2, 2)),
            lambda z, y: (z - y) ** 2,
        ),
    ),
    "contrast": Task(TABLE, NONE, own.simclr, {"temperature": dl.Uniform(0.1, 1.0)}),
    "differential equation": Task(
        np.linspace(0, 1, M)[:, None], np.zeros((M, 2)),
        learns(made_of(own.residuals, (2,), u=(network(nn.dense(1)), (1,))),
               nn.squared_error),
    ),
    "graph": Task(
        np.arange(M)[:, None], CLASSES,
        learns(
            own.graph(jnp.asarray(TABLE, jnp.float32), EDGES),
            nn.softmax_cross_entropy, batch_size=24,
        ), about=IDS,
    ),
    "mixup": Task(
        TABLE, np.eye(2)[CLASSES],
        learns(
            made_of(
                own.mixed,
                {"logits": nn.Spec((2,), float), "share": nn.Spec((1,), float)},
                classify=(nn.dense(2), (4,)),
            ), own.mixup_loss,
            error=lambda z, y: nn.zero_one_error(z["logits"], y),
        ),
    ),
    "policy gradient": Task(
        TABLE[:, :1], NONE,
        learns(made_of(own.walk, (2,), policy=(nn.dense(2), (1,))), own.reinforce,
               error=lambda z, y: -z[:, 0]),
    ),
    "two inputs": Task(
        {"table": TABLE, "tokens": TOKENS}, CLASSES,
        learns(
            made_of(
                own.both, (2,), read=(nn.embedding(6, 3), nn.Spec((7,), jnp.int32)),
                decide=(nn.dense(2), (7,)),
            ), nn.softmax_cross_entropy,
        ), about={"ids": ["tokens"]},
    ),
    "GAN": Task({"real": TABLE, "noise": RANDOM.normal(size=(M, 2))}, NONE, own.gan),
    "averaged weights": Task(TABLE, CLASSES, own.averaged),
}  # fmt: skip
