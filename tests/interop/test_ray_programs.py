"""Compiled programs on their way from one process of a cluster to the others."""

import threading

from jaxdl.interop.ray_programs import Shared
from tests.interop.fake_ray import Ray


def test_the_first_program_of_a_key_stays():
    """Others have loaded it; so the second one of another key changes nothing of it."""
    shared = Shared(Ray(), threading.Condition())
    shared.add({"a": b"first"})
    shared.add({"a": b"second", "b": b"other"})
    assert shared.sent == {"a": b"first", "b": b"other"}


def test_no_change_waits_while_programs_are_put():
    ray, changed, putting = Ray(), threading.Condition(), threading.Event()
    shared, ended = Shared(ray, changed), threading.Event()
    ray.put = lambda value: putting.set() or ended.wait(20) and value
    adding = threading.Thread(target=shared.add, args=[{"a": b"it"}])
    adding.start()
    assert putting.wait(20) and changed.acquire(timeout=10)
    changed.release()
    ended.set()
    adding.join(20)
    assert shared.sent == {"a": b"it"}
