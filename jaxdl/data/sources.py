"""Real data by name: `load("digits")`, `load("fashion_mnist")`."""

import importlib.util
import os
import shutil
import urllib.request
from pathlib import Path

import numpy as np

from jaxdl.data.about import DataError
from jaxdl.data.arrays import from_arrays
from jaxdl.data.dataset import Dataset, Splits
from jaxdl.data.idx import read_idx
from jaxdl.data.normalize import normalize
from jaxdl.data.permutation import permutation
from jaxdl.data.split import split
from jaxdl.extras import library
from jaxdl.keys import as_key
from jaxdl.paths import as_path

DIGITS = "datasets/data/digits.csv.gz"  # of scikit-learn
FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FASHION_MNIST_SHA256 = {  # of the decompressed content
    "train-images-idx3-ubyte": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}
FASHION_MNIST_FOLDERS = (Path("/usr/share/datasets/fashion-mnist"),)
FASHION_MNIST_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
    "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FASHION_MNIST_DEV = 10_000  # examples of the train files that become the dev set


def load(name: str) -> Splits:
    """Returns a real data set, split and normalized with the train moments.

    - `digits`: 1,797 scans of handwritten digits, `[m, 64]` grey values, 10 classes, in
      scikit-learn (extra `sklearn`); split 60:20:20 by a fixed shuffle.
    - `fashion_mnist`: 70,000 pictures of clothes, `[m, 28, 28, 1]` grey values, 10
      classes. The test set is the official one. The dev set is 10,000 of the official
      train examples, chosen by a fixed shuffle. The four IDX files, plain or `.gz`, are
      looked for in this order: in the folder named by the environment variable
      `JAXDL_FASHION_MNIST`, in the folder of Debian's package `dataset-fashion-mnist`,
      in the user's cache. Otherwise they are downloaded to the cache. Their content
      must always have the pinned SHA-256.

        >>> digits = dl.data.load("digits")
        >>> digits.train.inputs.shape, digits.num_classes
        ((1078, 64), 10)

    Args:
        name: one of the above.

    Raises:
        DataError: the name is unknown, or the files are not the data set.
        ImportError: scikit-learn is missing.
        OSError: files cannot be read or downloaded.

    Sources: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998; Xiao
    et al., Fashion-MNIST, 2017.
    """
    sources = {"digits": _digits, "fashion_mnist": _fashion_mnist}
    if name not in sources:
        raise DataError(f"got data set {name!r}; expected one of {sorted(sources)}")
    return normalize(sources[name]())


def _digits() -> Splits:
    inputs, labels = _scans()
    scans = from_arrays(inputs.astype(np.float32), labels, classes=10)
    return split(scans, key=as_key(0))


def _scans() -> tuple[np.ndarray, np.ndarray]:
    """Returns grey values `[m, 64]` and labels `[m]`.

    They are read from scikit-learn's file, since importing it takes a second.
    """
    package = importlib.util.find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        if (file := Path(folder) / DIGITS).is_file():
            table = np.loadtxt(file, delimiter=",")
            return table[:, :-1], table[:, -1].astype(int)
    # It is not installed, or a version of it that has the file elsewhere.
    datasets = library("sklearn.datasets", "sklearn", "the scans of load('digits')")
    return datasets.load_digits(return_X_y=True)


def _fashion_mnist() -> Splits:
    train_inputs, train_labels, test_inputs, test_labels = (
        read_idx(_fashion_mnist_file(name), sha256=digest)
        for name, digest in FASHION_MNIST_SHA256.items()
    )
    order = permutation(as_key(0), len(train_labels))
    dev, train = np.split(order, [FASHION_MNIST_DEV])
    return Splits(
        _pictures(train_inputs[train], train_labels[train]),
        _pictures(train_inputs[dev], train_labels[dev]),
        _pictures(test_inputs, test_labels),
    )


def _pictures(pixels: np.ndarray, labels: np.ndarray) -> Dataset:
    """Returns grey pictures `[m, H, W]` as inputs `[m, H, W, 1]` from 0 to 1."""
    inputs = pixels[..., None].astype(np.float32) / 255
    return from_arrays(inputs, labels, classes=FASHION_MNIST_CLASSES)


def _fashion_mnist_file(name: str) -> Path:
    """Returns the path of an IDX file. Downloads the file if no folder has it."""
    named = os.environ.get("JAXDL_FASHION_MNIST")
    cache = cache_folder() / "fashion-mnist"
    folders = (as_path(named),) if named else (*FASHION_MNIST_FOLDERS, cache)
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    if named:
        raise FileNotFoundError(
            f"the folder that JAXDL_FASHION_MNIST names, {named}, has neither {name} "
            f"nor {name}.gz; expected the four files of Fashion-MNIST"
        )
    return _download(
        FASHION_MNIST_URL + f"{name}.gz",
        cache / f"{name}.gz",
        FASHION_MNIST_SHA256[name],
    )


def cache_folder() -> Path:
    """Returns the user's folder for files that this package can get again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jaxdl"


def _download(url: str, path: Path, sha256: str) -> Path:
    """Downloads `url` to `path`, checks the digest and returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{os.getpid()}.{path.name}")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, open(part, "wb") as to:
            shutil.copyfileobj(answer, to)
        read_idx(part, sha256=sha256)
        part.replace(path)
    except (DataError, OSError) as error:
        raise OSError(
            f"could not download {url} ({error}): install Debian's package "
            "dataset-fashion-mnist, or put the four IDX files into a folder and name "
            "it in the environment variable JAXDL_FASHION_MNIST"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path
