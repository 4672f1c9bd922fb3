"""Files are whole or not there, and on the disk."""

import errno
import os
from types import SimpleNamespace

import pytest

from jaxdl.runs import files


def test_a_file_is_written_whole_in_place_of_the_one_before(tmp_path):
    for content in (b"old, and longer", b"new", b""):
        files.write_file(tmp_path / "a", content)
        assert (tmp_path / "a").read_bytes() == content
    assert os.listdir(tmp_path) == ["a"]


def test_a_write_that_fails_leaves_the_file_before_and_can_be_repeated(
    tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    files.write_file(tmp_path / "a", b"old")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left") as failed:
            files.write_file(tmp_path / "a", b"new")
    assert failed.value.filename == str(tmp_path / "a")  # not that of a helper file
    assert (tmp_path / "a").read_bytes() == b"old"
    files.write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "precious").write_text("mine")
    for name in ("a", "a.part"):
        (tmp_path / name).symlink_to("precious")
    files.write_file(tmp_path / "a", b"new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.part")
    files.write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_file_passes_the_cache_of_a_disk_where_the_system_can(tmp_path, monkeypatch):
    """macOS alone has the call; fcntl stands in for it."""
    asked = []
    monkeypatch.setattr(files, "FULL", 51)
    monkeypatch.setattr(
        files, "fcntl", SimpleNamespace(fcntl=lambda *a: asked.append(a))
    )
    monkeypatch.setattr("os.fsync", None)
    files.write_file(tmp_path / "a", b"x")
    assert [call for _, call in asked] == [51, 51]  # the file, and its folder
    assert (tmp_path / "a").read_bytes() == b"x"


def test_a_file_is_synced_where_the_disk_cannot_be_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOTSUP, "no such call")

    synced = []
    monkeypatch.setattr(files, "FULL", 51)
    monkeypatch.setattr(files, "fcntl", SimpleNamespace(fcntl=refuse))
    monkeypatch.setattr("os.fsync", synced.append)
    files.write_file(tmp_path / "a", b"x")
    assert len(synced) == 2
