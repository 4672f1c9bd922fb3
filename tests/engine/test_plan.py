"""What a plan says of itself, by hand."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine import plan
from jaxdl.engine.blocks import make_blocks
from jaxdl.engine.layout import groups
from jaxdl.engine.plan import describe, padding

SPACE = {
    "units": dl.AsSize(np.array([1, 2, 3, 4, 4])),
    "kind": dl.Static(["one"]),
    "rate": 0.1,
}


@pytest.fixture
def blocks():
    """Bounds are 3 and 4: sizes 1 and 2 in one block, 3 alone, and 4 and 4."""
    drawn = dl.sample(jax.random.key(0), SPACE, 5)
    zeros = np.zeros(5, int)
    return make_blocks(groups(SPACE, drawn, np.arange(5), zeros, zeros + 3), 2)


def test_padding_by_hand(blocks):
    # 3 blocks of 2 places for 5 members; 2 of 3, 2 of 3 and 2 of 4 units
    expected = {"members": 6 / 5, "units": (6 + 6 + 8) / (1 + 2 + 3 + 4 + 4)}
    assert padding(blocks, 2) == pytest.approx(expected)
    assert padding(blocks[:1], 2) == pytest.approx({"members": 1, "units": 6 / 3})


def test_a_plan_in_words(blocks, monkeypatch):
    monkeypatch.setattr(plan, "cores", lambda: 4)
    assert describe(blocks, 2, 6) == (
        "5 members in 3 blocks of 2; computed for what is live: 1.20x members, "
        "1.43x units; 6 programs to compile, 4 s if no cache has them"
    )
    one = blocks[0]._replace(members=np.array([0]), traced={"units": np.array([2])})
    assert describe([one], 1, 1) == (
        "1 member in 1 block of 1; computed for what is live: 1.00x members, "
        "1.50x units; 1 program to compile, 3 s if no cache has it"
    )


def test_a_sweep_says_its_plan_before_it_trains(recipe, space, digits, capfd):
    key = jax.random.key(0)
    dl.sweep(recipe, space, digits, key=key, members=3, epochs=1, plan=dl.Plan(2))
    said = capfd.readouterr().err.split("member-steps/s")[0]
    assert "3 members in 2 blocks of 2; computed for what is live: 1.33x mem" in said
    assert "a block takes " in said and " MiB, 2 at once" in said
