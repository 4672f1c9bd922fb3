"""Records: their rows, and what is refused as one."""

import os

import ml_dtypes
import numpy as np
import pytest

from jaxdl import runs
from jaxdl.runs import records
from tests.runs.harm import change
from tests.runs.processes import query, record, same

NAN, INF = float("nan"), float("inf")


LEAST, MOST = np.iinfo(np.int32).min, np.iinfo(np.int32).max
DONE = runs.Record(
    0, np.array([2, 0]), 2, 5, np.int8([1, -1]), np.array([LEAST, MOST]),
    np.array([7, 0], np.uint64), np.array([True, False]),
    {"exact": np.array([[-0.0, 1 / 3], [5e-324, 2.0], [2**53 + 0.0, 1e308]]),
     "dev_error": np.float32([[0.1, NAN], [INF, -INF], [1e-45, 3.4e38]])},
    [np.eye(2), np.int32(7)],
)  # fmt: skip
PLUS = DONE.metrics | {"exact": DONE.metrics["exact"] + 0.0}  # no -0
NAMES = ["dev_error", "exact"]


@pytest.fixture
def begin(tmp_path):
    """Begins a run of three members with some metrics, and returns its store."""
    stores = []

    def begin(metrics):
        stores.append(runs.open_run(tmp_path, {"metrics": metrics}))
        stores[0].enter(0, [0, 1, 2], {}, 5)
        return stores[0]

    yield begin
    stores[0].close()


def test_a_record_is_loaded_as_it_was_committed(begin):
    store = begin(NAMES)
    assert store.commit(DONE) == 1
    (found,) = store.load(0)
    assert same(found, DONE._replace(metrics=PLUS)) and found.id == 1
    assert list(found.metrics) == NAMES  # in the order of the specification
    for name in records.STATUS:
        assert getattr(found, name).dtype == np.int32
    assert {x.dtype for x in found.metrics.values()} == {np.dtype(np.float64)}
    assert found.members.dtype == np.int64


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.float32, np.int8])
def test_metrics_of_other_dtypes_are_exact_in_float64(begin, dtype):
    store, values = begin(["x"]), np.arange(6.0).reshape(3, 2)
    metrics = {"x": values.astype(dtype)}
    store.commit(DONE._replace(metrics=metrics))
    (found,) = store.load(0)
    np.testing.assert_array_equal(found.metrics["x"], values)


def test_rows_are_plain_and_to_rows_and_from_rows_are_inverse():
    index = {"arrays": [["bool", []]], "sha256": "0"}
    stored = records.to_rows(DONE, NAMES, index)
    assert stored[:3] == (0, 2, 5)
    assert stored.arrays == '{"arrays": [["bool", []]], "sha256": "0"}'
    assert stored.status.tolist() == [[2, 1, LEAST, 7, 1], [0, -1, MOST, 0, 0]]
    small, large = np.float32([1e-45, 3.4e38]).astype(float)
    assert repr(stored.metrics.tolist()) == repr(
        [[float(np.float32(0.1)), 0.0], [INF, 5e-324], [float(small), 2.0**53],
         [NAN, 1 / 3], [-INF, 2.0], [float(large), 1e308]]
    )  # fmt: skip
    found, read = records.from_rows(stored, NAMES, records.digest(stored))
    assert read == index and found.arrays is None
    assert same(found, DONE._replace(metrics=PLUS))
    again = records.to_rows(found, NAMES, index)
    assert records.digest(again) == records.digest(stored)


def test_any_change_of_the_rows_changes_their_digest():
    stored = records.to_rows(DONE, NAMES, None)
    changed = [
        stored._replace(rung=1), stored._replace(first=1), stored._replace(until=6),
        stored._replace(arrays="[]"), stored._replace(status=stored.status[::-1]),
        stored._replace(metrics=stored.metrics[1:]),
        stored._replace(metrics=stored.metrics[:, ::-1]),
        stored._replace(metrics=stored.metrics.reshape(4, 3)),
    ]  # fmt: skip
    digests = {records.digest(one) for one in (stored, *changed)}
    assert len(digests) == 1 + len(changed)
    for one in changed:
        with pytest.raises(runs.DamagedError, match="expected those written"):
            records.from_rows(one, NAMES, records.digest(stored))


@pytest.mark.parametrize("metrics", [[], ["x"]])
def test_a_record_may_have_no_epochs_metrics_or_arrays(begin, metrics):
    store, one = begin(metrics), np.ones(1, np.int32)
    bare = runs.Record(
        0, np.array([2]), 3, 3, one, one, one, one,
        {name: np.empty((0, 1)) for name in metrics}, [],
    )  # fmt: skip
    longer = {name: np.ones((3, 1)) for name in metrics}
    dropped = bare._replace(first=0, metrics=longer, arrays=None)
    for done in (bare, dropped):
        store.commit(done)
    assert all(map(same, store.load(0), (bare, dropped)))
    kept = query(store.folder, "SELECT kept FROM records")
    assert kept == [("all",), ("none",)]


