"""How a sweep differs from the run in its folder, in words."""

import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.spaces.plain import to_plain
from jaxdl.sweeps.mismatch import in_words

RECORDED = {"epochs": 2, "members": 12, "key": [0, 0], "programs": {"": "a" * 64}}


@pytest.mark.parametrize(
    ("part", "got", "recorded", "words"),
    [
        ("key", [0, 5], [0, 0], "seed: got 5, recorded 0"),
        ("key", [7, 5], [0, 0], ""),
        ("programs", {"": "b" * 64}, {"": "a" * 64}, "programs: got those of another"),
        ("data", "b" * 64, "a" * 64, "data: got others than those of the run"),
        ("patience", None, 3, ""),
        ("threads", 8, 2, "threads of the CPU: got 8, recorded 2 (to train with as"),
        ("threads", 8, None, "threads of the CPU: got 8, recorded none; runs of older"),
        ("threads", None, 2, ""),  # an accelerator
        ("space", to_plain({"x": dl.Choice([0.1])}), to_plain({"x": dl.Uniform(0, 1)}),
         "x: got 0.1, recorded Uniform(low=0, high=1)"),
        ("space", to_plain({"y": 1}), to_plain({"x": 1}),
         "hyperparameters: got y, recorded x"),
    ],
)  # fmt: skip
def test_a_part_that_differs_is_in_words(part, got, recorded, words):
    found = in_words(part, got, recorded)
    assert found.startswith(words) and bool(found) == bool(words)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": [0, 5]}, "specification: seed: got 5, recorded 0. Expected the same"),
        ({"members": 8}, "members: got 8, recorded 12. Expected at least as many"),
        ({"programs": {}, "members": 8}, "got those of another recipe. Expected the s"),
    ],
)
def test_a_run_of_another_sweep_is_refused_in_words(tmp_path, change, message):
    grows = ("epochs", "members")
    runs.open_run(tmp_path, RECORDED).close()
    with pytest.raises(runs.RunMismatchError) as refused:
        runs.open_run(tmp_path, RECORDED | change, grows=grows, words=in_words)
    assert message in str(refused.value)
