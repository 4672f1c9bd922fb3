"""Names that users choose stand beside ours, and none is taken for another."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.cli.summary import print_summary
from jaxdl.report import contents
from jaxdl.sweeps.columns import apart
from jaxdl.sweeps.summary import summarize

OURS = ("member", "dev_error", "train_loss", "status")


def test_a_name_of_ours_gets_a_prefix():
    names = ["rate", "train_loss", "Status", "hparams.train_loss", "hparams"]
    assert apart(names, OURS) == [
        "rate", "hparams.train_loss", "hparams.Status", "hparams.hparams.train_loss",
        "hparams",
    ]  # fmt: skip


LOSSES = {
    "plain": nn.softmax_cross_entropy,
    "smooth": nn.label_smoothing(nn.softmax_cross_entropy, 0.1),
}
SPACE = {
    "rate": dl.LogUniform(1e-2, 1),
    "train_loss": dl.Static(["plain", "smooth"]),
    "member": dl.Choice([0.5, 0.25]),
    "status": 3,
}


def recipe(hp):
    loss = LOSSES[hp["train_loss"]]
    return dl.Recipe(
        nn.dense(3), optim.gradient_descent(hp["rate"]), loss, batch_size=4
    )


@pytest.fixture(scope="module")
def data():
    inputs = np.eye(12, dtype=np.float32)
    part = dl.data.from_arrays(inputs, np.arange(12) % 3)
    return dl.data.Splits(part, part, part)


@pytest.fixture(scope="module")
def clashing(data):
    return dl.sweep(recipe, SPACE, data, key=0, members=4, epochs=1, progress=False)


def test_columns_of_a_result_have_names_that_differ(clashing):
    for names, rows in (clashing.rows(), clashing.member_rows()):
        assert len(set(names)) == len(names) == len(rows[0])
        row = dict(zip(names, rows[0], strict=True))
        best = int(clashing.ranking()[0])
        assert row["member"] == best
        assert row["train_loss"] == clashing.metrics["train_loss"][best, 0]
        assert row["hparams.train_loss"] == clashing.hparams["train_loss"][best]
        assert row["hparams.member"] in (0.5, 0.25)


def test_a_summary_has_hyperparameters_by_their_own_names(clashing, data, capsys):
    summary = summarize(clashing, data)
    row = summary.table[0]
    assert isinstance(row["train_loss"], float) and isinstance(row["member"], int)
    assert row["hparams"].keys() == SPACE.keys()
    assert row["hparams"]["train_loss"] in LOSSES
    print_summary(summary)
    head = capsys.readouterr().out.splitlines()[0].split()
    assert len(set(head)) == len(head)
    assert {"train_loss", "hparams.train_loss", "member", "hparams.member"} < set(head)


def test_a_page_filters_by_names_that_differ(clashing):
    columns = contents.members(clashing, None)["columns"]
    assert len(set(columns)) == len(columns) and "hparams.train_loss" in columns