@pytest.mark.parametrize(
    "other",
    [
        {"rung": -1}, {"rung": 7}, {"rung": 0.0}, {"rung": True}, {"rung": None},
        {"members": np.array([0, 8])}, {"members": np.array([1, 1])},
        {"members": np.array([0])}, {"members": np.array([], int)},
        {"members": np.array([0.5, 1])}, {"members": np.array(["a", "b"])},
        {"first": 3}, {"first": -1}, {"first": "0"}, {"until": 3}, {"until": 2.0},
        {"status": np.zeros(3, int)}, {"status": np.zeros((2, 1), int)},
        {"stopped_at": np.array([0.5, 1])}, {"stopped_at": np.array([NAN, 1])},
        {"steps": np.array([2**31, 0])}, {"steps": np.array([2**64 - 1, 0], "u8")},
        {"kept_epoch": np.array(["a", "b"])}, {"kept_epoch": np.array([None, 1])},
        {"status": 0}, {"metrics": {}}, {"metrics": {"dev_error": np.zeros(4)}},
        {"metrics": {"dev_error": np.zeros((2, 3))}},
        {"metrics": {"dev_error": np.zeros((2, 2), complex)}},
        {"metrics": {"dev_loss": np.zeros((2, 2))}},
        {"metrics": {"dev_error": np.zeros((2, 2)), "more": np.zeros((2, 2))}},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_does_not_fit_is_refused_and_the_next_one_is_not(store, other):
    with pytest.raises(ValueError, match="expected"):
        store.commit(record(members=(1, 2))._replace(**other))
    assert [r.id for r in store.load(0)] == [1]
    number = store.commit(record(members=(1, 2)))
    assert store.files() == {"1.bin", f"{number}.bin"}
    assert set(os.listdir(store.folder / "checkpoints")) == store.files()


def test_numpy_integers_are_counts(store):
    done = record(np.int64(3), first=np.int8(2), rung=np.int8(0), members=(1, 2))
    store.commit(done)
    assert same(store.load(0)[1], done)
    store.enter(np.int64(1), np.array([1]), {"n": [np.int64(3)]}, np.int32(4))
    store.finish(np.int64(2))
    assert store.finished


def test_members_that_have_not_entered_the_rung_are_named(store):
    with pytest.raises(ValueError, match=r"members \[1, 8\]; .* that entered rung 0"):
        store.commit(record(members=(1, 8)))


def test_names_that_mean_something_in_sql_are_names(begin):
    names = ["select", "order", "group", "rowid", "id", "_", "x" * 64, "status",
             "record", "position", "until", "first"]  # fmt: skip
    store = begin(names)
    metrics = {name: np.full((3, 2), k) for k, name in enumerate(names)}
    store.commit(DONE._replace(metrics=metrics))
    assert same(store.load(0)[0], DONE._replace(metrics=metrics))


def test_arrays_of_a_record_that_are_kept_in_an_unknown_way_keep_their_file(folder):
    change(folder, ("UPDATE records SET kept = 'weights' WHERE id = 1",))
    with runs.read_run(folder) as store:
        assert store.files() == {"1.bin", "2.bin"}
        with pytest.warns(UserWarning, match="'weights' kept; expected all or none"):
            assert [r.id for r in store.load(0)] == [2]


def test_metrics_are_there_as_long_as_a_record_covers_them(store):
    longer = store.commit(record(4))
    assert [r.until for r in store.load(0)] == [2, 4]
    (store.folder / "checkpoints" / f"{longer}.bin").unlink()
    with pytest.warns(UserWarning, match="left out"):
        (left,) = store.load(0)
    assert same(left, record())
    assert query(store.folder, "SELECT DISTINCT epoch FROM metrics") == [(0,), (1,)]
    (store.folder / "checkpoints" / "1.bin").unlink()
    with pytest.warns(UserWarning, match="left out"):
        assert store.load(0) == []
    assert query(store.folder, "SELECT * FROM metrics, status") == []


def test_epochs_trained_again_in_a_later_rung_leave_what_was_before(store):
    store.commit(record(4))
    store.enter(1, [0, 1], {}, 4, parents=[2, 2])
    again = record(4, rung=1, first=1, seed=3)
    store.commit(again)
    assert all(map(same, store.load(0), (record(), record(4))))
    assert same(store.load(1)[0], again)
    (store.folder / "checkpoints" / "3.bin").unlink()
    with pytest.warns(UserWarning, match="left out"):
        assert store.load(1) == []
    assert len(store.load(0)) == 2
    assert query(store.folder, "SELECT COUNT(*) FROM metrics") == [(8,)]
