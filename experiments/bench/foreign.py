"""How fast do models of other libraries train, beside the same one of jaxdl's layers?

python -m experiments.bench.foreign [--repeats 5] [--out FOLDER]

Digits, 256 members of 64-64-10 with batch norm, dropout and Adam, as `arms` times them.
"""

from collections.abc import Callable
from typing import Any

import jaxdl as dl
from experiments.bench.arms import BATCH_SIZE, UNITS, arm, in_turn, markdown
from experiments.bench.foreign_models import Equinox, Linen, Nnx
from experiments.bench.record import repeated
from jaxdl import interop, nn, optim


def own(keep_prob: Any) -> nn.Layer:
    hidden = nn.dense(UNITS, use_bias=False), nn.batch_norm(), nn.relu
    return nn.serial(*hidden, nn.dropout(keep_prob), nn.dense(10))


NETWORKS: dict[str, Callable[[Any], nn.Layer]] = {
    "jaxdl": own,
    "Linen": lambda p: interop.linen(Linen(p, UNITS)),
    "NNX": lambda p: interop.nnx(lambda shape, rngs: Nnx(shape, p, rngs, UNITS)),
    "Equinox": lambda p: interop.equinox(
        lambda shape, key: Equinox(shape, p, key, UNITS)
    ),
}


def main() -> None:
    repeated("foreign", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns microseconds of a member-step of each network, one for each repeat."""
    arms = {name: arm(recipe_of(network)) for name, network in NETWORKS.items()}
    return in_turn(arms, repeats)


def recipe_of(network: Callable[[Any], nn.Layer]) -> Callable[[Any], dl.Recipe]:
    def recipe(hp):
        model, optimizer = network(hp["keep_prob"]), optim.adam(hp["rate"])
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, optimizer, loss, batch_size=BATCH_SIZE)

    return recipe


if __name__ == "__main__":
    main()
