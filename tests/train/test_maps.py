"""Memory maps are looked for before a program is compiled."""

import collections
import threading

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import compiled, maps
from jaxdl.train.maps import OF_A_PROGRAM, room_for_programs


@pytest.fixture
def linux(monkeypatch, tmp_path):
    """Returns a function that sets how many maps the process has, of 10,000."""
    monkeypatch.setattr(maps, "MAPS", tmp_path / "maps")
    monkeypatch.setattr(maps, "LIMIT", tmp_path / "limit")
    (tmp_path / "limit").write_text("10000\n")

    def use(number):
        (tmp_path / "maps").write_text("a map\n" * number)

    use(100)
    return use


def let_nothing_go():
    pass


def test_without_room_programs_are_let_go_first(linux):
    linux(9_000)
    with room_for_programs(1, lambda: linux(100)):
        assert maps.used() == 100
    linux(10_000 - OF_A_PROGRAM)

    def never():
        raise AssertionError("there is room")

    with room_for_programs(1, never):
        pass


def test_without_room_at_all_an_error_says_what_to_do(linux):
    linux(9_000)
    with pytest.raises(MemoryError, match="got 9000 memory maps .* of 10000 .*sysctl"):
        with room_for_programs(1, let_nothing_go):
            raise AssertionError("compiled")


def test_a_program_waits_for_those_that_compile(linux):
    """Five have room side by side; the sixth begins when one of them is done."""
    begun, done = threading.Event(), []

    def sixth():
        with room_for_programs(1, begun.set):
            done.append(True)

    linux(0)
    with room_for_programs(5, let_nothing_go):
        thread = threading.Thread(target=sixth)
        thread.start()
        assert begun.wait(10) and not done
    thread.join(10)
    assert done == [True]


def test_elsewhere_there_is_always_room(monkeypatch, tmp_path):
    monkeypatch.setattr(maps, "MAPS", tmp_path / "no such file")
    with room_for_programs(10**6, let_nothing_go):
        pass


def test_a_sweep_of_too_many_programs_ends_before_the_process_does(
    linux, few, monkeypatch
):
    """Each program takes 4,000 maps here: two fit, a third does not.

    None of them runs, so that none needs to be a program.
    """
    count = []

    def taken(lowered, devices):
        count.append(lowered)
        linux(4_000 * len(count))
        return [None for _ in devices]

    def recipe(hp):
        optimizer = optim.gradient_descent(hp["rate"])
        model = nn.serial(nn.dense(hp["units"]), nn.dense(3))
        return dl.Recipe(model, optimizer, nn.softmax_cross_entropy, batch_size=4)

    monkeypatch.setattr(compiled.Lowered, "_compile_now", taken)
    monkeypatch.setattr(compiled, "_known", collections.OrderedDict())
    space = {"rate": 0.1, "units": np.array([2, 3, 4, 5]).astype(object)}
    with pytest.raises(MemoryError, match="fewer programs, with fewer static values"):
        dl.sweep(recipe, space, few, key=0, members=4, epochs=1, progress=False)
    assert 2 <= len(count) < 8
