"""What one step of one member costs at least: floating-point operations and bytes.

Layer l is a matrix product of `M_l = rows * k * n` multiply-adds an example: one row
for a dense layer, one a pixel for a convolution. Batch b, P members, 4-byte floats.
"""

from typing import NamedTuple

from experiments.bench.workloads import CLASSES, Workload


class Product(NamedTuple):
    """The matrix product of a layer for one example, `[rows, k] @ [k, n]`."""

    rows: int
    k: int
    n: int

    @property
    def multiplications(self) -> int:
        return self.rows * self.k * self.n


def products(workload: Workload) -> list[Product]:
    """Returns the products of the layers, in order; pools halve height and width."""
    layers, shape = [], workload.shape
    for channels in workload.channels:
        height, width, before = shape
        layers.append(Product(height * width, 3 * 3 * before, channels))
        shape = (height // 2, width // 2, channels)
    features = 1
    for side in shape:
        features *= side
    for units in (*workload.units, CLASSES):
        layers.append(Product(1, features, units))
        features = units
    return layers


def flops(workload: Workload) -> int:
    """Returns `2 b (3 sum_l M_l - M_1)`, matrix products only.

    Three products a layer, forward, for the weights' and for the inputs' gradient; the
    first layer's inputs need none.
    """
    layers = products(workload)
    multiplications = 3 * sum(p.multiplications for p in layers)
    return 2 * workload.batch_size * (multiplications - layers[0].multiplications)


def parameters(workload: Workload, plain: bool) -> int:
    """Returns N: kernels with a bias, or scale and shift in its place, a layer."""
    normalized = len(workload.units) * (not plain)
    layers = products(workload)
    extra = [2 if i < normalized else 1 for i in range(len(layers))]
    return sum(p.k * p.n + e * p.n for p, e in zip(layers, extra, strict=True))


def bytes_moved(workload: Workload, plain: bool, members: int) -> float:
    """Returns `W + A + X`, what a step moves when nothing stays in a cache.

    - `W = 40 N - 4 k_1 n_1`: weights read forward and backward (the first layer's once
      only), the gradient written, and Adam, which reads the gradient, reads and writes
      weights and both averages: 4 (3 + 7) N.
    - `A = 28 b sum_l rows_l n_l`: activations, with everything between two products
      fused: written; read by the next product, for its weights' gradient and for the
      activation's derivative; the gradient written and read twice.
    - `X = 8 b n_0 / P`: the batch, which the members share, read twice.

    A peer whose members stay in a cache can do better, so its share of the bandwidth
    may be above 100 %.
    """
    layers, b = products(workload), workload.batch_size
    n_0 = layers[0].rows * layers[0].k // (9 if workload.channels else 1)
    weights = 40 * parameters(workload, plain) - 4 * layers[0].k * layers[0].n
    activations = 28 * b * sum(p.rows * p.n for p in layers)
    return weights + activations + 8 * b * n_0 / members


def resident_bytes(workload: Workload, plain: bool, members: int) -> int:
    """Returns what training all members at once needs, roughly and at least.

    Weights, gradient and Adam's averages, and for each activation the value before and
    after what follows the product, with the gradients of both.
    """
    activations = workload.batch_size * sum(p.rows * p.n for p in products(workload))
    return members * 16 * (parameters(workload, plain) + activations)
