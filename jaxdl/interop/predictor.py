"""A trained member, or an ensemble, as one pure function of raw inputs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import log_sigmoid, log_softmax
from jax.scipy.special import logsumexp

from jaxdl import nn
from jaxdl.data import Moments
from jaxdl.data.about import by_name as moments_of
from jaxdl.data.trees import is_tree, named
from jaxdl.interop.unpadded import unpadded
from jaxdl.nn.losses import PerExample
from jaxdl.sweeps import Ensemble
from jaxdl.train import Member
from jaxdl.train.part import scaled_inputs, unscaled
from jaxdl.train.structure import canonical

Model = Member | Ensemble
Normalization = Moments | dict[str, Moments] | None  # a dict: by the names of inputs


def predictor(model: Model, moments: Normalization) -> Callable[[Any], Any]:
    """Returns `predict(inputs) -> outputs`, pure, of raw inputs `[B, ...]`.

    Inputs are in the units of the user's data, outputs in those of the labels. Weights
    are constants of the function, and what follows from them alone is computed once.

    Args:
        model: a trained one.
        moments: `splits.moments`; None: the arrays that it trained on were raw.

    Raises:
        RecipeError: the recipe has other parameters than the member.
    """
    if isinstance(model, Member):
        return _of_member(model, moments)
    each = [_of_member(member, moments) for member in model.members]
    mean, weights = _mean(model.members[0].loss), model.weights

    def predict(inputs):
        outputs = jnp.stack([one(inputs) for one in each])  # [n, B, ...]
        per_member = (-1,) + (1,) * (outputs.ndim - 1)
        return mean(outputs, canonical(weights).reshape(per_member))

    return predict


def inputs_of(model: Model, batch: Any) -> Any:
    """Returns the shape and type of raw inputs; a dict: of each by name.

    Args:
        model: a trained one.
        batch: how many examples, an int or a symbol.
    """
    member = model if isinstance(model, Member) else model.members[0]
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((batch, *x.shape[1:]), x.dtype),
        member.inference.train.inputs,
    )


def normalization(member: Member, moments: Normalization) -> Normalization:
    """Returns what a member's raw inputs are normalized by; None: by nothing.

    Args:
        member: a trained one.
        moments: `splits.moments`.
    """
    inputs = member.inference.train.inputs
    own = moments_of(None if member.scaling is None else member.scaling.inputs)
    given = moments_of(moments)
    found = {}
    for name, array in named(inputs).items():
        ours, theirs = own.get(name), given.get(name)
        raw = np.issubdtype(array.dtype, np.integer)
        both = ours is not None and theirs is not None and not raw
        found[name] = theirs.then(ours) if both else ours or theirs
    known = {name: moments for name, moments in found.items() if moments is not None}
    return known if is_tree(inputs) else known.get("")


def _of_member(member: Member, moments: Normalization) -> Callable[[Any], Any]:
    recipe, params, state = unpadded(member)
    by = moments_of(jax.tree.map(canonical, normalization(member, moments)))
    scaling = jax.tree.map(canonical, member.scaling)
    like = member.inference.train

    def predict(inputs):
        with jax.default_matmul_precision(recipe.precision):
            x = scaled_inputs(inputs, like.about.ids, by)
            outputs, _ = nn.as_layer(recipe.model).apply(params, state, x)
            return unscaled(outputs, replace(like, scaling=scaling))

    return predict


def _mean(loss: PerExample) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Returns how an ensemble averages outputs `[n, B, ...]` with weights `[n, ...]`.

    The mean is that of `Ensemble.predict`. Its logarithms reach probabilities below
    the smallest float32.
    """
    plain = nn.plain_loss(loss)
    if plain is nn.softmax_cross_entropy:
        return lambda z, w: logsumexp(log_softmax(z), 0, b=w)
    if plain is nn.sigmoid_cross_entropy:
        return lambda z, w: (
            logsumexp(log_sigmoid(z), 0, b=w) - logsumexp(log_sigmoid(-z), 0, b=w)
        )
    return lambda z, w: jnp.sum(w * z, axis=0)
