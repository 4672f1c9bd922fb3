"""Models of Equinox as layers."""

import inspect
from collections.abc import Callable
from typing import Any

import jax

from jaxdl.data.trees import num_examples
from jaxdl.extras import library
from jaxdl.interop.foreign import check_plain, output_shape, zeros
from jaxdl.leaves import Where, chosen
from jaxdl.nn import Layer
from jaxdl.nn.spec import shape_of

AXIS = "batch"  # the name of the batch axis


def equinox(
    make: Callable[[Any, jax.Array], Any], *, where: Where | None = None
) -> Layer:
    """Returns an Equinox model as a layer.

    The model is one of a single example: `model(x)` returns `y`. If it has an argument
    `state`, it returns `(y, state)`; if it has an argument `key`, it gets one for each
    example in training. The batch axis is named `batch`, as in
    `eqx.nn.BatchNorm(8, "batch", mode="batch")`. In evaluation the model is in
    inference mode. The state has the key of the model as well, from which `make` gives
    what does not train again. A recipe makes the model from its hyperparameters; its
    class is outside of the recipe:

        def recipe(hp):
            model = interop.equinox(lambda in_shape, key: Net(hp["rate"], key))
            return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    Args:
        make: gets the shape of one example and a key, returns the model.
        where: `where(name, leaf)`, whether a float array of the model trains, given its
            path such as `layers.0.weight`; the others stay as `make` gives them. None:
            all but the rate of an `eqx.nn.Dropout`.

    Raises:
        ImportError: Equinox is not installed.
        TypeError: `make` is no function; or, in `init`, a weight follows from
            hyperparameters alone; or, in `apply`, the class of the model is another
            than in `init`.
        ValueError: in `init`, `where` chooses nothing.
    """
    eqx = library("equinox", "equinox", "models in Equinox")
    if isinstance(make, eqx.Module) or not callable(make):
        raise TypeError(
            f"interop.equinox got {make!r:.80}; expected a function that makes the "
            "model: interop.equinox(lambda in_shape, key: Net(key))"
        )

    def made(in_shape, key):
        return eqx.nn.make_with_state(make)(in_shape, key)

    def init(key, in_shape):
        check_plain("interop.equinox", in_shape)
        model, inner = made(in_shape, key)
        trains = _trains(eqx, model, where)
        _check_weights(lambda key: eqx.filter(made(in_shape, key)[0], trains), key)
        params, state = eqx.filter(model, trains), {"key": key, "inner": inner}
        out = jax.eval_shape(lambda x: apply(params, state, x)[0], zeros(in_shape))
        return params, state, output_shape("interop.equinox", out)

    def apply(params, state, x, *, key=None, train=False):
        # From the key of `init`, so that what does not train is the same.
        fresh, _ = made(shape_of(x), state["key"])
        if type(params) is not type(fresh):
            raise TypeError(
                f"interop.equinox got two classes {type(fresh).__name__} for one "
                "model; expected one: define the class outside the recipe, at the top "
                "of the file"
            )
        model = eqx.nn.inference_mode(eqx.combine(params, fresh), value=not train)
        drawn = key is not None and train
        keys = jax.random.split(key, num_examples(x)) if drawn else None
        y, inner = _of_batch(model, state["inner"], x, keys)
        return y, state | {"inner": inner}

    return Layer(init, apply, name="equinox")


def _of_batch(model: Any, state: Any, x: Any, keys: jax.Array | None) -> Any:
    """Returns the outputs `[B, ...]` of a model, and its state after them."""
    takes = inspect.signature(model).parameters
    stateful = "state" in takes

    def one(x, state, key):
        given = {"state": state} if stateful else {}
        given |= {"key": key} if "key" in takes else {}
        y = model(x, **given)
        return y if stateful else (y, state)

    over_keys = None if keys is None else 0
    over_batch = jax.vmap(one, (0, None, over_keys), (0, None), axis_name=AXIS)
    return over_batch(x, state, keys)


def _trains(eqx: Any, model: Any, where: Where | None) -> Any:
    """Returns a tree like the model that says which leaves train."""
    floats = jax.tree.map(eqx.is_inexact_array, model)
    if where is not None:
        ours = chosen("interop.equinox", model, where)
        return jax.tree.map(lambda a, b: a and b, floats, ours)

    def is_dropout(node):
        return isinstance(node, eqx.nn.Dropout)

    def trains(node):
        return jax.tree.map(lambda _: False, node) if is_dropout(node) else True

    return jax.tree.map(
        lambda a, b: a and b,
        floats,
        jax.tree.map(trains, model, is_leaf=is_dropout),
    )


def _check_weights(weights: Callable[[jax.Array], Any], key: jax.Array) -> None:
    """Checks that no weight follows from hyperparameters alone.

    Args:
        weights: gets a key, returns those of the model.
        key: any.
    """
    closed, shapes = jax.make_jaxpr(weights, return_shape=True)(key)
    paths = jax.tree.leaves_with_path(shapes)
    trace = closed.jaxpr
    drawn = _depends(trace, trace.invars)
    consts = zip(trace.constvars, closed.consts, strict=True)
    traced = [var for var, const in consts if isinstance(const, jax.core.Tracer)]
    given = _depends(trace, traced)
    for (path, _), out in zip(paths, trace.outvars, strict=True):
        if not _is_literal(out) and out in given and out not in drawn:
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise TypeError(
                f"interop.equinox got a hyperparameter as the leaf {name!r}, which "
                "would train as a weight; expected it to stay as it is: "
                f"where=lambda name, leaf: name != {name!r}"
            )


def _depends(trace: Any, variables: Any) -> set[Any]:
    """Returns these variables of a trace, and those that are computed from them."""
    found = set(variables)
    for equation in trace.eqns:
        if any(v in found for v in equation.invars if not _is_literal(v)):
            found.update(equation.outvars)
    return found


def _is_literal(atom: Any) -> bool:
    """Returns whether an argument in a trace is a value and no variable."""
    return hasattr(atom, "val")
