"""Searches played without training, and sweeps that follow them."""

import jax
import numpy as np
import pytest

import jaxdl as dl

KEY = jax.random.key(0)
SPACE = {"rate": dl.LogUniform(1e-3, 1.0), "kind": dl.Static(["a", "b"]), "l2": 0.5}


def play(search, members, epochs, errors, space=SPACE):
    """Returns the rungs of a search in which member i has the error `errors[i]`."""
    asking = search(KEY, space, members, epochs)
    rungs = [next(asking)]
    while True:
        error = np.asarray(errors, float)[rungs[-1].members]
        try:
            rungs.append(asking.send({"dev_error": error, "dev_loss": error}))
        except StopIteration:
            return rungs


def spans(rungs):
    """Returns how many members each rung has until which epochs."""
    return [
        [(int(np.sum(r.until == u)), int(u)) for u in np.unique(r.until)] for r in rungs
    ]


def sweep(recipe, space, data, **changes):
    """Trains 40 members in blocks of 8; other files compile this width as well."""
    settings = {"key": KEY, "members": 40, "epochs": 4, "plan": dl.Plan(8)}
    return dl.sweep(recipe, space, data, **settings | {"progress": False} | changes)


def same_bits(a, b):
    jax.tree.map(
        np.testing.assert_array_equal, (a.params, a.state), (b.params, b.state)
    )


@pytest.fixture(scope="session")
def whole(recipe, space, digits):
    """Returns a sweep without rungs."""
    return sweep(recipe, space, digits)
