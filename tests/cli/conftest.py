"""The command line as a user types it."""

from pathlib import Path

import pytest

from jaxdl import cli

DIGITS = Path(__file__).parents[2] / "experiments" / "digits.py"


LINEAR = """
import jaxdl as dl
from jaxdl import nn, optim

data = dl.data.load("digits")
space = {"rate": dl.LogUniform(1e-3, 1e-1), "beta": 0.9, "units": 10}

def recipe(hp):
    optimizer = optim.momentum(hp["rate"], beta=hp["beta"])
    return dl.Recipe(nn.dense(hp["units"]), optimizer, nn.softmax_cross_entropy)
"""  # of one layer, which compiles quickly


@pytest.fixture(scope="session")
def linear(tmp_path_factory):
    """An experiment file of linear models."""
    file = tmp_path_factory.mktemp("linear") / "experiment.py"
    file.write_text(LINEAR)
    return file


@pytest.fixture
def main(capfd):
    """Returns exit status, output and errors of a command."""

    def main(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return main


@pytest.fixture
def write(tmp_path):
    """Writes an experiment file and returns its path."""

    def write(text, name="experiment.py"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write
