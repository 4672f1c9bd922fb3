"""Compiled programs, found by their text and never by the function that made them.

So what a recipe reads is always what trains, and a recipe is freed with its last
reference. Trees are taken apart before and put together after a program, which then
knows arrays alone.
"""

import collections
import concurrent.futures
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.export

from jaxdl.train.collector import collector_paused
from jaxdl.train.copies import copies
from jaxdl.train.identity import program_digest
from jaxdl.train.maps import room_for_programs
from jaxdl.train.work import work

MOST = 128  # programs: the start and the epoch of as many as a space may have

Future = concurrent.futures.Future
_known: collections.OrderedDict[str, Future] = collections.OrderedDict()
_lock = threading.Lock()


class Program(NamedTuple):
    """A compiled program, called as the function that it was traced from."""

    executable: jax.stages.Compiled
    out_shapes: Any  # of jax.ShapeDtypeStruct

    def __call__(self, *arguments: Any) -> Any:
        """Returns what the function returns for arguments of the traced shapes."""
        leaves = self.executable(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(self.out_shapes), leaves)


class Lowered(NamedTuple):
    """A traced function, ready to be compiled."""

    lowered: jax.stages.Lowered
    # A digest of the trace: the lowered text lacks the arguments that the function does
    # not read, so that functions which read other ones may have the same text.
    traced: str
    out_shapes: Any  # of jax.ShapeDtypeStruct
    device: jax.Device
    options: dict[str, Any] | None  # of XLA
    elsewhere: Callable[[jax.Device], jax.stages.Lowered]  # the same for another device

    def compile(self) -> Program:
        """Returns the program; one with the same text is compiled once."""
        return self.compile_for([self.device])[self.device]

    def compile_for(self, devices: Sequence[jax.Device]) -> dict[jax.Device, Program]:
        """Returns the program for devices of one kind; it is compiled once for all.

        Args:
            devices: the function's own is the first.

        Raises:
            MemoryError: Linux has no memory maps left for it.
        """
        text = self.lowered.as_text()
        if "callback" in text:  # which function of Python it calls is not in the text
            found = self._compile(devices)
        else:
            found = _find(self._key(text, devices), lambda: self._compile(devices))
        return {
            device: Program(executable, self.out_shapes)
            for device, executable in zip(devices, found, strict=True)
        }

    def _compile(self, devices: Sequence[jax.Device]) -> list[jax.stages.Compiled]:
        on_cpu = sum(device.platform == "cpu" for device in devices)
        with room_for_programs(on_cpu, clear):
            return self._compile_now(devices)

    def _compile_now(self, devices: Sequence[jax.Device]) -> list[jax.stages.Compiled]:
        first = self.lowered.compile(compiler_options=self.options)
        return [
            first,
            *copies(
                first,
                devices[1:],
                lambda device: self.elsewhere(device).compile(
                    compiler_options=self.options
                ),
            ),
        ]

    def _key(self, text: str, devices: Sequence[jax.Device]) -> str:
        digest = hashlib.sha256(text.encode())
        digest.update(repr((self.traced, [*devices], self.options)).encode())
        return digest.hexdigest()


class Exported(NamedTuple):
    """A function of the leaves of its arguments, for any process to compile."""

    data: bytes  # as `jax.export.deserialize` takes them
    donated: tuple[int, ...]  # the leaves whose memory the results may use
    operations: float  # on numbers


@collector_paused()
def lower(
    function: Callable[..., Any],
    *shapes: Any,
    device: jax.Device | None = None,
    donate: int | None = None,
    options: dict[str, Any] | None = None,
) -> Lowered:
    """Returns a function of trees of arrays, traced for arguments of these shapes.

    Args:
        function: pure.
        shapes: trees of arrays or of `jax.ShapeDtypeStruct`.
        device: to run on; None: the first.
        donate: the argument whose memory the results may use; None: no argument.
        options: of XLA.
    """
    device = device or jax.devices()[0]
    jitted, leaves, out_trees = _of_leaves(function, shapes, donate)

    def trace(device: jax.Device) -> jax.stages.Traced:
        place = jax.sharding.SingleDeviceSharding(device)
        placed = [
            jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place) for x in leaves
        ]
        return jitted.trace(*placed)

    traced = trace(device)
    lowered = traced.lower()
    return Lowered(
        lowered,
        program_digest([traced.jaxpr]),
        jax.tree.unflatten(out_trees[0], lowered.out_info),
        device,
        options,
        lambda other: trace(other).lower(),
    )


def export_for(
    platforms: Sequence[str],
    function: Callable[..., Any],
    *shapes: Any,
    donate: int | None = None,
) -> Exported:
    """Returns a function of trees of arrays, lowered for several platforms.

    Args:
        platforms: JAX's names of them, such as `tpu`; none needs to be here.
        function: pure.
        shapes: as for `lower`.
        donate: the same.
    """
    jitted, leaves, _ = _of_leaves(function, shapes, donate)
    operations = work(jitted.trace(*leaves).jaxpr)
    exported = jax.export.export(jitted, platforms=[*platforms])(*leaves)
    data = bytes(exported.serialize())
    return Exported(data, _leaves_of(shapes, donate), operations)


def clear() -> None:
    """Forgets all programs."""
    with _lock:
        _known.clear()


def _of_leaves(
    function: Callable[..., Any], shapes: tuple[Any, ...], donate: int | None
) -> tuple[Any, list[Any], list[Any]]:
    """Returns a jitted function of leaves, its leaves, and a list for its out tree.

    The list gets the tree each time that the function is traced.
    """
    given, tree = jax.tree.flatten(shapes)
    leaves = [jax.ShapeDtypeStruct(x.shape, _held(x.dtype)) for x in given]
    out_trees = []

    def flat(*leaves: Any) -> list[Any]:
        out, out_tree = jax.tree.flatten(function(*jax.tree.unflatten(tree, leaves)))
        out_trees.append(out_tree)
        return out

    flat.__name__ = getattr(function, "__name__", "function")  # seen in profiles
    jitted = jax.jit(flat, donate_argnums=_leaves_of(shapes, donate))
    return jitted, leaves, out_trees


def _held(dtype: Any) -> Any:
    """Returns the type that JAX has for one of NumPy, such as int32 for int64."""
    return jax.dtypes.canonicalize_dtype(dtype, allow_extended_dtype=True)


def _leaves_of(shapes: tuple[Any, ...], number: int | None) -> tuple[int, ...]:
    """Returns the numbers of the leaves of one argument."""
    if number is None:
        return ()
    first = len(jax.tree.leaves(shapes[:number]))
    return tuple(range(first, first + len(jax.tree.leaves(shapes[number]))))


def _find(
    key: str, compile_it: Callable[[], list[jax.stages.Compiled]]
) -> list[jax.stages.Compiled]:
    """Returns the programs of a key; whoever asks first compiles them."""
    with _lock:
        future = _known.get(key)
        mine = future is None
        if future is None:
            future = _known[key] = Future()
        _known.move_to_end(key)
        while len(_known) > MOST:
            _known.popitem(last=False)
    if mine:
        try:
            future.set_result(compile_it())
        except BaseException as error:
            with _lock:
                _known.pop(key, None)
            future.set_exception(error)
    return future.result()
