"""What does a choice cost? One program with all options, beside one with the first.

    python -m experiments.bench.choices [--repeats 9] [--out FOLDER]

Digits, 256 members of 64-64-10 with batch norm, dropout and Adam, timed as `foreign`
times them: processor time, compilation left out, the arms in turn.
"""

from typing import Any

import jaxdl as dl
from experiments.bench.foreign import BATCH_SIZE, SPACE, UNITS, in_turn, markdown
from experiments.bench.record import repeated
from jaxdl import nn, optim

ACTIVATIONS = {"relu": nn.relu, "tanh": nn.tanh, "sigmoid": nn.sigmoid}
OPTIMIZERS = {"adam": optim.adam, "momentum": optim.momentum}
SPACE = SPACE | {
    "activation": dl.Among(ACTIVATIONS),
    "optimizer": dl.Among([*OPTIMIZERS]),
}


def main() -> None:
    repeated("choices", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns microseconds of a member-step of each arm, one for each repeat."""
    recipes = {
        "no choice": lambda hp: recipe(hp, "relu", "adam"),
        "three activations": lambda hp: recipe(hp, hp["activation"], "adam"),
        "two optimizers": lambda hp: recipe(hp, "relu", hp["optimizer"]),
        "both": lambda hp: recipe(hp, hp["activation"], hp["optimizer"]),
    }
    return in_turn(recipes, repeats, SPACE)


def recipe(hp: Any, activation: Any, optimizer: Any) -> dl.Recipe:
    """Returns the network with an activation and an optimizer, or choices of them."""
    optimizers = {name: make(hp["rate"]) for name, make in OPTIMIZERS.items()}
    model = nn.serial(
        nn.dense(UNITS, use_bias=False),
        nn.batch_norm(),
        nn.among(activation, ACTIVATIONS),
        nn.dropout(hp["keep_prob"]),
        nn.dense(10),
    )
    return dl.Recipe(
        model=model,
        optimizer=optim.among(optimizer, optimizers),
        loss=nn.softmax_cross_entropy,
        batch_size=BATCH_SIZE,
    )


if __name__ == "__main__":
    main()
