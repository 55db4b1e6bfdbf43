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
        signature: that it is for.
        what: it asks, a word.
        inputs: an array for each input; strings as object arrays of bytes.
        is_golden: its answer is kept; the others only warm up.
    """

    signature: str
    what: str
    inputs: dict[str, np.ndarray]
    is_golden: bool = True

    @property
    def name(self) -> str:
        """SIGNATURE/WHAT."""
        return f"{self.signature}/{self.what}"


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
        request
        for signature in signatures
        for request in makers[signature](signature, net, seed)
    ]


def _arrays(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    image = example_image(net, seed).astype(np.float32)[np.newaxis]
    yield ExampleRequest(signature, "one_pixel", {"image": image[:, :1, :1]})
    yield ExampleRequest(signature, "several_tiles", {"image": image})


def _pixels(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    image = example_image(net, seed)[np.newaxis]
    yield ExampleRequest(signature, "several_tiles", {"pixels": image})
    # What most requests are: a tile of the full size.
    side = full_tile_side(net)
    flat = np.zeros((1, side, side, net.channels), np.uint8)
    yield ExampleRequest(signature, "full_tile", {"pixels": flat}, is_golden=False)


def _pixels_uint16(
    signature: str, net: ServedNet, seed: int
) -> Iterator[ExampleRequest]:
    image = example_image(net, seed, np.uint16, several_tiles=False)[np.newaxis]
    yield ExampleRequest(signature, "small", {"pixels": image})


def _region(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    image = ArrayImage(example_image(net, seed), "the example")
    mean, std = scaling.statistics_of(image, net.scaling)
    around = margins(net.depth, net.variant)
    side = _region_side(net)
    corner = -around.before, around.alignment - around.before
    window = mirrored_window(image, *corner, side, side)
    inputs = {"image": window.astype(np.float32), "mean": mean, "std": std}
    rows = {name: one[np.newaxis] for name, one in inputs.items()}
    yield ExampleRequest(signature, "small", rows)


def _about(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    yield ExampleRequest(signature, "all", {"query": _strings(b"")})


def _files(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    def of_file(what: str, data: bytes, *, is_golden: bool = True) -> ExampleRequest:
        inputs = {"image_bytes": _strings(data)}
        return ExampleRequest(signature, what, inputs, is_golden)

    image = example_image(net, seed)
    yield of_file("png", _png(image))
    deep = example_image(net, seed, np.uint16, several_tiles=False)
    yield of_file("png_16_bits", _png(deep))
    if net.channels != 4:
        jpeg = tf.io.encode_jpeg(image).numpy()
        yield of_file("jpeg", jpeg, is_golden=False)


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


def _png(image: np.ndarray) -> bytes:
    return tf.io.encode_png(image).numpy()


def _strings(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array
