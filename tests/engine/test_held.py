"""What members hold between rungs, by hand."""

import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine import held
from jaxdl.engine.held import held_bytes, held_words
from tests.engine.training import KEY, known, make_task, outlines_of
from tests.sweeps.kept import SPACE, small, sweep

MIB = 2**20


def linear(hp):
    return dl.Recipe(nn.dense(10), optim.adam(hp["rate"]), nn.softmax_cross_entropy)


@pytest.mark.parametrize("patience", [None, 1])
def test_all_members_hold_weights_and_what_they_train_on_from(patience, digits):
    space = {"rate": dl.LogUniform(1e-3, 1e-1)}
    task = known(make_task(linear, space, members=6, patience=patience), digits)
    outlines = outlines_of(task, dl.sample(KEY, space, 6), digits)
    carried, kept = held_bytes(task, outlines)
    weights = 4 * (64 * 10 + 10)
    assert kept == 6 * weights
    # The weights, two moments of Adam, and with early stopping the best weights; beside
    # these a few counts, a status and a key.
    copies = 3 if patience is None else 4
    assert 0 < carried - 6 * copies * weights < 6 * 64


@pytest.mark.parametrize(
    ("carried", "words"),
    [
        (-2 * MIB + 1, None),
        (8 * MIB, "members that wait hold up to 10 MiB of memory"),
        (9 * MIB, "members that wait hold up to 11 MiB of memory; in a run with a "
         "folder (run_dir=, --out) up to 10 MiB"),
    ],
)  # fmt: skip
def test_what_is_held_in_words(carried, words):
    assert held_words(carried, 2 * MIB, 8 * MIB) == words


def test_a_sweep_with_rungs_tells_what_waiting_members_hold(
    digits, capsys, monkeypatch
):
    monkeypatch.setattr(held, "LEAST_BYTES", 0)
    settings = {"members": 4, "epochs": 2, "progress": True}
    sweep(small, SPACE, digits, search=dl.halving(2), **settings)
    assert "members that wait hold up to 0 MiB of memory" in capsys.readouterr().err
    sweep(small, SPACE, digits, **settings)
    assert "that wait" not in capsys.readouterr().err
