"""predict: from image files to mask files of the same sizes."""

import contextlib
import dataclasses
import logging
import pathlib

import numpy as np
import tensorflow as tf
import tqdm

from pipelines import run_folder, scaling
from pipelines.config import PredictConfig
from pipelines.config.byte_sizes import parse_bytes
from pipelines.images import find_images, open_image
from pipelines.images.appearing import appearing
from pipelines.images.cache import file_state
from pipelines.images.done_files import DoneFiles
from pipelines.images.file_failures import FilesError, summary
from pipelines.images.layout import ImageLayout
from pipelines.images.windowed_writing import write_windowed
from pipelines.images.writing import check_writable
from pipelines.inference import inference_net
from pipelines.overlap_tile import Net
from pipelines.prediction.allocator import return_freed_memory
from pipelines.prediction.failures import (
    prediction_sentence,
    warn_of_no_data,
    warn_of_unplaced,
    warn_of_unsized,
)
from pipelines.prediction.image_prediction import ImagePredictor
from pipelines.prediction.kept_windows import KeptWindows
from pipelines.prediction.memory_plan import MemoryModel
from pipelines.prediction.output_values import OutputValues
from pipelines.prediction.prediction_files import OutputFile, plan_files
from pipelines.prediction.replacing import ReplacementCheck

logger = logging.getLogger(__name__)

# Settings that change what is written.
_SETTINGS = (
    "output",
    "probability_dtype",
    "flips",
    "precision",
    "pyramid",
    "smallest_object",
)


def predict(config: PredictConfig) -> list[pathlib.Path]:
    """Segments image files of any size and writes a mask for each.

    Masks are 0 and 255 up to two classes and class ids from three on; probabilities are
    uint16, 65535 for 1, unless set otherwise: P(foreground) up to two classes, one
    channel a class from three on; instances are numbered objects, uint32. Outputs are
    STEM.png, STEM.ome.zarr for Zarr, and STEM.tif for TIFF files, stacks and what PNG
    cannot hold, unless `format` says otherwise. A file that fails does not stop the
    others.

    Returns:
        The files that are done, in the order of the images.

    Raises:
        ValueError: the run cannot be read, or files would overwrite each other
            (nothing is written then).
        FilesError: some of the images failed, after all the others are done:
            names each with its reason; a ValueError that lists what is done.
    """
    entries = find_images(config.images, damaged=True)
    return_freed_memory()
    run = run_folder.load(config.model)
    # In the place of the model, which then takes no memory.
    run = dataclasses.replace(run, model=inference_net(run.model, config.precision))
    values = OutputValues(
        config.output,
        config.probability_dtype,
        run.model.output_shape[-1],
        run.record.threshold_of_objects
        if config.output == "instances"
        else run.record.threshold,
    )
    fits = values.channels == 1 and values.dtype in (np.uint8, np.uint16)
    files = plan_files(entries, config.out, config.format, fits and not config.pyramid)
    replacement = ReplacementCheck((f.input for f in files), run.path, run.record)
    for file in files:
        replacement.check(file.path)
    check_writable(files[0].path.parent)
    model_keys = [
        file_state(run.path / name) for name in (run_folder.MODEL, run_folder.RECORD)
    ]
    done = DoneFiles([*model_keys, *(getattr(config, name) for name in _SETTINGS)])
    results: dict[OutputFile, pathlib.Path] = {}
    if config.resume:
        found = {f: done.find(f.input, f.path, f.note) for f in files}
        results = {file: path for file, path in found.items() if path is not None}
    failures = _write_all(config, run, values, done, replacement, files, results)
    if failures:
        raise FilesError(
            summary(failures, len(files)), [results[f] for f in files if f in results]
        )
    return [results[file] for file in files]


