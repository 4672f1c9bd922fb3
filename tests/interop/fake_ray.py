"""Stands for the module `ray`: processes are objects here, which tests kill."""

import queue
import threading
from types import SimpleNamespace


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__(repr(cause))
        self.cause = cause


class ActorDiedError(RayError):
    pass


class ActorUnavailableError(RayError):
    pass


class OutOfMemoryError(RayError):
    pass


ERRORS = SimpleNamespace(
    RayError=RayError, RayTaskError=RayTaskError, ActorDiedError=ActorDiedError,
    ActorUnavailableError=ActorUnavailableError, OutOfMemoryError=OutOfMemoryError,
)  # fmt: skip


class Stream:
    """What a call gives, item by item: values, or the error that ends it."""

    def __init__(self):
        self.items, self.next = queue.SimpleQueue(), None

    def ready(self, timeout):
        if self.next is None:
            try:
                self.next = self.items.get(timeout=timeout)
            except queue.Empty:
                return False
        return True

    def __next__(self):
        while not self.ready(1):
            pass
        found, self.next = self.next, None
        if found is StopIteration:
            raise StopIteration
        return found


class Handle:
    """An actor. It may die; none can live on a machine that has left."""

    def __init__(self, ray, options, make):
        self.ray, self.options = ray, options
        self.node = options["scheduling_strategy"]
        self.lock, self.streams, self.calls = threading.Lock(), [], []
        self.alive, self.self = ray.machines[self.node]["Alive"], make()
        self.killed, self.error = False, ActorDiedError("it died")

    def __getattr__(self, name):
        return SimpleNamespace(remote=lambda *a: self.call(name, a))

    def call(self, name, arguments):
        """Runs a method in a thread, as Ray does."""
        stream = Stream()
        with self.lock:
            if not self.alive:
                stream.items.put(self.error)
                return stream
            self.streams.append(stream)
            self.calls.append(name)
            own = self.self

        def run():
            try:
                fault = self.ray.fault(self, name, arguments)
                if isinstance(fault, BaseException):
                    raise fault
                found = getattr(own, name)(*arguments)
                items = found if name == "train" else [found]
                for item in items:
                    self.send(stream, item)
                    for told in item if name == "train" else [item]:
                        self.ray.heard(self, name, told)
                self.send(stream, StopIteration)
            except RayError as error:
                self.send(stream, error)
            except BaseException as error:
                self.send(stream, RayTaskError(error))

        threading.Thread(target=run, daemon=True).start()
        return stream

    def send(self, stream, item):
        with self.lock:
            if stream in self.streams:
                stream.items.put(item)

    def die(self, error=None):
        """Ends all calls with an error, and later ones as well."""
        with self.lock:
            self.error = error or self.error
            for stream in self.streams:
                stream.items.put(self.error)
            self.streams, self.alive = [], False


class Ray:
    """The module, connected to machines that tests add and remove."""

    exceptions = ERRORS

    def __init__(self, *cores, fault=None, heard=None):
        self.machines, self.actors, self.lock = {}, [], threading.Lock()
        self.fault = fault or (lambda handle, name, arguments: None)
        self.heard = heard or (lambda handle, name, item: None)
        strategy = lambda node, soft: node  # noqa: E731
        known = SimpleNamespace(NodeAffinitySchedulingStrategy=strategy)
        self.util = SimpleNamespace(scheduling_strategies=known)
        for number in cores:
            self.add(number)

    def add(self, cores, gpus=0):
        name = f"node{len(self.machines)}"
        self.machines[name] = {
            "NodeID": name, "Alive": True, "NodeManagerHostname": name,
            "Resources": {"CPU": float(cores), "GPU": float(gpus)},
        }  # fmt: skip
        return name

    def remove(self, name):
        self.machines[name]["Alive"] = False
        for actor in self.actors:
            if actor.node == name:
                actor.die()

    def nodes(self):
        return [dict(machine) for machine in self.machines.values()]

    def put(self, value):
        return value

    def wait(self, streams, timeout):
        ready = [stream for stream in streams if stream.ready(timeout)]
        return ready, [stream for stream in streams if stream not in ready]

    def get(self, found):
        item = next(found) if isinstance(found, Stream) else found
        if isinstance(item, RayError):
            raise item
        return item

    def remote(self, made):
        def options(**options):
            def make(*arguments):
                handle = Handle(self, options, lambda: made(*arguments))
                with self.lock:
                    self.actors.append(handle)
                return handle

            return SimpleNamespace(remote=make)

        return SimpleNamespace(options=options)

    def kill(self, handle):
        handle.killed = True
        handle.die()
