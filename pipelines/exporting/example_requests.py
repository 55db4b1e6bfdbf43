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


def example_image(net: ServedNet, seed: int, dtype: type = np.uint8) -> np.ndarray:
    """Returns an image of noise of few pixels, which takes several tiles.

    Args:
        net: that it is for.
        seed: of the noise.
        dtype: uint8 or uint16.

    Returns:
        (height, width, channels), wider than a tile keeps.
    """
    shape = (3, net.largest_core + 8, net.channels)
    largest = np.iinfo(dtype).max
    random = np.random.default_rng(seed)
    return random.integers(0, largest, shape, dtype, endpoint=True)


def example_requests(
    net: ServedNet, signatures: Iterable[str], seed: int = 0
) -> list[ExampleRequest]:
    """Returns requests for the signatures, at least one for each.

    Each signature of images is asked for several tiles (`region` where the pixel limit
    allows them), and those that most requests go to for one of the full size. Names and
    shapes are the same for every seed.

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
    flat = _full_tile(net)[np.newaxis]
    yield ExampleRequest(signature, "full_tile", {"pixels": flat}, is_golden=False)


def _pixels_uint16(
    signature: str, net: ServedNet, seed: int
) -> Iterator[ExampleRequest]:
    image = example_image(net, seed, np.uint16)[np.newaxis]
    yield ExampleRequest(signature, "several_tiles", {"pixels": image})


def _region(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    image = ArrayImage(example_image(net, seed), "the example")
    around = margins(net.depth, net.variant)
    step, both = around.alignment, around.before + around.after
    corner = -around.before, step - around.before
    window = mirrored_window(image, *corner, step + both, step + both)
    statistics = scaling.statistics_of(image, net.scaling)
    yield ExampleRequest(signature, "small", _region_inputs(window, *statistics))

    # Flat and not golden: of noise the margins alone would make megabytes.
    def flat(what: str, height: int, width: int) -> ExampleRequest:
        window = np.zeros((height + both, width + both, net.channels))
        inputs = _region_inputs(window, window[0, 0], window[0, 0] + 1)
        return ExampleRequest(signature, what, inputs, is_golden=False)

    # The client cuts regions as large as the limit allows, of tiles as large.
    side = min(net.largest_core, math.isqrt(net.pixel_limit) - both) // step * step
    yield flat("full_tile", side, side)
    width = (net.largest_core // step + 1) * step
    if (step + both) * (width + both) <= net.pixel_limit:
        yield flat("several_tiles", step, width)


def _region_inputs(
    window: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> dict[str, np.ndarray]:
    inputs = {"image": window, "mean": mean, "std": std}
    return {name: one[np.newaxis].astype("float32") for name, one in inputs.items()}


def _about(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    yield ExampleRequest(signature, "all", {"query": np.array([b""], object)})


def _files(signature: str, net: ServedNet, seed: int) -> Iterator[ExampleRequest]:
    def of_file(what: str, data: bytes, *, is_golden: bool = True) -> ExampleRequest:
        inputs = {"image_bytes": np.array([data], object)}
        return ExampleRequest(signature, what, inputs, is_golden)

    image = example_image(net, seed)
    yield of_file("png", _png(image))
    yield of_file("png_16_bits", _png(example_image(net, seed, np.uint16)))
    if net.channels != 4:
        jpeg = tf.io.encode_jpeg(image).numpy()
        yield of_file("jpeg", jpeg, is_golden=False)
    yield of_file("full_tile", _png(_full_tile(net)), is_golden=False)


def _full_tile(net: ServedNet) -> np.ndarray:
    """What most requests are made of, flat."""
    side = full_tile_side(net)
    return np.zeros((side, side, net.channels), np.uint8)


def full_tile_side(net: ServedNet) -> int:
    """Returns the side of the largest image that is one tile, pixels."""
    return min(net.largest_core, math.isqrt(net.pixel_limit))


def least_pixel_limit(net: ServedNet) -> int:
    """Returns the least limit under which each signature can be asked, pixels."""
    height, width, _ = example_image(net, 0).shape
    around = margins(net.depth, net.variant)
    region_side = around.before + around.alignment + around.after
    return max(height * width, region_side**2)


def _png(image: np.ndarray) -> bytes:
    return tf.io.encode_png(image).numpy()
