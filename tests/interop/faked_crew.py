"""Processes of a cluster that is faked, which train in this process."""

import itertools
import threading

import jax

from jaxdl.engine.crew import Threads
from jaxdl.engine.kind import kind_here
from jaxdl.interop.ray_actor import Actor, Card
from jaxdl.interop.ray_crew import RayCrew
from jaxdl.interop.ray_process import Needs
from jaxdl.runs import Record
from tests.sweeps.kept import SPACE, small, sweep

ANY = Needs(None, 0, None)


class Local(Actor):
    """A process of the cluster that is this one."""

    numbers = itertools.count()

    def __init__(self, hands, threads, settings, paths):
        self.threads = threads
        self.crew = Threads(jax.devices()[:1] * hands)
        self.sent, self.outlines = None, {}
        self.number = next(self.numbers)

    def card(self):
        return Card(kind_here(), f"process {self.number}")


def of_another_kind(monkeypatch, *numbers):
    """Makes some processes be of another kind."""

    def card(self):
        kind = kind_here()
        if self.number in numbers:
            kind = kind._replace(versions=kind.versions | {"jaxlib": "0.0.1"})
        return Card(kind, f"process {self.number}")

    monkeypatch.setattr(Local, "card", card)


def trained(ray, digits, needs=ANY, **settings):
    return sweep(small, SPACE, digits, crew=RayCrew(lambda: ray, needs), **settings)


def nth(n, act):
    """Returns what acts when it is called for the n-th time on an epoch, from 1."""
    count = itertools.count(1)

    def heard(handle, name, item):
        if name == "train" and not isinstance(item, Record) and next(count) == n:
            act(handle)

    return heard


def wait_for(holds):
    """Returns once a function does."""
    for _ in range(1000):
        if holds():
            return
        threading.Event().wait(0.02)
    raise AssertionError("waited in vain")


def pending(node):
    """Returns a fault of a machine whose process waits for others' cores."""
    ended = threading.Event()

    def fault(handle, name, arguments):
        if handle.node == node and name == "card":
            ended.wait(60)

    return fault, ended
