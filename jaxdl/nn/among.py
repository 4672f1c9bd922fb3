"""Layers and losses that are hyperparameters: all options in one program."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.nn.layer import Layer, as_layer
from jaxdl.nn.losses import PerExample, plain_loss
from jaxdl.nn.size import Shape, Size, bound, is_size, live
from jaxdl.nn.spec import is_shape, same_shape
from jaxdl.one_of import (
    Named,
    OneOf,
    check_options,
    guarded,
    if_chosen,
    select,
    zero_unless_chosen,
)

SEVERAL = "of_several"  # of a loss whose options measure different things


def among(which: OneOf | Named, options: Mapping[Any, Any]) -> Any:
    """Returns the chosen one of several layers, or of several losses.

    The program computes all options and selects one, so that members with different
    choices share it. A member computes what it would with its option alone: each option
    draws from the key of the layer itself. The parameters and the state of the other
    options stay as they start, and no penalty counts them.

    Use it for what costs little beside the rest, such as activations. `Static([...])`
    in the space gives each option a program of its own.

        >>> options = {"relu": nn.relu, "square": jnp.square}
        >>> layer = nn.among(nn.OneOf(1, ("relu", "square")), options)
        >>> params, state, _ = layer.init(jax.random.key(0), (2,))
        >>> layer.apply(params, state, jnp.array([[-2.0, 3.0]]))[0].tolist()
        [[4.0, 9.0]]

    Args:
        which: the hyperparameter of an `Among`, or the name of an option.
        options: layers of one output shape by name, or losses. Those that `which`
            cannot choose are left out.

    Raises:
        TypeError: `which` is no choice, or an option is neither a layer nor a loss.
        ValueError: an option that can be chosen is missing; or, in `init`, two have
            different output shapes.
    """
    return _among("among", which, options)


def maybe(on: Any, layer: Layer | Callable) -> Layer:
    """Returns the layer where `on` holds, and the identity elsewhere.

        >>> layer = nn.maybe(False, nn.batch_norm())
        >>> layer.apply((), (), jnp.array([[1.0, 2.0]]))[0].tolist()
        [[1.0, 2.0]]

    Args:
        on: the hyperparameter of `Among([True, False])`, or a bool, or 0 or 1; may be
            traced.
        layer: a layer that keeps the shape.

    Raises:
        TypeError: `layer` is neither a layer nor a function, or `on` is a float.
        ValueError: `on` is a plain value other than these; or, in `init`, the layer
            changes the shape.
    """
    if hasattr(on, "dtype") and not jnp.ndim(on):
        if jnp.issubdtype(on.dtype, jnp.inexact):
            raise TypeError(
                f"maybe got the number {on}; expected the hyperparameter of "
                "Among([True, False]) in the space, or a bool, or 0 or 1"
            )
        on = OneOf((jnp.asarray(on) != 0).astype(jnp.int32), (False, True))
    return _among("maybe", on, {True: as_layer(layer), False: as_layer(identity)})


def _among(name: str, which: OneOf | Named, options: Mapping[Any, Any]) -> Any:
    found = [options[own] for own in check_options(name, which, options)]
    if any(map(_is_loss, found)):
        if not all(map(_is_loss, found)):
            raise TypeError(
                f"{name} got the options {[*options]}, of which some are losses, "
                "functions of outputs and labels, and some are not; expected losses "
                "alone, or layers alone"
            )
        return _loss(name, which, found) if isinstance(which, OneOf) else found[0]
    layers = [as_layer(option) for option in found]
    return _layer(name, which, layers) if isinstance(which, OneOf) else layers[0]


def _layer(name: str, which: OneOf, layers: list[Layer]) -> Layer:
    """Returns the layer among layers; parameters and state are by option."""
    options = tuple(map(str, which.options))

    def init(key, in_shape):
        # All draw from one key: one of them counts, and it is as if it were alone.
        params, state, shapes = {}, {}, []
        for option, layer in zip(options, layers, strict=True):
            params[option], state[option], shape = layer.init(key, in_shape)
            shapes.append(shape)
        return params, state, _out_shape(name, which, shapes)

    def apply(params, state, x, *, key=None, train=False):
        outputs, states = [], {}
        for place, (option, layer) in enumerate(zip(options, layers, strict=True)):
            own, seen = guarded(which, place, (params[option], x))
            y, new = layer.apply(own, state[option], seen, key=key, train=train)
            outputs.append(y)
            states[option] = if_chosen(which, place, new, state[option])
        return select(name, which, outputs), states

    def counted(params):
        return {
            option: zero_unless_chosen(which, place, layer.counted(params[option]))
            for place, (option, layer) in enumerate(zip(options, layers, strict=True))
        }

    return Layer(init, apply, tuple(layers), counted=counted, name=name)


def _out_shape(name: str, which: OneOf, shapes: list[Shape]) -> Shape:
    """Returns the shape of all options; of a `Size` the live count of the chosen."""
    if isinstance(which.index, int):  # no program, which would need one shape
        return shapes[which.index]
    if not all(same_shape(shape, shapes[0]) for shape in shapes):
        named = dict(zip(which.options, shapes, strict=True))
        raise ValueError(
            f"{name} got options with outputs of shapes {named}; expected one shape "
            "for all, since the program selects one of them: give them the same units, "
            "or make the hyperparameter Static([...]) in the space"
        )
    if not is_shape(shapes[0]):
        return shapes[0]  # plain sizes
    return tuple(_side(name, which, sides) for sides in zip(*shapes, strict=True))


def _side(name: str, which: OneOf, sides: tuple[Any, ...]) -> Any:
    if not is_size(sides[0]) or all(side is sides[0] for side in sides):
        return sides[0]
    return Size(select(name, which, [live(side) for side in sides]), bound(sides[0]))


def _loss(name: str, which: OneOf, losses: list[PerExample]) -> PerExample:
    """Returns the loss among losses, which wraps what they wrap."""

    def loss(outputs, labels):
        values = [
            own(guarded(which, place, outputs), labels)
            for place, own in enumerate(losses)
        ]
        return select(name, which, values)

    plain = [plain_loss(own) for own in losses]
    if all(one is plain[0] for one in plain):
        return functools.wraps(plain[0])(loss)
    if plain == losses:
        setattr(loss, SEVERAL, True)
        return loss
    return functools.wraps(_loss(name, which, plain))(loss)


def _is_loss(option: Any) -> bool:
    """Returns whether an option is a function of outputs and labels."""
    if isinstance(option, Layer) or not callable(option):
        return False
    try:
        given = inspect.signature(option).parameters.values()
    except ValueError:  # a function that is not Python's
        return False
    return sum(p.default is p.empty and p.kind < p.VAR_POSITIONAL for p in given) == 2


def identity(x: jax.Array) -> jax.Array:
    """Returns its argument."""
    return x
