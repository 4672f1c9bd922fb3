"""Names that users choose stand beside ours, and none is taken for another."""

import pytest

import jaxdl as dl
from jaxdl.cli.summary import print_summary
from jaxdl.report import contents
from jaxdl.sweeps.columns import apart
from jaxdl.sweeps.summary import summarize
from tests.sweeps.kept import small, sweep

OURS = ("member", "dev_error", "train_loss", "status")


def test_a_name_of_ours_gets_a_prefix():
    names = ["rate", "train_loss", "Status", "hparams.train_loss", "hparams"]
    assert apart(names, OURS) == [
        "rate", "hparams.train_loss", "hparams.Status", "hparams.hparams.train_loss",
        "hparams",
    ]  # fmt: skip


SPACE = {
    "rate": dl.LogUniform(1e-2, 1),
    "train_loss": dl.Static(["plain", "smooth"]),
    "member": dl.Static([0.5, 0.25]),
    "status": 3,
}


@pytest.fixture(scope="module")
def clashing(digits):
    return sweep(small, SPACE, digits, members=4, epochs=1)


def test_columns_of_a_result_have_names_that_differ(clashing):
    for names, rows in (clashing.rows(), clashing.member_rows()):
        assert len(set(names)) == len(names) == len(rows[0])
        row = dict(zip(names, rows[0], strict=True))
        best = int(clashing.ranking()[0])
        assert row["member"] == best
        assert row["train_loss"] == clashing.metrics["train_loss"][best, 0]
        assert row["hparams.train_loss"] == clashing.hparams["train_loss"][best]
        assert row["hparams.member"] in (0.5, 0.25)


def test_a_summary_has_hyperparameters_by_their_own_names(clashing, digits, capsys):
    summary = summarize(clashing, digits)
    row = summary.table[0]
    assert isinstance(row["train_loss"], float) and isinstance(row["member"], int)
    assert row["hparams"].keys() == SPACE.keys()
    assert row["hparams"]["train_loss"] in ("plain", "smooth")
    print_summary(summary)
    head = capsys.readouterr().out.splitlines()[0].split()
    assert len(set(head)) == len(head)
    assert {"train_loss", "hparams.train_loss", "member", "hparams.member"} < set(head)


def test_a_page_filters_by_names_that_differ(clashing):
    columns = contents.members(clashing, None)["columns"]
    assert len(set(columns)) == len(columns) and "hparams.train_loss" in columns
