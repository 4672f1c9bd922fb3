"""What does a choice cost? One program with all options, beside one with the first.

python -m experiments.bench.choices [--repeats 6] [--out FOLDER]

Digits, 256 members of 64-64-10 with batch norm, dropout and Adam, as `arms` times them.
"""

from typing import Any

import jaxdl as dl
from experiments.bench import arms
from experiments.bench.record import repeated
from jaxdl import nn, optim

ACTIVATIONS = {"relu": nn.relu, "tanh": nn.tanh, "sigmoid": nn.sigmoid}
OPTIMIZERS = {"adam": optim.adam, "momentum": optim.momentum}
SPACE = arms.SPACE | {
    "activation": dl.Among(ACTIVATIONS),
    "optimizer": dl.Among([*OPTIMIZERS]),
}


def main() -> None:
    repeated("choices", measurements, arms.markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns microseconds of a member-step of each arm, one for each repeat."""
    recipes = {
        "no choice": lambda hp: recipe(hp, "relu", "adam"),
        "three activations": lambda hp: recipe(hp, hp["activation"], "adam"),
        "two optimizers": lambda hp: recipe(hp, "relu", hp["optimizer"]),
        "both": lambda hp: recipe(hp, hp["activation"], hp["optimizer"]),
    }
    given = {name: arms.arm(own, SPACE) for name, own in recipes.items()}
    return arms.in_turn(given, repeats)


def recipe(hp: Any, activation: Any, optimizer: Any) -> dl.Recipe:
    """Returns the network with an activation and an optimizer, or choices of them."""
    optimizers = {name: make(hp["rate"]) for name, make in OPTIMIZERS.items()}
    model = nn.serial(
        nn.dense(arms.UNITS, use_bias=False),
        nn.batch_norm(),
        nn.among(activation, ACTIVATIONS),
        nn.dropout(hp["keep_prob"]),
        nn.dense(10),
    )
    return dl.Recipe(
        model=model,
        optimizer=optim.among(optimizer, optimizers),
        loss=nn.softmax_cross_entropy,
        batch_size=arms.BATCH_SIZE,
    )


if __name__ == "__main__":
    main()
