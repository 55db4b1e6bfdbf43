import collections
import dataclasses
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
import tifffile

from keras_unet import geometry
from keras_unet.border_weights import border_weights
from pipelines.config import (
    NO_AUGMENTATION,
    DataConfig,
    StreamConfig,
    TilesConfig,
)
from pipelines.dataset import load_dataset
from pipelines.tiles import tiles
from pipelines.tiles.tiles import TileShape, tile_shape, tile_stream

WARPED = StreamConfig(elastic=3.0, brightness=0, contrast=0, noise=0)
# All geometric changes, and none of intensity: images still say where they are.
ALL_MOVES = {
    **{"elastic": 2.0, "rotation": 20.0, "zoom": 0.2, "shear": 8.0},
    **{"brightness": 0, "contrast": 0, "noise": 0},
}
EVERYTHING = StreamConfig(
    **{"elastic": 2.0, "rotation": 20.0, "zoom": 0.2, "shear": 8.0},
    **{"gamma": 0.2, "noise": 0.1, "blur": 0.7, "weight_map": "paper"},
)


@pytest.fixture
def make_dataset(tmp_path):
    """Writes images whose two channels say row and column, and masks of classes."""

    def make(*sizes, class_of, **settings):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir()
        for number, (height, width) in enumerate(sizes):
            rows, columns = np.mgrid[:height, :width].astype(np.float32)
            image = np.stack([rows, columns], axis=-1)
            mask = np.asarray(class_of(number, rows, columns)).astype(np.uint8)
            path = tmp_path / "images" / f"{number}.tif"
            tifffile.imwrite(path, image, photometric="minisblack", planarconfig=1)
            path = tmp_path / "masks" / f"{number}.tif"
            tifffile.imwrite(path, np.broadcast_to(mask, image.shape[:2]))
        return load_dataset(
            DataConfig(
                images=str(tmp_path / "images"),
                masks=str(tmp_path / "masks"),
                **{"mask_kind": "classes"} | settings,
            )
        )

    return make


