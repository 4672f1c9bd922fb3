"""Data: checks, weights, real sources."""

import gzip
import hashlib
import struct

import jax
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from jaxdl import data
from jaxdl.data import sources


def dataset(m=100, features=3):
    rng = np.random.default_rng(0)
    return data.from_arrays(rng.normal(5, 2, (m, features)), np.arange(m) % 4)


def changed(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


INPUTS, LABELS = np.ones((6, 3)), np.zeros(6, int)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (
            changed(INPUTS, (4, 2), np.nan),
            LABELS,
            "got nan in the inputs.*row 4, column",
        ),
        (changed(INPUTS, (1, 0), -np.inf), LABELS, r"got -inf.*row 1, column \[0\]"),
        (INPUTS, changed(LABELS * 1.0, 3, np.nan), "got nan in the labels.*row 3"),
        (INPUTS, changed(LABELS, 2, -1), "got label -1 in row 2"),
        (INPUTS, LABELS[:5], "got 6 inputs and 5 labels"),
        (INPUTS[:0], LABELS[:0], "got no examples"),
        (changed(INPUTS, (0, 0), 1e39), LABELS, "finite in float32"),
        (INPUTS, changed(LABELS, 1, 2**31), "got label 2147483648 in row 1"),
        (INPUTS[:, 0], LABELS, r"got inputs \[6\]"),
        (INPUTS.astype(str), LABELS, "expected real numbers"),
        (INPUTS, np.array(["cat"] * 6), "expected real numbers"),
        (INPUTS.astype(object), LABELS, "expected real numbers"),
    ],
)
def test_arrays_that_cannot_be_trained_on_are_refused(inputs, labels, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(inputs, labels)


def test_the_sets_must_fit_each_other():
    good, wider = dataset(), dataset(features=4)
    with pytest.raises(data.DataError, match=r"float64\[100, 4\] in the dev set"):
        data.check(data.Splits(good, wider, good))
    with pytest.raises(data.DataError, match="no examples in the test set"):
        data.check(
            data.Splits(good, good, data.Dataset(good.inputs[:0], good.labels[:0]))
        )
    data.check(data.Splits(good, good, good))


def test_integers_that_float32_would_round_stay_apart():
    times = 1_700_000_000 + np.arange(5)[:, None]
    kept = data.from_arrays(times, np.zeros(5, int)).inputs
    assert kept.dtype == np.float64
    np.testing.assert_array_equal(kept, times)
    assert data.from_arrays(times % 7, np.zeros(5, int)).inputs.dtype == np.float32


def test_another_byte_order_is_turned_round_or_refused():
    swapped = np.arange(6.0).reshape(3, 2).astype(">f8")
    kept = data.from_arrays(swapped, np.zeros(3, ">i4"))
    assert kept.inputs.dtype == np.float64 and kept.labels.dtype.isnative
    np.testing.assert_array_equal(kept.inputs, swapped)
    raw = data.Dataset(swapped, np.zeros(3, int))
    with pytest.raises(data.DataError, match="byte order: use data.from_arrays"):
        data.check(data.Splits(raw, raw, raw))


def test_integer_one_hot_labels_have_as_many_classes_as_columns():
    one_hot = data.Dataset(np.ones((6, 2)), np.eye(6, 3, dtype=int))
    assert data.Splits(one_hot, one_hot, one_hot).num_classes == 3


WEIGHTS = np.linspace(0, 2, 100)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (WEIGHTS[:99], r"weights float64\[99\] for 100 examples"),
        (WEIGHTS[:, None], r"weights float64\[100, 1\]"),
        (
            np.where(np.arange(100) == 7, np.nan, WEIGHTS),
            "got nan in the weights.*row 7",
        ),
        (WEIGHTS - 1, "weights from -1.0 to 1.0.*expected none below 0"),
        (0 * WEIGHTS, "weights from 0.0 to 0.0.*some above"),
        (np.full(100, "1"), "weights <U1"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(np.ones((100, 2)), np.zeros(100, int), weights)


def test_weights_stay_with_their_examples():
    inputs = np.arange(100.0)[:, None]
    whole = data.from_arrays(inputs, np.arange(100) % 2, WEIGHTS)
    splits = data.normalize(data.split(whole, key=jax.random.key(0)))
    for part in splits.sets.values():
        raw = part.inputs * splits.moments.scale + splits.moments.mean
        np.testing.assert_allclose(
            part.weights, WEIGHTS[np.round(raw[:, 0]).astype(int)]
        )
    data.check(splits)


def test_class_weights_are_scikit_learns_balanced_ones():
    labels = np.random.default_rng(0).choice(4, 500, p=[0.7, 0.2, 0.07, 0.03])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    weights = data.class_weights(labels)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert weights[labels].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2, 2], "got 2 classes up to 2"),
        ([0, 2**40], "got 2 classes up to 1099511627776"),
        ([0.0, 1.0], r"labels float64\[2\]; expected integers"),
        ([-1, 0], "expected integers from 0"),
        (np.zeros(0, int), "got 0 classes"),
    ],
)
def test_labels_without_class_weights_are_refused(labels, message):
    with pytest.raises(data.DataError, match=message):
        data.class_weights(labels)


def test_what_is_no_splits_of_arrays_is_refused():
    with pytest.raises(data.DataError, match="got data of type tuple"):
        data.check((1, 2, 3))
    lists = data.Dataset([[1.0]], [0])
    with pytest.raises(data.DataError, match="use data.from_arrays"):
        data.check(data.Splits(lists, lists, lists))


