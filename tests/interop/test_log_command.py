"""`jaxdl log` as a user types it."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import cli
from jaxdl.cli.log import PLACES

EXPERIMENT = """
import jaxdl as dl
from jaxdl import nn, optim

space = {"rate": dl.LogUniform(1e-3, 1e-1)}
data = dl.data.load("digits")

def recipe(hp):
    model = nn.serial(nn.dense(10))
    return dl.Recipe(model, optim.sgd(hp["rate"]), nn.softmax_cross_entropy, batch_size=256)
"""