def chequer(number, rows, columns):
    # From 5 on: also a mask of one pixel has more than two classes.
    return 5 + (rows // 3 * 5 + columns // 2) % 200


def number_of_image(number, rows, columns):
    return np.full(rows.shape, number)


def tiles_of(stream, count):
    found = [
        tuple(np.asarray(part) for part in parts)
        for parts in stream.unbatch().take(count)
    ]
    assert len(found) == count
    return found


def assert_same(found, expected):
    for parts, other_parts in zip(found, expected, strict=True):
        for part, other in zip(parts, other_parts, strict=True):
            np.testing.assert_array_equal(part, other)


SHAPES = {"padded": TileShape(32, 32), "paper": TileShape(76, 36)}
CONFIGS = {"cut": NO_AUGMENTATION, "warp": StreamConfig(**ALL_MOVES)}
# Smaller than the tile, than the context of 92 pixels, than the halo; one pixel.
SIZES = [(1, 1), (1, 40), (7, 3), (33, 65), (120, 90)]


@pytest.mark.parametrize(
    ("size", "variant", "moves"),
    [
        *((size, "padded", "cut") for size in SIZES),
        *((size, "paper", "warp") for size in SIZES),
        ((7, 3), "padded", "warp"),
        ((7, 3), "paper", "cut"),
    ],
)
def test_image_and_mask_show_the_same_place_for_every_size(
    make_dataset, size, variant, moves
):
    shape, config = SHAPES[variant], CONFIGS[moves]
    dataset = make_dataset(size, class_of=chequer)
    facts = dataset.facts[0]
    stream = tile_stream(dataset, shape, batch_size=2, config=config)
    for image, mask in tiles_of(stream, 6):
        assert image.shape == (shape.image_size, shape.image_size, 2)
        assert mask.shape == (shape.mask_size, shape.mask_size, 1)
        assert (image.dtype, mask.dtype) == (np.float32, np.int32)
        cut = (shape.image_size - shape.mask_size) // 2
        centre = image[cut : cut + shape.mask_size, cut : cut + shape.mask_size]
        places = centre * facts.std + facts.mean
        nearest = np.floor(places + 0.5).astype(int)
        # The mirror shows no pixel that the image does not have.
        assert nearest.min() >= 0
        assert (nearest.max(axis=(0, 1)) < size).all()
        expected = chequer(0, nearest[..., :1], nearest[..., 1:])
        clear = (np.abs(places - np.floor(places) - 0.5) > 1e-2).all(axis=-1)
        np.testing.assert_array_equal(mask[clear], expected[clear])


def test_tiles_beyond_the_image_are_mirrored_at_its_border(make_dataset):
    dataset = make_dataset((5, 4), class_of=chequer)
    facts = dataset.facts[0]
    stream = tile_stream(dataset, TileShape(30, 10), batch_size=1)
    for image, _ in tiles_of(stream, 4):
        places = np.round(image * facts.std + facts.mean).astype(int)
        for axis, period in ((0, 8), (1, 6)):
            line = np.moveaxis(places[..., axis], axis, 0)[:, 0]
            # From pixel to pixel one step, and back after 5 and 4 of them.
            assert set(np.abs(np.diff(line))) == {1}
            np.testing.assert_array_equal(line[period:], line[:-period])


def test_the_stream_is_the_same_with_one_thread_and_with_many(make_dataset):
    dataset = make_dataset((40, 50), (60, 33), class_of=chequer)
    stream = tile_stream(dataset, TileShape(16, 16), batch_size=3, config=EVERYTHING)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    one_thread = stream.with_options(options)
    assert_same(tiles_of(stream, 12), tiles_of(one_thread, 12))
    assert_same(tiles_of(stream, 12), tiles_of(stream, 12))


def test_a_tile_depends_on_seed_and_number_alone(make_dataset):
    dataset = make_dataset((40, 50), (60, 33), class_of=chequer)
    shape = TileShape(16, 16)
    settings = {"config": EVERYTHING, "seed": 5}
    all_tiles = tiles_of(tile_stream(dataset, shape, batch_size=1, **settings), 12)
    late = tile_stream(dataset, shape, batch_size=4, start=7, **settings)
    assert_same(tiles_of(late, 5), all_tiles[7:])
    other = tile_stream(dataset, shape, batch_size=1, config=EVERYTHING, seed=6)
    for parts, other_parts in zip(all_tiles, tiles_of(other, 12), strict=True):
        assert not np.array_equal(parts[0], other_parts[0])


@pytest.mark.parametrize("start", [0, 4])
def test_workers_have_the_tiles_of_their_numbers(make_dataset, start):
    dataset = make_dataset((40, 50), (60, 33), class_of=chequer)
    shape, settings = TileShape(16, 16), {"batch_size": 1, "start": start}
    all_tiles = tiles_of(tile_stream(dataset, shape, **settings), 9)
    for worker in range(3):
        stream = tile_stream(dataset, shape, **settings, worker=worker, num_workers=3)
        first = (worker - start) % 3
        assert_same(tiles_of(stream, 3), all_tiles[first::3])


def digest_of_a_stream(folder):
    config = {"images": f"{folder}/images", "masks": f"{folder}/masks"}
    stream = tiles.training_tiles(
        **config, tile_size=32, batch_size=2, depth=2, rotation=10, noise=0.1, blur=1
    )
    digest = hashlib.sha256()
    for image, mask in stream.take(3):
        digest.update(image.numpy().tobytes() + mask.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.slow
def test_another_process_has_the_same_stream(discs):
    code = (
        "import runpy, sys; "
        f"print(runpy.run_path({__file__!r})['digest_of_a_stream'](sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(discs)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    assert done.stdout.split()[-1] == digest_of_a_stream(discs)


def test_no_two_tiles_of_a_stream_are_alike(make_dataset):
    dataset = make_dataset((40, 50), class_of=chequer)
    stream = tile_stream(dataset, TileShape(16, 16), batch_size=1, config=WARPED)
    found = {image.tobytes() for image, _ in tiles_of(stream, 30)}
    assert len(found) == 30


def test_a_stream_far_into_training_still_gives_tiles(make_dataset):
    dataset = make_dataset((20, 20), class_of=chequer)
    far = tile_stream(dataset, TileShape(16, 16), batch_size=1, start=2**31 + 5)
    near = tile_stream(dataset, TileShape(16, 16), batch_size=1, start=5)
    assert not np.array_equal(tiles_of(far, 1)[0][0], tiles_of(near, 1)[0][0])


def test_every_epoch_visits_images_by_area_in_an_order_of_its_own(make_dataset):
    # Tiles of 16 pixels: 1, 2 x 2 and 2 x 3 of them cover the images.
    dataset = make_dataset((10, 16), (32, 20), (17, 48), class_of=number_of_image)
    stream = tile_stream(dataset, TileShape(16, 16), batch_size=1)
    visited = [int(mask[0, 0, 0]) for _, mask in tiles_of(stream, 11 * 6)]
    epochs = [tuple(visited[start : start + 11]) for start in range(0, 66, 11)]
    for epoch in epochs:
        assert collections.Counter(epoch) == {0: 1, 1: 4, 2: 6}
    assert len(set(epochs)) == 6


def test_a_stream_ends_where_it_is_told_to(make_dataset):
    dataset = make_dataset((20, 20), class_of=chequer)
    stream = tile_stream(dataset, TileShape(16, 16), batch_size=2, start=3, num_tiles=8)
    # Five tiles are two whole batches.
    assert [image.shape[0] for image, _ in stream] == [2, 2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"worker": 3, "num_workers": 3}, "worker must be less than num_workers, 3"),
        ({"num_workers": 0}, "num_workers must be at least 1, got 0"),
        ({"start": -1}, "start must be at least 0, got -1"),
        ({"num_tiles": 0}, "num_tiles must be at least 1"),
    ],
)
def test_numbers_that_make_no_stream_are_refused(make_dataset, changes, words):
    dataset = make_dataset((20, 20), class_of=chequer)
    with pytest.raises(ValueError, match=words):
        tile_stream(dataset, TileShape(16, 16), batch_size=2, **changes)


