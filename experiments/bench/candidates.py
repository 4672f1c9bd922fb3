"""How long does a search with cross-validation take, from the start of Python on?

python -m experiments.bench.candidates [--repeats 5] [--out FOLDER]

32 candidates on 5 folds of digits, networks 64-64-10 in batches of 64, all epochs, each
of them in a process of its own, so that imports and compilation are in. One seed a
repeat; the arms take turns. The score is the accuracy on 400 examples of other writers.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

from experiments.bench.race import cores, say
from experiments.bench.record import repeated
from experiments.bench.table import heading, row, spread

CANDIDATES, FOLDS, UNITS, BATCH_SIZE, TRAIN = 32, 5, 64, 64, 1397
EPOCHS = (10, 50, 200)
ARMS = ("jaxdl", "MLPClassifier")


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "--arm":
        print(json.dumps(of_arm()))
    else:
        repeated("candidates", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns what each arm takes and finds, by epochs, one for each repeat."""
    found: dict[str, Any] = {}
    for epochs in EPOCHS:
        found[str(epochs)] = {arm: [] for arm in ARMS}
        for seed in range(repeats):
            say(f"{epochs} epochs: repeat {seed + 1} of {repeats}")
            for arm in reversed(ARMS) if seed % 2 else ARMS:
                found[str(epochs)][arm].append(timed(arm, epochs, seed))
    return {"epochs": found}


def timed(arm: str, epochs: int, seed: int) -> dict[str, float]:
    """Returns wall and processor seconds of a process, and the score that it prints."""
    arguments = ["--arm", arm, str(epochs), str(seed)]
    command = [sys.executable, "-m", f"{__package__}.candidates", *arguments]
    environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    before, began = processor_time(), time.perf_counter()
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    seconds = time.perf_counter() - began
    used = processor_time() - before
    return {"seconds": seconds, "processor": used, **json.loads(done.stdout)}


def processor_time() -> float:
    """Returns the processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def of_arm() -> dict[str, float]:
    """Returns the scores of the arm that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--arm", nargs=3)
    arm, epochs, seed = parser.parse_args().arm
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    search = (of_jaxdl if arm == "jaxdl" else of_scikit_learn)(int(epochs), int(seed))
    search.fit(x[:TRAIN], y[:TRAIN])
    score = float(search.score(x[TRAIN:], y[TRAIN:]))
    return {"score": score, "folds": float(search.best_score_)}


def of_jaxdl(epochs: int, seed: int) -> Any:
    from jaxdl import LogUniform
    from jaxdl.interop.sklearn import JaxdlClassifier, SweepSearchCV

    model = JaxdlClassifier(
        (UNITS,), batch_size=BATCH_SIZE, epochs=epochs, patience=None, random_state=seed
    )
    space = {
        "learning_rate": LogUniform(1e-4, 1e-1),
        "weight_decay": LogUniform(1e-4, 1.0),
    }
    return SweepSearchCV(model, space, n_iter=CANDIDATES, cv=FOLDS, random_state=seed)


def of_scikit_learn(epochs: int, seed: int) -> Any:
    import warnings

    from scipy.stats import loguniform
    from sklearn.model_selection import RandomizedSearchCV
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    warnings.simplefilter("ignore")  # of networks that have not converged
    os.environ["PYTHONWARNINGS"] = "ignore"  # in the processes of joblib too
    network = MLPClassifier(
        (UNITS,), batch_size=BATCH_SIZE, max_iter=epochs, tol=0.0,
        n_iter_no_change=epochs, random_state=seed,
    )  # fmt: skip
    space = {
        "mlpclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
        "mlpclassifier__alpha": loguniform(1e-4, 1.0),
    }
    return RandomizedSearchCV(
        make_pipeline(StandardScaler(), network), space, n_iter=CANDIDATES, cv=FOLDS,
        n_jobs=cores(), random_state=seed,
    )  # fmt: skip


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table."""
    names = "epochs", "search", "seconds", "processor seconds", "accuracy", "speed"
    lines = [heading(record), row(names), row(["---"] * len(names))]
    for epochs, arms in record["epochs"].items():
        base = [one["seconds"] for one in arms["MLPClassifier"]]
        for arm, runs in arms.items():
            columns = [[one[k] for one in runs] for k in ("seconds", "processor")]
            speeds = [a / b for a, b in zip(base, columns[0], strict=True)]
            scores = [one["score"] for one in runs]
            cells = [*map(spread, columns), spread(scores), spread(speeds)]
            lines.append(row([epochs, arm, *cells]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
