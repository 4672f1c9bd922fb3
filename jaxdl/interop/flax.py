"""Models of Flax as layers, written in Linen or in NNX."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.extras import library
from jaxdl.interop.foreign import check_plain, output_shape, zeros
from jaxdl.keys import is_key
from jaxdl.nn import Layer
from jaxdl.nn.spec import shape_of


def linen(module: Any, *, train: str | None = "train") -> Layer:
    """Returns a Linen module as a layer.

    The collection `params` trains. All others, such as `batch_stats`, are the state,
    except for those to which `sow` adds.
    Every stream of random numbers, such as `dropout`, draws from the key of the layer.
    A dropout with a traced rate is `nn.drop`, see there; Linen's own takes plain rates.

    The module may be made in the recipe, with traced hyperparameters as attributes:

        def recipe(hp):
            model = interop.linen(Net(keep_prob=hp["keep_prob"]))
            return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    Args:
        module: its `__call__` takes a batch `[B, ...]`, or a dict of such arrays, and
            returns an array `[B, ...]`.
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
        example = zeros(in_shape)
        given = {} if train is None else {train: False}
        with _sizes_explained("interop.linen"):
            variables = dict(module.init(key, example, **given))
        out = jax.eval_shape(lambda v, x: call(v, x, False), variables, example)
        params = variables.pop("params", {})
        state = _lasting(partial(apply, params), variables, example)
        return params, state, output_shape("interop.linen", out)

    def apply(params, state, x, *, key=None, train=False):
        variables = {"params": params, **state}
        if not train:
            return call(variables, x, False), state
        rngs = {} if key is None else {"params": key}  # all streams default to it
        y, new = call(variables, x, True, rngs=rngs, mutable=list(state))
        return y, {**state, **new}

    return Layer(init, apply, name=type(module).__name__)


def nnx(make: Callable[[Any, Any], Any]) -> Layer:
    """Returns an NNX model as a layer.

    Its `Param`s train. All other variables, such as those of a batch norm, are the
    state, except for those of random numbers, since each step draws from the key of the
    layer, and what `sow` notes. The state also has the key of the model: an array that
    is no variable is made from it again. A dropout with a traced rate is `nn.drop`, see
    there; NNX's own takes plain rates. A recipe makes the model from its
    hyperparameters:

        def recipe(hp):
            model = interop.nnx(lambda in_shape, rngs: Net(hp["keep_prob"], rngs))
            return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    Args:
        make: gets the shape of one example and `nnx.Rngs`, returns a model whose
            `__call__` takes a batch `[B, ...]`, or a dict of such arrays, and returns
            one array `[B, ...]`. In training it is in the mode `train()`, else in the
            mode `eval()`.

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
        kinds = flax.Param, flax.RngState, flax.Intermediate, flax.Variable, ...
        return flax.split(model, *kinds)

    def init(key, in_shape):
        check_plain("interop.nnx", in_shape)
        with _sizes_explained("interop.nnx"):
            _, params, _, _, variables, _ = made(in_shape, key, train=False)
        params = flax.to_pure_dict(params)
        state = {"key": key, "variables": flax.to_pure_dict(variables)}
        out = jax.eval_shape(lambda x: apply(params, state, x)[0], zeros(in_shape))
        return params, state, output_shape("interop.nnx", out)

    def apply(params, state, x, *, key=None, train=False):
        # From the key of `init`, so that arrays that are no variables are the same.
        made_again = made(shape_of(x), state["key"], train)
        definition, own, random, notes, variables, rest = made_again
        flax.replace_by_pure_dict(own, params)
        now = jax.tree.map(jnp.asarray, state["variables"])
        flax.replace_by_pure_dict(variables, now)
        random = random if key is None else _drawing_from(key, random)
        model = flax.merge(definition, own, random, notes, variables, rest)
        y = model(x)
        *_, variables, _ = parts(model)
        return y, state | {"variables": flax.to_pure_dict(variables)}

    return Layer(init, apply, name="nnx")


def _lasting(apply: Callable[..., Any], state: Any, x: Any) -> dict[str, Any]:
    """Returns the collections that keep their structure in a step of training.

    What `sow` notes grows from step to step.
    """

    def step(key):
        return apply(state, x, key=key, train=True)[1]

    new = jax.eval_shape(step, jax.random.key(0))
    structure = jax.tree.structure
    return {n: x for n, x in state.items() if structure(x) == structure(new[n])}


def _drawing_from(key: jax.Array, random: Any) -> Any:
    """Returns the streams of random numbers of a model, with keys from a key."""
    leaves, treedef = jax.tree.flatten(random)
    keys = [
        jax.random.fold_in(key, i) if is_key(leaf) else leaf
        for i, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(treedef, keys)


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
