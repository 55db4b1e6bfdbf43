"""The windows of images, masks and weight maps that tiles are cut from."""

import functools
import threading

import numpy as np
import tensorflow as tf

from pipelines.dataset import Dataset
from pipelines.images import ArrayCache, WindowedImage
from pipelines.mirroring import mirrored_window
from pipelines.tiles.border_maps import open_closeness
from pipelines.tiles.places import NUM_WORDS, Places
from pipelines.tiles.targets import open_target

# Images kept open: handles of files are few.
OPEN_IMAGES = 128
SMALL_TYPES = ("uint8", "int8", "uint16", "int16", "float32")


class TileWindows:
    """Reads square windows around the places of tiles, mirrored outside of the image.

    Args:
        dataset: checked pairs.
        places: of its tiles.
        window_size: height and width of a window.
        mask_size: height and width of the mask tile, at the window's centre.
        sigma: of the weight map; None reads none.
        separate_objects: see `open_target`.
        cache: of decoded images and weight maps.
    """

    def __init__(
        self,
        dataset: Dataset,
        places: Places,
        window_size: int,
        mask_size: int,
        sigma: float | None = None,
        *,
        separate_objects: bool = False,
        cache: ArrayCache | None = None,
    ) -> None:
        self._places = places
        self._size, self._before = window_size, (window_size - mask_size) // 2
        self._channels = dataset.channels
        self._dtype = _common_type(dataset)
        self._types = [tf.int64, tf.as_dtype(self._dtype), tf.uint8]
        if sigma is not None:
            self._types.append(tf.float32)

        # Without a cache what is dropped would be decoded or computed again.
        @functools.lru_cache(None if cache is None else OPEN_IMAGES)
        def opened_once(index: int) -> list[WindowedImage]:
            target = open_target(
                dataset, index, cache, separate_objects=separate_objects
            )
            opened = [dataset.open_image(index, cache), target]
            if sigma is not None:
                opened.append(open_closeness(dataset, index, sigma, cache))
            return opened

        locks = [threading.Lock() for _ in dataset.pairs]

        def sources(index: int) -> list[WindowedImage]:
            # Two threads would compute the same weight map.
            with locks[index]:
                return opened_once(index)

        self._sources = sources

    def window(
        self, slot: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | None]:
        """Reads the window of a tile.

        Args:
            slot: of the tile, int64 (); see `Places`.
            seed: of its place, int32 (2,).

        Returns:
            (index of the image, image, mask, closeness): int64 (); (n, n, channels) of
            a type that holds the values of all images; class ids uint8 (n, n, 1); and
            the border term of the weight map, float32 (n, n, 1), or None.
        """
        words = tf.random.stateless_uniform(
            [NUM_WORDS], seed, None, None, tf.int64, alg="philox"
        )
        found = tf.numpy_function(
            self._read, [slot, words], self._types, stateful=False
        )
        index, image, mask, *closeness = found
        index.set_shape([])
        image.set_shape([self._size, self._size, self._channels])
        for window in (mask, *closeness):
            window.set_shape([self._size, self._size, 1])
        return index, image, mask, closeness[0] if closeness else None

    def _read(self, slot: np.ndarray, words: np.ndarray) -> list[np.ndarray]:
        positive = (words & np.iinfo(np.int64).max).tolist()
        place = self._places.place(int(slot), positive)
        top, left = place.top - self._before, place.left - self._before
        image, *others = [
            mirrored_window(source, top, left, self._size, self._size)
            for source in self._sources(place.index)
        ]
        # Small numbers cross into TensorFlow: less memory to move.
        image = image.astype(self._dtype, copy=False)
        return [np.array(place.index, np.int64), image, *others]


def _common_type(dataset: Dataset) -> np.dtype:
    common = np.result_type(*{np.dtype(facts.dtype) for facts in dataset.facts})
    return common if common.name in SMALL_TYPES else np.dtype(np.float32)
