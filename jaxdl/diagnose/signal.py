"""The size of the signal in each layer, forward and backward."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data import Dataset
from jaxdl.nn import Layer, as_layer, serial
from jaxdl.nn.losses import PerExample

FAR = 100.0  # times larger than the start is exploding, times smaller is vanishing


class Signal(NamedTuple):
    """Norms of each layer, by place and name.

    `2.0 dense` is the first part of layer 2. A layer without a name has its place only.
    """

    inputs: Any  # root mean square of the batch's inputs
    activations: dict[str, Any]  # root mean square of the layer's output
    gradients: dict[str, Any]  # norm of the loss's gradient by the layer's output

    @property
    def exploding(self) -> tuple[str, ...]:
        """The layers whose norms are over 100 times that of the start, or not finite.

        Activations start at the inputs, gradients at the last layer.
        """
        return _far(self, lambda ratio: ~(ratio <= FAR))  # NaN as well

    @property
    def vanishing(self) -> tuple[str, ...]:
        """The layers whose norms are under 1/100 of that of the start."""
        return _far(self, lambda ratio: ratio < 1 / FAR)

    @property
    def faults(self) -> str:
        """What is wrong in words, such as `vanishing at 2 relu`; else empty."""
        found = (("exploding", self.exploding), ("vanishing", self.vanishing))
        return "; ".join(f"{what} at {', '.join(at)}" for what, at in found if at)


def signal(
    model: Layer,
    params: Any,
    state: Any,
    batch: Dataset,
    loss: PerExample,
    *,
    key: jax.Array | None = None,
) -> Signal:
    """Returns the norms of activations and gradients at every layer, in training mode.

    For a layer's output `a: [B, ...]` with n entries, the norm of the activations is
    `||a|| / sqrt(n)`, which does not depend on the layer's width. The norm of the
    gradient is `||dJ/da||`, where J is the mean loss over the examples, without
    weights. Of a layer made of others, each part is measured. The function is pure, so
    it may be jitted and vmapped over models.

        >>> model = nn.serial(nn.dense(4), nn.relu, nn.dense(2))
        >>> params, state, _ = model.init(jax.random.key(0), (3,))
        >>> batch = dl.data.Dataset(jnp.ones((5, 3)), jnp.zeros(5, int))
        >>> loss = nn.softmax_cross_entropy
        >>> found = dl.diagnose.signal(model, params, state, batch, loss)
        >>> list(found.activations), found.exploding
        (['0 dense', '1 relu', '2 dense'], ())

    Args:
        model: a layer, such as `nn.serial(...)`.
        params: the parameters of the model.
        state: the state of the model.
        batch: examples and labels.
        loss: `loss(outputs, labels) -> [B]`, or `[B, ...]`.
        key: for layers that draw, such as dropout.

    Raises:
        ValueError: a layer draws and `key` is None.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward
    neural networks, 2010.
    """
    model = as_layer(model)
    if model.join is None:
        model, params, state = serial(model), (params,), (state,)

    def cost(nudges):
        outputs: dict[str, jax.Array] = {}
        probed = _probed(model, "", nudges, outputs)
        y, _ = probed.apply(params, state, batch.inputs, key=key, train=True)
        return jnp.mean(loss(y, batch.labels)), outputs

    _, shapes = jax.eval_shape(cost, {})
    nudges = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
    gradients, outputs = jax.grad(cost, has_aux=True)(nudges)
    return Signal(
        _root_mean_square(batch.inputs),
        {name: jnp.sqrt(jnp.mean(outputs[name] ** 2)) for name in _in_order(outputs)},
        {name: jnp.linalg.norm(gradients[name].ravel()) for name in _in_order(outputs)},
    )


def _probed(
    layer: Layer, place: str, nudges: dict[str, Any], outputs: dict[str, jax.Array]
) -> Layer:
    """Returns the layer that also writes each part's output, nudged, to `outputs`.

    The gradient with respect to a nudge of zeros is that with respect to the output.
    """
    if layer.join is not None:
        parts = (
            _probed(part, f"{place}.{i}" if place else str(i), nudges, outputs)
            for i, part in enumerate(layer.parts)
        )
        return layer.join(*parts)
    name = f"{place} {layer.name}".rstrip()

    def apply(params, state, x, *, key=None, train=False):
        y, state = layer.apply(params, state, x, key=key, train=train)
        if jnp.issubdtype(y.dtype, jnp.inexact):  # others have no gradient
            y = outputs[name] = y + nudges.get(name, 0)
        return y, state

    return layer._replace(apply=apply)


def _root_mean_square(inputs: Any) -> jax.Array:
    """Returns it over all numbers of the inputs, one array or a dict of them."""
    means = [jnp.mean(jnp.square(x)) for x in jax.tree.leaves(inputs)]
    if len(means) == 1:
        return jnp.sqrt(means[0])
    sizes = jnp.array([x.size for x in jax.tree.leaves(inputs)])
    return jnp.sqrt(jnp.average(jnp.stack(means), weights=sizes))


def _in_order(names: Iterable[str]) -> list[str]:
    """Returns names in the order of the layers. JAX sorts dict keys as text."""
    return sorted(names, key=lambda name: [int(i) for i in name.split()[0].split(".")])


def _far(norms: Signal, is_far: Callable[[Any], Any]) -> tuple[str, ...]:
    """Returns the layers where activations or gradients are far from their start."""
    names = _in_order(norms.activations)
    forward = [np.asarray(norms.activations[name]) for name in names]
    back = [np.asarray(norms.gradients[name]) for name in names]
    start = np.asarray(norms.inputs)
    return tuple(
        name
        for name, a, g in zip(names, forward, back, strict=True)
        if np.any(is_far(_ratio(a, start)) | is_far(_ratio(g, back[-1])))
    )


def _ratio(norm: Any, start: Any) -> Any:
    """Returns `norm / start`; 0 for a norm of 0, whatever the start."""
    with np.errstate(all="ignore"):  # inf / inf is NaN, which is far
        return np.where(norm == 0, 0, norm / np.where(norm == 0, 1, start))
