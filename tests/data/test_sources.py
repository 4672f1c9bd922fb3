"""Real data sets: where their files come from and what they must hold."""

import gzip
import hashlib

import numpy as np
import pytest
from sklearn import datasets

from jaxdl import data
from jaxdl.data import sources
from tests.data.conftest import idx


@pytest.mark.parametrize("file", [sources.DIGITS, "elsewhere.csv.gz"])
def test_digits_are_those_of_scikit_learn(file, monkeypatch):
    monkeypatch.setattr(sources, "DIGITS", file)
    expected = datasets.load_digits(return_X_y=True)
    for ours, theirs in zip(sources._scans(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_digits_are_real_split_and_normalized(digits):
    sizes = {name: len(d.inputs) for name, d in digits.sets.items()}
    assert sizes == {"train": 1078, "dev": 360, "test": 359}
    assert digits.train.inputs.shape == (1078, 64)
    assert digits.num_classes == 10 and digits.classes == tuple("0123456789")
    varying = digits.train.inputs.std(0) > 0
    assert varying.sum() > 50
    np.testing.assert_allclose(digits.train.inputs.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(digits.train.inputs.std(0)[varying], 1, rtol=1e-4)


def test_an_unknown_data_set_is_refused():
    with pytest.raises(data.DataError, match=r"got data set 'mnist'; expected one of"):
        data.load("mnist")


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


def test_fashion_mnist_is_read_from_the_named_folder(small_fashion):
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
    assert first.classes[:2] == ("T-shirt/top", "Trouser")
    assert first.num_classes == len(first.classes) == 10
    kept = sorted(path.name for path in (cache / "jaxdl" / "fashion-mnist").iterdir())
    assert kept == sorted(f"{name}.gz" for name in sources.FASHION_MNIST_SHA256)
    monkeypatch.setattr(sources, "FASHION_MNIST_URL", "file:///nowhere/")
    np.testing.assert_array_equal(
        data.load("fashion_mnist").train.inputs, first.train.inputs
    )


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
