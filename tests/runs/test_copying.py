"""Records of one run in another: the same rows and files, under other numbers."""

import os

import numpy as np
import pytest

from jaxdl import runs
from jaxdl.runs import copying
from tests.runs.processes import SPECIFICATION, begin, record, same

HPARAMS = {"learning_rate": [0.1] * 9}


@pytest.fixture
def source(tmp_path):
    """A run of two records of members 0 and 1, of which the first is dropped."""
    begin(tmp_path / "source")
    with runs.open_run(tmp_path / "source", SPECIFICATION) as store:
        store.commit(record(4, first=2, seed=1))
        store.drop([1])
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path):
    """The open store of a run of nine members without records."""
    with runs.open_run(tmp_path / "target", SPECIFICATION) as store:
        store.enter(0, range(9), HPARAMS, 4)
        yield store


def taken(source, offset=0):
    with runs.read_run(source) as store:
        return [*store.stored(0, offset)]


def test_copies_have_the_rows_and_the_files_of_the_records(source, target):
    target.copy(taken(source, 6))
    first, second = target.load(0)
    moved = [record(members=(6, 7)), record(4, first=2, members=(6, 7), seed=1)]
    assert first.arrays is None and same(first, moved[0])
    assert same(second, moved[1])
    assert target.files() == {f"{second.id}.bin"}
    assert [one.members.tolist() for one in target.rows(0)] == [[6, 7], [6, 7]]
    assert target.digests(0).total() == 2
    assert {*target.digests(0)} == {one.digest for one in taken(source, 6)}


def test_a_file_has_two_names_until_one_is_dropped(source, target):
    target.copy(taken(source))
    theirs = source / "checkpoints" / "2.bin"
    (number,) = [one.id for one in target.load(0) if one.arrays is not None]
    ours = target.folder / "checkpoints" / f"{number}.bin"
    assert os.path.samefile(theirs, ours)
    target.drop([number])
    target.flush()
    assert theirs.exists() and not ours.exists()
    with runs.read_run(source) as store:
        assert store.load(0)[1].arrays is not None


def test_what_is_damaged_is_not_copied(source):
    path = source / "checkpoints" / "2.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(runs.DamagedError, match="other arrays"):
        taken(source)


def test_a_batch_is_there_or_not(source, target, monkeypatch):
    """Its files may be, and the next owner deletes them."""

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(copying, "write_rows", fail)
    with pytest.raises(KeyboardInterrupt):
        target.copy(taken(source))
    assert target.load(0) == []
    target.close()
    with runs.open_run(target.folder, SPECIFICATION):
        assert not os.listdir(target.folder / "checkpoints")


def test_a_reader_copies_nothing(source, target):
    with runs.read_run(target.folder) as reader:
        with pytest.raises(OSError, match="read"):
            reader.copy(taken(source))


def test_members_are_counted_from_an_offset(source):
    first, _ = taken(source, 5)
    assert first.stored.status[:, 0].tolist() == [5, 6]
    np.testing.assert_array_equal(
        first.stored.status[:, 1:], taken(source)[0].stored.status[:, 1:]
    )
