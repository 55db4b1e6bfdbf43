"""The table of an export's signatures: names, functions, and what they take."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from pipelines.images.reading import CHANNELS_OF_FILES
from pipelines.serving_graph import ServingGraph
from pipelines.serving_graph.served_net import ServedNet


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature.

    Attributes:
        function: from its inputs to its outputs by name.
        inputs: the tensors that it takes, in order.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: tuple[tf.TensorSpec, ...]


def signature_names(net: ServedNet) -> tuple[str, ...]:
    """Returns the names of the signatures that fit a model.

    `image_bytes` needs channels that files have, and `probability_bytes` a single
    probability for each pixel besides.
    """
    # First: others would be the default too.
    names = ["serving_default", "pixels", "pixels_uint16", "region", "about"]
    if net.channels in CHANNELS_OF_FILES:
        names.append("image_bytes")
        if net.output_channels <= 2:
            names.append("probability_bytes")
    return tuple(names)


def make_signatures(graph: ServingGraph, net: ServedNet) -> dict[str, Signature]:
    """Returns the signatures that fit a model, by name."""

    def images(name: str, dtype: tf.DType) -> tf.TensorSpec:
        return tf.TensorSpec((None, None, None, net.channels), dtype, name=name)

    def statistics(name: str) -> tf.TensorSpec:
        return tf.TensorSpec((None, net.channels), tf.float32, name=name)

    def strings(name: str) -> tf.TensorSpec:
        return tf.TensorSpec((None,), tf.string, name=name)

    every = {
        "serving_default": Signature(graph.probability, (images("image", tf.float32),)),
        "pixels": Signature(graph.mask, (images("pixels", tf.uint8),)),
        "pixels_uint16": Signature(graph.mask, (images("pixels", tf.uint16),)),
        "region": Signature(
            graph.region,
            (images("image", tf.float32), statistics("mean"), statistics("std")),
        ),
        "about": Signature(graph.about, (strings("query"),)),
        "image_bytes": Signature(graph.mask_bytes, (strings("image_bytes"),)),
        "probability_bytes": Signature(
            graph.probability_bytes, (strings("image_bytes"),)
        ),
    }
    return {name: every[name] for name in signature_names(net)}
