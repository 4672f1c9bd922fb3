"""Which rates and how much augmentation suit a small convolutional network on clothes?

    jaxdl sweep experiments/fashion_conv.py --members 8 --epochs 4

Two convolutions of 3x3 pixels with 8 and 16 channels, each with batch normalization and
a pool, on Fashion-MNIST: 50,000 pictures to train on, in batches of 128. Pictures are
mirrored and moved at random while training, by a strength that is searched with the
rest; labels are smoothed by another.

Result on 2 cores of an AMD EPYC (Zen 5), jax 0.10.1, 8 members, 4 epochs, seed 0: test
error of the best on dev 11.6 % (n = 1), 75 member-steps a second, 3 minutes.
"""

from typing import NamedTuple

import jaxdl as dl
from jaxdl import nn, optim, train


class Hparams(NamedTuple):
    learning_rate: float
    decay_rate: float  # of the learning rate, per epoch
    beta1: float
    shift: float  # at most, as a fraction of the picture
    smoothing: float  # of the labels
    l2: float


data = dl.data.load("fashion_mnist")

space = Hparams(
    learning_rate=dl.LogUniform(1e-3, 3e-2),
    decay_rate=dl.Uniform(0.5, 1.0),
    beta1=dl.OneMinusLogUniform(0.8, 0.99),
    shift=dl.Uniform(0.0, 0.1),
    smoothing=dl.Uniform(0.0, 0.1),
    l2=dl.LogUniform(1e-4, 1.0),
)

BATCH_SIZE = 128


def recipe(hp: Hparams, facts: train.Facts) -> dl.Recipe:
    def convolution(channels):
        return nn.serial(
            nn.conv2d(channels, use_bias=False),
            nn.batch_norm(),
            nn.relu,
            nn.max_pool(),
        )

    rate = optim.exponential_decay(
        hp.learning_rate, facts.steps_per_epoch(BATCH_SIZE), hp.decay_rate
    )
    return dl.Recipe(
        model=nn.serial(
            nn.random_flip(),
            nn.random_shift(hp.shift),
            convolution(8),
            convolution(16),
            nn.flatten,
            nn.dense(facts.num_classes),
        ),
        optimizer=optim.adam(rate, beta1=hp.beta1),
        loss=nn.label_smoothing(nn.softmax_cross_entropy, hp.smoothing),
        penalty=nn.l2(hp.l2),
        batch_size=BATCH_SIZE,
    )
