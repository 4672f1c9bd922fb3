"""What a model is: layers, how they combine, initializers, losses and penalties."""

from jax.nn import gelu, relu, sigmoid, softmax, softplus
from jax.numpy import tanh

from jaxdl.nn.among import among, maybe
from jaxdl.nn.augment import (
    cutout,
    random_affine,
    random_crop,
    random_flip,
    random_rotation,
    random_shift,
)
from jaxdl.nn.batch_norm import batch_norm
from jaxdl.nn.conv import conv2d, max_pool, mean_pool
from jaxdl.nn.dense import dense
from jaxdl.nn.dropout import drop, dropout, keep_mask
from jaxdl.nn.embedding import embedding
from jaxdl.nn.initializers import glorot, he, normal, xavier, zeros
from jaxdl.nn.layer import Layer, as_layer, flatten, residual, serial
from jaxdl.nn.losses import (
    class_weighted,
    hardmax,
    has_classes,
    label_smoothing,
    plain_loss,
    sigmoid_cross_entropy,
    sigmoid_error,
    softmax_cross_entropy,
    squared_error,
    zero_one_error,
)
from jaxdl.nn.penalties import l1, l2, none
from jaxdl.nn.repeat import repeat
from jaxdl.nn.size import Size
from jaxdl.nn.spec import Spec
from jaxdl.one_of import OneOf

__all__ = [
    "Layer",
    "OneOf",
    "Size",
    "Spec",
    "among",
    "as_layer",
    "batch_norm",
    "class_weighted",
    "conv2d",
    "cutout",
    "dense",
    "drop",
    "dropout",
    "embedding",
    "flatten",
    "gelu",
    "glorot",
    "hardmax",
    "has_classes",
    "he",
    "keep_mask",
    "l1",
    "l2",
    "label_smoothing",
    "max_pool",
    "maybe",
    "mean_pool",
    "none",
    "normal",
    "plain_loss",
    "random_affine",
    "random_crop",
    "random_flip",
    "random_rotation",
    "random_shift",
    "relu",
    "repeat",
    "residual",
    "serial",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sigmoid_error",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "squared_error",
    "tanh",
    "xavier",
    "zero_one_error",
    "zeros",
]
