"""Sweeps that several files look at."""

import pytest

from tests.sweeps.kept import SIZED, SPACE, sized, small, sweep


@pytest.fixture(scope="session")
def result(digits):
    """6 members of the small recipe after 4 epochs."""
    return sweep(small, SPACE, digits)


@pytest.fixture(scope="session")
def with_sizes(digits):
    """6 members of networks with 4 to 6 units."""
    return sweep(sized, SIZED, digits)


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    """The folder of a run of two blocks, and its result; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return folder, sweep(small, SPACE, digits, run_dir=folder, members=4)
