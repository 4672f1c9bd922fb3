"""How much a traced function puts out on a platform, from its shapes alone."""

from typing import Any

from jaxdl.train.work import inner, running

ACCELERATOR = "tpu"  # JAX's name of one; what a step saves is alike on all of them


def saved_bytes(trace: Any, platform: str) -> int:
    """Returns the bytes of a traced function's outputs on a platform.

    A function that chooses by platform has the outputs of every branch, and a branch
    fills those of the others with zeros. XLA drops these, so they do not count.

    Args:
        trace: a result of `jax.make_jaxpr`.
        platform: JAX's name of it, such as `cpu`.
    """
    part = trace.jaxpr
    filled = _filled(part, platform, [False] * len(part.invars))
    own = [place.aval for place, zeros in zip(part.outvars, filled, strict=True)
           if not zeros]  # fmt: skip
    return sum(x.size * x.dtype.itemsize for x in own)


def _filled(part: Any, platform: str, given: list[bool]) -> list[bool]:
    """Returns for each output of a traced function whether it is filled with zeros.

    Args:
        part: the function.
        platform: JAX's name of it.
        given: the same for each argument.
    """
    filled = _where(part.invars, given)
    for equation in part.eqns:
        branch = running(equation, platform)
        called = list(inner(equation)) if branch is None else [branch]
        parts = [getattr(x, "jaxpr", x) for x in called]
        arguments = equation.invars if branch is None else equation.invars[1:]
        if len(parts) != 1 or not _same_places(parts[0], arguments, equation.outvars):
            continue
        found = _filled(
            parts[0], platform, [id(place) in filled for place in arguments]
        )
        if branch is not None:
            found = [a or b for a, b in zip(found, _made(parts[0]), strict=True)]
        filled |= _where(equation.outvars, found)
    return [id(place) in filled for place in part.outvars]


def _same_places(part: Any, arguments: Any, outputs: Any) -> bool:
    return len(part.invars) == len(arguments) and len(part.outvars) == len(outputs)


def _made(branch: Any) -> list[bool]:
    """Returns for each output of a branch whether constants alone make it."""
    made: set[int] = set()
    for equation in branch.eqns:
        if all(hasattr(x, "val") or id(x) in made for x in equation.invars):
            made |= {id(out) for out in equation.outvars}
    return [id(place) in made for place in branch.outvars]


def _where(places: Any, chosen: list[bool]) -> set[int]:
    return {id(place) for place, own in zip(places, chosen, strict=True) if own}
