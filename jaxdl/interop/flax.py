"""Models of Flax as layers, written in Linen or in NNX."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.extras import library
from jaxdl.interop.foreign import check_plain, output_shape
from jaxdl.nn import Layer
from jaxdl.train.keys import IMPL


def linen(module: Any, *, dtype: Any = float, train: str | None = "train") -> Layer:
    """Returns a Linen module as a layer.

    The collection `params` trains. All others, such as `batch_stats`, are the state.
    Every stream of random numbers, such as `dropout`, draws from the key of the layer.
    A dropout with a traced rate is `nn.drop`, see there; Linen's own takes plain rates.

    The module may be made in the recipe, with traced hyperparameters as attributes:

        def recipe(hp):
            model = interop.linen(Net(keep_prob=hp["keep_prob"]))
            return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    Args:
        module: its `__call__` takes a batch `[B, ...]` and returns an array `[B, ...]`.
        dtype: of its inputs.
        train: the argument of `__call__` that says whether it trains; None: it has no
            such argument.

    Raises:
        ImportError: Flax is not installed.
        TypeError: `module` is no Linen module, has no argument `train`, or, in `init`,
            uses a `Size`.
    """
    flax = library("flax.linen", "flax", "models in Linen")
    _check_linen(flax, module, train)

    def call(variables, x, training, **rest):
        given = {} if train is None else {train: training}
        return module.apply(variables, x, **given, **rest)

    def init(key, in_shape):
        check_plain("interop.linen", in_shape)
        example = jax.ShapeDtypeStruct((1, *in_shape), jnp.result_type(dtype))
        given = {} if train is None else {train: False}
        with _sizes_explained("interop.linen"):
            variables = dict(module.init(key, jnp.zeros_like(example), **given))
        out = jax.eval_shape(lambda v, x: call(v, x, False), variables, example)
        params = variables.pop("params", {})
        return params, variables, output_shape("interop.linen", out)

    def apply(params, state, x, *, key=None, train=False):
        variables = {"params": params, **state}
        if not train:
            return call(variables, x, False), state
        rngs = {} if key is None else {"params": key}  # all streams default to it
        y, new = call(variables, x, True, rngs=rngs, mutable=list(state))
        return y, {**state, **new}

    return Layer(init, apply)


def nnx(make: Callable[[tuple[int, ...], Any], Any]) -> Layer:
    """Returns an NNX model as a layer.

    Its `Param`s train. All other variables, such as those of a batch norm, are the
    state, except for those of random numbers: each step draws from the key of the
    layer. A dropout with a traced rate is `nn.drop`, see there; NNX's own takes plain
    rates. A recipe makes the model from its hyperparameters:

        def recipe(hp):
            model = interop.nnx(lambda in_shape, rngs: Net(hp["keep_prob"], rngs))
            return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    Args:
        make: gets the shape of one example and `nnx.Rngs`, returns a model whose
            `__call__` takes a batch `[B, ...]` and returns one array `[B, ...]`. In
            training it is in the mode `train()`, else in the mode `eval()`.

    Raises:
        ImportError: Flax is not installed.
        TypeError: `make` is no function or, in `init`, returns no model or uses a
            `Size`.
    """
    flax = library("flax.nnx", "flax", "models in NNX")
    if isinstance(make, flax.Module) or not callable(make):
        raise TypeError(
            f"interop.nnx got {make!r:.80}; expected a function that makes the model: "
            "interop.nnx(lambda in_shape, rngs: Net(rngs=rngs))"
        )

    def made(in_shape, key, train):
        model = make(in_shape, flax.Rngs(key))
        if not isinstance(model, flax.Module):
            raise TypeError(
                f"interop.nnx got {model!r:.80} from the function; expected an "
                "nnx.Module"
            )
        model.train() if train else model.eval()
        return parts(model)

    def parts(model):
        # What is no variable, such as a hyperparameter, is as the function gives it.
        return flax.split(model, flax.Param, flax.RngState, flax.Variable, ...)

    def init(key, in_shape):
        check_plain("interop.nnx", in_shape)
        with _sizes_explained("interop.nnx"):
            _, params, _, state, _ = made(in_shape, key, train=False)
        params, state = flax.to_pure_dict(params), flax.to_pure_dict(state)
        example = jax.ShapeDtypeStruct((1, *in_shape), jnp.result_type(float))
        out = jax.eval_shape(lambda x: apply(params, state, x)[0], example)
        return params, state, output_shape("interop.nnx", out)

    def apply(params, state, x, *, key=None, train=False):
        key = jax.random.key(0, impl=IMPL) if key is None else key  # nothing draws
        definition, own, random, others, rest = made(x.shape[1:], key, train)
        flax.replace_by_pure_dict(own, params)
        flax.replace_by_pure_dict(others, jax.tree.map(jnp.asarray, state))
        model = flax.merge(definition, own, random, others, rest)
        y = model(x)
        return y, flax.to_pure_dict(parts(model)[3])

    return Layer(init, apply)


def _check_linen(flax: Any, module: Any, train: str | None) -> None:
    if not isinstance(module, flax.Module):
        raise TypeError(
            f"interop.linen got {module!r:.80}; expected a flax.linen.Module, made, "
            "such as Net()"
        )
    takes = inspect.signature(type(module).__call__).parameters
    if train is not None and train not in takes:
        raise TypeError(
            f"interop.linen got {type(module).__name__}, whose __call__ takes "
            f"{[*takes][1:]} and no {train!r}; expected the argument that says whether "
            "it trains: name it with train=..., or give train=None if there is none"
        )


@contextlib.contextmanager
def _sizes_explained(what: str) -> Iterator[None]:
    """Turns Flax's error about a `Size` into one that says what to do."""
    try:
        yield
    except TypeError as error:
        if "Size(" not in str(error):
            raise
        raise TypeError(
            f"{what} got a model with a Size; expected plain ints, since Flax does not "
            "know sizes: make the hyperparameter Static([...]) in the space"
        ) from error
