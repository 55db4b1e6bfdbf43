"""predict: from image files to mask files of the same sizes."""

import collections
import pathlib

import numpy as np
import tqdm

from pipelines import decision, run_folder, scaling
from pipelines.config import PredictConfig
from pipelines.images import (
    ArrayImage,
    find_images,
    match_channels,
    read_image,
    writing,
)
from pipelines.overlap_tile import Net


def predict(config: PredictConfig) -> list[pathlib.Path]:
    """Segments image files of any size and writes a mask for each.

    Masks are 0 and 255 up to two classes and class ids from three on; probabilities are
    uint16, 65535 for 1: P(foreground) up to two classes, one channel a class from three
    on. Outputs are STEM.png, or STEM.tif for TIFF files and for several channels.

    Returns:
        The files written.

    Raises:
        ValueError: an image or the run cannot be read, or channels do not fit; names
            the file. Images before it are done.
    """
    entries = find_images(config.images)
    run = run_folder.load(config.model)
    net = Net(run.model)
    as_tiff = config.output == "probability" and net.num_channels > 2
    paths = writing.output_paths(entries, config.out, always_tiff=as_tiff)
    pages: dict[pathlib.Path, list[np.ndarray]] = collections.defaultdict(list)
    progress = tqdm.tqdm(entries, "Segmenting", unit="image", disable=None)
    for number, entry in enumerate(progress):
        image = match_channels(read_image(entry), net.channels, entry.name)
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise ValueError(
                f"{entry.name}: holds NaN or infinite pixels, which would spread over "
                "the whole image. Replace them with finite values."
            )
        statistics = scaling.statistics_of(
            ArrayImage(image, entry.name), run.record.scaling
        )
        probability = net.probability(np.asarray(scaling.scale(image, *statistics)))
        pages[paths[number]].append(
            _output(probability, config.output, run.record.threshold)
        )
        last_page = number + 1 == len(paths) or paths[number + 1] != paths[number]
        if last_page:
            writing.write_pages(paths[number], pages.pop(paths[number]))
    return list(dict.fromkeys(paths))


def _output(
    probability: np.ndarray, output: str, threshold: float | None
) -> np.ndarray:
    if output == "mask":
        return np.asarray(decision.mask_from_probability(probability, threshold))
    if probability.shape[-1] <= 2:
        probability = probability[..., -1]
    return np.round(probability * 65535).astype(np.uint16)
