"""Which image a tile shows, and where: a function of the tile's number and seed."""

import dataclasses
import fractions
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.dataset import Dataset
from pipelines.images import ArrayCache, WindowedImage
from pipelines.mirroring import mirrored_window
from pipelines.tiles.class_pixels import ClassPixels

# Instead of a slot: the tile is centred on a pixel of a rarer class.
RARE = -1
NUM_WORDS = 5


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a tile lies.

    Attributes:
        index: of the image.
        top: row of the mask tile's first pixel; negative in images smaller than it.
        left: its column.
    """

    index: int
    top: int
    left: int


# Of an even share of the pixels: a class that has as much is on any tile. (Of two
# classes: a fifth of all pixels.)
COMMON = 0.4
DEFAULT_RARE_SHARE = 1 / 3
# So many tiles tell what rare ones show.
ENOUGH_TILES = 128


def default_rare_share(dataset: Dataset) -> float:
    """Returns the share of tiles to centre on rarer classes: a third, or none.

    None where the rarest class has two fifths of an even share of all pixels.
    """
    totals = dataset.class_counts().sum(axis=0)
    present = totals[totals > 0]
    common = present.size == 0 or present.min() >= COMMON * present.mean()
    return 0.0 if common else DEFAULT_RARE_SHARE


class Places:
    """Places of all tiles of a data set.

    Regular tiles go through slots: as many for each image as tiles cover it, so that
    large images are seen more often, in an order of its own in each epoch. They are
    centred on any pixel of their image; where less than half of it is labelled, on a
    labelled one, and its slots are as many as its labelled pixels fill tiles. A share
    of the tiles is centred on a pixel of a class that is not the most frequent one:
    first the class is drawn, then one of all its pixels. Tiles are then shifted into
    their image.

    Args:
        dataset: checked pairs.
        size: height and width of the mask tile.
        seed: of orders and places.
        rare_share: of the tiles centred on a rarer class, 0 to 1; of no effect where
            only one class occurs.
        cache: of decoded masks.
    """

    def __init__(
        self,
        dataset: Dataset,
        size: int,
        seed: int,
        rare_share: float = 0.0,
        cache: ArrayCache | None = None,
    ) -> None:
        self._dataset, self._size, self._seed = dataset, size, seed
        self._cache = cache
        self._pixels = ClassPixels(dataset, seed, cache)
        self._slots_until = np.cumsum(self._slots())
        if not self._pixels.has_rarer:
            rare_share = 0.0
        # A ratio of whole numbers, so that tiles are counted exactly.
        self._share = fractions.Fraction(rare_share).limit_denominator(1000)

    @property
    def num_slots(self) -> int:
        """Regular tiles of an epoch."""
        return int(self._slots_until[-1])

    def _slots(self) -> list[int]:
        """Returns how many slots each image has: tiles of what is there to learn."""
        return [
            math.ceil(labelled / self._size**2)
            if is_sparse
            else math.ceil(facts.height / self._size)
            * math.ceil(facts.width / self._size)
            for facts, labelled, is_sparse in zip(
                self._dataset.facts,
                self._pixels.labelled,
                self._pixels.is_sparse,
                strict=True,
            )
        ]

    def slot_of(self, number: tf.Tensor) -> tf.Tensor:
        """Returns the slot of a tile, or RARE.

        Regular tiles are counted without the rare ones, so that every epoch of them has
        each slot once. With a share of n / d every d tiles have n rare ones, anywhere
        among them: else a worker that has every d-th tile would have them all.

        Args:
            number: of the tile, int64 ().

        Returns:
            int64 ().
        """
        is_rare, rare_before = self._rare(number)
        regular = number - rare_before
        epoch = tf.cast(regular // self.num_slots, tf.int32)
        slot = tf.random.experimental.index_shuffle(
            regular % self.num_slots,
            tf.stack([self._seed, epoch]),
            tf.constant(self.num_slots - 1, tf.int64),
        )
        return tf.where(is_rare, tf.constant(RARE, tf.int64), slot)

    def _rare(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns whether a tile is a rare one, and how many before it are."""
        rare, of = self._share.numerator, self._share.denominator
        block, place = number // of, number % of
        # Not the seed of any epoch.
        seed = tf.stack([-1 - self._seed, tf.cast(block, tf.int32)])
        places = tf.range(of, dtype=tf.int64)
        last = tf.constant(of - 1, tf.int64)
        is_rare = tf.random.experimental.index_shuffle(places, seed, last) < rare
        before = tf.reduce_sum(tf.cast(is_rare & (places < place), tf.int64))
        return is_rare[place], block * rare + before

    def place(self, slot: int, words: Sequence[int]) -> Place:
        """Returns where a tile lies.

        Args:
            slot: of the tile, or RARE.
            words: NUM_WORDS random numbers of 63 bits.
        """
        if slot == RARE:
            index, (row, column) = self._pixels.rarer_pixel(
                words[0], words[1], words[4]
            )
        else:
            index = int(np.searchsorted(self._slots_until, slot, side="right"))
            row, column = words[0], words[1]
            if self._pixels.is_sparse[index]:
                row, column = self._pixels.labelled_pixel(index, words[0], words[4])
        facts = self._dataset.facts[index]
        sides = ((row, facts.height, words[2]), (column, facts.width, words[3]))
        top, left = (
            _start(centre % side, side, self._size, word)
            for centre, side, word in sides
        )
        return Place(index, top, left)

    def class_shares(self) -> np.ndarray:
        """Returns about how many of the pixels of all tiles are of each class.

        Regular tiles show labelled pixels evenly; of rare ones some are looked at,
        which depend on the seed alone.

        Returns:
            float64 (num_classes,) with the sum 1; ignored pixels do not count.
        """
        totals = self._dataset.class_counts().sum(axis=0)
        shares = totals / max(1, totals.sum())
        if not self._share:
            return shares
        random = np.random.default_rng([self._seed, 1])
        rare = np.zeros(len(totals), np.int64)
        words = random.integers(0, 2**63 - 1, (ENOUGH_TILES, NUM_WORDS)).tolist()
        found = [self.place(RARE, of_one) for of_one in words]
        # A mask may have to be decoded to be opened: once each.
        for index in {place.index for place in found}:
            with self._dataset.open_mask(index, self._cache) as mask:
                for place in found:
                    if place.index == index:
                        rare += self._classes_at(mask, place)[: len(totals)]
        share = float(self._share)
        return (1 - share) * shares + share * rare / max(1, rare.sum())

    def _classes_at(self, mask: WindowedImage, place: Place) -> np.ndarray:
        seen = mirrored_window(mask, place.top, place.left, self._size, self._size)
        return np.bincount(seen.ravel(), minlength=256)


def _start(centre: int, side: int, size: int, word: int) -> int:
    """Returns where a tile begins along a side of the image."""
    if side > size:
        return int(min(max(centre - size // 2, 0), side - size))
    # The whole side is seen; where in the tile is drawn.
    return -int(word % (size - side + 1))
