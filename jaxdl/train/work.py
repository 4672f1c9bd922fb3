"""How much a traced function computes, from its shapes alone."""

import math
from collections.abc import Iterator
from typing import Any

import jax


def work(trace: Any) -> float:
    """Returns about how many operations on numbers a traced function takes.

    A product of matrices or a convolution has two for each factor of each sum, anything
    else one for each number that it gives. A loop of unknown length counts once. Of a
    choice by platform the branch of a CPU counts.

    Args:
        trace: a result of `jax.make_jaxpr`.
    """
    return sum(map(_work, trace.eqns))


def length(trace: Any) -> int:
    """Returns how many steps a traced function is written in, each of them once."""
    return sum(1 + sum(map(length, inner(e))) for e in trace.eqns)


def _work(equation: Any) -> float:
    if parts := list(inner(equation)):
        return equation.params.get("length", 1) * sum(map(work, parts))
    numbers = sum(math.prod(out.aval.shape) for out in equation.outvars)
    return numbers * _factors(equation)


def _factors(equation: Any) -> float:
    """Returns how many operations each number that an equation gives takes."""
    params = equation.params
    if equation.primitive.name == "dot_general":
        (summed, _), _ = params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return 2 * math.prod(shape[axis] for axis in summed)
    if equation.primitive.name == "conv_general_dilated":
        shape = equation.invars[1].aval.shape
        out_axis = params["dimension_numbers"].rhs_spec[0]
        return 2 * math.prod(shape) / max(1, shape[out_axis])
    return 1


def inner(equation: Any) -> Iterator[Any]:
    """Yields the functions that an equation calls; of a choice by platform, a CPU's."""
    branch = running(equation, "cpu")
    called = jax.tree.leaves(
        list(equation.params.values()) if branch is None else branch
    )
    for part in called:
        if hasattr(part, "eqns"):
            yield part


def running(equation: Any, platform: str) -> Any:
    """Returns the branch of a choice by platform that runs; None: it is no such choice.

    Args:
        equation: of a trace.
        platform: JAX's name of it, such as `cpu`.
    """
    choices = equation.params.get("branches_platforms")
    if choices is None:
        return None
    named = [i for i, names in enumerate(choices) if names and platform in names]
    return equation.params["branches"][named[0] if named else -1]
