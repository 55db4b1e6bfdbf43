"""A result is replaced by another, and the process is killed at each of its steps."""

import itertools
import os
import shutil
import types
import uuid

import numpy as np
import pytest
import tifffile

from pipelines.files import appearing
from pipelines.images import ImageEntry, open_image
from pipelines.overlap_tile import Net
from pipelines.prediction import file_prediction
from pipelines.prediction.file_prediction import FilePredictor, PreparedFile
from pipelines.prediction.image_prediction import ImagePredictor
from pipelines.prediction.memory_plan import MemoryModel
from pipelines.prediction.output_values import OutputValues
from pipelines.prediction.prediction_files import OutputFile
from pipelines.results.done_files import RECORD, DoneFiles


class Killed(BaseException):
    """Nothing of the process runs after it."""


@pytest.fixture
def kill(monkeypatch):
    """Lets this process die, as it were, before one of its changes of the disk."""
    left = None

    def watched(do):
        def step(*arguments, **settings):
            nonlocal left
            if left is not None:
                left -= 1
                if left < 0:
                    raise Killed
            return do(*arguments, **settings)

        return step

    # Only its own calls: zarr writes each chunk beside, too.
    steps = {name: watched(getattr(os, name)) for name in ("fsync", "replace")}
    monkeypatch.setattr(appearing, "os", types.SimpleNamespace(**vars(os) | steps))
    monkeypatch.setattr(appearing, "remove", watched(appearing.remove))
    monkeypatch.setattr(DoneFiles, "mark", watched(DoneFiles.mark))
    write = watched(file_prediction.write_windowed)
    monkeypatch.setattr(file_prediction, "write_windowed", write)

    def before(step):
        """Sets the step; None to begin as another process."""
        nonlocal left
        left = step
        if step is None:
            monkeypatch.setattr(appearing, "_TOKEN", uuid.uuid4().hex)

    return before


@pytest.fixture
def image(random, tmp_path):
    def write(kind):
        path = tmp_path / "image.tif"
        pixels = random.integers(0, 256, (12, 17), dtype=np.uint8)
        if kind != "geotiff":
            tifffile.imwrite(path, pixels)
            return ImageEntry(path)
        rasterio = pytest.importorskip("rasterio")
        about = {"driver": "GTiff", "height": 12, "width": 17, "count": 1}
        place = rasterio.Affine(0.5, 0, 500000, 0, -0.5, 5400000)
        with rasterio.open(
            path, "w", dtype="uint8", crs="EPSG:32633", transform=place, **about
        ) as dataset:
            dataset.write(pixels, 1)
        return ImageEntry(path)

    return write


@pytest.fixture(scope="module")
def net(random_net):
    return Net(random_net("padded", 1))


@pytest.fixture
def predict_to(net):
    """Writes a mask or probabilities of an image to a file."""

    def write(entry, path, output):
        predictor = ImagePredictor(
            net=net,
            values=OutputValues(output, "uint8", 1, 0.5),
            scaling="per_image",
            memory=MemoryModel(0, 2, 1, 1),
            budget=2 * 10**8,
            flips=False,
        )
        done = DoneFiles(output)
        file = OutputFile(path, (entry,), chosen=True)
        with open_image(entry) as image:
            layout = predictor.layout(image)
        prepared = PreparedFile(path, file, done.key(entry.path), layout, (1,), False)
        writer = FilePredictor(predictor, done, False, False)
        writer.write(prepared, lambda pixels: None)

    return write


def tree(path):
    """All bytes of a file or folder."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return {str(f.relative_to(path)): f.read_bytes() for f in files if f.is_file()}


KINDS = {"png": "a.png", "tiff": "a.tif", "geotiff": "a.tif", "zarr": "a.zarr"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_old_result_or_the_new_one_is_there_whole(
    kind, image, predict_to, kill, tmp_path
):
    entry, name = image(kind), KINDS[kind]
    whole = {}
    for output in ("mask", "probability"):
        predict_to(entry, tmp_path / output / name, output)
        whole[output] = tree(tmp_path / output / name)
    assert whole["mask"] != whole["probability"]
    seen = set()
    for step in itertools.count():
        folder = shutil.copytree(tmp_path / "mask", tmp_path / str(step))
        path = folder / name
        kill(step)
        try:
            predict_to(entry, path, "probability")
            break
        except Killed:
            kill(None)
        # As predict does at its start.
        appearing.settle([path])
        assert {file.name for file in folder.iterdir()} == {name, RECORD}
        found = tree(path)
        (is_of,) = [output for output, other in whole.items() if found == other]
        seen.add(is_of)
        for output in whole:
            is_done = DoneFiles(output).find(entry.path, path) is not None
            assert is_done <= (output == is_of)
    assert seen == {"mask", "probability"}
    # Writing, recording, flushing, a rename, what is left to remove.
    assert step >= (8 if kind == "zarr" else 5)
