"""Small requests for every signature of an export, for its warm-up and its checks."""

import dataclasses
import math
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from pipelines import scaling
from pipelines.images import ArrayImage
from pipelines.mirroring import mirrored_window
from pipelines.serving_graph.served_net import ServedNet
from pipelines.serving_graph.tiled_graph import margins


@dataclasses.dataclass(frozen=True)
class ExampleRequest:
    """A request.

    Attributes:
        name: SIGNATURE/WHAT.
        signature: that it is for.
        inputs: an array for each input; strings as object arrays of bytes.
        is_golden: its answer is kept; the others only warm up.
    """

    name: str
    signature: str
    inputs: dict[str, np.ndarray]
    is_golden: bool = True


def example_image(
    net: ServedNet, seed: int, dtype: type = np.uint8, *, several_tiles: bool = True
) -> np.ndarray:
    """Returns an image of noise, (height, width, channels) of few pixels.

    Args:
        net: that it is for.
        seed: of the noise.
        dtype: uint8 or uint16.
        several_tiles: the image is wider than a tile keeps.
    """
    shape = (3, net.largest_core + 8 if several_tiles else 5, net.channels)
    largest = np.iinfo(dtype).max
    random = np.random.default_rng(seed)
    return random.integers(0, largest, shape, dtype, endpoint=True)


def example_requests(
    net: ServedNet, signatures: Iterable[str], seed: int = 0
) -> list[ExampleRequest]:
    """Returns requests for the signatures, at least one for each.

    Names and shapes are the same for every seed.

    Args:
        net: what is served.
        signatures: names of those of the export.
        seed: of the images.
    """
    makers = {
        "serving_default": _arrays,
        "pixels": _pixels,
        "pixels_uint16": _pixels_uint16,
        "region": _region,
        "about": _about,
        "image_bytes": _files,
        "probability_bytes": _files,
    }
    return [
        ExampleRequest(f"{signature}/{what}", signature, inputs, is_golden)
        for signature in signatures
        for what, inputs, is_golden in makers[signature](net, seed)
    ]


_Examples = Iterator[tuple[str, dict[str, np.ndarray], bool]]


def _arrays(net: ServedNet, seed: int) -> _Examples:
    image = example_image(net, seed).astype(np.float32)[np.newaxis]
    yield "one_pixel", {"image": image[:, :1, :1]}, True
    yield "several_tiles", {"image": image}, True


def _pixels(net: ServedNet, seed: int) -> _Examples:
    yield "several_tiles", {"pixels": example_image(net, seed)[np.newaxis]}, True
    # What most requests are: a tile of the full size.
    side = full_tile_side(net)
    flat = np.zeros((1, side, side, net.channels), np.uint8)
    yield "full_tile", {"pixels": flat}, False


def _pixels_uint16(net: ServedNet, seed: int) -> _Examples:
    image = example_image(net, seed, np.uint16, several_tiles=False)
    yield "small", {"pixels": image[np.newaxis]}, True


def _region(net: ServedNet, seed: int) -> _Examples:
    image = example_image(net, seed)
    how = "per_image" if net.pixel_type is None else "dtype"
    mean, std = scaling.statistics_of(ArrayImage(image, "the example"), how)
    around = margins(net.depth, net.variant)
    side = _region_side(net)
    window = mirrored_window(
        ArrayImage(image, "the example"),
        -around.before,
        around.alignment - around.before,
        side,
        side,
    )
    inputs = {"image": window.astype(np.float32), "mean": mean, "std": std}
    yield "small", {name: one[np.newaxis] for name, one in inputs.items()}, True


def full_tile_side(net: ServedNet) -> int:
    """Returns the side of the largest image that is one tile, pixels."""
    return min(net.largest_core, math.isqrt(net.pixel_limit))


def least_pixel_limit(net: ServedNet) -> int:
    """Returns the least limit under which each signature can be asked, pixels."""
    height, width, _ = example_image(net, 0).shape
    return max(height * width, _region_side(net) ** 2)


def _region_side(net: ServedNet) -> int:
    around = margins(net.depth, net.variant)
    return around.before + around.alignment + around.after


def _about(net: ServedNet, seed: int) -> _Examples:
    yield "all", {"query": _strings(b"")}, True


def _files(net: ServedNet, seed: int) -> _Examples:
    image = example_image(net, seed)
    yield "png", {"image_bytes": _strings(_png(image))}, True
    deep = example_image(net, seed, np.uint16, several_tiles=False)
    yield "png_16_bits", {"image_bytes": _strings(_png(deep))}, True
    if net.channels != 4:
        jpeg = tf.io.encode_jpeg(image).numpy()
        yield "jpeg", {"image_bytes": _strings(jpeg)}, False


def _png(image: np.ndarray) -> bytes:
    return tf.io.encode_png(image).numpy()


def _strings(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array