def _write_all(
    config: PredictConfig,
    run: run_folder.Run,
    values: OutputValues,
    done: DoneFiles,
    replacement: ReplacementCheck,
    files: list[OutputFile],
    results: dict[OutputFile, pathlib.Path],
) -> list[str]:
    """Adds to `results` what was missing; returns what is said of failures."""
    todo = [file for file in files if file not in results]
    taken = {file.path for file in files} | set(results.values())
    failures: list[str] = []
    unplaced: list[OutputFile] = []
    unsized: list[OutputFile] = []
    doubted: set[str] = set()
    if not todo:
        return failures
    predictor = _predictor(config, run, values)
    with tqdm.tqdm(
        desc="Segmenting", total=0, unit="px", unit_scale=True, disable=None
    ) as progress:
        for file, num_pixels in _largest_first(todo, progress).items():
            try:
                key = done.key(file.input, file.note)
                with open_image(file.entries[0]) as image:
                    layout = predictor.layout(image)
                    is_placed = image.is_georeferenced
                    _doubt(run, image.dtype.name, doubted)
                fitting = file.fitting(layout, taken)
                if fitting is not file:
                    replacement.check(fitting.path)
                taken.add(fitting.path)
                num_bytes = num_pixels * layout.channels * layout.dtype.itemsize
                _write(
                    fitting, layout, num_bytes, key, predictor, done, config, progress
                )
                results[file] = fitting.path
                done.mark(file.path, key, results[file])
                if is_placed and not fitting.keeps_place(layout):
                    unplaced.append(fitting)
                if not fitting.keeps_size(layout):
                    unsized.append(fitting)
            except (ValueError, OSError, MemoryError, tf.errors.OpError) as error:
                logger.debug("Where it was found:", exc_info=True)
                failures.append(prediction_sentence(file, error))
                if len(files) > 1:
                    logger.warning("%s", failures[-1])
    warn_of_unplaced(unplaced)
    warn_of_unsized(unsized)
    warn_of_no_data(predictor.no_data)
    return failures


def _doubt(run: run_folder.Run, dtype: str, doubted: set[str]) -> None:
    """Warns once of each type of pixels that the run does not know."""
    record = run.record
    if dtype not in doubted:
        doubted.add(dtype)
        for doubt in scaling.doubts_of_types(
            record.scaling, record.pixel_types, [dtype]
        ):
            logger.warning("Warning: %s", doubt)


def _predictor(
    config: PredictConfig, run: run_folder.Run, values: OutputValues
) -> ImagePredictor:
    net = Net(run.model)
    memory = MemoryModel.of_warm(net)
    budget = memory.default_budget
    if config.memory is not None:
        budget = parse_bytes(config.memory, "memory")
    return ImagePredictor(
        net=net,
        values=values,
        scaling=run.record.scaling,
        memory=memory,
        budget=budget,
        flips=config.flips,
        smallest_object=config.smallest_object or run.record.smallest_object,
    )


def _write(
    file: OutputFile,
    layout: ImageLayout,
    num_bytes: int,
    key: str,
    predictor: ImagePredictor,
    done: DoneFiles,
    config: PredictConfig,
    progress: tqdm.tqdm,
) -> None:
    """Writes one file, which appears when it is whole."""
    num_images = len(file.entries)
    kept = KeptWindows(file.path, key, resume=config.resume, num_images=num_images)
    with (
        kept.removed_unless_of_use(),
        appearing(file.path) as partial,
        contextlib.closing(
            predictor.images(
                file.entries,
                progress.update,
                file.path.parent,
                kept,
                whole=file.suffix == ".png",
            )
        ) as images,
    ):
        write_windowed(
            partial,
            file.suffix,
            images,
            num_images=num_images,
            num_bytes=num_bytes,
            placed=layout.georeference is not None,
            pyramid=config.pyramid,
            ome=file.path.stem.lower().endswith(".ome"),
        )
        if done.key(file.input, file.note) != key:
            raise ValueError(
                f"{file.input}: the file has changed while it was read. Start again "
                "once nothing writes to it."
            )


def _largest_first(
    files: list[OutputFile], progress: tqdm.tqdm
) -> dict[OutputFile, int]:
    """Sorts by the size of the images; returns the pixels of each file's images.

    TensorFlow keeps memory that it once had: after a small tile a large one would take
    more than alone.
    """
    pixels: dict[OutputFile, list[int]] = {file: [0] for file in files}
    for file in files:
        # What cannot be opened is named when its turn comes.
        with contextlib.suppress(ValueError, OSError):
            for entry in file.entries:
                with open_image(entry) as image:
                    pixels[file].append(image.height * image.width)
    totals = {file: sum(pixels[file]) for file in files}
    progress.total = sum(totals.values())
    progress.refresh()
    return {f: totals[f] for f in sorted(files, key=lambda file: -max(pixels[file]))}