def test_number_of_classes_and_steps():
    splits = data.split(dataset(), key=jax.random.key(0))
    assert splits.num_classes == 4
    assert [splits.steps_per_epoch(b) for b in (1, 59, 60, 30)] == [60, 2, 1, 2]
    one_hot = data.Dataset(INPUTS, np.eye(6)[:, :5])
    assert data.Splits(one_hot, one_hot, one_hot).num_classes == 5
    regression = data.Dataset(INPUTS, np.ones(6))
    with pytest.raises(data.DataError, match="no number of classes"):
        _ = data.Splits(regression, regression, regression).num_classes


# sources


def test_digits_are_real_split_and_normalized(digits):
    sizes = {name: len(d.inputs) for name, d in digits.sets.items()}
    assert sizes == {"train": 1078, "dev": 360, "test": 359}
    assert digits.train.inputs.shape == (1078, 64)
    assert digits.num_classes == 10
    varying = digits.train.inputs.std(0) > 0
    assert varying.sum() > 50
    np.testing.assert_allclose(digits.train.inputs.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(digits.train.inputs.std(0)[varying], 1, rtol=1e-4)


def test_an_unknown_data_set_is_refused():
    with pytest.raises(data.DataError, match=r"got data set 'mnist'; expected one of"):
        data.load("mnist")


def idx(array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


@pytest.fixture
def small_fashion(tmp_path, monkeypatch):
    """A folder with four small files in place of Fashion-MNIST's."""
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (60, 28, 28), np.uint8),
        "train-labels-idx1-ubyte": np.arange(60, dtype=np.uint8) % 10,
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (20, 28, 28), np.uint8),
        "t10k-labels-idx1-ubyte": np.arange(20, dtype=np.uint8) % 10,
    }
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        digest = hashlib.sha256(idx(array)).hexdigest()
        monkeypatch.setitem(sources.FASHION_MNIST_SHA256, name, digest)
    monkeypatch.setattr(sources, "FASHION_MNIST_DEV", 10)
    monkeypatch.setenv("JAXDL_FASHION_MNIST", str(tmp_path))
    return tmp_path


def test_fashion_mnist_comes_from_the_folder_that_is_named(small_fashion):
    splits = data.load("fashion_mnist")
    shapes = [d.inputs.shape for d in splits.sets.values()]
    assert shapes == [(50, 28, 28, 1), (10, 28, 28, 1), (20, 28, 28, 1)]
    assert splits.num_classes == 10


def test_a_file_with_other_content_is_refused(small_fashion):
    path = small_fashion / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(60, np.uint8))))
    with pytest.raises(data.DataError, match="another SHA-256"):
        data.load("fashion_mnist")


def test_a_named_folder_without_the_files_is_an_error(small_fashion):
    (small_fashion / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="JAXDL_FASHION_MNIST names"):
        data.load("fashion_mnist")


def test_files_are_downloaded_once_and_kept(small_fashion, monkeypatch, tmp_path):
    served, cache = small_fashion, tmp_path / "cache"
    monkeypatch.delenv("JAXDL_FASHION_MNIST")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(sources, "FASHION_MNIST_FOLDERS", ())
    monkeypatch.setattr(sources, "FASHION_MNIST_URL", served.as_uri() + "/")
    first = data.load("fashion_mnist")
    kept = sorted(path.name for path in (cache / "jaxdl" / "fashion-mnist").iterdir())
    assert kept == sorted(f"{name}.gz" for name in sources.FASHION_MNIST_SHA256)
    monkeypatch.setattr(sources, "FASHION_MNIST_URL", "file:///nowhere/")
    np.testing.assert_array_equal(data.load("fashion_mnist")[0][0], first[0][0])


def test_a_truncated_download_is_not_kept(small_fashion, monkeypatch, tmp_path):
    cache = tmp_path / "cache"
    monkeypatch.delenv("JAXDL_FASHION_MNIST")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(sources, "FASHION_MNIST_FOLDERS", ())
    monkeypatch.setattr(sources, "FASHION_MNIST_URL", small_fashion.as_uri() + "/")
    path = small_fashion / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match="could not download.*not a whole gzip"):
        data.load("fashion_mnist")
    assert list((cache / "jaxdl" / "fashion-mnist").iterdir()) == []
    path.write_bytes(whole)
    assert data.load("fashion_mnist").num_classes == 10


def test_without_files_or_network_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("JAXDL_FASHION_MNIST", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sources, "FASHION_MNIST_FOLDERS", ())
    monkeypatch.setattr(sources, "FASHION_MNIST_URL", "file:///nowhere/")
    with pytest.raises(OSError, match="install Debian's package dataset-fashion-mnist"):
        data.load("fashion_mnist")


@pytest.mark.skipif(
    not sources.FASHION_MNIST_FOLDERS[0].is_dir(), reason="Fashion-MNIST is missing"
)
def test_fashion_mnist_is_the_real_one():
    splits = data.load("fashion_mnist")
    assert [len(d.labels) for d in splits.sets.values()] == [50_000, 10_000, 10_000]
    counts = sum(np.bincount(d.labels) for d in (splits.train, splits.dev))
    np.testing.assert_array_equal(counts, [6000] * 10)
    # The known mean grey values of the train and test pictures are 72.94 and 73.15.
    raw = splits.test.inputs * splits.moments.scale + splits.moments.mean
    assert raw.mean() * 255 == pytest.approx(73.15, abs=0.01)
