"""What do fewer bits in the factors of matrix products cost in accuracy?

    python experiments/precision.py

Two networks, on scanned digits and on 10,000 pictures of clothes, each swept three
times with the same key, so that 64 members differ in nothing but the precision of their
matrix products: the same hyperparameters, first weights, masks and batches. Where a
device has no tensorfloat32, such as a CPU, it computes in float32.

Result on 2 cores of an AMD EPYC (Zen 5), jax 0.10.1, 20 epochs, dev error at the end,
mean ± standard error over the 64 members: digits 3.81 ± 0.20 % in float32, with
bfloat16 less by 0.10 ± 0.10; clothes 18.3 ± 0.9 % in float32, with bfloat16 more by
0.31 ± 0.25. The best members differ by as much. Of tensorfloat32 nothing is known here.
"""

from typing import Any, NamedTuple

import jax
from numpy.typing import NDArray

import jaxdl as dl
from jaxdl import nn, optim, terminal

PRECISIONS = ("float32", "tensorfloat32", "bfloat16")


class Hparams(NamedTuple):
    learning_rate: float
    beta1: float
    keep_prob: float
    l2: float
    precision: str


SPACE = Hparams(
    learning_rate=dl.LogUniform(1e-3, 1e-1),
    beta1=dl.OneMinusLogUniform(0.8, 0.99),
    keep_prob=dl.Uniform(0.6, 1.0),
    l2=dl.LogUniform(1e-3, 1.0),
    precision="float32",
)


def recipe(hp: Hparams) -> dl.Recipe:
    def hidden():
        return nn.serial(
            nn.dense(64, use_bias=False),
            nn.batch_norm(),
            nn.relu,
            nn.dropout(hp.keep_prob),
        )

    return dl.Recipe(
        model=nn.serial(nn.flatten, hidden(), hidden(), nn.dense(10)),
        optimizer=optim.adam(hp.learning_rate, beta1=hp.beta1),
        loss=nn.softmax_cross_entropy,
        penalty=nn.l2(hp.l2),
        precision=hp.precision,
    )


def final_errors(data: dl.data.Splits, precision: str, **size: Any) -> NDArray:
    """Returns the dev error of every member at the end, in percent, `[members]`."""
    space = SPACE._replace(precision=precision)
    key = jax.random.key(0)
    result = dl.sweep(recipe, space, data, key=key, progress=False, **size)
    return 100 * result.final()["dev_error"]


def summary(name: str, errors: dict[str, NDArray]) -> list[list]:
    """Returns a row for each precision: dev errors, and the difference to float32.

    Args:
        name: of the data.
        errors: dev errors in percent, `[members]`, by precision.
    """
    exact = errors["float32"]
    return [
        [name, precision, mean_and_error(e), mean_and_error(e - exact), float(e.min())]
        for precision, e in errors.items()
    ]


def mean_and_error(values: NDArray) -> str:
    """Returns the mean ± its standard error."""
    error = values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.3f} ± {error:.3f}"


def main() -> None:
    clothes = dl.data.load("fashion_mnist")
    train = clothes.train[:10_000]
    sets = {
        "digits": dl.data.load("digits"),
        "fashion_mnist": clothes._replace(train=train),
    }
    names = ["data", "precision", "dev error %", "less float32's", "least %"]
    rows = []
    for name, data in sets.items():
        size = {"members": 64, "epochs": 20}
        errors = {p: final_errors(data, p, **size) for p in PRECISIONS}
        rows += summary(name, errors)
    print(terminal.table(names, rows))


if __name__ == "__main__":
    dl.enable_compilation_cache()
    main()
