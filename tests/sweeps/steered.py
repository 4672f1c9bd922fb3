"""A training that a function steers, in a process that can be killed at any moment.

    python -m tests.sweeps.steered FOLDER N

kills itself at the N-th of the moments at which the run could change: before and after
a rung is entered, before and after a trained block is committed, before and after the
function answers.
"""

import os
import signal
import sys

import jaxdl as dl
from jaxdl.engine.population import Population
from tests.sweeps.kept import KEY, small

RATE = {"rate": 0.1}
EPOCHS = 5


def halve(member):
    """Halves the rate after every second epoch, and decides by the member alone."""
    if len(member.metrics["dev_error"]) % 2:
        return {"rate": member.hparams["rate"] / 2}
    return None


def fit(data, recipe=small, hparams=RATE, **settings):
    """Trains one model in blocks of one, as one that is steered."""
    usual = {"key": KEY, "epochs": EPOCHS, "progress": False, "on_epoch": halve}
    return dl.fit(recipe, hparams, data, **usual | settings)


class Killer:
    """Ends the process at the n-th moment."""

    def __init__(self, n):
        self.left = n

    def moment(self):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function):
        def act(*args, **settings):
            self.moment()
            result = function(*args, **settings)
            self.moment()
            return result

        return act


def main(folder, n):
    killer = Killer(n)
    for name in ("enter", "commit", "flush"):
        setattr(Population, name, killer.around(getattr(Population, name)))
    fit(dl.data.load("digits"), run_dir=folder, on_epoch=killer.around(halve))


if __name__ == "__main__":
    dl.enable_compilation_cache()
    main(sys.argv[1], int(sys.argv[2]))
