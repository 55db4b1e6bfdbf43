import threading

import numpy as np
import pytest

from pipelines.images import cache


class Reads(list):
    """A reader of images of 100 bytes that remembers which it was asked for."""

    def __call__(self, index):
        self.append(index)
        return np.full(100, index, "uint8")


def test_an_image_is_read_once():
    reads = Reads()
    images = cache.DecodedImages(reads)
    assert [images[index][0] for index in (3, 3, 5, 3)] == [3, 3, 5, 3]
    assert reads == [3, 5]


def test_the_image_used_longest_ago_goes_first():
    reads = Reads()
    images = cache.DecodedImages(reads, limit_bytes=200)
    for index in (0, 1, 0, 2, 0, 1):
        assert images[index][0] == index
    # 2 took the place of 1, not of 0.
    assert reads == [0, 1, 2, 1]


def test_an_image_above_the_limit_is_kept_until_the_next():
    reads = Reads()
    images = cache.DecodedImages(reads, limit_bytes=10)
    for index in (0, 0, 1, 0):
        assert images[index][0] == index
    assert reads == [0, 1, 0]


def test_an_image_that_cannot_be_read_is_asked_for_again():
    def read(index):
        raise ValueError(f"image {index}")

    images = cache.DecodedImages(read)
    for _ in range(2):
        with pytest.raises(ValueError, match="image 4"):
            images[4]


def test_threads_that_read_the_same_images_keep_within_the_limit():
    # All threads read image 0 before any of them may keep it.
    barrier = threading.Barrier(4, timeout=10)

    def read(index):
        if index == 0:
            barrier.wait()
        return np.full(100, index, "uint8")

    images = cache.DecodedImages(read, limit_bytes=300)
    wrong = []

    def work():
        wrong.extend(index for index in range(3) if images[index][0] != index)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    # Image 0 was counted once: all three still fit.
    barrier.abort()
    assert images[0][0] == 0
