"""After a power loss at any moment nothing is lost that was acknowledged.

Each state of the disk that a power loss may leave is built and resumed.
"""

import shutil
import sys

import pytest

from jaxdl import runs
from tests.runs import processes
from tests.runs.power import record_calls, states
from tests.runs.processes import HPARAMS, MEMBERS, SPECIFICATION, record, same, state

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


@pytest.mark.heavy
def test_a_power_loss_takes_nothing_that_was_acknowledged(tmp_path):
    run, copy = tmp_path / "run", tmp_path / "copy"
    command = [sys.executable, processes.__file__, "acknowledge", run]
    count, made = 0, set()
    for name, printed in states(
        record_calls(command, run, tmp_path / "log"), run, copy
    ):
        count += 1
        if len(printed) < 1:
            again(copy)
            continue
        steps = state(copy)
        assert steps in {len(printed), min(len(printed) + 1, 5)}, name
        made.add(steps)
    assert count >= 560 and made == {1, 2, 3, 4, 5}


def again(folder):
    """A run whose making was interrupted is made again, or resumed."""
    with runs.open_run(folder, SPECIFICATION) as store:
        store.enter(0, MEMBERS, HPARAMS, 4)
        assert all(same(one, record()) for one in store.load(0))
        store.commit(record(4))
    assert not runs.doctor(folder).problems