def test_masks_of_two_classes_are_float_and_the_image_is_scaled(discs):
    dataset = load_dataset(
        DataConfig(
            images=str(discs / "images"), masks=str(discs / "masks"), mask_kind="auto"
        )
    )
    shape = TileShape(40, 40)
    stream = tile_stream(dataset, shape, batch_size=4)
    image, mask = next(iter(stream))
    assert image.shape == (4, 40, 40, 1)
    assert (image.dtype, mask.dtype) == (tf.float32, tf.float32)
    assert set(np.unique(mask)) == {0, 1}
    # Discs are brighter: their pixels are above the mean of the image.
    assert np.mean(image[mask == 1]) > 0.5 > 0 > np.mean(image[mask == 0])


def halves(number, rows, columns):
    """Two cells and, in a corner, ignored pixels."""
    labels = np.zeros(np.broadcast_shapes(rows.shape, columns.shape))
    labels[4:30, 3:20], labels[8:40, 26:50] = 1, 2
    labels[34:, :14] = 255
    return labels


@pytest.mark.parametrize(
    "shape", [TileShape(32, 32), TileShape(76, 36)], ids=["padded", "paper"]
)
def test_weights_are_of_the_same_place_as_image_and_mask(make_dataset, shape):
    size = 48, 56
    settings = {"mask_kind": "instances", "ignore_value": 255}
    dataset = make_dataset(size, class_of=halves, **settings)
    facts, labels = dataset.facts[0], halves(0, *np.mgrid[:48, :56]).astype(int)
    config = StreamConfig(**ALL_MOVES, weight_map="paper", class_weights=("1", "3"))
    cells = np.where(labels == 255, 0, labels)
    border = border_weights(cells, balance_classes=False) - 1
    stream = tile_stream(dataset, shape, batch_size=2, config=config)
    for image, mask, weight in tiles_of(stream, 10):
        assert weight.shape == (shape.mask_size, shape.mask_size, 1)
        assert weight.dtype == np.float32
        cut = (shape.image_size - shape.mask_size) // 2
        centre = image[cut : cut + shape.mask_size, cut : cut + shape.mask_size]
        places = np.moveaxis(centre * facts.std + facts.mean, -1, 0)
        nearest = np.floor(places + 0.5).astype(int)
        value = labels[tuple(nearest)]
        expected = (
            1
            + 2 * (value > 0)
            + scipy.ndimage.map_coordinates(border, places, order=1, mode="mirror")
        )
        clear = (np.abs(places - np.floor(places) - 0.5) > 1e-2).all(axis=0)
        ignored = value == 255
        # Exactly 0 where pixels are ignored, and undiminished up to their border.
        assert (weight[clear & ignored] == 0).all()
        kept = clear & ~ignored
        np.testing.assert_allclose(weight[kept, 0], expected[kept], atol=2e-3)
        np.testing.assert_array_equal(mask[clear, 0], (value % 255 > 0)[clear])


