"""predict: from image files to mask files of the same sizes."""

import dataclasses
import pathlib

import numpy as np

from pipelines import run_folder
from pipelines.config import PredictConfig
from pipelines.config.byte_sizes import parse_bytes
from pipelines.files.appearing import settle
from pipelines.images import find_images
from pipelines.images.cache import file_state
from pipelines.inference import inference_net
from pipelines.overlap_tile import Net
from pipelines.prediction.allocator import return_freed_memory
from pipelines.prediction.file_prediction import FilePredictor
from pipelines.prediction.folder_prediction import FolderPrediction
from pipelines.prediction.image_prediction import ImagePredictor
from pipelines.prediction.memory_plan import MemoryModel
from pipelines.prediction.output_values import OutputValues
from pipelines.prediction.prediction_files import OutputFile, plan_files
from pipelines.prediction.replacing import ReplacementCheck
from pipelines.results.done_files import DoneFiles
from pipelines.results.file_failures import FilesError, summary
from pipelines.results.writing import check_writable

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
    values = _values(config, run)
    fits = values.channels == 1 and values.dtype in (np.uint8, np.uint16)
    files = plan_files(entries, config.out, config.format, fits and not config.pyramid)
    check_writable(files[0].path.parent)
    replacement = ReplacementCheck(run.path, run.record)
    # Before it is seen what is there.
    settle([file.path for file in files])
    for file in files:
        replacement.check(file.path)
    done = _done_files(config, run)
    results: dict[OutputFile, pathlib.Path] = {}
    if config.resume:
        found = {f: done.find(f.input, f.path, f.note) for f in files}
        results = {file: path for file, path in found.items() if path is not None}
    todo = [file for file in files if file not in results]
    if todo:
        predictor = _predictor(config, run, values)
        folder = FolderPrediction(
            files=FilePredictor(predictor, done, config.resume, config.pyramid),
            record=run.record,
            replacement=replacement,
            taken={file.path for file in files} | set(results.values()),
            results=results,
        )
        failures = folder.write(todo)
        if failures:
            of_images = [results[file] for file in files if file in results]
            raise FilesError(summary(failures, len(files)), of_images)
    return [results[file] for file in files]


def _values(config: PredictConfig, run: run_folder.Run) -> OutputValues:
    record = run.record
    return OutputValues(
        config.output,
        config.probability_dtype,
        run.model.output_shape[-1],
        record.threshold,
        record.object_threshold,
    )


def _done_files(config: PredictConfig, run: run_folder.Run) -> DoneFiles:
    model = [
        file_state(run.path / name) for name in (run_folder.MODEL, run_folder.RECORD)
    ]
    return DoneFiles([*model, *(getattr(config, name) for name in _SETTINGS)])


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
