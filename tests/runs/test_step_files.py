"""Files of the losses of steps: whole, named by a row, and gone with it."""

import numpy as np
import pytest

from jaxdl import runs
from jaxdl.runs import database, step_files
from jaxdl.runs.step_files import STEPS
from tests.runs.processes import HPARAMS, MEMBERS, SPECIFICATION, follow_up, record

LOSSES = np.arange(16, dtype=np.float32).reshape(2, 2, 4)  # [epochs, members, groups]


def with_losses(losses=LOSSES, **settings):
    return record(**settings)._replace(step_losses=losses)


def names(folder):
    steps = folder / STEPS
    return sorted(path.name for path in steps.iterdir()) if steps.is_dir() else None


@pytest.fixture
def run(tmp_path):
    """A run of one record with losses of steps, whose other arrays are dropped."""
    with runs.open_run(tmp_path / "run", SPECIFICATION) as store:
        store.enter(0, MEMBERS, HPARAMS, 4)
        store.drop([store.commit(with_losses())])
    return tmp_path / "run"


def load(folder):
    with runs.read_run(folder) as store:
        return store.load(0)


def test_they_stay_when_other_arrays_are_dropped(run):
    (found,) = load(run)
    assert found.arrays is None and names(run) == ["1.bin"]
    np.testing.assert_array_equal(found.step_losses, LOSSES)
    assert found.step_losses.dtype == np.float32
    assert not runs.doctor(run).problems


def test_records_without_them_make_no_folder(tmp_path):
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        store.enter(0, MEMBERS, HPARAMS, 4)
        store.commit(record())
    assert names(tmp_path) is None and load(tmp_path)[0].step_losses is None


def test_a_file_without_a_row_means_nothing_and_is_deleted(run):
    (run / STEPS / "2.bin").write_bytes(b"x")
    (run / STEPS / "notes.txt").write_text("of a person")
    assert any("steps/2.bin belongs to no record" in n for n in runs.doctor(run).notes)
    assert len(load(run)) == 1
    runs.open_run(run, SPECIFICATION).close()
    assert names(run) == ["1.bin", "notes.txt"]


def test_what_could_not_be_committed_is_written_again(run, monkeypatch):
    def refuse(*_):
        raise OSError("the disk is gone")

    with runs.open_run(run, SPECIFICATION) as store:
        with monkeypatch.context() as patch:
            patch.setattr("jaxdl.runs.records.insert", refuse)
            with pytest.raises(OSError, match="the disk is gone"):
                store.commit(follow_up(1)._replace(step_losses=LOSSES[:1]))
                store.flush()
        store.flush()
        assert len(store.load(0)) == 2
    assert names(run) == ["1.bin", "2.bin"]


def test_a_file_of_an_attempt_without_a_row_is_deleted(run):
    (run / STEPS / "7.bin").write_bytes(b"x")
    connection = database.open_database(run, writes=True)
    with database.transaction(connection):
        step_files.drop_unnamed(run, connection, {1, 7})
    connection.close()
    assert names(run) == ["1.bin"]


@pytest.mark.filterwarnings("ignore:record ")
@pytest.mark.parametrize("harm", ["missing", "changed", "short"])
def test_a_damaged_file_makes_the_record_one(run, harm):
    path = run / STEPS / "1.bin"
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1] + (b"\xff" if harm == "changed" else b""))
    assert "record 1 of rung 0" in runs.doctor(run).problems[0]
    assert load(run) == []
    with runs.open_run(run, SPECIFICATION) as store:
        assert store.load(0) == []
        store.commit(with_losses())
    assert not runs.doctor(run).problems


@pytest.mark.parametrize(
    "bad",
    [
        with_losses(LOSSES[:1]),
        with_losses(LOSSES[:, :1]),
        with_losses(LOSSES[0]),
        with_losses(LOSSES.astype(int)),
        with_losses()._replace(arrays=None),
    ],
    ids=["epochs", "members", "axes", "type", "no arrays"],
)
def test_losses_that_do_not_fit_are_refused(bad, run):
    with runs.open_run(run, SPECIFICATION) as store:
        with pytest.raises(ValueError, match="got losses of steps"):
            store.commit(bad)