def test_a_tile_that_is_the_whole_image_has_the_paper_s_weight_map(make_dataset):
    dataset = make_dataset((50, 50), class_of=two_cells, mask_kind="binary")
    config = StreamConfig(
        **{"flips": False, "quarter_turns": False, "elastic": 0, "zoom": 0},
        **{"brightness": 0, "contrast": 0, "noise": 0},
        weight_map="authors-tool",
    )
    stream = tile_stream(dataset, TileShape(50, 50), batch_size=1, config=config)
    labels = two_cells(0, *np.mgrid[:50, :50])
    expected = border_weights(labels, w0=50, sigma=6)
    for _, _, weight in tiles_of(stream, 4):
        np.testing.assert_allclose(weight[..., 0], expected, rtol=1e-6)


def two_cells(number, rows, columns):
    return (rows > 9) & (abs(columns - 24) > 2) & (columns > 5) & (rows < 40)


def test_weights_come_only_when_there_is_something_to_weigh(make_dataset):
    dataset = make_dataset((40, 50), class_of=two_cells, mask_kind="binary")
    shape = TileShape(16, 16)

    def parts(**settings):
        config = StreamConfig(elastic=0, **settings)
        stream = tile_stream(dataset, shape, batch_size=2, config=config)
        return next(iter(stream))

    assert len(parts()) == 2
    _, mask, weight = parts(class_weights=("1", "5"))
    np.testing.assert_array_equal(weight, 1 + 4 * mask)
    assert len(parts(weight_map="paper")) == 3


def test_rarer_classes_are_seen_more_often_by_a_share_of_tiles(make_dataset):
    def one_pixel(number, rows, columns):
        return (rows == 150) & (columns == 20)

    dataset = make_dataset((200, 200), class_of=one_pixel)
    shape = TileShape(16, 16)

    def seen(share):
        config = StreamConfig(flips=False, elastic=0, rare_share=share)
        stream = tile_stream(dataset, shape, batch_size=1, config=config)
        return [bool(mask.any()) for _, mask in tiles_of(stream, 30)]

    assert sum(seen(0)) <= 2
    third = seen(1 / 3)
    assert all(any(third[start : start + 3]) for start in range(0, 30, 3))
    assert sum(third) <= 12


def test_balanced_weights_of_what_is_shown_have_the_mean_1(make_dataset):
    def square(number, rows, columns):
        return (abs(rows - 100) < 12) & (abs(columns - 60) < 12)

    dataset = make_dataset((200, 200), class_of=square)
    config = StreamConfig(elastic=0, class_weights=("balanced",), rare_share=0.5)
    stream = tile_stream(dataset, TileShape(32, 32), batch_size=1, config=config)
    found = tiles_of(stream, 200)
    mean = np.mean([weight.mean() for _, _, weight in found])
    assert mean == pytest.approx(1, abs=0.1)
    # Without regard to what is shown the square, 1.3 % of the pixels, weighs 38.
    assert max(weight.max() for _, _, weight in found) < 5


def test_files_become_a_stream_in_two_lines(discs):
    stream = tiles.training_tiles(
        discs / "images", discs / "masks", tile_size=188, batch_size=8, variant="paper"
    )
    image, mask = next(iter(stream))
    assert image.shape == (8, 188, 188, 1)
    assert mask.shape == (8, 4, 4, 1)


