"""What the README promises of the digits sweep; about a minute, so marked heavy."""

import runpy
import time
from pathlib import Path

import numpy as np
import pytest

import jaxdl as dl

DIGITS = Path(__file__).parent.parent / "experiments" / "digits.py"


@pytest.mark.heavy
def test_the_winner_of_256_members_has_at_most_3_percent_test_error_over_5_seeds():
    experiment = runpy.run_path(str(DIGITS))
    recipe, space, data = (experiment[name] for name in ("recipe", "space", "data"))
    errors, seconds = [], []
    for seed in range(5):
        began = time.monotonic()
        result = dl.sweep(recipe, space, data, key=seed, members=256, epochs=20)
        errors.append(result.best().evaluate(data.test)["error"])
        seconds.append(time.monotonic() - began)
    print(f"test errors {np.round(errors, 4)}, seconds {np.round(seconds, 1)}")
    assert np.mean(errors) <= 0.03
