from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.client.connecting import connect
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.regions import mask_windows, plan_regions
from pipelines.images import ArrayImage
from pipelines.images.windowed import Region


def stitched(pool, image, about):
    regions = plan_regions(*image.shape, about)
    mask = np.full(image.shape, 7, np.uint8)
    with ThreadPoolExecutor(pool.num_requests) as executor:
        opened = ArrayImage(image[..., np.newaxis], "image")
        for top, left, window in mask_windows(pool, executor, opened, about, regions):
            height, width = window.shape[:2]
            mask[top : top + height, left : left + width] = window[..., 0]
    return mask


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    depth=st.integers(1, 4),
    before=st.integers(0, 100),
    after=st.integers(0, 100),
    spare=st.integers(0, 100),
)
@settings(max_examples=200)
def test_regions_cover_the_image_once_and_fit_the_limit(
    about_of, height, width, depth, before, after, spare
):
    step = 2**depth
    limit = (step + spare + before + after) ** 2
    about = about_of(pixel_limit=limit, step=step, before=before, after=after)
    count = np.zeros((height, width), int)
    for region in plan_regions(height, width, about):
        assert region.top % step == region.left % step == 0
        sent = [
            -(-side // step) * step + before + after
            for side in (region.height, region.width)
        ]
        assert sent[0] * sent[1] <= limit
        count[
            region.top : region.top + region.height,
            region.left : region.left + region.width,
        ] += 1
    assert (count == 1).all()


def test_regions_of_many_classes_or_channels_are_smaller(about_of):
    # As many numbers as one of 1024x1024: 1024 / 4 = 256 pixels a side.
    for many in ({"num_classes": 16}, {"channels": 16}):
        about = about_of(pixel_limit=None, step=16, **many)
        (row, *_) = plan_regions(256, 2560, about, largest_side=1024)
        assert (row.height, row.width) == (256, 256)


def test_pixels_that_are_no_numbers_are_refused_before_they_are_sent(
    fake_server, about_of
):
    about = about_of(pixel_limit=None)
    image = ArrayImage(np.full((20, 20, 1), np.nan, np.float32), "image")
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="finite"):
        pool = ServerPool([fake_server()], 0)
        regions = plan_regions(20, 20, about)
        list(mask_windows(pool, executor, image, about, regions))


def test_tensorflow_starts_without_its_notes(fake_server, about_of, monkeypatch):
    started = []
    monkeypatch.setattr(
        "pipelines.tensorflow_start.import_tensorflow_quietly", started.append
    )
    pool = ServerPool([fake_server([{"probability": np.zeros((1, 16, 18, 1))}])], 0)
    stitched(pool, np.zeros((16, 18), np.uint8), about_of())
    assert started == ["tensorflow"]


def test_limit_that_no_region_fits_is_told(about_of):
    with pytest.raises(ValueError, match="takes images of 300 pixels"):
        plan_regions(9, 9, about_of(pixel_limit=300))


def test_without_a_limit_the_side_is_limited(about_of):
    regions = plan_regions(
        100, 5000, about_of(pixel_limit=None, step=16), largest_side=1024
    )
    assert len(regions) == 5
    assert regions[0] == Region(0, 0, 100, 1008)
    assert regions[4] == Region(0, 4032, 100, 968)


@pytest.mark.parametrize("size", [(101, 97), (1, 1), (3, 200), (64, 130)])
@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_stitched_mask_equals_that_of_the_whole(
    rest_url, grpc_url, mask_of, random, size, transport, about_of
):
    if min(size) < 9:
        # The stand-in mirrors once only; the true graph mirrors at any distance.
        size = (size[0] + 9, size[1] + 9)
    image = random.integers(0, 256, size).astype(np.uint8)
    url = rest_url if transport == "rest" else grpc_url
    pool = ServerPool(connect(url, 30.0), 0)
    np.testing.assert_array_equal(stitched(pool, image, about_of()), mask_of(image))
    pool.close()


def test_server_that_is_lost_in_the_middle_is_survived(
    grpc_url, mask_of, random, about_of
):
    lost, kept = connect(f"{grpc_url},{grpc_url}", 30.0)
    answered = []
    predict = lost.predict

    def dying(signature, inputs):
        if len(answered) >= 3:
            raise ServerFailure("gone", Kind.BROKEN)
        answered.append(signature)
        return predict(signature, inputs)

    lost.predict = dying
    image = random.integers(0, 256, (250, 210)).astype(np.uint8)
    pool = ServerPool([lost, kept], 0)
    assert len(plan_regions(*image.shape, about_of())) > 20
    np.testing.assert_array_equal(stitched(pool, image, about_of()), mask_of(image))
    assert len(answered) == 3
    pool.close()


def test_class_ids_come_from_three_classes_on(fake_server, about_of):
    probability = np.zeros((1, 16, 18, 3), np.float32)
    probability[..., 2] = 1
    answers = [{"probability": probability}]
    about = about_of(num_classes=3, threshold=None)
    mask = stitched(
        ServerPool([fake_server(answers)], 0), np.zeros((16, 18), np.uint8), about
    )
    assert (mask == 2).all()


@pytest.mark.parametrize(
    "answer", [{}, {"probability": np.zeros((1, 2, 2, 1), np.float32)}]
)
def test_answer_of_another_size_is_refused(fake_server, answer, about_of):
    pool = ServerPool([fake_server([answer])], 0)
    with pytest.raises(ServerFailure, match="no probability of the region's size"):
        stitched(pool, np.zeros((16, 18), np.uint8), about_of())