@pytest.mark.parametrize(
    ("variant", "image_shape", "mask_shape"),
    [
        ("padded", (8, 256, 256, 1), (8, 256, 256, 1)),
        ("paper", (1, 572, 572, 1), (1, 388, 388, 1)),
    ],
)
def test_sizes_are_those_of_the_variant(discs, variant, image_shape, mask_shape):
    folders = discs / "images", discs / "masks"
    stream = tiles.training_tiles(*folders, variant=variant)
    image, mask = stream.element_spec
    assert (image.shape, mask.shape) == (image_shape, mask_shape)


def test_the_seed_of_the_settings_counts(discs):
    config = TilesConfig(images=str(discs / "images"), masks=str(discs / "masks"))
    dataset = load_dataset(config)

    def first(**changes):
        settings = dataclasses.replace(config, seed=changes.pop("of_config", 0))
        stream = tiles.tile_stream(
            dataset, TileShape(32, 32), batch_size=2, config=settings, **changes
        )
        return next(iter(stream))[0].numpy()

    np.testing.assert_array_equal(first(of_config=5), first(seed=5))
    np.testing.assert_array_equal(first(of_config=5, seed=0), first())
    assert not np.array_equal(first(of_config=5), first())


@pytest.mark.parametrize("gigabytes", [0, 1])
def test_what_is_decoded_is_kept_where_it_is_told_to(discs, tmp_path, gigabytes):
    stream = tiles.training_tiles(
        str(discs / "images"),
        str(discs / "masks"),
        tile_size=32,
        cache_folder=str(tmp_path / "cache"),
        cache_gigabytes=gigabytes,
    )
    next(iter(stream))
    assert (tmp_path / "cache").exists() == (gigabytes > 0)


def test_a_setting_out_of_range_is_refused(discs):
    with pytest.raises(ValueError, match="rotation must be a number, 0 to 180"):
        tiles.training_tiles(
            str(discs / "images"), str(discs / "masks"), rotation=200.0
        )


def test_lists_of_files_and_arrays_are_told_what_is_taken():
    files = [f"images/{number}.png" for number in range(1000)]
    words = (
        r"images must name a file or folder, got \['images/0.png', .*'folder/\*.tif'"
    )
    with pytest.raises(ValueError, match=words) as error:
        tiles.training_tiles(files, "masks")
    assert len(str(error.value)) < 300
    with pytest.raises(
        ValueError, match="images must name a file or folder, got array"
    ):
        tiles.training_tiles(np.zeros((4, 32, 32, 1)), "masks")


@pytest.mark.parametrize(("variant", "mask_size"), [("padded", 64), ("paper", 4)])
def test_the_mask_tile_is_as_large_as_the_output_of_the_net(
    random_net, variant, mask_size
):
    size = {"padded": 64, "paper": geometry.least_input_size(2, "paper")}[variant]
    shape = tile_shape(size, 2, variant)
    assert shape == TileShape(size, mask_size)
    output = random_net(variant, 2)(np.zeros((1, size, size, 1), np.float32))
    assert output.shape[1:3] == (mask_size, mask_size)


def test_a_tile_that_the_net_does_not_take_is_refused():
    with pytest.raises(ValueError, match="tile_size=570 .* 556 and 572"):
        tile_shape(570, 4, "paper")
    with pytest.raises(ValueError, match="tile_size=30 .* 16 and 32"):
        tile_shape(30, 4, "padded")


def test_the_stream_of_a_sparsely_labelled_set_shows_labels_in_every_tile(make_dataset):
    def small_patch(number, rows, columns):
        classes = (rows // 5 + columns // 5) % 2
        labelled = (abs(rows - 300) < 20) & (abs(columns - 100 * number - 60) < 20)
        return np.where(labelled, classes, 255)

    dataset = make_dataset(
        (400, 400), (400, 400), class_of=small_patch, ignore_value=255
    )
    shape = TileShape(48, 48)

    def stream(**start):
        return tile_stream(dataset, shape, batch_size=1, config=WARPED, **start)

    found = tiles_of(stream(), 30)
    assert all(weight.max() == 1 for _, _, weight in found)
    assert {0, 1} == {int(value) for _, mask, _ in found for value in np.unique(mask)}
    # It can begin anywhere, as any stream.
    for whole, later in zip(found[20:], tiles_of(stream(start=20), 10), strict=True):
        for part, again in zip(whole, later, strict=True):
            np.testing.assert_array_equal(part, again)
